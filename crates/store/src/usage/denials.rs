//! The latest requests that were refused although their key is known.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::limits::{DENIAL_DAYS_KEPT, DENIALS_PER_KEY_MAX};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::usage::Span;

use super::counts::{Cell, Counts};
use super::shortened;
use crate::row::{Columns, Unreadable};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, ROWS_PURGED_MAX, padded, row_of, rows_of, statements};
use crate::value::{Argument as _, args};
use crate::{Connection, Store, StoreResult};

/// Keys whose refused requests are written at a time.
pub const DENIED_KEYS_PER_CHUNK: usize = ROWS_PER_STATEMENT;

statements! {
    FIND_DENIALS =
        "SELECT d.denied_at, d.code, d.ip, d.user_agent FROM denied_request d \
         WHERE d.organization_id = $1 AND d.key_id = $2 ORDER BY d.denied_at DESC";
    FORGET_DENIALS =
        "DELETE FROM denied_request WHERE (key_id, denied_at) IN (SELECT d.key_id, d.denied_at FROM denied_request d \
         WHERE d.denied_at < $1 ORDER BY d.denied_at LIMIT $2)";
}

static ADD_DENIALS: LazyLock<Bulk> = LazyLock::new(|| {
    // Two of one microsecond are counted as two and shown as one.
    Bulk::new(format!(
        "INSERT INTO denied_request (key_id, denied_at, organization_id, code, ip, user_agent) VALUES {} \
         ON CONFLICT (key_id, denied_at) DO NOTHING",
        rows_of(6)
    ))
});

static KEEP_LATEST: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(format!(
        "DELETE FROM denied_request WHERE key_id IN {} AND denied_at < (SELECT d.denied_at FROM denied_request d \
         WHERE d.key_id = denied_request.key_id ORDER BY d.denied_at DESC LIMIT 1 OFFSET {})",
        row_of(ROWS_PER_STATEMENT, 0),
        DENIALS_PER_KEY_MAX - 1
    ))
});

/// Every statement that is put together here, by name.
pub(super) fn built_statements() -> [(String, String); 2] {
    [("ADD_DENIALS".into(), ADD_DENIALS.portable.clone()), ("KEEP_LATEST".into(), KEEP_LATEST.portable.clone())]
}

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// When.
    pub at: Timestamp,
    /// Why: a code of `claviger_core::reject::RejectCode`. Kept as text, since a later release may know others.
    pub code: String,
    /// From where.
    pub ip: Option<IpAddr>,
    /// What the client said it is.
    pub user_agent: Option<String>,
}

/// What was refused of one key since the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDenials {
    /// Of which key.
    pub key_id: KeyId,
    /// In which organization.
    pub organization_id: OrganizationId,
    /// How many requests.
    pub count: u64,
    /// The latest of them, oldest first.
    pub latest: Vec<Denial>,
}

impl KeyDenials {
    /// In which hour they count: that of the latest.
    fn cell(&self) -> Option<Cell> {
        let since = Span::Hour.start_of(self.latest.last()?.at);
        Some(Cell { span: Span::Hour, since, key_id: self.key_id, organization_id: self.organization_id })
    }
}

fn denial(it: &mut Columns<'_>) -> Result<Denial, Unreadable> {
    Ok(Denial { at: it.next()?, code: it.next()?, ip: it.next()?, user_agent: it.next()? })
}

impl Store {
    /// Adds the refused requests of [`DENIED_KEYS_PER_CHUNK`] keys at most to the counts, and keeps the latest [`DENIALS_PER_KEY_MAX`] of
    /// each. All nodes have to hand them over in the order of the keys, so that rows are locked in one order.
    ///
    /// # Errors
    /// What any statement can meet; then nothing is written.
    pub async fn record_denials(&self, keys: &[KeyDenials]) -> StoreResult<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut tx = self.begin_usage().await?;
        let mut counts: BTreeMap<Cell, Counts> = BTreeMap::new();
        let mut rows = Vec::new();
        for key in keys {
            rows.extend(key.latest.iter().map(|it| {
                let user_agent = it.user_agent.as_deref().map(shortened);
                args![key.key_id, it.at, key.organization_id, it.code, it.ip, user_agent]
            }));
            if let Some(cell) = key.cell() {
                counts.entry(cell).or_default().add(Counts { allowed: 0, denied: key.count });
            }
        }
        for chunk in rows.chunks(ROWS_PER_STATEMENT) {
            // The last row again and again fills up the statement, and is there already.
            let last = chunk.last().into_iter().cycle();
            let arguments = chunk.iter().chain(last).take(ROWS_PER_STATEMENT).flatten().cloned().collect();
            tx.execute_bulk(&ADD_DENIALS, arguments).await?;
        }
        tx.execute_bulk(&KEEP_LATEST, padded(keys, |it| it.key_id.value())).await?;
        tx.add_counts(counts).await?;
        tx.commit().await
    }

    /// Forgets refused requests that are older than they are kept: some of them, and whether there are more.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn forget_denials(&self, now: Timestamp) -> StoreResult<bool> {
        let until = now.saturating_sub(Duration::from_secs(DENIAL_DAYS_KEPT * 24 * 3600));
        let mut tx = self.begin_usage().await?;
        let forgotten = tx.execute(FORGET_DENIALS, args![until, ROWS_PURGED_MAX]).await?;
        tx.commit().await?;
        Ok(forgotten >= ROWS_PURGED_MAX.unsigned_abs())
    }
}

impl Connection {
    /// The latest refused requests of a key, newest first, as far as they have been flushed.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_denials(&mut self, tenant: &Tenant, key_id: KeyId) -> StoreResult<Vec<Denial>> {
        self.list(FIND_DENIALS, args![tenant.organization_id(), key_id], "denied_request", denial).await
    }
}
