//! A form that is sent after the session has ended: nothing is done, nothing that was typed is lost, and no other site can begin it.

use claviger_core::role::BuiltIn;
use reqwest::Method;

use super::browser::{Browser, Page, selector};
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, DAY, TestApp};

async fn sign_in(browser: &mut Browser<'_>, page: &Page, password: &str) -> Page {
    let form = page.form("/sign-in").with("email", ADMIN_EMAIL).with("password", password);
    browser.submit(&form).await
}

#[tokio::test]
async fn what_was_typed_is_shown_after_signing_in_and_sent_when_its_reader_says_so() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys");
    let form = form.with("name", "CI & deploy").with("description", "Typed at length");
    app.clock.advance(DAY);
    let page = browser.submit(&form).await.expect(401);
    assert!(page.text_of("aside, .aside").contains("nothing was changed"), "{}", page.text);
    let page = sign_in(&mut browser, &page, "a guess").await.expect(422);
    let page = sign_in(&mut browser, &page, ADMIN_PASSWORD).await.expect(200);
    assert_eq!(page.text_of("h1"), "Send it now?");
    assert!(page.text_of(".lead").contains(ADMIN_EMAIL), "who sends it");
    let shown = page.text_of(".facts");
    assert!(shown.contains("CI & deploy") && shown.contains("Typed at length") && !shown.contains("once"), "{shown}");
    assert!(page.links().contains(&"/o/root/keys/new".to_owned()), "or to begin anew");
    assert!(!browser.get("/o/root/keys").await.expect(200).text.contains("CI &"), "nothing was done so far");
    let made = browser.submit(&page.form("/keys")).await.expect(200);
    assert!(made.text_of("h1").contains("CI & deploy"));
    assert_eq!(app.verify_text(&made.text_of("#token"), &[]), Ok(()));
    let again = browser.submit(&page.form("/keys")).await.expect(200);
    assert_eq!(again.html().select(&selector("#token")).count(), 0, "twice is once");
}

// Whoever looks before sending reads what they know: the form's labels, names, and what would be done.
#[tokio::test]
async fn what_goes_along_is_shown_in_the_words_of_its_form_and_with_names() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let edit = format!("{}/edit", browser.create_key("CI").await.key_path());
    let form = browser.get(&edit).await.form("/edit").with("description", "Deploys").with("expires", "date");
    let (_, ann, _) = app.member(app.root, "Ann", BuiltIn::Readonly).await;
    let form = form.with("expires_on", "2027-02-20").with("mapped_user", &ann.to_string());
    app.clock.advance(DAY);
    let page = browser.submit(&form).await.expect(401);
    let page = sign_in(&mut browser, &page, ADMIN_PASSWORD).await.expect(200);
    assert_eq!(page.text_of("h2"), "Change the key “CI”");
    let html = page.html();
    let rows: Vec<String> = html
        .select(&selector(".facts > div"))
        .map(|it| it.text().collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for row in ["Name CI", "Description Deploys", "Role READONLY", "Last day 20 Feb 2027", "Mapped user Ann"] {
        assert!(rows.iter().any(|it| it == row), "{row}: {rows:?}");
    }
    let seen = page.text_of("main");
    for id in ["key_", "rol_", "usr_", "mapped_user", "expires_on"] {
        assert!(!seen.contains(id), "{id}: {seen}");
    }
    drop(html);
    browser.submit(&page.form("/edit")).await.expect(303);
    assert!(browser.get(&edit).await.text.contains("Deploys"));

    let id = edit.strip_suffix("/edit").and_then(|it| it.rsplit('/').next()).unwrap();
    let asked = browser.get(&format!("/o/root/keys/bulk/delete?key={id}")).await.expect(200);
    app.clock.advance(DAY);
    let page = browser.submit(&asked.form("/bulk/delete").with("count", "1")).await.expect(401);
    let page = sign_in(&mut browser, &page, ADMIN_PASSWORD).await.expect(200);
    assert_eq!(page.text_of("h2"), "Delete 1 key");
    assert!(page.text_of(".facts").contains("CI"), "{}", page.text_of(".facts"));
}

#[tokio::test]
async fn a_button_leads_back_to_its_page_which_says_that_nothing_was_done() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let created = browser.create_key("CI").await;
    let (token, path) = (created.text_of("#token"), created.key_path());
    let page = browser.get(&path).await;
    let deactivate = page.form("/deactivate");
    let delete = browser.get(&format!("{path}/delete")).await.form("/delete").with("confirm", "hunter2 secret");
    for (form, leads_to) in [(deactivate, path.clone()), (delete, format!("{path}/delete"))] {
        app.clock.advance(DAY);
        let answer = browser.submit(&form).await.expect(303);
        let page = browser.follow(answer).await.expect(200);
        assert!(!page.text.contains("hunter2"), "no password goes along");
        let answer = sign_in(&mut browser, &page, ADMIN_PASSWORD).await.expect(303);
        assert_eq!(answer.header("location"), leads_to);
        let page = browser.follow(answer).await.expect(200);
        assert!(page.text_of("main [role=status]").contains("nothing was changed"), "{}", page.text);
        assert_eq!(app.verify_text(&token, &[]), Ok(()));
    }
}

// Assurance S13: whatever another site sends is refused before it could go along, to the form and to the sign-in alike.
#[tokio::test]
async fn no_other_site_puts_a_form_into_the_way_of_whoever_signs_in() {
    let app = TestApp::new().await;
    let mut browser = Browser::new(&app);
    let typed = [("name", "Planted")];
    for path in ["/o/root/keys", "/sign-in"] {
        let request = browser.request(Method::POST, path).header("sec-fetch-site", "cross-site").form(&typed);
        let page = browser.send(path, request).await.expect(403);
        assert!(!page.text.contains("kept"), "{path}");
    }
    // What does not lead to a form of the console is dropped.
    let form =
        browser.get("/sign-in").await.form("/sign-in").with("email", ADMIN_EMAIL).with("password", ADMIN_PASSWORD);
    let form = form.with("action", "https://evil.example/").with("kept", "bmFtZT14");
    browser.submit(&form).await.expect(303);
}

#[tokio::test]
async fn a_page_that_answers_a_form_offers_nothing_that_would_lose_what_it_shows() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let created = browser.create_key("CI").await;
    assert!(!created.text.contains("action=\"/preferences\""), "the secret is on this page alone");
    assert_eq!(
        created.html().select(&selector("#secret[data-once]")).count(),
        1,
        "and its reader is asked before leaving"
    );
    let form = browser.get("/o/root/keys/new").await.form("/keys").with("name", "");
    let refused = browser.submit(&form).await.expect(422);
    assert!(!refused.text.contains("action=\"/preferences\""), "what was typed is");
    assert!(browser.get("/o/root/keys").await.text.contains("action=\"/preferences\""));
}
