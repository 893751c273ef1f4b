//! Which part of a list a page shows, and the way to the others.

use super::form::Choice;

/// The line below a list.
#[derive(Debug, Clone, Default)]
pub struct Pager {
    /// The number of the first row; empty where there is none.
    pub first: String,
    /// The number of the last row.
    pub last: String,
    /// Whether these are the last ones, so that the number of the last is how many there are.
    pub is_last: bool,
    /// The query string of the page before, without `?`; none on the first.
    pub previous: Option<String>,
    /// The query string of the page behind, without `?`; none on the last.
    pub next: Option<String>,
    /// How many rows a page can have.
    pub sizes: Vec<Choice>,
}

impl Pager {
    /// Whether the page has all there are: then nothing is said but how many.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.first.is_empty() && self.is_last && self.previous.is_none()
    }
}
