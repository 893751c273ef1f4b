//! Why a page cannot be shown, as a page with a way out.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use claviger_core::reject::{Reject, RejectCode};
use http::StatusCode;

use super::cookies;
use super::pages::failure::{FailurePage, WayOut};
use super::pages::shell::Preferences;
use super::respond::html;
use super::site::Site;
use crate::app::App;
use crate::ops::error::Error;

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

    /// A form that did not arrive whole, or not in a shape that our pages send.
    pub(super) fn bad_form() -> Self {
        Self::Page {
            status: StatusCode::BAD_REQUEST,
            title: "This form did not arrive whole",
            advice: "Go back, reload the page and send the form again.".to_owned(),
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
        if let Error::Internal(cause) = &error {
            tracing::error!(cause, "a page could not be shown");
        }
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
    /// Leaves the page to [`dress`], which knows the request.
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

/// Writes the page of a [`Failure`], in the looks that the browser asked for.
pub(super) async fn dress(State(_): State<App>, request: Request, next: Next) -> Response {
    let preferences = Site::of(request.headers())
        .map_or_else(|_| Preferences::default(), |site| cookies::preferences(request.headers(), &site));
    let request_id = request.headers().get("x-request-id").and_then(|it| it.to_str().ok()).map(str::to_owned);
    let mut response = next.run(request).await;
    let Some(Failure::Page { status, title, advice }) = response.extensions_mut().remove::<Failure>() else {
        return response;
    };
    let page = FailurePage {
        preferences,
        status: status.as_u16(),
        title: title.to_owned(),
        advice,
        request_id: request_id.filter(|_| status.is_server_error()),
        way_out: WayOut { href: "/".to_owned(), label: "Back to the start".to_owned() },
    };
    (status, html(&page)).into_response()
}
