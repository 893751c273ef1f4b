//! Apis: the resource servers whose keys are checked.

mod versions;

use claviger_core::api::{Api, ApiVersion, ApiVersionStatus, DocumentHead, KeyLocations, VersionSlug};
use claviger_core::event::{DocumentedApi, Event, EventKind};
use claviger_core::id::{ApiId, OrganizationId};
use claviger_core::limits::{APIS_PER_ORGANIZATION_MAX, COUNTED_KEYS_MAX};
use claviger_core::name::{KeyPrefix, Name, Slug};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::shared_secret::SHARED_SECRET_PREFIX;
use claviger_core::tenant::Tenant;
use claviger_store::Connection;

use super::admins;
use super::caller::Caller;
use super::error::OpResult;
use super::idempotency::{Answer, Idempotency, keep, replay};
use super::page::{Page, PageRequest};
use super::precondition::refuse_unexpected;
use super::standing::refuse_short_reach;
use super::transaction::{begin, commit, on_task, refuse_other_version};
use crate::app::App;

/// What is asked for when an api is made.
#[derive(Debug, Clone)]
pub struct NewApi {
    /// What people call it.
    pub name: Name,
    /// The name on the wire, unique in the installation and fixed.
    pub slug: Slug,
    /// What its keys begin with, unique in the installation and fixed.
    pub prefix: KeyPrefix,
    /// Where gateways look for its keys.
    pub key_locations: KeyLocations,
    /// Its versions.
    pub versions: Vec<ApiVersion>,
    /// Whether its keys are made one for each user. Fixed, since keys of it may be there.
    pub one_key_per_user: bool,
    /// How many days a key lives for which nothing is said; absent is for ever.
    pub expiry_days_default: Option<u16>,
}

/// What is to be changed on an api; absent is "leave as it is".
#[derive(Debug, Clone, Default)]
pub struct ApiPatch {
    /// What people call it.
    pub name: Option<Name>,
    /// Where gateways look for its keys.
    pub key_locations: Option<KeyLocations>,
    /// Its versions, as a whole.
    pub versions: Option<Vec<ApiVersion>>,
    /// What may go with versions that are not among these.
    pub lost_documents: LostDocuments,
    /// How many days a key lives for which nothing is said; the inner absence is for ever. Keys that are there stay as they are.
    pub expiry_days_default: Option<Option<u16>>,
}

/// What may go that is said of versions which are taken away: it is kept nowhere else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LostDocuments {
    /// Nothing: where there is something, the change is refused.
    #[default]
    None,
    /// Just these: where there is something else by now, the change is refused.
    These(Vec<DocumentHead>),
    /// Whatever there is.
    All,
}

/// Lists the apis that serve an organization: its own and those of the ones above it, by slug.
///
/// # Errors
/// Refusals.
pub async fn list_apis(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    page: PageRequest,
) -> OpResult<Page<Api>> {
    let tenant = caller.authorize(app, organization_id, "claviger/apis:read")?;
    Ok(app.store().read().await?.page_apis(&tenant, &page.try_into()?).await?.into())
}

/// Finds one api that serves an organization.
///
/// # Errors
/// Refusals.
pub async fn get_api(app: &App, caller: &Caller, organization_id: OrganizationId, api_id: ApiId) -> OpResult<Api> {
    let tenant = caller.authorize(app, organization_id, "claviger/apis:read")?;
    let found = app.store().read().await?.find_api(&tenant, api_id).await?;
    Ok(found.ok_or_else(Reject::not_found)?)
}

/// Where an api is documented, elsewhere or here, for whoever has to do with keys there: its current version, or the best of the others. Who
/// holds a key has to find out how to use it, and mostly may not read apis.
///
/// # Errors
/// Refusals.
pub async fn find_documentation(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    api: &str,
) -> OpResult<Option<String>> {
    let (tenant, _) = caller.authorize_keys(app, organization_id, "read")?;
    let mut reader = app.store().read().await?;
    let Some(api) = reader.find_api_by_slug(&tenant, api).await? else { return Ok(None) };
    let said = reader.find_documents(&tenant, api.id).await?;
    let rank = |it: ApiVersionStatus| match it {
        ApiVersionStatus::Current => Some(0),
        ApiVersionStatus::Preview => Some(1),
        ApiVersionStatus::Deprecated => Some(2),
        ApiVersionStatus::Retired => None,
    };
    let place = |it: &ApiVersion| place_of(&api, it, &said);
    let documented = |it: &ApiVersion| Some((rank(it.status)?, place(it)?));
    Ok(api.versions.iter().filter_map(documented).min_by_key(|it| it.0).map(|it| it.1))
}

/// Where a version is documented, elsewhere or here, where `said` is what is said of its api here; one that is retired has no page here.
pub(super) fn place_of(api: &Api, version: &ApiVersion, said: &[DocumentHead]) -> Option<String> {
    let is_retired = version.status == ApiVersionStatus::Retired;
    let here = || !is_retired && said.iter().any(|it| it.api_version == version.slug);
    let page = || here().then(|| format!("/docs/apis/{}/{}", api.slug, version.slug));
    version.docs_url.as_ref().map(|it| it.as_str().to_owned()).or_else(page)
}

/// Makes an api of an organization, for it and all below. Only who may make them at the root does: from then on whatever begins with the
/// prefix and has our length is refused unless its checksum is right, in the whole installation, so that a prefix chosen badly would shut out
/// somebody else's imported keys.
///
/// # Errors
/// Refusals: rights, a slug or prefix that is taken, too many.
pub async fn create_api(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    new: NewApi,
    idempotency: Option<Idempotency<Api>>,
) -> OpResult<Answer<Api>> {
    const CREATE: &str = "claviger/apis:create";
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, CREATE);
        let (mut tx, tenant) = begin(&app, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let root = admins::root(&mut tx).await?.ok_or_else(Reject::not_found)?;
        if caller.authorize(&app, root.organization_id(), CREATE).is_err() {
            let detail =
                "A key prefix counts in the whole installation; only who may make apis at its root chooses one.";
            return Err(Reject::new(RejectCode::GrantExceedsOwn, detail).into());
        }
        if new.prefix.as_str() == SHARED_SECRET_PREFIX {
            return Err(Reject::field("/key_prefix", "is what shared secrets begin with; choose another").into());
        }
        if APIS_PER_ORGANIZATION_MAX <= tx.count_apis(&tenant).await? {
            let detail = format!("An organization has at most {APIS_PER_ORGANIZATION_MAX} apis of its own.");
            return Err(Reject::new(RejectCode::LimitReached, detail).into());
        }
        let now = app.now();
        versions::refuse_unfit(&new.versions, &[], now)?;
        let api = Api {
            id: ApiId::new(now, &mut *app.rng()),
            organization_id,
            slug: new.slug,
            name: new.name,
            prefix: new.prefix,
            key_locations: new.key_locations,
            versions: new.versions,
            one_key_per_user: new.one_key_per_user,
            expiry_days_default: new.expiry_days_default,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        tx.insert_api(&tenant, &api).await?;
        keep(idempotency.as_ref(), &mut tx, &tenant, &api, now).await?;
        commit(&app, tx, Event::new(&tenant, EventKind::ApiCreated, api.id, now).after(&api)).await?;
        Ok(Answer::Fresh(api))
    })
    .await
}

/// Changes what the patch names. Slug and prefix are fixed: hosts are configured with the one, and keys that are out begin with the other.
///
/// # Errors
/// Refusals.
pub async fn update_api(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    api_id: ApiId,
    patch: ApiPatch,
    expected_version: Option<u64>,
) -> OpResult<Api> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/apis:update");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        let before = find_own(&mut tx, &tenant, api_id).await?;
        refuse_other_version(expected_version, before.version)?;
        let mut api = before.clone();
        api.name = patch.name.unwrap_or(api.name);
        api.key_locations = patch.key_locations.unwrap_or(api.key_locations);
        api.expiry_days_default = patch.expiry_days_default.unwrap_or(api.expiry_days_default);
        api.versions = patch.versions.unwrap_or(api.versions);
        versions::refuse_unfit(&api.versions, &before.versions, app.now())?;
        if api == before {
            return Ok(api);
        }
        if api.key_locations != before.key_locations {
            refuse_short_reach(&mut tx, &tenant).await?;
        }
        (api.version, api.updated_at) = (before.version + 1, app.now());
        // What was said of a version goes with it: nothing would lead to it, and it would be there again with the next of that name. The one event names
        // it: these documents have no history but the api's, and hundreds of events would say no more.
        let is_gone = |slug: &VersionSlug| api.versions.iter().all(|left| left.slug != *slug);
        let gone: Vec<_> = before.versions.iter().map(|it| &it.slug).filter(|it| is_gone(it)).collect();
        let mut documents = Vec::new();
        if !gone.is_empty() {
            documents = tx.find_documents(&tenant, api_id).await?;
            documents.retain(|it| gone.contains(&&it.api_version));
            match &patch.lost_documents {
                LostDocuments::None => versions::refuse_lost_documents(&documents)?,
                LostDocuments::These(known) if *known != documents => {
                    let detail = "Something else is said of the version by now, which would go with it.";
                    return Err(Reject::new(RejectCode::VersionMismatch, detail).into());
                }
                LostDocuments::These(_) | LostDocuments::All => {}
            }
        }
        for slug in gone {
            tx.delete_documents(&tenant, api_id, slug).await?;
        }
        tx.update_api(&tenant, &api, before.version).await?;
        let event = Event::new(&tenant, EventKind::ApiUpdated, api_id, api.updated_at);
        let event = event.before(&DocumentedApi { api: &before, documents: &documents });
        commit(&app, tx, event.after(&api)).await?;
        Ok(api)
    })
    .await
}

/// Deletes an api that no live key has. Its slug and its prefix are free again.
///
/// # Errors
/// Refusals; built-in apis stay, and so do those with live keys, whose number is told.
pub async fn delete_api(app: &App, caller: &Caller, organization_id: OrganizationId, api_id: ApiId) -> OpResult<()> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/apis:delete");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        let api = find_own(&mut tx, &tenant, api_id).await?;
        refuse_unexpected(api.version)?;
        if api.is_built_in() {
            return Err(Reject::new(RejectCode::StateConflict, "Built-in apis cannot be deleted.").into());
        }
        refuse_short_reach(&mut tx, &tenant).await?;
        let keys = tx.count_keys_of_api(&tenant, api_id, COUNTED_KEYS_MAX + 1).await?;
        if keys > 0 {
            let most = u64::from(COUNTED_KEYS_MAX);
            let (more, counted) = if keys > most { ("more than ", most) } else { ("", keys) };
            let detail = format!("Live keys have this api: {more}{counted}. Revoke them first.");
            return Err(Reject::new(RejectCode::StateConflict, detail).into());
        }
        let now = app.now();
        let documents = tx.find_documents(&tenant, api_id).await?;
        tx.delete_api(&tenant, api_id, api.version, now).await?;
        let before = DocumentedApi { api: &api, documents: &documents };
        commit(&app, tx, Event::new(&tenant, EventKind::ApiDeleted, api_id, now).before(&before)).await
    })
    .await
}

/// An api of this very organization: one of an organization above serves here, but is not changed from here.
pub(super) async fn find_own(connection: &mut Connection, tenant: &Tenant, api_id: ApiId) -> OpResult<Api> {
    let api = connection.find_api(tenant, api_id).await?.ok_or_else(Reject::not_found)?;
    if api.organization_id != tenant.organization_id() {
        let detail = "This api belongs to an organization above; change it there.";
        return Err(Reject::new(RejectCode::StateConflict, detail).into());
    }
    Ok(api)
}
