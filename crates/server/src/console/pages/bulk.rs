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
