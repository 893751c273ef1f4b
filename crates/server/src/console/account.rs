//! The reader's own account: sessions and password.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::id::SessionId;
use claviger_core::limits;
use claviger_core::reject::RejectCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::entrance::{complain_about_password, held_back, refused};
use super::failure::Failure;
use super::pages::account::{PasswordPage, SessionView, SessionsPage};
use super::pages::form::{FormErrors, typed};
use super::pages::shell::{Moment, Notice, Place};
use super::visit::Visit;
use crate::ops::account::{OwnSession, change_own_password, end_other_sessions, end_own_session, list_own_sessions};

/// Shows where the reader is signed in.
pub(super) async fn show_sessions(visit: Visit) -> Result<Response, Failure> {
    let sessions = list_own_sessions(&visit.app, &visit.caller).await?;
    let rows = sessions.items.iter().map(view).collect();
    let page = SessionsPage { shell: visit.shell(Place::Elsewhere), rows, more: sessions.more };
    Ok(visit.page(&page))
}

fn view(OwnSession { session, is_this }: &OwnSession) -> SessionView {
    SessionView {
        id: session.id.to_string(),
        browser: browser(session.user_agent.as_deref()),
        is_this: *is_this,
        ip: session.ip.map(|it| it.to_string()),
        created: Moment::new(session.created_at),
        last_seen: Moment::new(session.last_seen_at),
        ends: Moment::new(session.expires_at),
    }
}

/// What a browser calls itself, in words. Each of the well-known ones also names those before it, so that the order counts; others are shown as
/// they say.
fn browser(user_agent: Option<&str>) -> String {
    const BROWSERS: [(&str, &str); 5] =
        [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iOS"),
        ("iPad", "iPadOS"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ];
    let Some(text) = user_agent else { return "Unknown browser".to_owned() };
    let found = |list: &[(&str, &'static str)]| list.iter().find(|it| text.contains(it.0)).map(|it| it.1);
    match (found(&BROWSERS), found(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        _ => typed(text),
    }
}

/// Ends one of the reader's sessions.
pub(super) async fn end_session(
    visit: Visit,
    Path((_, session_id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let id: SessionId = session_id.parse().map_err(|_| Failure::not_found())?;
    end_own_session(&visit.app, &visit.caller, id).await?;
    Ok(visit.done("/sessions", &Notice::SessionEnded))
}

/// Ends all of the reader's sessions but this one.
pub(super) async fn end_others(visit: Visit) -> Result<Response, Failure> {
    end_other_sessions(&visit.app, &visit.caller).await?;
    Ok(visit.done("/sessions", &Notice::SessionsEnded))
}

/// The form for another password.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct PasswordForm {
    present: SecretString,
    password: SecretString,
}

/// Shows the form for another password.
pub(super) async fn show_password(visit: Visit) -> Response {
    visit.page(&password_page(&visit, FormErrors::default()))
}

/// Sets another password.
pub(super) async fn change_password(
    visit: Visit,
    form: Result<Form<PasswordForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let mut errors = FormErrors::default();
    if form.present.expose_secret().is_empty() {
        errors.add("present", "Enter your present password.");
    }
    complain_about_password(&mut errors, &form.password);
    let mut wait = None;
    if errors.is_empty() {
        match change_own_password(&visit.app, &visit.caller, form.present, form.password).await {
            Ok(()) => return Ok(visit.done("/sessions", &Notice::PasswordChanged)),
            Err(error) => {
                let reject = error.into_reject();
                wait = reject.retry_after_secs;
                match reject.code {
                    RejectCode::Unauthenticated => errors.add(
                        "present",
                        "This is not your present password. If it is lost, ask an administrator for a link to set another.",
                    ),
                    RejectCode::TooManyTries => errors.add_general(reject.detail),
                    _ => return Err(reject.into()),
                }
            }
        }
    }
    let page = visit.page(&password_page(&visit, errors));
    Ok(if wait.is_some() { held_back(page, wait) } else { refused(page) })
}

fn password_page(visit: &Visit, errors: FormErrors) -> PasswordPage {
    PasswordPage { shell: visit.shell(Place::Elsewhere), password_chars_min: limits::PASSWORD_CHARS_MIN, errors }
}

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn a_browser_is_called_by_its_name_and_an_unknown_one_as_it_calls_itself() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        let edge =
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0";
        let iphone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Mobile Safari/604.1";
        for (text, said) in [(chrome, "Chrome on Linux"), (edge, "Edge on Windows"), (iphone, "Safari on iOS")] {
            assert_eq!(browser(Some(text)), said);
        }
        assert_eq!(browser(Some("curl/8.14.1")), "curl/8.14.1");
        assert_eq!(browser(None), "Unknown browser");
    }
}
