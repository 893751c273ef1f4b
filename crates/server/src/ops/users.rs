//! Users: persons and service users that an organization manages.

use claviger_core::id::{OrganizationId, UserId};
use claviger_core::name::{Email, ExternalId, Name};
use claviger_core::user::{User, UserStatus};

use super::caller::Caller;
use super::error::OpResult;
use super::idempotency::{Answer, Idempotency};
use super::page::{Page, PageRequest};
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
    let _ = (app, caller, organization_id, new, idempotency);
    unimplemented!("signature first")
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
    let _ = (app, caller, organization_id, page);
    unimplemented!("signature first")
}

/// Finds one user that the organization manages.
///
/// # Errors
/// Refusals.
pub async fn get_user(app: &App, caller: &Caller, organization_id: OrganizationId, user_id: UserId) -> OpResult<User> {
    let _ = (app, caller, organization_id, user_id);
    unimplemented!("signature first")
}

/// Changes what the patch names.
///
/// # Errors
/// Refusals; the last active admin of the installation cannot be disabled.
pub async fn update_user(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
    patch: UserPatch,
    expected_version: Option<u64>,
) -> OpResult<User> {
    let _ = (app, caller, organization_id, user_id, patch, expected_version);
    unimplemented!("signature first")
}

/// Makes or changes the user of this external id; says whether it was made. Doing it twice changes nothing.
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
    let _ = (app, caller, organization_id, external_id, new);
    unimplemented!("signature first")
}
