//! The first start: root organization, built-in roles and apis, the first admin, the set-up link and the first key.

use std::time::Duration;

use claviger_core::api::KeyLocations;
use claviger_core::api::{Api, DATA_LOADER_API, DEFAULT_API};
use claviger_core::event::{Event, EventKind};
use claviger_core::id::{ApiId, MemberId, OrganizationId, UserId};
use claviger_core::key::{KeyDraft, Origin};
use claviger_core::member::Member;
use claviger_core::name::{Description, KeyPrefix, Name, Slug};
use claviger_core::organization::{Organization, OrganizationStatus};
use claviger_core::permission::PermissionSet;
use claviger_core::policy::OwnPolicy;
use claviger_core::role::Role;
use claviger_core::secret::Token;
use claviger_core::tenant::Tenant;
use claviger_core::user::{User, UserStatus};
use claviger_store::links::LinkPurpose;
use claviger_store::{Connection, PageRequest, Tx, installation};
use secrecy::SecretString;

use super::error::{Error, OpResult};
use super::links::insert_link;
use super::organizations::insert_built_in_roles;
use super::transaction::commit;
use crate::app::App;

/// How long a set-up link is good; as long as nobody has used one, each start makes another.
const SET_UP_LINK_LIFE: Duration = Duration::from_secs(24 * 3600);
/// What the first key may do: ask about keys, and look at everything.
const FIRST_KEY_SCOPES: [&str; 2] = ["claviger/keys:verify", "*:read"];

/// What a start found or made.
#[derive(Debug)]
pub struct Installation {
    /// The root of the tree.
    pub organization_id: OrganizationId,
    /// The first key, at the first start only.
    pub first_key: Option<Token>,
    /// The token of a new set-up link, as long as nobody has claimed the installation.
    pub set_up_token: Option<SecretString>,
}

/// Makes what a first start makes, and a new set-up link as long as nobody has claimed the installation.
///
/// # Errors
/// Faults.
pub async fn install(app: &App, organization_name: Name) -> OpResult<Installation> {
    // Of several nodes that start at once on an empty database, one makes it and the others find it.
    let mut tx = app.store().begin_structural().await?;
    let Some(found) = tx.find_installation_unchecked().await? else {
        return create(app, tx, organization_name).await;
    };
    let organization_id = found.root_organization_id;
    let mut set_up_token = None;
    if found.claimed_at.is_none() {
        let admin = first_admin(&mut tx, organization_id).await?;
        set_up_token = Some(insert_link(app, &mut tx, admin.id, LinkPurpose::Setup, SET_UP_LINK_LIFE).await?.1);
        tx.commit_unaudited("a link that nobody has used yet changed nothing").await?;
    }
    Ok(Installation { organization_id, first_key: None, set_up_token })
}

/// Warns where this node's master key is another than the installation's: one node could not open what another has sealed. It is no reason
/// not to start, since checks need no master key.
///
/// # Errors
/// Faults.
pub async fn warn_of_other_master_key(app: &App) -> OpResult<()> {
    let id = app.master_keys().keys().first().id();
    let mut tx = app.store().begin().await?;
    let kept = tx.keep_master_key_id_unchecked(id).await?;
    tx.commit_unaudited("which master key there is changes nothing").await?;
    if kept.is_some_and(|it| app.master_keys().with(it).is_none()) {
        tracing::warn!(
            "master.key has not the key of this installation: copy the file that has it here, from its backup or from another node; until then \
             no secret is shown again by this node, nor is a key made here whose secret policy lets somebody see again"
        );
    }
    Ok(())
}

/// The admin whom the first start made and who has not come yet.
async fn first_admin(connection: &mut Connection, root: OrganizationId) -> OpResult<User> {
    let tenant = Tenant::system(root, JOB);
    for row in connection.page_members(&tenant, &PageRequest::first(100)).await?.rows {
        let role = connection.find_role(&tenant, row.member.role_id).await?;
        if row.user.email.is_none() && !row.user.service && role.is_some_and(|it| it.is_admin()) {
            return Ok(row.user);
        }
    }
    Err(Error::Internal(
        "nobody has claimed the installation, and the admin whom a link could be for is gone".to_owned(),
    ))
}

/// How many days a key for bulk loading lives when nothing is said.
const DATA_LOADER_DAYS: u16 = 365;
/// In whose name the first start does what it does.
pub(super) const JOB: &str = "installation";

async fn create(app: &App, mut tx: Tx, name: Name) -> OpResult<Installation> {
    let now = app.now();
    let root = root(app, name);
    let tenant = Tenant::system(root.id, JOB);
    tx.insert_root_unchecked(&root).await?;
    let roles = insert_built_in_roles(app, &mut tx, root.id).await?;
    let api = api(app, root.id, DEFAULT_API, "Default", "ck");
    tx.insert_api(&tenant, &api).await?;
    let loader = self::api(app, root.id, DATA_LOADER_API, "Data loader", "cdl");
    let loader = Api { one_key_per_user: true, expiry_days_default: Some(DATA_LOADER_DAYS), ..loader };
    tx.insert_api(&tenant, &loader).await?;
    let admin = insert_admin(app, &mut tx, &tenant, &roles).await?;

    let (key, secret, token) = first_key(&admin).mint(root.id, &api, now, &mut *app.rng())?;
    tx.insert_key(&tenant, &key, &[secret]).await?;
    let fact = installation::Installation { root_organization_id: root.id, created_at: now, claimed_at: None };
    tx.insert_installation_unchecked(&fact).await?;
    let (_, set_up_token) = insert_link(app, &mut tx, admin.id, LinkPurpose::Setup, SET_UP_LINK_LIFE).await?;
    // The key has a history of its own, which begins like any other's, right behind that of the installation.
    tx.tell_beside(Event::new(&tenant, EventKind::InstallationCreated, root.id, now).after(&root)).await?;
    commit(app, tx, Event::new(&tenant, EventKind::KeyCreated, key.id, now).after(&key)).await?;
    Ok(Installation { organization_id: root.id, first_key: Some(token), set_up_token: Some(set_up_token) })
}

fn root(app: &App, name: Name) -> Organization {
    let now = app.now();
    Organization {
        id: OrganizationId::new(now, &mut *app.rng()),
        parent_id: None,
        slug: Slug::parse("root").expect("a slug"),
        name,
        external_id: None,
        status: OrganizationStatus::Active,
        policy: OwnPolicy::default(),
        allowed_ips: None,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

fn api(app: &App, organization_id: OrganizationId, slug: &str, name: &str, prefix: &str) -> Api {
    let now = app.now();
    Api {
        id: ApiId::new(now, &mut *app.rng()),
        organization_id,
        slug: Slug::parse(slug).expect("a slug"),
        name: Name::parse(name).expect("a name"),
        prefix: KeyPrefix::parse(prefix).expect("a prefix"),
        key_locations: KeyLocations::default(),
        versions: Vec::new(),
        one_key_per_user: false,
        expiry_days_default: None,
        version: 1,
        created_at: now,
        updated_at: now,
    }
}

/// The first admin: without e-mail address and password until the set-up link is taken.
async fn insert_admin(app: &App, tx: &mut Tx, tenant: &Tenant, roles: &[Role]) -> OpResult<User> {
    let now = app.now();
    let role = roles.iter().find(|it| it.is_admin());
    let role = role.ok_or_else(|| Error::Internal("the built-in roles hold no admin".to_owned()))?;
    let admin = User {
        id: UserId::new(now, &mut *app.rng()),
        organization_id: tenant.organization_id(),
        name: Name::parse("Admin").expect("a name"),
        email: None,
        external_id: None,
        service: false,
        status: UserStatus::Active,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    tx.insert_user(tenant, &admin).await?;
    let member = Member {
        id: MemberId::new(now, &mut *app.rng()),
        organization_id: tenant.organization_id(),
        user_id: admin.id,
        role_id: role.id,
        extra_permissions: PermissionSet::nothing(),
        version: 1,
        created_at: now,
        updated_at: now,
    };
    tx.insert_member(tenant, &member).await?;
    Ok(admin)
}

fn first_key(admin: &User) -> KeyDraft {
    let mut draft = KeyDraft::named(Name::parse("First key").expect("a name"), Origin::Setup);
    draft.description = Description::parse("Made at the first start to try things out. Delete it once it has served.")
        .expect("a description");
    draft.scopes = Some(PermissionSet::parse(&FIRST_KEY_SCOPES).expect("permissions"));
    draft.owner_id = Some(admin.id);
    draft.mapped_user_id = Some(admin.id);
    draft
}
