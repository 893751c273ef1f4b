//! How fast the store imports, loads and lists: `cargo run --release -p claviger-store --example store_speed -- 1000000 [folder]`.
//!
//! With a folder the database is a real one on its disk, with every commit written through, and a second run loads
//! what the first one left; without one it survives nothing.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]
#![expect(clippy::disallowed_methods, reason = "it measures time and takes arguments")]

use std::path::Path;
use std::time::Instant;

use claviger_core::api::KeyLocations;
use claviger_core::api::{Api, DEFAULT_API};
use claviger_core::event::{Event, EventKind, Position, Stream};
use claviger_core::feed::Change;
use claviger_core::id::{ApiId, KeyId, MemberId, OrganizationId, RoleId, SecretId, UserId};
use claviger_core::key::{Key, KeyDraft, Origin};
use claviger_core::member::Member;
use claviger_core::name::{KeyPrefix, Name, Slug};
use claviger_core::organization::{Organization, OrganizationStatus};
use claviger_core::permission::PermissionSet;
use claviger_core::policy::OwnPolicy;
use claviger_core::role::{BuiltIn, Role};
use claviger_core::secret::{Digest, Secret};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::user::{User, UserStatus};
use claviger_store::feed::{Followed, REPLICATED};
use claviger_store::keys::{KeyFilter, KeySort, KeyStatus};
use claviger_store::usage::SecretUse;
use claviger_store::{Options, PageRequest, Store};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const USERS: usize = 1000;

/// What a step takes: by the clock on the wall, and of the processors, which tells more on a machine that others use too.
struct Watch {
    started: Instant,
    cpu_secs: f64,
}

impl Watch {
    fn start() -> Self {
        Self { started: Instant::now(), cpu_secs: cpu_secs() }
    }

    /// Seconds by the clock.
    fn secs(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn print(&self, what: &str, rows: usize) {
        let (secs, cpu) = (self.secs(), cpu_secs() - self.cpu_secs);
        let each = cpu * 1e6 / rows as f64;
        println!("{what}: {secs:.2} s, {:.0} a second; processors {cpu:.2} s, {each:.1} µs each", rows as f64 / secs);
    }
}

/// Seconds that the processors have spent on this process, in steps of 10 ms; zero where there is no `/proc`.
fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().filter_map(|it| it.parse().ok()).collect();
    // Behind the name and the state, which is no number: user time is the eleventh, system time the twelfth.
    fields.get(10).zip(fields.get(11)).map_or(0.0, |(user, system)| (user + system) / 100.0)
}

struct World {
    store: Store,
    tenant: Tenant,
    api: Api,
    role: RoleId,
    users: Vec<UserId>,
    rng: ChaCha20Rng,
    now: Timestamp,
}

#[tokio::main]
async fn main() {
    let keys: usize = std::env::args().nth(1).and_then(|it| it.parse().ok()).unwrap_or(100_000);
    let rng = ChaCha20Rng::seed_from_u64(1);
    let store = match std::env::args().nth(2) {
        Some(folder) => Store::open(Path::new(&folder), Options::default(), rng).await,
        None => Store::throwaway(rng).await,
    };
    let store = store.expect("a store");
    let mut reader = store.read().await.expect("a reader");
    let there = reader.find_organization_ref_unchecked("operator").await.expect("an answer");
    drop(reader);
    let Some(root) = there else {
        let mut world = World::new(store).await;
        import(&mut world, keys).await;
        create(&mut world).await;
        load(&world.store, world.now).await;
        list(&world).await;
        usage(&mut world, keys).await;
        return;
    };
    // What an earlier run left in the folder: how fast is a start?
    load(&store, root.created_at).await;
}

impl World {
    async fn new(store: Store) -> Self {
        let now = Timestamp::from_micros(1_795_214_400_000_000).expect("in range");
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let organization_id = OrganizationId::new(now, &mut rng);
        let tenant = Tenant::system(organization_id, "measuring");
        let name = |text: &str| Name::parse(text).expect("a name");
        let slug = |text: &str| Slug::parse(text).expect("a slug");
        let api = Api {
            id: ApiId::new(now, &mut rng),
            organization_id,
            slug: slug(DEFAULT_API),
            name: name("Default"),
            prefix: KeyPrefix::parse("ck").expect("a prefix"),
            key_locations: KeyLocations::default(),
            versions: Vec::new(),
            one_key_per_user: false,
            expiry_days_default: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let role = Role::built_in(RoleId::new(now, &mut rng), organization_id, BuiltIn::Admin, now);
        let mut tx = store.begin().await.expect("a transaction");
        let root = Organization {
            id: organization_id,
            parent_id: None,
            slug: slug("operator"),
            name: name("Operator"),
            external_id: None,
            status: OrganizationStatus::Active,
            policy: OwnPolicy::default(),
            allowed_ips: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        tx.insert_root_unchecked(&root).await.expect("the root");
        tx.insert_api(&tenant, &api).await.expect("an api");
        tx.insert_role(&tenant, &role).await.expect("a role");
        let mut users = Vec::new();
        for number in 0..USERS {
            let user = User {
                id: UserId::new(now, &mut rng),
                organization_id,
                name: name(&format!("User {number}")),
                email: None,
                external_id: None,
                service: true,
                status: UserStatus::Active,
                version: 1,
                created_at: now,
                updated_at: now,
            };
            tx.insert_user(&tenant, &user).await.expect("a user");
            let member = Member {
                id: MemberId::new(now, &mut rng),
                organization_id,
                user_id: user.id,
                role_id: role.id,
                extra_permissions: PermissionSet::nothing(),
                version: 1,
                created_at: now,
                updated_at: now,
            };
            tx.insert_member(&tenant, &member).await.expect("a membership");
            users.push(user.id);
        }
        let event = Event::new(&tenant, EventKind::InstallationCreated, organization_id, now);
        tx.commit(event).await.expect("a commit");
        Self { store, tenant, api, role: role.id, users, rng, now }
    }

    fn key(&mut self, number: usize) -> (Key, Secret) {
        let mut draft = KeyDraft::named(Name::parse(&format!("Integration {number}")).expect("a name"), Origin::Import);
        draft.role_id = Some(self.role);
        // Whoever imports says for whom, and says it for a batch.
        let user = self.users[number / 1000 % self.users.len()];
        (draft.owner_id, draft.mapped_user_id) = (Some(user), Some(user));
        let digest = Digest::of_token(format!("secret {number}").as_bytes());
        // A batch shares an instant, batches follow each other.
        let now = self.now.saturating_add(std::time::Duration::from_millis(number as u64 / 1000));
        draft.import(self.tenant.organization_id(), &self.api, digest, now, &mut self.rng).expect("a key")
    }
}

async fn import(world: &mut World, keys: usize) {
    let watch = Watch::start();
    for first in (0..keys).step_by(1000) {
        let batch: Vec<_> = (first..keys.min(first + 1000)).map(|number| world.key(number)).collect();
        let mut tx = world.store.begin().await.expect("a transaction");
        let digests: Vec<_> = batch.iter().map(|(_, secret)| secret.digest).collect();
        let known = tx.find_digests(&world.tenant, &digests).await.expect("digests");
        assert!(known.iter().all(Option::is_none), "the keys are new");
        let names: Vec<_> = batch.iter().map(|(key, _)| key.name.key()).collect();
        assert!(tx.find_taken_names(&world.tenant, world.api.id, &names).await.expect("names").is_empty());
        tx.insert_keys(&world.tenant, &batch).await.expect("keys");
        let event = Event::new(&world.tenant, EventKind::KeysImported, world.tenant.organization_id(), world.now);
        tx.commit(event).await.expect("a commit");
    }
    watch.print(&format!("import {keys} keys"), keys);
}

async fn create(world: &mut World) {
    const CREATES: usize = 500;
    let watch = Watch::start();
    for number in 0..CREATES {
        let (key, secret) = world.key(100_000_000 + number);
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_key(&world.tenant, &key, &[secret]).await.expect("a key");
        tx.commit(Event::new(&world.tenant, EventKind::KeyCreated, key.id, world.now).after(&key))
            .await
            .expect("a commit");
    }
    watch.print("create one by one", CREATES);
}

async fn load(store: &Store, now: Timestamp) {
    for limit in [1000, 5000] {
        let (watch, mut records) = (Watch::start(), 0);
        for kind in REPLICATED {
            let mut after = None;
            loop {
                let mut reader = store.read().await.expect("a reader");
                let page = reader.page_records(kind, after.as_ref(), limit, now).await.expect("a page");
                records += page.rows.into_changes().iter().filter(|it| matches!(it, Change::Put(_))).count();
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        watch.print(&format!("load {records} records, {limit} at a time"), records);
    }
    let (watch, mut frames) = (Watch::start(), 0);
    let mut position = Position { epoch: 1, seq: 0 };
    let mut reader = store.read().await.expect("a reader");
    while let Followed::Frame(frame) = reader.changes(position, 256, now).await.expect("changes") {
        (position, frames) = (frame.to, frames + 1);
    }
    assert_eq!(position, reader.head(Stream::Change).await.expect("a head"));
    watch.print(&format!("follow {} events in {frames} frames", position.seq), position.seq as usize);
}

async fn list(world: &World) {
    let everything = KeyFilter::default();
    let of = |text: &str| KeyFilter { search: Some(text.into()), ..KeyFilter::default() };
    let user = world.users[0];
    let lists = [
        ("newest first", KeySort::Created, everything.clone()),
        ("by name", KeySort::Name, everything.clone()),
        ("by expiry", KeySort::Expiry, everything.clone()),
        ("of an owner", KeySort::Created, KeyFilter { owner_id: Some(user), ..everything.clone() }),
        ("of an owner by name", KeySort::Name, KeyFilter { owner_id: Some(user), ..everything.clone() }),
        ("mapped to a user", KeySort::Created, KeyFilter { mapped_user_id: Some(user), ..everything.clone() }),
        ("with a role", KeySort::Created, KeyFilter { role_id: Some(world.role), ..everything.clone() }),
        ("expired", KeySort::Created, KeyFilter { status: KeyStatus::Expired, ..everything.clone() }),
        ("revoked", KeySort::Created, KeyFilter { status: KeyStatus::Revoked, ..everything.clone() }),
        ("never used", KeySort::Created, KeyFilter { never_used: true, ..everything.clone() }),
        ("search, many found", KeySort::Created, of("integration 1")),
        ("search, none found", KeySort::Created, of("nowhere")),
        ("search, none found, by name", KeySort::Name, of("nowhere")),
    ];
    let mut reader = world.store.read().await.expect("a reader");
    for (what, sort, filter) in lists {
        let started = Instant::now();
        let request = PageRequest::first(25);
        let page = reader.page_keys(&world.tenant, &filter, sort, &request, world.now).await.expect("a page");
        let first = started.elapsed().as_secs_f64() * 1e3;
        let started = Instant::now();
        let page = reader
            .page_keys(&world.tenant, &filter, sort, &PageRequest { after: page.next, limit: 25 }, world.now)
            .await
            .expect("a page");
        let second = started.elapsed().as_secs_f64() * 1e3;
        let started = Instant::now();
        let count = reader.count_keys(&world.tenant, &filter, world.now).await.expect("a count").count;
        let counting = started.elapsed().as_secs_f64() * 1e3;
        println!(
            "list {what}: {first:.2} ms, next {second:.2} ms ({} rows), count {count} {counting:.2} ms",
            page.rows.len()
        );
    }
}

async fn usage(world: &mut World, keys: usize) {
    let uses: Vec<_> = (0..keys.min(100_000))
        .map(|_| SecretUse {
            key_id: KeyId::new(world.now, &mut world.rng),
            organization_id: world.tenant.organization_id(),
            secret_id: SecretId::new(world.now, &mut world.rng),
            last_used_at: world.now,
            ip: None,
            user_agent: Some("curl/8".into()),
            count: 1,
        })
        .collect();
    let watch = Watch::start();
    world.store.record_uses(&uses).await.expect("uses");
    world.store.record_uses(&uses).await.expect("uses");
    watch.print("record uses", 2 * uses.len());
}
