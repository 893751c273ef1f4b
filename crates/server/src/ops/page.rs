//! Pages of lists.

use claviger_core::limits;

/// A place in a list: opaque to whoever holds it, and never interpreted but by the list it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(pub String);

/// Which part of a list is asked for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Where the page before ended; absent for the first.
    pub after: Option<Cursor>,
    /// Items wanted, at most [`limits::PAGE_ITEMS_MAX`].
    pub limit: u32,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { after: None, limit: limits::PAGE_ITEMS_DEFAULT }
    }
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last.
    pub next: Option<Cursor>,
}
