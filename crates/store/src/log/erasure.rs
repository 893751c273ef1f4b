//! Erasing what an event tells. The event itself stays where it is, with its commitment, so that the chain leads through it as before.

use claviger_core::id::EventId;
use claviger_core::tenant::Tenant;

use crate::sql::statements;
use crate::value::args;
use crate::{StoreResult, Tx};

statements! {
    FIND_TOLD = "SELECT e.commitment, b.epoch, b.seq, b.body FROM event e \
                 LEFT JOIN event_body b ON b.stream = e.stream AND b.epoch = e.epoch AND b.seq = e.seq \
                 WHERE e.id = $1 AND e.organization_id = $2 AND e.stream = 'change'";
    /// Of the same length, so that an embedded engine writes it where the other one stood, and no page of it is set free as it is.
    OVERWRITE_BODY = "UPDATE event_body SET salt = $1, body = $2 WHERE stream = 'change' AND epoch = $3 AND seq = $4";
    DELETE_BODY = "DELETE FROM event_body WHERE stream = 'change' AND epoch = $1 AND seq = $2";
    FIND_HOST_BODY = "SELECT e.body FROM host_event e WHERE e.id = $1 AND e.organization_id = $2";
    OVERWRITE_HOST_BODY = "UPDATE host_event SET fingerprint = $1, body = $2 WHERE id = $3 AND organization_id = $4 AND body IS NOT NULL";
    DELETE_HOST_BODY = "UPDATE host_event SET body = NULL WHERE id = $1 AND organization_id = $2";
}

/// What came of erasing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erased {
    /// It told something, which is gone now.
    Now,
    /// It had been erased before.
    Before,
    /// It never told more than that it happened.
    Nothing,
}

/// As many bytes as a text has, which say nothing.
fn blank(text: &str) -> String {
    "x".repeat(text.len())
}

impl Tx {
    /// Erases what a change in the tenant's organization tells; nothing where there is no such change.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn erase_event(&mut self, tenant: &Tenant, id: EventId) -> StoreResult<Option<Erased>> {
        let found = self
            .find(FIND_TOLD, args![id, tenant.organization_id()], "event", |it| {
                let committed = it.next::<Option<Vec<u8>>>()?.is_some();
                let place = (it.next::<Option<u64>>()?, it.next::<Option<u64>>()?);
                Ok((committed, place, it.next::<Option<String>>()?))
            })
            .await?;
        let Some((committed, place, body)) = found else { return Ok(None) };
        let ((Some(epoch), Some(seq)), Some(body)) = (place, body) else {
            return Ok(Some(if committed { Erased::Before } else { Erased::Nothing }));
        };
        // Who erases it at the same time comes first or second: the second finds no row to write.
        let written = self.execute(OVERWRITE_BODY, args![[0_u8; 32], blank(&body), epoch, seq]).await?;
        self.execute(DELETE_BODY, args![epoch, seq]).await?;
        Ok(Some(if written > 0 { Erased::Now } else { Erased::Before }))
    }

    /// Erases what a host told of an event in the tenant's organization; nothing where there is no such event. With it goes the fingerprint, by
    /// which what it told could be guessed: the same report under the same name is refused from then on as another one.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn erase_host_event(&mut self, tenant: &Tenant, id: EventId) -> StoreResult<Option<Erased>> {
        let organization_id = tenant.organization_id();
        let read = |it: &mut crate::row::Columns<'_>| it.next::<Option<String>>();
        let Some(body) = self.find(FIND_HOST_BODY, args![id, organization_id], "host_event", read).await? else {
            return Ok(None);
        };
        // One that told nothing is not told apart from one that was erased: nothing of it is left to be erased.
        let Some(body) = body else { return Ok(Some(Erased::Before)) };
        let written = self.execute(OVERWRITE_HOST_BODY, args![[0_u8; 32], blank(&body), id, organization_id]).await?;
        self.execute(DELETE_HOST_BODY, args![id, organization_id]).await?;
        Ok(Some(if written > 0 { Erased::Now } else { Erased::Before }))
    }
}
