//! What a form of a key has otherwise than the key, where somebody else was faster; and who has a name already.

use std::collections::BTreeMap;

use claviger_core::api::DEFAULT_API;
use claviger_core::limits;
use claviger_core::name::Name;

use super::choices::{KEEP, NEVER, ON_DATE, end_of_day};
use super::copied::settings;
use super::form::KeyForm;
use crate::console::mark::mark_of;
use crate::console::pages::form::{Choice, entries};
use crate::console::pages::shell::Moment;
use crate::console::visit::Visit;
use crate::ops::keys::{KeyFilter, KeyInfo, KeyQuery, list_keys};
use crate::ops::page::PageRequest;

/// A field that two may have changed: what the form sends it as, what people read, and what stands in it.
type Field = (&'static str, &'static str, String);

/// The fields of a form, its end aside, in the shape in which two of them compare.
fn fields(form: &KeyForm) -> [Field; 10] {
    let text = |it: &Option<String>| it.as_deref().unwrap_or_default().trim().to_owned();
    let lines = |it: &Option<String>| entries(it.as_deref().unwrap_or_default()).join("\n");
    [
        ("name", "Name", form.name.clone()),
        ("description", "Description", form.description.clone()),
        ("role", "Role", text(&form.role)),
        ("mapped_user", "Mapped user", form.mapped_user.clone()),
        ("owner", "Belongs to", form.owner.clone()),
        ("reach", "Reach", form.reach.clone()),
        ("scopes", "Scopes", lines(&form.scopes)),
        ("allowed_ips", "Allowed IPs", lines(&form.allowed_ips)),
        ("rate", "Rate limit", text(&form.rate)),
        ("daily_quota", "Daily quota", text(&form.daily_quota)),
    ]
}

/// Fields that say together what a key may do: two changes of them, each of another one, make a key that neither of the two wanted.
const TOGETHER: [&str; 5] = ["role", "mapped_user", "reach", "scopes", "allowed_ips"];

/// Bytes of the digest by which a field's beginning is known again.
const MARK_BYTES: usize = 6;

/// What stands for a field's beginning. To send each field twice would make some forms longer than a form may be.
fn mark(value: &str) -> String {
    mark_of(value, MARK_BYTES)
}

/// Whether the form speaks of a field at all: a choice that nobody was given is not sent.
fn is_sent(form: &KeyForm, name: &str) -> bool {
    match name {
        "role" => form.role.is_some(),
        "mapped_user" => !form.mapped_user.is_empty(),
        "owner" => !form.owner.is_empty(),
        "reach" => !form.reach.is_empty(),
        "scopes" => form.scopes.is_some(),
        "allowed_ips" => form.allowed_ips.is_some(),
        "rate" => form.rate.is_some(),
        "daily_quota" => form.daily_quota.is_some(),
        _ => true,
    }
}

fn end_of(info: &KeyInfo) -> String {
    info.key.expires_at.map(|it| it.to_string()).unwrap_or_default()
}

/// What a form begins with, for it to bring along: of a key only what it is now is kept in one place, and not what it was.
pub(super) fn beginning(info: &KeyInfo) -> String {
    let now = fields(&settings(info));
    let pairs = now.iter().map(|(name, _, value)| (*name, mark(value)));
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .append_pair("end", &mark(&end_of(info)))
        .finish()
}

/// Takes into a form that is older than the key what somebody else has changed since and this one has not, and says what both have, by its
/// label; nothing where the form does not say what it began with.
pub(super) fn merge(form: &mut KeyForm, info: &KeyInfo) -> Option<Vec<&'static str>> {
    let began: BTreeMap<String, String> = form_urlencoded::parse(form.began.as_bytes()).into_owned().collect();
    let now = settings(info);
    let mut collisions = Vec::new();
    let pairs: Vec<(Field, Field)> = fields(form).into_iter().zip(fields(&now)).collect();
    let pairs: Vec<_> = pairs.into_iter().filter(|((name, ..), _)| is_sent(form, name)).collect();
    let (mut mine_changed, mut theirs_changed) = (false, false);
    for ((name, _, mine), (.., theirs)) in pairs.iter().filter(|((name, ..), _)| TOGETHER.contains(name)) {
        let before = began.get(*name)?;
        mine_changed |= mark(mine) != *before;
        theirs_changed |= mark(theirs) != *before;
    }
    for ((name, label, mine), (.., theirs)) in &pairs {
        let before = began.get(*name)?;
        let is_torn = TOGETHER.contains(name) && mine_changed && theirs_changed;
        if mine == theirs || (mark(theirs) == *before && !is_torn) {
            continue;
        }
        if mark(mine) == *before && !is_torn { take(form, name, &now) } else { collisions.push(*label) }
    }
    if !matches!(form.expires.as_str(), KEEP | "") && *began.get("end")? != mark(&end_of(info)) {
        collisions.push("Expires");
    }
    Some(collisions)
}

fn take(form: &mut KeyForm, name: &str, now: &KeyForm) {
    let text = |it: &Option<String>| Some(it.clone().unwrap_or_default());
    match name {
        "name" => form.name.clone_from(&now.name),
        "description" => form.description.clone_from(&now.description),
        "role" => form.role.clone_from(&now.role),
        "mapped_user" => form.mapped_user.clone_from(&now.mapped_user),
        "owner" => form.owner.clone_from(&now.owner),
        "reach" => form.reach.clone_from(&now.reach),
        "scopes" => form.scopes = text(&now.scopes),
        "allowed_ips" => form.allowed_ips = text(&now.allowed_ips),
        "rate" => form.rate = text(&now.rate),
        _ => form.daily_quota = text(&now.daily_quota),
    }
}

/// Each field of the form with what stands in it and what the key is set to. Of a choice its label is said, which one of the lists has.
pub(super) fn differences(
    info: &KeyInfo,
    form: &KeyForm,
    [roles, mapped_users, owners]: [&[Choice]; 3],
) -> Vec<(&'static str, String, String)> {
    let now = settings(info);
    let label = |choices: &[Choice], value: &str| {
        choices.iter().find(|it| it.value == value).map_or_else(|| value.to_owned(), |it| it.label.clone())
    };
    let end = info.key.expires_at.map_or_else(|| "Never".to_owned(), |it| Moment::until(it).text);
    let wanted_end = match form.expires.as_str() {
        KEEP | "" => end.clone(),
        NEVER => "Never".to_owned(),
        ON_DATE => end_of_day(&form.expires_on).map_or_else(|| form.expires_on.clone(), |it| Moment::until(it).text),
        days => format!("In {days} days"),
    };
    // What was not sent is not asked for.
    let list = |sent: Option<&String>, now: Option<&String>| {
        let lines = |it: Option<&String>| it.map(|it| entries(it).join(", ")).unwrap_or_default();
        (lines(sent.or(now)), lines(now))
    };
    let (scopes, scopes_now) = list(form.scopes.as_ref(), now.scopes.as_ref());
    let (ips, ips_now) = list(form.allowed_ips.as_ref(), now.allowed_ips.as_ref());
    let (rate, rate_now) = list(form.rate.as_ref(), now.rate.as_ref());
    let (quota, quota_now) = list(form.daily_quota.as_ref(), now.daily_quota.as_ref());
    let chosen = |sent: &str, now: &str, choices: &[Choice]| {
        let wanted = if sent.is_empty() { now } else { sent };
        (label(choices, wanted), label(choices, now))
    };
    let role_now = now.role.clone().unwrap_or_default();
    let role = label(roles, form.role.as_deref().unwrap_or(&role_now));
    let (user, user_now) = chosen(&form.mapped_user, &now.mapped_user, mapped_users);
    let (owner, owner_now) = chosen(&form.owner, &now.owner, owners);
    let reach = if form.reach.is_empty() { now.reach.clone() } else { form.reach.clone() };
    vec![
        ("Name", form.name.clone(), now.name),
        ("Description", form.description.clone(), now.description),
        ("Role", role, label(roles, &role_now)),
        ("Expires", wanted_end, end),
        ("Mapped user", user, user_now),
        ("Belongs to", owner, owner_now),
        ("Reach", reach, now.reach),
        ("Scopes", scopes, scopes_now),
        ("Allowed IPs", ips, ips_now),
        ("Rate limit", rate, rate_now),
        ("Daily quota", quota, quota_now),
    ]
}

/// The live key that has a name, by id, where the viewer may see it.
pub(super) async fn holder_of_name(visit: &Visit, name: &str, api: &str) -> Option<String> {
    let name = Name::parse(name).ok()?.key();
    let filter = KeyFilter { search: Some(name.as_str().to_owned()), ..KeyFilter::default() };
    let query = KeyQuery { api: api.parse().ok(), ..filter.into() };
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let found = list_keys(&visit.app, &visit.caller, visit.organization_id(), query, all).await.ok()?;
    // Each type has names of its own, and the form that names none is for one of them.
    let is_of_type = |it: &KeyInfo| !api.is_empty() || it.api.as_str() == DEFAULT_API;
    found.page.items.iter().find(|it| it.key.name.key() == name && is_of_type(it)).map(|it| it.key.id.to_string())
}
