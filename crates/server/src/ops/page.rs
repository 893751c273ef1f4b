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

impl TryFrom<PageRequest> for claviger_store::PageRequest {
    type Error = claviger_store::Error;

    fn try_from(request: PageRequest) -> Result<Self, Self::Error> {
        let after = request.after.map(|it| claviger_store::Cursor::parse(&it.0)).transpose()?;
        Ok(Self { after, limit: request.limit })
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

impl<T> From<claviger_store::Page<T>> for Page<T> {
    fn from(page: claviger_store::Page<T>) -> Self {
        Self { items: page.rows, next: page.next.map(|it| Cursor(it.to_text())) }
    }
}
