//! Requests by the version of the api that they called, and day.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::limits::USAGE_DAYS_KEPT;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::usage::Span;

use super::USES_PER_CHUNK_MAX;
use crate::row::Columns;
use crate::sql::{Bulk, ROWS_PER_STATEMENT, ROWS_PURGED_MAX, padded, row_of, rows_of, statements};
use crate::value::{Argument as _, Value, args};
use crate::{Connection, Store, StoreResult};

/// Adds to what is there.
macro_rules! add {
    () => {
        " ON CONFLICT (since, key_id, api_version) DO UPDATE SET allowed = version_use.allowed + excluded.allowed"
    };
}

statements! {
    ADD_VERSION_USE = concat!(
        "INSERT INTO version_use (since, key_id, api_version, organization_id, allowed) VALUES ($1, $2, $3, $4, $5)",
        add!()
    );
    FORGET_VERSION_USES =
        "DELETE FROM version_use WHERE (since, key_id, api_version) IN (SELECT v.since, v.key_id, v.api_version \
         FROM version_use v WHERE v.since < $1 ORDER BY v.since, v.key_id, v.api_version LIMIT $2)";
}

static ADD_VERSION_USES: LazyLock<Bulk> = LazyLock::new(|| {
    let rows = rows_of(5);
    Bulk::new(format!(
        "INSERT INTO version_use (since, key_id, api_version, organization_id, allowed) VALUES {rows}{}",
        add!()
    ))
});

static FIND_VERSION_USES: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(format!(
        "SELECT v.api_version, v.since, v.allowed FROM version_use v \
         WHERE v.organization_id = $1 AND v.key_id = $2 AND v.since IN {}",
        row_of(ROWS_PER_STATEMENT, 2)
    ))
});

/// Every statement that is put together here, by name.
pub(super) fn built_statements() -> [(String, String); 2] {
    [("ADD_VERSION_USES", &ADD_VERSION_USES), ("FIND_VERSION_USES", &FIND_VERSION_USES)]
        .map(|(name, bulk)| (name.into(), bulk.portable.clone()))
}

/// What is to be added to the requests with a key that called a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionUse {
    /// With which key.
    pub key_id: KeyId,
    /// In which organization it stands.
    pub organization_id: OrganizationId,
    /// The name of the version among those of the key's api.
    pub version: String,
    /// When: they count on that day in UTC.
    pub at: Timestamp,
    /// How many passed.
    pub count: u64,
}

/// The requests with a key that called a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionCount {
    /// How many passed.
    pub allowed: u64,
    /// When the last day begins on which one did.
    pub last_day: Timestamp,
}

/// In the order of the table, so that neighbours are written together, and rows locked in one order.
type Rows<'a> = BTreeMap<(Timestamp, KeyId, &'a str), (OrganizationId, u64)>;

impl Store {
    /// Adds requests, in chunks of [`USES_PER_CHUNK_MAX`], and takes away what is written: what is left after a failure is what has still to be added,
    /// and nothing is counted twice.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn record_version_uses(&self, uses: &mut Vec<VersionUse>) -> StoreResult<()> {
        while !uses.is_empty() {
            let chunk = &uses[..uses.len().min(USES_PER_CHUNK_MAX)];
            // One row for each: PostgreSQL refuses to add to a row twice in one statement.
            let mut rows = Rows::new();
            for it in chunk {
                let place = (Span::Day.start_of(it.at), it.key_id, it.version.as_str());
                rows.entry(place).or_insert((it.organization_id, 0)).1 += it.count;
            }
            let rows = rows.into_iter().map(|(place, (organization_id, count))| {
                let (since, key_id, version) = place;
                args![since, key_id, version, organization_id, count]
            });
            let rows: Vec<Vec<Value>> = rows.collect();
            let mut tx = self.begin_usage().await?;
            let (whole, rest) = rows.as_chunks::<ROWS_PER_STATEMENT>();
            for rows in whole {
                tx.execute_bulk(&ADD_VERSION_USES, rows.concat()).await?;
            }
            for row in rest {
                tx.execute(ADD_VERSION_USE, row.clone()).await?;
            }
            tx.commit().await?;
            uses.drain(..uses.len().min(USES_PER_CHUNK_MAX));
        }
        Ok(())
    }

    /// Forgets days that are over for longer than days are kept: some of them, and whether there are more.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn forget_version_uses(&self, now: Timestamp) -> StoreResult<bool> {
        let until = now.saturating_sub(Duration::from_secs(USAGE_DAYS_KEPT * 24 * 3600));
        let mut tx = self.begin_usage().await?;
        let forgotten = tx.execute(FORGET_VERSION_USES, args![Span::Day.start_of(until), ROWS_PURGED_MAX]).await?;
        tx.commit().await?;
        Ok(forgotten >= ROWS_PURGED_MAX.unsigned_abs())
    }
}

impl Connection {
    /// How many requests with a key called which version on the days that begin at these instants, as far as they have been flushed. Versions
    /// without any are left out, and ones that the api no longer has may be among them.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_version_uses(
        &mut self,
        tenant: &Tenant,
        key_id: KeyId,
        days: &[Timestamp],
    ) -> StoreResult<BTreeMap<String, VersionCount>> {
        let read = |it: &mut Columns<'_>| Ok((it.next::<String>()?, it.next::<Timestamp>()?, it.next::<u64>()?));
        let mut versions: BTreeMap<String, VersionCount> = BTreeMap::new();
        for chunk in days.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = args![tenant.organization_id(), key_id];
            arguments.extend(padded(chunk, Timestamp::value));
            for (version, day, allowed) in self.list_bulk(&FIND_VERSION_USES, arguments, "version_use", read).await? {
                let count = versions.entry(version).or_insert(VersionCount { allowed: 0, last_day: day });
                count.allowed += allowed;
                count.last_day = count.last_day.max(day);
            }
        }
        Ok(versions)
    }
}
