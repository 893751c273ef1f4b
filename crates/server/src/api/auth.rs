//! Who calls: reads the one credential of a request, in whichever presentation it comes, and asks the replica about it.
//!
//! Runs before a handler reads anything else, so that nobody without a good credential learns what a path, a body or a parameter is refused for.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use claviger_core::reject::{Reject, RejectCode};
use claviger_verifier::credential::Sources;

use super::problem::Problem;
use super::rates;
use crate::app::App;
use crate::http::QUERY_WARNING;
use crate::limit_fields::LimitFields;
use crate::ops;
use crate::ops::caller::{Caller, Identified};
use crate::site::Site;

/// Who calls, for handlers. Only [`authenticate`] puts one into a request.
#[derive(Debug, Clone)]
pub(super) struct Authenticated(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Reject::unauthenticated().into())
    }
}

/// Lets a request through to its handler with its caller, or refuses it.
pub(super) async fn authenticate(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let ip = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
    let surface = rates::surface(parts.uri.path());
    match caller(&app, &parts, ip).await {
        Ok((caller, warns)) => {
            let allowance = match rates::take(&app, &caller, surface) {
                Ok(allowance) => allowance,
                Err(refusal) => {
                    settle(&app, &caller, parts.headers.get(header::USER_AGENT), &refusal);
                    return *refusal;
                }
            };
            let user_agent = parts.headers.get(header::USER_AGENT).cloned();
            let charged = rates::charge_key(&app, &caller, surface);
            let mut response = match charged.and_then(|it| it.refusal) {
                Some(refusal) => rates::refuse_key(refusal),
                None => {
                    parts.extensions.insert(Authenticated(caller.clone()));
                    next.run(Request::from_parts(parts, body)).await
                }
            };
            settle(&app, &caller, user_agent.as_ref(), &response);
            warn(&mut response, warns);
            if let Some(allowance) = allowance {
                allowance.write(&mut response);
            }
            if let Some(charged) = charged {
                LimitFields::of_key(&charged).write(response.headers_mut());
            }
            response
        }
        Err(problem) => rates::refuse_stranger(&app, ip, problem),
    }
}

/// Counts the request of a key as refused where its answer is a refusal: when the key was found, it was counted as one that passed.
pub(super) fn settle(app: &App, caller: &Caller, user_agent: Option<&HeaderValue>, response: &Response) {
    if let Some(code) = response.extensions().get::<Problem>().and_then(Problem::refuses_key) {
        caller.record_refusal(app, code, user_agent.map(HeaderValue::as_bytes));
    }
}

/// Puts the warning of keys in query strings into an answer, where there is one to give.
pub(super) fn warn(response: &mut Response, warns: bool) {
    if warns {
        response.headers_mut().insert(header::WARNING, QUERY_WARNING);
    }
}

/// The caller, and whether to warn of a key in the query string. `ip` is where the request came from.
pub(super) async fn caller(app: &App, request: &Parts, ip: Option<IpAddr>) -> Result<(Caller, bool), Problem> {
    let mut sources = Sources::new();
    for (name, value) in &request.headers {
        sources.header(name.as_str(), value.as_bytes());
    }
    if let Some(query) = request.uri.query() {
        sources.query(query);
    }
    let presented = sources.extract().map_err(Reject::from)?;
    match presented {
        Some(presented) => {
            let user_agent = request.headers.get(header::USER_AGENT).map(HeaderValue::as_bytes);
            let Identified { caller, warns_of_query } = Caller::of_key(app, &presented, ip, user_agent)?;
            Ok((caller, warns_of_query))
        }
        // A key beats a cookie: the session is looked at only where no key stands.
        // In a box, since it is large and rare, and every request would carry room for it about.
        None => Ok((Box::pin(session_caller(app, request, ip)).await?, false)),
    }
}

async fn session_caller(app: &App, request: &Parts, ip: Option<IpAddr>) -> Result<Caller, Problem> {
    let headers = &request.headers;
    let site = Site::of(headers, app.config().public_url.as_ref()).map_err(|_| Reject::unauthenticated())?;
    let token = site.session(headers).ok_or_else(Reject::unauthenticated)?;
    // Who is signed in shares an address with whoever else comes through the same proxy, and is not held back by what those send.
    if !ops::sessions::has_been_good(app, &token) {
        rates::refuse_exhausted_stranger(app, ip, app.now())?;
    }
    let session = ops::sessions::find_session(app, &token, ip).await?.ok_or_else(Reject::unauthenticated)?;
    if changes_something(&request.method) && !says_where_it_is_from(headers) {
        let detail = "A session changes something only where the browser says where the request is from: `Origin` and `Sec-Fetch-Site` are missing.";
        return Err(Reject::new(RejectCode::ForeignOrigin, detail).into());
    }
    Ok(session.caller)
}

fn changes_something(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether the origin check has something to go by. Browsers say where a changing request is from; without that a cookie is not believed.
pub(super) fn says_where_it_is_from(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site")
}

/// What the origin check answers.
pub(super) fn foreign_origin() -> Response {
    let detail = "The browser says that this request comes from another site.";
    Problem::from(Reject::new(RejectCode::ForeignOrigin, detail)).into_response()
}
