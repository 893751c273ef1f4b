//! Pages that say why there is nothing else to show, each with a way out.

use askama::Template;

use super::shell::Preferences;

/// An error page.
#[derive(Template, Debug)]
#[template(path = "failure.html")]
pub struct FailurePage {
    /// How this browser wants pages to look.
    pub preferences: Preferences,
    /// The HTTP status, for whoever reports it.
    pub status: u16,
    /// What happened, as a heading.
    pub title: String,
    /// What the reader can do about it, as sentences.
    pub advice: String,
    /// The identifier of the request in the logs; none where it would tell nothing.
    pub request_id: Option<String>,
    /// Where the way out leads.
    pub way_out: WayOut,
}

/// A link that gets the reader out of an error page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayOut {
    /// A path on this server.
    pub href: String,
    /// What the link says.
    pub label: String,
}
