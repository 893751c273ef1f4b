//! The feed: whoever loads and follows holds what is there, and what cannot be read is said to be so.

use std::collections::BTreeMap;
use std::time::Duration;

use claviger_core::event::{Entity, EntityKind, Position, Stream};
use claviger_core::feed::{Change, Frame, Record, encode};
use claviger_core::key::RevocationReason;
use claviger_core::permission::PermissionSet;
use claviger_core::secret::SecretState;
use claviger_core::time::Timestamp;
use claviger_core::user::User;
use claviger_store::Store;
use claviger_store::feed::{Followed, REPLICATED};
use proptest::prelude::*;

use crate::engine::{harm, is_postgres};
use crate::world::{World, event, id, member, name, now, organization, rng, user};

/// What a follower holds: the encoded record of each thing, or that it cannot be read.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Held(BTreeMap<Entity, Option<Vec<u8>>>);

impl Held {
    fn apply(&mut self, change: Change) {
        match change {
            Change::Put(record) => drop(self.0.insert(record.entity(), Some(encode(&record)))),
            Change::Gone(entity) => drop(self.0.remove(&entity)),
            Change::Unreadable(entity) => drop(self.0.insert(entity, None)),
        }
    }

    fn unreadable(&self) -> Vec<Entity> {
        self.0.iter().filter(|(_, it)| it.is_none()).map(|(entity, _)| *entity).collect()
    }
}

async fn load_at(store: &Store, limit: u32, at: Timestamp) -> (Held, Position) {
    let mut reader = store.read().await.expect("a reader");
    let head = reader.head(Stream::Change).await.expect("a head");
    let mut held = Held::default();
    for kind in REPLICATED {
        let mut after = None;
        loop {
            let page = reader.page_records(kind, after.as_ref(), limit, at).await.expect("a page");
            for change in page.rows.into_changes() {
                // Verifiers take the first of two rows with one version: half a key would stay half.
                let (before, is_put) = (held.0.len(), matches!(change, Change::Put(_)));
                held.apply(change);
                assert!(held.0.len() == before + 1 || !is_put, "a load tells everything once");
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    (held, head)
}

async fn load(store: &Store, limit: u32) -> (Held, Position) {
    load_at(store, limit, now()).await
}

async fn next(store: &Store, from: Position, events_max: u32) -> Option<Frame> {
    let mut reader = store.read().await.expect("a reader");
    match reader.changes(from, events_max, now()).await.expect("an answer") {
        Followed::Frame(frame) => Some(frame),
        Followed::UpToDate => None,
        Followed::Resync => panic!("there is no gap"),
    }
}

async fn follow(store: &Store, held: &mut Held, from: &mut Position, events_max: u32) {
    while let Some(frame) = next(store, *from, events_max).await {
        assert!(frame.from == *from && frame.from < frame.to, "ranges follow each other");
        assert!(frame.to.seq <= frame.from.seq + u64::from(events_max));
        *from = frame.to;
        frame.changes.into_iter().for_each(|it| held.apply(it));
    }
}

#[derive(Debug, Clone)]
enum Step {
    Organization,
    Suspend(prop::sample::Index),
    User,
    Member(bool),
    EndMembership(prop::sample::Index),
    Role,
    DeleteRole(prop::sample::Index),
    Api,
    Key,
    Toggle(prop::sample::Index),
    Rotate(prop::sample::Index, bool),
    Revoke(prop::sample::Index),
    Import(u8),
    Follow(u8),
}

fn step() -> impl Strategy<Value = Step> {
    use prop::sample::Index;
    prop_oneof![
        1 => Just(Step::Organization),
        1 => any::<Index>().prop_map(Step::Suspend),
        1 => Just(Step::User),
        1 => any::<bool>().prop_map(Step::Member),
        1 => any::<Index>().prop_map(Step::EndMembership),
        1 => Just(Step::Role),
        1 => any::<Index>().prop_map(Step::DeleteRole),
        1 => Just(Step::Api),
        4 => Just(Step::Key),
        2 => any::<Index>().prop_map(Step::Toggle),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(it, overlap)| Step::Rotate(it, overlap)),
        2 => any::<Index>().prop_map(Step::Revoke),
        1 => (1_u8..60).prop_map(Step::Import),
        1 => (1_u8..5).prop_map(Step::Follow),
    ]
}

/// Everything that random steps act on.
struct Play {
    world: World,
    organizations: Vec<claviger_core::organization::Organization>,
    members: Vec<claviger_core::member::Member>,
    roles: Vec<claviger_core::role::Role>,
    keys: Vec<(claviger_core::key::Key, Vec<claviger_core::secret::Secret>)>,
    number: usize,
}

impl Play {
    async fn step(&mut self, step: Step) {
        self.number += 1;
        let (root, acme) = (self.world.root.clone(), self.world.acme.tenant.clone());
        let text = format!("thing-{}", self.number);
        let mut tx = self.world.store.begin().await.expect("a transaction");
        // Events say nothing of what else they touched: the transaction knows.
        let told = event(&acme, self.world.acme.organization.id);
        match step {
            Step::Organization => {
                let it = organization(Some(root.organization_id()), &text);
                tx.insert_organization(&root, &it).await.expect("an organization");
                self.organizations.push(it);
            }
            Step::Suspend(at) if !self.organizations.is_empty() => {
                let at = at.index(self.organizations.len());
                let it = &mut self.organizations[at];
                it.status = claviger_core::organization::OrganizationStatus::Suspended;
                it.version += 1;
                tx.update_organization(&root, it, it.version - 1).await.expect("a change");
            }
            Step::User => tx.insert_user(&acme, &user(acme.organization_id(), &text)).await.expect("a user"),
            Step::Member(admin) => {
                let person = user(acme.organization_id(), &text);
                tx.insert_user(&acme, &person).await.expect("a user");
                let role = if admin { &self.world.admin } else { &self.world.readonly };
                let mut it = member(acme.organization_id(), person.id, role.id);
                it.extra_permissions = PermissionSet::parse(&["a:read"]).expect("permissions");
                tx.insert_member(&acme, &it).await.expect("a membership");
                self.members.push(it);
            }
            Step::EndMembership(at) if !self.members.is_empty() => {
                let it = self.members.remove(at.index(self.members.len()));
                tx.delete_member(&acme, it.id, it.version).await.expect("an end");
            }
            Step::Role => {
                let mut it = self.world.readonly.clone();
                (it.id, it.organization_id, it.built_in) = (id(), acme.organization_id(), None);
                it.name = name(&text);
                tx.insert_role(&acme, &it).await.expect("a role");
                self.roles.push(it);
            }
            Step::DeleteRole(at) if !self.roles.is_empty() => {
                let it = self.roles.remove(at.index(self.roles.len()));
                tx.delete_role(&acme, it.id, it.version).await.expect("an end");
            }
            Step::Api => {
                let prefix = format!("p{}", self.number);
                tx.insert_api(&acme, &crate::world::api(&acme, &text, &prefix)).await.expect("an api");
            }
            Step::Key => {
                let (key, secret, _) = self.world.key(&self.world.acme, &text);
                tx.insert_key(&acme, &key, std::slice::from_ref(&secret)).await.expect("a key");
                self.keys.push((key, vec![secret]));
            }
            Step::Toggle(at) if !self.keys.is_empty() => {
                let at = at.index(self.keys.len());
                let key = &mut self.keys[at].0;
                let active = key.standing != claviger_core::decision::KeyStanding::Active;
                if key.set_active(active, now()).is_ok() {
                    tx.update_key(&acme, key, key.version - 1).await.expect("a change");
                }
            }
            Step::Rotate(at, overlap) if !self.keys.is_empty() => {
                let at = at.index(self.keys.len());
                let (key, secrets) = &mut self.keys[at];
                let overlap = Duration::from_secs(if overlap { 3600 } else { 0 });
                let before = secrets.len();
                if key.rotate(secrets, &self.world.api, overlap, now(), &mut rng(self.number as u64 + 1000)).is_ok() {
                    tx.update_key(&acme, key, key.version - 1).await.expect("a change");
                    for old in &secrets[..before] {
                        tx.update_secret(&acme, old, now()).await.expect("a change");
                    }
                    secrets[before].id = id();
                    tx.insert_secret(&acme, &secrets[before]).await.expect("a secret");
                    secrets.retain(|it| it.state != SecretState::Dead);
                }
            }
            Step::Revoke(at) if !self.keys.is_empty() => {
                let at = at.index(self.keys.len());
                let key = &mut self.keys[at].0;
                if key.revoke(RevocationReason::Unspecified, now()).is_ok() {
                    tx.update_key(&acme, key, key.version - 1).await.expect("a change");
                }
            }
            Step::Import(count) => {
                let keys: Vec<_> =
                    (0..count).map(|it| self.world.key(&self.world.acme, &format!("{text} {it}"))).collect();
                let keys: Vec<_> = keys.into_iter().map(|(key, secret, _)| (key, secret)).collect();
                tx.insert_keys(&acme, &keys).await.expect("keys");
            }
            _ => return,
        }
        tx.commit(told).await.expect("a commit");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn loading_and_following_holds_what_loading_again_holds(
        steps in proptest::collection::vec(step(), 1..40), limit in 1_u32..7
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let world = World::new().await;
            let store = world.store.clone();
            let mut play = Play { world, organizations: vec![], members: vec![], roles: vec![], keys: vec![], number: 0 };
            let (mut held, mut from) = load(&store, limit).await;
            for step in steps {
                if let Step::Follow(events_max) = step {
                    follow(&store, &mut held, &mut from, u32::from(events_max)).await;
                } else {
                    play.step(step).await;
                }
            }
            follow(&store, &mut held, &mut from, 3).await;
            let (again, head) = load(&store, limit).await;
            assert_eq!(from, head);
            assert_eq!(held, again);
            assert_eq!(again, load(&store, 10_000).await.0, "whatever the size of a page");
            assert_eq!(held.unreadable(), []);
        });
    }
}

#[tokio::test]
async fn position_of_another_life_or_beyond_the_head_is_told_to_load_again() {
    let world = World::new().await;
    let mut reader = world.store.read().await.expect("a reader");
    let head = reader.head(Stream::Change).await.expect("a head");
    assert!(matches!(reader.changes(head, 10, now()).await, Ok(Followed::UpToDate)));
    let beyond = Position { seq: head.seq + 1, ..head };
    let (older, newer) = (Position { epoch: head.epoch - 1, ..head }, Position { epoch: head.epoch + 1, seq: 0 });
    for position in [beyond, older, newer] {
        assert!(matches!(reader.changes(position, 10, now()).await, Ok(Followed::Resync)), "{position:?}");
    }
}

#[tokio::test]
async fn gap_or_unreadable_event_is_told_to_load_again() {
    for harm_it in [
        "DELETE FROM event WHERE seq = 2",
        "UPDATE event SET touched = '[\"key_nonsense\"]' WHERE seq = 2",
        "UPDATE event SET touched = '' WHERE seq = 2",
    ] {
        let world = World::new().await;
        world.insert_key(&world.acme, "one").await;
        world.insert_key(&world.acme, "two").await;
        harm(&world.store, harm_it).await;
        let mut reader = world.store.read().await.expect("a reader");
        let from = Position { epoch: 1, seq: 1 };
        assert!(matches!(reader.changes(from, 10, now()).await, Ok(Followed::Resync)), "{harm_it}");
    }
}

#[tokio::test]
async fn row_that_cannot_be_read_is_said_to_be_so_and_stops_no_other() {
    let world = World::new().await;
    let (bad, bad_secret) = world.insert_key(&world.acme, "bad").await;
    let (good, _) = world.insert_key(&world.acme, "good").await;
    let (intact, _) = load(&world.store, 100).await;
    let key = |what: &str| format!("UPDATE key SET {what} WHERE id = '{}'", bad.id);
    let secret = |what: &str| format!("UPDATE secret SET {what} WHERE id = '{}'", bad_secret.id);
    let organization =
        |what: &str| format!("UPDATE organization SET {what} WHERE id = '{}'", world.beta.organization.id);
    let harms: [(String, Entity); 18] = [
        (key("standing = 'dormant'"), bad.id.into()),
        (key("reach = ''"), bad.id.into()),
        (key("scopes = '[\"no permission\"]'"), bad.id.into()),
        (key("allowed_ips = '[]'"), bad.id.into()),
        (key("limits = '{\"rate\": \"often\"}'"), bad.id.into()),
        (key("metadata = '{'"), bad.id.into()),
        (key("role_id = 'rol_x'"), bad.id.into()),
        (key(&format!("name = '{}'", "x".repeat(321))), bad.id.into()),
        (key("version = -1"), bad.id.into()),
        (
            key(if is_postgres() { "name = 'a' || chr(31) || 'b'" } else { "name = 'a' || char(31) || 'b'" }),
            bad.id.into(),
        ),
        // PostgreSQL holds no text that is none.
        (key(if is_postgres() { "name = ''" } else { "name = CAST(x'ff41' AS TEXT)" }), bad.id.into()),
        (secret("state = 'asleep'"), bad.id.into()),
        (secret("state = 'retiring'"), bad.id.into()),
        (organization("policy = '{\"reveal\": \"everybody\"}'"), world.beta.organization.id.into()),
        (organization("status = 'gone'"), world.beta.organization.id.into()),
        (format!("UPDATE role SET permissions = '[' WHERE id = '{}'", world.admin.id), world.admin.id.into()),
        (format!("UPDATE \"user\" SET status = '' WHERE id = '{}'", world.acme.user.id), world.acme.user.id.into()),
        (format!("UPDATE api SET version = -5 WHERE id = '{}'", world.loader.id), world.loader.id.into()),
    ];
    for (harm_it, entity) in harms {
        let table = harm_it.split(' ').nth(1).expect("a table").to_owned();
        harm(&world.store, &format!("CREATE TABLE saved AS SELECT * FROM {table}")).await;
        harm(&world.store, &harm_it).await;
        let (held, _) = load(&world.store, 100).await;
        assert_eq!(held.unreadable(), [entity], "{harm_it}");
        let mut expected = intact.clone();
        expected.0.insert(entity, None);
        assert_eq!(held, expected, "{harm_it}");
        // The same for whoever follows.
        let frame = next(&world.store, Position { epoch: 1, seq: 0 }, 100).await.expect("a frame");
        let mut followed = Held::default();
        frame.changes.into_iter().for_each(|it| followed.apply(it));
        assert_eq!(followed.unreadable(), [entity], "{harm_it}");
        harm(&world.store, &format!("DELETE FROM {table}")).await;
        harm(&world.store, &format!("INSERT INTO {table} SELECT * FROM saved")).await;
        harm(&world.store, "DROP TABLE saved").await;
    }
    assert_eq!(load(&world.store, 100).await.0, intact);
    assert!(intact.0.contains_key(&Entity::from(good.id)));
}

#[tokio::test]
async fn membership_that_cannot_be_read_makes_its_user_unreadable_too() {
    let world = World::new().await;
    let (member_id, user) = (world.acme.member.id, &world.acme.user);
    let both = [Entity::from(user.id), Entity::from(member_id)];
    for harm_it in ["role_id = ''", "extra_permissions = '['", "version = -1", "organization_id = 'org_!'"] {
        harm(&world.store, "CREATE TABLE saved AS SELECT * FROM member").await;
        harm(&world.store, &format!("UPDATE member SET {harm_it} WHERE id = '{member_id}'")).await;
        assert_eq!(load(&world.store, 100).await.0.unreadable(), both, "{harm_it}");
        // The same for whoever follows, also when the user alone is written again.
        let head = world.store.read().await.expect("a reader").head(Stream::Change).await.expect("a head");
        let mut tx = world.store.begin().await.expect("a transaction");
        let before = tx.find_user(&world.acme.tenant, user.id).await.expect("a row").expect("a user");
        let renamed = User { version: before.version + 1, ..before.clone() };
        tx.update_user(&world.acme.tenant, &renamed, before.version).await.expect("a change");
        tx.commit(event(&world.acme.tenant, user.id)).await.expect("a commit");
        for (from, expected) in [(Position { epoch: 1, seq: 0 }, &both[..]), (head, &both[..1])] {
            let mut followed = Held::default();
            let frame = next(&world.store, from, 100).await.expect("a frame");
            frame.changes.into_iter().for_each(|it| followed.apply(it));
            assert_eq!(followed.unreadable(), expected, "{harm_it}");
        }
        harm(&world.store, "DELETE FROM member").await;
        harm(&world.store, "INSERT INTO member SELECT * FROM saved").await;
        harm(&world.store, "DROP TABLE saved").await;
    }
    // One whose very id cannot be read names its user still.
    harm(&world.store, &format!("UPDATE member SET id = 'mem_!' WHERE id = '{member_id}'")).await;
    assert_eq!(load(&world.store, 100).await.0.unreadable(), [user.id.into()]);
}

#[tokio::test]
async fn row_whose_very_id_cannot_be_read_is_left_out() {
    let world = World::new().await;
    let (bad, _) = world.insert_key(&world.acme, "bad").await;
    let (good, _) = world.insert_key(&world.acme, "good").await;
    harm(&world.store, &format!("UPDATE key SET id = 'key_!' WHERE id = '{}'", bad.id)).await;
    let (held, _) = load(&world.store, 2).await;
    assert_eq!(held.unreadable(), []);
    let keys: Vec<_> = held.0.keys().filter(|it| it.kind == EntityKind::Key).copied().collect();
    assert_eq!(keys, [Entity::from(good.id)]);
}

#[tokio::test]
async fn revoked_keys_and_ended_secrets_are_remembered_for_ninety_days() {
    let world = World::new().await;
    let (key, secret) = world.insert_key(&world.acme, "revoked").await;
    world.revoke_key(&world.acme, &key).await;
    let (mut rotated, old) = world.insert_key(&world.acme, "rotated").await;
    let mut secrets = vec![old];
    rotated.rotate(&mut secrets, &world.api, Duration::ZERO, now(), &mut rng(5)).expect("a live key");
    let mut tx = world.store.begin().await.expect("a transaction");
    tx.update_key(&world.acme.tenant, &rotated, 1).await.expect("a change");
    tx.update_secret(&world.acme.tenant, &secrets[0], now()).await.expect("a change");
    tx.insert_secret(&world.acme.tenant, &secrets[1]).await.expect("a secret");
    tx.commit(event(&world.acme.tenant, rotated.id)).await.expect("a commit");
    let at = async |days: u64| {
        let mut reader = world.store.read().await.expect("a reader");
        let later = now().saturating_add(Duration::from_secs(days * 24 * 60 * 60));
        let page = reader.page_records(EntityKind::Key, None, 100, later).await.expect("a page");
        let secrets = |it: &Change| match it {
            Change::Put(record) => match &**record {
                Record::Key(record) => (record.id, record.secrets.len()),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        page.rows.into_changes().iter().map(secrets).collect::<Vec<_>>()
    };
    assert_eq!(at(89).await, [(key.id, 1), (rotated.id, 2)]);
    assert_eq!(at(91).await, [(rotated.id, 1)]);
    assert_eq!(secret.key_id, key.id);
}

#[tokio::test]
async fn key_with_more_secrets_than_a_page_has_rows_is_told_whole() {
    let world = World::new().await;
    let (mut key, first) = world.insert_key(&world.acme, "often rotated").await;
    world.insert_key(&world.acme, "another").await;
    let mut secrets = vec![first];
    for round in 0..5 {
        key.rotate(&mut secrets, &world.api, Duration::ZERO, now(), &mut rng(100 + round)).expect("a live key");
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.update_key(&world.acme.tenant, &key, key.version - 1).await.expect("a change");
        tx.update_secret(&world.acme.tenant, &secrets[0], now()).await.expect("a change");
        tx.insert_secret(&world.acme.tenant, &secrets[1]).await.expect("a secret");
        tx.commit(event(&world.acme.tenant, key.id)).await.expect("a commit");
        secrets.remove(0);
    }
    let (whole, _) = load(&world.store, 1000).await;
    for limit in 1..8 {
        assert_eq!(load(&world.store, limit).await.0, whole, "{limit}");
    }
}

#[tokio::test]
async fn frame_of_many_imports_ends_before_it_is_too_large() {
    let world = World::new().await;
    for batch in 0..12 {
        let keys: Vec<_> =
            (0..1000).map(|it| world.key(&world.acme, &format!("{batch} {it}"))).map(|it| (it.0, it.1)).collect();
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_keys(&world.acme.tenant, &keys).await.expect("keys");
        tx.commit(event(&world.acme.tenant, world.acme.organization.id)).await.expect("a commit");
    }
    let (mut held, mut from, mut sizes) = (Held::default(), Position { epoch: 1, seq: 0 }, Vec::new());
    while let Some(frame) = next(&world.store, from, 1000).await {
        from = frame.to;
        sizes.push(frame.changes.len());
        frame.changes.into_iter().for_each(|it| held.apply(it));
    }
    assert!(1 < sizes.len() && sizes.iter().all(|it| *it < 12_000), "{sizes:?}");
    assert_eq!(held, load(&world.store, 5000).await.0);
}
