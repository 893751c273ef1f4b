//! Pages of lists: `{data, next_cursor}` and a `Link` to the next.

use axum::Json;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use claviger_core::limits;
use claviger_core::reject::Reject;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::fields::{all_fields, at};
use super::numbers::within;
use crate::ops::page::{Cursor, Page, PageRequest};

/// Which part of a list is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Items wanted.
    #[param(minimum = 1, maximum = 100, default = 25)]
    pub limit: Option<u32>,
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PageView<T> {
    /// The items.
    pub data: Vec<T>,
    /// What the next page is asked for with; null on the last one. Opaque.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// Bytes of a cursor; one that we gave out is far shorter.
const CURSOR_BYTES_MAX: usize = 2048;
/// The version of what stands in a cursor, so that a later one can read differently.
const CURSOR_VERSION: &str = "1";

impl PageQuery {
    /// What is asked of the list of this name; a cursor of another list, or of the same in another order, is refused.
    pub(super) fn request(&self, list: &str) -> Result<PageRequest, Reject> {
        let after = at("cursor", self.cursor.as_deref().map(|it| read_cursor(list, it)).transpose());
        let limit = self.limit.unwrap_or(limits::PAGE_ITEMS_DEFAULT);
        let limit = within("limit", limit).map(|()| limit);
        let (after, limit) = all_fields!(after, limit)?;
        Ok(PageRequest { after, limit })
    }
}

fn write_cursor(list: &str, Cursor(place): &Cursor) -> String {
    BASE64URL_NOPAD.encode(format!("{CURSOR_VERSION}\n{list}\n{place}").as_bytes())
}

fn read_cursor(list: &str, text: &str) -> Result<Cursor, &'static str> {
    const FAULT: &str = "is not a cursor of this list in this order";
    if text.len() > CURSOR_BYTES_MAX {
        return Err(FAULT);
    }
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| FAULT)?;
    let text = String::from_utf8(bytes).map_err(|_| FAULT)?;
    let mut parts = text.splitn(3, '\n');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(CURSOR_VERSION), Some(of), Some(place)) if of == list => Ok(Cursor(place.to_owned())),
        _ => Err(FAULT),
    }
}

/// The answer of a list operation.
pub(super) fn page<T, V: Serialize>(uri: &Uri, list: &str, page: Page<T>, view: impl FnMut(T) -> V) -> Response {
    page_of(uri, list, page, view, |data, next_cursor| PageView { data, next_cursor })
}

/// The answer of a list operation whose page says more than [`PageView`].
pub(super) fn page_of<T, V, B: Serialize>(
    uri: &Uri,
    list: &str,
    page: Page<T>,
    view: impl FnMut(T) -> V,
    body: impl FnOnce(Vec<V>, Option<String>) -> B,
) -> Response {
    let next_cursor = page.next.as_ref().map(|it| write_cursor(list, it));
    let link = next_cursor.as_deref().map(|it| next_link(uri, it));
    let mut response = Json(body(page.items.into_iter().map(view).collect(), next_cursor)).into_response();
    if let Some(link) = link.and_then(|it| HeaderValue::from_str(&it).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// The same request for the next page (RFC 8288), without a key that stood in its query.
fn next_link(uri: &Uri, cursor: &str) -> String {
    let kept = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
        .filter(|(name, _)| name != "cursor" && !name.eq_ignore_ascii_case("api_key"));
    let query =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).append_pair("cursor", cursor).finish();
    format!("<{}?{query}>; rel=\"next\"", uri.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cursor_is_read_by_its_own_list_only() {
        let text = write_cursor("keys:name", &Cursor("a\nb".into()));
        assert_eq!(read_cursor("keys:name", &text), Ok(Cursor("a\nb".into())));
        assert!(read_cursor("keys:-name", &text).is_err());
        assert!(read_cursor("users", &text).is_err());
    }

    #[test]
    fn the_next_page_is_linked_without_the_key() {
        let uri: Uri = "/api/v1/x?limit=2&API_KEY=secret&cursor=old&search=a%20b".parse().expect("an address");
        assert_eq!(next_link(&uri, "new"), "</api/v1/x?limit=2&search=a+b&cursor=new>; rel=\"next\"");
    }

    proptest! {
        #[test]
        fn garbage_is_refused_and_never_panics(text in "\\PC{0,100}") {
            prop_assert!(read_cursor("keys", &text).is_err());
        }
    }
}
