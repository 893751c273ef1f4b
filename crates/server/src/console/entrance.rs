//! Set-up link, sign-in, sign-out, and the wish about looks.

use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use claviger_core::limits;
use claviger_core::name::{Email, Name, TextError};
use claviger_core::reject::{Reject, RejectCode};
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::again::Kept;
use super::cookies;
use super::failure::Failure;
use super::pages::entrance::{SetUpPage, SignInPage};
use super::pages::form::{FormErrors, typed};
use super::pages::shell::{Notice, Shortcuts, Theme, Times};
use super::respond::{html, own_path};
use super::visit::{Guest, Visit};
use crate::app::App;
use crate::ops::me;
use crate::ops::sessions::{self, Claim, SetUpLink, SignedIn};
use crate::site::Site;

/// The form behind the set-up link.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct SetUpForm {
    token: SecretString,
    name: String,
    email: String,
    password: SecretString,
}

/// Shows the form behind a set-up link.
pub(super) async fn show_set_up(
    State(app): State<App>,
    guest: Guest,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let token = SecretString::from(token);
    match sessions::find_set_up_link(&app, &token).await? {
        Some(link) => {
            let form = SetUpForm { token, ..SetUpForm::default() };
            Ok(html(&set_up_page(&guest, &link, &form, FormErrors::default())))
        }
        None => Err(Failure::set_up_link_gone()),
    }
}

/// Makes the first account and signs it in.
pub(super) async fn claim_set_up(
    State(app): State<App>,
    guest: Guest,
    form: Result<Form<SetUpForm>, axum::extract::rejection::FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let Some(link) = sessions::find_set_up_link(&app, &form.token).await? else {
        return Err(Failure::set_up_link_gone());
    };
    let mut errors = FormErrors::default();
    let name = keep(&mut errors, "name", "The name", Name::parse(&form.name));
    let email = keep(&mut errors, "email", "The e-mail", Email::parse(&form.email));
    complain_about_password(&mut errors, &form.password);
    let (Some(name), Some(email), true) = (name, email, errors.is_empty()) else {
        return Ok(refused(html(&set_up_page(&guest, &link, &form, errors))));
    };
    let claim = Claim { name, email, password: form.password.clone() };
    match sessions::claim_set_up_link(&app, form.token.clone(), claim, guest.origin.clone()).await {
        Ok(signed_in) => {
            let mut response = enter(&app, &guest, &signed_in, None).await?;
            cookies::set_notice(response.headers_mut(), &guest.site, &Notice::AccountCreated);
            Ok(response)
        }
        Err(error) => {
            let reject = error.into_reject();
            let wait = reject.retry_after_secs;
            complain(&mut errors, reject)?;
            Ok(held_back(html(&set_up_page(&guest, &link, &form, errors)), wait))
        }
    }
}

fn set_up_page(guest: &Guest, link: &SetUpLink, form: &SetUpForm, errors: FormErrors) -> SetUpPage {
    SetUpPage {
        preferences: guest.preferences,
        organization_name: link.organization_name.to_string(),
        token: form.token.expose_secret().to_owned(),
        name: typed(&form.name),
        email: typed(&form.email),
        password_chars_min: limits::PASSWORD_CHARS_MIN,
        errors,
    }
}

/// What a link to the sign-in page carries.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct SignInQuery {
    next: String,
    signed_out: Option<String>,
    ended: Option<String>,
    unsent: Option<String>,
}

/// The sign-in form.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct SignInForm {
    email: String,
    password: SecretString,
    next: String,
    /// Not empty where a change led here that was not made.
    unsent: String,
    /// Where it was sent to.
    action: String,
    /// What was sent, see [`Kept::to_text`].
    kept: String,
}

/// Shows the sign-in form.
pub(super) async fn show_sign_in(
    State(app): State<App>,
    guest: Guest,
    query: Result<Query<SignInQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Failure> {
    let query = query.map(|Query(it)| it).unwrap_or_default();
    let unsent = if query.unsent.is_some() { "1" } else { "" }.to_owned();
    let form = SignInForm { next: query.next, unsent, ..SignInForm::default() };
    let page = sign_in_page(&guest, &form, query.signed_out.is_some(), FormErrors::default());
    let has_ended = query.ended.is_some();
    Ok(html(&SignInPage { unclaimed: sessions::is_unclaimed(&app).await?, has_ended, ..page }))
}

/// The sign-in form as the answer to another form, which goes along with it.
pub(super) fn show_sign_in_again(guest: &Guest, next: String, action: String, kept: String) -> Response {
    let form = SignInForm { next, unsent: "1".to_owned(), action, kept, ..SignInForm::default() };
    html(&sign_in_page(guest, &form, false, FormErrors::default()))
}

/// Signs in. Whatever session the browser had before ends: a session never survives a change of who is signed in.
pub(super) async fn sign_in(
    State(app): State<App>,
    guest: Guest,
    headers: HeaderMap,
    form: Result<Form<SignInForm>, axum::extract::rejection::FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let mut errors = FormErrors::default();
    let email = keep(&mut errors, "email", "The e-mail", Email::parse(&form.email));
    if form.password.expose_secret().is_empty() {
        errors.add("password", "Enter your password.");
    }
    let (Some(email), true) = (email, errors.is_empty()) else {
        return Ok(refused(html(&sign_in_page(&guest, &form, false, errors))));
    };
    match sessions::sign_in(&app, email, form.password.clone(), guest.origin.clone()).await {
        Ok(signed_in) => {
            end_session(&app, &guest.site, &headers).await?;
            let mut response = enter(&app, &guest, &signed_in, Some(own_path(&form.next))).await?;
            if let Some(kept) = Kept::read(&form.action, &form.kept) {
                let session = sessions::find_session(&app, &signed_in.token, guest.origin.ip).await?;
                let session = session.ok_or_else(Failure::not_found)?;
                let page = own_path(&form.next).to_owned();
                let mut asking = html(&kept.page(&app, &guest, &session, page).await);
                asking
                    .headers_mut()
                    .extend(response.headers().get_all(SET_COOKIE).iter().map(|it| (SET_COOKIE, it.clone())));
                return Ok(asking);
            }
            if !form.unsent.is_empty() {
                cookies::set_notice(response.headers_mut(), &guest.site, &Notice::NotSent);
            }
            Ok(response)
        }
        Err(error) => {
            let reject = error.into_reject();
            let wait = reject.retry_after_secs;
            complain(&mut errors, reject)?;
            Ok(held_back(html(&sign_in_page(&guest, &form, false, errors)), wait))
        }
    }
}

fn sign_in_page(guest: &Guest, form: &SignInForm, signed_out: bool, errors: FormErrors) -> SignInPage {
    SignInPage {
        preferences: guest.preferences,
        email: typed(&form.email),
        next: own_path(&form.next).to_owned(),
        unsent: !form.unsent.is_empty(),
        action: form.action.clone(),
        kept: form.kept.clone(),
        unclaimed: false,
        has_ended: false,
        signed_out,
        errors,
    }
}

/// Hands out the session and leads to `next`; without one to the keys of the user's organization.
pub(super) async fn enter(
    app: &App,
    guest: &Guest,
    signed_in: &SignedIn,
    next: Option<&str>,
) -> Result<Response, Failure> {
    let next = match next {
        Some(next) => next.to_owned(),
        None => {
            let session =
                sessions::find_session(app, &signed_in.token, guest.origin.ip).await?.ok_or_else(Failure::not_found)?;
            format!("/o/{}/keys", me::get_me(app, &session.caller).await?.organization.slug)
        }
    };
    let mut response = Redirect::to(&next).into_response();
    let life = signed_in.expires_at.since(app.now());
    cookies::set_session(response.headers_mut(), &guest.site, &signed_in.token, life);
    Ok(response)
}

/// Signs out, on the server and in the browser.
pub(super) async fn sign_out(State(app): State<App>, guest: Guest, headers: HeaderMap) -> Result<Response, Failure> {
    end_session(&app, &guest.site, &headers).await?;
    let mut response = Redirect::to("/sign-in?signed_out").into_response();
    cookies::clear_session(response.headers_mut(), &guest.site);
    // Forms that came back with their complaints are within reach of Back; not for whoever sits there next.
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    Ok(response)
}

pub(super) async fn end_session(app: &App, site: &Site, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(token) = site.session(headers) else { return Ok(()) };
    if let Some(session) = sessions::find_session(app, &token, None).await? {
        sessions::sign_out(app, &session.caller).await?;
    }
    Ok(())
}

/// A wish about looks.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct PreferencesForm {
    theme: Option<String>,
    times: Option<String>,
    shortcuts: Option<String>,
    back: String,
}

/// Remembers a wish about looks.
pub(super) async fn set_preferences(
    guest: Guest,
    form: Result<Form<PreferencesForm>, axum::extract::rejection::FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let mut preferences = guest.preferences;
    if let Some(theme) = form.theme {
        preferences.theme = Theme::parse(&theme);
    }
    if let Some(times) = form.times {
        preferences.times = Times::parse(&times);
    }
    if let Some(shortcuts) = form.shortcuts {
        preferences.shortcuts = Shortcuts::parse(&shortcuts);
    }
    let mut response = Redirect::to(own_path(&form.back)).into_response();
    cookies::set_preferences(response.headers_mut(), &guest.site, preferences);
    Ok(response)
}

/// The first page: the organization of whoever is signed in.
pub(super) async fn start(visit: Visit) -> Redirect {
    Redirect::to(&visit.path(""))
}

/// The gear's page, for links that do not know the organization.
pub(super) async fn start_settings(visit: Visit) -> Redirect {
    Redirect::to(&visit.path("/settings"))
}

/// The list of keys, for links that do not know the organization.
pub(super) async fn start_keys(visit: Visit) -> Redirect {
    Redirect::to(&visit.path("/keys"))
}

/// Marks a page as the answer to a form that was not accepted.
pub(super) fn refused(page: Response) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
}

/// The same, or, where somebody tried too often, the answer that says to programs when to come back; the page says it to people.
pub(super) fn held_back(page: Response, wait_secs: Option<u64>) -> Response {
    match wait_secs {
        Some(secs) => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, secs.to_string())], page).into_response(),
        None => refused(page),
    }
}

/// Keeps what was parsed, or complains about it: `"The name" + " must not be empty" + "."`.
pub(super) fn keep<T>(
    errors: &mut FormErrors,
    field: &'static str,
    what: &str,
    parsed: Result<T, TextError>,
) -> Option<T> {
    parsed.map_err(|error| errors.add(field, format!("{what} {error}."))).ok()
}

pub(super) fn complain_about_password(errors: &mut FormErrors, password: &SecretString) {
    let chars = password.expose_secret().chars().count();
    if chars < limits::PASSWORD_CHARS_MIN {
        errors.add(
            "password",
            format!("The password must have at least {} characters; this one has {chars}.", limits::PASSWORD_CHARS_MIN),
        );
    } else if chars > limits::PASSWORD_CHARS_MAX {
        errors.add("password", format!("The password must have at most {} characters.", limits::PASSWORD_CHARS_MAX));
    }
}

/// Puts a refusal of the operation beside the form; what no form can mend becomes a page of its own.
pub(super) fn complain(errors: &mut FormErrors, reject: Reject) -> Result<(), Failure> {
    match reject.code {
        RejectCode::Unauthenticated => errors.add_general("E-mail or password is wrong."),
        RejectCode::TooManyTries => {
            let secs = reject.retry_after_secs.unwrap_or(60);
            errors.add_general(format!("Too many tries. Wait {secs} seconds, then try again."));
        }
        RejectCode::NameTaken => errors.add("email", "Somebody uses this e-mail already."),
        RejectCode::InvalidField => {
            let known = [
                ("/name", "name", "The name"),
                ("/email", "email", "The e-mail"),
                ("/password", "password", "The password"),
            ];
            errors.add_fields(&reject.fields, &known);
        }
        _ => return Err(reject.into()),
    }
    Ok(())
}
