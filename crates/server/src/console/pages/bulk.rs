//! Questions about several keys at once.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::keys::KeyRowView;
use super::shell::Shell;

/// Asks before several keys are changed.
#[derive(Template, Debug)]
#[template(path = "keys/bulk.html")]
pub struct BulkPage {
    /// The frame.
    pub shell: Shell,
    /// The keys that are meant.
    pub keys: Vec<KeyRowView>,
    /// How many more were chosen, and are gone meanwhile.
    pub gone: usize,
    /// The list that they were chosen in, as a path within the organization.
    pub back: String,
    /// Whether the reader has to type the password.
    pub must_confirm: bool,
    /// How many there are, as typed.
    pub count: String,
    /// What is to be done to them.
    pub question: BulkQuestion,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}

/// What is to be done to several keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BulkQuestion {
    /// They are to end later.
    Extend {
        /// Never, some spans, or a day.
        expiries: Vec<Choice>,
        /// The day as typed.
        expires_on: String,
    },
    /// They are to be deleted.
    Delete,
}
