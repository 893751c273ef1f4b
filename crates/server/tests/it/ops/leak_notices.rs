//! What people are told of a key that leaked.

use claviger::ops::keys::{CreatedKey, Leak, NewKey, report_leak, revoke_key};
use claviger::ops::notifications::mail::send_due;
use claviger::ops::notifications::words::sentence;
use claviger::ops::notifications::{list_notifications, read_log};
use claviger::ops::page::PageRequest;
use claviger::ops::tokens::{ClientRequest, Peer, token_for_client};
use claviger::ops::verify::Subject;
use claviger_core::id::{OrganizationId, UserId};
use claviger_core::key::RevocationReason;
use claviger_core::notification::NotificationKind::{KeyCleared, KeyLeaked, KeyMade};
use claviger_core::notification::NotificationState;
use claviger_core::role::BuiltIn;
use claviger_verifier::credential::Presented;
use serde_json::json;

use super::mail_sink::{mailing, plain, receiver};
use super::notifications::{bell, unread};
use crate::app::{TestApp, new_key};

/// Reports a key by another one, as a scanner does.
async fn report(it: &TestApp, at: OrganizationId, key: &CreatedKey) -> String {
    report_text(it, at, key.token.expose()).await
}

async fn report_text(it: &TestApp, at: OrganizationId, text: &str) -> String {
    let body = json!({ "key": text, "found_at": "https://paste.example.com/1" });
    let answer = it.post(&format!("/api/v1/organizations/{at}/leaks"), it.admin_key().await.expose(), &body).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    read_log(&it.app).await.unwrap();
    answer.body["outcome"].as_str().unwrap().to_owned()
}

async fn key_of(it: &TestApp, at: OrganizationId, owner: UserId, mapped: UserId) -> CreatedKey {
    let new = NewKey { owner_id: Some(Some(owner)), mapped_user_id: Some(Some(mapped)), ..new_key("Sync") };
    it.create_key(&it.admin, at, new).await.unwrap()
}

// S2.18
#[tokio::test]
async fn a_leak_that_ends_nothing_is_told_to_whom_the_key_concerns_until_it_is_deleted() {
    let it = TestApp::new().await;
    let agency = it.organization(it.root, "Agency").await;
    let (l1, l2) = (it.organization(agency, "L1").await, it.organization(agency, "L2").await);
    it.set_policy(l1, r#"{"leak_action": "notify"}"#).await;
    let (of_agency, ..) = it.member(agency, "Of the agency", BuiltIn::Admin).await;
    let (of_l1, ..) = it.member(l1, "Of L1", BuiltIn::Admin).await;
    let (of_l2, ..) = it.member(l2, "Of L2", BuiltIn::Admin).await;
    let (owner, owner_id, _) = it.member(l1, "Owner", BuiltIn::Member).await;
    let (mapped, mapped_id, _) = it.member(l1, "Mapped", BuiltIn::Readonly).await;
    it.allow_members_keys(l1, true).await;
    let key = key_of(&it, l1, owner_id, mapped_id).await;
    assert_eq!(report(&it, l1, &key).await, "reported");
    assert_eq!(it.verify(&key.token, &[]), Ok(()));
    for who in [&of_agency, &of_l1, &owner] {
        assert_eq!(unread(&it, who).await, [KeyLeaked]);
    }
    // Both at one instant of the standing clock.
    let told = unread(&it, &mapped).await;
    assert!(told.len() == 2 && told.contains(&KeyLeaked) && told.contains(&KeyMade), "{told:?}");
    for who in [&of_l2, &it.admin] {
        assert_eq!(bell(&it, who).await, [], "whom it does not concern");
    }
    // What is told in one instant has no order from one reading of the log to the next.
    it.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(report(&it, l1, &key).await, "reported");
    let twice = [(KeyLeaked, NotificationState::Unread), (KeyLeaked, NotificationState::Withdrawn)];
    assert_eq!(bell(&it, &owner).await, twice, "the newest says it all");
    let told = list_notifications(&it.app, &owner, true, PageRequest::default()).await.unwrap().items;
    let it_says = sentence(&told[0].notification);
    assert_eq!((it_says.name.as_str(), it_says.after.contains("left as it is")), ("Sync", true), "{it_says:?}");
    assert!(!format!("{told:?}").contains("paste.example.com"), "a reporter's words go into nobody's mail");
    revoke_key(&it.app, &it.admin, l1, key.info.key.id, RevocationReason::KeyCompromise, None).await.unwrap();
    read_log(&it.app).await.unwrap();
    assert_eq!((unread(&it, &owner).await, unread(&it, &of_l1).await), (vec![KeyCleared], vec![]));
    it.stop().await;
}

// S2.18
#[tokio::test]
async fn a_key_that_is_deleted_because_it_leaked_is_told_of_once_and_with_the_reason() {
    let it = TestApp::new().await;
    let (owner, owner_id, _) = it.member(it.root, "Owner", BuiltIn::Member).await;
    let (other, ..) = it.member(it.root, "Other admin", BuiltIn::Admin).await;
    it.allow_members_keys(it.root, true).await;
    let key = key_of(&it, it.root, owner_id, it.admin_id).await;
    assert_eq!(report(&it, it.root, &key).await, "revoked");
    // The scanner's key bears the admin's name, and the admin has not seen what it did.
    for who in [&owner, &other, &it.admin] {
        assert_eq!(bell(&it, who).await, [(KeyLeaked, NotificationState::Unread)]);
        let told = list_notifications(&it.app, who, true, PageRequest::default()).await.unwrap().items;
        assert_eq!(sentence(&told[0].notification).after, "” leaked, and was deleted.");
    }
    assert_eq!(report(&it, it.root, &key).await, "dead");
    assert_eq!(bell(&it, &owner).await.len(), 1);
    it.stop().await;
}

#[tokio::test]
async fn a_leaked_token_is_told_to_whom_its_key_concerns_until_that_is_deleted() {
    let it = TestApp::new().await;
    let (owner, owner_id, _) = it.member(it.root, "Owner", BuiltIn::Member).await;
    let (other, ..) = it.member(it.root, "Other admin", BuiltIn::Admin).await;
    it.allow_members_keys(it.root, true).await;
    let key = key_of(&it, it.root, owner_id, it.admin_id).await;
    for times in 1..=2 {
        let issued = {
            let presented = Presented::token(key.token.expose().as_bytes()).unwrap();
            token_for_client(&it.app, &presented, &ClientRequest::default(), &Peer::default()).await.unwrap()
        };
        let token = issued.access.expose();
        assert_eq!(report_text(&it, it.root, token).await, "token_ended");
        for who in [&owner, &other, &it.admin] {
            assert_eq!(unread(&it, who).await, vec![KeyLeaked; times]);
        }
        assert_eq!(report_text(&it, it.root, token).await, "dead");
        assert_eq!(unread(&it, &owner).await.len(), times, "what had ended is told once");
    }
    let told = list_notifications(&it.app, &owner, true, PageRequest::default()).await.unwrap().items;
    let it_says = sentence(&told[0].notification);
    assert_eq!((it_says.before.as_str(), it_says.name.as_str()), ("An access token of key “", "Sync"));
    assert_eq!(told[0].notification.subject_id, key.info.key.id.to_string());
    assert_eq!(it.verify(&key.token, &[]), Ok(()), "the key is as good as before");
    revoke_key(&it.app, &it.admin, it.root, key.info.key.id, RevocationReason::KeyCompromise, None).await.unwrap();
    read_log(&it.app).await.unwrap();
    assert_eq!((unread(&it, &owner).await, unread(&it, &other).await), (vec![KeyCleared], vec![]));
    it.stop().await;
}

#[tokio::test]
async fn who_reports_a_leak_at_the_console_is_not_told_of_it() {
    let it = TestApp::new().await;
    let (other, ..) = it.member(it.root, "Other admin", BuiltIn::Admin).await;
    let key = it.create_key(&it.admin, it.root, new_key("Sync")).await.unwrap();
    let leak = Leak::new(Subject::Key(key.token.expose().to_owned().into()), None).unwrap();
    report_leak(&it.app, &it.admin, it.root, leak, None).await.unwrap();
    read_log(&it.app).await.unwrap();
    assert_eq!((unread(&it, &other).await, unread(&it, &it.admin).await), (vec![KeyLeaked], vec![]));
    it.stop().await;
}

#[tokio::test]
async fn a_leak_comes_by_mail_under_its_own_name() {
    let (port, got) = receiver(0).await;
    let it = TestApp::with_config(mailing(port)).await;
    it.set_policy(it.root, r#"{"leak_action": "notify"}"#).await;
    let key = it.create_key(&it.admin, it.root, new_key("Sync")).await.unwrap();
    assert_eq!(report(&it, it.root, &key).await, "reported");
    it.clock.advance(std::time::Duration::from_secs(600));
    send_due(&it.app).await.unwrap();
    let mails = got.lock().unwrap().clone();
    assert_eq!(mails.len(), 1);
    let mail = plain(&mails[0]);
    let page = format!("https://keys.example.com/o/root/keys/{}", key.info.key.id);
    for part in ["Subject: An API key leaked", "Key “Sync” leaked, and was left as it is", page.as_str()] {
        assert!(mail.contains(part), "{part}: {mail}");
    }
    assert!(!mail.contains(key.token.expose()) && !mail.contains("paste.example.com"), "{mail}");
    it.stop().await;
}
