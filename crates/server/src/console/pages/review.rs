//! The step before a key is made that may do everything.

use askama::Template;

use super::keys::DoorView;
use super::shell::Shell;

/// Says what the key can do, and asks whether that is meant.
#[derive(Template, Debug)]
#[template(path = "keys/review.html")]
pub struct KeyReviewPage {
    /// The frame.
    pub shell: Shell,
    /// Along which path the form was reached.
    pub door: DoorView,
    /// Where the form stands: where a reload and coming back lead, where scripts run.
    pub here: String,
    /// The key's name: free text.
    pub name: String,
    /// Its role as people read it.
    pub role: String,
    /// Whom it acts for.
    pub mapped_user: String,
    /// When it ends.
    pub expires: String,
    /// Whether it reaches the organizations below too.
    pub is_subtree: bool,
    /// To what it is narrowed, one permission a line; empty where it is not.
    pub scopes: String,
    /// From where it works, one a line; empty for everywhere.
    pub allowed_ips: String,
    /// What was typed, to be sent again.
    pub fields: Vec<(&'static str, String)>,
}
