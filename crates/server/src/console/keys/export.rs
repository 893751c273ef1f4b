//! The list of keys as CSV: what the filter finds, page by page, without any secret.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse, Response};
use claviger_core::limits;
use claviger_core::reject::{Reject, RejectCode};
use http::header;

use super::list::ListQuery;
use super::view;
use crate::console::failure::Failure;
use crate::console::visit::Visit;
use crate::ops::keys::{KeyInfo, page_keys};
use crate::ops::page::PageRequest;
use crate::spreadsheet::{harmless, lines};

/// Pages of keys that are read for one file, full or not: a filter that finds little looks at as many keys as one that finds all. Whoever has
/// more narrows the filter.
const PAGES_MAX: usize = 100;
/// Keys in one file.
const KEYS_MAX: usize = PAGES_MAX * limits::PAGE_ITEMS_MAX as usize;

const COLUMNS: [&str; 12] = [
    "id",
    "name",
    "description",
    "type",
    "role",
    "mapped_user",
    "owner",
    "access_key",
    "last_login",
    "expires_at",
    "status",
    "created_at",
];

fn cells(visit: &Visit, info: &KeyInfo) -> [String; 12] {
    let name = |it: Option<&claviger_core::name::Name>| it.map(ToString::to_string).unwrap_or_default();
    [
        info.key.id.to_string(),
        info.key.name.to_string(),
        info.key.description.to_string(),
        view::type_label(info.api.as_str()),
        name(info.role_name.as_ref()),
        name(info.mapped_user_name.as_ref()),
        name(info.owner_name.as_ref()),
        info.access_key.clone().unwrap_or_default(),
        info.last_use.as_ref().map(|it| it.at.to_string()).unwrap_or_default(),
        info.key.expires_at.map(|it| it.to_string()).unwrap_or_default(),
        view::status(info, visit.app.now()).words,
        info.key.created_at.to_string(),
    ]
    .map(harmless)
}

/// Answers with all keys that the filter finds.
pub(in crate::console) async fn export(
    visit: Visit,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Failure> {
    let (query, _) = ListQuery::read(query.map(|Query(it)| it).unwrap_or_default());
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    let mut after = None;
    for page_number in 1.. {
        let wanted = query.wanted(visit.app.now());
        let request = PageRequest { after, limit: limits::PAGE_ITEMS_MAX };
        let page = page_keys(&visit.app, &visit.caller, visit.organization_id(), wanted, request).await?;
        rows.extend(page.items.iter().map(|it| cells(&visit, it)));
        after = page.next;
        if after.is_none() {
            break;
        }
        if page_number == PAGES_MAX {
            let detail = format!(
                "There are too many keys to look through for one file, which holds at most {KEYS_MAX}. \
                 Narrow the filter, or read the list over the API."
            );
            return Err(Reject::new(RejectCode::LimitReached, detail).into());
        }
    }
    let body = lines(rows).map_err(|error| crate::ops::error::Error::Internal(error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"keys.csv\""),
    ];
    Ok((headers, body).into_response())
}
