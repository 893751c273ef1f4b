//! What the addresses of lists of events have in common: who did it, in which days, and where the page goes on.

use std::time::Duration;

use claviger_core::id::{KeyId, UserId};
use claviger_core::time::Timestamp;

use crate::console::pages::audit::ChoiceGroup;
use crate::console::pages::form::Choice;
use crate::console::paging::Pages;

/// Bytes of a cursor that is passed on; ours are shorter.
const CURSOR_BYTES_MAX: usize = 256;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    User(UserId),
    Key(KeyId),
}

/// That part of an address.
#[derive(Debug, Default)]
pub(in crate::console) struct Asked {
    who: Option<Who>,
    /// The first day, `2026-11-01`.
    pub(in crate::console) from: String,
    /// The last day.
    pub(in crate::console) until: String,
    /// Where the page before ended.
    pub(in crate::console) after: String,
    trail: String,
    at: String,
    rows: String,
}

/// The first instant of a day as the form sends it.
fn day(text: &str) -> Option<Timestamp> {
    if text.len() == "2026-11-01".len() { format!("{text}T00:00:00Z").parse().ok() } else { None }
}

/// Reads an address: `take` is given each name with its value, and says whether that was understood. Says whether anything was not.
pub(in crate::console) fn read(pairs: Vec<(String, String)>, mut take: impl FnMut(&str, &str) -> bool) -> bool {
    let mut misread = false;
    for (name, value) in &pairs {
        let value = value.trim();
        misread |= !value.is_empty() && !take(name, value);
    }
    misread
}

fn set(field: &mut String, value: &str) -> bool {
    value.clone_into(field);
    true
}

impl Asked {
    /// Which part of the list is meant.
    pub(in crate::console) fn pages(&self) -> Pages {
        Pages::read(&self.after, &self.trail, &self.at, &self.rows)
    }

    /// Takes up what is of this part, and says whether it was and was understood.
    pub(in crate::console) fn take(&mut self, name: &str, value: &str) -> bool {
        match name {
            "who" => {
                let key = || value.parse().ok().map(Who::Key);
                self.who = value.parse().ok().map(Who::User).or_else(key);
                self.who.is_some()
            }
            "from" | "until" => {
                let into = if name == "from" { &mut self.from } else { &mut self.until };
                let is_day = day(value).is_some();
                if is_day {
                    value.clone_into(into);
                }
                is_day
            }
            // Long, it is none of ours; the list begins anew.
            "after" => {
                if value.len() <= CURSOR_BYTES_MAX {
                    value.clone_into(&mut self.after);
                }
                true
            }
            "trail" => set(&mut self.trail, value),
            "at" => set(&mut self.at, value),
            "rows" => set(&mut self.rows, value),
            _ => false,
        }
    }

    /// The user who did it.
    pub(in crate::console) fn user_id(&self) -> Option<UserId> {
        match self.who {
            Some(Who::User(id)) => Some(id),
            _ => None,
        }
    }

    /// The key it was done with.
    pub(in crate::console) fn key_id(&self) -> Option<KeyId> {
        match self.who {
            Some(Who::Key(id)) => Some(id),
            _ => None,
        }
    }

    /// From when on, and before when. The last day counts as a whole.
    pub(in crate::console) fn between(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (day(&self.from), day(&self.until).map(|it| it.saturating_add(DAY)))
    }

    /// Who did it, as an address says it.
    pub(in crate::console) fn who_value(&self) -> Option<String> {
        self.who.map(|it| match it {
            Who::User(id) => id.to_string(),
            Who::Key(id) => id.to_string(),
        })
    }

    /// What it narrows the list by, as an address says it.
    pub(in crate::console) fn pairs(&self) -> impl Iterator<Item = (&'static str, Option<String>)> {
        let text = |it: &String| Some(it.clone()).filter(|it| !it.is_empty());
        [("who", self.who_value()), ("from", text(&self.from)), ("until", text(&self.until))].into_iter()
    }

    /// The choice of who did it: people and keys by name, and whoever is chosen though not among them.
    pub(in crate::console) fn actors(
        &self,
        people: &[(String, String)],
        (keys_label, keys): (&str, &[(String, String)]),
    ) -> Vec<ChoiceGroup> {
        let chosen = self.who_value().unwrap_or_default();
        let choices = |of: &[(String, String)]| -> Vec<_> {
            of.iter().map(|(id, name)| Choice::new(id, name, *id == chosen)).collect()
        };
        let mut first = vec![Choice::new("", "Anyone", chosen.is_empty())];
        if !chosen.is_empty() && !people.iter().chain(keys).any(|it| it.0 == chosen) {
            first.push(Choice::new(&chosen, &chosen, true));
        }
        let groups =
            [(String::new(), first), ("People".to_owned(), choices(people)), (keys_label.to_owned(), choices(keys))];
        groups
            .into_iter()
            .filter(|it| !it.1.is_empty())
            .map(|(label, choices)| ChoiceGroup { label, choices })
            .collect()
    }
}
