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
use crate::ops::keys::{KeyInfo, list_keys};
use crate::ops::page::PageRequest;
use crate::spreadsheet::{harmless, lines};

/// Keys in one file: as many as are held in memory for an answer. Whoever has more narrows the filter.
const KEYS_MAX: usize = 10_000;

const COLUMNS: [&str; 11] = [
    "id",
    "name",
    "description",
    "type",
    "role",
    "mapped_user",
    "owner",
    "last_login",
    "expires_at",
    "status",
    "created_at",
];

fn cells(visit: &Visit, info: &KeyInfo) -> [String; 11] {
    let name = |it: Option<&claviger_core::name::Name>| it.map(ToString::to_string).unwrap_or_default();
    [
        info.key.id.to_string(),
        info.key.name.to_string(),
        info.key.description.to_string(),
        info.api.to_string(),
        name(info.role_name.as_ref()),
        name(info.mapped_user_name.as_ref()),
        name(info.owner_name.as_ref()),
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
    loop {
        let wanted = query.wanted(visit.app.now());
        let request = PageRequest { after, limit: limits::PAGE_ITEMS_MAX };
        let page = list_keys(&visit.app, &visit.caller, visit.organization_id(), wanted, request).await?.page;
        rows.extend(page.items.iter().map(|it| cells(&visit, it)));
        after = page.next;
        if after.is_none() {
            break;
        }
        if rows.len() > KEYS_MAX {
            let detail =
                format!("A file holds at most {KEYS_MAX} keys. Narrow the filter, or read the list over the API.");
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
