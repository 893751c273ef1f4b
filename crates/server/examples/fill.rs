//! Fills a data folder that a first start has set up, for measurements: organizations of a thousand keys, a hundred users
//! in each, ten keys a user, and one key in four with scopes of its own. The tokens go into a file, one in each line; the
//! token of a key that may ask about all of them is printed.
//!
//! Straight into the store, past the operations, because nothing is to be said about who may do this; the file lock keeps
//! a running server out. The same count makes the same tokens.
//!
//! Usage: `fill DATA_FOLDER COUNT TOKENS_FILE`.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use claviger_core::api::{Api, DEFAULT_API};
use claviger_core::decision::Reach;
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{MemberId, OrganizationId, RoleId, UserId};
use claviger_core::key::{KeyDraft, Origin};
use claviger_core::member::Member;
use claviger_core::name::{ExternalId, Name, Slug};
use claviger_core::organization::{Organization, OrganizationStatus};
use claviger_core::permission::PermissionSet;
use claviger_core::policy::OwnPolicy;
use claviger_core::role::Role;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::user::{User, UserStatus};
use claviger_store::{Durability, Options, Store};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

const KEYS_PER_ORGANIZATION: usize = 1000;
const KEYS_PER_USER: usize = 10;
/// How often to say how far it has come: ten million keys take minutes.
const KEYS_PER_STEP: usize = 500_000;
const JOB: &str = "bench";

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, count, tokens] = arguments.as_slice() else {
        return Err("usage: fill DATA_FOLDER COUNT TOKENS_FILE".into());
    };
    let (count, tokens) = (count.parse()?, BufWriter::new(File::create(tokens)?));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(fill(Path::new(folder), count, tokens))
}

async fn fill(folder: &Path, count: usize, mut tokens: impl Write) -> Outcome {
    let mut rng = ChaCha8Rng::seed_from_u64(count as u64);
    let options = Options { durability: Durability::None, ..Options::default() };
    let store = Store::open(folder, options, ChaCha8Rng::seed_from_u64(0)).await?;
    // Any instant in the past will do; the machine's is not asked, so that the same count makes the same database.
    let now: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let (root, api) = find_root(&store).await?;
    let role_id = insert_role(&store, root, now, &mut rng).await?;
    print_asking_key(&store, root, &api, now, &mut rng).await?;
    let mut filler = Filler { store, root, api, role_id, now, rng };
    let mut made = 0;
    while made < count {
        let keys = KEYS_PER_ORGANIZATION.min(count - made);
        let (tenant, users) = filler.insert_organization(made / KEYS_PER_ORGANIZATION, keys).await?;
        filler.insert_keys(&tenant, &users, keys, &mut tokens).await?;
        made += keys;
        if made.is_multiple_of(KEYS_PER_STEP) {
            writeln!(std::io::stderr(), "{made} of {count} keys")?;
        }
    }
    tokens.flush()?;
    filler.store.close().await;
    Ok(())
}

async fn find_root(store: &Store) -> Outcome<(OrganizationId, Api)> {
    let mut reader = store.read().await?;
    let installation = reader.find_installation_unchecked().await?.ok_or("start the server on this folder once")?;
    let root = installation.root_organization_id;
    let api = reader.find_api_by_slug(&Tenant::system(root, JOB), DEFAULT_API).await?.ok_or("no default api")?;
    Ok((root, api))
}

/// The role of all users: what measurements ask for, and a few permissions beside it.
async fn insert_role(store: &Store, root: OrganizationId, now: Timestamp, rng: &mut ChaCha8Rng) -> Outcome<RoleId> {
    let tenant = Tenant::system(root, JOB);
    let permissions = ["companies:read", "contacts:read", "contacts:update", "scorecards:*"];
    let role = role("Integration", &permissions, root, now, rng)?;
    let mut tx = store.begin().await?;
    tx.insert_role(&tenant, &role).await?;
    tx.commit(Event::new(&tenant, EventKind::RoleCreated, role.id, now).after(&role)).await?;
    Ok(role.id)
}

fn role(name: &str, permissions: &[&str], root: OrganizationId, now: Timestamp, rng: &mut ChaCha8Rng) -> Outcome<Role> {
    Ok(Role {
        id: RoleId::new(now, rng),
        organization_id: root,
        built_in: None,
        name: Name::parse(name)?,
        description: Default::default(),
        permissions: PermissionSet::parse(permissions)?,
        api_access: true,
        version: 1,
        created_at: now,
        updated_at: now,
    })
}

/// Makes the key of a host that asks about its customers' keys, and prints its token.
#[expect(clippy::print_stdout, reason = "whoever fills a folder needs this token")]
async fn print_asking_key(
    store: &Store,
    root: OrganizationId,
    api: &Api,
    now: Timestamp,
    rng: &mut ChaCha8Rng,
) -> Outcome {
    let tenant = Tenant::system(root, JOB);
    let role = role("Verifier", &["claviger/keys:verify"], root, now, rng)?;
    let mut draft = KeyDraft::named(Name::parse("Host")?, Origin::Api);
    draft.role_id = Some(role.id);
    draft.reach = Reach::Subtree;
    let (key, secret, token) = draft.mint(root, api, now, rng).map_err(|reject| reject.to_string())?;
    let mut tx = store.begin().await?;
    tx.insert_role(&tenant, &role).await?;
    tx.insert_key(&tenant, &key, &[secret]).await?;
    tx.commit(Event::new(&tenant, EventKind::KeyCreated, key.id, now).after(&key)).await?;
    println!("{}", token.expose());
    Ok(())
}

/// What everything is made with.
struct Filler {
    store: Store,
    root: OrganizationId,
    api: Api,
    role_id: RoleId,
    now: Timestamp,
    rng: ChaCha8Rng,
}

impl Filler {
    /// Makes an organization with the users that so many keys need.
    async fn insert_organization(&mut self, number: usize, keys: usize) -> Outcome<(Tenant, Vec<UserId>)> {
        // A second for each, so that identifiers grow as they do in life and indexes are filled at their end.
        self.now = self.now.saturating_add(Duration::from_secs(1));
        let Self { root, role_id, now, .. } = *self;
        let organization = Organization {
            id: OrganizationId::new(now, &mut self.rng),
            parent_id: Some(root),
            slug: Slug::parse(&format!("customer-{number}"))?,
            name: Name::parse(&format!("Customer {number}"))?,
            external_id: Some(ExternalId::parse(&format!("c{number}"))?),
            status: OrganizationStatus::Active,
            policy: OwnPolicy::default(),
            allowed_ips: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let tenant = Tenant::system(organization.id, JOB);
        let mut tx = self.store.begin().await?;
        tx.insert_organization(&Tenant::system(root, JOB), &organization).await?;
        let mut users = Vec::new();
        for person in 0..keys.div_ceil(KEYS_PER_USER) {
            let user = User {
                id: UserId::new(now, &mut self.rng),
                organization_id: organization.id,
                name: Name::parse(&format!("User {person} of {number}"))?,
                email: None,
                external_id: Some(ExternalId::parse(&format!("u{number}-{person}"))?),
                service: true,
                status: UserStatus::Active,
                version: 1,
                created_at: now,
                updated_at: now,
            };
            let member = Member {
                id: MemberId::new(now, &mut self.rng),
                organization_id: organization.id,
                user_id: user.id,
                role_id,
                extra_permissions: PermissionSet::nothing(),
                version: 1,
                created_at: now,
                updated_at: now,
            };
            tx.insert_user(&tenant, &user).await?;
            tx.insert_member(&tenant, &member).await?;
            users.push(user.id);
        }
        tx.commit(Event::new(&tenant, EventKind::OrganizationCreated, organization.id, now).after(&organization))
            .await?;
        Ok((tenant, users))
    }

    /// Makes the keys of an organization and writes down their tokens.
    async fn insert_keys(
        &mut self,
        tenant: &Tenant,
        users: &[UserId],
        count: usize,
        tokens: &mut impl Write,
    ) -> Outcome {
        let mut keys = Vec::with_capacity(count);
        for number in 0..count {
            let user_id = users[number / KEYS_PER_USER];
            let mut draft = KeyDraft::named(Name::parse(&format!("Integration {number}"))?, Origin::Import);
            draft.owner_id = Some(user_id);
            draft.mapped_user_id = Some(user_id);
            if number.is_multiple_of(4) {
                draft.scopes = Some(PermissionSet::parse(&["contacts:read"])?);
            }
            let minted = draft.mint(tenant.organization_id(), &self.api, self.now, &mut self.rng);
            let (key, secret, token) = minted.map_err(|reject| reject.to_string())?;
            writeln!(tokens, "{}", token.expose())?;
            keys.push((key, secret));
        }
        let first = keys.first().ok_or("no keys")?.0.id;
        let mut tx = self.store.begin().await?;
        tx.insert_keys(tenant, &keys).await?;
        tx.commit(Event::new(tenant, EventKind::KeysImported, first, self.now)).await?;
        Ok(())
    }
}
