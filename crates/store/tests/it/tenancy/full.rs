//! One of everything, for those who must not see it.

use claviger_core::access_token::{PublicKey, SigningKeyInfo, SigningKeyState};
use claviger_core::api::{Api, ApiDocument, DocumentHead};
use claviger_core::ending::Countdown;
use claviger_core::id::{ApiId, ImportKind, OrganizationId, RoleId};
use claviger_core::key::Key;
use claviger_core::name::{ExternalId, Name};
use claviger_core::organization::Organization;
use claviger_core::permission::PermissionSet;
use claviger_core::role::{BuiltIn, Role};
use claviger_core::sealing::{Purpose, WrappedKey};
use claviger_core::secret::{Secret, SecretState};
use claviger_core::shared_secret::SharedSecret;
use claviger_core::user::User;
use claviger_store::clocks::{IdleWalk, KeyClock};
use claviger_store::idempotency::IdempotentAnswer;
use claviger_store::imports::Import;
use claviger_store::sealing::DataKeyRow;
use claviger_store::usage::denials::{Denial, KeyDenials};
use claviger_store::usage::versions::VersionUse;

use crate::webhooks::Told;
use crate::world::{World, api, event, id, member, notification, now, organization, tenant, used_once};

/// A world in which Acme has one of everything.
pub(super) struct Full {
    pub(super) world: World,
    pub(super) key: Key,
    pub(super) secret: Secret,
    pub(super) role: Role,
    pub(super) api: Api,
    pub(super) document: ApiDocument,
    pub(super) user: User,
    pub(super) import: Import,
    pub(super) below: Organization,
    pub(super) child: Key,
    pub(super) child_secret: Secret,
    pub(super) data_key: DataKeyRow,
    pub(super) shared_secret: SharedSecret,
    pub(super) signing_key: SigningKeyInfo,
    pub(super) told: Told,
}

impl Full {
    pub(super) async fn new() -> Self {
        let world = World::new().await;
        let acme = world.acme.tenant.clone();
        let organization_id = acme.organization_id();
        let mut role = Role::built_in(id(), organization_id, BuiltIn::Member, now());
        role.permissions = PermissionSet::parse(&["a:read"]).expect("permissions");
        let api = api(&acme, "acme-api", "ac");
        let user = User {
            external_id: Some(ExternalId::parse("u-1").expect("an id")),
            ..crate::world::user(organization_id, "bob")
        };
        let below = organization(Some(organization_id), "below");
        let (mut key, secret, _) = world.key(&world.acme, "CI");
        (key.personal, key.sole, key.role_id) = (true, true, Some(role.id));
        let (mut child, child_secret, _) = world.key(&world.acme, "Other");
        child.role_id = Some(role.id);
        let import = import(organization_id, api.id, role.id);
        let mut tx = world.store.begin().await.expect("a transaction");
        tx.insert_role(&acme, &role).await.expect("a role");
        tx.insert_api(&acme, &api).await.expect("an api");
        let document = document(&api);
        tx.put_document(&acme, &document).await.expect("a document");
        tx.insert_user(&acme, &user).await.expect("a user");
        tx.insert_organization(&acme, &below).await.expect("an organization");
        let ann = crate::world::user(organization_id, "ann");
        tx.insert_user(&acme, &ann).await.expect("a user");
        let holder = member(organization_id, ann.id, role.id);
        tx.insert_member(&acme, &holder).await.expect("a membership");
        let nearer = member(below.id, world.acme.user.id, world.readonly.id);
        tx.insert_member(&tenant(below.id), &nearer).await.expect("a membership");
        tx.insert_key(&acme, &key, std::slice::from_ref(&secret)).await.expect("a key");
        tx.insert_key(&acme, &child, std::slice::from_ref(&child_secret)).await.expect("a key");
        let (mut lower, lower_secret, _) = world.key(&world.acme, "Till");
        lower.organization_id = below.id;
        tx.insert_key(&tenant(below.id), &lower, std::slice::from_ref(&lower_secret)).await.expect("a key");
        let data_key = tx.insert_data_key(&acme, Purpose::Reveal, &data_key(), now()).await.expect("a data key");
        tx.insert_sealed_copy(&acme, &secret, data_key.id, &vec![1]).await.expect("a copy");
        let state = SecretState::Current;
        let shared_secret = SharedSecret { id: id(), organization_id, state, created_at: now() };
        tx.insert_shared_secret(&acme, &shared_secret, data_key.id, &vec![1]).await.expect("a shared secret");
        let signing_key = signing_key(SigningKeyState::Current);
        tx.insert_signing_key(&acme, &signing_key, data_key.id, &vec![1]).await.expect("a signing key");
        tx.end_sign_in(&acme, id(), key.id, now()).await.expect("an end");
        let told = crate::webhooks::tell(&mut tx, &acme, &child, data_key.id).await;
        tx.put_key_clock(&acme, &clock(&key)).await.expect("a clock");
        let notice = notification(&key, world.acme.user.id);
        tx.insert_notification(&acme, &notice, id(), None).await.expect("a notification");
        tx.put_idle_walk(&acme, &IdleWalk::begin(90)).await.expect("a walk");
        tx.insert_import(&acme, &import).await.expect("an import");
        tx.insert_idempotent(&acme, "abc", &answer()).await.expect("an answer");
        tx.commit(event(&acme, key.id).after(&key)).await.expect("a commit");
        let mut tx = world.store.begin().await.expect("a transaction");
        while tx.extend_chains_unchecked(100).await.expect("links") > 0 {}
        tx.commit_unaudited("a test links").await.expect("a commit");
        let used = used_once(world.acme.organization.id, &secret, now());
        world.store.record_uses(&[used]).await.expect("a use");
        let denial = Denial { at: now(), code: "expired".into(), ip: None, user_agent: None };
        let organization_id = world.acme.organization.id;
        let denials = KeyDenials { key_id: key.id, organization_id, count: 1, latest: vec![denial] };
        world.store.record_denials(&[denials]).await.expect("a denial");
        let called = VersionUse { key_id: key.id, organization_id, version: "1.0".into(), at: now(), count: 1 };
        world.store.record_version_uses(&mut vec![called]).await.expect("a request");
        Self {
            world,
            key,
            secret,
            role,
            api,
            document,
            user,
            import,
            below,
            child,
            child_secret,
            data_key,
            shared_secret,
            signing_key,
            told,
        }
    }
}

fn document(api: &Api) -> ApiDocument {
    let head = DocumentHead {
        api_id: api.id,
        organization_id: api.organization_id,
        api_version: "1.0".parse().expect("a version"),
        guide: None,
        title: Name::parse("OpenAPI").expect("a name"),
        position: 0,
        bytes: 2,
        version: 1,
        updated_at: now(),
    };
    ApiDocument { head, body: "{}".into() }
}

pub(super) fn signing_key(state: SigningKeyState) -> SigningKeyInfo {
    let public_key = PublicKey::from_slice(&[7; 32]).expect("a key");
    SigningKeyInfo { id: id(), state, public_key, created_at: now(), current_at: None }
}

pub(super) fn data_key() -> DataKeyRow {
    let master_key_id = "0123456789abcdef".parse().expect("an id");
    DataKeyRow { id: id(), wrapped: WrappedKey { master_key_id, bytes: vec![7; 61] } }
}

pub(super) fn answer() -> IdempotentAnswer {
    IdempotentAnswer { fingerprint: [1; 32], status: 201, response: "{}".into(), created_at: now() }
}

pub(super) fn import(organization_id: OrganizationId, api_id: ApiId, role_id: RoleId) -> Import {
    Import {
        id: id::<ImportKind>(),
        organization_id,
        source_digest: [9; 32],
        source_name: "keys.csv".into(),
        api_id,
        role_id: Some(role_id),
        scopes: None,
        owner_id: None,
        mapped_user_id: None,
        next_line: 1,
        accepted: 0,
        existing: 0,
        rejected: 0,
        rejected_lines: vec![],
        created_at: now(),
        created_by: None,
        updated_at: now(),
        finished_at: None,
    }
}

/// What is noted of a key that nobody uses.
pub(super) fn clock(key: &Key) -> KeyClock {
    let countdown = Countdown::of_idle(now(), 90);
    KeyClock { key_id: key.id, organization_id: key.organization_id, countdown, due_at: now() }
}
