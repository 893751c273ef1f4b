//! What the address of the revision history says.

use claviger_core::limits;
use claviger_core::webhook::topic::Topic;

use crate::console::audit::asked::{Asked, read};
use crate::console::paging::query_string;
use crate::ops::revisions::RevisionFilter;

/// Bytes of what a host calls a thing, in an address.
const THING_BYTES_MAX: usize = limits::HOST_ID_BYTES_MAX;

/// Characters of what was typed that are shown again; the form lets nobody type more.
const WHAT_CHARS_MAX: usize = 80;

/// What it says.
#[derive(Debug, Default)]
pub(super) struct RevisionQuery {
    /// What was done: `contact`, or `contact.updated`.
    pub(super) what: Option<(String, Option<String>)>,
    /// That, as it was typed, where it was not understood.
    pub(super) unread: Option<String>,
    /// To which thing, as the host calls it.
    pub(super) thing: Option<String>,
    /// By whom, in which days, and behind which page.
    pub(super) asked: Asked,
}

/// The words of a type; an operation may be said as a subscription or as an event says it.
fn what(text: &str) -> Option<(String, Option<String>)> {
    match text.split_once('.') {
        Some((entity, operation)) => {
            let topic = Topic::parse(entity, operation).ok()?;
            Some((topic.entity().to_owned(), Some(topic.operation().to_owned())))
        }
        None => Some((Topic::parse(text, "create").ok()?.entity().to_owned(), None)),
    }
}

impl RevisionQuery {
    /// Reads what an address says, and whether it says something that is not understood.
    pub(super) fn read(pairs: Vec<(String, String)>) -> (Self, bool) {
        let mut query = Self::default();
        let misread = read(pairs, |name, value| match name {
            "what" => {
                query.what = what(value);
                query.unread = query.what.is_none().then(|| value.chars().take(WHAT_CHARS_MAX).collect());
                query.what.is_some()
            }
            "thing" => {
                query.thing = Some(value.to_owned()).filter(|it| it.len() <= THING_BYTES_MAX);
                query.thing.is_some()
            }
            _ => query.asked.take(name, value),
        });
        (query, misread)
    }

    /// What it asks for.
    pub(super) fn filter(&self) -> RevisionFilter {
        let (from, until) = self.asked.between();
        RevisionFilter {
            entity: self.what.as_ref().map(|it| it.0.clone()),
            operation: self.what.as_ref().and_then(|it| it.1.clone()),
            entity_id: self.thing.clone(),
            user_id: self.asked.user_id(),
            key_id: self.asked.key_id(),
            from,
            until,
        }
    }

    /// What was typed as what was done.
    pub(super) fn what_value(&self) -> Option<String> {
        self.what.as_ref().map(|(entity, operation)| match operation {
            Some(operation) => format!("{entity}.{operation}"),
            None => entity.clone(),
        })
    }

    /// Whether it narrows the list at all.
    pub(super) fn narrows(&self) -> bool {
        self.pairs().next().is_some()
    }

    /// What it narrows the list by, as an address says it.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        let own = [("what", self.what_value()), ("thing", self.thing.clone())];
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
            ("entity", filter.entity),
            ("operation", filter.operation),
            ("entity_id", filter.entity_id),
            ("user_id", filter.user_id.map(|it| it.to_string())),
            ("key_id", filter.key_id.map(|it| it.to_string())),
            ("from", filter.from.map(|it| it.to_string())),
            ("until", filter.until.map(|it| it.to_string())),
        ];
        query_string(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))))
    }
}

/// The query string of the history of one thing.
pub(super) fn history_of(entity: &str, thing: &str) -> String {
    query_string([("what", entity), ("thing", thing)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (RevisionQuery, bool) {
        RevisionQuery::read(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        let (query, misread) =
            read(&[("what", "scorecard.updated"), ("thing", "A"), ("from", "2026-11-01"), ("until", "2026-11-02")]);
        assert!(!misread && query.narrows());
        let filter = query.filter();
        assert_eq!((filter.entity.as_deref(), filter.operation.as_deref()), (Some("scorecard"), Some("update")));
        assert_eq!(filter.until, "2026-11-03T00:00:00Z".parse().ok());
        assert_eq!(query.link("c"), "what=scorecard%2Eupdate&thing=A&from=2026%2D11%2D01&until=2026%2D11%2D02&after=c");
        assert!(
            query.export().starts_with("entity=scorecard&operation=update&entity_id=A&from="),
            "{}",
            query.export()
        );
        assert_eq!(read(&[("what", "scorecard")]).0.filter().operation, None);
    }

    #[test]
    fn what_is_not_understood_narrows_nothing_and_is_said() {
        let long = "x".repeat(1000);
        for pair in [("who", "x"), ("what", "A B"), ("thing", &*long), ("from", "yesterday"), ("status", "1")] {
            let (query, misread) = read(&[pair]);
            assert!(misread && !query.narrows(), "{pair:?}");
        }
    }
}
