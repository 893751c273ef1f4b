//! The pages in front of the door: the set-up link and signing in.

use askama::Template;

use super::form::FormErrors;
use super::shell::Preferences;

/// The page behind the one-time set-up link: makes the first account.
#[derive(Template, Debug)]
#[template(path = "set_up.html")]
pub struct SetUpPage {
    /// How this browser wants pages to look.
    pub preferences: Preferences,
    /// The organization that the account will administer, free text.
    pub organization_name: String,
    /// The one-time token of the link, sent back with the form.
    pub token: String,
    /// The name as typed.
    pub name: String,
    /// The e-mail address as typed.
    pub email: String,
    /// Characters that a password needs.
    pub password_chars_min: usize,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}

/// Signing in with e-mail address and password.
#[derive(Template, Debug)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// How this browser wants pages to look.
    pub preferences: Preferences,
    /// The e-mail address as typed.
    pub email: String,
    /// The path to go to afterwards, on this server.
    pub next: String,
    /// Whether a change led here, which was not made.
    pub unsent: bool,
    /// Where it was sent to; empty where nothing goes along.
    pub action: String,
    /// What was sent, without secrets; it goes along and is looked at afterwards.
    pub kept: String,
    /// Whether nobody has claimed the installation yet.
    pub unclaimed: bool,
    /// Whether the reader's session has ended, by time or from elsewhere.
    pub has_ended: bool,
    /// Whether the reader has just signed out.
    pub signed_out: bool,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}
