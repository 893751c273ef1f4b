//! The pages of webhooks, as those see them who have all of them, some, or none.

use claviger::ops::caller::Caller;
use claviger::ops::events::list_events;
use claviger::ops::keys::{Toggled, put_personal_key};
use claviger::ops::notifications::read_log;
use claviger::ops::page::PageRequest;
use claviger::ops::roles::{NewRole, create_role};
use claviger::ops::users::{NewUser, create_user};
use claviger::ops::webhooks::{delete_webhook, get_webhook};
use claviger_core::event::EventKind;
use claviger_core::id::UserId;
use claviger_core::name::Description;
use claviger_core::role::BuiltIn;
use claviger_core::secret::Token;
use claviger_store::log::EventFilter;
use serde_json::json;

use super::browser::{Browser, selector};
use crate::app::{TestApp, name, new_key, permissions};
use crate::webhooks::receiver::{Manner, Receiver};
use crate::webhooks::world::World;

const TARGET: &str = "https://hooks.example.com/path?token=abc";

/// Somebody who may read contacts, with a personal key and the webhook that it subscribed.
async fn subscribed(app: &TestApp, text: &str) -> (UserId, String) {
    let new = NewRole {
        name: name(text),
        description: Description::default(),
        permissions: permissions(&["contacts:read", "claviger/own-keys:*", "claviger/own-webhooks:*"]),
        api_access: true,
    };
    let role_id = create_role(&app.app, &app.admin, app.root, new, None).await.unwrap().fresh().unwrap().id;
    let new = NewUser { name: name(text), email: None, external_id: None, service: false };
    let user_id = create_user(&app.app, &app.admin, app.root, new, None).await.unwrap().fresh().unwrap().id;
    app.add_member(app.root, user_id, role_id).await;
    let Caller::Session { session_id, .. } = app.admin else { panic!("the admin is at the console") };
    let caller = Caller::Session { user_id, session_id, ip: None };
    let Toggled::Made(made) = put_personal_key(&app.app, &caller, app.root, user_id).await.unwrap() else {
        panic!("{text} had no key before")
    };
    (user_id, subscribe(app, made.token.expose(), "key").await)
}

/// A token with all rights.
async fn token(app: &TestApp) -> Token {
    app.create_key(&app.admin, app.root, new_key("Admin's")).await.unwrap().token
}

async fn subscribe(app: &TestApp, token: &str, owner: &str) -> String {
    let body = json!({"target_url": TARGET, "entity": "contact", "operation": "*", "owner": owner});
    let answer = app.post("/api/v1/hooks", token, &body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

// S0.16: a member finds the webhooks of their key where the key is, and is told of them before they are paused or ended with it.
#[tokio::test]
async fn a_member_finds_the_webhooks_of_their_own_key_and_no_others() {
    let app = TestApp::new().await;
    let (ann, hook) = subscribed(&app, "Ann").await;
    let (_, foreign) = subscribed(&app, "Ben").await;
    let mut browser = Browser::of_user(&app, ann).await;
    let access = browser.get("/o/root/profile/api-access").await.expect(200);
    assert!(access.links().contains(&format!("/o/root/webhooks/{hook}")), "{}", access.text);
    assert!(!access.text.contains(&foreign));
    for (path, told) in [("regenerate", "One webhook of it is paused"), ("off", "One webhook ends with it")] {
        let question = browser.get(&format!("/o/root/profile/api-access/{path}")).await.expect(200);
        assert!(question.text_of("main").contains(told), "{path}: {}", question.text_of("main"));
    }
    let page = browser.get(&format!("/o/root/webhooks/{hook}")).await.expect(200);
    assert!(page.text.contains("hooks.example.com/path?token=abc"), "it is theirs, and so is its address");
    let paused = browser.submit(&page.form(&format!("/webhooks/{hook}/pause"))).await.expect(303);
    assert!(browser.follow(paused).await.text_of(".status").contains("Paused"));
    browser.get(&format!("/o/root/webhooks/{foreign}")).await.expect(404);
    browser.get("/o/root/integrations/webhooks").await.expect(403);
}

// S0.16: of each who holds a key, API Management counts and shows the webhooks that were subscribed with it, and nobody else's.
#[tokio::test]
async fn api_management_shows_of_each_user_the_webhooks_of_their_own_key() {
    let app = TestApp::new().await;
    let (ann, of_ann) = subscribed(&app, "Ann").await;
    let (ben, of_ben) = subscribed(&app, "Ben").await;
    let mut browser = Browser::signed_in(&app).await;
    let management = "/o/root/security/api-management";
    let list = browser.get(management).await.expect(200).html();
    let cells = selector("[data-label=Webhooks]");
    let told = list.select(&cells).map(|it| it.text().collect::<String>());
    let webhooks: Vec<String> = told.filter(|it| it != "None").collect();
    assert_eq!(webhooks, ["1 webhook", "1 webhook"]);
    for (user, own, other) in [(ann, &of_ann, &of_ben), (ben, &of_ben, &of_ann)] {
        let page = browser.get(&format!("{management}/{user}")).await.expect(200);
        assert!(page.text.contains(own.as_str()) && !page.text.contains(other.as_str()), "{}", page.text_of("main"));
    }
}

// What stands behind the host may be a secret, as in the address of a Zap.
#[tokio::test]
async fn who_only_reads_sees_neither_the_whole_address_nor_a_button() {
    let app = TestApp::new().await;
    let hook = subscribe(&app, token(&app).await.expose(), "organization").await;
    let (_, auditor, _) = app.member(app.root, "Auditor", BuiltIn::Readonly).await;
    let mut browser = Browser::of_user(&app, auditor).await;
    let list = browser.get("/o/root/integrations/webhooks").await.expect(200);
    let page = browser.get(&format!("/o/root/webhooks/{hook}")).await.expect(200);
    for seen in [&list, &page] {
        assert!(seen.text.contains("https://hooks.example.com/…"), "{}", seen.text);
        assert!(!seen.text.contains("token=abc"), "{}", seen.text);
    }
    for action in ["pause", "test", "recover", "edit", "rotate", "delete"] {
        assert!(!page.text.contains(&format!("{hook}/{action}")), "{action} is offered");
    }
    for path in ["edit", "rotate", "delete"] {
        browser.get(&format!("/o/root/webhooks/{hook}/{path}")).await.expect(403);
    }
}

#[tokio::test]
async fn a_webhook_stands_in_its_own_organization_and_in_no_other() {
    let app = TestApp::new().await;
    let hook = subscribe(&app, token(&app).await.expose(), "organization").await;
    app.organization(app.root, "Location").await;
    let mut browser = Browser::signed_in(&app).await;
    browser.get(&format!("/o/root/webhooks/{hook}")).await.expect(200);
    browser.get(&format!("/o/location/webhooks/{hook}")).await.expect(404);
}

#[tokio::test]
async fn a_day_that_is_none_is_complained_about_beside_its_field() {
    let app = TestApp::new().await;
    let hook = subscribe(&app, token(&app).await.expose(), "organization").await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get(&format!("/o/root/webhooks/{hook}")).await.expect(200);
    let form = page.form(&format!("/webhooks/{hook}/recover"));
    let refused = browser.submit(&form.clone().with("since", "yesterday")).await.expect(422);
    assert!(refused.text_of("#since-error").contains("2026-11-01"), "{}", refused.text);
    let done = browser.submit(&form.clone().with("since", "2026-11-01T10:30")).await.expect(303);
    browser.follow(done).await.expect(200);
    let recovered = latest_recovery(&app).await;
    assert_eq!(recovered["since"], "2026-11-01T10:30:00Z", "to the minute, and in UTC");
    let done = browser.submit(&form).await.expect(303);
    assert!(
        browser
            .follow(done)
            .await
            .text_of(".banner")
            .contains("Nothing failed since then, or it is on its way already.")
    );
}

/// What the log says of the latest recovery.
async fn latest_recovery(app: &TestApp) -> serde_json::Value {
    let filter = EventFilter { kind: Some(EventKind::WebhookRecovered), ..EventFilter::default() };
    let found = list_events(&app.app, &app.admin, app.root, &filter, PageRequest::default()).await.unwrap();
    found.items[0].after.clone().unwrap()
}

// On, it seems to be told of what happens, and is told of nothing while its key is not good.
#[tokio::test]
async fn a_webhook_whose_key_is_switched_off_says_that_it_learns_nothing() {
    let world = World::without_jobs().await;
    let receiver = Receiver::new(Manner::status(200)).await;
    let hook = world.subscribe(&receiver).await;
    let mut browser = Browser::signed_in(&world.test).await;
    let (list, page) = ("/o/root/integrations/webhooks".to_owned(), format!("/o/root/webhooks/{}", hook.id));
    assert!(browser.get(&page).await.expect(200).text.contains("/test\""));
    world.set_key_active(false).await;
    for path in [&list, &page] {
        let shown = browser.get(path).await.expect(200).text_of(".status");
        assert!(shown.contains("On, but its key is inactive: what happens now it never learns"), "{path}: {shown}");
    }
    assert!(!browser.get(&page).await.expect(200).text.contains("/test\""), "a test would arrive, and nothing else");
    world.set_key_active(true).await;
    assert_eq!(browser.get(&list).await.expect(200).text_of("tbody .status").trim(), "On");
    world.stop().await;
}

// A webhook of a key tells its receiver that it ends; one that has ended has nobody to tell.
#[tokio::test]
async fn the_question_says_what_its_answer_does() {
    let app = TestApp::new().await;
    let token = token(&app).await;
    let hook = subscribe(&app, token.expose(), "key").await;
    let mut browser = Browser::signed_in(&app).await;
    let question = browser.get(&format!("/o/root/webhooks/{hook}/delete")).await.expect(200);
    assert!(question.text_of("main").contains("Its receiver is told"), "{}", question.text_of("main"));
    let own = subscribe(&app, token.expose(), "organization").await;
    let question = browser.get(&format!("/o/root/webhooks/{own}/delete")).await.expect(200);
    assert!(!question.text_of("main").contains("Its receiver is told"), "{}", question.text_of("main"));
    let done = browser.submit(&question.form(&format!("/webhooks/{own}/delete"))).await.expect(303);
    browser.follow(done).await.expect(200);
    assert_eq!(app.get(&format!("/api/v1/hooks/{own}"), token.expose()).await.status, 404);
}

#[tokio::test]
async fn a_filter_that_there_is_not_is_no_page_and_shows_not_everything() {
    let app = TestApp::new().await;
    let hook = subscribe(&app, token(&app).await.expose(), "organization").await;
    let mut browser = Browser::signed_in(&app).await;
    let (list, own) = ("/o/root/integrations/webhooks".to_owned(), format!("/o/root/webhooks/{hook}"));
    for address in [format!("{list}?status="), format!("{list}?status=active"), format!("{own}?state=failed")] {
        browser.get(&address).await.expect(200);
    }
    for address in [format!("{list}?status=broken"), format!("{list}?status=%ff"), format!("{own}?state=active")] {
        browser.get(&address).await.expect(404);
    }
}

/// What was tried, how much of it failed and how long it took stands in the list and on the page, and nothing of it before anything was tried.
#[tokio::test]
async fn how_a_receiver_does_stands_beside_its_webhook() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::status(200)).await;
    let hook = world.subscribe(&receiver).await;
    let mut browser = Browser::signed_in(&world.test).await;
    let (list, page) = ("/o/root/integrations/webhooks".to_owned(), format!("/o/root/webhooks/{}", hook.id));
    for (path, words) in [(&list, "Last 24 h:"), (&page, "Attempts of the last 24 h")] {
        assert!(!browser.get(path).await.expect(200).text.contains(words), "{path}");
    }
    world.happen("taken").await;
    receiver.wait_for(1).await;
    world.settled(&hook, 1).await;
    for path in [&list, &page] {
        let shown = browser.get(path).await.expect(200).text_of("main");
        assert!(shown.contains("1 tried, none failed, 95 % within "), "{path}: {shown}");
    }
    // It ends the webhook: what is tried again counts by itself.
    receiver.becomes(Manner::status(410));
    world.happen("lost").await;
    receiver.wait_for(2).await;
    world.settled(&hook, 2).await;
    let judged = get_webhook(&world.test.app, &world.caller, hook.id).await.unwrap().health;
    let words = format!("1 of 2 failed (50 %), 95 % within {} ms", judged.p95_ms.unwrap());
    for path in [&list, &page] {
        let shown = browser.get(path).await.expect(200).text_of("main");
        assert!(shown.contains(&words), "{path}, {words}: {shown}");
    }
    world.stop().await;
}

#[tokio::test]
async fn the_top_bar_leads_to_the_webhooks_whoever_may_see_them() {
    let app = TestApp::new().await;
    let path = "/o/root/integrations/webhooks";
    let mut admin = Browser::signed_in(&app).await;
    assert!(admin.get("/o/root").await.expect(200).links().contains(&path.to_owned()));
    assert_eq!(admin.get(path).await.expect(200).text_of("nav[aria-label=Main] [aria-current=page]"), "Webhooks");
    let (_, user_id, _) = app.member(app.root, "Mia", BuiltIn::Member).await;
    let mut member = Browser::of_user(&app, user_id).await;
    assert!(!member.get("/o/root").await.expect(200).links().contains(&path.to_owned()));
}

// One came by API Management or by Integrations; the way back is the menu's, and whose key it is stands beside the key.
#[tokio::test]
async fn the_way_to_a_webhook_is_that_of_its_place_in_the_menu() {
    let app = TestApp::new().await;
    let (ann, hook) = subscribed(&app, "Ann").await;
    let mut browser = Browser::signed_in(&app).await;
    for path in ["", "/edit", "/delete"] {
        let page = browser.get(&format!("/o/root/webhooks/{hook}{path}")).await.expect(200);
        let crumbs = page.text_of(".crumbs");
        assert!(crumbs.contains("Integrations") && !crumbs.contains("API Management"), "{path}: {crumbs}");
    }
    let page = browser.get(&format!("/o/root/webhooks/{hook}")).await.expect(200);
    assert!(page.links().contains(&format!("/o/root/security/api-management/{ann}")), "{}", page.text);

    // Who selected it on a person's page goes back there, also after pausing it.
    for door in ["security", "advanced-settings"] {
        let person = format!("/o/root/{door}/api-management/{ann}");
        let shown = browser.get(&format!("{person}/configure?webhook={hook}")).await.expect(303);
        let shown = browser.follow(shown).await.expect(200);
        assert!(shown.text_of(".crumbs").ends_with("API ManagementAnn"), "{}", shown.text_of(".crumbs"));
        for press in ["/pause", "/play"] {
            let page = browser.get(&shown.path).await.expect(200);
            let answer = browser.submit(&page.form(press)).await.expect(303);
            let page = browser.follow(answer).await.expect(200);
            assert!(page.links().contains(&person), "{press}: {:?}", page.links());
        }
    }
    for elsewhere in ["/members", "//evil.example", "/security/api-management/usr_1"] {
        let page = browser.get(&format!("/o/root/webhooks/{hook}?from={elsewhere}")).await.expect(200);
        assert!(page.text_of(".crumbs").contains("Integrations"), "{elsewhere}");
    }
}

// The bell offers the page of a webhook as long as there is one.
#[tokio::test]
async fn a_notice_of_a_deleted_webhook_leads_nowhere() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::status(410)).await;
    let hook = world.subscribe(&receiver).await;
    world.happen("one").await;
    receiver.wait_for(1).await;
    world.until(async || world.events(EventKind::WebhookGone).await == 1).await;
    read_log(&world.test.app).await.unwrap();
    let mut browser = Browser::signed_in(&world.test).await;
    let list = browser.get("/o/root/notifications").await.expect(200);
    assert!(list.text.contains("Open webhook"), "{}", list.text);
    delete_webhook(&world.test.app, &world.test.admin, hook.id).await.unwrap();
    read_log(&world.test.app).await.unwrap();
    let list = browser.get("/o/root/notifications").await.expect(200);
    assert!(list.text.contains("withdrawn") && !list.text.contains("Open webhook"), "{}", list.text);
    world.stop().await;
}

// The body is the same in each attempt, and two of the headers above it are not.
#[tokio::test]
async fn a_delivery_says_what_is_the_same_in_each_attempt() {
    let world = World::new().await;
    let receiver = Receiver::new(Manner::status(200)).await;
    let hook = world.subscribe(&receiver).await;
    world.happen("one").await;
    receiver.wait_for(1).await;
    world.settled(&hook, 1).await;
    let mut browser = Browser::signed_in(&world.test).await;
    let page = browser.get(&format!("/o/root/webhooks/{}", hook.id)).await.expect(200);
    let delivery = page.links().into_iter().find(|it| it.contains("/deliveries/")).expect("a page of its own");
    let said = browser.get(&delivery).await.expect(200).text_of("main");
    assert!(said.contains("webhook-timestamp and webhook-signature are those of each attempt."), "{said}");
    world.stop().await;
}

// A webhook of the organization hangs on no key, so that nothing on its form speaks of one that makes organizations.
#[tokio::test]
async fn what_a_new_webhook_hears_of_is_said_without_a_key() {
    let app = TestApp::new().await;
    let page = Browser::signed_in(&app).await.get("/o/root/integrations/webhooks/new").await.expect(200);
    let choices = page.text_of(".options");
    assert!(choices.contains("Those too that are made later.") && !choices.contains("key"), "{choices}");
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_new_webhook_is_told_at_once() {
    let app = TestApp::new().await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/o/root/integrations/webhooks/new").await.expect(200);
    let form = page
        .form("/integrations/webhooks/new")
        .with("url", "https://10.0.0.1/hook")
        .with("entity", "")
        .with("operation", "");
    let refused = browser.submit(&form).await.expect(422);
    for (field, told) in
        [("#entity-error", "The entity is needed"), ("#operation-error", "The operation type is needed")]
    {
        assert!(refused.text_of(field).contains(told), "{}", refused.text);
    }
    assert!(refused.text_of("#url-error").contains("The URL"), "{}", refused.text);
}

#[tokio::test]
async fn a_webhook_that_fails_is_not_shown_as_one_that_is_plainly_on() {
    let app = TestApp::new().await;
    subscribe(&app, token(&app).await.expose(), "organization").await;
    let mut browser = Browser::signed_in(&app).await;
    let words = async |browser: &mut Browser| {
        browser.get("/o/root/integrations/webhooks").await.expect(200).text_of("tbody .status")
    };
    assert_eq!(words(&mut browser).await.trim(), "On");
    let mut raw = crate::raw::Raw::of(app.app.store()).await;
    raw.execute("UPDATE webhook SET failing_since = 1795305600000000, failed_at = 1795305600000000").await;
    assert!(words(&mut browser).await.contains("On, failing since 2026-11-2"), "{}", words(&mut browser).await);
}

#[tokio::test]
async fn a_webhook_that_is_sent_without_tls_says_so() {
    let world = World::without_jobs().await;
    let hook = world.subscribe(&Receiver::new(Manner::status(200)).await).await;
    let secure = subscribe(&world.test, token(&world.test).await.expose(), "organization").await;
    let mut browser = Browser::signed_in(&world.test).await;
    for (id, says) in [(hook.id.to_string(), true), (secure, false)] {
        let page = browser.get(&format!("/o/root/webhooks/{id}")).await.expect(200);
        assert_eq!(page.text_of(".lead").contains("without TLS"), says, "{}", page.text_of(".lead"));
    }
    world.stop().await;
}

// What API Management clears is told in the audit as the other pages tell it, and no state by its name on the wire.
#[tokio::test]
async fn the_audit_calls_a_cleared_key_cleared_and_its_webhook_off() {
    let app = TestApp::new().await;
    let (ann, hook) = subscribed(&app, "Ann").await;
    let mut browser = Browser::of_user(&app, ann).await;
    let page = browser.get(&format!("/o/root/webhooks/{hook}")).await.expect(200);
    browser.submit(&page.form(&format!("/webhooks/{hook}/pause"))).await.expect(303);
    let mut admin = Browser::signed_in(&app).await;
    let form = admin.get(&format!("/o/root/security/api-management/{ann}/clear")).await.expect(200).form("/clear");
    admin.submit(&form).await.expect(303);
    let page = admin.get("/o/root/audit").await.expect(200);
    for words in ["it was cleared by an administrator", "Off: its key has ended"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert!(!page.text.contains("off_by_key") && !page.text.contains("privilege withdrawn"), "{}", page.text);
    let offered = page.text_of("#what, select[name=what]");
    assert!(offered.contains("Webhook switched on again") && !offered.contains("Sign ins"), "{offered}");
}
