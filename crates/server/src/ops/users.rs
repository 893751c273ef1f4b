//! Users: persons and service users that an organization manages.

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{OrganizationId, UserId};
use claviger_core::name::{Email, ExternalId, Name};
use claviger_core::reject::Reject;
use claviger_core::tenant::Tenant;
use claviger_core::user::{User, UserStatus};
use claviger_store::users::UserFilter;
use claviger_store::{Connection, Tx};

use super::admins;
use super::caller::Caller;
use super::error::OpResult;
use super::idempotency::{Answer, Idempotency, keep, replay};
use super::page::{Page, PageRequest};
use super::precondition::{refuse_absent, refuse_unexpected};
use super::standing::refuse_stronger;
use super::transaction::{begin, commit, on_task, refuse_other_version};
use crate::app::App;

/// What is asked for when a user is made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// What people call the user.
    pub name: Name,
    /// The sign-in name; a service user has none.
    pub email: Option<Email>,
    /// The host's own identifier.
    pub external_id: Option<ExternalId>,
    /// Whether it is a service user.
    pub service: bool,
}

/// What is to be changed on a user; the outer `Option` is "leave as it is".
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    /// What people call the user.
    pub name: Option<Name>,
    /// The sign-in name.
    pub email: Option<Option<Email>>,
    /// The host's own identifier.
    pub external_id: Option<Option<ExternalId>>,
    /// Whether keys mapped to the user are good.
    pub status: Option<UserStatus>,
}

/// Makes a user that the organization manages. The user is no member yet.
///
/// # Errors
/// Refusals.
pub async fn create_user(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    new: NewUser,
    idempotency: Option<Idempotency<User>>,
) -> OpResult<Answer<User>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/users:create");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let user = insert(&app, &mut tx, &tenant, new).await?;
        keep(idempotency.as_ref(), &mut tx, &tenant, &user, user.created_at).await?;
        let event = Event::new(&tenant, EventKind::UserCreated, user.id, user.created_at);
        commit(&app, tx, event.after(&user)).await?;
        Ok(Answer::Fresh(user))
    })
    .await
}

pub(super) async fn insert(app: &App, tx: &mut Tx, tenant: &Tenant, new: NewUser) -> OpResult<User> {
    refuse_service_email(new.service, new.email.as_ref())?;
    let now = app.now();
    let user = User {
        id: UserId::new(now, &mut *app.rng()),
        organization_id: tenant.organization_id(),
        name: new.name,
        email: new.email,
        external_id: new.external_id,
        service: new.service,
        status: UserStatus::Active,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    tx.insert_user(tenant, &user).await?;
    Ok(user)
}

/// A service user only acts through keys; with a sign-in name it would be a person.
fn refuse_service_email(service: bool, email: Option<&Email>) -> Result<(), Reject> {
    match email {
        Some(_) if service => Err(Reject::field("/email", "a service user has none, since it never signs in")),
        _ => Ok(()),
    }
}

/// Lists the users that the organization manages.
///
/// # Errors
/// Refusals.
pub async fn list_users(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    page: PageRequest,
) -> OpResult<Page<User>> {
    let tenant = caller.authorize(app, organization_id, "claviger/users:read")?;
    let users = app.store().read().await?.page_users(&tenant, &UserFilter::default(), &page.try_into()?).await?;
    Ok(users.into())
}

/// Finds one user that the organization manages.
///
/// # Errors
/// Refusals.
pub async fn get_user(app: &App, caller: &Caller, organization_id: OrganizationId, user_id: UserId) -> OpResult<User> {
    let tenant = caller.authorize(app, organization_id, "claviger/users:read")?;
    find_managed(&mut *app.store().read().await?, &tenant, user_id).await
}

/// A user that this very organization manages.
pub(super) async fn find_managed(connection: &mut Connection, tenant: &Tenant, user_id: UserId) -> OpResult<User> {
    let user = connection.find_user(tenant, user_id).await?;
    let user = user.filter(|it| it.organization_id == tenant.organization_id());
    Ok(user.ok_or_else(Reject::not_found)?)
}

/// Changes what the patch names. A disabled user's sessions end, and keys mapped to the user are denied from the next request on.
///
/// # Errors
/// Refusals, also for a user who holds more than the caller anywhere; the last active admin of the installation cannot be disabled.
pub async fn update_user(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
    patch: UserPatch,
    expected_version: Option<u64>,
) -> OpResult<User> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/users:update");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        let before = find_managed(&mut tx, &tenant, user_id).await?;
        refuse_other_version(expected_version, before.version)?;
        let mut user = before.clone();
        user.name = patch.name.unwrap_or(user.name);
        user.email = patch.email.unwrap_or(user.email);
        user.external_id = patch.external_id.unwrap_or(user.external_id);
        user.status = patch.status.unwrap_or(user.status);
        update(&app, &caller, tx, &tenant, before, user).await
    })
    .await
}

/// Makes or changes the user of this external id; says whether it was made. Doing it twice changes nothing.
///
/// What describes the user becomes what the host says, also where it says nothing; the status, which is not the host's to keep in step, stays.
///
/// # Errors
/// Refusals.
pub async fn put_user(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    external_id: ExternalId,
    new: NewUser,
) -> OpResult<(User, bool)> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        // Whether it is one or the other is known only inside; a host that keeps users in step needs both.
        let authorize = || {
            caller.authorize(&app, organization_id, "claviger/users:update")?;
            caller.authorize(&app, organization_id, "claviger/users:create")
        };
        let (mut tx, tenant) = begin(&app, authorize).await?;
        let Some(before) = tx.find_user_by_external_id(&tenant, &external_id).await? else {
            refuse_absent()?;
            let user = insert(&app, &mut tx, &tenant, NewUser { external_id: Some(external_id), ..new }).await?;
            let event = Event::new(&tenant, EventKind::UserCreated, user.id, user.created_at);
            commit(&app, tx, event.after(&user)).await?;
            return Ok((user, true));
        };
        refuse_unexpected(before.version)?;
        let mut user = before.clone();
        (user.name, user.email, user.service) = (new.name, new.email, new.service);
        Ok((update(&app, &caller, tx, &tenant, before, user).await?, false))
    })
    .await
}

/// Writes and commits a changed user; nothing, where nothing changed.
async fn update(
    app: &App,
    caller: &Caller,
    mut tx: Tx,
    tenant: &Tenant,
    before: User,
    mut user: User,
) -> OpResult<User> {
    if user == before {
        return Ok(user);
    }
    refuse_service_email(user.service, user.email.as_ref())?;
    let is_renamed_only = user == User { name: user.name.clone(), ..before.clone() };
    let spared = is_renamed_only.then(|| tenant.organization_id());
    refuse_stronger(app, caller, &mut tx, tenant, user.id, spared).await?;
    // Without an address nobody signs in, which ends an admin as surely as being switched off.
    if before.email.is_some() && user.email.is_none() {
        admins::refuse_last(&mut tx, user.id).await?;
    }
    let ends = user.status == UserStatus::Disabled && before.status == UserStatus::Active;
    if ends {
        admins::refuse_last(&mut tx, user.id).await?;
        tx.delete_sessions_of_user_unchecked(user.id, None).await?;
    }
    // A link made for one address, or for who was still let in, is none for what the user is now.
    if ends || before.email != user.email {
        tx.withdraw_links_unchecked(user.id, app.now()).await?;
    }
    (user.version, user.updated_at) = (before.version + 1, app.now());
    tx.update_user(tenant, &user, before.version).await?;
    let event = Event::new(tenant, EventKind::UserUpdated, user.id, user.updated_at);
    commit(app, tx, event.before(&before).after(&user)).await?;
    Ok(user)
}
