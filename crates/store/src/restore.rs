//! What a restore ends of what it has brought back, in the transaction that brings it back.

use std::fmt;
use std::ops::{Deref, DerefMut};

use claviger_core::event::{Event, EventKind, Position};
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::limits::ROWS_PER_EVENT_MAX;
use claviger_core::time::Timestamp;

use crate::sql::statements;
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

statements! {
    END_SESSIONS = "DELETE FROM session";
    END_LINKS = "DELETE FROM link WHERE used_at IS NULL";
    /// What has expired cannot act, and is left as it is.
    QUARANTINE =
        "UPDATE key SET standing = 'inactive', version = version + 1, updated_at = $1 WHERE id IN (\
         SELECT k.id FROM key k WHERE k.organization_id = $2 AND k.standing = 'active' AND coalesce(k.expires_at, $3) > $1 \
         AND k.id > $4 ORDER BY k.id LIMIT $5) RETURNING id";
    /// A key that was changed since is somebody's decision, and not the restore's any more.
    LIFT_QUARANTINE =
        "UPDATE key SET standing = 'active', version = version + 1, updated_at = $1 WHERE id IN (\
         SELECT k.id FROM key k WHERE k.organization_id = $2 AND k.standing = 'inactive' AND k.updated_at = $3 \
         ORDER BY k.id LIMIT $4) RETURNING id";
    HAS_QUARANTINED =
        "SELECT 1 FROM key k WHERE k.organization_id = $1 AND k.standing = 'inactive' AND k.updated_at = $2 LIMIT 1";
    FIND_LATEST =
        "SELECT e.at FROM event e WHERE e.organization_id = $1 AND e.stream = 'change' AND e.kind = $2 \
         ORDER BY e.epoch DESC, e.seq DESC LIMIT 1";
}

/// An import that is whole and not committed: what stands there nobody else sees yet, and is gone when this is dropped.
pub struct Restoration {
    tx: Tx,
    rows: u64,
}

impl Restoration {
    pub(crate) const fn new(tx: Tx, rows: u64) -> Self {
        Self { tx, rows }
    }

    /// Writes the event of what was done since the one before. There may be any number of them.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn note(&mut self, event: Event) -> StoreResult<Position> {
        self.tx.note(event).await
    }

    /// Ends all console sessions and all one-time links that nobody has used, and says how many of each.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn end_sessions_unchecked(&mut self) -> StoreResult<(u64, u64)> {
        let sessions = self.tx.execute(END_SESSIONS, args![]).await?;
        Ok((sessions, self.tx.execute(END_LINKS, args![]).await?))
    }

    /// Switches off the next keys of an organization that could act, at most [`ROWS_PER_EVENT_MAX`], in the order of their identifiers.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn quarantine_keys_unchecked(
        &mut self,
        organization_id: OrganizationId,
        after: Option<KeyId>,
        at: Timestamp,
    ) -> StoreResult<Vec<KeyId>> {
        let after = after.map(|it| it.to_string()).unwrap_or_default();
        let arguments = args![at, organization_id, i64::MAX, after, ROWS_PER_EVENT_MAX as i64];
        self.tx.write_keys(QUARANTINE, arguments).await
    }

    /// Commits, and says how many rows were brought back.
    ///
    /// # Errors
    /// What any statement can meet; then nothing was brought back.
    pub async fn commit(mut self) -> StoreResult<u64> {
        self.tx.write_key_counts().await?;
        self.tx.commit_engine().await?;
        Ok(self.rows)
    }
}

impl Connection {
    /// When something of this kind happened last in an organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_latest_unchecked(
        &mut self,
        organization_id: OrganizationId,
        kind: EventKind,
    ) -> StoreResult<Option<Timestamp>> {
        self.find(FIND_LATEST, args![organization_id, kind.as_str()], "event", |it| it.next()).await
    }

    /// Whether an organization has a key that a restore has switched off at this instant, and nobody has changed since.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn has_quarantined_unchecked(
        &mut self,
        organization_id: OrganizationId,
        at: Timestamp,
    ) -> StoreResult<bool> {
        Ok(self.fetch_optional(HAS_QUARANTINED, args![organization_id, at]).await?.is_some())
    }
}

impl Tx {
    /// Switches the next keys of an organization on again that a restore has switched off at this instant, at most [`ROWS_PER_EVENT_MAX`].
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn lift_quarantine_unchecked(
        &mut self,
        organization_id: OrganizationId,
        quarantined_at: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Vec<KeyId>> {
        let arguments = args![now, organization_id, quarantined_at, ROWS_PER_EVENT_MAX as i64];
        self.write_keys(LIFT_QUARANTINE, arguments).await
    }

    /// Runs a statement that changes keys and answers which.
    async fn write_keys(
        &mut self,
        statement: &'static str,
        arguments: Vec<crate::value::Value>,
    ) -> StoreResult<Vec<KeyId>> {
        let mut ids: Vec<KeyId> = self.list(statement, arguments, "key", |it| it.next()).await?;
        ids.sort_unstable();
        ids.iter().for_each(|it| self.touch(*it));
        Ok(ids)
    }
}

impl Deref for Restoration {
    type Target = Tx;
    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl DerefMut for Restoration {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}

impl fmt::Debug for Restoration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restoration").field("rows", &self.rows).finish_non_exhaustive()
    }
}
