//! The own account: sessions are seen and ended, and the password is changed by whoever knows the present one.

use super::browser::{Browser, selector};
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, TestApp};

#[tokio::test]
async fn somebody_sees_where_they_are_signed_in_and_ends_one_session_or_all_others() {
    let app = TestApp::new().await;
    let mut here = Browser::signed_in(&app).await;
    let mut there = Browser::signed_in(&app).await;
    let home = here.open("/").await.expect(200);
    assert!(home.links().contains(&"/o/root/sessions".to_owned()), "the profile leads there");
    let page = here.get("/o/root/sessions").await.expect(200);
    let rows = page.html().select(&selector("tbody tr")).count();
    assert_eq!(rows, 3, "the set-up link's, this one and the other");
    assert!(page.text_of("tbody tr").contains("this one"), "{}", page.text);
    assert_eq!(page.text_of("td[data-label='Signed in from']"), "127.0.0.1");
    let forms = page.html().select(&selector("form[action$='/end']")).count();
    assert_eq!(forms, 2, "this one is ended in the menu");

    let form = page.form("/end");
    let answer = here.submit(&form).await.expect(303);
    assert!(here.follow(answer).await.text_of(".banner").contains("Signed out there"));
    here.submit(&form).await.expect(303);
    let mut form = page.form("/end-others");
    let answer = here.submit(&form).await.expect(303);
    assert_eq!(here.follow(answer).await.html().select(&selector("tbody tr")).count(), 1);
    there.get("/o/root/keys").await.expect(303);
    here.get("/o/root/keys").await.expect(200);
    form.action = "/o/root/sessions/nonsense/end".to_owned();
    here.submit(&form).await.expect(404);
}

#[tokio::test]
async fn nobody_ends_the_session_of_somebody_else() {
    let app = TestApp::new().await;
    let mut admin = Browser::signed_in(&app).await;
    let (_, user_id, _) = app.member(app.root, "Ann", claviger_core::role::BuiltIn::Member).await;
    let mut browser = Browser::of_user(&app, user_id).await;
    let mut form = admin.get("/o/root/sessions").await.form("/end");
    assert!(form.action.contains("/sessions/ses_"), "{}", form.action);
    browser.submit(&form).await.expect(303);
    assert_eq!(
        admin.get("/o/root/sessions").await.html().select(&selector("tbody tr")).count(),
        2,
        "all are still there"
    );
    form.action = "/o/root/sessions/end-others".to_owned();
    browser.submit(&form).await.expect(303);
    admin.get("/o/root/keys").await.expect(200);
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_the_present_one_and_ends_the_other_sessions() {
    let app = TestApp::new().await;
    let mut here = Browser::signed_in(&app).await;
    let mut there = Browser::signed_in(&app).await;
    let form = here.get("/o/root/password").await.expect(200).form("/password");
    let form = form.with("present", "not the password").with("password", "a wholly new one");
    assert!(here.submit(&form).await.expect(422).text_of("#present-error").contains("not your present password"));
    there.get("/o/root/keys").await.expect(200);
    let form = form.with("present", ADMIN_PASSWORD);
    let short = here.submit(&form.clone().with("password", "short")).await.expect(422);
    assert!(short.text_of("#password-error").contains("at least 12 characters"));
    assert!(!short.text.contains(ADMIN_PASSWORD), "no password comes back in a page");
    let answer = here.submit(&form).await.expect(303);
    assert!(here.follow(answer).await.text_of(".banner").contains("Your password is changed"));
    here.get("/o/root/keys").await.expect(200);
    there.get("/o/root/keys").await.expect(303);
    there.sign_in(ADMIN_EMAIL, ADMIN_PASSWORD).await.expect(422);
    there.sign_in(ADMIN_EMAIL, "a wholly new one").await.expect(303);
}

#[tokio::test]
async fn guesses_at_the_present_password_run_out() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/password").await.form("/password");
    let form = form.with("present", "a guess").with("password", "a wholly new one");
    let mut tries = 0;
    while browser.submit(&form).await.status == 422 {
        tries += 1;
        assert!(tries < 30, "tries never run out");
    }
    assert!(!browser.submit(&form).await.expect(429).header("retry-after").is_empty());
}
