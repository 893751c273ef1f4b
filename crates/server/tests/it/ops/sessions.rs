//! The set-up link, signing in, and who is held back.

use std::net::IpAddr;
use std::time::Duration;

use claviger::ops::account::{change_own_password, confirm, end_other_sessions, end_own_session, list_own_sessions};
use claviger::ops::caller::Caller;
use claviger::ops::error::OpResult;
use claviger::ops::organizations::get_organization;
use claviger::ops::sessions::{
    Claim, Origin, SESSION_IDLE, SESSION_LIFE, SignedIn, claim_set_up_link, find_session, find_set_up_link, sign_in,
    sign_out,
};
use claviger::ops::users::{UserPatch, update_user};
use claviger_core::event::{Event, EventKind};
use claviger_core::name::Email;
use claviger_core::reject::RejectCode;
use claviger_core::role::BuiltIn;
use claviger_core::tenant::Tenant;
use claviger_core::user::{User, UserStatus};
use secrecy::{ExposeSecret, SecretString};

use crate::app::{ADMIN_EMAIL, ADMIN_PASSWORD, TestApp, name, refused};
use crate::engine::Stored;

async fn try_to_sign_in(test: &TestApp, email: &str, password: &str, ip: &str) -> OpResult<SignedIn> {
    let origin = Origin { ip: Some(ip.parse().unwrap()), user_agent: Some("Test/1".to_owned()) };
    sign_in(&test.app, Email::parse(email).unwrap(), SecretString::from(password), origin).await
}

#[tokio::test]
async fn a_set_up_link_is_good_once() {
    let test = TestApp::new().await;
    let installed = claviger::ops::installation::install(&test.app, name("Ignored")).await.unwrap();
    assert!(installed.set_up_token.is_none() && installed.first_key.is_none(), "it is claimed");
    let unknown = SecretString::from("no such link");
    assert!(find_set_up_link(&test.app, &unknown).await.unwrap().is_none());
    let claim = |password: &str| Claim {
        name: name("Eve"),
        email: Email::parse("eve@example.com").unwrap(),
        password: SecretString::from(password),
    };
    let refusal = claim_set_up_link(&test.app, unknown.clone(), claim("long enough it is"), Origin::default()).await;
    assert_eq!(refused(refusal), RejectCode::NotFound);
    let refusal = claim_set_up_link(&test.app, unknown, claim("too short"), Origin::default()).await;
    assert_eq!(refused(refusal), RejectCode::InvalidField);
}

#[tokio::test]
async fn a_session_ends_when_it_says_and_at_sign_out() {
    let test = TestApp::new().await;
    let signed_in = try_to_sign_in(&test, "ADMIN@example.com", ADMIN_PASSWORD, "192.0.2.1").await.unwrap();
    let find = async |it: &SignedIn| find_session(&test.app, &it.token, None).await.unwrap();
    let current = find(&signed_in).await.unwrap();
    assert_eq!((current.user.id, current.expires_at), (test.admin_id, test.now().saturating_add(SESSION_LIFE)));
    get_organization(&test.app, &current.caller, test.root).await.unwrap();

    sign_out(&test.app, &current.caller).await.unwrap();
    sign_out(&test.app, &current.caller).await.expect("nothing to sign out of is no error");
    assert!(find(&signed_in).await.is_none());

    let idle = try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, "192.0.2.1").await.unwrap();
    test.clock.advance(SESSION_IDLE);
    assert!(find(&idle).await.is_none(), "nobody used it for a day");

    let busy = try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, "192.0.2.1").await.unwrap();
    let mut lived = Duration::ZERO;
    while lived + SESSION_IDLE / 2 < SESSION_LIFE {
        lived += SESSION_IDLE / 2;
        test.clock.advance(SESSION_IDLE / 2);
        assert!(find(&busy).await.is_some(), "after {lived:?}");
        seen(&test).await;
    }
    test.clock.advance(SESSION_IDLE / 2);
    assert!(find(&busy).await.is_none(), "however busy it was");
    assert!(find_session(&test.app, &SecretString::from("unknown"), None).await.unwrap().is_none());
}

/// Waits until the use of a session, which is written down beside the answer, has been.
async fn seen(test: &TestApp) {
    for _ in 0..500 {
        let mut reader = test.app.store().read().await.unwrap();
        let sessions = reader.find_sessions_of_user_unchecked(test.admin_id, test.now()).await.unwrap();
        if sessions.iter().any(|it| it.last_seen_at == test.now()) {
            return;
        }
        drop(reader);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the use of the session was not written down");
}

#[tokio::test]
async fn an_unknown_address_is_answered_like_a_wrong_password() {
    let test = TestApp::new().await;
    let wrong = try_to_sign_in(&test, ADMIN_EMAIL, "wrong password 1", "192.0.2.1").await.unwrap_err().into_reject();
    let unknown = try_to_sign_in(&test, "nobody@example.com", "wrong", "192.0.2.1").await.unwrap_err().into_reject();
    assert_eq!(wrong, unknown);
    assert_eq!(wrong.code, RejectCode::Unauthenticated);
}

#[tokio::test]
async fn a_disabled_user_is_signed_out_and_stays_out() {
    let test = TestApp::new().await;
    let (second, ..) = test.member(test.root, "Second", BuiltIn::Admin).await;
    let signed_in = try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, "192.0.2.1").await.unwrap();
    let patch = UserPatch { status: Some(UserStatus::Disabled), ..UserPatch::default() };
    update_user(&test.app, &second, test.root, test.admin_id, patch, None).await.unwrap();
    assert!(find_session(&test.app, &signed_in.token, None).await.unwrap().is_none());
    let refusal = refused(try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, "192.0.2.1").await);
    assert_eq!(refusal, RejectCode::Unauthenticated);
    let caller = Caller::Session { user_id: test.admin_id, session_id: signed_in.session_id, ip: None };
    assert!(get_organization(&test.app, &caller, test.root).await.is_err());
}

#[tokio::test]
async fn who_is_disabled_while_signing_in_gets_no_session() {
    let test = TestApp::new().await;
    let sessions = async || {
        let mut reader = test.app.store().read().await.unwrap();
        reader.find_sessions_of_user_unchecked(test.admin_id, test.now()).await.unwrap().len()
    };
    let there_were = sessions().await;
    let mut tx = test.app.store().begin_structural().await.unwrap();
    let before = tx.find_user_unchecked(test.admin_id).await.unwrap().unwrap();
    let disable = async {
        // By now the account was found, and its password is being checked or was.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let user = User { status: UserStatus::Disabled, version: before.version + 1, ..before.clone() };
        let tenant = Tenant::system(test.root, "test");
        tx.update_user(&tenant, &user, before.version).await.unwrap();
        tx.commit(Event::new(&tenant, EventKind::UserUpdated, user.id, test.now())).await.unwrap();
    };
    let (refusal, ()) = tokio::join!(try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, "192.0.2.1"), disable);
    assert_eq!(refused(refusal), RejectCode::Unauthenticated);
    assert_eq!(sessions().await, there_were);
}

#[tokio::test]
async fn guessing_is_held_back_by_address_and_the_victim_is_not_locked_out() {
    let test = TestApp::new().await;
    // The victim has signed in from here before.
    try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, "192.0.2.1").await.unwrap();
    // An attacker with many addresses guesses at the account, a few tries from each.
    let mut codes = Vec::new();
    for number in 0..14_u8 {
        let ip = IpAddr::from([198, 51, 100, number]).to_string();
        codes.push(refused(try_to_sign_in(&test, ADMIN_EMAIL, "a wrong guess", &ip).await));
    }
    assert_eq!(codes.iter().filter(|it| **it == RejectCode::Unauthenticated).count(), 10, "{codes:?}");
    assert_eq!(codes[13], RejectCode::TooManyTries);
    try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, "192.0.2.1").await.expect("the victim gets in");
    let from_elsewhere = refused(try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, "198.51.100.200").await);
    assert_eq!(from_elsewhere, RejectCode::TooManyTries);
    test.clock.advance(Duration::from_secs(60));
    try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, "198.51.100.200").await.expect("a try came back with time");
    // One address that guesses at many accounts.
    let one = async |number: u32| {
        refused(try_to_sign_in(&test, &format!("user{number}@example.com"), "a wrong guess", "203.0.113.9").await)
    };
    for number in 0..20 {
        assert_eq!(one(number).await, RejectCode::Unauthenticated);
    }
    assert_eq!(one(20).await, RejectCode::TooManyTries);
}

#[tokio::test]
async fn session_tokens_are_unguessable_and_kept_as_digests() {
    let test = TestApp::new().await;
    let one = try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, "192.0.2.1").await.unwrap();
    let other = try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, "192.0.2.1").await.unwrap();
    assert_ne!(one.token.expose_secret(), other.token.expose_secret());
    assert_eq!(one.token.expose_secret().len(), 43, "256 bits in base64");
    let stored = Stored::of(test.app.store()).await;
    test.app.shut_down().await;
    for entry in std::fs::read_dir(stored.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let token = one.token.expose_secret().as_bytes();
        assert!(!bytes.windows(token.len()).any(|it| it == token));
    }
}

// Whoever reads the audit sees from where somebody signed in, out, and set a password.
#[tokio::test]
async fn every_event_of_an_account_tells_the_address_it_came_from() {
    const IP: &str = "203.0.113.9";
    let test = TestApp::new().await;
    let ip = Some(IP.parse().unwrap());
    let origin = || Origin { ip, user_agent: None };
    for _ in 0..2 {
        try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, IP).await.unwrap();
    }
    let signed_in = try_to_sign_in(&test, ADMIN_EMAIL, ADMIN_PASSWORD, IP).await.unwrap();
    let caller = |session_id| Caller::Session { user_id: test.admin_id, session_id, ip };
    let password = || SecretString::from(ADMIN_PASSWORD);
    let session = confirm(&test.app, &caller(signed_in.session_id), password(), origin()).await.unwrap().session_id;
    let own = list_own_sessions(&test.app, &caller(session)).await.unwrap().items;
    let other = own.iter().find(|it| !it.is_this).unwrap().session.id;
    end_own_session(&test.app, &caller(session), other).await.unwrap();
    end_other_sessions(&test.app, &caller(session)).await.unwrap();
    let new = SecretString::from("another long password");
    change_own_password(&test.app, &caller(session), password(), new).await.unwrap();
    sign_out(&test.app, &caller(session)).await.unwrap();
    let mut reader = test.app.store().read().await.unwrap();
    let tenant = Tenant::system(test.root, "test");
    let events = reader.page_events(&tenant, &Default::default(), &Default::default()).await.unwrap().rows;
    for kind in [
        EventKind::SessionCreated,
        EventKind::SessionConfirmed,
        EventKind::SessionEnded,
        EventKind::SessionsEnded,
        EventKind::UserPasswordSet,
    ] {
        let told: Vec<_> = events.iter().filter(|it| it.kind == kind).map(|it| it.ip).collect();
        assert!(!told.is_empty() && told.iter().all(|it| *it == ip), "{kind:?}: {told:?}");
    }
}
