//! The bell and what stands behind it, without scripts.

use std::collections::BTreeSet;

use claviger::ops::clocks::{Rounds, go_round};
use claviger::ops::keys::{
    NewKey, Overlap, delete_personal_key, put_personal_key, revoke_key, rotate_key, set_key_active,
};
use claviger::ops::members::{MemberPatch, update_member};
use claviger::ops::notifications::mail::send_due;
use claviger::ops::notifications::read_log;
use claviger::ops::users::{UserPatch, update_user};
use claviger_core::key::RevocationReason;
use claviger_core::role::BuiltIn;
use claviger_core::user::UserStatus;
use claviger_store::usage::SecretUse;

use super::browser::Browser;
use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, DAY, TestApp, new_key};
use crate::ops::mail_sink::{mailing, plain, receiver};

/// A service that ends keys that nobody uses, and has none yet.
async fn service() -> TestApp {
    let app = TestApp::new().await;
    app.set_policy(app.root, r#"{"idle_days": 90}"#).await;
    let first = app.caller(&app.first_key).key_id().unwrap();
    revoke_key(&app.app, &app.admin, app.root, first, RevocationReason::Superseded, None).await.unwrap();
    app
}

/// Days pass, and people are told.
async fn pass(app: &TestApp, days: u32) {
    // A little later than to the day, since uses of the last moment may not be written down yet.
    app.clock.advance(DAY * days + DAY / 24);
    go_round(&app.app, &mut Rounds::default()).await.unwrap();
    read_log(&app.app).await.unwrap();
}

// S1.11 S1.12
#[tokio::test]
async fn bell_leads_to_what_ends_and_a_press_keeps_it() {
    let app = service().await;
    let made = app.create_key(&app.admin, app.root, new_key("Marketing Automation")).await.unwrap();
    let other = app.create_key(&app.admin, app.root, new_key("Other")).await.unwrap();
    pass(&app, 75).await;
    pass(&app, 8).await;
    pass(&app, 6).await;
    let mut browser = Browser::signed_in(&app).await;
    let home = browser.get("/o/root").await.expect(200);
    assert!(home.text_of(".top .gear[href$=notifications]").starts_with('2'), "{}", home.text);
    assert!(home.text.contains("Key “<bdi>Marketing Automation</bdi>” is deleted on"), "{}", home.text);
    // One banner for all of them, where one begins and where the keys are.
    let keys = browser.get("/o/root/keys").await.expect(200);
    for page in [&home, &keys] {
        assert_eq!(page.text.matches("Within a day:").count(), 1, "{}", page.text);
        for name in ["Marketing Automation", "Other"] {
            assert!(page.text.contains(&format!("Key “<bdi>{name}</bdi>” is deleted on")), "{}", page.text);
        }
    }
    let key = browser.get(&format!("/o/root/keys/{}", other.info.key.id)).await.expect(200);
    assert!(key.text_of("main .aside").contains("Key “Other” is deleted on"));
    let list = browser.get("/o/root/notifications").await.expect(200);
    assert_eq!(list.text.matches("<span class=\"quiet\">unread</span>").count(), 2, "{}", list.text);
    let mut keep = list.form("/keep");
    let row = list.text.split("<tr").find(|it| it.contains("Marketing Automation")).unwrap();
    let id = row.split("/notifications/").nth(1).unwrap().split('/').next().unwrap();
    keep.action = format!("/o/root/notifications/{id}/keep");
    let kept = browser.submit(&keep).await.expect(303);
    let list = browser.follow(kept).await.expect(200);
    assert!(list.text_of("main [role=status]").contains("“Marketing Automation” is kept"));
    let row = list.text.split("<tr").skip(1).find(|it| it.contains("Marketing Automation")).unwrap();
    assert!(row.contains("withdrawn") && !row.contains("/keep\"") && !row.contains("/rotate\""), "at once: {row}");
    read_log(&app.app).await.unwrap();
    pass(&app, 2).await;
    let mut browser = Browser::signed_in(&app).await;
    assert_eq!((app.verify(&made.token, &[]), app.verify(&other.token, &[])), (Ok(()), Err("revoked")));
    let list = browser.get("/o/root/notifications?show=unread").await.expect(200);
    assert!(list.text.contains("” was deleted, since nobody used it."), "{}", list.text);
    let read = browser.submit(&list.form("/read-all")).await.expect(303);
    let list = browser.follow(read).await.expect(200);
    assert!(!list.text.contains("<span class=\"quiet\">unread</span>"));
    let before = list.text.matches("/dismiss\"").count();
    let put_away = browser.submit(&list.form("/dismiss")).await.expect(303);
    let list = browser.follow(put_away).await.expect(200);
    assert_eq!(list.text.matches("/dismiss\"").count(), before - 1);
    let opened = browser.submit(&list.form("/open")).await.expect(303);
    assert!(opened.header("location").starts_with("/o/root/keys/key_"));
}

#[tokio::test]
async fn notifications_are_their_readers_own() {
    let app = service().await;
    app.create_key(&app.admin, app.root, new_key("Marketing Automation")).await.unwrap();
    pass(&app, 76).await;
    let mut browser = Browser::signed_in(&app).await;
    let list = browser.get("/o/root/notifications").await.expect(200);
    let (_, user_id, _) = app.member(app.root, "Reader", BuiltIn::Readonly).await;
    let mut stranger = Browser::of_user(&app, user_id).await;
    assert!(!stranger.get("/o/root/notifications").await.expect(200).text.contains("Marketing Automation"));
    for what in ["/open", "/keep", "/dismiss"] {
        stranger.submit(&list.form(what)).await.expect(404);
    }
    stranger.submit(&list.form("/read-all")).await.expect(303);
    let list = browser.get("/o/root/notifications?show=unread").await.expect(200);
    assert!(list.text.contains("Marketing Automation"), "nobody else has touched it");
    browser.get("/o/root/notifications?show=some").await.expect(404);
    let put_away = browser.submit(&list.form("/dismiss")).await.expect(303);
    assert_eq!(put_away.header("location"), "/o/root/notifications?show=unread", "back to the list it was pressed in");
}

#[tokio::test]
async fn reader_is_offered_what_they_may_do_and_a_refusal_leaves_the_notice_unread() {
    let app = service().await;
    app.allow_members_keys(app.root, true).await;
    let (_, owner_id, member_id) = app.member(app.root, "Owner", BuiltIn::Member).await;
    let new = NewKey { owner_id: Some(Some(owner_id)), mapped_user_id: Some(Some(owner_id)), ..new_key("Theirs") };
    app.create_key(&app.admin, app.root, new).await.unwrap();
    pass(&app, 76).await;
    let mut owner = Browser::of_user(&app, owner_id).await;
    let list = owner.get("/o/root/notifications").await.expect(200);
    assert!(list.text.contains("/keep\"") && list.text.contains("/rotate\""), "{}", list.text);
    let role_id = Some(app.built_in(app.root, BuiltIn::Readonly).await.id);
    let patch = MemberPatch { role_id, ..MemberPatch::default() };
    update_member(&app.app, &app.admin, app.root, member_id, patch, None).await.unwrap();
    let list = owner.get("/o/root/notifications").await.expect(200);
    assert!(list.text.contains("Theirs") && !list.text.contains("/keep\"") && !list.text.contains("/rotate\""));
    let mut keep = list.form("/open");
    keep.action = keep.action.replace("/open", "/keep");
    owner.submit(&keep).await.expect(403);
    let list = owner.get("/o/root/notifications?show=unread").await.expect(200);
    assert!(list.text.contains("Theirs"), "who was refused has still to look at it");
    // The admin may do it still, and is led back to the list.
    let mut admin = Browser::signed_in(&app).await;
    let list = admin.get("/o/root/notifications?show=unread").await.expect(200);
    let kept = admin.submit(&list.form("/keep")).await.expect(303);
    assert_eq!(kept.header("location"), "/o/root/notifications?show=unread");
}

#[tokio::test]
async fn notice_of_an_old_secret_leads_to_its_rotation() {
    let app = TestApp::new().await;
    let made = app.create_key(&app.admin, app.root, new_key("Marketing Automation")).await.unwrap();
    let key = &made.info.key;
    rotate_key(&app.app, &app.admin, app.root, key.id, Overlap::default(), None).await.unwrap();
    app.clock.advance(DAY * 6 + DAY / 24);
    let (secret_id, last_used_at) = (made.info.secrets[0].secret.id, app.now());
    let (key_id, organization_id) = (key.id, key.organization_id);
    let used = SecretUse { key_id, secret_id, organization_id, last_used_at, ip: None, user_agent: None, count: 1 };
    app.app.store().record_uses(&[used]).await.unwrap();
    pass(&app, 0).await;
    let mut browser = Browser::signed_in(&app).await;
    let list = browser.get("/o/root/notifications").await.expect(200);
    let way = format!("/o/root/keys/{key_id}#rotation");
    assert!(list.text.contains(&format!("href=\"{way}\">See rotation")), "{}", list.text);
    let page = browser.get(way.trim_end_matches("#rotation")).await.expect(200);
    assert!(page.text.contains("id=\"rotation\""));
}

#[tokio::test]
async fn reader_chooses_how_to_be_told() {
    let app = service().await;
    let mut browser = Browser::signed_in(&app).await;
    let page = browser.get("/o/root/profile/notifications").await.expect(200);
    assert!(page.text.contains("This installation sends no mail"));
    let mut form = page.form("/profile/notifications");
    form.fields.retain(|(_, kind)| kind != "key_idle");
    let saved = browser.submit(&form).await.expect(303);
    let page = browser.follow(saved).await.expect(200);
    let again = page.form("/profile/notifications");
    assert_eq!(again.fields, form.fields);
    app.create_key(&app.admin, app.root, new_key("Marketing Automation")).await.unwrap();
    pass(&app, 76).await;
    let mut browser = Browser::signed_in(&app).await;
    let list = browser.get("/o/root/notifications").await.expect(200);
    assert!(!list.text.contains("Marketing Automation"));
}

#[tokio::test]
async fn notice_of_a_leak_leads_to_another_secret_or_to_the_end_of_the_key() {
    let app = TestApp::new().await;
    app.set_policy(app.root, r#"{"leak_action": "notify"}"#).await;
    let made = app.create_key(&app.admin, app.root, new_key("Sync")).await.unwrap();
    let body = serde_json::json!({ "key": made.token.expose() });
    let path = format!("/api/v1/organizations/{}/leaks", app.root);
    assert_eq!(app.post(&path, app.admin_key().await.expose(), &body).await.status, 200);
    read_log(&app.app).await.unwrap();
    let mut browser = Browser::signed_in(&app).await;
    let list = browser.get("/o/root/notifications").await.expect(200);
    assert!(list.text.contains("Key “<bdi>Sync</bdi>” leaked, and was left as it is"), "{}", list.text);
    let key = format!("/o/root/keys/{}", made.info.key.id);
    for way in ["/rotate", "/delete"] {
        assert!(list.links().contains(&format!("{key}{way}")), "{way}: {}", list.text);
    }
    revoke_key(&app.app, &app.admin, app.root, made.info.key.id, RevocationReason::KeyCompromise, None).await.unwrap();
    read_log(&app.app).await.unwrap();
    let list = browser.get("/o/root/notifications").await.expect(200);
    assert!(!list.links().contains(&format!("{key}/delete")), "nothing is left to be done: {}", list.text);
}

// S1.11: what a mail tells of is one sign-in away, also in an organization below the reader's own.
#[tokio::test]
async fn each_link_of_a_mail_leads_through_the_sign_in_to_what_it_names() {
    let (port, got) = receiver(0).await;
    let app = TestApp::without_jobs(mailing(port)).await;
    app.set_policy(app.root, r#"{"leak_action": "notify"}"#).await;
    let below = app.organization(app.root, "Below").await;
    let mut expected = BTreeSet::new();
    for (at, slug, name) in [(app.root, "root", "Sync here"), (below, "below", "Sync below")] {
        let made = app.create_key(&app.admin, at, new_key(name)).await.unwrap();
        let body = serde_json::json!({ "key": made.token.expose() });
        let path = format!("/api/v1/organizations/{at}/leaks");
        assert_eq!(app.post(&path, app.admin_key().await.expose(), &body).await.status, 200);
        expected.insert((format!("/o/{slug}/keys/{}", made.info.key.id), name));
    }
    expected.insert(("/o/root/notifications".to_owned(), "Sync below"));
    expected.insert(("/o/root/profile/notifications".to_owned(), "How you are told"));
    read_log(&app.app).await.unwrap();
    app.clock.advance(DAY / 24);
    send_due(&app.app).await.unwrap();
    let mails = got.lock().unwrap().clone();
    let mail = plain(mails.first().expect("a mail"));
    let words = mail.split(|it: char| it.is_whitespace() || "\"<>".contains(it));
    let links: BTreeSet<_> = words.filter_map(|it| it.strip_prefix("https://keys.example.com")).collect();
    assert_eq!(links, expected.iter().map(|it| it.0.as_str()).collect::<BTreeSet<_>>(), "no more and no less: {mail}");
    for (path, says) in &expected {
        let mut browser = Browser::new(&app);
        let page = browser.open(path).await.expect(200);
        assert!(page.path.starts_with("/sign-in?"), "{path}: {}", page.path);
        let form = page.form("/sign-in").with("email", ADMIN_EMAIL).with("password", ADMIN_PASSWORD);
        let signed_in = browser.submit(&form).await.expect(303);
        assert_eq!(signed_in.header("location"), path);
        let page = browser.follow(signed_in).await.expect(200);
        assert!(page.path == *path && page.text.contains(says), "{path}: {}", page.text);
    }
}

// A key that was cleared is not said to be deleted, and its user's own page says that it ended and when.
#[tokio::test]
async fn whose_key_was_cleared_reads_so_in_the_bell_and_where_it_is_switched_on() {
    let app = service().await;
    let (ann, ann_id, _) = app.member(app.root, "Ann", BuiltIn::Admin).await;
    let access = "/o/root/profile/api-access";
    let mut browser = Browser::of_user(&app, ann_id).await;
    assert!(!browser.get(access).await.expect(200).text.contains("Your last API key"));
    put_personal_key(&app.app, &ann, app.root, ann_id).await.unwrap();
    assert!(!browser.get(access).await.expect(200).text.contains("Your last API key"));
    delete_personal_key(&app.app, &app.admin, app.root, ann_id).await.unwrap();
    read_log(&app.app).await.unwrap();
    let list = browser.get("/o/root/notifications").await.expect(200);
    let said = list.text_of("main table");
    assert!(said.contains("cleared your API key “") && !said.contains("deleted"), "{said}");
    let off = browser.get(access).await.expect(200);
    let said = off.text_of("main .aside");
    assert!(said.starts_with("Your last API key was cleared by an administrator, 2"), "{said}");
    // Any other key that somebody deletes is deleted.
    let whose = Some(Some(ann_id));
    let new = NewKey { owner_id: whose, mapped_user_id: whose, ..new_key("CI deploy") };
    let made = app.create_key(&app.admin, app.root, new).await.unwrap().info.key.id;
    revoke_key(&app.app, &app.admin, app.root, made, RevocationReason::Unspecified, None).await.unwrap();
    read_log(&app.app).await.unwrap();
    let said = browser.get("/o/root/notifications").await.expect(200).text_of("main table");
    assert!(said.contains("deleted your key “CI deploy”."), "{said}");
}

// Live is what would be answered: what has expired or is switched off is in the list, and not counted at home.
#[tokio::test]
async fn home_counts_as_live_what_would_be_answered() {
    let app = service().await;
    let ends = NewKey { expires_at: Some(Some(app.now().saturating_add(DAY))), ..new_key("Ends") };
    let off = app.create_key(&app.admin, app.root, new_key("Off")).await.unwrap().info.key.id;
    for new in [ends, new_key("One"), new_key("Two")] {
        app.create_key(&app.admin, app.root, new).await.unwrap();
    }
    let mut browser = Browser::signed_in(&app).await;
    let said = browser.get("/o/root").await.expect(200).text_of("main .lead");
    assert!(said.starts_with("4 live API keys"), "{said}");
    set_key_active(&app.app, &app.admin, app.root, off, false, None, None).await.unwrap();
    pass(&app, 2).await;
    let mut browser = Browser::signed_in(&app).await;
    let said = browser.get("/o/root").await.expect(200).text_of("main .lead");
    assert!(said.starts_with("2 live API keys"), "{said}");
}

// What is to be reviewed and does not live is no part of what lives, and the sentence that has both says so.
#[tokio::test]
async fn home_says_how_many_of_those_to_review_live() {
    let app = service().await;
    let (_, ann_id, _) = app.member(app.root, "Ann", BuiltIn::Admin).await;
    let whose = Some(Some(ann_id));
    let ends = || NewKey { expires_at: Some(Some(app.now().saturating_add(DAY * 3))), ..new_key("Ends") };
    for new in [ends(), new_key("Lasts"), NewKey { owner_id: whose, mapped_user_id: whose, ..new_key("Ann's") }] {
        app.create_key(&app.admin, app.root, new).await.unwrap();
    }
    let lead = async || Browser::signed_in(&app).await.get("/o/root").await.expect(200).text_of("main .lead");
    let said = lead().await;
    assert!(said.starts_with("3 live API keys, 1 to review") && !said.contains("of them live"), "{said}");
    let disabled = UserPatch { status: Some(UserStatus::Disabled), ..UserPatch::default() };
    update_user(&app.app, &app.admin, app.root, ann_id, disabled, None).await.unwrap();
    let said = lead().await;
    assert!(said.starts_with("2 live API keys, 2 to review (1 of them live)"), "{said}");
    let health = Browser::signed_in(&app).await.get("/o/root/health").await.expect(200);
    let said = health.text_of("main .lead");
    assert!(said.starts_with("2 to review") && !health.text.contains("live keys"), "{said}");
}

// Who clears their own key, as an admin can, has not switched API access off.
#[tokio::test]
async fn an_admin_who_cleared_their_own_key_reads_that_it_was_cleared() {
    let app = service().await;
    let mut browser = Browser::signed_in(&app).await;
    let access = "/o/root/profile/api-access";
    let form = browser.get(access).await.expect(200).form("/profile/api-access");
    browser.submit(&form).await.expect(200);
    let question = format!("/o/root/security/api-management/{}/clear", app.admin_id);
    let form = browser.get(&question).await.expect(200).form("/clear");
    browser.submit(&form).await.expect(303);
    let said = browser.get(access).await.expect(200).text_of("main .aside");
    assert!(said.starts_with("Your last API key was cleared by an administrator, 2"), "{said}");
    // The other way to the same end is told as what it is.
    app.clock.advance(DAY / 86_400);
    let form = browser.get(access).await.expect(200).form("/profile/api-access");
    browser.submit(&form).await.expect(200);
    let form = browser.get(&format!("{access}/off")).await.expect(200).form("/off");
    browser.submit(&form).await.expect(303);
    let said = browser.get(access).await.expect(200).text_of("main .aside");
    assert!(said.starts_with("Your last API key ended when you switched API access off, 2"), "{said}");
}

// Of three things and more the chief one is a button, and the rest stands in the menu of the row.
#[tokio::test]
async fn the_chief_thing_is_a_button_and_the_rest_is_in_the_menu_of_the_row() {
    let app = service().await;
    app.create_key(&app.admin, app.root, new_key("Marketing Automation")).await.unwrap();
    pass(&app, 76).await;
    let mut browser = Browser::signed_in(&app).await;
    let list = browser.get("/o/root/notifications").await.expect(200);
    let in_menu = list.text_of("main .buttons .menu");
    for word in ["Rotate", "Open key", "Let it be deleted"] {
        assert!(in_menu.contains(word), "{word}: {in_menu}");
    }
    assert!(!in_menu.contains("Keep") && list.text_of("main table .buttons").starts_with("Keep"), "{}", list.text);
    let put_away = browser.submit(&list.form("/keep")).await.expect(303);
    let list = browser.follow(put_away).await.expect(200);
    assert!(!list.text.contains("class=\"menu\" id=\"more-"), "two stand beside each other: {}", list.text);
}
