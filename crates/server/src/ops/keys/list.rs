//! Looking at keys.

use std::collections::HashMap;

use claviger_core::hanging::Hanging;
use claviger_core::id::{KeyId, OrganizationId, SecretId, UserId};
use claviger_core::key::{Key, KeyState};
use claviger_core::permission::Asked;
use claviger_core::reject::Reject;
use claviger_core::secret::Secret;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Connection;
use claviger_store::keys::{KeyPage, KeyRow, KeysBelow};
use claviger_store::usage::SecretUse;

use super::{KeyFilter, KeyHealth, KeyInfo, KeyList, KeyQuery, KeyStatus, KeyTotal, LastUse, SecretInfo};
use crate::app::App;
use crate::ops::caller::{Caller, Whose};
use crate::ops::error::{Error, OpResult};
use crate::ops::page::{Cursor, Page, PageRequest};

/// Lists keys: all of the organization's, or the caller's own where that is what the caller may read. Keys that are mapped to the caller but
/// belong to others are found by asking for them as `mapped_user_id`.
///
/// # Errors
/// Refusals.
pub async fn list_keys(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    query: KeyQuery,
    page: PageRequest,
) -> OpResult<KeyList> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    list_of(app, &tenant, whose, query, page).await
}

/// The same, also of an organization that is suspended, itself or from above, which is said beside it: for whoever looks down at it. Nobody is
/// authorized for it, and who could read all of its keys once it is resumed reads them meanwhile. That is all: nothing is done to them. A program is
/// not given them: it asks the organization itself, and is to be told that this is suspended.
///
/// # Errors
/// Refusals; of an organization that is suspended that it is, where the caller reads its keys for other reasons than from above, or not at all.
pub async fn list_keys_from_above(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    query: KeyQuery,
    page: PageRequest,
) -> OpResult<(KeyList, bool)> {
    let (tenant, whose, is_closed) = authorize_from_above(app, caller, organization_id)?;
    Ok((list_of(app, &tenant, whose, query, page).await?, is_closed))
}

/// A page of what [`list_keys_from_above`] lists, without counting.
///
/// # Errors
/// As there.
pub async fn page_keys_from_above(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    query: KeyQuery,
    page: PageRequest,
) -> OpResult<Page<KeyInfo>> {
    let (tenant, whose, _) = authorize_from_above(app, caller, organization_id)?;
    page_of(app, &tenant, whose, query, page).await
}

/// What reads the keys of an organization, whose they are, and whether it is suspended: then only who may look at all of them from above reads any.
fn authorize_from_above(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
) -> OpResult<(Tenant, Whose, bool)> {
    let suspended = match caller.authorize_keys(app, organization_id, "read") {
        Err(reject) if reject.is_suspended() => reject,
        found => return Ok(found.map(|(tenant, whose)| (tenant, whose, false))?),
    };
    let asked = Asked::parse("claviger/keys:read").map_err(|error| Error::Internal(error.to_string()))?;
    let own = caller.user_id().map(|it| app.replica().memberships(it)).unwrap_or_default();
    let own: Vec<_> = own.iter().map(|it| it.organization_id).collect();
    let found = caller.authorize_through_suspension(app, organization_id, std::slice::from_ref(&asked), &own);
    found.filter(|_| caller.key_id().is_none()).ok_or(suspended)?;
    // The tenant that was found is the one above; what is read belongs to the one below.
    Ok((Tenant::system(organization_id, "suspension"), Whose::All, true))
}

async fn list_of(app: &App, tenant: &Tenant, whose: Whose, query: KeyQuery, page: PageRequest) -> OpResult<KeyList> {
    let now = app.now();
    let mut reader = app.store().read().await?;
    let Some(filter) = filter(&mut reader, tenant, whose, &query).await? else {
        let total = KeyTotal { count: 0, is_exact: true };
        return Ok(KeyList { page: Page { items: Vec::new(), next: None }, total });
    };
    let found = find_page(app, &mut reader, tenant, &filter, &query, page, now).await?;
    let mut total = count(app, &mut reader, tenant, &filter, query.blocked, now).await?;
    // Where not all were looked at for counting, more may have been found for the page.
    total.count = total.count.max(found.rows.len() as u64);
    let items = found.rows.into_iter().map(|row| from_row(app, row, now)).collect();
    Ok(KeyList { page: Page { items, next: found.next.map(|it| Cursor(it.to_text())) }, total })
}

/// A page of what [`list_keys`] lists, without counting: for whoever walks through all of them.
///
/// # Errors
/// Refusals.
pub async fn page_keys(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    query: KeyQuery,
    page: PageRequest,
) -> OpResult<Page<KeyInfo>> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    page_of(app, &tenant, whose, query, page).await
}

async fn page_of(
    app: &App,
    tenant: &Tenant,
    whose: Whose,
    query: KeyQuery,
    page: PageRequest,
) -> OpResult<Page<KeyInfo>> {
    let now = app.now();
    let mut reader = app.store().read().await?;
    let Some(filter) = filter(&mut reader, tenant, whose, &query).await? else {
        return Ok(Page { items: Vec::new(), next: None });
    };
    let found = find_page(app, &mut reader, tenant, &filter, &query, page, now).await?;
    let items = found.rows.into_iter().map(|row| from_row(app, row, now)).collect();
    Ok(Page { items, next: found.next.map(|it| Cursor(it.to_text())) })
}

/// Counts what [`list_keys`] lists, as far as it is cheap; its order does not count.
///
/// # Errors
/// Refusals.
pub async fn count_keys(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    query: KeyQuery,
) -> OpResult<KeyTotal> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    let mut reader = app.store().read().await?;
    match filter(&mut reader, &tenant, whose, &query).await? {
        Some(filter) => count(app, &mut reader, &tenant, &filter, query.blocked, app.now()).await,
        None => Ok(KeyTotal { count: 0, is_exact: true }),
    }
}

/// Organizations below one in which there are live keys that a search finds, by name: at most so many. Which of their keys the caller may look at
/// is asked of each of them, with [`list_keys`].
///
/// # Errors
/// Refusals.
pub async fn find_keys_below(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    search: &str,
    at_most: u32,
) -> OpResult<KeysBelow> {
    let tenant = caller.authorize(app, organization_id, "claviger/organizations:read")?;
    Ok(app.store().read().await?.find_keys_below(&tenant, search, at_most).await?)
}

/// A page, of which the replica says which keys are blocked where that is asked: it is nothing that a row says.
async fn find_page(
    app: &App,
    connection: &mut Connection,
    tenant: &Tenant,
    filter: &KeyFilter,
    query: &KeyQuery,
    page: PageRequest,
    now: Timestamp,
) -> OpResult<KeyPage> {
    let (order, page) = (query.order, page.try_into()?);
    Ok(match query.blocked {
        None => connection.page_keys(tenant, filter, order, &page, now).await?,
        Some(blocked) => {
            let is_asked = |it: &Hanging| is_blocked(app, it, now) == blocked;
            connection.page_keys_that(tenant, &among_active(filter), order, &page, now, &is_asked).await?
        }
    })
}

async fn count(
    app: &App,
    connection: &mut Connection,
    tenant: &Tenant,
    filter: &KeyFilter,
    blocked: Option<bool>,
    now: Timestamp,
) -> OpResult<KeyTotal> {
    Ok(match blocked {
        None => connection.count_keys(tenant, filter, now).await?,
        Some(blocked) => {
            let is_asked = |it: &Hanging| is_blocked(app, it, now) == blocked;
            connection.count_keys_that(tenant, &among_active(filter), now, &is_asked).await?
        }
    })
}

fn among_active(filter: &KeyFilter) -> KeyFilter {
    KeyFilter { status: KeyStatus::Active, ..filter.clone() }
}

fn is_blocked(app: &App, hanging: &Hanging, now: Timestamp) -> bool {
    app.replica().refusal_by_what_hangs(hanging, now).is_some()
}

/// What somebody should look at about a key; nothing, where it is deleted.
///
/// # Errors
/// Refusals; a key that is not this organization's is not there.
pub async fn get_key_health(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
) -> OpResult<Vec<KeyHealth>> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    let mut reader = app.store().read().await?;
    find_visible(&mut reader, &tenant, whose, key_id).await?;
    Ok(reader.find_key_health(&tenant, key_id, app.now()).await?)
}

/// What a query asks of the store; nothing, where there can be no such keys for this caller.
pub(super) async fn filter(
    connection: &mut Connection,
    tenant: &Tenant,
    whose: Whose,
    query: &KeyQuery,
) -> OpResult<Option<KeyFilter>> {
    let Some(owner_id) = visible_owner(whose, &query.filter) else { return Ok(None) };
    let api_id = match &query.api {
        None => None,
        Some(slug) => match connection.find_api_by_slug(tenant, slug.as_str()).await? {
            Some(api) => Some(api.id),
            None => return Ok(None),
        },
    };
    let seen_by = match whose {
        Whose::All => None,
        Whose::Own(user_id) => Some(user_id),
    };
    Ok(Some(KeyFilter { owner_id, api_id, seen_by, ..query.filter.clone() }))
}

/// The owner to look for; none at all where the caller may only see own keys and asks for somebody else's.
fn visible_owner(whose: Whose, query: &KeyFilter) -> Option<Option<UserId>> {
    match whose {
        Whose::All => Some(query.owner_id),
        Whose::Own(user_id) if query.mapped_user_id == Some(user_id) => Some(query.owner_id),
        Whose::Own(user_id) => query.owner_id.is_none_or(|it| it == user_id).then_some(Some(user_id)),
    }
}

/// Finds one key.
///
/// # Errors
/// Refusals; a key that is not this organization's is not there.
pub async fn get_key(app: &App, caller: &Caller, organization_id: OrganizationId, key_id: KeyId) -> OpResult<KeyInfo> {
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    let mut reader = app.store().read().await?;
    let info = info(app, &mut reader, &tenant, key_id, app.now()).await?;
    if !is_visible(whose, &info.key) {
        return Err(Reject::not_found().into());
    }
    Ok(info)
}

/// A key that the caller may look at.
pub(super) async fn find_visible(
    connection: &mut Connection,
    tenant: &Tenant,
    whose: Whose,
    key_id: KeyId,
) -> OpResult<Key> {
    let key = connection.find_key(tenant, key_id).await?.filter(|it| is_visible(whose, it));
    Ok(key.ok_or_else(Reject::not_found)?)
}

/// Whether the caller may look at the key: it is one of those the caller acts on, or it is mapped to the caller.
pub(super) fn is_visible(whose: Whose, key: &Key) -> bool {
    match whose {
        Whose::All => true,
        Whose::Own(user_id) => key.owner_id == Some(user_id) || key.mapped_user_id == Some(user_id),
    }
}

/// A key with all that its page shows, as this connection sees it.
pub(super) async fn info(
    app: &App,
    connection: &mut Connection,
    tenant: &Tenant,
    id: KeyId,
    now: Timestamp,
) -> OpResult<KeyInfo> {
    let row = connection.find_key_row(tenant, id, now).await?.ok_or_else(Reject::not_found)?;
    let secrets = connection.find_live_secrets(tenant, id).await?;
    let uses = connection.find_uses(tenant, &[id]).await?;
    let mut info = from_row(app, row, now);
    info.last_use = uses.values().max_by_key(|it| it.last_used_at).map(LastUse::from);
    info.secrets = secrets.into_iter().rev().map(|it| with_use(it, &uses)).collect();
    Ok(info)
}

/// Secrets of one key with the last use of each.
pub(super) async fn with_uses(
    connection: &mut Connection,
    tenant: &Tenant,
    id: KeyId,
    secrets: impl Iterator<Item = Secret>,
) -> OpResult<Vec<SecretInfo>> {
    let uses = connection.find_uses(tenant, &[id]).await?;
    Ok(secrets.map(|it| with_use(it, &uses)).collect())
}

fn with_use(secret: Secret, uses: &HashMap<SecretId, SecretUse>) -> SecretInfo {
    SecretInfo { last_use: uses.get(&secret.id).map(LastUse::from), secret }
}

/// The same of a key that was made in this transaction, with the one secret it has: nobody has used that.
pub(super) async fn info_of_new(
    app: &App,
    connection: &mut Connection,
    tenant: &Tenant,
    secret: Secret,
    now: Timestamp,
) -> OpResult<KeyInfo> {
    let row = connection.find_key_row(tenant, secret.key_id, now).await?.ok_or_else(Reject::not_found)?;
    Ok(KeyInfo { secrets: vec![SecretInfo { secret, last_use: None }], ..from_row(app, row, now) })
}

/// What a list says of a key.
pub(super) fn from_row(app: &App, row: KeyRow, now: Timestamp) -> KeyInfo {
    let state = row.key.state(now);
    let refusal = || app.replica().refusal_by_what_hangs(&Hanging::from(&row.key), now);
    KeyInfo {
        state,
        blocked: (state == KeyState::Active).then(refusal).flatten(),
        key: row.key,
        api: row.api_slug,
        role_name: row.role_name,
        owner_name: row.owner_name,
        mapped_user_name: row.mapped_user_name,
        access_hint: row.access_hint,
        access_key: row.access_id.as_ref().map(ToString::to_string),
        rotating_until: row.rotating_until,
        last_use: row.last_used_at.map(|at| LastUse { at, ip: None, user_agent: None }),
        secrets: Vec::new(),
    }
}

impl From<&SecretUse> for LastUse {
    fn from(it: &SecretUse) -> Self {
        Self { at: it.last_used_at, ip: it.ip, user_agent: it.user_agent.clone() }
    }
}
