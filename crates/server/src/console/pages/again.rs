//! What was sent while nobody was signed in, to be looked at before it is sent again.

use askama::Template;

use super::shell::Preferences;

/// Asks whoever has signed in whether to send a form now that was not accepted before.
#[derive(Template, Debug, Clone)]
#[template(path = "again.html")]
pub struct AgainPage {
    /// How this browser wants pages to look.
    pub preferences: Preferences,
    /// The e-mail address of whoever is signed in now.
    pub person: String,
    /// What would be done, as a verb and its object.
    pub what: String,
    /// What was typed and chosen.
    pub rows: Vec<KeptRow>,
    /// Names and values, as they were sent.
    pub fields: Vec<(String, String)>,
    /// Where it was sent to.
    pub action: String,
    /// The page that it stands on, for who wants to begin anew.
    pub page: String,
}

/// A field of the form, as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRow {
    /// What the form calls it.
    pub label: &'static str,
    /// What was typed or chosen there.
    pub values: Vec<String>,
}
