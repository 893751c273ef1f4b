//! What was sent while nobody was signed in, to be looked at before it is sent again.

use askama::Template;

use super::shell::Preferences;

/// Asks whoever has signed in whether to send a form now that was not accepted before.
#[derive(Template, Debug)]
#[template(path = "again.html")]
pub struct AgainPage {
    /// How this browser wants pages to look.
    pub preferences: Preferences,
    /// The e-mail address of whoever is signed in now.
    pub person: String,
    /// What was sent.
    pub fields: Vec<KeptField>,
    /// Where it was sent to.
    pub action: String,
    /// The page that it stands on, for who wants to begin anew.
    pub page: String,
}

/// One field of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptField {
    /// As the form calls it.
    pub name: String,
    /// As it was sent.
    pub value: String,
    /// What people call it, more or less.
    pub label: String,
    /// The value as it can be shown.
    pub text: String,
    /// Whether it is of interest to people.
    pub is_shown: bool,
}
