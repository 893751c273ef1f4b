//! Pages of lists: how many rows, and where the next page begins.

use claviger_core::limits;
use data_encoding::BASE64URL_NOPAD;

use crate::error::{Error, StoreResult};
use crate::sql::LAST;

/// Which page of a list is asked for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Behind which row it begins; absent for the first page.
    pub after: Option<Cursor>,
    /// Rows at most, between 1 and [`limits::PAGE_ITEMS_MAX`]; other values count as the nearest of them.
    pub limit: u32,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { after: None, limit: limits::PAGE_ITEMS_DEFAULT }
    }
}

impl PageRequest {
    /// The first page with so many rows.
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    /// How many rows the page has at most.
    pub fn rows(&self) -> usize {
        self.limit.clamp(1, limits::PAGE_ITEMS_MAX) as usize
    }

    /// Where a list that is sorted by text and identifier goes on. Nothing comes before two empty texts.
    pub(crate) fn after_text(&self) -> (&str, &str) {
        self.after.as_ref().map_or(("", ""), |it| (&it.value, &it.id))
    }

    /// Where a list goes on that begins with the newest.
    pub(crate) fn before_id(&self) -> &str {
        self.after.as_ref().map_or(LAST, |it| &it.id)
    }

    /// One row more than shown is read: it tells whether there is a next page.
    pub(crate) fn rows_to_read(&self) -> i64 {
        self.rows() as i64 + 1
    }
}

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Behind which row the next page begins; absent on the last page.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Cuts what was read to what was asked for.
    pub(crate) fn cut(mut rows: Vec<T>, request: &PageRequest, cursor: impl Fn(&T) -> Cursor) -> Self {
        let more = rows.len() > request.rows();
        rows.truncate(request.rows());
        let next = if more { rows.last().map(cursor) } else { None };
        Self { rows, next }
    }

    /// The same page of other rows.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { rows: self.rows.into_iter().map(f).collect(), next: self.next }
    }
}

/// The place of a row in a list: the value it is sorted by, and its identifier. Not a secret and not signed: it only names a place,
/// and every page is scoped by its tenant anyway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) value: String,
    pub(crate) id: String,
}

impl Cursor {
    pub(crate) fn new(value: impl ToString, id: impl ToString) -> Self {
        Self { value: value.to_string(), id: id.to_string() }
    }

    /// The place before every row of a list that is sorted by text: for a list that shows something of its own first.
    pub fn before_all() -> Self {
        Self::new("", "")
    }

    /// The text that stands in an answer or a link.
    pub fn to_text(&self) -> String {
        BASE64URL_NOPAD.encode(format!("{}\n{}", self.id, self.value).as_bytes())
    }

    /// Reads the text.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`] when it is none.
    pub fn parse(text: &str) -> StoreResult<Self> {
        const BYTES_MAX: usize = 1024;
        if text.len() > BYTES_MAX {
            return Err(Error::InvalidCursor);
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Error::InvalidCursor)?;
        let text = String::from_utf8(bytes).map_err(|_| Error::InvalidCursor)?;
        // No text of ours holds a NUL, and PostgreSQL takes none.
        let (id, value) = text.split_once('\n').filter(|_| !text.contains('\0')).ok_or(Error::InvalidCursor)?;
        Ok(Self::new(value, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_survives_a_round_trip_and_garbage_is_refused() {
        let cursor = Cursor::new("ci\nü", "key_1");
        assert_eq!(Cursor::parse(&cursor.to_text()).expect("a cursor"), cursor);
        for text in ["", "!", "AAAA", "____", "CgA", &"A".repeat(5000)] {
            assert!(matches!(Cursor::parse(text), Err(Error::InvalidCursor)), "{text}");
        }
    }

    #[test]
    fn page_is_cut_to_its_limit_and_names_the_next() {
        let request = PageRequest::first(2);
        let page = Page::cut(vec![1, 2, 3], &request, |it| Cursor::new("", it));
        assert_eq!(page.rows, [1, 2]);
        assert_eq!(page.next, Some(Cursor::new("", 2)));
        assert_eq!(Page::cut(vec![1, 2], &request, |it| Cursor::new("", it)).next, None);
        assert_eq!(PageRequest::first(0).rows(), 1);
        assert_eq!(PageRequest::first(u32::MAX).rows(), limits::PAGE_ITEMS_MAX as usize);
    }
}
