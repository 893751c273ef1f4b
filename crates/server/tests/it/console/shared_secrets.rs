//! The pages of the shared secret: an overlap that is ended or extended, and the sign-in bundle.

use claviger::ops::events::{EventFilter, list_events};
use claviger::ops::keys::Overlap;
use claviger::ops::page::PageRequest;
use claviger::ops::shared_secrets::{create_shared_secret, rotate_shared_secret};
use claviger_core::event::EventKind;
use claviger_core::role::BuiltIn;
use serde_json::Value;

use super::browser::{Browser, selector};
use crate::app::{ADMIN_PASSWORD, DAY, TestApp};

const PAGE: &str = "/o/root/shared-secret";

async fn rotated(app: &TestApp) {
    create_shared_secret(&app.app, &app.admin, app.root, None).await.unwrap();
    rotate_shared_secret(&app.app, &app.admin, app.root, Overlap::For(DAY), None).await.unwrap();
}

async fn looks(app: &TestApp) -> usize {
    let filter = EventFilter { kind: Some(EventKind::SharedSecretRevealed), ..EventFilter::default() };
    list_events(&app.app, &app.admin, app.root, &filter, PageRequest::default()).await.unwrap().items.len()
}

fn link_to(page: &super::browser::Page, part: &str) -> String {
    page.links().into_iter().find(|it| it.contains(part)).unwrap_or_else(|| panic!("no {part} in {}", page.text))
}

#[tokio::test]
async fn an_old_shared_secret_is_extended_and_ended_on_its_page() {
    let app = TestApp::new().await;
    rotated(&app).await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get(PAGE).await.expect(200);
    let question = browser.get(&link_to(&page, "/shared-secret/extend?")).await.expect(200);
    let ends: Vec<_> =
        question.html().select(&selector("[name=until]")).map(|it| it.attr("value").unwrap().to_owned()).collect();
    assert_eq!(ends, ["2027-01-03T00:00:00Z", "2027-01-09T00:00:00Z", "2027-01-31T00:00:00Z"]);
    let none = browser.submit(&question.form("/extend").with("until", "")).await.expect(422);
    assert!(none.text_of("#until-error").contains("Choose when"));
    let late = browser.submit(&question.form("/extend").with("until", "2027-02-01T00:00:00Z")).await.expect(422);
    assert!(late.text_of("#until-error").contains("at most 720 hours"), "{}", late.text_of("#until-error"));
    let done = browser.submit(&question.form("/extend").with("until", &ends[2])).await.expect(303);
    let page = browser.follow(done).await.expect(200);
    assert!(page.text_of(".banner").contains("accepted for longer"));
    assert!(page.text_of("main").contains("2027-01-31"), "{}", page.text_of("main"));
    assert!(!page.links().iter().any(|it| it.contains("/shared-secret/extend")), "it can be no longer");

    // It stops programs that sign with it: only who proves who they are ends it.
    app.clock.advance(DAY / 2);
    let question = browser.get(&link_to(&page, "/shared-secret/end?")).await.expect(200);
    browser.submit(&question.form("/end")).await.expect(422);
    let done = browser.submit(&question.form("/end").with("confirm", ADMIN_PASSWORD)).await.expect(303);
    let page = browser.follow(done).await.expect(200);
    assert!(page.text_of(".banner").contains("has ended"));
    assert!(!page.text.contains("Old one accepted"));
    let again = browser.submit(&question.form("/end")).await;
    assert_eq!(again.status, 409, "{}", again.text);
}

// The page behind it shows a secret that works.
#[tokio::test]
async fn a_rotation_of_the_shared_secret_is_confirmed_after_a_while() {
    let app = TestApp::new().await;
    let first = create_shared_secret(&app.app, &app.admin, app.root, None).await.unwrap().fresh().unwrap();
    let mut browser = Browser::signed_in(&app).await;
    let path = format!("{PAGE}/rotate");
    let question = browser.get(&path).await.expect(200);
    assert_eq!(question.html().select(&selector("#confirm")).count(), 0, "signed in just now");

    app.clock.advance(DAY / 2);
    let question = browser.get(&path).await.expect(200);
    let form = question.form("/rotate").with("overlap", "3600");
    for password in ["", "not it"] {
        let asked = browser.submit(&form.clone().with("confirm", password)).await.expect(422);
        assert_eq!(asked.html().select(&selector("#confirm-error")).count(), 1);
        assert_eq!(asked.html().select(&selector("[value='3600'][checked]")).count(), 1, "what was chosen stays");
        assert_eq!(asked.html().select(&selector("#shared-secret")).count(), 0);
    }
    let shown = browser.submit(&form.with("confirm", ADMIN_PASSWORD)).await.expect(200).text_of("#shared-secret");
    assert!(shown.starts_with("css_") && shown != first.token.expose(), "{shown}");
}

#[tokio::test]
async fn who_may_not_rotate_is_offered_neither_end_nor_extension() {
    let app = TestApp::new().await;
    rotated(&app).await;
    let (_, reader, _) = app.member(app.root, "Rita", BuiltIn::Readonly).await;
    let mut browser = Browser::of_user(&app, reader).await;
    let page = browser.get(PAGE).await.expect(200);
    assert!(page.text.contains("Old one accepted") && !page.text.contains("End now"), "{}", page.text);
    for step in ["end", "extend"] {
        browser.get(&format!("{PAGE}/{step}")).await.expect(403);
    }
}

// A3.2: an audit that is full of looks which nobody took hides those that somebody did.
#[tokio::test]
async fn the_sign_in_bundle_is_shown_on_request_and_only_then_audited() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    assert!(!browser.create_key("Before").await.text.contains("sign-in bundle"), "there is no shared secret");
    let made = create_shared_secret(&app.app, &app.admin, app.root, None).await.unwrap().fresh().unwrap();
    let created = browser.create_key("CI").await;
    let token = created.text_of("#token");
    assert_eq!((created.html().select(&selector("#bundle")).count(), looks(&app).await), (0, 0));
    let ask = created.form("/bundle");
    let answer = browser.submit(&ask).await.expect(200);
    let line = data_encoding::BASE64.decode(answer.text_of("#bundle").as_bytes()).unwrap();
    let line: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!((line["appkey"].as_str(), line["appname"].as_str()), (Some(token.as_str()), Some("CI")));
    assert_eq!((line["sharedsecret"].as_str(), line["shortname"].as_str()), (Some(made.token.expose()), Some("root")));
    assert_eq!(looks(&app).await, 1);
    assert!(!answer.text.contains(&token), "it stands in the line, and by itself on the page before");
    // Shown once: the key's own page, which a reload leads to, has neither, and the list says that nobody called yet.
    let page = browser.get(&created.key_path()).await.expect(200);
    assert_eq!(page.html().select(&selector("#bundle")).count(), 0);
    assert!(!page.text.contains(&token) && !page.text.contains(made.token.expose()));
    assert!(browser.get("/o/root/keys?q=CI").await.expect(200).text_of("[data-label='Last Login']").contains("Never"));

    // With another token it would only fail where it is used.
    let other = browser.create_key("Other").await.text_of("#token");
    for wrong in [other.as_str(), "", "ck_x"] {
        browser.submit(&ask.clone().with("token", wrong)).await.expect(400);
    }
    assert_eq!(looks(&app).await, 1);

    // Whoever signed in a while ago says again who they are.
    app.clock.advance(DAY / 2);
    let asked = browser.submit(&ask).await.expect(200);
    assert_eq!(asked.html().select(&selector("#bundle, .secret")).count(), 0);
    let wrong = browser.submit(&asked.form("/bundle").with("confirm", "not it")).await.expect(422);
    let form = wrong.form("/bundle").with("confirm", ADMIN_PASSWORD);
    assert!(!browser.submit(&form).await.expect(200).text_of("#bundle").is_empty());
    assert_eq!(looks(&app).await, 2);

    // Who may not look at the shared secret is not offered the line.
    let (_, user_id, _) = app.member(app.root, "Mia", BuiltIn::Member).await;
    app.allow_members_keys(app.root, true).await;
    let mut member = Browser::of_user(&app, user_id).await;
    let form = member.get("/o/root/keys/new").await.form("/keys").with("name", "Mine");
    let mine = member.submit(&form).await.expect(200);
    assert!(!mine.text.contains("/bundle"));
    let forged = super::browser::Form {
        action: format!("{}/bundle", mine.key_path()),
        ..ask.with("token", &mine.text_of("#token"))
    };
    member.submit(&forged).await.expect(403);
    assert_eq!(looks(&app).await, 2);
}
