//! OAuth for resource servers that speak it: introspection (RFC 7662).
//!
//! Its errors are those of RFC 6749 §5.2, since the libraries that call it read no others. They are made of the problems that stand behind
//! them, so that nothing is refused in two ways.

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::limits;
use claviger_core::reject::{Reject, RejectCode};
use claviger_verifier::credential::Sources;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{self, Query};
use super::form::{self, Form};
use super::problem::{ApiResult, Problem, ProblemCode};
use crate::app::App;
use crate::ops;
use crate::ops::introspect::{IntrospectRequest, Introspection};

/// Where a token is introspected.
pub(super) const PATH: &str = "/oauth/introspect";

/// The routes of OAuth.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(introspect_token))
}

/// A token, in a form. Parameters that are not known are passed over, as RFC 6749 §3.1 wants it.
#[derive(ToSchema)]
pub(super) struct IntrospectBody {
    /// The token: an access token, or a whole key.
    #[schema(value_type = String, max_length = 4096, examples("ck_…"))]
    token: SecretString,
    /// What kind of token it may be. Nothing depends on it.
    #[schema(required = false)]
    #[expect(dead_code, reason = "a hint; it stands here for the document")]
    token_type_hint: Option<String>,
    /// The access part of the caller's key, where it does not stand in a header.
    #[schema(required = false)]
    #[expect(dead_code, reason = "it stands here for the document; `read_client` reads it")]
    client_id: Option<String>,
    /// The secret part of that key.
    #[schema(required = false)]
    #[expect(dead_code, reason = "it stands here for the document; `read_client` reads it")]
    client_secret: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for IntrospectBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body): (_, Body) = request.into_parts();
        let token = Form::read(&parts.headers, body).await?.secret("token")?;
        Ok(Self { token, token_type_hint: None, client_id: None, client_secret: None })
    }
}

/// For what the token is to be used. In the address, and not in the form, since that is what an OAuth library lets one write down.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct IntrospectQuery {
    /// The slug of the api that asks; `default` unless something else is said.
    #[serde(default)]
    #[param(value_type = String, required = false)]
    api: Option<String>,
    /// The organization that the request is about: id, slug or external id; absent means the key's own.
    #[serde(default)]
    #[param(value_type = String, required = false)]
    organization: Option<String>,
}

/// What a token is good for (RFC 7662 §2.2). Of one that is not good only `active` is said.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct IntrospectionView {
    /// Whether it is good now.
    pub active: bool,
    /// The rest, where it is.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ActiveTokenView, required = false)]
    pub token: Option<ActiveTokenView>,
}

/// What is said about a good token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActiveTokenView {
    /// Everything it may do, separated by spaces. Left out where that is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, examples("contacts:read scorecards/A:update"))]
    pub scope: Option<String>,
    /// The key: it is what OAuth calls a client.
    #[schema(required = false, value_type = String)]
    pub client_id: KeyId,
    /// What people call the user whose rights it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub username: Option<String>,
    /// That user; the key itself where it has none.
    #[schema(required = false)]
    pub sub: String,
    /// The slug of the api it belongs to.
    #[schema(required = false, examples("default"))]
    pub aud: String,
    /// Who gave it out: the address of this service. Left out where the service was not told its own (`--public-url`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, examples("https://keys.example.com"))]
    pub iss: Option<String>,
    /// When it ends, in seconds since 1970. Left out where it has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub exp: Option<i64>,
    /// When it was made, in seconds since 1970; it has been good from then on, so there is no `nbf`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub iat: Option<i64>,
    /// What tells it from others: of a key, which of its secrets it is.
    #[schema(required = false)]
    pub jti: String,
    /// The organization it is good for.
    #[schema(required = false, value_type = String)]
    pub organization_id: OrganizationId,
    /// The host's own identifier of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub organization_external_id: Option<String>,
    /// The user whose rights it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub mapped_user_id: Option<UserId>,
    /// The host's own identifier of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mapped_user_external_id: Option<String>,
}

impl ActiveTokenView {
    fn new(it: Introspection, issuer: Option<String>) -> Self {
        let user = it.mapped_user.as_ref();
        Self {
            scope: scope_of(&it.permissions),
            client_id: it.key_id,
            username: user.map(|it| it.name.clone()),
            sub: user.map_or_else(|| it.key_id.to_string(), |it| it.id.to_string()),
            aud: it.api,
            iss: issuer,
            exp: it.ends_at.map(|it| it.as_secs()),
            iat: it.issued_at.map(|it| it.as_secs()),
            jti: it.token_id,
            organization_id: it.organization_id,
            organization_external_id: it.organization_external_id,
            mapped_user_id: user.map(|it| it.id),
            mapped_user_external_id: it.mapped_user.and_then(|it| it.external_id),
        }
    }
}

/// Permissions as OAuth writes scopes. A scope has one word at least (RFC 6749 §3.3), so an empty one is none, which may be left out.
pub(super) fn scope_of(permissions: &[String]) -> Option<String> {
    (!permissions.is_empty()).then(|| permissions.join(" "))
}

/// An error as OAuth has it (RFC 6749 §5.2).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OauthErrorView {
    /// What a program decides by.
    #[schema(examples("invalid_request"))]
    pub error: &'static str,
    /// What happened, in a sentence.
    pub error_description: String,
    /// The code that the management API has for it.
    #[schema(value_type = ProblemCode)]
    pub code: &'static str,
}

/// What a client of OAuth is asked for besides (RFC 6749 §5.2): most of them know no other scheme.
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"claviger\"");
/// Where the two parts of a key stand in headers.
const ACCESS_KEY: HeaderName = HeaderName::from_static("accesskey");
const SECRET_KEY: HeaderName = HeaderName::from_static("secretkey");

/// What a caller who may not introspect is told it lacks (RFC 6750 §3.1).
const LACKS_SCOPE: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"claviger\", error=\"insufficient_scope\", scope=\"claviger/keys:verify\"");

impl OauthErrorView {
    /// What OAuth calls a problem, and the status that goes with it.
    fn of(problem: &Problem) -> (StatusCode, Self) {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let by_status = match problem.status {
            401 => "invalid_client",
            403 if problem.code == "insufficient_permission" => "insufficient_scope",
            403 | 404 => "unauthorized_client",
            429 | 503 => "temporarily_unavailable",
            500.. => "server_error",
            _ => "invalid_request",
        };
        let error = problem.oauth_error.unwrap_or(by_status);
        let fields = problem.errors.iter().map(|it| format!(" {}: {}.", it.pointer, it.detail));
        let description = format!("{}{}", problem.detail, fields.collect::<String>());
        // The only characters that the RFC lets stand there.
        let description = description.chars().filter(|it| matches!(it, ' '..='~') && !matches!(it, '"' | '\\'));
        (status, Self { error, error_description: description.collect(), code: problem.code })
    }
}

/// The refusal of a client that authenticates in the form and in a header (RFC 6749 §2.3), be it twice the same: whoever reads one of them only must
/// not be told something else than who reads the other.
pub(super) fn two_methods() -> Reject {
    let detail =
        "The client authenticates twice, in a header and by `client_secret` in the form. Leave one of them out.";
    Reject::new(RejectCode::TwoCredentials, detail)
}

/// Whether headers carry a credential, or something that was meant to be one.
fn authenticates(headers: &HeaderMap) -> bool {
    let mut sources = Sources::new();
    for (name, value) in headers {
        sources.header(name.as_str(), value.as_bytes());
    }
    !sources.is_empty()
}

/// Lets a client authenticate in the form (`client_secret_post`, RFC 6749 §2.3.1): puts what stands there where credentials are looked for. A
/// `client_id` alone is no credential.
pub(super) async fn read_client(request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if !form::is_form(&parts.headers) {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let body = match body::read(body, &parts.headers, limits::BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(reject) => return Problem::from(reject).into_response(),
    };
    // What is wrong with the form is said once it is known who asks.
    let form = Form::parse(&body).ok();
    let field = |name: &str| form.as_ref().and_then(|it| it.text(name)).filter(|it| !it.is_empty());
    if let (Some(access), Some(secret)) = (field("client_id"), field("client_secret"))
        // What no header can hold is part of no key, and half a pair would say something else than the form.
        && let (Ok(access), Ok(mut secret)) = (HeaderValue::from_str(access), HeaderValue::from_str(secret))
    {
        if authenticates(&parts.headers) {
            return Problem::from(two_methods()).into_response();
        }
        secret.set_sensitive(true);
        parts.headers.append(ACCESS_KEY, access);
        parts.headers.append(SECRET_KEY, secret);
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// Answers problems as OAuth's errors, and says to the caches of its time what `Cache-Control` says to all others.
pub(super) async fn speak_oauth(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let (status, view) = OauthErrorView::of(&problem);
        if view.error == "insufficient_scope" {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, LACKS_SCOPE);
        }
        let (parts, _) = response.into_parts();
        let mut error = (status, Json(view)).into_response();
        let kept = parts.headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
        error.headers_mut().extend(kept.filter(|(name, _)| *name != header::CONTENT_LENGTH));
        if status == StatusCode::UNAUTHORIZED {
            error.headers_mut().append(header::WWW_AUTHENTICATE, BASIC);
        }
        response = error;
    }
    if response.headers().get(header::CACHE_CONTROL).is_none_or(|it| it == "no-store") {
        response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    }
    response
}

/// Introspects a token.
///
/// RFC 7662, for resource servers whose libraries know it: whether a key or an access token is good, for whom it acts and what it may do. The caller
/// authenticates with a key of its own, in any presentation, or with its two parts as `client_id` and `client_secret` in the form. Whatever is not good, or not the caller's to know of, is `{"active": false}`.
/// Of its own tokens a key may ask without any permission.
/// Counts a use, as verifying does. The address may name the api that asks and the organization, such as `/oauth/introspect?api=billing`.
#[utoipa::path(
    post,
    path = "/oauth/introspect",
    tag = "verify",
    params(IntrospectQuery),
    request_body(content = IntrospectBody, content_type = "application/x-www-form-urlencoded"),
    extensions(("x-permissions" = json!({"all": ["claviger/keys:verify"]}))),
    responses(
        (status = 200, description = "What it is good for, or that it is not.", body = IntrospectionView),
        (status = 400, description = "`invalid_request`: a parameter is missing, repeated or not known, or two credentials were sent.", body = OauthErrorView),
        (status = 401, description = "`invalid_client`: no valid credential was sent.", body = OauthErrorView),
        (status = 403, description = "`insufficient_scope` or `unauthorized_client`: the credential is good, but does not allow this.", body = OauthErrorView),
        (status = 413, description = "`invalid_request`: the body is too large.", body = OauthErrorView),
        (status = 429, description = "`temporarily_unavailable`: too many requests; `Retry-After` says when to try again.", body = OauthErrorView),
        (status = 500, description = "`server_error`: a fault of the service.", body = OauthErrorView),
        (status = 503, description = "`temporarily_unavailable`: the service is starting or stopping.", body = OauthErrorView),
    )
)]
pub(super) async fn introspect_token(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<IntrospectQuery>,
    body: IntrospectBody,
) -> ApiResult<Json<IntrospectionView>> {
    let request = IntrospectRequest { token: body.token, api: query.api, organization: query.organization };
    let found = ops::introspect::introspect_token(&app, &caller, &request)?;
    // The address it listens at is not the one that others know it by, and a library that compares the two would refuse every token.
    let config = app.config();
    let issuer = config.public_url.as_ref().map(|_| config.base_url(config.listen));
    let token = found.map(|it| ActiveTokenView::new(it, issuer));
    Ok(Json(IntrospectionView { active: token.is_some(), token }))
}
