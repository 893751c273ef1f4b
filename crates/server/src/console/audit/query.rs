//! What the address of the audit says, and what its form offers.

use claviger_core::event::{Entity, EntityKind, EventKind};

use super::asked::{Asked, read};
use super::words::{group_words, kind_words};
use crate::console::pages::audit::ChoiceGroup;
use crate::console::pages::form::Choice;
use crate::console::paging::query_string;
use crate::ops::events::EventFilter;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Anything to things of a kind.
    Anything(EntityKind),
    /// Exactly this.
    Kind(EventKind),
}

/// What the list's address says.
#[derive(Debug, Default)]
pub(super) struct AuditQuery {
    what: Option<What>,
    /// One thing, whose history is asked for.
    pub(super) about: Option<Entity>,
    /// By whom, in which days, and behind which page.
    pub(super) asked: Asked,
}

impl AuditQuery {
    /// Reads what an address says, and whether it says something that is not understood.
    pub(super) fn read(pairs: Vec<(String, String)>) -> (Self, bool) {
        let mut query = Self::default();
        let misread = read(pairs, |name, value| match name {
            "what" => {
                let kind = || EntityKind::parse(value).map(What::Anything);
                query.what = EventKind::parse(value).map(What::Kind).or_else(kind);
                query.what.is_some()
            }
            "about" => {
                query.about = value.parse().ok();
                query.about.is_some()
            }
            _ => query.asked.take(name, value),
        });
        (query, misread)
    }

    /// What it asks of the log.
    pub(super) fn filter(&self) -> EventFilter {
        let (from, until) = self.asked.between();
        EventFilter {
            entity: self.about,
            entity_kind: match self.what {
                Some(What::Anything(kind)) => Some(kind),
                _ => None,
            },
            kind: match self.what {
                Some(What::Kind(kind)) => Some(kind),
                _ => None,
            },
            user_id: self.asked.user_id(),
            key_id: self.asked.key_id(),
            from,
            until,
        }
    }

    /// Whether it narrows the list at all.
    pub(super) fn narrows(&self) -> bool {
        self.pairs().next().is_some()
    }

    fn what_value(&self) -> Option<&'static str> {
        self.what.map(|it| match it {
            What::Anything(kind) => kind.as_str(),
            What::Kind(kind) => kind.as_str(),
        })
    }

    /// What it narrows the list by, as an address says it.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        let own = [("what", self.what_value().map(str::to_owned)), ("about", self.about.map(|it| it.to_string()))];
        own.into_iter().chain(self.asked.pairs()).filter_map(|(name, value)| Some((name, value?)))
    }

    /// The query string of the page behind `after`; of the first where that is empty.
    pub(super) fn link(&self, after: &str) -> String {
        let after = Some(after.to_owned()).filter(|it| !it.is_empty()).map(|it| ("after", it));
        query_string(self.pairs().chain(after))
    }

    /// The same filter in the words of the management API.
    pub(super) fn export(&self) -> String {
        let filter = self.filter();
        let pairs = [
            ("entity_kind", filter.entity_kind.map(|it| it.as_str().to_owned())),
            ("entity_id", filter.entity.map(|it| it.to_string())),
            ("user_id", filter.user_id.map(|it| it.to_string())),
            ("key_id", filter.key_id.map(|it| it.to_string())),
            ("operation", filter.kind.map(|it| it.as_str().to_owned())),
            ("from", filter.from.map(|it| it.to_string())),
            ("until", filter.until.map(|it| it.to_string())),
        ];
        query_string(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))))
    }

    /// The choice of what happened, in groups of what it happened to.
    pub(super) fn kinds(&self) -> Vec<ChoiceGroup> {
        let chosen = self.what_value().unwrap_or_default();
        let anything = vec![Choice::new("", "Anything", chosen.is_empty())];
        let mut groups = vec![ChoiceGroup { label: String::new(), choices: anything }];
        for kind in EventKind::ALL {
            let label = group_words(*kind);
            let choice = Choice::new(kind.as_str(), kind_words(*kind), kind.as_str() == chosen);
            match groups.iter_mut().find(|it| it.label == label) {
                Some(group) => group.choices.push(choice),
                None => {
                    let entity = kind.as_str().split_once('.').and_then(|it| EntityKind::parse(it.0));
                    let all =
                        entity.map(|it| Choice::new(it.as_str(), format!("{label}: anything"), it.as_str() == chosen));
                    groups.push(ChoiceGroup { label, choices: all.into_iter().chain([choice]).collect() });
                }
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (AuditQuery, bool) {
        AuditQuery::read(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        let key = "key_01h45ytscbebyvny4gc8cr8ma2";
        let (query, misread) = read(&[
            ("who", "usr_01h45ytscbebyvny4gc8cr8ma2"),
            ("what", "key.rotated"),
            ("about", key),
            ("from", "2026-11-01"),
            ("until", "2026-11-02"),
        ]);
        assert!(!misread);
        let filter = query.filter();
        assert_eq!(
            (filter.kind, filter.entity.map(|it| it.to_string())),
            (Some(EventKind::KeyRotated), Some(key.to_owned()))
        );
        assert_eq!(filter.until, "2026-11-03T00:00:00Z".parse().ok());
        assert_eq!(
            query.link("c.1"),
            "what=key%2Erotated&about=key%5F01h45ytscbebyvny4gc8cr8ma2&who=usr%5F01h45ytscbebyvny4gc8cr8ma2\
             &from=2026%2D11%2D01&until=2026%2D11%2D02&after=c%2E1"
        );
        assert!(query.export().contains("operation=key%2Erotated&from=2026%2D11%2D01T00%3A00%3A00Z"));
    }

    #[test]
    fn what_is_not_understood_narrows_nothing_and_is_said() {
        for pair in [("who", "x"), ("what", "key.exploded"), ("about", "?"), ("from", "yesterday"), ("status", "1")] {
            let (query, misread) = read(&[pair]);
            assert!(misread && !query.narrows(), "{pair:?}");
        }
        let (query, misread) = read(&[("who", ""), ("from", ""), ("after", &"x".repeat(1000))]);
        assert!(!misread && !query.narrows() && query.asked.after.is_empty());
    }
}
