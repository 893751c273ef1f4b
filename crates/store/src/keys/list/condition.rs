//! What a filter asks of a key, one condition at a time, and which of them an index answers.

use std::fmt::Write;

use claviger_core::id::{ApiId, KeyId, RoleId, UserId};
use claviger_core::key::Origin;
use claviger_core::limits::KEYS_EXAMINED_MAX;
use claviger_core::name::Name;
use claviger_core::time::Timestamp;

use super::walk::Order;
use super::{KeyFilter, KeyHealth, KeyStatus};
use crate::sql::{holding_name, holding_text};
use crate::value::{Argument, Value};

/// The end of a key as its indexes have it: what never ends comes after everything that does.
macro_rules! end {
    () => {
        "coalesce(k.expires_at, 9223372036854775807)"
    };
}
pub(super) use end;

/// A statement put together from constant parts; values are arguments and nothing else.
#[derive(Default)]
pub(in crate::keys) struct Query {
    pub(in crate::keys) sql: String,
    pub(in crate::keys) arguments: Vec<Value>,
}

impl Query {
    pub(in crate::keys) fn text(&mut self, text: &'static str) {
        self.sql.push_str(text);
    }

    pub(in crate::keys) fn push(&mut self, before: &'static str, value: impl Argument, after: &'static str) {
        self.push_value(before, value.value(), after);
    }

    pub(super) fn push_value(&mut self, before: &'static str, value: Value, after: &'static str) {
        self.arguments.push(value);
        write!(self.sql, "{before}${}{after}", self.arguments.len()).expect("writing to a string does not fail");
    }

    pub(super) fn all(&mut self, conditions: &[Condition]) {
        for condition in conditions {
            condition.push(self);
        }
    }
}

/// Names that begin with a text: from this one on, and before that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::keys) struct Beginning {
    from: String,
    before: String,
}

impl Beginning {
    /// Of the names that a search can mean; none where no name can be like it.
    pub(in crate::keys) fn of(search: &str) -> Option<Self> {
        let from = Name::parse(search).ok()?.key().as_str().to_owned();
        // No name holds the last of all characters, which is none for people.
        let before = format!("{from}\u{10ffff}");
        Some(Self { from, before })
    }

    /// The first of them, and what comes after the last.
    pub(in crate::keys) fn into_bounds(self) -> (String, String) {
        (self.from, self.before)
    }

    /// The keys with access ids like it. They are random, so that even the first of them tell one key from most others; where somebody imported
    /// many that begin alike, it is not all of them.
    fn push_keys(&self, query: &mut Query) {
        query.push("(SELECT t.key_id FROM secret t WHERE t.access_id >= ", &self.from, "");
        query.push(" AND t.access_id < ", &self.before, "");
        query.push(" ORDER BY t.access_id LIMIT ", KEYS_EXAMINED_MAX as u64, ")");
    }
}

/// What a key can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyPart {
    /// Somebody whom it belongs to.
    Owner,
    /// Somebody whose rights it carries.
    MappedUser,
    /// A role of its own.
    Role,
}

impl KeyPart {
    const fn condition(self) -> &'static str {
        match self {
            Self::Owner => " AND k.owner_id IS NULL",
            Self::MappedUser => " AND k.mapped_user_id IS NULL",
            Self::Role => " AND k.role_id IS NULL",
        }
    }
}

/// One thing that is asked of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// It is not revoked.
    Unrevoked,
    Revoked,
    Active,
    Inactive,
    /// It has ended at this instant.
    EndedAt(Timestamp),
    /// It has not.
    RunsAt(Timestamp),
    Owner(UserId),
    Mapped(UserId),
    Role(RoleId),
    Api(ApiId),
    Personal(bool),
    Origin(Origin),
    CreatedFrom(Timestamp),
    CreatedBefore(Timestamp),
    EndsFrom(Timestamp),
    EndsBefore(Timestamp),
    /// Its name or its description has this in it, or its access id is one that this can mean.
    Search(String),
    /// Its access id is one of these.
    Access(Beginning),
    NotAccess(Beginning),
    NameBegins(Beginning),
    NotNameBegins(Beginning),
    NeverUsed,
    /// Made before, and not used since.
    UnusedSince(Timestamp),
    /// A rule says something about it at this instant.
    Health(KeyHealth, Timestamp),
    /// It has nothing of a kind. In SQL's own words.
    Without(&'static str),
}

impl Condition {
    /// All that a filter asks.
    pub(super) fn of(filter: &KeyFilter, now: Timestamp) -> Vec<Self> {
        let mut all = match filter.status {
            KeyStatus::Any => vec![],
            KeyStatus::Revoked => vec![Self::Revoked],
            KeyStatus::Live => vec![Self::Unrevoked],
            KeyStatus::Expired => vec![Self::Unrevoked, Self::EndedAt(now)],
            KeyStatus::Active => vec![Self::Unrevoked, Self::Active, Self::RunsAt(now)],
            KeyStatus::Inactive => vec![Self::Unrevoked, Self::Inactive, Self::RunsAt(now)],
        };
        all.extend(filter.owner_id.map(Self::Owner));
        all.extend(filter.mapped_user_id.map(Self::Mapped));
        all.extend(filter.personal.map(Self::Personal));
        all.extend(filter.role_id.map(Self::Role));
        all.extend(filter.origin.map(Self::Origin));
        all.extend(filter.api_id.map(Self::Api));
        all.extend(filter.expires_from.map(Self::EndsFrom));
        all.extend(filter.expires_before.map(Self::EndsBefore));
        all.extend(filter.created_from.map(Self::CreatedFrom));
        all.extend(filter.created_before.map(Self::CreatedBefore));
        all.extend(filter.without.iter().map(|it| Self::Without(it.condition())));
        all.extend(filter.search.clone().map(Self::Search));
        all.extend(filter.unused_since.map(Self::UnusedSince));
        all.extend(filter.never_used.then_some(Self::NeverUsed));
        all.extend(filter.health.map(|it| Self::Health(it, now)));
        all
    }

    /// What all keys have in common that the one who looks may see; none where that is all keys.
    pub(super) fn seen(filter: &KeyFilter) -> Option<Self> {
        let user_id = filter.seen_by?;
        Some(if filter.owner_id == Some(user_id) { Self::Owner(user_id) } else { Self::Mapped(user_id) })
    }

    /// Whether an index has the keys of this condition together, in the order of their identifiers.
    pub(super) fn is_list(&self) -> bool {
        match self {
            Self::Revoked
            | Self::Inactive
            | Self::Owner(_)
            | Self::Mapped(_)
            | Self::Role(_)
            | Self::Api(_)
            | Self::Personal(true) => true,
            // Without imported ones, whose index would only be the longest of all.
            Self::Origin(origin) => *origin != Origin::Import,
            _ => false,
        }
    }

    /// Whether it is about the end of a key.
    pub(super) const fn is_end(&self) -> bool {
        matches!(self, Self::EndedAt(_) | Self::EndsFrom(_) | Self::EndsBefore(_))
    }

    /// In which order an index has the keys that it narrows; none where no index narrows them.
    pub(super) fn order(&self) -> Option<Order> {
        match self {
            it if it.is_end() => Some(Order::End),
            Self::NameBegins(_) => Some(Order::Name),
            it if it.is_list() && *it != Self::Revoked || it.is_creation() => Some(Order::Id),
            _ => None,
        }
    }

    /// Whether it is about when a key was made, which its identifier says too.
    pub(super) const fn is_creation(&self) -> bool {
        matches!(self, Self::CreatedFrom(_) | Self::CreatedBefore(_) | Self::UnusedSince(_))
    }

    /// What it says of the identifier. Identifiers begin with the millisecond.
    pub(super) fn push_id(&self, query: &mut Query) {
        match self {
            Self::CreatedFrom(at) => query.push(" AND k.id >= ", first_id(at.as_millis()), ""),
            Self::CreatedBefore(at) | Self::UnusedSince(at) => {
                query.push(" AND k.id < ", first_id(at.as_millis().saturating_add(1)), "");
            }
            _ => {}
        }
    }

    pub(super) fn push(&self, query: &mut Query) {
        match self {
            // In the words of the indexes that hold them.
            Self::Unrevoked => query.text(" AND k.standing <> 'revoked'"),
            Self::Revoked => query.text(" AND k.standing = 'revoked'"),
            Self::Active => query.text(" AND k.standing = 'active'"),
            Self::Inactive => query.text(" AND k.standing = 'inactive'"),
            Self::Personal(true) => query.text(" AND k.personal"),
            Self::Personal(false) => query.text(" AND NOT k.personal"),
            Self::Origin(origin) => {
                if *origin != Origin::Import {
                    query.text(" AND k.origin <> 'import'");
                }
                query.push(" AND k.origin = ", origin.as_str(), "");
            }
            Self::EndedAt(at) => query.push(concat!(" AND ", end!(), " <= "), at, ""),
            Self::RunsAt(at) => query.push(concat!(" AND ", end!(), " > "), at, ""),
            Self::EndsFrom(at) => {
                query.push(concat!(" AND k.expires_at IS NOT NULL AND ", end!(), " >= "), at, "");
            }
            Self::EndsBefore(at) => query.push(concat!(" AND ", end!(), " < "), at, ""),
            Self::Owner(id) => query.push(" AND k.owner_id = ", id, ""),
            Self::Mapped(id) => query.push(" AND k.mapped_user_id = ", id, ""),
            Self::Role(id) => query.push(" AND k.role_id = ", id, ""),
            Self::Api(id) => query.push(" AND k.api_id = ", id, ""),
            Self::CreatedFrom(at) => query.push(" AND k.created_at >= ", at, ""),
            Self::CreatedBefore(at) => query.push(" AND k.created_at < ", at, ""),
            Self::Search(search) => {
                query.push(" AND (k.name_key LIKE ", holding_name(Some(search)), " ESCAPE '\\'");
                query.push(" OR lower(k.description) LIKE ", holding_text(search), " ESCAPE '\\'");
                if let Some(it) = access_ids(search) {
                    query.text(" OR k.id IN ");
                    it.push_keys(query);
                }
                query.text(")");
            }
            Self::Access(it) => {
                query.text(" AND k.id IN ");
                it.push_keys(query);
            }
            Self::NotAccess(it) => {
                query.text(" AND k.id NOT IN ");
                it.push_keys(query);
            }
            Self::NameBegins(it) => {
                query.push(" AND k.name_key >= ", &it.from, "");
                query.push(" AND k.name_key < ", &it.before, "");
            }
            Self::NotNameBegins(it) => {
                query.push(" AND NOT (k.name_key >= ", &it.from, "");
                query.push(" AND k.name_key < ", &it.before, ")");
            }
            Self::NeverUsed => {
                query.text(" AND NOT EXISTS (SELECT 1 FROM secret_use n WHERE n.key_id = k.id)");
            }
            Self::UnusedSince(at) => {
                query.push(" AND k.created_at < ", at, "");
                query.push(
                    " AND NOT EXISTS (SELECT 1 FROM secret_use n WHERE n.key_id = k.id AND n.last_used_at >= ",
                    at,
                    ")",
                );
            }
            Self::Health(rule, now) => {
                query.text(" AND ");
                rule.push(query, *now);
            }
            Self::Without(words) => query.text(words),
        }
    }

    /// The fewest keys that an index can find for a filter: conditions that go together, each group by one index. The keys of one group are
    /// all that the filter finds, and usually more.
    pub(super) fn groups(all: &[Self]) -> Vec<Vec<Self>> {
        let mut groups: Vec<_> = all.iter().filter(|it| it.is_list()).map(|it| vec![it.clone()]).collect();
        // Ends and names have an index of live keys and one of revoked ones.
        let lane = all.iter().find(|it| matches!(it, Self::Unrevoked | Self::Revoked));
        let ends: Vec<_> = lane.into_iter().chain(all.iter().filter(|it| it.is_end())).cloned().collect();
        if lane.is_some() && ends.len() > 1 {
            groups.push(ends);
        }
        let made: Vec<_> = all.iter().filter(|it| it.is_creation()).cloned().collect();
        if !made.is_empty() {
            groups.push(made);
        }
        // All live keys, where there are no more.
        groups.extend(all.contains(&Self::Unrevoked).then(|| vec![Self::Unrevoked]));
        groups
    }
}

/// The access ids that a search can mean: the one that it is, or all that begin with it, where it is as much as lists show of one. None where no
/// access id is like it.
pub(in crate::keys) fn access_ids(search: &str) -> Option<Beginning> {
    /// What lists show behind the prefix.
    const HINT_CHARS: usize = 4;
    let from = search.trim().trim_end_matches('…');
    let is_like_one = !from.is_empty() && from.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    let is_hint = from.find('_').is_some_and(|at| from.len() > at + HINT_CHARS);
    // Nothing of what access ids are made of comes before a space.
    let end = if is_hint { '\u{10ffff}' } else { ' ' };
    is_like_one.then(|| Beginning { from: from.to_owned(), before: format!("{from}{end}") })
}

/// The first of all identifiers that keys made in a millisecond can have.
fn first_id(millis: i64) -> KeyId {
    // What lies beyond the 48 bits of an identifier's time comes before its first or after its last millisecond.
    const MILLIS_MAX: u64 = (1 << 48) - 1;
    let millis = u64::try_from(millis).unwrap_or(0).min(MILLIS_MAX);
    KeyId::from_u128(u128::from(millis) << 80)
}
