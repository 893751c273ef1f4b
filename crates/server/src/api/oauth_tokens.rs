//! OAuth for clients that speak it: the token endpoint (RFC 6749 §4.4), revocation (RFC 7009), the key set (RFC 7517) and what says where all
//! of it is (RFC 8414).
//!
//! A client is a key: its access part is the `client_id`, its secret part the `client_secret`. This is the one place where a key may stand in a
//! body, since the standard lets clients that know nothing else put it there.

use std::net::SocketAddr;

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use claviger_core::id::SigningKeyId;
use claviger_core::reject::{Reject, RejectCode};
use claviger_verifier::credential::{Presented, Sources};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::form::Form;
use super::oauth::{OauthErrorView, scope_of, two_methods};
use super::problem::{ApiResult, Problem};
use super::rates;
use super::sign_in::client_of;
use crate::app::App;
use crate::ops;
use crate::ops::tokens::{ClientRequest, Issued, RevokeRequest};

/// The routes of which the caller's credential may stand in the body, or that need none.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_token))
        .routes(routes!(revoke_token))
        .routes(routes!(get_key_set))
        .routes(routes!(get_metadata))
}

const CLIENT_CREDENTIALS: &str = "client_credentials";
/// Seconds for which others may keep the key set. A key is published for weeks before it signs.
const KEY_SET_SECS: u32 = 300;

/// What a client asks for, in a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it stands here for the document; what is read is the form")]
pub(super) struct TokenBody {
    /// Always `client_credentials`.
    #[schema(examples("client_credentials"))]
    grant_type: String,
    /// What narrows the token: permissions, separated by spaces, each within what the key may do. Absent narrows nothing.
    #[schema(required = false, examples("contacts:read"))]
    scope: Option<String>,
    /// The organization that the token is for: id, slug or external id. Absent means the key's own.
    #[schema(required = false)]
    organization: Option<String>,
    /// The access part of a key, where it does not stand in `Authorization: Basic`.
    #[schema(required = false)]
    client_id: Option<String>,
    /// The secret part of that key.
    #[schema(required = false)]
    client_secret: Option<String>,
}

/// A token to be taken back, in a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it stands here for the document; what is read is the form")]
pub(super) struct RevokeBody {
    /// The token, of either kind.
    token: String,
    /// What kind of token it may be. Nothing depends on it.
    #[schema(required = false)]
    token_type_hint: Option<String>,
    /// The access part of the key that the token was made for, where it does not stand in `Authorization: Basic`.
    #[schema(required = false)]
    client_id: Option<String>,
    /// The secret part of that key.
    #[schema(required = false)]
    client_secret: Option<String>,
}

/// A form with the credentials of who sent it.
pub(super) struct ClientForm {
    form: Form,
    headers: HeaderMap,
}

impl<S: Send + Sync> FromRequest<S> for ClientForm {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body): (_, Body) = request.into_parts();
        Ok(Self { form: Form::read(&parts.headers, body).await?, headers: parts.headers })
    }
}

impl ClientForm {
    /// The one credential of the client.
    ///
    /// # Errors
    /// Refuses none, two, and one that stands in a header and in the form.
    fn credential(&self) -> Result<Presented<'_>, Reject> {
        let mut sources = Sources::new();
        for (name, value) in &self.headers {
            sources.header(name.as_str(), value.as_bytes());
        }
        let field = |name: &str| self.form.text(name).filter(|it| !it.is_empty());
        let (client_id, client_secret) = (field("client_id"), field("client_secret"));
        let Some(client_secret) = client_secret else {
            let presented = sources.extract()?.ok_or_else(Reject::unauthenticated)?;
            // A mere name is no second way to authenticate; of somebody else it would leave open who asks.
            return match client_id {
                Some(id) if !presented.is_of_client(id.as_bytes()) => Err(Reject::new(
                    RejectCode::TwoCredentials,
                    "`client_id` in the form names another client than the credential in the header.",
                )),
                _ => Ok(presented),
            };
        };
        if !sources.is_empty() {
            return Err(two_methods());
        }
        for (place, value) in [("accesskey", client_id), ("secretkey", Some(client_secret))] {
            if let Some(value) = value {
                sources.header(place, value.as_bytes());
            }
        }
        sources.extract()?.ok_or_else(Reject::unauthenticated)
    }
}

/// An access token (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub(super) struct TokenView {
    /// To call with: `Authorization: Bearer …`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(examples("Bearer"))]
    token_type: &'static str,
    /// Seconds for which it is good.
    expires_in: u64,
    /// Everything it may do, separated by spaces. Left out where that is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<String>,
}

impl From<&Issued> for TokenView {
    fn from(it: &Issued) -> Self {
        Self {
            access_token: it.access.expose().to_owned(),
            token_type: "Bearer",
            expires_in: it.access_secs,
            scope: scope_of(&it.permissions),
        }
    }
}

/// Creates an access token.
///
/// RFC 6749 §4.4: the client is a key, with its access part as `client_id` and its secret part as `client_secret`, in `Authorization: Basic` or in
/// the form; any other presentation of the key does too. Scopes can only narrow what the key may do. The token is a JWT (RFC 9068) that dies
/// with its secret.
#[utoipa::path(
    post,
    path = "/oauth/token",
    tag = "tokens",
    security(("basic" = []), ("bearer" = []), ()),
    request_body(content = TokenBody, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token.", body = TokenView),
        (status = 400, description = "`invalid_request`, `invalid_scope` or `unsupported_grant_type`; or `unauthorized_client`: the credential is good, but not from here, or not for that organization.", body = OauthErrorView),
        (status = 401, description = "`invalid_client`: no valid credential was sent.", body = OauthErrorView),
        (status = 413, description = "`invalid_request`: the body is too large.", body = OauthErrorView),
        (status = 429, description = "`temporarily_unavailable`: too many tries from this network, or too much of this key.", body = OauthErrorView),
        (status = 500, description = "`server_error`: a fault of the service.", body = OauthErrorView),
        (status = 503, description = "`temporarily_unavailable`: the service cannot tell now.", body = OauthErrorView),
        (status = 507, description = "`server_error`: the disk is full.", body = OauthErrorView),
    )
)]
pub(super) async fn create_token(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    request: ClientForm,
) -> Response {
    let client = client_of(address, &request.headers);
    let issued = match request.form.text("grant_type") {
        None => Err(Reject::field("grant_type", "is needed").into()),
        Some(CLIENT_CREDENTIALS) => by_credentials(&app, &request, &client).await,
        Some(_) => {
            // No refreshing either: who has the key gets another token with it, and a refresh token alone would authenticate no client (RFC 6749 §6).
            let detail = format!("is not `{CLIENT_CREDENTIALS}`, the one there is");
            Err(Problem::from(Reject::field("grant_type", detail)).called("unsupported_grant_type"))
        }
    };
    match issued {
        Ok(issued) => Json(TokenView::from(&issued)).into_response(),
        Err(problem) => refuse(&app, address, problem),
    }
}

/// The refusal of a client. These endpoints have two statuses for it (RFC 6749 §5.2): 401 for one that proved nothing, and 400 for whatever else
/// it may not have; libraries read the error of no other. Only at the end, since it counts as what it is.
fn refuse(app: &App, address: SocketAddr, problem: Problem) -> Response {
    let mut response = rates::refuse_stranger(app, Some(address.ip()), problem);
    if matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        if let Some(problem) = response.extensions_mut().get_mut::<Problem>() {
            problem.status = StatusCode::BAD_REQUEST.as_u16();
            problem.oauth_error = problem.oauth_error.or(Some("unauthorized_client"));
        }
    }
    response
}

async fn by_credentials(app: &App, request: &ClientForm, client: &ops::tokens::Peer) -> ApiResult<Issued> {
    let presented = request.credential()?;
    let text = |name: &str| request.form.text(name).map(str::to_owned);
    let asked = ClientRequest { scope: text("scope"), organization: text("organization").filter(|it| !it.is_empty()) };
    let issued = ops::tokens::token_for_client(app, &presented, &asked, client).await;
    issued.map_err(|error| {
        let problem = Problem::from(error);
        let is_scope = problem.errors.iter().any(|it| it.pointer == "scope");
        if is_scope { problem.called("invalid_scope") } else { problem }
    })
}

/// Takes an access token or a refresh token back.
///
/// RFC 7009: with it go all tokens of the same sign-in, on every node. The client authenticates as for `/oauth/token`, and has to be the key that
/// the token was made for. What is no token, or over, is answered like one that was taken back.
#[utoipa::path(
    post,
    path = "/oauth/revoke",
    tag = "tokens",
    security(("basic" = []), ("bearer" = []), ()),
    request_body(content = RevokeBody, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It is good no more."),
        (status = 400, description = "`invalid_request`; `unsupported_token_type` for a whole key; or `unauthorized_client`: the token was made for another key, or the credential is not good from here.", body = OauthErrorView),
        (status = 401, description = "`invalid_client`: no valid credential was sent.", body = OauthErrorView),
        (status = 413, description = "`invalid_request`: the body is too large.", body = OauthErrorView),
        (status = 429, description = "`temporarily_unavailable`: too many tries from this network, or too much of this key.", body = OauthErrorView),
        (status = 500, description = "`server_error`: a fault of the service.", body = OauthErrorView),
        (status = 503, description = "`temporarily_unavailable`: the service cannot tell now.", body = OauthErrorView),
        (status = 507, description = "`server_error`: the disk is full.", body = OauthErrorView),
    )
)]
pub(super) async fn revoke_token(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    request: ClientForm,
) -> Response {
    match revoke(&app, &request, address).await {
        Ok(()) => ().into_response(),
        Err(problem) => refuse(&app, address, problem),
    }
}

async fn revoke(app: &App, request: &ClientForm, address: SocketAddr) -> ApiResult<()> {
    let presented = request.credential()?;
    let token = request.form.secret("token")?;
    let client = client_of(address, &request.headers);
    let revoked = ops::tokens::revoke_token(app, &presented, &RevokeRequest { token }, &client).await;
    revoked.map_err(|error| {
        let problem = Problem::from(error);
        let is_key = problem.code == RejectCode::StateConflict.as_str();
        if is_key { problem.with_status(400).called("unsupported_token_type") } else { problem }
    })
}

/// A public key (RFC 7517, RFC 8037).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JwkView {
    /// Always `OKP`.
    kty: &'static str,
    /// Always `Ed25519`.
    crv: &'static str,
    /// Always `EdDSA`.
    alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
    /// Its identifier.
    #[schema(value_type = String)]
    kid: SigningKeyId,
    /// The key, in base64url.
    x: String,
}

/// A key set.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeySetView {
    /// The keys that sign, have signed what may still be good, or will sign next.
    keys: Vec<JwkView>,
}

/// Shows the public keys with which access tokens are checked.
///
/// RFC 7517. Whoever checks tokens by themselves learns from this that they were signed, and not that their key is still good: that only
/// verifying says.
#[utoipa::path(
    get,
    path = "/oauth/jwks.json",
    tag = "tokens",
    security(()),
    responses((status = 200, description = "The keys; may be kept for five minutes.", body = KeySetView))
)]
pub(super) async fn get_key_set(State(app): State<App>) -> Response {
    let keys = ops::tokens::published_keys(&app).await;
    let keys = keys.into_iter().map(|it| JwkView {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        usage: "sig",
        kid: it.id,
        x: it.public_key.to_jwk_x(),
    });
    let view = KeySetView { keys: keys.collect() };
    // None can be made without the master key, or the database; whoever asked then must not go on believing that there is none.
    let kept = if view.keys.is_empty() { "no-store".to_owned() } else { format!("public, max-age={KEY_SET_SECS}") };
    let kept = HeaderValue::try_from(kept).expect("letters and digits");
    ([(header::CACHE_CONTROL, kept)], Json(view)).into_response()
}

/// Where everything is (RFC 8414 §2).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MetadataView {
    /// The address of this service.
    issuer: String,
    /// Where tokens are got.
    token_endpoint: String,
    /// Where tokens are looked into.
    introspection_endpoint: String,
    /// Where tokens are taken back.
    revocation_endpoint: String,
    /// Where the public keys are.
    jwks_uri: String,
    /// How tokens are got.
    grant_types_supported: [&'static str; 1],
    /// `none` only: nobody is sent here to agree to anything, and no answer to that carries a token.
    response_types_supported: [&'static str; 1],
    /// How clients authenticate to get tokens.
    token_endpoint_auth_methods_supported: [&'static str; 2],
    /// How clients authenticate to take them back.
    revocation_endpoint_auth_methods_supported: [&'static str; 2],
    /// How resource servers authenticate.
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    /// The documentation.
    service_documentation: String,
}

/// Shows where a client finds everything.
///
/// RFC 8414.
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    tag = "tokens",
    security(()),
    responses((status = 200, description = "Where everything is.", body = MetadataView))
)]
pub(super) async fn get_metadata(State(app): State<App>) -> Json<MetadataView> {
    let config = app.config();
    let issuer = config.base_url(config.listen);
    let at = |path: &str| format!("{issuer}{path}");
    let methods = ["client_secret_basic", "client_secret_post"];
    Json(MetadataView {
        token_endpoint: at("/oauth/token"),
        introspection_endpoint: at(super::oauth::PATH),
        revocation_endpoint: at("/oauth/revoke"),
        jwks_uri: at("/oauth/jwks.json"),
        grant_types_supported: [CLIENT_CREDENTIALS],
        // A list without elements must be left out (§3.2), and this one may not be (§2): libraries refuse either. Of the response types that are
        // registered this is the one that hands out nothing.
        response_types_supported: ["none"],
        token_endpoint_auth_methods_supported: methods,
        revocation_endpoint_auth_methods_supported: methods,
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "Bearer"],
        service_documentation: at("/docs/api"),
        issuer,
    })
}
