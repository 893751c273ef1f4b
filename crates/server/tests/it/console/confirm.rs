//! Who ends a key that is in use some time after signing in says once more who they are.

use std::time::Duration;

use claviger::ops::keys::NewKey;
use claviger::ops::shared_secrets::{create_shared_secret, delete_shared_secret};
use claviger_core::role::BuiltIn;

use super::browser::{Browser, Form};
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, DAY, TestApp, new_key};

const MINUTE: Duration = Duration::from_secs(60);

/// A key that was used just now, and the path of its page.
async fn key_in_use(app: &TestApp, browser: &mut Browser<'_>) -> (String, String) {
    let created = browser.create_key("In use").await;
    let (token, path) = (created.text_of("#token"), created.key_path());
    assert_eq!(app.verify_text(&token, &[]), Ok(()));
    assert_eq!(app.http.get(app.url("/api/v1/me")).bearer_auth(&token).send().await.unwrap().status(), 200);
    app.app.uses().flush().await.unwrap();
    (token, path)
}

// Assurance S13: with another session from then on.
#[tokio::test]
async fn a_key_in_use_is_deleted_by_whoever_still_knows_the_password_and_the_session_is_renewed() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (token, path) = key_in_use(&app, &mut browser).await;
    assert!(
        !browser.get(&format!("{path}/delete")).await.expect(200).text.contains("id=\"confirm\""),
        "signed in just now"
    );
    app.clock.advance(10 * MINUTE);
    let question = browser.get(&format!("{path}/delete")).await.expect(200);
    assert!(question.text.contains("id=\"confirm\""), "{}", question.text);
    let form = question.form("/delete");
    for (typed, said) in [("", "Enter your password."), ("a guess", "This is not your password.")] {
        let answer = browser.submit(&form.clone().with("confirm", typed)).await.expect(422);
        assert_eq!(answer.text_of("#confirm-error"), said);
        assert!(!answer.text.contains("a guess"), "no password comes back in a page");
        assert_eq!(app.verify_text(&token, &[]), Ok(()));
    }
    let before = browser.cookies["sid"].clone();
    let answer = browser.submit(&form.with("confirm", ADMIN_PASSWORD)).await.expect(303);
    assert_eq!(app.verify_text(&token, &[]), Err("revoked"));
    assert!(browser.follow(answer).await.expect(200).text_of(".banner").contains("deleted"));
    assert_ne!(browser.cookies["sid"], before, "a new token");
    // Whoever had the old one is out, and for ten minutes nobody is asked again.
    let mut thief = Browser::new(&app);
    thief.cookies.insert("sid".to_owned(), before);
    thief.get("/o/root/keys").await.expect(303);
    let (_, path) = key_in_use(&app, &mut browser).await;
    assert!(!browser.get(&format!("{path}/delete")).await.text.contains("id=\"confirm\""));
}

#[tokio::test]
async fn a_use_that_nothing_has_written_down_yet_is_told_and_asked_about() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let created = browser.create_key("In use").await;
    let (token, path) = (created.text_of("#token"), created.key_path());
    app.clock.advance(10 * MINUTE);
    let before = browser.get(&format!("{path}/delete")).await.expect(200);
    assert!(before.text_of(".ask").contains("It was never used.") && !before.text.contains("id=\"confirm\""));
    assert_eq!(app.http.get(app.url("/api/v1/me")).bearer_auth(&token).send().await.unwrap().status(), 200);
    let question = browser.get(&format!("{path}/delete")).await.expect(200);
    let asked = question.text_of(".ask");
    assert!(asked.contains("It was last used on") && asked.contains("from 127.0.0.1"), "{asked}");
    assert!(question.text.contains("id=\"confirm\""), "what is in use is not ended by a press alone");
    browser.submit(&question.form("/delete")).await.expect(422);
    let id = path.rsplit_once('/').unwrap().1;
    let several = browser.get(&format!("/o/root/keys/bulk/delete?key={id}")).await.expect(200);
    assert!(several.text.contains("id=\"confirm\""));
}

#[tokio::test]
async fn nobody_is_asked_about_a_key_that_is_not_in_use() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (token, path) = key_in_use(&app, &mut browser).await;
    app.clock.advance(DAY);
    browser.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(303);
    app.clock.advance(10 * MINUTE);
    let question = browser.get(&format!("{path}/delete")).await.expect(200);
    assert!(!question.text.contains("id=\"confirm\""));
    browser.submit(&question.form("/delete")).await.expect(303);
    assert_eq!(app.verify_text(&token, &[]), Err("revoked"));
}

#[tokio::test]
async fn deleting_several_keys_asks_too_where_one_of_them_is_in_use() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (token, path) = key_in_use(&app, &mut browser).await;
    let unused = browser.create_key("Unused").await.key_path();
    app.clock.advance(10 * MINUTE);
    let ids = [&path, &unused].map(|it| it.rsplit_once('/').unwrap().1.to_owned());
    let question = browser.get(&format!("/o/root/keys/bulk/delete?key={}&key={}", ids[0], ids[1])).await.expect(200);
    let form = question.form("/bulk/delete").with("count", "2");
    let answer = browser.submit(&form).await.expect(422);
    assert_eq!(answer.text_of("#confirm-error"), "Enter your password.");
    let answer = browser.submit(&form.clone().with("confirm", "a guess")).await.expect(422);
    assert!(!answer.text.contains("a guess"), "no password comes back in a page");
    assert_eq!(app.verify_text(&token, &[]), Ok(()));
    let answer = browser.submit(&answer.form("/bulk/delete").with("confirm", ADMIN_PASSWORD)).await.expect(303);
    assert_eq!(app.verify_text(&token, &[]), Err("revoked"));
    assert!(browser.follow(answer).await.expect(200).text_of(".banner").contains("deleted"));

    // What nobody uses is deleted without.
    let unused = browser.create_key("Unused, too").await.key_path();
    app.clock.advance(10 * MINUTE);
    let id = unused.rsplit_once('/').unwrap().1;
    let question = browser.get(&format!("/o/root/keys/bulk/delete?key={id}")).await.expect(200);
    assert!(!question.text.contains("id=\"confirm\""));
    browser.submit(&question.form("/bulk/delete").with("count", "1")).await.expect(303);
}

#[tokio::test]
async fn who_may_not_delete_a_key_is_not_asked_for_the_password_and_stays_signed_in() {
    let app = TestApp::new().await;
    let (_, user_id, _) = app.member(app.root, "Member", BuiltIn::Member).await;
    let new = NewKey { mapped_user_id: Some(Some(user_id)), ..new_key("Made for them") };
    let created = app.create_key(&app.admin, app.root, new).await.unwrap();
    let token = created.token.expose();
    assert_eq!(app.http.get(app.url("/api/v1/me")).bearer_auth(token).send().await.unwrap().status(), 200);
    app.app.uses().flush().await.unwrap();
    let mut browser = Browser::of_user(&app, user_id).await;
    app.clock.advance(10 * MINUTE);
    let path = format!("/o/root/keys/{}/delete", created.info.key.id);
    browser.get(&path).await.expect(403);
    let form = Form { method: "post".to_owned(), action: path, fields: Vec::new() };
    let before = browser.cookies["sid"].clone();
    browser.submit(&form.with("confirm", "a password")).await.expect(403);
    assert_eq!(browser.cookies["sid"], before);
    browser.get("/o/root/keys").await.expect(200);
    assert_eq!(app.verify_text(token, &[]), Ok(()));
}

#[tokio::test]
async fn guesses_run_out_as_they_do_at_the_door() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let (token, path) = key_in_use(&app, &mut browser).await;
    app.clock.advance(10 * MINUTE);
    let form = browser.get(&format!("{path}/delete")).await.form("/delete").with("confirm", "a guess");
    let mut tries = 0;
    while browser.submit(&form).await.status == 422 {
        tries += 1;
        assert!(tries < 30, "tries never run out");
    }
    assert!(!browser.submit(&form).await.expect(429).header("retry-after").is_empty());
    assert_eq!(app.verify_text(&token, &[]), Ok(()));
}

// What is cleared in API Management and is in use is asked about the same way.
#[tokio::test]
async fn clearing_a_key_in_use_asks_too() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let answer = browser.get("/o/root/profile/api-access").await.expect(200);
    let created = browser.submit(&answer.form("/profile/api-access")).await.expect(200);
    let token = created.text_of("#token");
    assert_eq!(app.http.get(app.url("/api/v1/me")).bearer_auth(&token).send().await.unwrap().status(), 200);
    app.app.uses().flush().await.unwrap();
    app.clock.advance(10 * MINUTE);
    let list = browser.get("/o/root/security/api-management").await.expect(200);
    let holder = list.links().into_iter().find(|it| it.contains("/api-management/usr_")).unwrap();
    let form = browser.get(&format!("{holder}/clear")).await.expect(200).form("/clear");
    browser.submit(&form).await.expect(422);
    assert_eq!(app.verify_text(&token, &[]), Ok(()));
    browser.submit(&form.with("confirm", ADMIN_PASSWORD)).await.expect(303);
    assert_eq!(app.verify_text(&token, &[]), Err("revoked"));
}

// Whichever way a handler ends after it: what the reader came with is gone by then.
#[tokio::test]
async fn who_has_confirmed_stays_signed_in_where_the_change_fails_afterwards() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    create_shared_secret(&app.app, &app.admin, app.root, None).await.unwrap();
    app.clock.advance(10 * MINUTE);
    let form = browser.get("/o/root/shared-secret/delete").await.expect(200).form("/delete");
    delete_shared_secret(&app.app, &app.admin, app.root).await.unwrap();
    let before = browser.cookies["sid"].clone();
    let answer = browser.submit(&form.with("confirm", ADMIN_PASSWORD)).await.expect(404);
    assert_ne!(browser.cookies["sid"], before, "a new token");
    assert!(answer.text.contains("Sign out"), "the page of the failure knows who is there");
    browser.get("/o/root/keys").await.expect(200);
}
