//! How a list goes through keys: along an index in the order of the list, in windows of so many rows, whatever the filter lets through of them.

use claviger_core::id::KeyId;
use claviger_core::tenant::Tenant;

use super::condition::{Condition, Query, end};
use crate::row::{Columns, Unreadable};
use crate::value::{Argument, Value};

/// By what the rows of a walk are in order; all by their identifier in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Id,
    Name,
    End,
    Owner,
    Mapped,
    /// The last use, by an index of the uses.
    Used,
}

impl Order {
    /// What comes before the identifier.
    const fn value(self) -> Option<&'static str> {
        match self {
            Self::Id => None,
            Self::Name => Some("k.name_key"),
            Self::End => Some(end!()),
            Self::Owner => Some("k.owner_id"),
            Self::Mapped => Some("k.mapped_user_id"),
            Self::Used => Some("k.used_at"),
        }
    }

    /// The same where rows come straight from their tables.
    const fn at_source(self) -> (Option<&'static str>, &'static str) {
        match self {
            Self::Used => (Some("u.last_used_at"), "u.key_id"),
            other => (other.value(), "k.id"),
        }
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::End | Self::Used)
    }

    /// Which keys its index holds.
    const fn holds(self) -> &'static str {
        match self {
            Self::Owner => " AND k.owner_id IS NOT NULL",
            Self::Mapped => " AND k.mapped_user_id IS NOT NULL",
            Self::Id | Self::Name | Self::End | Self::Used => "",
        }
    }
}

/// What a row is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Number(i64),
    Text(String),
}

impl Mark {
    /// Reads what a cursor says; none where it says something else.
    pub(super) fn parse(order: Order, text: &str) -> Option<Self> {
        if order.is_number() { text.parse().ok().map(Self::Number) } else { Some(Self::Text(text.to_owned())) }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    fn value(&self) -> Value {
        match self {
            Self::Number(number) => number.value(),
            Self::Text(text) => text.value(),
        }
    }
}

/// The place of a row in a walk.
pub(super) type Spot = (Mark, String);

/// A part of a list: rows that one index has in order.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    /// What a cursor calls it.
    pub(super) name: String,
    pub(super) order: Order,
    pub(super) descending: bool,
    /// What the index answers: it narrows what is looked at. Several alternatives are walked side by side.
    pub(super) lanes: Vec<Vec<Condition>>,
    /// What every row of it is asked besides.
    pub(super) besides: Vec<Condition>,
}

/// A few keys that an index finds, whatever their order: at most so many.
pub(super) struct Few<'a> {
    pub(super) group: &'a [Condition],
    pub(super) at_most: usize,
}

/// Which rows are asked for.
pub(super) struct Ask<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) walk: &'a Walk,
    pub(super) lane: &'a [Condition],
    pub(super) after: Option<&'a Spot>,
}

impl Ask<'_> {
    fn organization(&self, query: &mut Query) {
        match self.walk.order {
            Order::Used => {
                query.push(" WHERE u.key_id = k.id AND u.organization_id = ", self.tenant.organization_id(), "")
            }
            _ => query.push(" WHERE k.organization_id = ", self.tenant.organization_id(), ""),
        }
    }

    fn source(&self, query: &mut Query) {
        query.text(match self.walk.order {
            // The uses come first, whatever the engine thinks of it.
            Order::Used => "secret_use u CROSS JOIN key k",
            _ => "key k",
        });
    }

    /// The condition that it lies behind a place.
    fn behind(&self, query: &mut Query, value: Option<&'static str>, id: &'static str) {
        let Some((mark, after)) = self.after else { return };
        let than = if self.walk.descending { " < " } else { " > " };
        if let Some(value) = value {
            // Said twice: the first is what every engine sees an index in.
            query.text(" AND ");
            query.text(value);
            query.push_value(if self.walk.descending { " <= " } else { " >= " }, mark.value(), " AND (");
            query.text(value);
            query.text(", ");
            query.text(id);
            query.text(")");
            query.text(than);
            query.push_value("(", mark.value(), "");
            query.push(", ", after, ")");
        } else {
            query.text(" AND ");
            query.text(id);
            query.text(than);
            query.push("", after, "");
        }
    }

    fn sorted(&self, query: &mut Query, value: Option<&'static str>, id: &'static str) {
        let direction = if self.walk.descending { " DESC" } else { "" };
        query.text(" ORDER BY ");
        if let Some(value) = value {
            query.text(value);
            query.text(direction);
            query.text(", ");
        }
        query.text(id);
        query.text(direction);
    }

    /// What an index narrows, from a place on.
    fn narrowed(&self, query: &mut Query) {
        let (value, id) = self.walk.order.at_source();
        self.organization(query);
        for condition in self.lane {
            match condition {
                it if it.is_creation() => it.push_id(query),
                it => it.push(query),
            }
        }
        query.text(self.walk.order.holds());
        self.behind(query, value, id);
    }

    fn selected(&self, query: &mut Query, value: Option<&'static str>, id: &'static str) {
        query.text("SELECT ");
        query.text(id);
        query.text(", ");
        query.text(value.unwrap_or("''"));
        query.text(" FROM ");
    }

    /// The rows that meet `rest`, of a window of so many. Nothing beyond the window is looked at.
    pub(super) fn window(&self, rest: &[Condition], window: usize, rows: usize) -> Query {
        let (value, id) = self.walk.order.at_source();
        let mut query = Query::default();
        if rest.is_empty() {
            self.selected(&mut query, value, id);
            self.source(&mut query);
            self.narrowed(&mut query);
            self.sorted(&mut query, value, id);
        } else {
            // Two secrets of a key may have been used at the same time.
            query.text(if self.walk.order == Order::Used { "SELECT DISTINCT " } else { "SELECT " });
            query.text("k.id, ");
            query.text(self.walk.order.value().unwrap_or("''"));
            query.text(" FROM (SELECT k.*");
            if self.walk.order == Order::Used {
                query.text(", u.last_used_at AS used_at");
            }
            query.text(" FROM ");
            self.source(&mut query);
            self.narrowed(&mut query);
            self.sorted(&mut query, value, id);
            query.push(" LIMIT ", limit(window), ") k");
            query.push(" WHERE k.organization_id = ", self.tenant.organization_id(), "");
            query.all(rest);
            self.sorted(&mut query, self.walk.order.value(), "k.id");
        }
        query.push(" LIMIT ", limit(rows), "");
        query
    }

    /// The last row of a window, if it is full.
    pub(super) fn end_of_window(&self, window: usize) -> Query {
        let (value, id) = self.walk.order.at_source();
        let mut query = Query::default();
        self.selected(&mut query, value, id);
        self.source(&mut query);
        self.narrowed(&mut query);
        self.sorted(&mut query, value, id);
        query.push(" LIMIT 1 OFFSET ", limit(window.saturating_sub(1)), "");
        query
    }

    /// The rows that meet `rest`, of a few.
    pub(super) fn of_few(&self, few: &Few<'_>, rest: &[Condition], rows: usize) -> Query {
        let value = self.walk.order.value();
        let mut query = Query::default();
        self.selected(&mut query, value, "k.id");
        few.push(&mut query, self.tenant, self.walk.order == Order::Used);
        query.push(" WHERE k.organization_id = ", self.tenant.organization_id(), "");
        query.all(self.lane);
        query.all(rest);
        query.text(match self.walk.order {
            Order::Used => " AND k.used_at IS NOT NULL",
            other => other.holds(),
        });
        self.behind(&mut query, value, "k.id");
        self.sorted(&mut query, value, "k.id");
        query.push(" LIMIT ", limit(rows), "");
        query
    }

    /// Reads a row of any of these.
    pub(super) fn spot(&self, it: &mut Columns<'_>) -> Result<Spot, Unreadable> {
        let id = it.next::<KeyId>()?.to_string();
        let mark = if self.walk.order.is_number() { Mark::Number(it.next()?) } else { Mark::Text(it.next()?) };
        Ok((mark, id))
    }
}

impl Few<'_> {
    /// What they are selected from, called `k`. The limit inside is a wall: no engine looks through it for another way in.
    pub(super) fn push(&self, query: &mut Query, tenant: &Tenant, with_use: bool) {
        if with_use {
            query.text(
                "(SELECT k.*, (SELECT max(n.last_used_at) FROM secret_use n WHERE n.key_id = k.id) AS used_at FROM ",
            );
        }
        query.text("(SELECT k.* FROM key k");
        self.narrowed(query, tenant);
        query.text(") k");
        if with_use {
            query.text(") k");
        }
    }

    fn narrowed(&self, query: &mut Query, tenant: &Tenant) {
        query.push(" WHERE k.organization_id = ", tenant.organization_id(), "");
        for condition in self.group {
            match condition {
                it if it.is_creation() => it.push_id(query),
                it => it.push(query),
            }
        }
        // In the order of the index that finds them: an engine that expects many would look for the first of them anywhere, and where there
        // are few it would look through all keys.
        query.text(match self.group.iter().find_map(Condition::order) {
            Some(Order::End) => concat!(" ORDER BY ", end!(), ", k.id"),
            Some(Order::Name) => " ORDER BY k.name_key, k.id",
            Some(_) => " ORDER BY k.id",
            None => "",
        });
        query.push(" LIMIT ", limit(self.at_most), "");
    }

    /// How many there are, up to the limit.
    pub(super) fn count(&self, tenant: &Tenant) -> Query {
        let mut query = Query::default();
        query.text("SELECT count(*) FROM (SELECT 1 AS one FROM key k");
        self.narrowed(&mut query, tenant);
        query.text(") counted");
        query
    }

    /// How many there are, up to the limit, and how many of them meet `rest`.
    pub(super) fn count_meeting(&self, tenant: &Tenant, rest: &[Condition]) -> Query {
        let mut query = Query::default();
        query.push("SELECT count(*), CAST(sum(CASE WHEN k.organization_id = ", tenant.organization_id(), "");
        query.all(rest);
        query.text(" THEN 1 ELSE 0 END) AS BIGINT) FROM ");
        self.push(&mut query, tenant, false);
        query
    }

    /// On what they hang, up to the limit, whether they meet `rest`, and how many each time.
    pub(super) fn count_hanging(&self, tenant: &Tenant, rest: &[Condition]) -> Query {
        let mut query = Query::default();
        query.text("SELECT k.role_id, k.owner_id, k.mapped_user_id, k.reach, ");
        query.push("CASE WHEN k.organization_id = ", tenant.organization_id(), "");
        query.all(rest);
        query.text(" THEN 1 ELSE 0 END, count(*) FROM ");
        self.push(&mut query, tenant, false);
        query.text(" GROUP BY 1, 2, 3, 4, 5");
        query
    }
}

fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
