//! The replica follows the log, whoever wrote it and whether or not the bell rang.

use std::time::Duration;

use claviger_core::event::{Event, EventKind};
use claviger_core::key::{Key, KeyDraft, KeyState, Origin, RevocationReason};
use claviger_core::reject::Reject;
use claviger_core::secret::{Secret, Token};
use claviger_core::tenant::Tenant;

use crate::app::{TestApp, name};

/// Makes a key beside the operations, as another process would.
async fn insert(test: &TestApp, text: &str, change: impl FnOnce(&mut KeyDraft)) -> (Key, Token) {
    let tenant = Tenant::system(test.root, "test");
    let mut tx = test.app.store().begin().await.unwrap();
    let api = tx.find_api_by_slug(&tenant, "default").await.unwrap().unwrap();
    let mut draft = KeyDraft::named(name(text), Origin::Api);
    draft.mapped_user_id = Some(test.admin_id);
    change(&mut draft);
    let minted: Result<(Key, Secret, Token), Reject> = draft.mint(test.root, &api, test.now(), &mut *test.app.rng());
    let (key, secret, token) = minted.unwrap();
    tx.insert_key(&tenant, &key, &[secret]).await.unwrap();
    tx.commit(Event::new(&tenant, EventKind::KeyCreated, key.id, test.now()).after(&key)).await.unwrap();
    (key, token)
}

#[tokio::test]
async fn a_change_that_nobody_rang_for_is_found_by_the_poll() {
    let test = TestApp::new().await;
    let (_, token) = insert(&test, "From elsewhere", |_| {}).await;
    for _ in 0..60 {
        if test.verify(&token, &[]) == Ok(()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the replica did not follow within three seconds");
}

// The personal key is the one behind a member's toggle: it goes with its owner, where others live on.
#[tokio::test]
async fn the_personal_key_of_who_leaves_is_revoked() {
    let test = TestApp::new().await;
    let (_, user_id, member_id) = test.member(test.root, "Sam", claviger_core::role::BuiltIn::Admin).await;
    let (key, token) = insert(&test, "Sam", |draft| {
        (draft.owner_id, draft.mapped_user_id, draft.personal) = (Some(user_id), Some(user_id), true);
    })
    .await;
    claviger::ops::members::delete_member(&test.app, &test.admin, test.root, member_id).await.unwrap();
    let info = claviger::ops::keys::get_key(&test.app, &test.admin, test.root, key.id).await.unwrap();
    assert_eq!(info.state, KeyState::Revoked);
    assert_eq!(info.key.revocation.unwrap().reason, RevocationReason::AffiliationChanged);
    assert_eq!(test.verify(&token, &[]), Err("revoked"));
}
