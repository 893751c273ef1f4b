//! Why a page cannot be shown, as a page with a way out.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use claviger_core::decision::Code;
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::limits;
use claviger_core::name::Slug;
use claviger_core::reject::{Reject, RejectCode};
use data_encoding::HEXLOWER;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use tracing::Instrument as _;

use super::again::SignedOut;
use super::pages::failure::{FailurePage, FailureWithinPage, SuspensionView, Trouble, WayOut};
use super::pages::shell::{Moment, Place, Preferences};
use super::paging::query_string;
use super::respond::{html, own_path};
use super::settings;
use super::visit::{Guest, Visit};
use crate::app::App;
use crate::http::route_of;
use crate::ops::error::Error;
use crate::ops::sessions::find_session;
use crate::ops::suspension::{Suspension, find_suspension};
use crate::site::Site;

const SUSPENDED: &str = "This organization is suspended";

/// Why a page cannot be shown.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// Nobody is signed in; `next` is where the reader wanted to go.
    SignedOut {
        /// A path on this server.
        next: String,
        /// Whether somebody was, whose session has ended.
        has_ended: bool,
    },
    /// The organization is suspended, itself or from above.
    Suspended,
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

    /// A set-up link that was used, has expired, or never was one.
    pub(super) fn set_up_link_gone() -> Self {
        Self::Page {
            status: StatusCode::GONE,
            title: "This set-up link no longer works",
            advice: "It was used already, or its time has passed. If your account exists, sign in with it. Otherwise whoever runs this server can restart it for a new link.".to_owned(),
        }
    }

    /// A link that was used or withdrawn, has expired, or never was one.
    pub(super) fn link_gone() -> Self {
        Self::Page {
            status: StatusCode::GONE,
            title: "This link no longer works",
            advice: "It was used already, was withdrawn, or its time has passed. If you have a password, sign in with it. Otherwise ask an administrator of your organization for another link.".to_owned(),
        }
    }

    /// A key that is asked for by its holder, who has none any more.
    pub(super) fn no_key_held() -> Self {
        Self::Page {
            status: StatusCode::NOT_FOUND,
            title: "There is no key here any more",
            advice: "Nobody under this address holds an active key: it was cleared, or API access was switched off. Nothing is left to do.".to_owned(),
        }
    }

    /// A key of which nothing can be changed any more.
    pub(super) fn key_deleted() -> Self {
        Self::Page {
            status: StatusCode::CONFLICT,
            title: "This key is deleted",
            advice:
                "A deleted key never comes back, and nothing about it is changed any more. Its page keeps its history."
                    .to_owned(),
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

    /// A form with more in it than is taken.
    pub(super) fn too_large() -> Self {
        Self::Page {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            title: "This is too large",
            advice: format!(
                "Nothing was saved. An OpenAPI document may have {} MiB and a guide {} KiB: go back, and choose a smaller file, or divide it.",
                limits::OPENAPI_BYTES_MAX / 1024 / 1024,
                limits::GUIDE_BYTES_MAX / 1024
            ),
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

impl Failure {
    const fn status(&self) -> StatusCode {
        match self {
            Self::SignedOut { .. } => StatusCode::UNAUTHORIZED,
            Self::Suspended => StatusCode::FORBIDDEN,
            Self::Page { status, .. } => *status,
        }
    }

    /// What its page says before anybody has looked who reads it.
    fn trouble(self, request_id: &str) -> Trouble {
        let status = self.status();
        let (title, advice) = match self {
            Self::Page { title, advice, .. } => (title, advice),
            Self::Suspended => (
                SUSPENDED,
                "Its keys are refused and its pages are closed until an administrator of the organization above it resumes it."
                    .to_owned(),
            ),
            Self::SignedOut { .. } => ("Nobody is signed in", "Sign in to go on.".to_owned()),
        };
        let request_id = status.is_server_error().then(|| request_id.to_owned());
        Trouble { status: status.as_u16(), title, advice, suspension: None, request_id, ways_out: Vec::new() }
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
            RejectCode::Decision(Code::OrganizationSuspended) => return Self::Suspended,
            RejectCode::Unauthenticated => return Self::SignedOut { next: "/".to_owned(), has_ended: true },
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
            Self::SignedOut { next, has_ended } => {
                let ended = has_ended.then(|| ("ended", String::new()));
                let query = query_string([("next", next)].into_iter().chain(ended));
                let mut response = Redirect::to(&format!("/sign-in?{query}")).into_response();
                response.extensions_mut().insert(SignedOut);
                response
            }
            page => {
                let mut response = page.status().into_response();
                response.extensions_mut().insert(page);
                response
            }
        }
    }
}

/// Gives the request its id and a bounded time, writes the page of a [`Failure`] in the looks that the browser asked for, and leaves one line
/// in the log.
pub(super) async fn attend(State(app): State<App>, request: Request, next: Next) -> Response {
    let asked = Asked::of(&request);
    let request_id = new_request_id(&app);
    let method = request.method().clone();
    let route = route_of(&request);
    let started = app.now();
    let span = tracing::info_span!("request", id = %request_id);
    let time_max = Duration::from_secs(limits::REQUEST_SECS_MAX);
    // A path that is no text names nothing. The router would refuse it in words of its own, for programmers, and without a page.
    let answered = match percent_decode_str(&asked.path).decode_utf8() {
        Ok(_) => tokio::time::timeout(time_max, next.run(request)).instrument(span.clone()).await,
        Err(_) => Ok(Failure::not_found().into_response()),
    };
    let mut response = answered.unwrap_or_else(|_| Failure::too_slow().into_response());
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        let status = failure.status();
        let trouble = failure.trouble(&request_id);
        let renewed = response.extensions_mut().remove::<Renewed>().map(|it| it.0);
        let page = asked.page(&app, renewed, trouble).instrument(span.clone()).await;
        let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).iter().cloned().collect();
        response = (status, page).into_response();
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

/// The session that took the place of the request's own before it failed.
#[derive(Clone)]
pub(super) struct Renewed(pub(super) SecretString);

/// How long a page that failed looks for who reads it: what it failed of may well be the database.
const SHELL_TIME_MAX: Duration = Duration::from_secs(2);

/// What is kept of a request for the page that says why it failed.
struct Asked {
    headers: HeaderMap,
    /// Path and query, where the page can be come back to.
    here: Option<String>,
    path: String,
    peer: Option<IpAddr>,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let is_page = request.method() == Method::GET;
        let here = request.uri().path_and_query().filter(|_| is_page).map(|it| own_path(it.as_str()).to_owned());
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
        Self { headers: request.headers().clone(), here, path: request.uri().path().to_owned(), peer }
    }

    /// The error page: within the frame of whoever is signed in, else by itself.
    async fn page(&self, app: &App, renewed: Option<SecretString>, mut trouble: Trouble) -> Response {
        let Ok(site) = Site::of(&self.headers, app.config().public_url.as_ref()) else {
            trouble.ways_out.push(WayOut { href: "/".to_owned(), label: "Back to the start".to_owned() });
            return html(&FailurePage { preferences: Preferences::default(), trouble });
        };
        let guest = Guest::of(&self.headers, site, self.peer);
        let preferences = guest.preferences;
        if let Some(token) = renewed.or_else(|| guest.site.session(&self.headers)) {
            let visit = tokio::time::timeout(SHELL_TIME_MAX, self.visit(app, &guest, &token)).await.ok().flatten();
            if trouble.status == StatusCode::FORBIDDEN.as_u16() {
                let suspension = self.suspension(app, &guest, &token);
                if let Ok(Some(found)) = tokio::time::timeout(SHELL_TIME_MAX, suspension).await {
                    trouble.title = SUSPENDED;
                    trouble.ways_out.extend(found.resumed_at.as_ref().map(way_to_resume));
                    trouble.suspension = Some(found.into());
                }
            }
            if let Some(visit) = visit {
                trouble.ways_out.extend(self.ways_within(&visit, trouble.status));
                return visit.page(&FailureWithinPage { shell: visit.shell(Place::Elsewhere), trouble });
            }
            if trouble.suspension.is_some() {
                let label = "Sign in as somebody else".to_owned();
                trouble.ways_out.push(WayOut { href: "/sign-in".to_owned(), label });
                return html(&FailurePage { preferences, trouble });
            }
        }
        let next = self.here.as_deref().filter(|_| trouble.status != StatusCode::GONE);
        let href =
            next.map_or_else(|| "/sign-in".to_owned(), |it| format!("/sign-in?{}", query_string([("next", it)])));
        trouble.ways_out.push(WayOut { href, label: "Sign in".to_owned() });
        html(&FailurePage { preferences, trouble })
    }

    /// The visit that the page belongs to: to the organization which the address names, else to the reader's own.
    async fn visit(&self, app: &App, guest: &Guest, token: &SecretString) -> Option<Visit> {
        let here = self.here.as_deref().unwrap_or_default();
        for slug in [self.named(), None] {
            let visit = Visit::open(app, guest.clone(), &self.headers, token, here, slug).await;
            if let Ok(Some(visit)) = visit {
                return Some(visit);
            }
        }
        None
    }

    /// What closes the organization that the address names, or where it names none the reader's own, to whoever is signed in.
    async fn suspension(&self, app: &App, guest: &Guest, token: &SecretString) -> Option<Suspension> {
        let session = find_session(app, token, guest.origin.ip).await.ok().flatten()?;
        find_suspension(app, &session.caller, self.named()).await.ok().flatten()
    }

    /// The organization that the address names.
    fn named(&self) -> Option<&str> {
        self.path.strip_prefix("/o/").and_then(|it| it.split('/').next())
    }

    /// The list that the address lies below, if the reader may see it, and the home.
    fn ways_within(&self, visit: &Visit, status: u16) -> Vec<WayOut> {
        let rest = self.path.strip_prefix(&visit.path("")).unwrap_or_default();
        let home = WayOut { href: visit.path(""), label: "Home".to_owned() };
        let list = settings::nearest_above(visit, rest);
        let list = list.map(|it| WayOut { href: visit.path(it.path), label: format!("Back to {}", it.label) });
        // What cannot be done to a key leaves its own page as it is.
        let key =
            rest.strip_prefix("/keys/").filter(|_| status == StatusCode::CONFLICT).and_then(|it| it.split_once('/'));
        let key = key.filter(|(id, _)| id.parse::<KeyId>().is_ok());
        let key = key.map(|(id, _)| WayOut { href: visit.path(&format!("/keys/{id}")), label: "View key".to_owned() });
        key.into_iter().chain(list).chain([home]).collect()
    }
}

/// To the page from which an organization is resumed.
fn way_to_resume((above, id): &(Slug, OrganizationId)) -> WayOut {
    WayOut { href: format!("/o/{above}/tree/{id}"), label: "To where it is resumed".to_owned() }
}

impl From<Suspension> for SuspensionView {
    fn from(it: Suspension) -> Self {
        Self {
            name: it.name.to_string(),
            above: it.above.map(|it| it.map(|it| it.to_string())),
            since: it.since.map(Moment::new),
            by: it.by.map(|it| it.to_string()),
            manager: it.manager.map(|it| it.to_string()),
            may_resume: it.resumed_at.is_some(),
        }
    }
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
