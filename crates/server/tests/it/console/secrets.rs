//! A secret stands in the answer to the request that made it, and nowhere else, ever.

use super::browser::Browser;
use claviger_core::role::BuiltIn;

use crate::app::TestApp;

#[tokio::test]
async fn a_secret_is_shown_in_one_answer_and_a_repeated_form_makes_nothing() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys").with("name", "Once");
    let created = browser.submit(&form).await.expect(200);
    let (token, secret) = (created.text_of("#token"), created.text_of("#secret"));
    assert!(token.ends_with(&secret));
    assert_eq!(created.header("cache-control"), "no-store");
    assert!(
        !created.headers.iter().any(|(_, value)| value.to_str().is_ok_and(|it| it.contains(&secret))),
        "no header carries it"
    );

    let again = browser.submit(&form).await.expect(200);
    assert!(again.text_of("h1").contains("was created; its secret is not shown again"));
    let key_path = created.key_path();
    assert!(again.links().contains(&key_path), "the same key");
    let mut pages = vec![again];
    for path in [
        "/",
        "/settings/api-keys",
        "/o/root/keys?q=once",
        &key_path,
        &format!("{key_path}/edit"),
        &format!("{key_path}/rotate"),
        &format!("{key_path}/delete"),
    ] {
        pages.push(browser.open(path).await.expect(200));
    }
    for page in &pages {
        assert!(!page.text.contains(&secret), "{}", page.path);
    }
    assert_eq!(browser.open("/settings/api-keys").await.text.matches("Delete Once").count(), 1, "one key");
    assert!(!browser.cookies.values().any(|it| it.contains(&secret)));
}

#[tokio::test]
async fn where_policy_shows_a_secret_again_a_repeated_form_leads_to_it() {
    let app = TestApp::new().await;
    app.set_policy(app.root, r#"{"reveal": "owner"}"#).await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys").with("name", "Seen again");
    let created = browser.submit(&form).await.expect(200);
    let again = browser.submit(&form).await.expect(200);
    assert!(again.text_of(".lead").contains("press View"), "{}", again.text);
    assert!(!again.text_of(".buttons").contains("Rotate"), "nothing is lost that a rotation brings back");
    let view = format!("{}/view", created.key_path());
    assert!(again.links().contains(&view), "{:?}", again.links());
    let shown = browser.get(&view).await.form("/view");
    assert_eq!(browser.submit(&shown).await.expect(200).text_of("#token-1"), created.text_of("#token"));
}

// The answer to a press stands under the address that a reload asks for: where the press was.
#[tokio::test]
async fn a_reload_of_the_key_that_was_switched_on_stays_at_api_access() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let path = "/o/root/profile/api-access";
    for (question, action) in [(path.to_owned(), "/profile/api-access"), (format!("{path}/regenerate"), "/regenerate")]
    {
        let form = browser.get(&question).await.form(action);
        let shown = browser.submit(&form).await.expect(200);
        assert!(shown.text.contains(&format!("data-here=\"{path}\"")), "with scripts: {}", shown.text);
        let again = browser.submit(&form).await;
        let ways: Vec<_> = [again.header("location").to_owned()].into_iter().chain(again.links()).collect();
        assert!(ways.iter().any(|it| it == path), "without: {ways:?}");
    }
}

#[tokio::test]
async fn a_form_that_was_changed_and_sent_again_is_another_key() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys");
    let one = browser.submit(&form.clone().with("name", "One")).await.expect(200).text_of("#token");
    let two = browser.submit(&form.with("name", "Two")).await.expect(200).text_of("#token");
    assert_ne!(one, two);
    assert_eq!((app.verify_text(&one, &[]), app.verify_text(&two, &[])), (Ok(()), Ok(())));
}

#[tokio::test]
async fn a_repeated_rotation_gives_no_second_secret() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let created = browser.create_key("Turning").await;
    let key_path = created.key_path();
    let form = browser.get(&format!("{key_path}/rotate")).await.form("/rotate").with("overlap", "0");
    let token = browser.submit(&form).await.expect(200).text_of("#token");
    let again = browser.submit(&form).await.expect(200);
    assert!(again.text_of("h1").contains("was rotated; its new secret is not shown again"));
    assert_eq!(app.verify_text(&token, &[]), Ok(()), "the second sending did not rotate again");
}

#[tokio::test]
async fn a_refused_form_keeps_what_was_typed_and_makes_nothing() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys");
    let form =
        form.with("name", " ").with("description", "kept").with("expires", "date").with("expires_on", "2027-13-01");
    let page = browser.submit(&form).await.expect(422);
    assert_eq!(page.text_of("#summary h2"), "2 things to mend");
    let back = page.form("/keys");
    for (name, value) in [("description", "kept"), ("expires", "date"), ("expires_on", "2027-13-01")] {
        assert!(back.fields.contains(&(name.to_owned(), value.to_owned())), "{name}: {:?}", back.fields);
    }
    let created = browser.submit(&back.with("name", "Mended").with("expires_on", "2027-12-31")).await.expect(200);
    assert_eq!(app.verify_text(&created.text_of("#token"), &[]), Ok(()));
}

#[tokio::test]
async fn a_repeated_regeneration_leads_to_api_access() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/profile/api-access").await.form("/profile/api-access");
    browser.submit(&form).await.expect(200);
    let form = browser.get("/o/root/profile/api-access/regenerate").await.form("/regenerate");
    let token = browser.submit(&form).await.expect(200).text_of("#token");
    let again = browser.submit(&form).await.expect(200);
    assert!(again.text_of("h1").contains("was regenerated; its new secret is not shown again"));
    assert!(again.text_of(".buttons").contains("API Access"));
    assert_eq!(app.verify_text(&token, &[]), Ok(()));
}

// Whoever pastes a list mends all of it in one go.
#[tokio::test]
async fn a_field_of_lines_names_all_that_are_wrong() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys").with("name", "Lines");
    let form = form.with("allowed_ips", "10.0.0.0/8\n300.1.1.1\n192.0.2.1\nhere").with("scopes", "contacts:read\nx\ny");
    let page = browser.submit(&form).await.expect(422);
    let ips = page.text_of("#allowed_ips-error");
    assert!(ips.contains("`300.1.1.1` is neither") && ips.contains("So it is with `here`."), "{ips}");
    assert!(!ips.contains("192.0.2.1") && !ips.contains("10.0.0.0"), "{ips}");
    assert!(page.text_of("#scopes-error").contains("So it is with `y`."));
}

// A member has a key of their own and may not rotate it: a reload of the page that showed it offers what they may do.
#[tokio::test]
async fn a_repeated_form_offers_a_rotation_only_to_who_may_rotate() {
    let app = TestApp::new().await;
    let (_, user_id, _) = app.member(app.root, "Mia", BuiltIn::Member).await;
    app.allow_members_keys(app.root, true).await;
    let mut browser = Browser::of_user(&app, user_id).await;
    let form = browser.get("/o/root/keys/new").await.expect(200).form("/keys").with("name", "Mine");
    let created = browser.submit(&form).await.expect(200);
    let path = created.key_path();
    assert!(browser.submit(&form).await.expect(200).links().contains(&format!("{path}/rotate")));
    app.allow_members_keys(app.root, false).await;
    let again = browser.submit(&form).await;
    assert!(!again.links().contains(&format!("{path}/rotate")), "{}", again.text);
}

// A day that is over is found with whatever else is wrong, and one fault is one thing to mend.
#[tokio::test]
async fn a_form_tells_all_that_is_wrong_with_it_at_once_and_each_thing_once() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let form = browser.get("/o/root/keys/new").await.form("/keys");
    let past = form.clone().with("name", "").with("expires", "date").with("expires_on", "2026-12-31");
    let page = browser.submit(&past).await.expect(422);
    assert_eq!(page.text_of("#summary h2"), "2 things to mend");
    assert_eq!(page.text_of("#expires_on-error"), "This day is over. Enter today or a later one.");
    let today = form.clone().with("name", "Today").with("expires", "date").with("expires_on", "2027-01-01");
    browser.submit(&today).await.expect(200);

    app.set_policy(app.root, r#"{"max_keys_per_user": 1}"#).await;
    let more = browser.get("/o/root/keys/new").await.form("/keys").with("name", "One more");
    let page = browser.submit(&more).await.expect(422);
    assert!(page.text_of("#summary h2").starts_with("One thing") || page.text_of("#summary h2").starts_with("1 thing"));
    assert!(page.text_of("#owner-error").contains("Choose “Nobody” here"), "{}", page.text);
}
