//! The list of keys as CSV: what the filter finds, page by page, without any secret; of an agency with what it finds in the organizations below.

use std::collections::BTreeSet;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse, Response};
use claviger_core::id::OrganizationId;
use claviger_core::limits;
use claviger_core::reject::{Reject, RejectCode};
use http::header;

use super::list::{ListQuery, is_about_sort};
use super::view;
use crate::console::failure::Failure;
use crate::console::visit::Visit;
use crate::ops::error::{Error, OpResult};
use crate::ops::keys::{KeyInfo, KeyOrder, KeyQuery, page_keys_from_above};
use crate::ops::organizations::{OrganizationQuery, list_organizations};
use crate::ops::page::PageRequest;
use crate::spreadsheet::{harmless, lines};

/// Pages of keys that are read for one file, full or not: a filter that finds little looks at as many keys as one that finds all. Whoever has
/// more narrows the filter.
const PAGES_MAX: usize = 100;
/// Keys in one file.
const KEYS_MAX: usize = PAGES_MAX * limits::PAGE_ITEMS_MAX as usize;
/// Organizations below whose keys are looked for: each costs a question, also where it has none.
const ORGANIZATIONS_MAX: usize = 1_000;

const COLUMNS: [&str; 13] = [
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
    "organization",
];

fn cells(visit: &Visit, organization: &str, info: &KeyInfo) -> [String; 13] {
    let name = |it: Option<&claviger_core::name::Name>| it.map(ToString::to_string).unwrap_or_default();
    [
        info.key.id.to_string(),
        info.key.name.to_string(),
        info.key.description.to_string(),
        view::type_label(info.api.as_str()),
        view::role_of(info),
        name(info.mapped_user_name.as_ref()),
        name(info.owner_name.as_ref()),
        info.access_key.clone().unwrap_or_default(),
        info.last_use.as_ref().map(|it| it.at.to_string()).unwrap_or_default(),
        info.key.expires_at.map(|it| it.to_string()).unwrap_or_default(),
        view::status(info, visit.app.now()).words,
        info.key.created_at.to_string(),
        organization.to_owned(),
    ]
    .map(harmless)
}

/// The lines of a file, and how many pages of keys were read that others followed.
struct File<'a> {
    visit: &'a Visit,
    rows: Vec<[String; 13]>,
    pages: usize,
}

impl File<'_> {
    /// Adds the keys of an organization that the query finds, and says whether there are any.
    async fn add(&mut self, id: OrganizationId, name: &str, query: &ListQuery) -> OpResult<bool> {
        let visit = self.visit;
        let before = self.rows.len();
        let (mut after, mut order) = (None, None);
        loop {
            let wanted = query.wanted(visit.app.now());
            let wanted = KeyQuery { order: order.unwrap_or(wanted.order), ..wanted };
            let request = PageRequest { after: after.clone(), limit: limits::PAGE_ITEMS_MAX };
            let page = match page_keys_from_above(&visit.app, &visit.caller, id, wanted, request).await {
                // As in the list: where they are too many to sort like that, the newest stand first.
                Err(Error::Reject(reject)) if order.is_none() && is_about_sort(&reject) => {
                    order = Some(KeyOrder::default());
                    continue;
                }
                page => page?,
            };
            self.pages += usize::from(page.next.is_some());
            self.rows.extend(page.items.iter().map(|it| cells(visit, name, it)));
            after = page.next;
            if self.pages >= PAGES_MAX || self.rows.len() > KEYS_MAX + 1 {
                return Err(too_many().into());
            }
            if after.is_none() {
                return Ok(self.rows.len() > before);
            }
        }
    }
}

fn too_many() -> Reject {
    let detail = format!(
        "There are too many keys to look through for one file, which holds at most {KEYS_MAX}. \
         Narrow the filter, or read the list over the API."
    );
    Reject::new(RejectCode::LimitReached, detail)
}

fn too_many_places() -> Reject {
    let detail = format!(
        "There are more than {ORGANIZATIONS_MAX} organizations below, too many to go through for one file. \
         Take the file of one of them, or read the lists over the API."
    );
    Reject::new(RejectCode::LimitReached, detail)
}

/// The organizations below that the viewer may list, by name; none where there are none to list. With a search, those that are called like it.
async fn below(visit: &Visit, search: Option<&str>) -> OpResult<Vec<(OrganizationId, String)>> {
    let here = visit.organization_id();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let query = OrganizationQuery { is_children_only: false, search: search.map(str::to_owned) };
        let request = PageRequest { after, limit: limits::PAGE_ITEMS_MAX };
        let page = match list_organizations(&visit.app, &visit.caller, here, query, request).await {
            Err(Error::Reject(_)) => return Ok(Vec::new()),
            page => page?,
        };
        all.extend(page.items.into_iter().filter(|it| it.id != here).map(|it| (it.id, it.name.to_string())));
        if all.len() > ORGANIZATIONS_MAX {
            return Err(too_many_places().into());
        }
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Answers with all keys that the filter finds: those of the organization, and behind them those of the organizations below as the list shows
/// them, which is all of them of one that is called like what is searched for.
pub(in crate::console) async fn export(
    visit: Visit,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, Failure> {
    let (query, _) = ListQuery::read(query.map(|Query(it)| it).unwrap_or_default());
    let mut file = File { visit: &visit, rows: vec![COLUMNS.map(str::to_owned)], pages: 0 };
    file.add(visit.organization_id(), visit.organization.name.as_str(), &query).await?;
    let named: BTreeSet<_> = match query.search() {
        Some(search) => below(&visit, Some(search)).await?.into_iter().map(|it| it.0).collect(),
        None => BTreeSet::new(),
    };
    for (id, name) in below(&visit, None).await? {
        let found = match file.add(id, &name, &query).await {
            Ok(false) if named.contains(&id) => file.add(id, &name, &query.without_search()).await,
            found => found,
        };
        match found {
            Ok(_) => {}
            Err(Error::Reject(reject)) if reject.code == RejectCode::LimitReached => {
                return Err(Error::Reject(reject).into());
            }
            // A nearer membership allows less there.
            Err(Error::Reject(_)) => {}
            Err(fault) => return Err(fault.into()),
        }
    }
    let body = lines(file.rows).map_err(|error| Error::Internal(error.to_string()))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"keys.csv\""),
    ];
    Ok((headers, body).into_response())
}
