//! Secrets that are shown again: to whom policy says, from copies that go when it says otherwise.

use std::sync::Arc;
use std::time::Duration;

use claviger::app::App;
use claviger::clock::SettableClock;
use claviger::ops::account::confirm;
use claviger::ops::caller::Caller;
use claviger::ops::keys::{
    CreatedKey, NewKey, Overlap, RevealedKey, Toggled, check_reveal, create_key, put_personal_key, reveal_key,
    revoke_key, rotate_key, update_key,
};
use claviger::ops::moves::move_organization;
use claviger::ops::sessions::Origin;
use claviger::ops::tokens::rotate_signing_keys;
use claviger_core::access_token::{SigningKeyInfo, SigningKeyState};
use claviger_core::decision::Reach;
use claviger_core::event::EventKind;
use claviger_core::id::{KeyId, OrganizationId, SessionId, UserId};
use claviger_core::key::{KeyPatch, RevocationReason};
use claviger_core::reject::RejectCode;
use claviger_core::role::BuiltIn;
use claviger_core::sealing::MasterKey;
use claviger_core::secret::Digest;
use claviger_core::tenant::Tenant;
use claviger_store::sessions::Session;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use secrecy::SecretString;
use serde_json::json;

use crate::app::{ADMIN_PASSWORD, TestApp, config, new_key, refused, seeded};
use crate::engine::{address_of, is_postgres, node};

/// A user at the console, who has just signed in.
async fn at_the_console(test: &TestApp, user_id: UserId) -> Caller {
    let now = test.now();
    let id = SessionId::new(now, &mut ChaCha20Rng::seed_from_u64(user_id.as_u128() as u64));
    let session = Session {
        id,
        user_id,
        created_at: now,
        last_seen_at: now,
        expires_at: now.saturating_add(Duration::from_secs(86_400)),
        user_agent: None,
        ip: None,
    };
    let mut tx = test.app.store().begin().await.unwrap();
    tx.insert_session_unchecked(&session, &Digest::of_token(id.to_string().as_bytes())).await.unwrap();
    tx.commit_unaudited("a test signs somebody in").await.unwrap();
    Caller::Session { user_id, session_id: id, ip: Some("203.0.113.9".parse().unwrap()) }
}

async fn member(test: &TestApp, at: OrganizationId, name: &str, role: BuiltIn) -> (Caller, UserId) {
    let (_, user_id, _) = test.member(at, name, role).await;
    (at_the_console(test, user_id).await, user_id)
}

fn tokens(revealed: &RevealedKey) -> Vec<Option<&str>> {
    revealed.secrets.iter().map(|it| it.token.as_ref().map(|it| it.expose())).collect()
}

/// What a caller is shown of a key; and what they are told beforehand is the same.
async fn shown(test: &TestApp, caller: &Caller, key: &CreatedKey) -> Result<Vec<String>, RejectCode> {
    let (at, id) = (key.info.key.organization_id, key.info.key.id);
    let before = check_reveal(&test.app, caller, at, id).await.unwrap_or_else(|error| Err(error.into_reject()));
    match reveal_key(&test.app, caller, at, id, None).await {
        Ok(answer) => {
            assert_eq!(before, Ok(()));
            let revealed = answer.fresh().unwrap();
            Ok(tokens(&revealed).into_iter().flatten().map(str::to_owned).collect())
        }
        Err(error) => {
            let code = error.into_reject().code;
            assert_eq!(before.unwrap_err().code, code);
            Err(code)
        }
    }
}

async fn policy(test: &TestApp, at: OrganizationId, reveal: &str) {
    test.set_policy(at, &json!({ "reveal": reveal }).to_string()).await;
}

async fn create(test: &TestApp, at: OrganizationId, name: &str) -> CreatedKey {
    test.create_key(&test.admin, at, new_key(name)).await.unwrap()
}

const DENIED: Result<Vec<String>, RejectCode> = Err(RejectCode::PolicyDenied);
const GONE: Result<Vec<String>, RejectCode> = Err(RejectCode::NoCopyKept);

#[tokio::test]
async fn secret_is_shown_again_to_whom_policy_says() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    test.allow_members_keys(acme, true).await;
    policy(&test, acme, "owner").await;
    let (owner, owner_id) = member(&test, acme, "Olga Owner", BuiltIn::Member).await;
    let (mapped, mapped_id) = member(&test, acme, "Mia Mapped", BuiltIn::Member).await;
    let (admin, _) = member(&test, acme, "Ann Admin", BuiltIn::Admin).await;
    let (reader, _) = member(&test, acme, "Rita Reader", BuiltIn::Readonly).await;
    let (stranger, _) = member(&test, acme, "Sam Stranger", BuiltIn::Member).await;
    let new = NewKey { owner_id: Some(Some(owner_id)), mapped_user_id: Some(Some(mapped_id)), ..new_key("CI") };
    let key = test.create_key(&admin, acme, new).await.unwrap();
    let all = Ok(vec![key.token.expose().to_owned()]);
    let not_there = Err(RejectCode::NotFound);
    for (reveal, by_admin) in [("owner", DENIED), ("owner_and_admins", all.clone()), ("owner", DENIED)] {
        policy(&test, acme, reveal).await;
        assert_eq!(shown(&test, &owner, &key).await, all, "{reveal}");
        assert_eq!(shown(&test, &mapped, &key).await, all, "{reveal}");
        assert_eq!(shown(&test, &admin, &key).await, by_admin, "{reveal}");
        assert_eq!(shown(&test, &reader, &key).await, DENIED, "who reads all keys reads no secret, {reveal}");
        assert_eq!(shown(&test, &stranger, &key).await, not_there, "{reveal}");
    }
    policy(&test, acme, "once").await;
    for caller in [&owner, &mapped, &admin] {
        assert_eq!(shown(&test, caller, &key).await, DENIED);
    }
    test.verify(&key.token, &[]).unwrap();
}

// Whoever may map a key would map it to themselves.
#[tokio::test]
async fn mapping_a_key_to_somebody_else_shows_them_no_secret_that_was_kept_for_another() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    policy(&test, acme, "owner").await;
    let (mapped, mapped_id) = member(&test, acme, "Mia Mapped", BuiltIn::Member).await;
    let (admin, admin_id) = member(&test, acme, "Ann Admin", BuiltIn::Admin).await;
    let map = async |key: &CreatedKey, to| {
        let patch = KeyPatch { mapped_user_id: Some(Some(to)), ..KeyPatch::default() };
        update_key(&test.app, &admin, acme, key.info.key.id, patch, None).await.map_err(|it| it.into_reject().code)
    };
    for (reveal, after) in [("owner", Err(RejectCode::NoCopyKept)), ("owner_and_admins", Ok(()))] {
        policy(&test, acme, reveal).await;
        let new = NewKey { owner_id: Some(None), mapped_user_id: Some(Some(mapped_id)), ..new_key(reveal) };
        let key = test.create_key(&admin, acme, new).await.unwrap();
        let all = Ok(vec![key.token.expose().to_owned()]);
        assert_eq!(shown(&test, &mapped, &key).await, all);
        map(&key, admin_id).await.unwrap();
        let after = after.and(all);
        assert_eq!(shown(&test, &admin, &key).await, after, "{reveal}");
        map(&key, mapped_id).await.unwrap();
        assert_eq!(shown(&test, &mapped, &key).await, after, "{reveal}");
    }
    let Toggled::Made(personal) = put_personal_key(&test.app, &admin, acme, admin_id).await.unwrap() else {
        panic!("it was there")
    };
    assert_eq!(map(&personal, mapped_id).await.err(), Some(RejectCode::InvalidField));
}

// Who is shown a secret again may pass it on, and so may choose who else is; who is not may choose nobody, and a key in their name neither.
#[tokio::test]
async fn whoever_is_shown_a_secret_may_let_somebody_else_be_shown_it() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    policy(&test, acme, "owner").await;
    let (admin, admin_id) = member(&test, acme, "Ann Admin", BuiltIn::Admin).await;
    let (mapped, mapped_id) = member(&test, acme, "Mia Mapped", BuiltIn::Member).await;
    let (other, other_id) = member(&test, acme, "Otto Other", BuiltIn::Admin).await;
    let caller = NewKey { mapped_user_id: Some(Some(admin_id)), ..new_key("Caller") };
    let by_key = test.caller(&test.create_key(&admin, acme, caller).await.unwrap().token);
    let give = async |by: &Caller, key: &CreatedKey, patch| {
        update_key(&test.app, by, acme, key.info.key.id, patch, None).await.unwrap();
    };
    let to_mapped = || KeyPatch { mapped_user_id: Some(Some(mapped_id)), ..KeyPatch::default() };
    let to_owner = |it| KeyPatch { owner_id: Some(it), ..KeyPatch::default() };
    let made = async |name: &str| {
        let new = NewKey { mapped_user_id: Some(Some(admin_id)), owner_id: Some(Some(admin_id)), ..new_key(name) };
        test.create_key(&admin, acme, new).await.unwrap()
    };
    let key = made("Given on").await;
    let all = Ok(vec![key.token.expose().to_owned()]);
    give(&admin, &key, to_mapped()).await;
    assert_eq!(shown(&test, &mapped, &key).await, all);
    assert_eq!(shown(&test, &admin, &key).await, all, "it is hers still");
    give(&admin, &key, to_owner(Some(other_id))).await;
    assert_eq!(shown(&test, &other, &key).await, all);
    assert_eq!(shown(&test, &admin, &key).await, DENIED, "it is hers no longer");
    give(&admin, &key, to_owner(None)).await;
    assert_eq!(shown(&test, &mapped, &key).await, all, "nobody has come");
    give(&admin, &key, to_owner(Some(admin_id))).await;
    assert_eq!(shown(&test, &admin, &key).await, GONE, "nor does she make herself its owner to look");
    let rotated = rotate_key(&test.app, &admin, acme, key.info.key.id, Overlap::For(Duration::ZERO), None).await;
    let rotated = rotated.unwrap().fresh().unwrap();
    assert_eq!(shown(&test, &mapped, &key).await, Ok(vec![rotated.token.expose().to_owned()]));

    let key = made("Given on by a key").await;
    give(&by_key, &key, to_mapped()).await;
    assert_eq!(shown(&test, &mapped, &key).await, GONE);
}

// A secret is the key itself.
#[tokio::test]
async fn owner_is_shown_no_secret_of_a_key_that_acts_for_somebody_who_may_more() {
    let test = TestApp::new().await;
    let acme = test.organization(test.root, "Acme").await;
    test.allow_members_keys(acme, true).await;
    policy(&test, acme, "owner").await;
    let (owner, owner_id) = member(&test, acme, "Olga Owner", BuiltIn::Member).await;
    let (admin, admin_id) = member(&test, acme, "Ann Admin", BuiltIn::Admin).await;
    let new = NewKey { owner_id: Some(Some(owner_id)), mapped_user_id: Some(Some(admin_id)), ..new_key("CI") };
    let key = test.create_key(&admin, acme, new).await.unwrap();
    let shown_to_owner = shown(&test, &owner, &key).await;
    assert!(matches!(shown_to_owner, Err(RejectCode::GrantExceedsOwn | RejectCode::NotFound)), "{shown_to_owner:?}");
    assert_eq!(shown(&test, &admin, &key).await, Ok(vec![key.token.expose().to_owned()]));
}

// A secret is the key itself.
#[tokio::test]
async fn admin_is_shown_no_secret_of_a_key_that_holds_more_elsewhere() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let location = test.organization(agency, "Location").await;
    policy(&test, agency, "owner_and_admins").await;
    let (admin, admin_id) = member(&test, agency, "Ann Admin", BuiltIn::Admin).await;
    // At the location a nearer membership makes her a reader.
    test.add_member(location, admin_id, test.built_in(location, BuiltIn::Readonly).await.id).await;
    let far = NewKey { reach: Reach::Subtree, ..new_key("Everywhere") };
    let far = test.create_key(&test.admin, agency, far).await.unwrap();
    let near = create(&test, agency, "Here").await;
    assert_eq!(shown(&test, &admin, &far).await, Err(RejectCode::GrantExceedsOwn));
    assert_eq!(shown(&test, &admin, &near).await, Ok(vec![near.token.expose().to_owned()]));
}

#[tokio::test]
async fn only_a_person_who_has_just_proven_who_they_are_is_shown_a_secret() {
    let test = TestApp::new().await;
    policy(&test, test.root, "owner").await;
    let key = create(&test, test.root, "CI").await;
    let caller = NewKey { reach: Reach::Subtree, ..new_key("Caller") };
    let caller = test.create_key(&test.admin, test.root, caller).await.unwrap();
    let reveal = async |caller: &Caller| reveal_key(&test.app, caller, test.root, key.info.key.id, None).await;
    assert_eq!(refused(reveal(&test.caller(&caller.token)).await), RejectCode::ConfirmationRequired, "no key is");
    reveal(&test.admin).await.unwrap();
    test.clock.advance(Duration::from_secs(10 * 60 - 1));
    reveal(&test.admin).await.unwrap();
    test.clock.advance(Duration::from_secs(1));
    assert_eq!(refused(reveal(&test.admin).await), RejectCode::ConfirmationRequired);
    let password = SecretString::from(ADMIN_PASSWORD);
    let again = confirm(&test.app, &test.admin, password, Origin::default()).await.unwrap();
    let confirmed = Caller::Session { user_id: again.user.id, session_id: again.session_id, ip: None };
    reveal(&confirmed).await.unwrap();
    assert_eq!(refused(reveal(&test.admin).await), RejectCode::ConfirmationRequired, "the old session has ended");
}

#[tokio::test]
async fn every_look_is_an_event_that_says_who_looked_at_which_secret_from_where() {
    let test = TestApp::new().await;
    policy(&test, test.root, "owner_and_admins").await;
    let key = create(&test, test.root, "CI").await;
    let (admin, admin_id) = member(&test, test.root, "Ann Admin", BuiltIn::Admin).await;
    for _ in 0..2 {
        shown(&test, &admin, &key).await.unwrap();
    }
    let mut reader = test.app.store().read().await.unwrap();
    let tenant = Tenant::system(test.root, "test");
    let events = reader.page_events(&tenant, &Default::default(), &Default::default()).await.unwrap().rows;
    let told: Vec<_> = events.iter().filter(|it| it.kind == EventKind::KeyRevealed).collect();
    assert_eq!(told.len(), 2);
    for event in told {
        assert_eq!((event.entity, event.user_id), (key.info.key.id.into(), Some(admin_id)));
        let secret_id = key.info.secrets[0].secret.id.to_string();
        assert_eq!(event.after, Some(json!({"secret_ids": [secret_id], "ip": "203.0.113.9"})));
    }
}

#[tokio::test]
async fn copies_are_destroyed_when_policy_shows_secrets_once_and_come_back_by_no_other_policy() {
    let test = TestApp::new().await;
    let agency = test.organization(test.root, "Agency").await;
    let below = test.organization(agency, "Below").await;
    let wider = test.organization(agency, "Wider").await;
    let before = create(&test, below, "Before").await;
    policy(&test, agency, "owner").await;
    policy(&test, wider, "owner").await;
    assert_eq!(shown(&test, &test.admin, &before).await, GONE, "it was made when nobody was to see it again");
    let (own, inherited, kept) = (
        create(&test, agency, "Own").await,
        create(&test, below, "Inherited").await,
        create(&test, wider, "Kept").await,
    );
    let all = [&own, &inherited, &kept];
    for key in all {
        assert_eq!(shown(&test, &test.admin, key).await, Ok(vec![key.token.expose().to_owned()]));
    }

    policy(&test, agency, "once").await;
    for (key, expected) in all.into_iter().zip([DENIED, DENIED, Ok(vec![kept.token.expose().to_owned()])]) {
        assert_eq!(shown(&test, &test.admin, key).await, expected);
    }
    policy(&test, agency, "owner_and_admins").await;
    for (key, expected) in all.into_iter().zip([GONE, GONE, Ok(vec![kept.token.expose().to_owned()])]) {
        assert_eq!(shown(&test, &test.admin, key).await, expected, "what is destroyed stays so");
    }
    let after = create(&test, below, "After").await;
    assert_eq!(shown(&test, &test.admin, &after).await, Ok(vec![after.token.expose().to_owned()]));

    // A lock above reaches who set a policy of their own.
    test.set_policy(test.root, r#"{"reveal": "once", "locked": ["reveal"]}"#).await;
    test.set_policy(test.root, "{}").await;
    for key in [&after, &kept] {
        assert_eq!(shown(&test, &test.admin, key).await, GONE);
    }
    test.verify(&kept.token, &[]).unwrap();
}

#[tokio::test]
async fn copies_are_destroyed_when_an_organization_moves_to_where_secrets_are_shown_once() {
    let test = TestApp::new().await;
    let (open, closed) = (test.organization(test.root, "Open").await, test.organization(test.root, "Closed").await);
    policy(&test, open, "owner").await;
    let (moved, stays) = (test.organization(open, "Moved").await, test.organization(open, "Stays").await);
    let below = test.organization(moved, "Below").await;
    let (gone, kept) = (create(&test, below, "CI").await, create(&test, stays, "CI").await);
    for parent in [closed, open] {
        move_organization(&test.app, &test.admin, moved, parent, None, None).await.unwrap();
    }
    assert_eq!(shown(&test, &test.admin, &gone).await, GONE);
    assert_eq!(shown(&test, &test.admin, &kept).await, Ok(vec![kept.token.expose().to_owned()]));
}

#[tokio::test]
async fn old_secret_is_shown_as_long_as_it_is_good_and_a_revoked_keys_never() {
    let test = TestApp::new().await;
    let first = create(&test, test.root, "CI").await;
    let id = first.info.key.id;
    policy(&test, test.root, "owner").await;
    let rotate = async |secs| {
        let overlap = Overlap::For(Duration::from_secs(secs));
        rotate_key(&test.app, &test.admin, test.root, id, overlap, None).await.unwrap().fresh().unwrap()
    };
    let second = rotate(300).await;
    let both = reveal_key(&test.app, &test.admin, test.root, id, None).await.unwrap().fresh().unwrap();
    assert_eq!(tokens(&both), [Some(second.token.expose()), None], "of the first one no copy was kept");
    let third = rotate(300).await;
    let text = |it: &CreatedKey| it.token.expose().to_owned();
    assert_eq!(shown(&test, &test.admin, &first).await, Ok(vec![text(&third), text(&second)]));
    test.clock.advance(Duration::from_secs(300));
    assert_eq!(shown(&test, &test.admin, &first).await, Ok(vec![text(&third)]), "it has ended");
    let fourth = rotate(0).await;
    assert_eq!(shown(&test, &test.admin, &first).await, Ok(vec![text(&fourth)]));
    revoke_key(&test.app, &test.admin, test.root, id, RevocationReason::Unspecified, None).await.unwrap();
    assert_eq!(shown(&test, &test.admin, &first).await, Err(RejectCode::StateConflict));
    let mut reader = test.app.store().read().await.unwrap();
    let left = reader.find_sealed_copies(&Tenant::system(test.root, "test"), id).await.unwrap();
    assert!(left.is_empty());
}

#[tokio::test]
async fn personal_key_is_shown_again_to_its_user_alone() {
    let test = TestApp::new().await;
    policy(&test, test.root, "owner_and_admins").await;
    let (user, user_id) = member(&test, test.root, "Ann Admin", BuiltIn::Admin).await;
    let made = put_personal_key(&test.app, &user, test.root, user_id).await.unwrap();
    let Toggled::Made(key) = made else { panic!("it was there") };
    assert_eq!(shown(&test, &user, &key).await, Ok(vec![key.token.expose().to_owned()]));
    assert_eq!(shown(&test, &test.admin, &key).await, DENIED);
}

/// A further node on the same database, with a master key of its own; none on an engine that has one node.
async fn with_another_master_key(test: &TestApp) -> Option<App> {
    if !is_postgres() {
        return None;
    }
    let (clock, randomness) = (Arc::new(SettableClock::standing(test.now())), seeded(2));
    let master_key = MasterKey::generate(&mut ChaCha20Rng::seed_from_u64(8));
    let store = node(&address_of(test.app.store()), randomness()).await;
    let app = App::start(config(), store, clock, randomness, master_key);
    app.follower().ready().await;
    Some(app)
}

#[tokio::test]
async fn node_with_another_master_key_says_so_and_seals_nothing() {
    let test = TestApp::new().await;
    policy(&test, test.root, "owner").await;
    let (never, below) = (test.organization(test.root, "Never").await, test.organization(test.root, "Below").await);
    policy(&test, never, "once").await;
    let key = create(&test, test.root, "CI").await;
    let Some(other) = with_another_master_key(&test).await else { return };
    let id = key.info.key.id;
    let missing = RejectCode::MasterKeyMissing;
    assert_eq!(refused(reveal_key(&other, &test.admin, test.root, id, None).await), missing);
    // Neither under a data key that it cannot open, nor under one of its own.
    for at in [test.root, below] {
        assert_eq!(refused(create_key(&other, &test.admin, at, new_key("New"), None).await), missing);
    }
    create_key(&other, &test.admin, never, new_key("New"), None).await.unwrap();
    assert_eq!(shown(&test, &test.admin, &key).await, Ok(vec![key.token.expose().to_owned()]));

    // It makes no key that signs tokens, but takes back what one has signed.
    let made = rotate_signing_keys(&test.app, &test.admin, false, None).await.unwrap().fresh().unwrap();
    assert_eq!(refused(rotate_signing_keys(&other, &test.admin, false, None).await), missing);
    let left = rotate_signing_keys(&other, &test.admin, true, None).await.unwrap().fresh().unwrap();
    let states = |keys: &[SigningKeyInfo]| keys.iter().map(|it| (it.id, it.state)).collect::<Vec<_>>();
    let next = made.iter().find(|it| it.state == SigningKeyState::Next).unwrap();
    assert_eq!(states(&left), [(next.id, SigningKeyState::Current)]);
    other.shut_down().await;
}

// Many keys are made while policy changes: whoever came first, nothing is left that could be opened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_copy_slips_through_while_policy_changes() {
    let test = Arc::new(TestApp::new().await);
    for round in 0..2 {
        policy(&test, test.root, "owner").await;
        let makers: Vec<_> = (0..12)
            .map(|number| {
                let (making, name) = (Arc::clone(&test), format!("CI {round}-{number}"));
                test.app.spawn(async move { create(&making, making.root, &name).await.info.key.id })
            })
            .collect();
        policy(&test, test.root, "once").await;
        for maker in makers {
            let id: KeyId = maker.await.unwrap();
            let mut reader = test.app.store().read().await.unwrap();
            let left = reader.find_sealed_copies(&Tenant::system(test.root, "test"), id).await.unwrap();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}
