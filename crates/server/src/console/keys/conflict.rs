//! What a form of a key has otherwise than the key, where somebody else was faster; and who has a name already.

use claviger_core::limits;
use claviger_core::name::Name;

use super::choices::{KEEP, NEVER, ON_DATE, end_of_day};
use super::copied::settings;
use super::form::KeyForm;
use crate::console::pages::form::{Choice, entries};
use crate::console::pages::shell::Moment;
use crate::console::visit::Visit;
use crate::ops::keys::{KeyFilter, KeyInfo, KeyQuery, list_keys};
use crate::ops::page::PageRequest;

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
    found.page.items.iter().find(|it| it.key.name.key() == name).map(|it| it.key.id.to_string())
}
