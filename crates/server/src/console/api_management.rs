//! API Management: who holds an active key of their own, and how an administrator clears it. One page behind two doors.

use std::collections::HashMap;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::key::KeyState;
use claviger_core::limits;
use claviger_core::reject::RejectCode;
use claviger_store::webhooks::{WebhookFilter, WebhooksOf};

use super::confirm::ConfirmForm;
use super::entrance::held_back;
use super::failure::Failure;
use super::keys::view;
use super::menu::Section;
use super::pages::access::{AskPage, HeldKey, HeldWebhooks, HolderPage, HolderView, HoldersPage};
use super::pages::form::FormErrors;
use super::pages::settings::Crumb;
use super::pages::shell::{Notice, Place};
use super::paging::{Forward, forward};
use super::visit::Visit;
use super::webhooks::{self, Selected};
use crate::ops::error::Error;
use crate::ops::keys::usage::with_uses_here;
use crate::ops::keys::{KeyFilter, KeyInfo, delete_personal_key, find_possible_holder, get_personal_key, list_keys};
use crate::ops::page::PageRequest;
use crate::ops::webhooks::{count_webhooks_of_keys, list_webhooks};

/// The last part of the path, behind that of its section.
pub(super) const NAME: &str = "/api-management";
/// What it is called.
pub(super) const TITLE: &str = "API Management";
/// What it needs: who looks at it may clear what is on it.
pub(super) const NEEDS: &[&str] = &["claviger/keys:read", "claviger/keys:delete"];

fn authorize(visit: &Visit) -> Result<OrganizationId, Failure> {
    for permission in NEEDS {
        visit.caller.authorize(&visit.app, visit.organization_id(), permission)?;
    }
    Ok(visit.organization_id())
}

/// Its path behind a door, as the menu has it.
fn base(door: Section) -> &'static str {
    let mut paths = door.plan().entries.iter().map(|it| it.path);
    paths.find(|it| it.ends_with(NAME)).expect("each section that the page is routed behind has an entry for it")
}

fn below(door: Section) -> Vec<Crumb> {
    let mut crumbs = door.crumbs_below();
    crumbs.push(Crumb { path: base(door), label: TITLE });
    crumbs
}

/// Lists everybody who holds an active key of their own, and nobody else.
pub(super) async fn show_holders(visit: Visit, query: Query<Forward>, door: Section) -> Result<Response, Failure> {
    let organization_id = authorize(&visit)?;
    let (is_first, request) = query.0.request(limits::PAGE_ITEMS_MAX);
    let filter = KeyFilter { status: Some(KeyState::Active).into(), personal: Some(true), ..KeyFilter::default() };
    let found = list_keys(&visit.app, &visit.caller, organization_id, filter.into(), request).await?.page;
    let key_ids: Vec<_> = found.items.iter().map(|it| it.key.id).collect();
    let webhooks = webhooks_of(&visit, &key_ids).await?;
    let page = HoldersPage {
        shell: visit.shell(Place::Settings),
        crumbs: door.crumbs_below(),
        base: base(door).to_owned(),
        shows_webhooks: webhooks.is_some(),
        rows: found
            .items
            .iter()
            .map(|it| HolderView {
                webhooks: webhooks.as_ref().and_then(|of| of.get(&it.key.id)).copied().unwrap_or_default(),
                ..holder(&visit, it)
            })
            .collect(),
        is_first,
        next: forward(found.next),
    };
    Ok(visit.page(&page))
}

/// How many webhooks hang on each key; absent where the reader may not see any.
async fn webhooks_of(visit: &Visit, key_ids: &[KeyId]) -> Result<Option<HashMap<KeyId, u64>>, Failure> {
    if !webhooks::NEEDS.iter().all(|it| visit.may_do(it)) {
        return Ok(None);
    }
    Ok(Some(count_webhooks_of_keys(&visit.app, &visit.caller, visit.organization_id(), key_ids).await?))
}

/// The page of somebody's keys and webhooks, from another page.
pub(super) fn path_to(user_id: UserId) -> String {
    format!("{}/{user_id}", base(Section::Security))
}

fn holder(visit: &Visit, info: &KeyInfo) -> HolderView {
    let row = view::row(info, visit.app.now());
    HolderView {
        user_id: info.key.owner_id.map(|it| it.to_string()).unwrap_or_default(),
        name: info.owner_name.as_ref().map_or(row.name, ToString::to_string),
        hint: row.hint,
        last_use: row.last_use,
        status: row.status,
        webhooks: 0,
    }
}

async fn find(visit: &Visit, user: &str) -> Result<(UserId, KeyInfo), Failure> {
    let organization_id = authorize(visit)?;
    let user_id: UserId = user.parse().map_err(|_| Failure::not_found())?;
    match get_personal_key(&visit.app, &visit.caller, organization_id, user_id).await.map_err(Error::into_reject) {
        Err(reject) if reject.code == RejectCode::NotFound => Err(Failure::no_key_held()),
        found => Ok((user_id, with_uses_here(&visit.app, found?))),
    }
}

/// Shows a holder's key.
pub(super) async fn show_holder(
    visit: Visit,
    Path((_, user)): Path<(String, String)>,
    door: Section,
) -> Result<Response, Failure> {
    let organization_id = authorize(&visit)?;
    let user_id: UserId = user.parse().map_err(|_| Failure::not_found())?;
    let found = get_personal_key(&visit.app, &visit.caller, organization_id, user_id).await;
    let (name, key) = match found.map_err(Error::into_reject) {
        Ok(info) => {
            let info = with_uses_here(&visit.app, info);
            let held = HeldKey { hint: holder(&visit, &info).hint, facts: view::facts(&info, visit.app.now()) };
            (holder(&visit, &info).name, Some(held))
        }
        // Who is here and holds none still has a page: what else is theirs stands below, and a link that was kept says what became of the key.
        Err(reject) if reject.code == RejectCode::NotFound => (name_of(&visit, user_id).await?, None),
        Err(reject) => return Err(reject.into()),
    };
    let page = HolderPage {
        shell: visit.shell(Place::Settings),
        crumbs: below(door),
        base: base(door).to_owned(),
        user_id: user_id.to_string(),
        name,
        key,
        webhooks: match webhooks::NEEDS.iter().all(|it| visit.may_do(it)) {
            true => Some(listed_webhooks(&visit, user_id).await?),
            false => None,
        },
    };
    Ok(visit.page(&page))
}

/// The webhooks of somebody's keys, newest first, those too that have ended.
async fn listed_webhooks(visit: &Visit, user_id: UserId) -> Result<HeldWebhooks, Failure> {
    let filter = WebhookFilter { of: WebhooksOf::User(user_id), ..WebhookFilter::default() };
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let found = list_webhooks(&visit.app, &visit.caller, Some(visit.organization_id()), filter, all).await?;
    let rows = found.items.iter().map(|it| webhooks::view_of(visit, it)).collect();
    Ok(HeldWebhooks { rows, has_more: found.next.is_some() })
}

/// Goes on to the webhook that was selected.
pub(super) async fn configure(
    visit: Visit,
    Path((_, user)): Path<(String, String)>,
    Query(selected): Query<Selected>,
    door: Section,
) -> Result<Response, Failure> {
    authorize(&visit)?;
    let user_id: UserId = user.parse().map_err(|_| Failure::not_found())?;
    match selected.path() {
        Some(path) => Ok(visit.redirect(&path)),
        None => Ok(visit.done(&format!("{}/{user_id}", base(door)), &Notice::NoWebhookSelected)),
    }
}

/// What somebody is called who holds no key; nobody is told of who is not here.
async fn name_of(visit: &Visit, user_id: UserId) -> Result<String, Failure> {
    let found = find_possible_holder(&visit.app, &visit.caller, visit.organization_id(), user_id).await?;
    Ok(found.ok_or_else(Failure::no_key_held)?.to_string())
}

/// Asks before a key is cleared.
pub(super) async fn show_clear(
    visit: Visit,
    Path((_, user)): Path<(String, String)>,
    door: Section,
) -> Result<Response, Failure> {
    let (user_id, info) = find(&visit, &user).await?;
    Ok(visit.page(&clear_page(&visit, user_id, &info, door, FormErrors::default()).await?))
}

async fn clear_page(
    visit: &Visit,
    user_id: UserId,
    info: &KeyInfo,
    door: Section,
    errors: FormErrors,
) -> Result<AskPage, Failure> {
    let back = format!("{}/{user_id}", base(door));
    Ok(AskPage {
        shell: visit.shell(Place::Settings),
        crumbs: below(door),
        title: "Clear the API key",
        whose: Some(holder(visit, info).name),
        consequence: "Every reference to the key fails at once, and API access is off until this person switches it on again, \
                      which makes another key. The cleared one never comes back.",
        webhooks: webhooks::ending_with(visit, info.key.id).await?,
        last_use: view::facts(info, visit.app.now()).last_use,
        action: format!("{back}/clear"),
        button: "Clear API Key",
        once: String::new(),
        back,
        must_confirm: visit.must_confirm([info]),
        errors,
    })
}

/// Clears a key: revokes it for ever.
pub(super) async fn clear(
    mut visit: Visit,
    Path((_, user)): Path<(String, String)>,
    form: Result<Form<ConfirmForm>, FormRejection>,
    door: Section,
) -> Result<Response, Failure> {
    let (user_id, info) = find(&visit, &user).await?;
    if visit.must_confirm([&info])
        && let Err(unconfirmed) = visit.confirm(form).await?
    {
        let page = clear_page(&visit, user_id, &info, door, unconfirmed.errors).await?;
        return Ok(held_back(visit.page(&page), unconfirmed.wait_secs));
    }
    delete_personal_key(&visit.app, &visit.caller, visit.organization_id(), user_id).await?;
    Ok(visit.done(base(door), &Notice::KeyCleared(holder(&visit, &info).name)))
}
