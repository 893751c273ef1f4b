//! Requests by hour and by day. An hour is written as its requests come; hours that are over for long become days.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::limits::{USAGE_DAYS_KEPT, USAGE_HOURS_KEPT};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::usage::Span;

use crate::db::PlainTx;
use crate::row::{Columns, Unreadable};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, ROWS_PURGED_MAX, padded, row_of, rows_of, statements};
use crate::value::{Argument, Value, args};
use crate::{Connection, Store, StoreResult};

/// Adds to what is there.
macro_rules! add {
    () => {
        " ON CONFLICT (seconds, since, key_id) DO UPDATE SET allowed = key_usage.allowed + excluded.allowed, \
         denied = key_usage.denied + excluded.denied"
    };
}

statements! {
    ADD_COUNT = concat!(
        "INSERT INTO key_usage (seconds, since, key_id, organization_id, allowed, denied) VALUES ($1, $2, $3, $4, $5, $6)",
        add!()
    );
    TAKE_BEFORE =
        "DELETE FROM key_usage WHERE (seconds, since, key_id) IN (SELECT u.seconds, u.since, u.key_id FROM key_usage u \
         WHERE u.seconds = $1 AND u.since < $2 ORDER BY u.since, u.key_id LIMIT $3) \
         RETURNING key_id, organization_id, since, allowed, denied";
}

static ADD_COUNTS: LazyLock<Bulk> = LazyLock::new(|| {
    let rows = rows_of(6);
    Bulk::new(format!(
        "INSERT INTO key_usage (seconds, since, key_id, organization_id, allowed, denied) VALUES {rows}{}",
        add!()
    ))
});

static FIND_COUNTS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(format!(
        "SELECT u.since, u.allowed, u.denied FROM key_usage u \
         WHERE u.organization_id = $1 AND u.key_id = $2 AND u.seconds = $3 AND u.since IN {}",
        row_of(ROWS_PER_STATEMENT, 3)
    ))
});

/// The same of several keys. Each pair of a start and a key is looked up where it stands, so that neither other keys nor other hours are read.
static FIND_PASSED: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(format!(
        "SELECT u.key_id, u.since, u.allowed FROM key_usage u WHERE u.organization_id = $1 AND u.seconds = $2 \
         AND u.since IN {} AND u.key_id IN {} AND u.allowed > 0",
        row_of(ROWS_PER_STATEMENT, 2),
        row_of(ROWS_PER_STATEMENT, 2 + ROWS_PER_STATEMENT)
    ))
});

/// Every statement that is put together here, by name.
pub(super) fn built_statements() -> [(String, String); 3] {
    [("ADD_COUNTS", &ADD_COUNTS), ("FIND_COUNTS", &FIND_COUNTS), ("FIND_PASSED", &FIND_PASSED)]
        .map(|(name, bulk)| (name.into(), bulk.portable.clone()))
}

/// Requests with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// That passed.
    pub allowed: u64,
    /// That were refused.
    pub denied: u64,
}

impl Counts {
    /// With others beside them.
    pub fn add(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
    }
}

/// Of which key, in which organization, in which span. The order is that of the table, so that neighbours are written together, and rows
/// locked in one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) span: Span,
    pub(super) since: Timestamp,
    pub(super) key_id: KeyId,
    pub(super) organization_id: OrganizationId,
}

fn seconds(span: Span) -> u64 {
    span.length().as_secs()
}

impl PlainTx {
    pub(super) async fn add_counts(&mut self, counts: BTreeMap<Cell, Counts>) -> StoreResult<()> {
        let row = |(it, counts): &(Cell, Counts)| {
            args![seconds(it.span), it.since, it.key_id, it.organization_id, counts.allowed, counts.denied]
        };
        let counts: Vec<_> = counts.into_iter().collect();
        let (whole, rest) = counts.as_chunks::<ROWS_PER_STATEMENT>();
        for rows in whole {
            self.execute_bulk(&ADD_COUNTS, rows.iter().flat_map(row).collect::<Vec<Value>>()).await?;
        }
        for one in rest {
            self.execute(ADD_COUNT, row(one)).await?;
        }
        Ok(())
    }

    /// Takes away the oldest of what began before an instant, so much that others need not wait long.
    async fn take_counts(&mut self, span: Span, before: Timestamp) -> StoreResult<Vec<(Cell, Counts)>> {
        let read = |it: &mut Columns<'_>| -> Result<_, Unreadable> {
            let (key_id, organization_id, since) = (it.next()?, it.next()?, it.next()?);
            Ok((Cell { span, since, key_id, organization_id }, Counts { allowed: it.next()?, denied: it.next()? }))
        };
        self.list(TAKE_BEFORE, args![seconds(span), before, ROWS_PURGED_MAX], "key_usage", read).await
    }
}

impl Connection {
    /// How many requests came with a key in the spans that begin at these instants, as far as they have been flushed. Spans without any are
    /// left out.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_counts(
        &mut self,
        tenant: &Tenant,
        key_id: KeyId,
        span: Span,
        starts: &[Timestamp],
    ) -> StoreResult<BTreeMap<Timestamp, Counts>> {
        let read = |it: &mut Columns<'_>| Ok((it.next()?, Counts { allowed: it.next()?, denied: it.next()? }));
        let mut counts = BTreeMap::new();
        for chunk in starts.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = args![tenant.organization_id(), key_id, seconds(span)];
            arguments.extend(padded(chunk, Timestamp::value));
            counts.extend(self.list_bulk(&FIND_COUNTS, arguments, "key_usage", read).await?);
        }
        Ok(counts)
    }

    /// How many requests with each of these keys passed in the spans that begin at these instants, as far as they have been flushed. Spans
    /// without any are left out.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_passed(
        &mut self,
        tenant: &Tenant,
        key_ids: &[KeyId],
        span: Span,
        starts: &[Timestamp],
    ) -> StoreResult<Vec<(KeyId, Timestamp, u64)>> {
        let mut passed = Vec::new();
        for keys in key_ids.chunks(ROWS_PER_STATEMENT) {
            for chunk in starts.chunks(ROWS_PER_STATEMENT) {
                let mut arguments = args![tenant.organization_id(), seconds(span)];
                arguments.extend(padded(chunk, Timestamp::value));
                arguments.extend(padded(keys, KeyId::value));
                let read = |it: &mut Columns<'_>| Ok((it.next()?, it.next()?, it.next()?));
                passed.extend(self.list_bulk(&FIND_PASSED, arguments, "key_usage", read).await?);
            }
        }
        Ok(passed)
    }
}

impl Store {
    /// Makes days of hours that are over for long, and forgets days that are: some of them, and whether there are more.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn fold_counts(&self, now: Timestamp) -> StoreResult<bool> {
        let hours_until = now.saturating_sub(Duration::from_secs(USAGE_HOURS_KEPT * 3600));
        let days_until = now.saturating_sub(Duration::from_secs(USAGE_DAYS_KEPT * 24 * 3600));
        let mut tx = self.begin_usage().await?;
        // Taken away by the statement that reads it, so of two nodes one finds an hour and the other does not.
        let hours = tx.take_counts(Span::Hour, Span::Hour.start_of(hours_until)).await?;
        let mut days: BTreeMap<Cell, Counts> = BTreeMap::new();
        for (hour, counts) in &hours {
            let day = Cell { span: Span::Day, since: Span::Day.start_of(hour.since), ..*hour };
            days.entry(day).or_default().add(*counts);
        }
        tx.add_counts(days).await?;
        let forgotten = tx.take_counts(Span::Day, Span::Day.start_of(days_until)).await?;
        tx.commit().await?;
        Ok(hours.len().max(forgotten.len()) as i64 >= ROWS_PURGED_MAX)
    }
}
