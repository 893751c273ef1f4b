//! Making somebody's key of an api that has one for each user: named after api and user, with no form to fill in.

use claviger_core::api::Api;
use claviger_core::id::{OrganizationId, UserId};
use claviger_core::key::Origin;
use claviger_core::reject::Reject;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Connection;

use super::create::{create_key, first_free_name};
use super::list::from_row;
use super::personal::{name_of, names_for};
use super::{CreatedKey, KeyInfo, NewKey};
use crate::app::App;
use crate::ops::caller::{Caller, Whose};
use crate::ops::error::OpResult;
use crate::ops::idempotency::{Answer, Idempotency};

/// The keys of some users, and how long one lives that is made now.
#[derive(Debug, Clone)]
pub struct KeysOfUsers {
    /// The keys, in no order; a user has one or none.
    pub keys: Vec<KeyInfo>,
    /// How many days the api's keys live by default; absent is for ever.
    pub expiry_days_default: Option<u16>,
}

/// Looks which of these users have a key of an api that has one for each.
///
/// # Errors
/// Refusals; needs to read all keys of the organization.
pub async fn find_keys_of_users(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    api: &str,
    user_ids: &[UserId],
) -> OpResult<KeysOfUsers> {
    let tenant = caller.authorize(app, organization_id, "claviger/keys:read")?;
    let now = app.now();
    let mut reader = app.store().read().await?;
    let api = find_api(&mut reader, &tenant, api).await?;
    let rows = reader.find_sole_keys(&tenant, api.id, user_ids, now).await?;
    let keys = rows.into_iter().map(|row| from_row(app, row, now)).collect();
    Ok(KeysOfUsers { keys, expiry_days_default: api.expiry_days_default })
}

/// Makes a user's key: it is mapped to the user and may do whatever they may, within the organization.
///
/// # Errors
/// As [`create_key`], since that is what it does.
pub async fn create_key_for_user(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    api: &str,
    user_id: UserId,
    expires_at: Option<Option<Timestamp>>,
    idempotency: Option<Idempotency<CreatedKey>>,
) -> OpResult<Answer<CreatedKey>> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "create")?;
    if let Whose::Own(own) = whose
        && own != user_id
    {
        return Err(Reject::not_found().into());
    }
    let new = {
        let mut reader = app.store().read().await?;
        let api = find_api(&mut reader, &tenant, api).await?;
        let user = reader.find_user(&tenant, user_id).await?.ok_or_else(Reject::not_found)?;
        let named = name_of(api.name.as_str(), &user.name);
        let name = first_free_name(&mut reader, &tenant, api.id, names_for(&named, user_id)).await?;
        NewKey {
            api: Some(api.slug),
            mapped_user_id: Some(Some(user_id)),
            expires_at,
            ..NewKey::named(name, Origin::Form)
        }
    };
    create_key(app, caller, organization_id, new, idempotency).await
}

async fn find_api(connection: &mut Connection, tenant: &Tenant, slug: &str) -> OpResult<Api> {
    let api = connection.find_api_by_slug(tenant, slug).await?.filter(|it| it.one_key_per_user);
    Ok(api.ok_or_else(Reject::not_found)?)
}
