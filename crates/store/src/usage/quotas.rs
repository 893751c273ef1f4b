//! What keys have used of the quota of a day. Written ahead, so that what is lost with a process is lost of what it had not used yet; several nodes
//! write into one row, and each learns by its own writing what the others have used.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::Duration;

use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::limits::QUOTA_HOURS_KEPT;
use claviger_core::quota::{DayUse, day_of};
use claviger_core::time::Timestamp;

use crate::row::{Columns, Unreadable};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, ROWS_PURGED_MAX, rows_of, statements};
use crate::value::{Value, args};
use crate::{Connection, Store, StoreResult};

/// Keys whose quotas are written at a time.
pub const QUOTAS_PER_CHUNK_MAX: usize = 1000;

/// Adds to what is there, and says what stands there then. `used` is below zero where less was used than was written ahead.
macro_rules! add {
    () => {
        " ON CONFLICT (day, key_id) DO UPDATE SET used = quota_use.used + excluded.used RETURNING day, key_id, used"
    };
}

statements! {
    ADD_QUOTA = concat!("INSERT INTO quota_use (day, key_id, organization_id, used) VALUES ($1, $2, $3, $4)", add!());
    PAGE_QUOTAS =
        "SELECT q.key_id, q.used FROM quota_use q WHERE q.day = $1 AND q.key_id > $2 ORDER BY q.key_id LIMIT $3";
    FORGET_QUOTAS =
        "DELETE FROM quota_use WHERE (day, key_id) IN (SELECT q.day, q.key_id FROM quota_use q WHERE q.day < $1 \
         ORDER BY q.day, q.key_id LIMIT $2)";
}

static ADD_QUOTAS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(format!("INSERT INTO quota_use (day, key_id, organization_id, used) VALUES {}{}", rows_of(4), add!()))
});

/// Every statement that is put together here, by name.
pub(super) fn built_statements() -> [(String, String); 1] {
    [("ADD_QUOTAS".into(), ADD_QUOTAS.portable.clone())]
}

/// What is to be added to what a key has used of a day's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaUse {
    /// Which key.
    pub key_id: KeyId,
    /// In which organization.
    pub organization_id: OrganizationId,
    /// Of which day, counted from 1 January 1970.
    pub day: u32,
    /// How many requests; below zero to take some back.
    pub add: i64,
}

impl QuotaUse {
    fn arguments(&self) -> Vec<Value> {
        args![i64::from(self.day), self.key_id, self.organization_id, self.add]
    }
}

fn total(it: &mut Columns<'_>) -> Result<((u32, KeyId), u64), Unreadable> {
    let (day, key_id, used) = (it.next::<i64>()?, it.next()?, it.next::<i64>()?);
    Ok(((u32::try_from(day).unwrap_or_default(), key_id), u64::try_from(used).unwrap_or_default()))
}

impl Store {
    /// Adds to what keys have used of their quotas, at most [`QUOTAS_PER_CHUNK_MAX`] of them at once and no key twice, and says what stands there then,
    /// by day and key. All nodes have to hand them over in the order of days and keys, so that rows are locked in one order.
    ///
    /// # Errors
    /// What any statement can meet; then nothing is written, unless the connection was lost while it was.
    pub async fn add_quota_uses(&self, uses: &[QuotaUse]) -> StoreResult<HashMap<(u32, KeyId), u64>> {
        let mut totals = HashMap::with_capacity(uses.len());
        let mut tx = self.begin_usage().await?;
        let (whole, rest) = uses.as_chunks::<ROWS_PER_STATEMENT>();
        for rows in whole {
            let arguments = rows.iter().flat_map(QuotaUse::arguments).collect();
            totals.extend(tx.list_bulk(&ADD_QUOTAS, arguments, "quota_use", total).await?);
        }
        for row in rest {
            totals.extend(tx.list(ADD_QUOTA, row.arguments(), "quota_use", total).await?);
        }
        tx.commit().await?;
        Ok(totals)
    }

    /// Forgets what was used of the quotas of days that are over for long: some of them, and whether there are more.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn forget_quotas(&self, now: Timestamp) -> StoreResult<bool> {
        let before = day_of(now.saturating_sub(Duration::from_secs(QUOTA_HOURS_KEPT * 3600)));
        let mut tx = self.begin_usage().await?;
        let forgotten = tx.execute(FORGET_QUOTAS, args![i64::from(before), ROWS_PURGED_MAX]).await?;
        tx.commit().await?;
        Ok(forgotten >= ROWS_PURGED_MAX.unsigned_abs())
    }
}

impl Connection {
    /// What keys have used of the quota of the day in which `now` lies, `limit` keys at most behind one of them, in their order.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_quota_uses_unchecked(
        &mut self,
        now: Timestamp,
        after: Option<KeyId>,
        limit: u32,
    ) -> StoreResult<Vec<(KeyId, DayUse)>> {
        let day = day_of(now);
        let after = after.map(|it| it.to_string()).unwrap_or_default();
        let read = |it: &mut Columns<'_>| {
            let (key_id, used) = (it.next()?, it.next::<i64>()?);
            Ok((key_id, DayUse { day, used: u64::try_from(used).unwrap_or_default() }))
        };
        self.list(PAGE_QUOTAS, args![i64::from(day), after, i64::from(limit)], "quota_use", read).await
    }
}
