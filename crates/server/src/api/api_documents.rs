//! What a host says of a version of its api: the OpenAPI document, and guides.

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use claviger_core::api::{ApiDocument, DocumentHead, FROM_YAML, VersionSlug};
use claviger_core::id::{ApiId, OrganizationId};
use claviger_core::limits::OPENAPI_BYTES_MAX;
use claviger_core::name::{Name, Slug};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{self, JsonBody, Path};
use super::fields::{present, text};
use super::headers::{IfMatch, entity_tag};
use super::idempotency::{CREATED, OK};
use super::paths::ApiPath;
use super::problem::{ApiResult, Problem, Refusals, WriteRefusals};
use crate::app::App;
use crate::ops::api_documents::{self as ops, DocumentPlace, NewDocument};

/// The routes of what hosts say of their apis.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_api_documents))
        .routes(routes!(get_api_openapi, put_api_openapi, delete_api_openapi))
        .routes(routes!(get_api_guide, put_api_guide, delete_api_guide))
}

/// `…/versions/{api_version}/openapi`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OpenapiPath {
    /// The organization.
    #[param(value_type = String, example = "org_01kapxb4q0e8mv5r3g2t9w7yzn")]
    organization_id: OrganizationId,
    /// The api.
    #[param(value_type = String, example = "api_01kapxb4q0e8mv5r3g2t9w7yzn")]
    api_id: ApiId,
    /// The name of one of its versions.
    #[param(value_type = String, example = "2.0")]
    api_version: VersionSlug,
}

impl OpenapiPath {
    fn place(self) -> DocumentPlace {
        let Self { organization_id, api_id, api_version } = self;
        DocumentPlace { organization_id, api_id, api_version, guide: None }
    }
}

/// `…/versions/{api_version}/guides/{guide}`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct GuidePath {
    /// The organization.
    #[param(value_type = String, example = "org_01kapxb4q0e8mv5r3g2t9w7yzn")]
    organization_id: OrganizationId,
    /// The api.
    #[param(value_type = String, example = "api_01kapxb4q0e8mv5r3g2t9w7yzn")]
    api_id: ApiId,
    /// The name of one of its versions.
    #[param(value_type = String, example = "2.0")]
    api_version: VersionSlug,
    /// The last part of the guide's address: lower-case letters, digits and hyphens, such as `trigger-links`.
    #[param(value_type = String, example = "workflows")]
    guide: String,
}

impl GuidePath {
    /// Where a guide stands: under a name that none can have there is none.
    fn place(self) -> Result<DocumentPlace, Reject> {
        let guide = Slug::parse(&self.guide).map_err(|_| Reject::not_found())?;
        Ok(self.at(guide))
    }

    /// Where a guide may be put: a name that none can have is told to be that, and not to be missing.
    fn new_place(self) -> Result<DocumentPlace, Reject> {
        let fix = "Name the guide with lower-case letters, digits and hyphens, such as `trigger-links`, without `.md`.";
        let guide = Slug::parse(&self.guide)
            .map_err(|error| Reject { fix: Some(fix), ..Reject::field("guide", error.to_string()) })?;
        Ok(self.at(guide))
    }

    fn at(self, guide: Slug) -> DocumentPlace {
        let Self { organization_id, api_id, api_version, .. } = self;
        DocumentPlace { organization_id, api_id, api_version, guide: Some(guide) }
    }
}

/// A document without its text.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiDocumentView {
    /// The name of the api's version.
    api_version: String,
    /// The last part of a guide's address; null for the OpenAPI document.
    #[schema(required)]
    guide: Option<String>,
    /// What it is called.
    title: String,
    /// Where a guide stands among the others: the least comes first.
    position: u16,
    /// Bytes of its text.
    bytes: u64,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<&DocumentHead> for ApiDocumentView {
    fn from(it: &DocumentHead) -> Self {
        Self {
            api_version: it.api_version.to_string(),
            guide: it.guide.as_ref().map(ToString::to_string),
            title: it.title.to_string(),
            position: it.position,
            bytes: it.bytes,
            updated_at: it.updated_at,
        }
    }
}

/// All that is said of an api.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiDocumentsView {
    /// By version, and of each in the order in which they are shown.
    documents: Vec<ApiDocumentView>,
}

/// A guide.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApiGuideView {
    /// The name of the api's version.
    api_version: String,
    /// The last part of its address.
    guide: String,
    /// What it is called.
    title: String,
    /// Where it stands among the others: the least comes first.
    position: u16,
    /// Its text.
    markdown: String,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<ApiDocument> for ApiGuideView {
    fn from(ApiDocument { head, body }: ApiDocument) -> Self {
        Self {
            api_version: head.api_version.to_string(),
            guide: head.guide.as_ref().map(ToString::to_string).unwrap_or_default(),
            title: head.title.to_string(),
            position: head.position,
            markdown: body,
            updated_at: head.updated_at,
        }
    }
}

/// A guide to be put there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiGuideBody {
    /// What it is called, and no other guide to the version.
    #[schema(min_length = 1, max_length = 80, examples("Workflows"))]
    title: String,
    /// Where it stands among the others: the least comes first. Left out, it stays where it is, and a new one has 100.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = u16, required = false)]
    position: Option<u16>,
    /// Its text, at most 256 KiB. HTML in it is shown as the text that it is, and links lead to `http`, `https`, `mailto` or somewhere here.
    #[schema(min_length = 1)]
    markdown: String,
}

/// The bytes of an OpenAPI document, as they are sent.
pub(super) struct OpenapiBody(String);

impl<S: Send + Sync> FromRequest<S> for OpenapiBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        body::refuse_other_media_type(&parts.headers).map_err(|refusal| of_yaml(&parts.headers).unwrap_or(refusal))?;
        let bytes = body::read(body, &parts.headers, OPENAPI_BYTES_MAX).await?;
        let text = String::from_utf8(bytes.into())
            .map_err(|_| Reject::new(RejectCode::InvalidBody, "The body is not UTF-8, in which JSON is written."))?;
        Ok(Self(text))
    }
}

/// What is said to who sends YAML, in which many keep such documents: how it becomes what is read here. To read it itself would take a reader of YAML,
/// whose documents unfold to much more than was sent.
fn of_yaml(headers: &HeaderMap) -> Option<Reject> {
    let detail = || format!("The body has to be JSON, and to say so in Content-Type: {FROM_YAML}.");
    body::media_type(headers).ends_with("yaml").then(|| Reject::new(RejectCode::UnsupportedMediaType, detail()))
}

/// Lists what is said of an api.
///
/// The OpenAPI documents of its versions, and the guides to them. Everybody reads them at `/docs`.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/apis/{api_id}/documents",
    tag = "apis",
    params(ApiPath),
    extensions(("x-permissions" = json!({"all": ["claviger/apis:read"]}))),
    responses((status = 200, description = "What is said.", body = ApiDocumentsView), Refusals)
)]
pub(super) async fn list_api_documents(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(ApiPath { organization_id, api_id }): Path<ApiPath>,
) -> ApiResult<Json<ApiDocumentsView>> {
    let (_, found) = ops::list_documents(&app, &caller, organization_id, api_id).await?;
    Ok(Json(ApiDocumentsView { documents: found.iter().map(Into::into).collect() }))
}

/// Shows the OpenAPI document of a version.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/apis/{api_id}/versions/{api_version}/openapi",
    tag = "apis",
    params(OpenapiPath),
    extensions(("x-permissions" = json!({"all": ["claviger/apis:read"]}))),
    responses(
        (status = 200, description = "The document, as it was put.", body = Value,
         headers(("ETag", description = "The version."))),
        Refusals,
    )
)]
pub(super) async fn get_api_openapi(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(path): Path<OpenapiPath>,
) -> ApiResult<Response> {
    let found = ops::get_document(&app, &caller, path.place()).await?;
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((entity_tag(found.head.version), kind, found.body).into_response())
}

/// Puts the OpenAPI document of a version there.
///
/// Of an api of the root organization: from then on everybody reads it at `/docs`, drawn and as it is. It is JSON of OpenAPI 3, with at most
/// 2 MiB and 1,000 operations; one in which something else stands where an operation or a parameter is to stand is refused with its place. Doing it twice changes nothing.
#[utoipa::path(
    put,
    path = "/api/v1/organizations/{organization_id}/apis/{api_id}/versions/{api_version}/openapi",
    tag = "apis",
    params(OpenapiPath, IfMatch),
    request_body = Value,
    extensions(("x-permissions" = json!({"all": ["claviger/apis:update"]}))),
    responses(
        (status = 200, description = "One was there, and is now as asked.", body = ApiDocumentView,
         headers(("ETag", description = "The version."))),
        (status = 201, description = "There was none.", body = ApiDocumentView,
         headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn put_api_openapi(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(path): Path<OpenapiPath>,
    OpenapiBody(text): OpenapiBody,
) -> ApiResult<Response> {
    let put = ops::put_document(&app, &caller, path.place(), NewDocument::Openapi(text)).await?;
    let status = if put.is_new { CREATED } else { OK };
    let head = &put.document.head;
    Ok((status, entity_tag(head.version), Json(ApiDocumentView::from(head))).into_response())
}

/// Takes the OpenAPI document of a version away.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{organization_id}/apis/{api_id}/versions/{api_version}/openapi",
    tag = "apis",
    params(OpenapiPath, IfMatch),
    extensions(("x-permissions" = json!({"all": ["claviger/apis:update"]}))),
    responses((status = 204, description = "There is none any more."), WriteRefusals)
)]
pub(super) async fn delete_api_openapi(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(path): Path<OpenapiPath>,
) -> ApiResult<StatusCode> {
    ops::delete_document(&app, &caller, path.place()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows a guide to a version.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/apis/{api_id}/versions/{api_version}/guides/{guide}",
    tag = "apis",
    params(GuidePath),
    extensions(("x-permissions" = json!({"all": ["claviger/apis:read"]}))),
    responses(
        (status = 200, description = "The guide.", body = ApiGuideView, headers(("ETag", description = "The version."))),
        Refusals,
    )
)]
pub(super) async fn get_api_guide(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(path): Path<GuidePath>,
) -> ApiResult<Response> {
    let found = ops::get_document(&app, &caller, path.place()?).await?;
    Ok((entity_tag(found.head.version), Json(ApiGuideView::from(found))).into_response())
}

/// Puts a guide to a version there.
///
/// Of an api of the root organization: from then on everybody reads it at `/docs`. Or replaces the one that is there. Doing it twice changes
/// nothing.
#[utoipa::path(
    put,
    path = "/api/v1/organizations/{organization_id}/apis/{api_id}/versions/{api_version}/guides/{guide}",
    tag = "apis",
    params(GuidePath, IfMatch),
    request_body = ApiGuideBody,
    extensions(("x-permissions" = json!({"all": ["claviger/apis:update"]}))),
    responses(
        (status = 200, description = "It was there, and is now as asked.", body = ApiGuideView,
         headers(("ETag", description = "The version."))),
        (status = 201, description = "It is new.", body = ApiGuideView, headers(("ETag", description = "The version."))),
        WriteRefusals,
    )
)]
pub(super) async fn put_api_guide(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(path): Path<GuidePath>,
    JsonBody(body): JsonBody<ApiGuideBody>,
) -> ApiResult<Response> {
    let ApiGuideBody { title, position, markdown } = body;
    let title = text::<Name>("/title", &title).map_err(|it| Reject::fields(vec![it]))?;
    let new = NewDocument::Guide { title, position, markdown };
    let put = ops::put_document(&app, &caller, path.new_place()?, new).await?;
    let status = if put.is_new { CREATED } else { OK };
    Ok((status, entity_tag(put.document.head.version), Json(ApiGuideView::from(put.document))).into_response())
}

/// Takes a guide to a version away.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{organization_id}/apis/{api_id}/versions/{api_version}/guides/{guide}",
    tag = "apis",
    params(GuidePath, IfMatch),
    extensions(("x-permissions" = json!({"all": ["claviger/apis:update"]}))),
    responses((status = 204, description = "It is gone."), WriteRefusals)
)]
pub(super) async fn delete_api_guide(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(path): Path<GuidePath>,
) -> ApiResult<StatusCode> {
    ops::delete_document(&app, &caller, path.place()?).await?;
    Ok(StatusCode::NO_CONTENT)
}
