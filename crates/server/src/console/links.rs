//! The page behind a one-time link: sets a password and signs in.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use claviger_core::limits;
use claviger_core::reject::RejectCode;
use claviger_store::links::LinkPurpose;
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::cookies;
use super::entrance::{complain, complain_about_password, end_session, enter, held_back, refused};
use super::failure::Failure;
use super::pages::form::FormErrors;
use super::pages::members::PasswordLinkPage;
use super::pages::shell::Notice;
use super::respond::html;
use super::visit::Guest;
use crate::app::App;
use crate::ops::links::{OpenLink, find_sign_in_link, use_sign_in_link};

/// The form behind the link.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct PasswordLinkForm {
    token: SecretString,
    password: SecretString,
}

/// Shows the form behind a link. Looking at it does not use it up: programs that look at links in messages would.
pub(super) async fn show_link(
    State(app): State<App>,
    guest: Guest,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let token = SecretString::from(token);
    let link = find_sign_in_link(&app, &token).await?.ok_or_else(Failure::link_gone)?;
    Ok(html(&page(&guest, &link, &token, FormErrors::default())))
}

/// Sets the password and signs in. Whoever was signed in with this browser before is not any more.
pub(super) async fn use_link(
    State(app): State<App>,
    guest: Guest,
    headers: HeaderMap,
    form: Result<Form<PasswordLinkForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let link = find_sign_in_link(&app, &form.token).await?.ok_or_else(Failure::link_gone)?;
    let mut errors = FormErrors::default();
    complain_about_password(&mut errors, &form.password);
    if !errors.is_empty() {
        return Ok(refused(html(&page(&guest, &link, &form.token, errors))));
    }
    match use_sign_in_link(&app, form.token.clone(), form.password, guest.origin.clone()).await {
        Ok(signed_in) => {
            end_session(&app, &guest.site, &headers).await?;
            let mut response = enter(&app, &guest, &signed_in, None).await?;
            cookies::set_notice(response.headers_mut(), &guest.site, &Notice::PasswordSet);
            Ok(response)
        }
        Err(error) => {
            let reject = error.into_reject();
            if reject.code == RejectCode::NotFound {
                return Err(Failure::link_gone());
            }
            let wait = reject.retry_after_secs;
            complain(&mut errors, reject)?;
            Ok(held_back(html(&page(&guest, &link, &form.token, errors)), wait))
        }
    }
}

fn page(guest: &Guest, link: &OpenLink, token: &SecretString, errors: FormErrors) -> PasswordLinkPage {
    PasswordLinkPage {
        preferences: guest.preferences,
        invites: link.purpose == LinkPurpose::Invitation,
        organization_name: link.organization_name.to_string(),
        email: link.user.email.as_ref().map(ToString::to_string).unwrap_or_default(),
        token: token.expose_secret().to_owned(),
        password_chars_min: limits::PASSWORD_CHARS_MIN,
        errors,
    }
}
