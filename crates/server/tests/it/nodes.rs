//! Two nodes on one PostgreSQL: what one changes holds at the other within a second, and a right that is taken away is not used meanwhile.

use std::sync::Arc;
use std::time::Duration;

use claviger::app::App;
use claviger::clock::SettableClock;
use claviger::ops::caller::Caller;
use claviger::ops::imports::{ImportLine, NewImport, append_import, create_import};
use claviger::ops::keys::{create_key, revoke_key, update_key};
use claviger::ops::members::{MemberPatch, update_member};
use claviger::ops::moves::move_organization;
use claviger::ops::organizations::{OrganizationPatch, get_organization, update_organization};
use claviger_core::decision::Code;
use claviger_core::id::{OrganizationId, UserId};
use claviger_core::key::{KeyPatch, RevocationReason};
use claviger_core::reject::RejectCode;
use claviger_core::role::BuiltIn;
use claviger_core::secret::{Digest, Token};
use claviger_core::tenant::Tenant;
use claviger_verifier::credential::Presented;
use claviger_verifier::verify::{About, Ask};
use data_encoding::HEXLOWER;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::time::{Instant, sleep, timeout};

use crate::app::{TestApp, config, master_key, name, new_key, refused, seeded};
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

/// A further node with a clock of its own, which shows what the first one's does.
pub(crate) async fn beside(first: &TestApp) -> (App, Arc<SettableClock>) {
    let (randomness, clock) = (seeded(2), Arc::new(SettableClock::standing(first.now())));
    let store = node(&address_of(first.app.store()), randomness()).await;
    let second = App::start(config(), store, clock.clone(), randomness, master_key());
    second.follower().ready().await;
    (second, clock)
}

/// A further node; `options` go behind the address of its database.
async fn further(first: &TestApp, options: &str) -> App {
    let randomness = seeded(2);
    let address = format!("{}{options}", address_of(first.app.store()));
    let clock = Arc::new(SettableClock::standing(first.now()));
    let second = App::start(config(), node(&address, randomness()).await, clock, randomness, master_key());
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
        revoke_key(at, &first.admin, first.root, made.info.key.id, RevocationReason::KeyCompromise, None)
            .await
            .unwrap();
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
    revoke_key(&mute, &first.admin, first.root, made.info.key.id, RevocationReason::KeyCompromise, None).await.unwrap();
    comes_to(&hears, &made.token, false).await;
    comes_to(&first.app, &made.token, false).await;
    for node in [mute, hears] {
        node.shut_down().await;
    }
    first.stop().await;
}

/// Makes keys at a node, four at a time, until it is refused; meanwhile, at another one, does what takes the right to do so away.
/// Whatever is there when that has been answered is all there will ever be.
async fn ends_what_a_caller_may(
    first: &TestApp,
    second: &App,
    (caller, at): (&Caller, OrganizationId),
    round: u32,
    end: impl Future<Output = ()>,
) {
    let tenant = Tenant::system(at, "test");
    let count = async || first.app.store().read().await.unwrap().count_live_keys(&tenant).await.unwrap();
    let ended = async {
        sleep(Duration::from_millis(10)).await;
        end.await;
        count().await
    };
    let make = async |maker: &str| {
        let mut made = 0;
        while create_key(second, caller, at, new_key(&format!("{maker} {round} {made}")), None).await.is_ok() {
            made += 1;
        }
        made
    };
    let (at_the_end, a, b, c, d) = tokio::join!(ended, make("a"), make("b"), make("c"), make("d"));
    assert_eq!(count().await, at_the_end, "round {round}, {} keys", a + b + c + d);
}

#[tokio::test]
async fn who_is_demoted_at_one_node_makes_no_key_at_the_other_from_then_on() {
    let Some((first, second)) = two_nodes().await else { return };
    let readonly = first.built_in(first.root, BuiltIn::Readonly).await.id;
    first.set_policy(first.root, r#"{"max_keys_per_user": 10000}"#).await;
    for round in 0..10 {
        let (grantor, _, member_id) = first.member(first.root, &format!("Grantor {round}"), BuiltIn::Admin).await;
        let patch = MemberPatch { role_id: Some(readonly), ..MemberPatch::default() };
        let demote = async {
            update_member(&first.app, &first.admin, first.root, member_id, patch, None).await.unwrap();
        };
        ends_what_a_caller_may(&first, &second, (&grantor, first.root), round, demote).await;
        let after = create_key(&second, &grantor, first.root, new_key(&format!("Later {round}")), None).await;
        assert_eq!(refused(after), RejectCode::Decision(Code::InsufficientPermission));
    }
    second.shut_down().await;
    first.stop().await;
}

#[tokio::test]
async fn revoked_key_makes_no_key_behind_its_revocation() {
    let Some((first, second)) = two_nodes().await else { return };
    first.set_policy(first.root, r#"{"max_keys_per_user": 10000}"#).await;
    for round in 0..10 {
        let maker = first.create_key(&first.admin, first.root, new_key(&format!("Maker {round}"))).await.unwrap();
        comes_to(&second, &maker.token, true).await;
        let presented = Presented::token(maker.token.expose().as_bytes()).unwrap();
        let caller = Caller::of_key(&second, &presented, None, None).unwrap().caller;
        let (id, reason) = (maker.info.key.id, RevocationReason::KeyCompromise);
        let revoke = async {
            revoke_key(&first.app, &first.admin, first.root, id, reason, None).await.unwrap();
        };
        ends_what_a_caller_may(&first, &second, (&caller, first.root), round, revoke).await;
    }
    second.shut_down().await;
    first.stop().await;
}

/// What begins the import of a file.
async fn import_of(test: &TestApp, file: u8, owner_id: Option<UserId>) -> NewImport {
    NewImport {
        source_digest: [file; 32],
        source_name: "keys.csv".to_owned(),
        api: None,
        role_id: Some(test.built_in(test.root, BuiltIn::Readonly).await.id),
        scopes: None,
        owner_id,
        mapped_user_id: None,
    }
}

#[tokio::test]
async fn import_of_one_file_begun_at_both_nodes_is_one_import() {
    let Some((first, second)) = two_nodes().await else { return };
    for file in 0..20 {
        let new = import_of(&first, file, None).await;
        let (one, two) = tokio::join!(
            create_import(&first.app, &first.admin, first.root, new.clone()),
            create_import(&second, &first.admin, first.root, new),
        );
        assert_eq!(one.unwrap().id, two.unwrap().id);
    }
    second.shut_down().await;
    first.stop().await;
}

#[tokio::test]
async fn import_at_one_node_and_forms_at_the_other_give_nobody_more_keys_than_policy_says() {
    const MAX: i64 = 25;
    let Some((first, second)) = two_nodes().await else { return };
    let started = Instant::now();
    for round in 0..10 {
        let (owner, owner_id, _) = first.member(first.root, &format!("Owner {round}"), BuiltIn::Admin).await;
        let new = import_of(&first, round, Some(owner_id)).await;
        let import_id = create_import(&first.app, &first.admin, first.root, new).await.unwrap().id;
        let line = |number: u64| {
            let digest = Digest::of_token(format!("legacy {round} {number}").as_bytes());
            let sha256 = HEXLOWER.encode(digest.as_bytes());
            ImportLine { line: number, sha256, name: None, description: None, expires_at: None, fault: None }
        };
        let lines = (2..22).map(line).collect();
        while create_key(&second, &owner, first.root, new_key(&format!("First {round}")), None).await.is_err() {
            assert!(started.elapsed() < WITHIN * 30, "the other node never learns of {owner:?}");
            sleep(Duration::from_millis(2)).await;
        }
        let make = async |maker: &str| {
            for number in 0..MAX {
                drop(
                    create_key(&second, &owner, first.root, new_key(&format!("{maker} {round} {number}")), None).await,
                );
            }
        };
        let append = append_import(&first.app, &first.admin, first.root, import_id, lines, None, true);
        let (appended, ..) = tokio::join!(append, make("a"), make("b"), make("c"));
        let mut reader = first.app.store().read().await.unwrap();
        let owned = reader.count_live_keys_of_owner(&system(&first), owner_id).await.unwrap();
        assert!(owned <= MAX, "round {round}: {owned}, {appended:?}");
    }
    second.shut_down().await;
    first.stop().await;
}

fn system(test: &TestApp) -> Tenant {
    Tenant::system(test.root, "test")
}

#[tokio::test]
async fn two_admins_who_demote_each_other_leave_one() {
    let Some((first, second)) = two_nodes().await else { return };
    let (other, _, other_member) = first.member(first.root, "Other", BuiltIn::Admin).await;
    let readonly = first.built_in(first.root, BuiltIn::Readonly).await.id;
    let patch = || MemberPatch { role_id: Some(readonly), ..MemberPatch::default() };
    let own_member = {
        let mut reader = first.app.store().read().await.unwrap();
        reader.find_standing(&system(&first), first.admin_id).await.unwrap().unwrap().0.id
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
async fn changes_of_one_key_at_both_nodes_are_made_one_after_the_other() {
    let Some((first, second)) = two_nodes().await else { return };
    let made = first.create_key(&first.admin, first.root, new_key("CI")).await.unwrap();
    let id = made.info.key.id;
    let rename = async |node: &App, round: u32, which: &str| {
        let patch = KeyPatch { name: Some(name(&format!("{which} {round}"))), ..KeyPatch::default() };
        update_key(node, &first.admin, first.root, id, patch, None).await.unwrap().key.version
    };
    let mut version = made.info.key.version;
    for round in 0..20 {
        let one = rename(&first.app, round, "one");
        let (one, two, three) = tokio::join!(one, rename(&second, round, "two"), rename(&second, round, "three"));
        let mut versions = [one, two, three];
        versions.sort_unstable();
        assert_eq!(versions, [version + 1, version + 2, version + 3]);
        version += 3;
    }
    second.shut_down().await;
    first.stop().await;
}

#[tokio::test]
async fn whose_organization_is_moved_away_at_one_node_makes_no_key_there_at_the_other_from_then_on() {
    let Some((first, second)) = two_nodes().await else { return };
    first.set_policy(first.root, r#"{"max_keys_per_user": 10000}"#).await;
    let right = first.organization(first.root, "Right").await;
    for round in 0..10 {
        let left = first.organization(first.root, &format!("Left {round}")).await;
        let child = first.organization(left, &format!("Child {round}")).await;
        let (owner, ..) = first.member(left, &format!("Owner {round}"), BuiltIn::Admin).await;
        second.follower().applied(first.app.replica().position().unwrap()).await.unwrap();
        let away = async {
            move_organization(&first.app, &first.admin, child, right, None, None).await.unwrap();
        };
        ends_what_a_caller_may(&first, &second, (&owner, child), round, away).await;
        let after = create_key(&second, &owner, child, new_key("Later"), None).await;
        assert_eq!(refused(after), RejectCode::NotFound);
    }
    second.shut_down().await;
    first.stop().await;
}

#[tokio::test]
async fn two_organizations_that_are_moved_below_each_other_at_both_nodes_make_no_circle() {
    let Some((first, second)) = two_nodes().await else { return };
    for round in 0..10 {
        let left = first.organization(first.root, &format!("Left {round}")).await;
        let right = first.organization(first.root, &format!("Right {round}")).await;
        second.follower().applied(first.app.replica().position().unwrap()).await.unwrap();
        let (one, two) = tokio::join!(
            move_organization(&first.app, &first.admin, left, right, None, None),
            move_organization(&second, &first.admin, right, left, None, None),
        );
        assert!(one.is_ok() != two.is_ok(), "round {round}: {one:?} {two:?}");
    }
    second.shut_down().await;
    first.stop().await;
}

#[tokio::test]
async fn policy_that_is_locked_tighter_at_one_node_is_not_exceeded_at_the_other_from_then_on() {
    const LOCKED: &str = r#"{"max_keys_per_user": 3, "locked": ["max_keys_per_user"]}"#;
    let Some((first, second)) = two_nodes().await else { return };
    for round in 0..10 {
        let above = first.organization(first.root, &format!("Above {round}")).await;
        first.set_policy(above, r#"{"max_keys_per_user": 10000}"#).await;
        let child = first.organization(above, &format!("Child {round}")).await;
        let (owner, ..) = first.member(above, &format!("Owner {round}"), BuiltIn::Admin).await;
        // So many are left, and not one more once it is locked.
        for number in 0..3 {
            create_key(&first.app, &owner, child, new_key(&format!("Before {round} {number}")), None).await.unwrap();
        }
        second.follower().applied(first.app.replica().position().unwrap()).await.unwrap();
        let of = |json: &str| OrganizationPatch {
            policy: Some(serde_json::from_str(json).unwrap()),
            ..OrganizationPatch::default()
        };
        // Somebody widens it below, at the same moment and at the other node.
        let lock = async {
            let widen = update_organization(&second, &owner, child, of(r#"{"max_keys_per_user": 9000}"#), None);
            let lock = update_organization(&first.app, &first.admin, above, of(LOCKED), None);
            tokio::join!(widen, lock).1.unwrap();
        };
        ends_what_a_caller_may(&first, &second, (&owner, child), round, lock).await;
        for node in [&first.app, &second] {
            let holds = get_organization(node, &first.admin, child).await.unwrap().effective_policy;
            assert_eq!(holds.max_keys_per_user, 3, "whoever came first");
        }
        let widened = update_organization(&second, &owner, child, of(r#"{"max_keys_per_user": 8000}"#), None).await;
        assert_eq!(refused(widened), RejectCode::PolicyDenied);
    }
    second.shut_down().await;
    first.stop().await;
}
