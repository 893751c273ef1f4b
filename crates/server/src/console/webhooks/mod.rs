//! Webhooks: all of the organization's, each with its deliveries; pause and play, change, sign anew, end.

mod deliveries;
mod form;
pub(super) mod view;

use std::time::Duration;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::decision::{Code, Reach};
use claviger_core::id::{KeyId, WebhookId};
use claviger_core::limits;
use claviger_core::policy::HooksOnRegenerate;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::SecretState;
use claviger_core::webhook::delivery::DeliveryState;
use claviger_core::webhook::{Webhook, WebhookStatus};
use claviger_store::webhooks::{WebhookFilter, WebhooksOf};
use serde::Deserialize;

use super::api_management;
use super::failure::Failure;
use super::menu::Section;
use super::pages::form::{Choice, FormErrors};
use super::pages::settings::Crumb;
use super::pages::shell::{Moment, Notice, Place};
use super::pages::webhooks::{WebhookPage, WebhookQuestion, WebhookQuestionPage, WebhookRights, WebhooksPage};
use super::paging::{Pages, query_string};
use super::visit::Visit;
use crate::ops::error::Error;
use crate::ops::keys::get_personal_key;
use crate::ops::page::PageRequest;
use crate::ops::webhooks::{
    WebhookInfo, WebhookPatch, delete_webhook, get_webhook, list_deliveries, list_webhooks, update_webhook,
};

pub(super) use deliveries::{recover, resend, send_test, show_delivery};
pub(super) use form::{create, edit, rotate, show_edit, show_new, show_rotate};
pub(super) use view::webhook as view_of;

/// Where the list stands within the organization.
pub(super) const PATH: &str = "/integrations/webhooks";
/// What it is called.
pub(super) const TITLE: &str = "Webhooks";
/// What it needs.
pub(super) const NEEDS: &[&str] = &["claviger/webhooks:read"];

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A webhook's own page, within the organization.
pub(super) fn path_of(id: WebhookId) -> String {
    format!("/webhooks/{id}")
}

/// What the addresses of these lists say.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Narrowed {
    status: String,
    state: String,
    after: String,
    trail: String,
    at: String,
    rows: String,
    /// The page of a person's webhooks that the reader came from.
    from: String,
}

impl Narrowed {
    fn pages(&self) -> Pages {
        Pages::read(&self.after, &self.trail, &self.at, &self.rows)
    }
}

/// What somebody wants to see of a list: nothing said is everything, and what there is not is no page. Everything in its place would be taken for it.
fn wanted<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Failure> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some).ok_or_else(Failure::not_found) }
}

/// What of the query string stays from one page to the next.
fn narrowed(name: &'static str, value: Option<&str>) -> Vec<(&'static str, String)> {
    value.map(|it| (name, it.to_owned())).into_iter().collect()
}

/// Lists all webhooks of the organization.
pub(super) async fn show_webhooks(
    visit: Visit,
    query: Result<Query<Narrowed>, QueryRejection>,
) -> Result<Response, Failure> {
    let organization_id = visit.organization_id();
    for permission in NEEDS {
        visit.caller.authorize(&visit.app, organization_id, permission)?;
    }
    let Query(query) = query.map_err(|_| Failure::not_found())?;
    let status = wanted(&query.status, WebhookStatus::parse)?;
    let pages = query.pages();
    let filter = WebhookFilter { status, ..WebhookFilter::default() };
    let found = list_webhooks(&visit.app, &visit.caller, Some(organization_id), filter, pages.request()).await?;
    let chosen = status.map(WebhookStatus::as_str);
    let all = Choice::new("", "Any", chosen.is_none());
    let states = WebhookStatus::ALL
        .iter()
        .map(|it| Choice::new(it.as_str(), view::status_words(*it), chosen == Some(it.as_str())));
    let page = WebhooksPage {
        shell: visit.shell(Place::Webhooks),
        crumbs: Section::Integrations.crumbs_below(),
        tabs: Section::Integrations.tabs(&visit),
        rows: found.items.iter().map(|it| view::webhook(&visit, it)).collect(),
        states: [all].into_iter().chain(states).collect(),
        filtered: status.is_some(),
        may: rights(&visit, None),
        is_first: pages.is_first(),
        pager: pages.pager(&narrowed("status", chosen), found.items.len(), found.next.as_ref()),
    };
    Ok(visit.page(&page))
}

/// What the reader may do: to any of the organization's, or to this one where it is the reader's own.
fn rights(visit: &Visit, info: Option<&WebhookInfo>) -> WebhookRights {
    let is_own = info.is_some_and(|it| view::is_own(visit, it));
    let may = |action: &str| {
        visit.may_do(&format!("claviger/webhooks:{action}"))
            || is_own && visit.may_do(&format!("claviger/own-webhooks:{action}"))
    };
    WebhookRights { create: visit.may_do("claviger/webhooks:create"), update: may("update"), delete: may("delete") }
}

async fn find(visit: &Visit, id: &str) -> Result<WebhookInfo, Failure> {
    let id: WebhookId = id.parse().map_err(|_| Failure::not_found())?;
    let info = get_webhook(&visit.app, &visit.caller, id).await?;
    // Its page stands in its own organization and in no other.
    if info.row.webhook.organization_id == visit.organization_id() { Ok(info) } else { Err(Failure::not_found()) }
}

/// Whether it is sent nothing any more, for ever.
fn has_ended(info: &WebhookInfo) -> bool {
    matches!(info.row.webhook.status, WebhookStatus::Gone | WebhookStatus::OffByKey)
}

/// The way to a webhook: by the list of all, for whoever may see that; else by the reader's own key.
fn crumbs(visit: &Visit) -> Vec<Crumb> {
    if NEEDS.iter().all(|it| visit.may_do(it)) {
        let mut crumbs = Section::Integrations.crumbs_below();
        crumbs.push(Crumb { path: PATH, label: TITLE });
        return crumbs;
    }
    let mut crumbs = Section::Profile.crumbs_below();
    crumbs.push(Crumb { path: "/profile/api-access", label: "API Access" });
    crumbs
}

/// Whoever holds the personal key that a webhook hangs on, where the reader manages such keys: the page of their webhooks. It is linked from what is
/// said of the key: the way here is that of the menu, from wherever somebody came.
async fn holder(visit: &Visit, webhook: &Webhook, info: &WebhookInfo) -> Option<(String, String)> {
    let (owner_id, key_id) = (info.row.owner_id?, webhook.key_id?);
    if !api_management::NEEDS.iter().all(|it| visit.may_do(it)) {
        return None;
    }
    let personal = get_personal_key(&visit.app, &visit.caller, visit.organization_id(), owner_id).await.ok()?;
    if personal.key.id != key_id {
        return None;
    }
    let name = personal.owner_name.map_or_else(|| owner_id.to_string(), |it| it.to_string());
    Some((api_management::path_to(owner_id), name))
}

/// Shows a webhook with its deliveries.
pub(super) async fn show_webhook(
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
    query: Result<Query<Narrowed>, QueryRejection>,
) -> Result<Response, Failure> {
    let info = find(&visit, &id).await?;
    let Query(query) = query.map_err(|_| Failure::not_found())?;
    let week = visit.app.now().saturating_sub(WEEK);
    let since = week.to_string().chars().take("2026-11-01T10:00".len()).collect();
    Ok(visit.page(&webhook_page(&visit, &info, &query, since, FormErrors::default()).await?))
}

async fn webhook_page(
    visit: &Visit,
    info: &WebhookInfo,
    query: &Narrowed,
    since: String,
    errors: FormErrors,
) -> Result<WebhookPage, Failure> {
    let webhook = &info.row.webhook;
    let state = wanted(&query.state, DeliveryState::parse)?;
    let pages = query.pages();
    let found = list_deliveries(&visit.app, &visit.caller, webhook.id, state, pages.request()).await?;
    let last = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let last = list_deliveries(&visit.app, &visit.caller, webhook.id, None, last).await?;
    let chosen = state.map(DeliveryState::as_str);
    let all = Choice::new("", "Any", chosen.is_none());
    let states = DeliveryState::ALL
        .iter()
        .map(|it| Choice::new(it.as_str(), view::state_words(*it), chosen == Some(it.as_str())));
    let current = info.secrets.iter().find(|it| it.state == SecretState::Current);
    let old = info.secrets.iter().filter_map(|it| match it.state {
        SecretState::Retiring { until } => Some(Moment::new(until)),
        SecretState::Current | SecretState::Dead => None,
    });
    let (crumbs, person) = match api_management::way_back(visit, &query.from).await {
        Some((crumbs, path, name)) => (crumbs, Some((path, name))),
        None => (crumbs(visit), None),
    };
    let mut kept = narrowed("state", chosen);
    kept.extend(person.as_ref().map(|it| ("from", it.0.clone())));
    Ok(WebhookPage {
        shell: visit.shell(Place::Webhooks),
        crumbs,
        person,
        holder: holder(visit, webhook, info).await,
        webhook: view::webhook(visit, info),
        is_subtree: webhook.reach == Reach::Subtree,
        created: Moment::new(webhook.created_at),
        failures: view::failures(&last.items),
        failing_since: webhook.failing_since.map(Moment::new),
        secret_made: current.map(|it| Moment::new(it.created_at)),
        old_secrets: old.collect(),
        is_on: webhook.is_sent(),
        is_deaf: info.deafened_by().is_some(),
        is_playable: matches!(webhook.status, WebhookStatus::Paused | WebhookStatus::DisabledFailing),
        has_ended: has_ended(info),
        may: rights(visit, Some(info)),
        deliveries: found.items.iter().map(|it| view::delivery(&it.row)).collect(),
        states: [all].into_iter().chain(states).collect(),
        filtered: state.is_some(),
        since,
        errors,
        is_first: pages.is_first(),
        pager: pages.pager(&kept, found.items.len(), found.next.as_ref()),
    })
}

async fn switch(visit: Visit, id: &str, query: &Narrowed, active: bool) -> Result<Response, Failure> {
    let info = find(&visit, id).await?;
    let patch = WebhookPatch { active: Some(active), ..WebhookPatch::default() };
    update_webhook(&visit.app, &visit.caller, info.row.webhook.id, patch).await?;
    let notice = if active { Notice::WebhookPlayed } else { Notice::WebhookPaused };
    let path = path_of(info.row.webhook.id);
    Ok(match api_management::way_back(&visit, &query.from).await {
        Some((_, from, _)) => visit.done(&format!("{path}?{}", query_string([("from", from)])), &notice),
        None => visit.done(&path, &notice),
    })
}

/// Pauses a webhook: what happens from now on it never learns.
pub(super) async fn pause(
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
    query: Query<Narrowed>,
) -> Result<Response, Failure> {
    switch(visit, &id, &query.0, false).await
}

/// Lets the same webhook go on.
pub(super) async fn play(
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
    query: Query<Narrowed>,
) -> Result<Response, Failure> {
    switch(visit, &id, &query.0, true).await
}

/// Asks before a webhook is deleted.
pub(super) async fn show_delete(visit: Visit, Path((_, id)): Path<(String, String)>) -> Result<Response, Failure> {
    let info = find(&visit, &id).await?;
    if !rights(&visit, Some(&info)).delete {
        return Err(Reject::from(Code::InsufficientPermission).into());
    }
    let page = WebhookQuestionPage {
        shell: visit.shell(Place::Webhooks),
        crumbs: crumbs(&visit),
        webhook: view::webhook(&visit, &info),
        is_told: info.row.webhook.key_id.is_some() && !has_ended(&info),
        question: WebhookQuestion::Delete,
        errors: FormErrors::default(),
    };
    Ok(visit.page(&page))
}

/// Deletes a webhook.
pub(super) async fn delete(visit: Visit, Path((_, id)): Path<(String, String)>) -> Result<Response, Failure> {
    let info = find(&visit, &id).await?;
    let back = crumbs(&visit).last().map_or("/settings", |it| it.path);
    delete_webhook(&visit.app, &visit.caller, info.row.webhook.id).await?;
    Ok(visit.done(back, &Notice::WebhookDeleted))
}

/// A row that somebody selects, as the form sends it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Selected {
    webhook: String,
}

impl Selected {
    /// The page of the selected one; none where none is.
    pub(super) fn path(&self) -> Option<String> {
        self.webhook.parse().ok().map(path_of)
    }
}

/// A form that could not be read.
fn readable<T>(form: Result<Form<T>, FormRejection>) -> Result<T, Failure> {
    form.map(|Form(it)| it).map_err(|_| Failure::bad_form())
}

/// The webhooks of a key, newest first; none where the reader may see none.
pub(super) async fn of_key(visit: &Visit, key_id: KeyId) -> Result<Vec<WebhookInfo>, Failure> {
    let filter = WebhookFilter { of: WebhooksOf::Key(key_id), ..WebhookFilter::default() };
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let place = Some(visit.organization_id());
    match list_webhooks(&visit.app, &visit.caller, place, filter, all).await.map_err(Error::into_reject) {
        Ok(found) => Ok(found.items.into_iter().filter(|it| it.row.webhook.key_id == Some(key_id)).collect()),
        Err(reject) if reject.code == RejectCode::Decision(Code::InsufficientPermission) => Ok(Vec::new()),
        Err(reject) => Err(reject.into()),
    }
}

/// What is to be said of the webhooks of a key that is about to end, where it has any and the reader may know.
pub(super) async fn ending_with(visit: &Visit, key_id: KeyId) -> Result<Option<String>, Failure> {
    let found = of_key(visit, key_id).await?;
    Ok(match found.iter().filter(|it| !has_ended(it)).count() {
        0 => None,
        1 => Some("One webhook ends with it, and its receiver is told.".to_owned()),
        many => Some(format!("{many} webhooks end with it, and their receivers are told.")),
    })
}

/// The same of a key that is about to get another secret, where policy pauses its webhooks then.
pub(super) async fn pausing_with(visit: &Visit, key_id: KeyId) -> Result<Option<String>, Failure> {
    let policy = visit.app.replica().policy(visit.organization_id());
    if policy.is_some_and(|it| it.hooks_on_regenerate == HooksOnRegenerate::Keep) {
        return Ok(None);
    }
    let found = of_key(visit, key_id).await?;
    Ok(match found.iter().filter(|it| it.row.webhook.is_sent()).count() {
        0 => None,
        1 => Some("One webhook of it is paused until somebody plays it again.".to_owned()),
        many => Some(format!("{many} webhooks of it are paused until somebody plays them again.")),
    })
}
