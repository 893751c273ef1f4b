//! What the form of a key offers to choose from.

use std::time::Duration;

use claviger_core::decision::Reach;
use claviger_core::key::Key;
use claviger_core::limits;
use claviger_core::role::{BuiltIn, Role};
use claviger_core::time::Timestamp;

use super::view;
use crate::console::pages::form::Choice;
use crate::console::pages::shell::Moment;
use crate::console::visit::Visit;
use crate::ops::keys::KeyInfo;
use crate::ops::members::list_members;
use crate::ops::page::PageRequest;
use crate::ops::roles::list_roles;

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The spans that the form offers, in days.
pub(super) const SPANS: [u32; 3] = [30, 90, 365];
/// In the form, the choice to keep an expiry that is none of the spans.
pub(super) const KEEP: &str = "keep";
pub(super) const NEVER: &str = "never";
pub(super) const ON_DATE: &str = "date";
/// In the form, the user of a key that is mapped to nobody, or belongs to nobody.
pub(super) const NOBODY: &str = "nobody";

/// What a form begins with: the key that it changes, or the one that it makes a copy of.
#[derive(Clone, Copy)]
pub(super) struct Present<'a> {
    pub(super) info: &'a KeyInfo,
    pub(super) is_copy: bool,
}

/// How the form names a key's role.
pub(super) fn role_value(key: &Key) -> String {
    key.role_id.map(|it| it.to_string()).unwrap_or_default()
}

/// How the form names a key's mapped user.
pub(super) fn mapped_user_value(key: &Key) -> String {
    key.mapped_user_id.map_or_else(|| NOBODY.to_owned(), |it| it.to_string())
}

/// The roles that can be given; `readonly` is chosen for a new key, since a key should start with little.
///
/// A key's own role always is among them: the viewer may not list roles, and it may be an ancestor's or beyond the first page.
pub(super) async fn role_choices(visit: &Visit, of: Option<Present<'_>>, chosen: Option<&str>) -> Vec<Choice> {
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let roles = list_roles(&visit.app, &visit.caller, visit.organization_id(), all)
        .await
        .map(|it| it.items)
        .unwrap_or_default();
    let is = |role: &Role, built_in| role.built_in == Some(built_in);
    let present = of.map(|it| role_value(&it.info.key));
    let readonly = || roles.iter().find(|it| is(it, BuiltIn::Readonly)).map(|it| it.id.to_string());
    let preset = chosen.map(str::to_owned).or_else(|| present.clone()).or_else(readonly).unwrap_or_default();
    let as_user = Choice::new("", "As the mapped user", preset.is_empty())
        .with_note("Whatever that person may do, now and later.");
    let choice = |role: &Role| {
        let id = role.id.to_string();
        let chosen = id == preset;
        let note = match role.built_in {
            Some(BuiltIn::Readonly) => "Reads everything the mapped user may read, changes nothing.".to_owned(),
            Some(BuiltIn::Member) => "The own profile and own keys.".to_owned(),
            Some(BuiltIn::Admin) => "Creates, changes and deletes everything.".to_owned(),
            None => role.description.to_string(),
        };
        let mut choice = Choice::new(id, view::role_label(role.name.as_str()), chosen).with_note(note);
        choice.grave = role.is_admin();
        choice
    };
    let offered = |it: &&Role| !is(it, BuiltIn::Admin) || visit.is_admin();
    let mut choices: Vec<_> = roles.iter().filter(|it| is(it, BuiltIn::Readonly)).map(choice).collect();
    choices.push(as_user);
    choices.extend(roles.iter().filter(|it| !is(it, BuiltIn::Readonly)).filter(offered).map(choice));
    if let Some((of, present)) = of.zip(present) {
        let name = of.info.role_name.as_ref().map_or("Its present role", |it| it.as_str());
        let mut own = Choice::new(present, view::role_label(name), false).with_note(if of.is_copy {
            "As the key that is copied."
        } else {
            "As now."
        });
        own.grave = name == BuiltIn::Admin.as_str();
        offer_present(&mut choices, own);
    }
    choices
}

pub(super) fn expiry_choices(present: Option<Timestamp>, chosen: &str, now: Timestamp) -> Vec<Choice> {
    let mut choices = Vec::new();
    if let Some(at) = present {
        choices.push(Choice::new(KEEP, format!("As now ({})", Moment::until(at).text), chosen == KEEP));
    }
    choices.push(Choice::new(NEVER, "Never", chosen == NEVER || chosen.is_empty()));
    for days in SPANS {
        let on = now.saturating_add(DAY.saturating_mul(days)).to_date_text();
        choices.push(Choice::new(days.to_string(), format!("In {days} days ({on})"), chosen == days.to_string()));
    }
    choices.push(Choice::new(ON_DATE, "On a date…", chosen == ON_DATE));
    choices
}

/// Makes what a key has one of the choices, and the chosen one unless another is: a browser would send the first of a list without a chosen one.
fn offer_present(choices: &mut Vec<Choice>, own: Choice) {
    let other_chosen = choices.iter().any(|it| it.chosen);
    let at = choices.iter().position(|it| it.value == own.value).unwrap_or_else(|| {
        choices.insert(0, own);
        0
    });
    if let Some(present) = choices.get_mut(at).filter(|_| !other_chosen) {
        present.chosen = true;
    }
}

/// The users that a key can be mapped to: a choice for administrators only, with themselves first.
///
/// A key's own mapped user always is among them, and "Nobody" for a key without one: members are listed up to a page, and those from above are not.
/// Others are shown the choice only where a copy would else become theirs without a word.
pub(super) async fn user_choices(visit: &Visit, of: Option<Present<'_>>, chosen: &str) -> Vec<Choice> {
    let me = visit.user.id;
    let present = of.map(|it| mapped_user_value(&it.info.key));
    let preset = match (chosen, &present) {
        ("", Some(present)) => present.clone(),
        ("", None) => me.to_string(),
        (chosen, _) => chosen.to_owned(),
    };
    let mine = Choice::new(me.to_string(), format!("{} (me)", visit.user.name), preset == me.to_string());
    let own = of.map(|it| {
        let label = match (&it.info.mapped_user_name, it.info.key.mapped_user_id) {
            (Some(name), _) => name.to_string(),
            (None, Some(id)) => id.to_string(),
            (None, None) => "Nobody".to_owned(),
        };
        Choice::new(mapped_user_value(&it.info.key), label, false)
    });
    if !visit.is_admin() {
        return choices_of_a_copy(visit, of, mine, own);
    }
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let members = list_members(&visit.app, &visit.caller, visit.organization_id(), all)
        .await
        .map(|it| it.items)
        .unwrap_or_default();
    let mut choices = vec![mine];
    choices.extend(members.iter().filter(|it| it.user.id != me).map(|it| {
        let id = it.user.id.to_string();
        let chosen = id == preset;
        Choice::new(id, it.user.name.as_str(), chosen)
    }));
    if let Some(own) = own {
        offer_present(&mut choices, own);
    }
    choices
}

/// What somebody who is no administrator can choose for a copy: nothing where the key is theirs, else themselves and, for who may make keys
/// for others, whom the key has.
fn choices_of_a_copy(visit: &Visit, of: Option<Present<'_>>, mut mine: Choice, own: Option<Choice>) -> Vec<Choice> {
    let Some(own) = own.filter(|it| of.is_some_and(|it| it.is_copy) && it.value != mine.value) else {
        return Vec::new();
    };
    if !visit.may_do("claviger/keys:create") {
        mine.chosen = true;
        return vec![mine];
    }
    let mut choices = vec![mine];
    offer_present(&mut choices, own);
    choices
}

/// How far down the tree a key can reach: a choice only for who reaches down there too.
///
/// It is offered before there is anything below: a key that makes organizations would else stand before closed doors with the first one.
pub(super) fn reach_choices(visit: &Visit, info: Option<&KeyInfo>, chosen: &str) -> Vec<Choice> {
    let reaches_below =
        visit.caller.reach(&visit.app, visit.organization_id()).is_ok_and(|it| it.reach() == Reach::Subtree);
    if !reaches_below {
        return Vec::new();
    }
    let present = info.map_or(Reach::Organization, |it| it.key.reach);
    let preset = Reach::parse(chosen).unwrap_or(present);
    let choice = |reach: Reach, label, note| Choice::new(reach.as_str(), label, preset == reach).with_note(note);
    let mut below = choice(
        Reach::Subtree,
        "This organization and all below",
        "Those too that are made later, by this key or by others.",
    );
    below.grave = true;
    vec![choice(Reach::Organization, "This organization only", "Organizations below are closed to it."), below]
}

/// How the form names a key's owner.
pub(super) fn owner_value(key: &Key) -> String {
    key.owner_id.map_or_else(|| NOBODY.to_owned(), |it| it.to_string())
}

/// Whom a new key can belong to, for administrators only, and for others where a copy would else become theirs without a word; who has a key
/// can be seen everywhere, but not changed.
pub(super) fn owner_choices(visit: &Visit, of: Option<Present<'_>>, chosen: &str) -> Vec<Choice> {
    if of.is_some_and(|it| !it.is_copy) {
        return Vec::new();
    }
    let me = visit.user.id.to_string();
    let mine = Choice::new(me.clone(), format!("{} (me)", visit.user.name), chosen.is_empty() || chosen == me);
    let nobody = Choice::new(NOBODY, "Nobody", chosen == NOBODY);
    let own = of.map(|it| {
        let value = owner_value(&it.info.key);
        let label = it.info.owner_name.as_ref().map_or_else(|| "Nobody".to_owned(), ToString::to_string);
        let chosen = chosen == value;
        Choice::new(value, label, chosen)
    });
    if !visit.is_admin() {
        return choices_of_a_copy(visit, of, mine, own);
    }
    let mut choices = vec![mine, nobody];
    if let Some(own) = own {
        offer_present(&mut choices, own);
    }
    choices
}
