//! Two nodes on one PostgreSQL: what one changes holds at the other within a second, and a right that is taken away is not used meanwhile.

use std::sync::Arc;
use std::time::Duration;

use claviger::app::App;
use claviger::clock::SettableClock;
use claviger::ops::caller::Caller;
use claviger::ops::keys::{create_key, revoke_key, set_key_active};
use claviger::ops::members::{MemberPatch, update_member};
use claviger_core::decision::Code;
use claviger_core::key::RevocationReason;
use claviger_core::reject::RejectCode;
use claviger_core::role::BuiltIn;
use claviger_core::secret::Token;
use claviger_verifier::credential::Presented;
use claviger_verifier::verify::{About, Ask};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use crate::app::{TestApp, config, new_key, refused, seeded};
use crate::engine::{address_of, is_postgres, node};

/// How long another node may take to know.
const WITHIN: Duration = Duration::from_secs(1);

/// A service and a second node on its database; none on an engine that has one node.
async fn two_nodes() -> Option<(TestApp, App)> {
    if !is_postgres() {
        return None;
    }
    let first = TestApp::new().await;
    let second = further(&first, "").await;
    Some((first, second))
}

/// A further node; `options` go behind the address of its database.
async fn further(first: &TestApp, options: &str) -> App {
    let randomness = seeded(2);
    let address = format!("{}{options}", address_of(first.app.store()));
    let clock = Arc::new(SettableClock::standing(first.now()));
    let second = App::start(config(), node(&address, randomness()).await, clock, randomness);
    second.follower().ready().await;
    second
}

fn allows(node: &App, token: &Token) -> bool {
    let presented = Presented::token(token.expose().as_bytes()).unwrap();
    let ask = Ask { organization: About::Own, api: None, permissions: &[], ip: None };
    node.replica().verify(&presented, &ask, node.now()).decision().code().is_none()
}

/// Waits until a node says so of a token, and for no longer than it may take.
async fn comes_to(node: &App, token: &Token, allowed: bool) -> Duration {
    let started = Instant::now();
    let reached = async {
        while allows(node, token) != allowed {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(WITHIN, reached).await.expect("the other node knows within a second");
    started.elapsed()
}

#[tokio::test]
async fn key_made_at_one_node_is_good_at_the_other_and_denied_there_once_revoked() {
    let Some((first, second)) = two_nodes().await else { return };
    for number in 0..20 {
        let made = first.create_key(&first.admin, first.root, new_key(&format!("CI {number}"))).await.unwrap();
        comes_to(&second, &made.token, true).await;
        // Revoked at either.
        let at = if number % 2 == 0 { &first.app } else { &second };
        let other = if number % 2 == 0 { &second } else { &first.app };
        revoke_key(at, &first.admin, first.root, made.info.key.id, RevocationReason::KeyCompromise).await.unwrap();
        assert!(!allows(at, &made.token), "the node that answered denies at once");
        comes_to(other, &made.token, false).await;
    }
    second.shut_down().await;
    first.stop().await;
}

#[tokio::test]
async fn nodes_learn_of_each_other_when_nobody_rings() {
    if !is_postgres() {
        return;
    }
    let first = TestApp::new().await;
    // In front of the engine's own one stands a bell without a clapper.
    let schema = first.app.store().place().rsplit(' ').next().unwrap().to_owned();
    let mut connection = PgConnection::connect(&address_of(first.app.store())).await.unwrap();
    let mute = format!("CREATE FUNCTION {schema}.pg_notify(text, text) RETURNS void LANGUAGE sql AS $$ SELECT $$");
    connection.execute(AssertSqlSafe(mute)).await.unwrap();
    let (mute, hears) = (further(&first, ",pg_catalog").await, further(&first, "").await);
    let made = create_key(&mute, &first.admin, first.root, new_key("CI"), None).await.unwrap().fresh().unwrap();
    comes_to(&hears, &made.token, true).await;
    // More than a poll's time apart, so that it was no ring that came late.
    sleep(WITHIN).await;
    revoke_key(&mute, &first.admin, first.root, made.info.key.id, RevocationReason::KeyCompromise).await.unwrap();
    comes_to(&hears, &made.token, false).await;
    comes_to(&first.app, &made.token, false).await;
    for node in [mute, hears] {
        node.shut_down().await;
    }
    first.stop().await;
}

#[tokio::test]
async fn who_was_demoted_at_one_node_makes_no_key_at_the_other() {
    let Some((first, second)) = two_nodes().await else { return };
    for round in 0..10 {
        let (grantor, _, member_id) = first.member(first.root, &format!("Grantor {round}"), BuiltIn::Admin).await;
        let readonly = first.built_in(first.root, BuiltIn::Readonly).await.id;
        let patch = MemberPatch { role_id: Some(readonly), ..MemberPatch::default() };
        let demote = update_member(&first.app, &first.admin, first.root, member_id, patch, None);
        // At the same time: whichever comes first, no key is made by somebody who was not allowed to when it was committed.
        let name = format!("Late {round}");
        let create = create_key(&second, &grantor, first.root, new_key(&name), None);
        let (demoted, created) = tokio::join!(demote, create);
        demoted.unwrap();
        drop(created);
        let after = create_key(&second, &grantor, first.root, new_key(&format!("Later {round}")), None).await;
        assert_eq!(refused(after), RejectCode::Decision(Code::InsufficientPermission));
    }
    second.shut_down().await;
    first.stop().await;
}

#[tokio::test]
async fn revoked_key_makes_no_key_behind_its_revocation() {
    let Some((first, second)) = two_nodes().await else { return };
    for round in 0..10 {
        let maker = first.create_key(&first.admin, first.root, new_key(&format!("Maker {round}"))).await.unwrap();
        comes_to(&second, &maker.token, true).await;
        let presented = Presented::token(maker.token.expose().as_bytes()).unwrap();
        let caller: Caller = Caller::of_key(&second, &presented, None, None).unwrap().caller;
        let revoke = async {
            revoke_key(&first.app, &first.admin, first.root, maker.info.key.id, RevocationReason::KeyCompromise)
                .await
                .unwrap();
            // What is there when the revocation was answered is all there will ever be.
            first.app.store().read().await.unwrap().count_live_keys(&system(&first)).await.unwrap()
        };
        let create = async {
            let mut made = 0;
            for number in 0..20 {
                let new = new_key(&format!("Made {round} {number}"));
                match create_key(&second, &caller, first.root, new, None).await {
                    Ok(_) => made += 1,
                    Err(_) => break,
                }
            }
            made
        };
        let (at_revocation, _) = tokio::join!(revoke, create);
        let later = first.app.store().read().await.unwrap().count_live_keys(&system(&first)).await.unwrap();
        assert_eq!(at_revocation, later, "round {round}");
    }
    second.shut_down().await;
    first.stop().await;
}

fn system(test: &TestApp) -> claviger_core::tenant::Tenant {
    claviger_core::tenant::Tenant::system(test.root, "test")
}

#[tokio::test]
async fn two_admins_who_demote_each_other_leave_one() {
    let Some((first, second)) = two_nodes().await else { return };
    let (other, _, other_member) = first.member(first.root, "Other", BuiltIn::Admin).await;
    let readonly = first.built_in(first.root, BuiltIn::Readonly).await.id;
    let patch = || MemberPatch { role_id: Some(readonly), ..MemberPatch::default() };
    let own_member = {
        let mut reader = first.app.store().read().await.unwrap();
        reader.find_nearest_member(&system(&first), first.admin_id).await.unwrap().unwrap().id
    };
    let (one, two) = tokio::join!(
        update_member(&first.app, &first.admin, first.root, other_member, patch(), None),
        update_member(&second, &other, first.root, own_member, patch(), None),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    second.shut_down().await;
    first.stop().await;
}

#[tokio::test]
async fn same_key_switched_at_both_nodes_at_once_is_switched_twice() {
    let Some((first, second)) = two_nodes().await else { return };
    let made = first.create_key(&first.admin, first.root, new_key("CI")).await.unwrap();
    let id = made.info.key.id;
    for _ in 0..10 {
        let off = set_key_active(&first.app, &first.admin, first.root, id, false, None);
        let on = set_key_active(&second, &first.admin, first.root, id, true, None);
        let (off, on) = tokio::join!(off, on);
        (off.unwrap(), on.unwrap());
    }
    second.shut_down().await;
    first.stop().await;
}
