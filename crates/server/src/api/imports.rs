//! Imports: keys that exist elsewhere come in as SHA-256 digests, in chunks, resumable.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use claviger_core::id::ImportId;
use claviger_core::reject::{FieldReject, Reject};
use claviger_core::time::Timestamp;
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{JsonBody, Path};
use super::fields::{Field, Object, all_fields, at, optional, permissions};
use super::paths::{ImportPath, OrganizationPath};
use super::problem::{ApiResult, Refusals, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::imports::{ChunkOutcome, ImportInfo, ImportLine, NewImport, RejectedLine};

/// Lines of one chunk.
const CHUNK_LINES_MAX: usize = claviger_core::limits::ROWS_PER_EVENT_MAX;
/// Characters of a source's name.
const SOURCE_NAME_CHARS_MAX: usize = 120;

/// The routes of imports.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_import)).routes(routes!(get_import)).routes(routes!(append_import))
}

/// An import to be begun.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewImportBody {
    /// SHA-256 of the source, in hex: the same source for the same organization is the same import.
    #[schema(min_length = 64, max_length = 64)]
    source_digest: String,
    /// What people call the source, such as the file's name.
    #[schema(min_length = 1, max_length = 120)]
    source_name: String,
    /// The slug of the api of its keys.
    #[schema(default = "default")]
    api: Option<String>,
    /// The role of its keys; absent means the mapped user's.
    role_id: Option<String>,
    /// The scopes of its keys; absent narrows nothing.
    #[schema(max_items = 256)]
    scopes: Option<Vec<String>>,
    /// The owner of its keys; absent means nobody, which needs an admin.
    owner_id: Option<String>,
    /// The user its keys are mapped to; absent means nobody, and then they need a role.
    mapped_user_id: Option<String>,
}

impl TryFrom<NewImportBody> for NewImport {
    type Error = Reject;

    fn try_from(body: NewImportBody) -> Result<Self, Reject> {
        let digest: Option<[u8; 32]> =
            HEXLOWER_PERMISSIVE.decode(body.source_digest.as_bytes()).ok().and_then(|it| it.try_into().ok());
        let source_digest = at("/source_digest", digest.ok_or("must be 64 hexadecimal digits"));
        let named = (1..=SOURCE_NAME_CHARS_MAX).contains(&body.source_name.chars().count())
            && !body.source_name.chars().any(char::is_control);
        let source_name = match named {
            true => Ok(body.source_name),
            false => at("/source_name", Err(format!("must be 1 to {SOURCE_NAME_CHARS_MAX} printable characters"))),
        };
        let api = optional("/api", body.api.as_deref());
        let role_id = optional("/role_id", body.role_id.as_deref());
        let scopes = body.scopes.map(|it| permissions("/scopes", &it)).transpose();
        let owner_id = optional("/owner_id", body.owner_id.as_deref());
        let mapped_user_id = optional("/mapped_user_id", body.mapped_user_id.as_deref());
        let (source_digest, source_name, api, role_id, scopes, owner_id, mapped_user_id) =
            all_fields!(source_digest, source_name, api, role_id, scopes, owner_id, mapped_user_id)?;
        Ok(Self { source_digest, source_name, api, role_id, scopes, owner_id, mapped_user_id })
    }
}

/// The next lines of the source.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportChunkBody {
    /// The lines, in the order of the source. Those that have been dealt with are skipped, so that a chunk can be sent again. Only a chunk
    /// that says `finished` may have none.
    #[schema(value_type = Vec<ImportLineBody>, max_items = 1000)]
    lines: Vec<Object<ImportLineBody>>,
    /// The last line of the request before this one, where that may still be under way. This one is then refused with `state_conflict` as long
    /// as that line has not been dealt with, so that no line is passed over whichever request comes first.
    after_line: Option<u64>,
    /// Whether none come after these.
    #[serde(default)]
    #[schema(required = false, default = false)]
    finished: bool,
}

/// One line of the source. What is wrong with it stands in the answer, and the others are taken.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportLineBody {
    /// Its number in the source.
    line: u64,
    /// SHA-256 of the key, in hex or base64. A key of two parts, which is sent as `accessKey` and `secretKey` or as user and password, is
    /// hashed as `claviger:pair:v1`, a zero byte, and each part behind its length in bytes, written as eight bytes with the greatest first.
    sha256: String,
    /// The name; absent means one made from the digest.
    name: Option<String>,
    /// The description.
    description: Option<String>,
    /// When the key ends (RFC 3339); absent means never, or as its api has it.
    expires_at: Option<String>,
    /// Why the line could not be read at the source; it is then named among those that were not taken.
    #[schema(max_length = 200)]
    fault: Option<String>,
}

impl From<ImportLineBody> for ImportLine {
    fn from(it: ImportLineBody) -> Self {
        let ImportLineBody { line, sha256, name, description, expires_at, fault } = it;
        Self { line, sha256, name, description, expires_at, fault }
    }
}

/// How far an import has come.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: ImportId,
    /// What people call its source.
    pub source_name: String,
    /// Lines up to this one have been dealt with; a resumed import goes on behind it.
    pub done_line: u64,
    /// Keys made.
    pub accepted: u64,
    /// Lines whose key was there already, in this organization.
    pub existing: u64,
    /// Lines not taken.
    pub rejected: u64,
    /// The first of the lines not taken.
    pub rejected_lines: Vec<RejectedLineView>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last went on.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When it came to the end of its source; null until then.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub finished_at: Option<Timestamp>,
}

/// A line that was not taken.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RejectedLineView {
    /// Its number in the source.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// What became of a chunk.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ImportChunkView {
    /// The import after it.
    pub import: ImportView,
    /// The lines of this chunk that were not taken.
    pub rejected: Vec<RejectedLineView>,
}

impl From<RejectedLine> for RejectedLineView {
    fn from(RejectedLine { line, reason }: RejectedLine) -> Self {
        Self { line, reason }
    }
}

impl From<ImportInfo> for ImportView {
    fn from(it: ImportInfo) -> Self {
        Self {
            id: it.id,
            source_name: it.source_name,
            done_line: it.done_line,
            accepted: it.accepted,
            existing: it.existing,
            rejected: it.rejected,
            rejected_lines: it.rejected_lines.into_iter().map(Into::into).collect(),
            created_at: it.created_at,
            updated_at: it.updated_at,
            finished_at: it.finished_at,
        }
    }
}

/// Begins an import.
///
/// Or finds the one of the same source. It takes no `Idempotency-Key`: the digest of its source is one, and the same request a second time answers
/// with the same import.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/imports",
    tag = "imports",
    params(OrganizationPath),
    request_body = NewImportBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:create"]}))),
    responses(
        (status = 200, description = "The import, begun now or before.", body = ImportView,
         headers(("Location", description = "Where it stands."))),
        WriteRefusals,
    )
)]
pub(super) async fn create_import(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(OrganizationPath { organization_id }): Path<OrganizationPath>,
    JsonBody(body): JsonBody<NewImportBody>,
) -> ApiResult<Response> {
    let import = ops::imports::create_import(&app, &caller, organization_id, NewImport::try_from(body)?).await?;
    let path = format!("/api/v1/organizations/{organization_id}/imports/{}", import.id);
    let headers: HeaderMap = super::headers::location(&path);
    Ok((headers, Json(ImportView::from(import))).into_response())
}

/// Shows how far an import has come.
#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization_id}/imports/{import_id}",
    tag = "imports",
    params(ImportPath),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:read"]}))),
    responses((status = 200, description = "The import.", body = ImportView), Refusals)
)]
pub(super) async fn get_import(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(ImportPath { organization_id, import_id }): Path<ImportPath>,
) -> ApiResult<Json<ImportView>> {
    Ok(Json(ops::imports::get_import(&app, &caller, organization_id, import_id).await?.into()))
}

/// Takes the next lines of an import.
///
/// At most 1,000. A line that cannot be taken is named in the answer; the others are taken. It takes no `Idempotency-Key`: lines are known by
/// their numbers, and those that were dealt with are skipped when they are sent again. Of lines that were not taken the import keeps the first,
/// so that who did not hear of them the first time finds them there.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/imports/{import_id}/lines",
    tag = "imports",
    params(ImportPath),
    request_body = ImportChunkBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:create"]}))),
    responses((status = 200, description = "What became of the lines.", body = ImportChunkView), WriteRefusals)
)]
pub(super) async fn append_import(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(ImportPath { organization_id, import_id }): Path<ImportPath>,
    JsonBody(body): JsonBody<ImportChunkBody>,
) -> ApiResult<Json<ImportChunkView>> {
    let least = usize::from(!body.finished);
    let lines: Field<Vec<ImportLine>> = match body.lines.len() {
        count if (least..=CHUNK_LINES_MAX).contains(&count) => {
            Ok(body.lines.into_iter().map(|it| it.0.into()).collect())
        }
        _ => at("/lines", Err(format!("must be 1 to {CHUNK_LINES_MAX} lines"))),
    };
    let lines = lines.map_err(|it: FieldReject| Reject::fields(vec![it]))?;
    let ChunkOutcome { import, rejected } =
        ops::imports::append_import(&app, &caller, organization_id, import_id, lines, body.after_line, body.finished)
            .await?;
    let rejected = rejected.into_iter().map(Into::into).collect();
    Ok(Json(ImportChunkView { import: import.into(), rejected }))
}
