//! A form that was sent by whoever is not signed in any more: nothing is done, and nothing that was typed is lost.
//!
//! What was sent goes along through the sign-in, without secrets, and is shown to whoever then sits there; it is sent again only when that
//! person says so, by a form of ours like any other, and is authorized like any other. No other site can begin this: the origin check refuses
//! its forms before anybody asks who is signed in, and those that it would send to the sign-in.

mod words;

use axum::body::{Body, to_bytes};
use axum::extract::{OriginalUri, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, Method, StatusCode};

#[cfg(test)]
pub(super) use self::words::LABELS;
use self::words::Reader;
use super::FORM_BYTES_MAX;
use super::entrance::show_sign_in_again;
use super::failure::Failure;
use super::pages::again::AgainPage;
use super::paging::query_string;
use super::respond::own_path;
use super::upload::{self, UPLOAD_BYTES_MAX, Unread, Upload, takes_documents};
use super::visit::Guest;
use crate::app::App;
use crate::ops::sessions::{CurrentSession, find_session};
use crate::site::Site;

/// Fields that nobody is to find in a page again. A test compares them with the forms that there are.
pub(super) const SECRET_FIELDS: [&str; 5] = ["confirm", "leaked", "password", "present", "token"];
/// Bytes of a form that go along; what is written in base64 must still fit into a form.
const KEPT_BYTES_MAX: usize = FORM_BYTES_MAX / 2;

/// Says on an answer that it leads to the sign-in.
#[derive(Clone, Copy)]
pub(super) struct SignedOut;

/// What was sent, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Kept {
    /// Where to.
    pub(super) action: String,
    /// Names and values, in their order.
    pub(super) fields: Vec<(String, String)>,
}

impl Kept {
    fn of(action: &str, body: &[u8]) -> Self {
        Self::with(action, serde_urlencoded::from_bytes(body).unwrap_or_default())
    }

    fn with(action: &str, mut fields: Vec<(String, String)>) -> Self {
        fields.retain(|(name, _)| !SECRET_FIELDS.contains(&name.as_str()));
        Self { action: action.to_owned(), fields }
    }

    /// As the sign-in page carries it; empty where there is nothing that anybody typed or chose, or too much of it.
    pub(super) fn to_text(&self) -> String {
        let is_typed = |(name, value): &(String, String)| !value.is_empty() && words::label(name).is_some();
        let encoded = serde_urlencoded::to_string(&self.fields).unwrap_or_default();
        if !self.fields.iter().any(is_typed) || KEPT_BYTES_MAX < encoded.len() {
            return String::new();
        }
        BASE64URL_NOPAD.encode(encoded.as_bytes())
    }

    /// Reads what a sign-in page brings back; nothing, where it is not one of a form of ours.
    pub(super) fn read(action: &str, text: &str) -> Option<Self> {
        let action = own_path(action);
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok().filter(|it| it.len() <= KEPT_BYTES_MAX)?;
        let kept = Self::of(action, &bytes);
        (action.starts_with("/o/") && !kept.fields.is_empty()).then_some(kept)
    }

    /// The page that asks whoever has signed in whether to send it now.
    pub(super) async fn page(self, app: &App, guest: &Guest, session: &CurrentSession, page: String) -> AgainPage {
        let reader = Reader::of(app, &session.caller, &self.action).await;
        AgainPage {
            preferences: guest.preferences,
            person: session.user.email.as_ref().map_or_else(|| session.user.name.to_string(), ToString::to_string),
            what: reader.what(&self).await,
            rows: reader.rows(&self).await,
            fields: self.fields,
            action: self.action,
            page,
        }
    }
}

/// The page that a form stands on, by where it is sent: that of the same address, or of the thing that a mere button is about.
fn page_of(action: &str) -> String {
    const BUTTONS: [&str; 19] = [
        "activate",
        "deactivate",
        "resume",
        "link",
        "withdraw",
        "disable",
        "enable",
        "end-others",
        "cancel",
        "end",
        "extend",
        "pause",
        "play",
        "test",
        "recover",
        "resend",
        "open",
        "keep",
        "dismiss",
    ];
    let (organization, rest) = match action.strip_prefix("/o/").and_then(|it| it.split_once('/')) {
        Some((slug, rest)) => (format!("/o/{slug}"), rest),
        None => return "/".to_owned(),
    };
    let parts: Vec<&str> = rest.split('/').collect();
    let page = match parts.as_slice() {
        [list @ ("keys" | "members" | "roles" | "tree")] => format!("{list}/new"),
        ["keys", "bulk", ..] => "keys".to_owned(),
        ["sessions", ..] => "sessions".to_owned(),
        ["notifications", ..] => "notifications".to_owned(),
        ["keys", key, "bundle"] => format!("keys/{key}"),
        ["keys", key, "rotation", ..] => format!("keys/{key}"),
        ["roles", role, "api-access"] => format!("roles/{role}"),
        [above @ .., button] if BUTTONS.contains(button) => above.join("/"),
        _ => rest.to_owned(),
    };
    format!("{organization}/{page}")
}

/// Keeps what a form sends until it is clear that somebody is signed in.
pub(super) async fn attend(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let action = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |it| &it.0).path().to_owned();
    let site = Site::of(&parts.headers, app.config().public_url.as_ref());
    let guest = site.map(|site| Guest::of(&parts.headers, site, None));
    let headers = parts.headers.clone();
    let bytes = match read_form(&app, guest.as_ref().ok(), &headers, &action, body).await {
        Ok(bytes) => bytes,
        Err(None) => return unsent(&action),
        Err(Some(failure)) => return failure.into_response(),
    };
    let response = next.run(Request::from_parts(parts, Body::from(bytes.clone()))).await;
    let Ok(guest) = guest else { return response };
    if response.extensions().get::<SignedOut>().is_none() {
        return response;
    }
    let Upload { fields, file } = Upload::parse(&headers, bytes).await.unwrap_or_default();
    // The page that asks whether to send it again could not choose the file, and without it another text would be saved.
    if file.is_some() {
        return unsent(&action);
    }
    let (page, kept) = (page_of(own_path(&action)), Kept::with(own_path(&action), fields));
    let text = kept.to_text();
    if text.is_empty() {
        return unsent(&action);
    }
    (StatusCode::UNAUTHORIZED, show_sign_in_again(&guest, page, kept.action, text)).into_response()
}

/// Reads a form. One that may bring a document along is taken in whole only from who is signed in; everybody else's is as short as all others,
/// and the refusal of a longer one is to sign in.
async fn read_form(
    app: &App,
    guest: Option<&Guest>,
    headers: &HeaderMap,
    action: &str,
    body: Body,
) -> Result<Bytes, Option<Failure>> {
    if !takes_documents(action) {
        return to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| Some(Failure::bad_form()));
    }
    let session = match guest.and_then(|it| it.site.session(headers)) {
        Some(token) => find_session(app, &token, None).await.map_err(|error| Some(error.into()))?,
        None => None,
    };
    let bytes_max = if session.is_some() { UPLOAD_BYTES_MAX } else { FORM_BYTES_MAX };
    upload::read(body, bytes_max).await.map_err(|unread| match unread {
        Unread::TooLarge if session.is_none() => None,
        _ => Some(unread.into()),
    })
}

/// Leads to the sign-in, and from there to the form, of which nothing went along.
fn unsent(action: &str) -> Response {
    let query = query_string([("next", page_of(own_path(action)).as_str()), ("unsent", "")]);
    Redirect::to(&format!("/sign-in?{query}")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_goes_along_and_secrets_do_not() {
        let kept = Kept::of("/o/acme/keys", b"name=CI+%26+co&confirm=hunter2&once=x&key=a&key=b");
        let names: Vec<_> = kept.fields.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(names, ["name", "once", "key", "key"]);
        assert_eq!(kept.fields[0].1, "CI & co");
        assert_eq!(Kept::read("/o/acme/keys", &kept.to_text()), Some(kept));
        assert_eq!(Kept::of("/o/acme/keys/k/delete", b"confirm=hunter2&once=x&name=").to_text(), "");
        let long = format!("name={}", "x".repeat(KEPT_BYTES_MAX));
        assert_eq!(Kept::of("/o/acme/keys", long.as_bytes()).to_text(), "");
    }

    #[test]
    fn what_no_page_of_ours_sent_is_not_read() {
        let text = BASE64URL_NOPAD.encode(b"name=x&password=y");
        assert_eq!(Kept::read("/o/acme/keys", &text).map(|it| it.fields.len()), Some(1));
        for action in ["//evil.example/o/", "https://evil.example", "/sign-out", "/api/v1/keys", ""] {
            assert_eq!(Kept::read(action, &text), None, "{action}");
        }
        for text in ["", "%", "cGFzc3dvcmQ9eA"] {
            assert_eq!(Kept::read("/o/acme/keys", text), None, "{text}");
        }
    }
}
