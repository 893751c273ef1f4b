//! Signing in with a key and a JWT, and refreshing: the wire of Netography's Fusion, errors included, so that its clients work as they are.
//!
//! Nobody is authenticated before: what authenticates stands in the body, and that is why these two stand apart from all other operations.

use std::net::SocketAddr;

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use claviger_core::decision::Code;
use claviger_core::limits;
use claviger_core::reject::RejectCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::form::Form;
use super::problem::{ApiResult, Problem, ProblemCode};
use super::rates;
use crate::app::App;
use crate::ops;
use crate::ops::error::Error;
use crate::ops::tokens::{Issued, Peer};

/// The routes of signing in.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_access_token)).routes(routes!(refresh_access_token))
}

/// An assertion.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AssertionBody {
    /// A JWT, signed by HS256 with the organization's shared secret as it stands. Its claims: `iat` within five minutes of now, `jti` never used
    /// before, `appname` the key's name, `appkey` the key, `shortname` the slug of its organization or of one below that the key reaches.
    #[schema(value_type = String, max_length = 8192)]
    jwt: SecretString,
}

/// A refresh token, in a form.
#[derive(ToSchema)]
pub(super) struct RefreshBody {
    /// The refresh token.
    #[schema(value_type = String, max_length = 4096)]
    refresh_token: SecretString,
}

impl<S: Send + Sync> FromRequest<S> for RefreshBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body): (_, Body) = request.into_parts();
        let form = Form::read(&parts.headers, body).await?;
        Ok(Self { refresh_token: form.secret("refresh_token")? })
    }
}

/// The tokens of a sign-in.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedInView {
    /// To call with: `Authorization: Bearer …`.
    access_token: String,
    /// Always `bearer`.
    #[schema(examples("bearer"))]
    token_type: &'static str,
    /// Seconds for which the access token is good.
    expires_in: u64,
    /// To get another one with, at `/api/auth/bearer/refresh`.
    refresh_token: String,
    /// Seconds for which the refresh token is good; those that come after it end when it does.
    refresh_expires_in: u64,
    /// For whom the client acts, for the client to read.
    id_token: String,
    /// Always 0: no token is refused for having been made before some moment.
    #[serde(rename = "not-before-policy")]
    not_before_policy: u8,
    /// The sign-in that these tokens come from.
    #[serde(rename = "session-state")]
    session_state: String,
    /// Everything the access token may do, separated by spaces.
    scope: String,
}

impl From<&Issued> for SignedInView {
    fn from(it: &Issued) -> Self {
        let (refresh_token, refresh_expires_in) =
            it.refresh.as_ref().map_or((String::new(), 0), |(token, secs)| (token.expose().to_owned(), *secs));
        Self {
            access_token: it.access.expose().to_owned(),
            token_type: "bearer",
            expires_in: it.access_secs,
            refresh_token,
            refresh_expires_in,
            id_token: it.identity.as_ref().map(|it| it.expose().to_owned()).unwrap_or_default(),
            not_before_policy: 0,
            session_state: it.sign_in_id.to_string(),
            scope: it.permissions.join(" "),
        }
    }
}

/// A refusal as clients of this wire read it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignInErrorView {
    /// The HTTP status.
    #[schema(examples(401))]
    status: u16,
    /// The status in words.
    #[schema(examples("Unauthorized"))]
    name: &'static str,
    /// What happened, in a sentence.
    message: String,
    /// The code that the management API has for it.
    #[schema(value_type = ProblemCode)]
    code: &'static str,
    /// What the caller can do about it.
    fix: &'static str,
}

/// Answers problems as the errors of this wire.
pub(super) async fn speak_plainly(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let view = SignInErrorView {
        status: problem.status,
        name: status.canonical_reason().unwrap_or("Error"),
        message: message_of(&problem),
        code: problem.code,
        // The usual one sends its reader to `errors`, which this shape has not.
        fix: if problem.fix == RejectCode::InvalidField.fix() { "Correct what `message` names." } else { problem.fix },
    };
    let (parts, _) = response.into_parts();
    let mut error = (status, Json(view)).into_response();
    let kept = parts.headers.into_iter().filter_map(|(name, value)| Some((name?, value)));
    error.headers_mut().extend(kept.filter(|(name, _)| *name != header::CONTENT_LENGTH));
    error
}

/// What happened, with all that is wrong. What is wrong with the body as a whole stands nowhere in it, and goes on with the sentence.
fn message_of(problem: &Problem) -> String {
    let mut message = problem.detail.to_string();
    for it in &problem.errors {
        if it.pointer.is_empty() {
            message.truncate(message.trim_end_matches('.').len());
            message = format!("{message}: {}.", it.detail);
        } else {
            message = format!("{message} {}: {}.", it.pointer, it.detail);
        }
    }
    message
}

/// Where a client calls from.
pub(super) fn client_of(address: SocketAddr, headers: &HeaderMap) -> Peer {
    let user_agent = headers.get(header::USER_AGENT).map(|it| it.as_bytes().to_vec());
    Peer { ip: Some(address.ip()), user_agent }
}

/// Creates an access token from what the organization's shared secret has signed.
///
/// Needs no credential beside the body. A JWT is good once, and within five minutes of its `iat`. What is wrong with its form is told to everybody:
/// a claim that is missing, another `alg`. Whether the key, its name and the organization are right is told only to whoever signed it with the
/// shared secret; to everybody else it is one and the same 401.
#[utoipa::path(
    post,
    path = "/api/v1/auth/token",
    tag = "tokens",
    security(()),
    request_body = AssertionBody,
    responses(
        (status = 200, description = "The tokens.", body = SignedInView),
        (status = 400, description = "The body is no JSON with a `jwt`.", body = SignInErrorView),
        (status = 401, description = "The JWT proves nothing, is not taken (`assertion_refused`), or the key is not good.", body = SignInErrorView),
        (status = 403, description = "The key is good, but not from here, or its owner has no API access.", body = SignInErrorView),
        (status = 413, description = "The body is too large.", body = SignInErrorView),
        (status = 415, description = "The body is not JSON.", body = SignInErrorView),
        (status = 429, description = "Too many tries from this network.", body = SignInErrorView),
        (status = 500, description = "A fault of the service.", body = SignInErrorView),
        (status = 503, description = "The service cannot tell now; `Retry-After` says when to try again.", body = SignInErrorView),
        (status = 507, description = "The disk is full.", body = SignInErrorView),
    )
)]
pub(super) async fn create_access_token(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<AssertionBody>,
) -> Response {
    let signed_in = ops::tokens::sign_in(&app, body.jwt, &client_of(address, &headers)).await;
    answer(&app, address, signed_in.map_err(|error| unproven(error.into())))
}

/// Creates another access token from a refresh token.
///
/// With 400 it is over: the refresh token has ended or was taken back, or its key is not good any more. Then sign in again.
#[utoipa::path(
    post,
    path = "/api/auth/bearer/refresh",
    tag = "tokens",
    security(()),
    request_body(content = RefreshBody, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The tokens.", body = SignedInView),
        (status = 400, description = "The refresh token is good no more, or its key; or the body is no form with one.", body = SignInErrorView),
        (status = 413, description = "The body is too large.", body = SignInErrorView),
        (status = 429, description = "Too many tries from this network.", body = SignInErrorView),
        (status = 500, description = "A fault of the service.", body = SignInErrorView),
        (status = 503, description = "The service cannot tell now; `Retry-After` says when to try again.", body = SignInErrorView),
    )
)]
pub(super) async fn refresh_access_token(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: RefreshBody,
) -> Response {
    let refreshed = ops::tokens::refresh(&app, &body.refresh_token, &client_of(address, &headers)).await;
    as_bad_request(answer(&app, address, refreshed.map_err(sign_in_again)))
}

/// The problem of a refresh. What there is to do, where nothing more is known than the code, is what a refresh token is of no use for.
fn sign_in_again(error: Error) -> Problem {
    let says_what_to_do = matches!(&error, Error::Reject(reject) if reject.fix.is_some());
    let mut problem = Problem::from(error);
    // With a key that was deleted nobody signs in again: the code says what there is to do.
    let is_deleted = problem.code == Code::Revoked.as_str();
    if !says_what_to_do && !is_deleted && matches!(problem.status, 401 | 403) {
        problem.fix = "Sign in again with the key itself; if that is refused too, the answer says why.";
    }
    problem
}

/// What clients look for: a refresh that was refused for good is 400, and they sign in again. Only at the end, since it
/// counts as what it is.
fn as_bad_request(mut response: Response) -> Response {
    if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.headers_mut().remove(header::WWW_AUTHENTICATE);
        if let Some(problem) = response.extensions_mut().get_mut::<Problem>() {
            problem.status = StatusCode::BAD_REQUEST.as_u16();
        }
    }
    response
}

/// Of somebody who has proven nothing neither the signature nor the key is called wrong.
fn unproven(mut problem: Problem) -> Problem {
    if problem.code == RejectCode::Unauthenticated.as_str() {
        problem.detail = "The JWT proves nothing: its signature, or the key in `appkey`, is not good.".into();
        problem.fix = "Sign it with the shared secret of the organization in which the key stands, and put the whole live key into `appkey`.";
    }
    problem
}

fn answer(app: &App, address: SocketAddr, signed_in: ApiResult<Issued>) -> Response {
    match signed_in {
        Ok(issued) => Json(SignedInView::from(&issued)).into_response(),
        Err(problem) => rates::refuse_stranger(app, Some(address.ip()), problem),
    }
}

const _: () = assert!(limits::ASSERTION_BYTES_MAX == 8192, "the document says so");
