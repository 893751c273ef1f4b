//! What the form of a key offers to choose from.

use std::time::Duration;

use claviger_core::decision::Reach;
use claviger_core::key::Key;
use claviger_core::limits;
use claviger_core::role::{BuiltIn, Role};
use claviger_core::time::Timestamp;

use super::view;
use crate::console::pages::form::{Choice, FormErrors};
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
pub(in crate::console) const KEEP: &str = "keep";
pub(in crate::console) const NEVER: &str = "never";
pub(in crate::console) const ON_DATE: &str = "date";
/// In the form, the user of a key that is mapped to nobody, or belongs to nobody.
pub(in crate::console) const NOBODY: &str = "nobody";

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
            Some(BuiltIn::Member) => "The own profile, and keys that belong to oneself.".to_owned(),
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

/// How long keys may live here.
#[derive(Clone, Copy, Default)]
pub(in crate::console) struct Lifetimes {
    days_max: Option<u32>,
    /// How many days keys of the api live by default.
    days_default: Option<u32>,
}

impl Lifetimes {
    /// What the policy of the organization says; nothing where it is not known, since the operation has the last word.
    pub(in crate::console) fn of(visit: &Visit) -> Self {
        let policy = visit.app.replica().policy(visit.organization_id());
        Self { days_max: policy.and_then(|it| it.expiry_days_max).map(u32::from), days_default: None }
    }

    /// The same for an api whose keys live so many days by default.
    pub(in crate::console) fn by_default(self, days: Option<u16>) -> Self {
        Self { days_default: days.map(u32::from), ..self }
    }

    /// How many days a key lives by default.
    pub(in crate::console) fn days_default(self) -> Option<u32> {
        self.days_default
    }

    /// The latest end that the policy allows; none where it allows any.
    pub(super) fn latest(self, now: Timestamp) -> Option<Timestamp> {
        self.days_max.map(|it| now.saturating_add(DAY.saturating_mul(it)))
    }

    /// The last day that a form can name, `2027-02-18`: a key that ends with it ends when the next one begins.
    pub(in crate::console) fn last_day(self, now: Timestamp) -> Option<String> {
        let text = |it: Timestamp| it.saturating_sub(DAY).to_string().chars().take("2027-02-18".len()).collect();
        self.latest(now).map(text)
    }

    /// Whether a form offers this span of days; whether it is allowed is the operation's to say.
    pub(super) fn offers(self, days: u32) -> bool {
        SPANS.contains(&days) || self.days_max == Some(days) || self.days_default == Some(days)
    }

    /// When a key can end. What lies beyond the policy is shown and says so, and cannot be chosen; where nothing else is chosen, the longest
    /// allowed is. `present` is the end of the key that a form changes: it can keep an end, or none, that was allowed before.
    pub(in crate::console) fn choices(
        self,
        present: Option<Option<Timestamp>>,
        chosen: &str,
        now: Timestamp,
    ) -> Vec<Choice> {
        let mut choices = Vec::new();
        match present {
            Some(Some(at)) => choices.push(Choice::new(KEEP, format!("As now ({})", Moment::until(at).text), false)),
            Some(None) if self.days_max.is_some() => choices.push(Choice::new(KEEP, "As now (never)", false)),
            Some(None) | None => {}
        }
        let beyond = |label: String| match self.days_max {
            Some(1) => format!("{label}: policy allows 1 day at most"),
            Some(days) => format!("{label}: policy allows {days} days at most"),
            None => label,
        };
        let never = Choice::new(NEVER, beyond("Never".to_owned()), false);
        choices.push(never.off_if(self.days_max.is_some()));
        let mut spans = SPANS.to_vec();
        let own = self.days_max.filter(|it| SPANS.iter().all(|span| it < span));
        spans.extend(own.into_iter().chain(self.days_default));
        spans.sort_unstable();
        spans.dedup();
        for days in spans {
            let on = now.saturating_add(DAY.saturating_mul(days)).to_date_text();
            let label = if days == 1 { format!("In 1 day ({on})") } else { format!("In {days} days ({on})") };
            let is_beyond = self.days_max.is_some_and(|it| it < days);
            let label = if is_beyond { beyond(label) } else { label };
            choices.push(Choice::new(days.to_string(), label, false).off_if(is_beyond));
        }
        choices.push(Choice::new(ON_DATE, "On a date…", false));
        let wanted = choices.iter().position(|it| it.value == chosen && !it.off);
        let longest = || choices.iter().rposition(|it| !it.off && it.value != ON_DATE);
        let preset = wanted.or_else(|| if self.days_max.is_some() && present.is_none() { longest() } else { Some(0) });
        if let Some(choice) = preset.and_then(|it| choices.get_mut(it)) {
            choice.chosen = true;
        }
        choices
    }
}

/// When a key is to end, as a form says it; none at all where it says nothing, or nothing that can be.
pub(in crate::console) fn read_end(
    (expires, expires_on): (&str, &str),
    lifetimes: Lifetimes,
    now: Timestamp,
    errors: &mut FormErrors,
) -> Option<Option<Timestamp>> {
    match expires {
        NEVER => Some(None),
        KEEP | "" => None,
        ON_DATE => last_day(expires_on, now, errors).map(Some),
        span => match span.parse().ok().filter(|it| lifetimes.offers(*it)) {
            Some(days) => Some(Some(now.saturating_add(DAY.saturating_mul(days)))),
            None => {
                errors.add("expires", "Choose when the key expires.");
                None
            }
        },
    }
}

/// The end of the last day that a form names; complains of what is none, and of one that is over, with whatever else is wrong with the form.
pub(super) fn last_day(text: &str, now: Timestamp, errors: &mut FormErrors) -> Option<Timestamp> {
    let end = end_of_day(text);
    let complaint = match end {
        None => "Enter the last day as year, month and day.",
        Some(end) if end <= now => "This day is over. Enter today or a later one.",
        Some(_) => return end,
    };
    errors.add("expires_on", complaint);
    None
}

/// The end of a day in UTC: a key that expires "on the 19th" works all of the 19th.
pub(super) fn end_of_day(text: &str) -> Option<Timestamp> {
    let midnight: Timestamp = format!("{}T00:00:00Z", text.trim()).parse().ok()?;
    Some(midnight.saturating_add(DAY))
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
    let mut choices = vec![mine];
    choices.extend(members(visit).await.into_iter().filter(|it| it.0 != me.to_string()).map(|(id, name)| {
        let chosen = id == preset;
        Choice::new(id, name, chosen)
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
pub(in crate::console) fn reach_choices(visit: &Visit, info: Option<&KeyInfo>, chosen: &str) -> Vec<Choice> {
    let closed = "Organizations below are closed to it.";
    reach_choices_with(visit, info, chosen, [closed, "Those too that are made later, by this key or by others."])
}

/// The same with other words about each choice, for what is no key.
pub(in crate::console) fn reach_choices_with(
    visit: &Visit,
    info: Option<&KeyInfo>,
    chosen: &str,
    [only, all]: [&'static str; 2],
) -> Vec<Choice> {
    let reaches_below =
        visit.caller.reach(&visit.app, visit.organization_id()).is_ok_and(|it| it.reach() == Reach::Subtree);
    if !reaches_below {
        return Vec::new();
    }
    let present = info.map_or(Reach::Organization, |it| it.key.reach);
    let preset = Reach::parse(chosen).unwrap_or(present);
    let choice = |reach: Reach, label, note| Choice::new(reach.as_str(), label, preset == reach).with_note(note);
    let mut below = choice(Reach::Subtree, "This organization and all below", all);
    below.grave = true;
    vec![choice(Reach::Organization, "This organization only", only), below]
}

/// How the form names a key's owner.
pub(super) fn owner_value(key: &Key) -> String {
    key.owner_id.map_or_else(|| NOBODY.to_owned(), |it| it.to_string())
}

/// Whom a key can belong to, for administrators only, and for others where a copy would else become theirs without a word. A key's own owner
/// always is among them; that of a personal key is no choice.
pub(super) async fn owner_choices(visit: &Visit, of: Option<Present<'_>>, chosen: &str) -> Vec<Choice> {
    if of.is_some_and(|it| !it.is_copy && it.info.key.personal) {
        return Vec::new();
    }
    let me = visit.user.id.to_string();
    let own = of.map(|it| {
        let value = owner_value(&it.info.key);
        let label = it.info.owner_name.as_ref().map_or_else(|| "Nobody".to_owned(), ToString::to_string);
        let chosen = chosen == value;
        Choice::new(value, label, chosen)
    });
    let is_mine = chosen == me || chosen.is_empty() && own.is_none();
    let mine = Choice::new(me.clone(), format!("{} (me)", visit.user.name), is_mine);
    if !visit.is_admin() {
        return choices_of_a_copy(visit, of, mine, own);
    }
    let nobody = Choice::new(NOBODY, "Nobody", chosen == NOBODY);
    let mut choices = vec![mine, nobody];
    let without = |user: &str| user.parse().is_ok_and(|it| visit.is_without_api_access(it));
    choices.extend(members(visit).await.into_iter().filter(|it| it.0 != me).map(|(id, name)| {
        let (chosen, is_without) = (id == chosen, without(&id));
        Choice::new(id, if is_without { format!("{name} (role without API access)") } else { name }, chosen)
    }));
    if let Some(own) = own {
        offer_present(&mut choices, own);
    }
    choices
}

/// The members of the organization up to a page, by id and name; none where the viewer may not list them.
async fn members(visit: &Visit) -> Vec<(String, String)> {
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let found = list_members(&visit.app, &visit.caller, visit.organization_id(), all).await;
    let found = found.map(|it| it.items).unwrap_or_default();
    found.iter().map(|it| (it.user.id.to_string(), it.user.name.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(days_max: Option<u32>, chosen: &str) -> Vec<(String, bool, bool)> {
        let now = "2026-11-21T05:15:00Z".parse().unwrap();
        let choices = Lifetimes { days_max, days_default: None }.choices(None, chosen, now);
        choices.into_iter().map(|it| (it.value, it.off, it.chosen)).collect()
    }

    fn chosen(days_max: Option<u32>, wanted: &str) -> String {
        let choices = offered(days_max, wanted);
        let mut chosen = choices.into_iter().filter(|it| it.2);
        let (value, off, _) = chosen.next().expect("one is chosen");
        assert!(!off && chosen.next().is_none());
        value
    }

    #[test]
    fn what_lies_beyond_the_policy_cannot_be_chosen_and_is_never_preset() {
        assert_eq!(chosen(None, ""), NEVER);
        assert_eq!(chosen(Some(90), ""), "90");
        assert_eq!(chosen(Some(90), NEVER), "90");
        assert_eq!(chosen(Some(90), "365"), "90");
        assert_eq!(chosen(Some(90), "30"), "30");
        assert_eq!(chosen(Some(14), ""), "14", "shorter than all spans it is a span of its own");
        assert_eq!(chosen(Some(120), ""), "90");
        assert_eq!(chosen(Some(90), ON_DATE), ON_DATE);
        let off: Vec<_> = offered(Some(90), "").into_iter().filter(|it| it.1).map(|it| it.0).collect();
        assert_eq!(off, [NEVER, "365"]);
        assert!(offered(None, "").iter().all(|it| !it.1));
    }

    #[test]
    fn a_key_that_is_changed_keeps_the_end_it_has_unless_another_is_chosen() {
        let now = "2026-11-21T05:15:00Z".parse().unwrap();
        let preset = |days_max, present| {
            let choices = Lifetimes { days_max, days_default: None }.choices(Some(present), KEEP, now);
            choices.into_iter().find(|it| it.chosen).map(|it| it.value)
        };
        for days_max in [None, Some(90)] {
            assert_eq!(preset(days_max, Some(now)).as_deref(), Some(KEEP));
        }
        assert_eq!(preset(Some(90), None).as_deref(), Some(KEEP), "its description can be mended all the same");
        assert_eq!(preset(None, None).as_deref(), Some(NEVER));
    }

    #[test]
    fn the_last_day_to_name_ends_before_the_latest_end() {
        let now = "2026-11-21T05:15:00Z".parse().unwrap();
        let lifetimes = Lifetimes { days_max: Some(90), days_default: None };
        let last = lifetimes.last_day(now).unwrap();
        assert_eq!(last, "2027-02-18");
        let end: Timestamp = "2027-02-19T00:00:00Z".parse().unwrap();
        assert!(end <= lifetimes.latest(now).unwrap());
    }
}
