//! Key health: what somebody should look at, and what to do about it.

use std::borrow::Cow;

use axum::response::Response;
use claviger_core::decision::Code;
use claviger_core::limits::KEYS_REVIEWED_BELOW_MAX;

use super::failure::Failure;
use super::keys::locations::LOOKED_THROUGH_MAX;
use super::keys::rights::rights_to;
use super::keys::view::total;
use super::pages::health::{HealthBelow, HealthCard, HealthLine, HealthPage, HealthPlace};
use super::pages::shell::{Place, Tone};
use super::visit::Visit;
use crate::ops::error::Error;
use crate::ops::keys::{
    KeyFilter, KeyHealth, KeyInfo, KeyQuery, PlaceToReview, ReviewBelow, count_keys, get_key_health, review_below,
};

/// What is said of a rule: its name, why it counts, what to do about a key, and where that is done (within the key's page).
struct Words {
    label: &'static str,
    why: &'static str,
    proposal: &'static str,
    way: Option<(&'static str, &'static str)>,
}

fn words(rule: KeyHealth) -> Words {
    let words = |label, why, proposal, way| Words { label, why, proposal, way };
    const EXTEND: Option<(&str, &str)> = Some(("/edit", "Edit the key"));
    match rule {
        KeyHealth::ToReview => words("To review", "What asks for something to be done soon.", "Look at it.", None),
        KeyHealth::EndsInADay => words(
            "Expires within a day",
            "What calls with it fails then.",
            "Extend it, or put another key in its place.",
            EXTEND,
        ),
        KeyHealth::EndsInAWeek => words(
            "Expires within 7 days",
            "What calls with it fails then.",
            "Extend it, or put another key in its place.",
            EXTEND,
        ),
        KeyHealth::EndsInAMonth => words(
            "Expires within 30 days",
            "Time to tell whoever uses it.",
            "Extend it, or plan its replacement.",
            EXTEND,
        ),
        KeyHealth::OldSecretUsed => words(
            "Old secret still used",
            "It was rotated, and something calls with the old secret, which soon stops.",
            "Put the new secret where the old one is used; the table of secrets says from which address.",
            None,
        ),
        KeyHealth::NobodyAnswers => words(
            "Nobody answers for it",
            "It belongs to nobody and acts as nobody who is here, or its owner or mapped user is disabled.",
            "Choose as “Belongs to” and mapped user people who are here, or delete it.",
            EXTEND,
        ),
        KeyHealth::NeverUsed => words(
            "Never used in 30 days",
            "Made more than 30 days ago, and nothing has called with it.",
            "Delete it if nobody misses it; another one is made in a minute.",
            Some(("/delete", "Delete the key")),
        ),
        KeyHealth::Idle => words(
            "Not used for 90 days",
            "Once used, and not any more: what used it may be gone.",
            "Deactivate it, and delete it if nothing fails.",
            Some(("/delete", "Delete the key")),
        ),
        KeyHealth::OftenRefused => words(
            "Often refused today",
            "Ten or more of its requests in the last 24 hours, and more than one in ten, were refused: what calls with it does not do its work.",
            "The requests that were refused stand on the key’s page with the reason: give it what it lacks, or stop what calls.",
            None,
        ),
        KeyHealth::ManyAddresses => words(
            "Refused from many addresses",
            "In the last 24 hours requests with it were refused from five addresses or more: its secret may be in more hands than you know.",
            "The key’s page says from where. Where one is strange, report the leak; where they are yours, allow only those.",
            None,
        ),
        KeyHealth::NoExpiry => {
            words("Never expires", "A secret that leaks stays good until somebody notices.", "Give it an end.", EXTEND)
        }
        KeyHealth::Old => words(
            "Older than a year",
            "Its secret has had a long time to spread.",
            "Rotate it: both secrets work while you change it over.",
            Some(("/rotate", "Rotate the key")),
        ),
        KeyHealth::AnyAddress => words(
            "Works from every address",
            "Whoever has its secret can use it from anywhere.",
            "Where its callers have fixed addresses, allow only those.",
            EXTEND,
        ),
    }
}

fn is_urgent(rule: KeyHealth) -> bool {
    rule == KeyHealth::EndsInADay || KeyHealth::URGENT.contains(&rule)
}

/// What the filter of the list is called where it is narrowed to a rule.
pub(super) fn label(rule: KeyHealth) -> &'static str {
    words(rule).label
}

/// What is said of keys that are blocked, and of one: by what, and what to do about it. The list has them by their status, since no rule that
/// the database knows finds them.
const BLOCKED: Words = Words {
    label: "Blocked",
    why: "Active, and refused all the same: what it hangs on lets none of its requests pass.",
    proposal: "Give back what it lacks, or delete it.",
    way: None,
};

const fn unblock(by: Code) -> &'static str {
    match by {
        Code::ApiAccessDenied => "Allow API access for its owner’s role (User Roles, Misc), or delete it.",
        Code::UserInactive => "Enable its mapped user, or map it to somebody who is here.",
        Code::OrganizationSuspended => "None of its keys works until the organization is resumed.",
        _ => "Map it to somebody who may do something here, or give that user back a role.",
    }
}

/// How many keys a rule is about.
async fn count(visit: &Visit, rule: KeyHealth) -> Result<(bool, String), Failure> {
    let filter = KeyFilter { health: Some(rule), ..KeyFilter::default() };
    let found = count_keys(&visit.app, &visit.caller, visit.organization_id(), filter.into()).await?;
    Ok((found.count > 0 || !found.is_exact, total(found)))
}

/// How many keys there are to review, in words; nothing where there are none, or nothing may be known of keys.
pub(super) async fn to_review(visit: &Visit) -> Option<String> {
    count(visit, KeyHealth::ToReview).await.ok().filter(|it| it.0).map(|it| it.1)
}

/// The same, and how many of those live, as a page has to say that counts live keys beside: a key that is blocked or switched off is to be
/// reviewed all the same. The second is nothing where all of them live.
pub(super) async fn to_review_and_live(visit: &Visit) -> (Option<String>, Option<String>) {
    let filter = KeyFilter { health: Some(KeyHealth::ToReview), ..KeyFilter::default() };
    let live = KeyQuery { blocked: Some(false), ..KeyQuery::from(filter.clone()) };
    let (app, caller, here) = (&visit.app, &visit.caller, visit.organization_id());
    let Ok(all) = count_keys(app, caller, here, filter.into()).await else { return (None, None) };
    if all.count == 0 && all.is_exact {
        return (None, None);
    }
    let live = count_keys(app, caller, here, live).await.ok().filter(|it| it.count != all.count);
    (Some(total(all)), live.map(total))
}

/// The organizations below with keys to review, by name; nothing where the reader may look at none.
async fn below(visit: &Visit) -> Result<Option<HealthBelow>, Failure> {
    let (app, caller, here) = (&visit.app, &visit.caller, visit.organization_id());
    let found = match review_below(app, caller, here, LOOKED_THROUGH_MAX, KEYS_REVIEWED_BELOW_MAX).await {
        Ok(found) => found,
        Err(Error::Reject(_)) => return Ok(None),
        Err(fault) => return Err(fault.into()),
    };
    Ok(found.map(|ReviewBelow { places, looked_at, is_whole, sees_all }| {
        let place = |it: PlaceToReview| HealthPlace {
            name: it.name.to_string(),
            slug: it.slug.to_string(),
            keys: total(it.keys),
        };
        let only_first = (!is_whole).then_some(looked_at);
        HealthBelow { places: places.into_iter().map(place).collect(), only_first, sees_all }
    }))
}

/// The rules, each with how many keys it is about. The list of keys looks at so many of them and no more, and so do the counts.
pub(super) async fn show_health(visit: Visit) -> Result<Response, Failure> {
    let (mut urgent, mut known) = (Vec::new(), Vec::new());
    let may_change = visit.may("update") || visit.may("delete");
    let proposed = |it: &'static str| may_change.then_some(it);
    for rule in KeyHealth::ALL.into_iter().filter(|it| *it != KeyHealth::ToReview) {
        let (any, counted) = count(&visit, rule).await?;
        let Words { label, why, proposal, .. } = words(rule);
        let (query, proposal) = (format!("health={}", rule.as_str()), proposed(proposal));
        let card = HealthCard { query, label, why, proposal, any, counted };
        if is_urgent(rule) { urgent.push(card) } else { known.push(card) }
    }
    let blocked = KeyQuery { blocked: Some(true), ..KeyQuery::default() };
    let found = count_keys(&visit.app, &visit.caller, visit.organization_id(), blocked).await?;
    let Words { label, why, proposal, .. } = BLOCKED;
    let (any, counted) = (found.count > 0 || !found.is_exact, total(found));
    let (query, proposal) = ("status=blocked".to_owned(), proposed(proposal));
    urgent.insert(0, HealthCard { query, label, why, proposal, any, counted });
    let may_report = visit.may("delete");
    let below = below(&visit).await?;
    let page = HealthPage {
        shell: visit.shell(Place::Settings),
        to_review: to_review(&visit).await,
        may_report,
        urgent,
        known,
        below,
    };
    Ok(visit.page(&page))
}

/// A proposal to who may not do it themselves.
fn asked_for(proposal: &str) -> Cow<'static, str> {
    let mut letters = proposal.chars();
    let first = letters.next().map(|it| it.to_ascii_lowercase());
    let words: String = first.into_iter().chain(letters).collect();
    format!("Ask whoever looks after keys here: {words}").into()
}

/// What the rules say of one key, the most urgent first; of several that say the same only the nearest. What the reader may not do about it, they
/// are told to ask for.
pub(super) async fn lines(visit: &Visit, info: &KeyInfo) -> Result<Vec<HealthLine>, Failure> {
    let mut rules = get_key_health(&visit.app, &visit.caller, visit.organization_id(), info.key.id).await?;
    let ends = [KeyHealth::EndsInADay, KeyHealth::EndsInAWeek, KeyHealth::EndsInAMonth];
    let nearest = ends.into_iter().find(|it| rules.contains(it));
    rules.retain(|it| *it != KeyHealth::ToReview && (!ends.contains(it) || Some(*it) == nearest));
    rules.sort_by_key(|it| !is_urgent(*it));
    let may = rights_to(visit, info);
    let fitted = |tone, label, proposal: &'static str, way, may_do: bool| {
        if may_do {
            HealthLine { tone, label, proposal: proposal.into(), way }
        } else {
            HealthLine { tone, label, proposal: asked_for(proposal), way: None }
        }
    };
    let line = |rule: KeyHealth| {
        let Words { label, proposal, way, .. } = words(rule);
        let tone = if is_urgent(rule) { Tone::Warning } else { Tone::Turning };
        let may_do = match way {
            None => true,
            Some(("/delete", _)) => may.delete,
            Some(("/rotate", _)) => may.rotate,
            Some(_) => may.edit,
        };
        fitted(tone, label, proposal, way, may_do)
    };
    let blocked = info.blocked.map(|by| {
        let way = (by == Code::UserInactive).then_some(("/edit", "Edit the key"));
        // Nothing is done about a suspension at the key.
        let may_do = may.edit || by == Code::OrganizationSuspended;
        fitted(Tone::Warning, BLOCKED.label, unblock(by), way, may_do)
    });
    Ok(blocked.into_iter().chain(rules.into_iter().map(line)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_says_why_and_what_to_do() {
        for rule in KeyHealth::ALL {
            let Words { label, why, proposal, .. } = words(rule);
            assert!(!label.ends_with('.') && why.ends_with('.') && proposal.ends_with('.'), "{label}");
            assert_eq!(KeyHealth::parse(rule.as_str()), Some(rule));
        }
        assert_eq!(asked_for("Give it an end."), "Ask whoever looks after keys here: give it an end.");
    }
}
