//! API Management: who holds an active key, and how an administrator clears the personal one. One page behind two doors.

use std::collections::HashMap;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::key::KeyState;
use claviger_core::limits;
use claviger_core::reject::RejectCode;
use claviger_core::time::Timestamp;
use claviger_store::webhooks::{WebhookFilter, WebhooksOf};

use super::confirm::ConfirmForm;
use super::entrance::held_back;
use super::failure::Failure;
use super::health;
use super::keys::view;
use super::menu::Section;
use super::pages::access::{AskPage, HeldKey, HeldName, HeldWebhooks, HolderPage, HolderView, HoldersPage};
use super::pages::form::FormErrors;
use super::pages::key_list::KeyRowView;
use super::pages::settings::Crumb;
use super::pages::shell::{Notice, Place, Status, Tone};
use super::paging::{Forward, forward, query_string};
use super::visit::Visit;
use super::webhooks::{self, Selected};
use crate::ops::error::Error;
use crate::ops::keys::usage::with_uses_here;
use crate::ops::keys::{
    KeyFilter, KeyInfo, KeyOrder, KeyQuery, KeySort, clear_personal_key, find_possible_holder, get_personal_key,
    list_keys,
};
use crate::ops::page::PageRequest;
use crate::ops::webhooks::{count_webhooks_of_keys, list_webhooks};

/// The last part of the path, behind that of its section.
pub(super) const NAME: &str = "/api-management";
/// What it is called.
pub(super) const TITLE: &str = "API Management";
/// What it needs: who looks at it may clear what is on it.
pub(super) const NEEDS: &[&str] = &["claviger/keys:read", "claviger/keys:delete"];

/// Keys on a page of those who hold them.
const KEYS_PER_PAGE: u32 = 50;
/// Of one person's keys so many are named in the list.
const KEYS_NAMED: usize = 3;

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

/// Lists everybody who holds an active key, and nobody else.
pub(super) async fn show_holders(visit: Visit, query: Query<Forward>, door: Section) -> Result<Response, Failure> {
    let organization_id = authorize(&visit)?;
    let (is_first, request) = query.0.request(KEYS_PER_PAGE);
    let filter = KeyFilter { status: Some(KeyState::Active).into(), ..KeyFilter::default() };
    // By their owners: the keys of one stand beside each other, and those of nobody behind all others.
    let order = KeyOrder { sort: KeySort::Owner, descending: false };
    let query = KeyQuery { order, ..filter.into() };
    let found = list_keys(&visit.app, &visit.caller, organization_id, query, request).await?.page;
    let owned: Vec<_> = found.items.iter().filter(|it| it.key.owner_id.is_some()).collect();
    let is_last = owned.len() < found.items.len();
    let key_ids: Vec<_> = owned.iter().map(|it| it.key.id).collect();
    let webhooks = webhooks_of(&visit, &key_ids).await?;
    let mut rows = Vec::new();
    for keys in owned.chunk_by(|one, other| one.key.owner_id == other.key.owner_id) {
        rows.push(holder_of(&visit, keys, webhooks.as_ref()).await?);
    }
    let page = HoldersPage {
        shell: visit.shell(Place::Settings),
        crumbs: door.crumbs_below(),
        base: base(door).to_owned(),
        shows_webhooks: webhooks.is_some(),
        rows,
        is_first,
        next: forward(found.next.filter(|_| !is_last)),
    };
    Ok(visit.page(&page))
}

/// Somebody with all of their keys on a page: the personal one first.
async fn holder_of(
    visit: &Visit,
    keys: &[&KeyInfo],
    webhooks: Option<&HashMap<KeyId, u64>>,
) -> Result<HolderView, Failure> {
    let now = visit.app.now();
    let first = keys.first().copied().ok_or_else(Failure::not_found)?;
    let mut sorted = keys.to_vec();
    sorted.sort_by_key(|it| !it.key.personal);
    let used = keys.iter().filter_map(|it| it.last_use.as_ref()).max_by_key(|it| it.at);
    let of = |it: &&KeyInfo| webhooks.and_then(|of| of.get(&it.key.id)).copied().unwrap_or_default();
    Ok(HolderView {
        user_id: first.key.owner_id.map(|it| it.to_string()).unwrap_or_default(),
        name: name_in(first),
        keys: sorted.iter().take(KEYS_NAMED).map(|it| held_of(it)).collect(),
        more: sorted.len().saturating_sub(KEYS_NAMED),
        last_use: view::last_use(used),
        webhooks: keys.iter().map(of).sum(),
        health: health_of(visit, keys, now).await?,
    })
}

fn held_of(info: &KeyInfo) -> HeldName {
    HeldName {
        path: format!("/keys/{}", info.key.id),
        name: info.key.name.to_string(),
        hint: info.access_hint.clone().unwrap_or_default(),
    }
}

/// What there is to say of somebody's keys: the most urgent of it, and how much besides.
async fn health_of(visit: &Visit, keys: &[&KeyInfo], now: Timestamp) -> Result<Status, Failure> {
    if let Some(blocked) = keys.iter().find(|it| it.blocked.is_some()) {
        return Ok(view::status(blocked, now));
    }
    let mut lines = Vec::new();
    for key in keys {
        for line in health::lines(visit, key).await? {
            if !lines.contains(&(line.tone, line.label)) {
                lines.push((line.tone, line.label));
            }
        }
    }
    lines.sort_by_key(|it| it.0 != Tone::Warning);
    let status = |tone, words: &str| Status { tone, words: words.to_owned() };
    Ok(match lines.as_slice() {
        [] => status(Tone::Good, "Nothing to review"),
        [(tone, label)] => status(*tone, label),
        [(tone, label), rest @ ..] => status(*tone, &format!("{label}, and {} more", rest.len())),
    })
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

/// The page of somebody's keys and webhooks that an address brings along, as the way back: the crumbs above it, its path and whose it is. Nothing
/// where it is anything else, or not for this reader.
pub(super) async fn way_back(visit: &Visit, from: &str) -> Option<(Vec<Crumb>, String, String)> {
    let of = |door: Section| Some((door, from.strip_prefix(base(door))?.strip_prefix('/')?.parse::<UserId>().ok()?));
    let (door, user_id) = [Section::Security, Section::AdvancedSettings].into_iter().find_map(of)?;
    authorize(visit).ok()?;
    let name = name_of(visit, user_id).await.ok()?;
    Some((below(door), format!("{}/{user_id}", base(door)), name))
}

/// Whose key it is.
fn name_in(info: &KeyInfo) -> String {
    info.owner_name.as_ref().map_or_else(|| info.key.name.to_string(), ToString::to_string)
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
            let hint = info.access_hint.clone().unwrap_or_default();
            (name_in(&info), Some(HeldKey { hint, facts: view::facts(&info, visit.app.now()) }))
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
        others: other_keys(&visit, user_id).await?,
        webhooks: match webhooks::NEEDS.iter().all(|it| visit.may_do(it)) {
            true => Some(listed_webhooks(&visit, user_id).await?),
            false => None,
        },
    };
    Ok(visit.page(&page))
}

/// The active keys of somebody that are not the personal one, each the way to its page: there it is deleted.
async fn other_keys(visit: &Visit, user_id: UserId) -> Result<Vec<KeyRowView>, Failure> {
    let filter = KeyFilter {
        status: Some(KeyState::Active).into(),
        owner_id: Some(user_id),
        personal: Some(false),
        ..KeyFilter::default()
    };
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let found = list_keys(&visit.app, &visit.caller, visit.organization_id(), filter.into(), all).await?.page;
    Ok(found.items.iter().map(|it| view::row(it, visit.app.now())).collect())
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
        // The page of the webhook leads back to this person.
        Some(path) => {
            let from = query_string([("from", format!("{}/{user_id}", base(door)))]);
            Ok(visit.redirect(&format!("{path}?{from}")))
        }
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
        whose: Some(name_in(info)),
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
    clear_personal_key(&visit.app, &visit.caller, visit.organization_id(), user_id).await?;
    Ok(visit.done(base(door), &Notice::KeyCleared(name_in(&info))))
}
