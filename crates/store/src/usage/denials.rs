//! The latest requests that were refused although their key is known.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::limits::{DENIAL_DAYS_KEPT, DENIALS_PER_KEY_MAX};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::usage::Span;

use super::counts::{Cell, Counts};
use super::shortened;
use crate::row::{Columns, Unreadable};
use crate::sql::{ROWS_PURGED_MAX, statements};
use crate::value::args;
use crate::{Connection, Store, StoreResult};

/// Keys whose denials are written at a time, with as many rows each as are kept.
const KEYS_PER_CHUNK: usize = 50;

statements! {
    // Two of one microsecond are counted as two and shown as one.
    ADD_DENIAL =
        "INSERT INTO denied_request (key_id, denied_at, organization_id, code, ip, user_agent) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (key_id, denied_at) DO NOTHING";
    KEEP_LATEST =
        "DELETE FROM denied_request WHERE key_id = $1 AND denied_at < (SELECT d.denied_at FROM denied_request d \
         WHERE d.key_id = $1 ORDER BY d.denied_at DESC LIMIT 1 OFFSET $2)";
    FIND_DENIALS =
        "SELECT d.denied_at, d.code, d.ip, d.user_agent FROM denied_request d \
         WHERE d.organization_id = $1 AND d.key_id = $2 ORDER BY d.denied_at DESC";
    FORGET_DENIALS =
        "DELETE FROM denied_request WHERE (key_id, denied_at) IN (SELECT d.key_id, d.denied_at FROM denied_request d \
         WHERE d.denied_at < $1 ORDER BY d.denied_at LIMIT $2)";
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
    /// Adds refused requests to the counts, and keeps the latest [`DENIALS_PER_KEY_MAX`] of each key.
    ///
    /// # Errors
    /// What any statement can meet; then some keys' may have been written.
    pub async fn record_denials(&self, keys: &[KeyDenials]) -> StoreResult<()> {
        for chunk in keys.chunks(KEYS_PER_CHUNK) {
            let mut tx = self.begin_usage().await?;
            let mut counts: BTreeMap<Cell, Counts> = BTreeMap::new();
            for key in chunk {
                for it in &key.latest {
                    let user_agent = it.user_agent.as_deref().map(shortened);
                    let row = args![key.key_id, it.at, key.organization_id, it.code, it.ip, user_agent];
                    tx.execute(ADD_DENIAL, row).await?;
                }
                tx.execute(KEEP_LATEST, args![key.key_id, DENIALS_PER_KEY_MAX as i64 - 1]).await?;
                if let Some(cell) = key.cell() {
                    counts.entry(cell).or_default().add(Counts { allowed: 0, denied: key.count });
                }
            }
            tx.add_counts(counts).await?;
            tx.commit().await?;
        }
        Ok(())
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
