//! The question whether a key is good, for hosts that ask over HTTP.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use claviger_core::decision::{Allowance, Traced};
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::limits;
use claviger_core::permission::Coverage;
use claviger_core::reject::Reject;
use claviger_core::time::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::{self, Authenticated};
use super::body::{self, JsonBody};
use super::edge;
use super::fields::{Field, all_fields, at, optional, present};
use super::key_limits::{LimitsLeftView, whole_millis};
use super::numbers::within;
use super::preconditions::Heeded;
use super::problem::{ApiResult, Problem, ProblemField, WriteRefusals};
use super::rates;
use super::verify_batch;
use super::words::{CheckWord, DecisionCodeWord};
use crate::app::App;
use crate::ops;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;
use crate::ops::verify::{Subject, VerifyAnswer, VerifyRequest};
use crate::rates::Surface;

/// Where it is asked.
pub(super) const PATH: &str = "/api/v1/verify";

/// The route of verification.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(verify_key))
}

/// A key, and what is asked about it. The key is the subject; the caller's own credential stands in the headers.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"key": "ck_…", "permissions": ["contacts:read"], "explain": true}))]
pub(super) struct VerifyBody {
    /// A whole key.
    #[schema(value_type = Option<String>, max_length = 4096)]
    key: Option<SecretString>,
    /// The first part of a pair, instead of `key`.
    #[schema(value_type = Option<String>, max_length = 4096)]
    access_key: Option<SecretString>,
    /// The second part of a pair.
    #[schema(value_type = Option<String>, max_length = 4096)]
    secret_key: Option<SecretString>,
    /// The slug of the api that asks. About one that there is not nothing is decided: the question is refused.
    #[schema(default = "default")]
    api: Option<String>,
    /// The version of it that is called. It decides nothing; of one that is to be left, the answer says since when and until when.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, examples("1.0"))]
    api_version: Option<String>,
    /// The organization that the request is about: id, slug or external id; absent means the key's own.
    organization: Option<String>,
    /// The permissions needed, all of them.
    #[serde(default)]
    #[schema(required = false, max_items = 16, examples("scorecards:read"))]
    permissions: Vec<String>,
    /// The address from which the request came.
    #[schema(examples("203.0.113.7"))]
    ip: Option<String>,
    /// How many requests this one counts as, where the key has limits.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = u32, required = false, default = 1, minimum = 1, maximum = 1_000_000)]
    cost: Option<u32>,
    /// Whether to say how every check came out. Such a question counts no use and takes nothing of what the key may use; `limits` then says
    /// what is left, and `retry_after_ms` whether a real request would have to wait.
    #[serde(default)]
    #[schema(required = false, default = false)]
    explain: bool,
}

impl TryFrom<VerifyBody> for VerifyRequest {
    type Error = Reject;

    fn try_from(body: VerifyBody) -> Result<Self, Reject> {
        let subject = match (body.key, body.access_key, body.secret_key) {
            (Some(key), None, None) => Ok(Subject::Key(key)),
            (None, Some(access), Some(secret)) => Ok(Subject::Pair { access, secret }),
            (None, None, None) => at("/key", Err("is needed, or `access_key` and `secret_key`")),
            (None, Some(_), None) => at("/secret_key", Err("is needed beside `access_key`")),
            (None, None, Some(_)) => at("/access_key", Err("is needed beside `secret_key`")),
            (Some(_), _, _) => at("/key", Err("cannot stand beside `access_key` and `secret_key`")),
        };
        let ip: Field<Option<IpAddr>> = optional("/ip", body.ip.as_deref());
        let max = limits::PERMISSIONS_PER_REQUEST_MAX;
        let permissions = match body.permissions.len() <= max {
            true => Ok(body.permissions),
            false => at("/permissions", Err(format!("at most {max} permissions"))),
        };
        let cost = body.cost.unwrap_or(1);
        let cost = within("/cost", cost).map(|()| cost);
        let (subject, ip, permissions, cost) = all_fields!(subject, ip, permissions, cost)?;
        let (api, api_version, organization, explain) = (body.api, body.api_version, body.organization, body.explain);
        Ok(Self { subject, api, api_version, organization, permissions, ip, cost, explain })
    }
}

/// The answer about a key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerifyView {
    /// Whether the request may pass.
    pub allowed: bool,
    /// Why not, if not.
    #[schema(required)]
    pub code: Option<DecisionCodeWord>,
    /// The key; null where there is none that the caller may know of.
    #[schema(required)]
    pub key: Option<VerifiedKeyView>,
    /// The organization the request is about.
    #[schema(required)]
    pub organization: Option<VerifiedOrganizationView>,
    /// The user whose rights the key carries.
    #[schema(required)]
    pub mapped_user: Option<VerifiedUserView>,
    /// The name of the role that counts.
    #[schema(required)]
    pub role: Option<String>,
    /// Everything the key may do there; empty when it may not pass.
    pub permissions: Vec<String>,
    /// Where the right is by element and a whole resource was asked for: the elements. Left out where it is for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, nullable = false)]
    pub elements: Option<BTreeSet<Box<str>>>,
    /// What is left of the key's limits, this request taken off; null where it has none, or where it was refused for another reason.
    #[schema(required)]
    pub limits: Option<LimitsLeftView>,
    /// Milliseconds until the key's limits would let such a request pass; null where they do not stand in its way, and where it costs more than
    /// they ever let through.
    #[schema(required)]
    pub retry_after_ms: Option<u64>,
    /// What to tell your client of the version that it calls. Left out where there is nothing to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub deprecation: Option<DeprecationView>,
    /// How every check came out, where that was asked for. Of a key that is unknown, or that the caller may not know of, it says no more than that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub trace: Option<Vec<TracedView>>,
    /// The instant at which what the answer rests on was known to be true.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    /// Milliseconds since then.
    pub stale_ms: u64,
    /// In a batch, the fields of this request that could not be understood: then nothing was decided, and the key may not pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<ProblemField>,
}

/// That a version of an api is to be left.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeprecationView {
    /// Since when: the field `Deprecation` of your answer, as `@` and seconds since 1970 (RFC 9745).
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub deprecated_at: Option<Timestamp>,
    /// When it ends: the field `Sunset` of your answer (RFC 8594).
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub sunset_at: Option<Timestamp>,
    /// Where it is documented.
    #[schema(required)]
    pub docs_url: Option<String>,
}

/// A key, as verifiers are told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerifiedKeyView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// The host's own data.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub metadata: Value,
    /// When it ends; null means never.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub expires_at: Option<Timestamp>,
}

/// An organization, as verifiers are told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerifiedOrganizationView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: OrganizationId,
    /// Its short name.
    pub slug: String,
    /// The host's own identifier.
    #[schema(required)]
    pub external_id: Option<String>,
}

/// A mapped user, as verifiers are told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerifiedUserView {
    /// The user's identifier.
    #[schema(value_type = String)]
    pub id: UserId,
    /// The host's own identifier.
    #[schema(required)]
    pub external_id: Option<String>,
    /// What people call the user.
    pub name: String,
}

/// One step of the decision.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TracedView {
    /// What was checked.
    pub check: CheckWord,
    /// The code with which this check alone denies; null when it passed.
    #[schema(required)]
    pub denied: Option<DecisionCodeWord>,
    /// Of `role`, `scopes` and `rights`: what this part alone allows of each permission that was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub permissions: Vec<AllowanceView>,
}

/// What one part of a key's rights allows of one permission.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AllowanceView {
    /// The permission that was asked for.
    pub permission: String,
    /// Whether this part allows it, be it for some elements only. A part that a key does not have narrows nothing.
    pub allowed: bool,
    /// Where it is by element and a whole resource was asked for: the elements. Left out where it is for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, nullable = false)]
    pub elements: Option<BTreeSet<Box<str>>>,
}

impl From<Traced> for TracedView {
    fn from(it: Traced) -> Self {
        let view = |Allowance { permission, coverage }| {
            let allowed = coverage != Coverage::None;
            let elements = match coverage {
                Coverage::Elements(elements) => Some(elements),
                Coverage::None | Coverage::All => None,
            };
            AllowanceView { permission, allowed, elements }
        };
        Self {
            check: it.check.into(),
            denied: it.denied.map(Into::into),
            permissions: it.allowances.into_iter().map(view).collect(),
        }
    }
}

impl From<VerifyAnswer> for VerifyView {
    fn from(it: VerifyAnswer) -> Self {
        let metadata = |text: Option<String>| {
            text.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_else(|| Value::Object(Default::default()))
        };
        Self {
            allowed: it.allowed,
            code: it.code.map(Into::into),
            key: it.key.map(|it| VerifiedKeyView {
                id: it.id,
                name: it.name,
                metadata: metadata(it.metadata),
                expires_at: it.expires_at,
            }),
            organization: it.organization.map(|it| VerifiedOrganizationView {
                id: it.id,
                slug: it.slug,
                external_id: it.external_id,
            }),
            mapped_user: it.mapped_user.map(|it| VerifiedUserView {
                id: it.id,
                external_id: it.external_id,
                name: it.name,
            }),
            role: it.role,
            permissions: it.permissions,
            elements: it.elements,
            limits: it.limits.as_ref().map(Into::into),
            retry_after_ms: it.limits.and_then(|it| it.refusal?.wait).map(whole_millis),
            deprecation: it.deprecation.map(|it| DeprecationView {
                deprecated_at: it.version.deprecated_at,
                sunset_at: it.version.sunset_at,
                docs_url: it.version.docs_url.clone(),
            }),
            trace: it.trace.map(|trace| trace.into_iter().map(Into::into).collect()),
            as_of: it.as_of,
            stale_ms: it.stale_ms,
            errors: Vec::new(),
        }
    }
}

/// Says whether a key is good.
///
/// Also for whom it acts and what it may do. A decision is always answered with 200, also when it is no; other statuses are about the caller and the form of the question.
/// Where the key has limits, a request that may pass is taken off them, and one for which nothing is left is answered `rate_limited` or
/// `quota_exceeded`, with the time to wait in `retry_after_ms`: answer your client 429 with `Retry-After`, in seconds, rounded up.
#[utoipa::path(
    post,
    path = "/api/v1/verify",
    tag = "verify",
    request_body = VerifyBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:verify"]}))),
    responses((status = 200, description = "The decision.", body = VerifyView), WriteRefusals)
)]
pub(super) async fn verify_key(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody<VerifyBody>,
) -> ApiResult<Json<VerifyView>> {
    let request = VerifyRequest::try_from(body)?;
    Ok(Json(ops::verify::verify_key(&app, &caller, &request)?.into()))
}

/// Whether a request is this question, or many of it, as programs ask it. What browsers send says where it is from, and has to go through the
/// check of that.
pub(crate) fn is_verification<B>(request: &axum::http::Request<B>) -> bool {
    let path = request.uri().path();
    // What all of them begin with, first: every other request passes here too.
    let is_ours = path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || path == verify_batch::PATH);
    is_ours && *request.method() == Method::POST && !auth::says_where_it_is_from(request.headers())
}

/// Answers such a request as the route does, by the same functions, only without the router and its layers: they cost more than
/// the answer does, and hosts ask this for each of their own requests.
pub(crate) async fn answer_verification(app: &App, ip: IpAddr, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let is_batch = parts.uri.path() != PATH;
    let route = if is_batch { verify_batch::PATH } else { PATH };
    edge::attend_verification(app, &parts.headers, route, async {
        let (caller, warns) = match auth::caller(app, &parts, Some(ip)).await {
            Ok(found) => found,
            Err(problem) => return rates::refuse_stranger(app, Some(ip), problem),
        };
        let allowance = match rates::take(app, &caller, Surface::Verification) {
            Ok(allowance) => allowance,
            Err(refusal) => {
                auth::settle(app, &caller, parts.headers.get(header::USER_AGENT), &refusal);
                return *refusal;
            }
        };
        let read = match Heeded::NOTHING.read(&parts.method, &parts.headers, &parts.uri) {
            Ok(_) => body::read_json(&parts.headers, body).await,
            Err(reject) => Err(reject),
        };
        let view = |body: &[u8]| match is_batch {
            false => view(app, &caller, body).map(|it| json(&it, 1)),
            true => verify_batch::respond(app, &caller, body),
        };
        let answer = || match read.map_err(Into::into).and_then(|body| view(&body)) {
            Ok(response) => response,
            Err(error) => Problem::from(error).into_response(),
        };
        let mut response = catch_unwind(AssertUnwindSafe(answer)).unwrap_or_else(edge::panicked);
        auth::settle(app, &caller, parts.headers.get(header::USER_AGENT), &response);
        auth::warn(&mut response, warns);
        if let Some(allowance) = allowance {
            allowance.write(&mut response);
        }
        response
    })
    .await
}

fn view(app: &App, caller: &Caller, body: &[u8]) -> OpResult<VerifyView> {
    let request = VerifyRequest::try_from(body::parse::<VerifyBody>(body)?)?;
    Ok(ops::verify::verify_key(app, caller, &request)?.into())
}

/// [`Json`] begins with so small a buffer that answers of this size are copied several times while they are written.
pub(super) fn json(view: &impl Serialize, answers: usize) -> Response {
    const BYTES_EXPECTED: usize = 1024;
    let mut body = Vec::with_capacity(BYTES_EXPECTED * answers);
    serde_json::to_writer(&mut body, view).expect("an answer is JSON");
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}
