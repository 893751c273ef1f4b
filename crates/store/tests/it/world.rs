//! A small world to test in: a root with its roles, apis and an admin, and two customers below it who must never see each other.

use std::sync::atomic::{AtomicU64, Ordering};

use claviger_core::api::KeyLocations;
use claviger_core::api::{Api, DATA_LOADER_API, DEFAULT_API};
use claviger_core::event::{Entity, Event, EventKind, Position};
use claviger_core::id::{Id, OrganizationId, RoleId, UserId};
use claviger_core::key::{Key, KeyDraft, Origin};
use claviger_core::member::Member;
use claviger_core::name::{Email, KeyPrefix, Name, Slug};
use claviger_core::notification::{Facts, Notification, NotificationKind, NotificationState};
use claviger_core::organization::{Organization, OrganizationStatus};
use claviger_core::permission::PermissionSet;
use claviger_core::policy::OwnPolicy;
use claviger_core::role::{BuiltIn, Role};
use claviger_core::secret::{Secret, Token};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::user::{User, UserStatus};
use claviger_store::usage::SecretUse;
use claviger_store::{Store, Tx};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::engine::throwaway;

/// 2026-11-20T22:40:00Z, when all tests happen.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(1_795_214_400_000_000).expect("in range")
}

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A further identifier; later ones sort behind earlier ones.
pub(crate) fn id<K: type_safe_id::StaticType>() -> Id<K> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Id::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(number))
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

pub(crate) fn tenant(organization_id: OrganizationId) -> Tenant {
    Tenant::system(organization_id, "test")
}

pub(crate) fn organization(parent_id: Option<OrganizationId>, slug: &str) -> Organization {
    Organization {
        id: id(),
        parent_id,
        slug: Slug::parse(slug).expect("a slug"),
        name: name(slug),
        external_id: None,
        status: OrganizationStatus::Active,
        policy: OwnPolicy::default(),
        allowed_ips: None,
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

pub(crate) fn user(organization_id: OrganizationId, text: &str) -> User {
    User {
        id: id(),
        organization_id,
        name: name(text),
        email: Some(Email::parse(&format!("{text}@example.com")).expect("an address")),
        external_id: None,
        service: false,
        status: UserStatus::Active,
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

pub(crate) fn member(organization_id: OrganizationId, user_id: UserId, role_id: RoleId) -> Member {
    Member {
        id: id(),
        organization_id,
        user_id,
        role_id,
        extra_permissions: PermissionSet::nothing(),
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

/// An event of some kind about some thing, for tests that are not about events.
pub(crate) fn event(tenant: &Tenant, entity: impl Into<Entity>) -> Event {
    Event::new(tenant, EventKind::KeyUpdated, entity, now())
}

/// One use of a secret.
pub(crate) fn used_once(organization_id: OrganizationId, secret: &Secret, at: Timestamp) -> SecretUse {
    let (key_id, secret_id) = (secret.key_id, secret.id);
    SecretUse { key_id, secret_id, organization_id, last_used_at: at, ip: None, user_agent: None, count: 1 }
}

/// One of the two customers.
pub(crate) struct Customer {
    pub(crate) tenant: Tenant,
    pub(crate) organization: Organization,
    pub(crate) user: User,
    pub(crate) member: Member,
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) root: Tenant,
    pub(crate) root_organization: Organization,
    pub(crate) admin: Role,
    pub(crate) readonly: Role,
    pub(crate) api: Api,
    pub(crate) loader: Api,
    pub(crate) acme: Customer,
    pub(crate) beta: Customer,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::in_store(throwaway().await).await
    }

    pub(crate) async fn in_store(store: Store) -> Self {
        let root_organization = organization(None, "operator");
        let root = tenant(root_organization.id);
        let admin = Role::built_in(id(), root_organization.id, BuiltIn::Admin, now());
        let readonly = Role::built_in(id(), root_organization.id, BuiltIn::Readonly, now());
        let api = api(&root, DEFAULT_API, "ck");
        let loader = self::api(&root, DATA_LOADER_API, "dl");
        let mut tx = store.begin().await.expect("a transaction");
        tx.insert_root_unchecked(&root_organization).await.expect("the root");
        tx.insert_role(&root, &admin).await.expect("a role");
        tx.insert_role(&root, &readonly).await.expect("a role");
        tx.insert_api(&root, &api).await.expect("an api");
        tx.insert_api(&root, &loader).await.expect("an api");
        let acme = customer(&mut tx, &root, &admin, "acme").await;
        let beta = customer(&mut tx, &root, &admin, "beta").await;
        tx.commit(Event::new(&root, EventKind::InstallationCreated, root_organization.id, now()))
            .await
            .expect("a commit");
        Self { store, root, root_organization, admin, readonly, api, loader, acme, beta }
    }

    /// A key of a customer with the admin role, and its secret.
    pub(crate) fn key(&self, customer: &Customer, text: &str) -> (Key, Secret, Token) {
        let mut draft = KeyDraft::named(name(text), Origin::Api);
        draft.role_id = Some(self.admin.id);
        draft.owner_id = Some(customer.user.id);
        draft.mapped_user_id = Some(customer.user.id);
        let (mut key, mut secret, token) = draft
            .mint(
                customer.organization.id,
                &self.api,
                now(),
                &mut rng(id::<claviger_core::id::EventKind>().as_u128() as u64),
            )
            .expect("a key");
        // Identifiers in the order in which the test makes them.
        (key.id, secret.id) = (id(), id());
        secret.key_id = key.id;
        (key, secret, token)
    }

    /// Writes a key of a customer.
    pub(crate) async fn insert_key(&self, customer: &Customer, text: &str) -> (Key, Secret) {
        let (key, secret, _) = self.key(customer, text);
        let mut tx = self.store.begin().await.expect("a transaction");
        tx.insert_key(&customer.tenant, &key, std::slice::from_ref(&secret)).await.expect("a key");
        tx.commit(event(&customer.tenant, key.id)).await.expect("a commit");
        (key, secret)
    }

    /// Revokes a key of a customer.
    pub(crate) async fn revoke_key(&self, customer: &Customer, key: &Key) -> (Key, Position) {
        let mut revoked = key.clone();
        revoked.revoke(claviger_core::key::RevocationReason::Unspecified, now()).expect("a live key");
        let mut tx = self.store.begin().await.expect("a transaction");
        tx.update_key(&customer.tenant, &revoked, key.version).await.expect("a change");
        let position = tx.commit(event(&customer.tenant, key.id)).await.expect("a commit");
        (revoked, position)
    }
}

pub(crate) fn api(tenant: &Tenant, slug: &str, prefix: &str) -> Api {
    Api {
        id: id::<claviger_core::id::ApiKind>(),
        organization_id: tenant.organization_id(),
        slug: Slug::parse(slug).expect("a slug"),
        name: name(slug),
        prefix: KeyPrefix::parse(prefix).expect("a prefix"),
        key_locations: KeyLocations::default(),
        versions: Vec::new(),
        one_key_per_user: slug == DATA_LOADER_API,
        expiry_days_default: None,
        version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

async fn customer(tx: &mut Tx, root: &Tenant, role: &Role, slug: &str) -> Customer {
    let organization = organization(Some(root.organization_id()), slug);
    let tenant = tenant(organization.id);
    tx.insert_organization(root, &organization).await.expect("an organization");
    let user = user(organization.id, &format!("{slug}-ann"));
    tx.insert_user(&tenant, &user).await.expect("a user");
    let member = member(organization.id, user.id, role.id);
    tx.insert_member(&tenant, &member).await.expect("a membership");
    Customer { tenant, organization, user, member }
}

/// What a user is told of a key that nobody uses.
pub(crate) fn notification(key: &Key, user_id: UserId) -> Notification {
    Notification {
        id: id(),
        user_id,
        organization_id: key.organization_id,
        kind: NotificationKind::KeyIdle,
        subject_id: key.id.to_string(),
        facts: Facts::default(),
        deadline: None,
        state: NotificationState::Unread,
        created_at: now(),
    }
}
