//! Apis: create, list, get, update, delete.

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use claviger_core::api::{Api, ApiVersion, ApiVersionStatus, DocsUrl, KeyLocations, VersionSlug};
use claviger_core::id::{ApiId, OrganizationId};
use claviger_core::name::Name;
use claviger_core::reject::{FieldReject, Reject};
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{JsonBody, Path, Query};
use super::fields::{Field, Object, all_fields, at, optional, present, text};
use super::headers::{ConfirmDocuments, IdempotencyKey, IfMatch, entity_tag};
use super::idempotency::{CREATED, Post, PostBody, place, respond};
use super::numbers::within;
use super::page::{PageQuery, PageView, page};
use super::paths::{ApiPath, OrganizationPath};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use super::words::ApiVersionStatusWord;
use crate::app::App;
use crate::ops;
use crate::ops::apis::{ApiPatch, LostDocuments, NewApi};

/// The routes of apis.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_api, list_apis)).routes(routes!(get_api, update_api, delete_api))
}

/// A version of an api.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiVersionView {
    /// Its name.
    #[schema(
        min_length = 1,
        max_length = 40,
        pattern = r"^(\.{0,2}[A-Za-z0-9_-][A-Za-z0-9._-]*|\.{3}[A-Za-z0-9._-]*)$",
        examples("2.0")
    )]
    pub slug: String,
    /// How far it has come.
    pub status: ApiVersionStatusWord,
    /// Where it is documented.
    #[serde(default)]
    #[schema(max_length = 500, examples("https://docs.example.com/v2"))]
    pub docs_url: Option<String>,
    /// What people call it, and no other version of the api; left out, it is `API` and its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 80, examples("API 2.0"))]
    pub label: Option<String>,
    /// Since when it is to be left, or from when on: of a version that is `deprecated` or `retired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deprecated_at: Option<String>,
    /// When it ends, if that is settled: not before `deprecated_at`. One that is `retired` has ended: a day to come is refused there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sunset_at: Option<String>,
}

impl From<&ApiVersion> for ApiVersionView {
    fn from(it: &ApiVersion) -> Self {
        Self {
            slug: it.slug.to_string(),
            status: it.status.into(),
            docs_url: it.docs_url.clone().map(Into::into),
            label: it.label.as_ref().map(ToString::to_string),
            deprecated_at: it.deprecated_at.map(|it| it.to_string()),
            sunset_at: it.sunset_at.map(|it| it.to_string()),
        }
    }
}

/// Reads versions, and says which is at fault.
fn versions(views: Vec<Object<ApiVersionView>>) -> Field<Vec<ApiVersion>> {
    let mut versions = Vec::with_capacity(views.len());
    for (place, Object(view)) in views.into_iter().enumerate() {
        let fault =
            |name: &str, detail: String| FieldReject { pointer: format!("/versions/{place}/{name}").into(), detail };
        let slug = VersionSlug::try_from(view.slug).map_err(|error| fault("slug", error.to_string()))?;
        let docs_url = view.docs_url.map(DocsUrl::try_from).transpose();
        let docs_url = docs_url.map_err(|error| fault("docs_url", error.to_string()))?;
        let label = view.label.as_deref().map(Name::parse).transpose();
        let label = label.map_err(|error| fault("label", error.to_string()))?;
        let status = ApiVersionStatus::from(view.status);
        let instant = |name: &str, text: Option<String>| {
            text.map(|it| it.parse::<Timestamp>()).transpose().map_err(|error| fault(name, error.to_string()))
        };
        let deprecated_at = instant("deprecated_at", view.deprecated_at)?;
        let sunset_at = instant("sunset_at", view.sunset_at)?;
        versions.push(ApiVersion { slug, status, docs_url, label, deprecated_at, sunset_at });
    }
    Ok(versions)
}

fn expiry_days_default(days: Option<u16>) -> Field<Option<u16>> {
    days.map(|it| within("/expiry_days_default", it)).transpose()?;
    Ok(days)
}

fn key_locations(texts: &[String]) -> Field<KeyLocations> {
    at("/key_locations", KeyLocations::parse(texts))
}

/// A resource server whose keys are checked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiView {
    /// Its identifier.
    #[schema(value_type = String, examples("api_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    pub id: ApiId,
    /// The organization that defines it; it serves that one and all below.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// Its name on the wire, unique in the installation.
    #[schema(examples("default"))]
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// What its keys begin with, unique in the installation.
    #[schema(examples("ck"))]
    pub key_prefix: String,
    /// Where gateways that ask for it look for keys; whatever stands elsewhere is none.
    #[schema(examples("bearer", "header:X-Api-Key"))]
    pub key_locations: Vec<String>,
    /// Its versions, as its developers are shown them.
    pub versions: Vec<ApiVersionView>,
    /// Whether its keys are made one for each user: each is mapped to somebody who has no other.
    pub one_key_per_user: bool,
    /// How many days a key lives for which nothing is said; null is for ever.
    #[schema(required)]
    pub expiry_days_default: Option<u16>,
    /// Whether it came with the installation.
    pub built_in: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<&Api> for ApiView {
    fn from(it: &Api) -> Self {
        Self {
            id: it.id,
            organization_id: it.organization_id,
            slug: it.slug.to_string(),
            name: it.name.to_string(),
            key_prefix: it.prefix.to_string(),
            key_locations: it.key_locations.to_texts(),
            versions: it.versions.iter().map(Into::into).collect(),
            one_key_per_user: it.one_key_per_user,
            expiry_days_default: it.expiry_days_default,
            built_in: it.is_built_in(),
            created_at: it.created_at,
            updated_at: it.updated_at,
        }
    }
}

/// An api to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApiBody {
    /// What people call it.
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// Its name on the wire, unique in the installation. Fixed from then on.
    #[schema(max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")]
    slug: String,
    /// What its keys begin with, unique in the installation. Fixed from then on, since keys that are out begin with it.
    #[schema(min_length = 2, max_length = 12, pattern = "^[a-z][a-z0-9]+$")]
    key_prefix: String,
    /// Where gateways that ask for it look for keys: `bearer`, `basic`, `header:NAME`, `query:NAME`, `pair:NAME:NAME`. Whatever stands
    /// elsewhere is none, such as a session of the host's own in `Authorization`. Left out, it is where every key works.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<String>, required = false, min_items = 1, max_items = 8, examples("header:X-Acme-Key"))]
    key_locations: Option<Vec<String>>,
    /// Its versions, as its developers are shown them.
    #[serde(default)]
    #[schema(value_type = Vec<ApiVersionView>, required = false, max_items = 50)]
    versions: Vec<Object<ApiVersionView>>,
    /// Whether its keys are made one for each user: a key is mapped to somebody, and to nobody who has another (409 `user_has_key`). Fixed from
    /// then on.
    #[serde(default)]
    #[schema(required = false)]
    one_key_per_user: bool,
    /// How many days a key lives for which nothing is said, as far as policy allows; left out or null, it is for ever.
    #[schema(minimum = 1, maximum = 65_535)]
    expiry_days_default: Option<u16>,
}

impl PostBody for NewApiBody {}

impl TryFrom<NewApiBody> for NewApi {
    type Error = Reject;

    fn try_from(body: NewApiBody) -> Result<Self, Reject> {
        let name = text("/name", &body.name);
        let slug = text("/slug", &body.slug);
        let prefix = text("/key_prefix", &body.key_prefix);
        let places = body.key_locations.map(|it| key_locations(&it)).transpose();
        let versions = versions(body.versions);
        let days = expiry_days_default(body.expiry_days_default);
        let (name, slug, prefix, places, versions, expiry_days_default) =
            all_fields!(name, slug, prefix, places, versions, days)?;
        let (key_locations, one_key_per_user) = (places.unwrap_or_default(), body.one_key_per_user);
        Ok(Self { name, slug, prefix, key_locations, versions, one_key_per_user, expiry_days_default })
    }
}

/// What is to be changed on an api (RFC 7396): what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiPatchBody {
    /// What people call it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 80)]
    name: Option<String>,
    /// Where gateways that ask for it look for keys.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<String>, required = false, min_items = 1, max_items = 8)]
    key_locations: Option<Vec<String>>,
    /// Its versions, as a whole: labels, dates and addresses that are left out are gone, and so is a version.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<ApiVersionView>, required = false, max_items = 50)]
    versions: Option<Vec<Object<ApiVersionView>>>,
    /// How many days a key lives for which nothing is said; null is for ever. Keys that are there stay as they are.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 65_535)]
    expiry_days_default: Option<Option<u16>>,
}

impl TryFrom<ApiPatchBody> for ApiPatch {
    type Error = Reject;

    fn try_from(body: ApiPatchBody) -> Result<Self, Reject> {
        let name = optional("/name", body.name.as_deref());
        let places = body.key_locations.map(|it| key_locations(&it)).transpose();
        let versions = body.versions.map(versions).transpose();
        let days = body.expiry_days_default.map(expiry_days_default).transpose();
        let (name, key_locations, versions, expiry_days_default) = all_fields!(name, places, versions, days)?;
        Ok(Self { name, key_locations, versions, lost_documents: LostDocuments::None, expiry_days_default })
    }
}

fn render(api: &Api) -> Value {
    serde_json::to_value(ApiView::from(api)).expect("a view is JSON")
}

fn place_of(api: &Api) -> HeaderMap {
    place(&format!("/api/v1/organizations/{}/apis/{}", api.organization_id, api.id), api.version)
}

fn answer(api: &Api) -> Response {
    (entity_tag(api.version), Json(ApiView::from(api))).into_response()
}

/// Makes an api.
///
/// Its keys serve the organization and all below. The prefix counts in the whole installation: whatever begins with it and is as long as our
/// keys is refused unless its checksum is right. So only who may make apis at the root makes any (403 `grant_exceeds_own`).
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/apis",
    tag = "apis",
    params(OrganizationPath, IdempotencyKey),
    request_body = NewApiBody,
    extensions(("x-permissions" = json!({"all": ["claviger/apis:create"]}))),
    responses(
        (status = 201, description = "The api.", body = ApiView,
         headers(("ETag", description = "The version."), ("Location", description = "Where it stands."))),
        WriteRefusals,
    )
)]
pub(super) async fn create_api(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    post: Post<NewApiBody>,
) -> ApiResult<Response> {
    let (body, idempotency) = post.split(CREATED, render, place_of);
    let answer = ops::apis::create_api(&app, &caller, organization_id, NewApi::try_from(body)?, idempotency).await?;
    Ok(respond(CREATED, answer, place_of, |it: &Api| ApiView::from(it)))
}

/// Lists apis.
///
/// Those whose keys the organization can have: its own and those of the ones above it, by slug.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/apis",
    tag = "apis",
    params(OrganizationPath, PageQuery),
    extensions(("x-permissions" = json!({"all": ["claviger/apis:read"]}))),
    responses(
        (status = 200, description = "A page of apis.", body = PageView<ApiView>),
        Refusals,
    )
)]
pub(super) async fn list_apis(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> ApiResult<Response> {
    const LIST: &str = "apis";
    let found = ops::apis::list_apis(&app, &caller, organization_id, query.request(LIST)?).await?;
    Ok(page(&uri, LIST, found, |it| ApiView::from(&it)))
}

/// Shows one api.
///
/// The organization's own, or of one above it.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/apis/{api_id}",
    tag = "apis",
    params(ApiPath),
    extensions(("x-permissions" = json!({"all": ["claviger/apis:read"]}))),
    responses(
        (status = 200, description = "The api.", body = ApiView, headers(("ETag", description = "The version."))),
        Refusals,
    )
)]
pub(super) async fn get_api(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(ApiPath { organization_id, api_id }): Path<ApiPath>,
) -> ApiResult<Response> {
    Ok(answer(&ops::apis::get_api(&app, &caller, organization_id, api_id).await?))
}

/// Changes an api.
///
/// Its name, its versions, how long its keys live by default, and where gateways look for them; slug and prefix are fixed. Calls of this API itself take a key in every
/// presentation, whatever the api `default` says here. `versions` is the whole list: what it leaves out of a version is gone, so read it first and send its `ETag` as
/// `If-Match`. A list without a version that something is said of is refused (409) unless the request says that it is meant.
#[utoipa::path(
    patch,
    path = "/api/v1/organizations/{organization_id}/apis/{api_id}",
    tag = "apis",
    params(ApiPath, IfMatch, ConfirmDocuments),
    request_body = ApiPatchBody,
    extensions(("x-permissions" = json!({"all": ["claviger/apis:update"]}))),
    responses(
        (status = 200, description = "The api as it is now.", body = ApiView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn update_api(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(ApiPath { organization_id, api_id }): Path<ApiPath>,
    ConfirmDocuments(are_confirmed): ConfirmDocuments,
    JsonBody(body): JsonBody<ApiPatchBody>,
) -> ApiResult<Response> {
    let lost_documents = if are_confirmed { LostDocuments::All } else { LostDocuments::None };
    let patch = ApiPatch { lost_documents, ..ApiPatch::try_from(body)? };
    Ok(answer(&ops::apis::update_api(&app, &caller, organization_id, api_id, patch, None).await?))
}

/// Deletes an api.
///
/// One that no live key has: otherwise the refusal says how many do. Its slug and prefix are free again. The built-in ones stay.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{organization_id}/apis/{api_id}",
    tag = "apis",
    params(ApiPath, IfMatch),
    extensions(("x-permissions" = json!({"all": ["claviger/apis:delete"]}))),
    responses((status = 204, description = "The api is no more."), WriteRefusals)
)]
pub(super) async fn delete_api(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(ApiPath { organization_id, api_id }): Path<ApiPath>,
) -> ApiResult<StatusCode> {
    ops::apis::delete_api(&app, &caller, organization_id, api_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
