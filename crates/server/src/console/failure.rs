//! Why a page cannot be shown, as a page with a way out.

use std::any::Any;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use claviger_core::limits;
use claviger_core::reject::{Reject, RejectCode};
use data_encoding::HEXLOWER;
use http::header::SET_COOKIE;
use http::{HeaderValue, StatusCode};
use tracing::Instrument as _;

use super::cookies;
use super::pages::failure::{FailurePage, WayOut};
use super::pages::shell::Preferences;
use super::respond::html;
use crate::app::App;
use crate::http::route_of;
use crate::ops::error::Error;
use crate::site::Site;

/// Why a page cannot be shown.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// Nobody is signed in; `next` is where the reader wanted to go.
    SignedOut {
        /// A path on this server.
        next: String,
    },
    /// Anything else, with its status and what to say.
    Page {
        /// The HTTP status.
        status: StatusCode,
        /// What happened, as a heading.
        title: &'static str,
        /// What the reader can do about it.
        advice: String,
    },
}

impl Failure {
    /// The one answer for what does not exist and for what belongs to others.
    pub(super) fn not_found() -> Self {
        Self::Page {
            status: StatusCode::NOT_FOUND,
            title: "There is nothing here",
            advice: "The address may be mistyped, or what stood here is gone or not yours to see.".to_owned(),
        }
    }

    /// A page asked to be changed, or a change asked to be shown.
    pub(super) fn method_not_allowed() -> Self {
        Self::Page {
            status: StatusCode::METHOD_NOT_ALLOWED,
            title: "This address does not work like that",
            advice: "Open the page it belongs to and use what stands there.".to_owned(),
        }
    }

    /// An answer that took too long.
    fn too_slow() -> Self {
        Self::Page {
            status: StatusCode::SERVICE_UNAVAILABLE,
            title: "This took too long",
            advice: "If you were changing something, look whether it was done before you try again.".to_owned(),
        }
    }

    /// A form that did not arrive whole, or not in a shape that our pages send.
    pub(super) fn bad_form() -> Self {
        Self::Page {
            status: StatusCode::BAD_REQUEST,
            title: "This form did not arrive whole",
            advice: "Go back, reload the page and send the form again.".to_owned(),
        }
    }

    /// A change of an organization that only whoever manages the one above may make.
    pub(super) fn from_above() -> Self {
        Self::Page {
            status: StatusCode::FORBIDDEN,
            title: "This is done from above",
            advice: "An organization is suspended, resumed and moved by who manages the one above it: nobody in a suspended one could look at it, or resume it. Ask an administrator of the organization above."
                .to_owned(),
        }
    }

    /// A change that another site, or no browser at all, asked for with this browser's session.
    pub(super) fn foreign_post() -> Self {
        Self::Page {
            status: StatusCode::FORBIDDEN,
            title: "This change did not come from one of our pages",
            advice: "It was not made. If you meant it, open the console and make it there.".to_owned(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        error.into_reject().into()
    }
}

impl From<Reject> for Failure {
    fn from(reject: Reject) -> Self {
        let status = StatusCode::from_u16(reject.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let title = match reject.code {
            RejectCode::NotFound => return Self::not_found(),
            RejectCode::Unauthenticated => return Self::SignedOut { next: "/".to_owned() },
            RejectCode::Unavailable => "Claviger is not ready",
            RejectCode::StorageFull => "The disk is full",
            RejectCode::TooManyTries => "Too many tries",
            _ if status == StatusCode::FORBIDDEN => "This is not yours to do",
            _ if status.is_server_error() => "Something on our side failed",
            _ => "This cannot be done",
        };
        let advice = match reject.code {
            RejectCode::Internal => {
                "Nothing of what you typed was wrong. Try again; the number below helps whoever runs this server."
                    .to_owned()
            }
            _ if status == StatusCode::FORBIDDEN => {
                format!("{} An administrator of the organization can do it or allow it.", reject.detail)
            }
            _ => reject.detail.into_owned(),
        };
        Self::Page { status, title, advice }
    }
}

impl IntoResponse for Failure {
    /// Leaves the page to [`attend`], which knows the request.
    fn into_response(self) -> Response {
        match self {
            Self::SignedOut { next } => {
                let query = percent_encoding::utf8_percent_encode(&next, percent_encoding::NON_ALPHANUMERIC);
                Redirect::to(&format!("/sign-in?next={query}")).into_response()
            }
            Self::Page { status, .. } => {
                let mut response = status.into_response();
                response.extensions_mut().insert(self);
                response
            }
        }
    }
}

/// Gives the request its id and a bounded time, writes the page of a [`Failure`] in the looks that the browser asked for, and leaves one line
/// in the log.
pub(super) async fn attend(State(app): State<App>, request: Request, next: Next) -> Response {
    let preferences = Site::of(request.headers(), app.config().public_url.as_ref())
        .map_or_else(|_| Preferences::default(), |site| cookies::preferences(request.headers(), &site));
    let request_id = new_request_id(&app);
    let method = request.method().clone();
    let route = route_of(&request);
    let started = app.now();
    let span = tracing::info_span!("request", id = %request_id);
    let time_max = Duration::from_secs(limits::REQUEST_SECS_MAX);
    let answered = tokio::time::timeout(time_max, next.run(request)).instrument(span.clone()).await;
    let mut response = answered.unwrap_or_else(|_| Failure::too_slow().into_response());
    if let Some(Failure::Page { status, title, advice }) = response.extensions_mut().remove::<Failure>() {
        let page = FailurePage {
            preferences,
            status: status.as_u16(),
            title: title.to_owned(),
            advice,
            request_id: status.is_server_error().then(|| request_id.clone()),
            way_out: WayOut { href: "/".to_owned(), label: "Back to the start".to_owned() },
        };
        let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).iter().cloned().collect();
        response = (status, html(&page)).into_response();
        for cookie in cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response.headers_mut().insert("x-request-id", HeaderValue::from_str(&request_id).expect("hexadecimal digits"));
    let millis = app.now().since(started).as_millis();
    let status = response.status().as_u16();
    span.in_scope(|| tracing::info!(%method, route, status, millis, "answered"));
    response
}

fn new_request_id(app: &App) -> String {
    let mut bytes = [0; 16];
    app.rng().fill_bytes(&mut bytes);
    HEXLOWER.encode(&bytes)
}

/// What a handler that panicked answers.
pub(super) fn panicked(reason: Box<dyn Any + Send>) -> Response {
    let reason = reason.downcast_ref::<&str>().copied().or_else(|| reason.downcast_ref::<String>().map(String::as_str));
    tracing::error!(reason = reason.unwrap_or("unknown"), "a page's handler panicked");
    Failure::from(Reject::new(RejectCode::Internal, "")).into_response()
}
