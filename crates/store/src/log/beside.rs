//! Events beside the one that a transaction is about: of what has a history of its own and changes with it.

use std::collections::BTreeSet;

use claviger_core::event::Event;
use claviger_core::webhook::ended::endings;

use super::{Entry, sequence};
use crate::{StoreResult, Tx};

impl Tx {
    /// Writes an event of something that changes beside what the transaction is about, with a history of its own. It stands right before the event of
    /// the commit, which tells of all that was touched, this too; where a page of the log ends between the two, a follower has the whole with the next.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn tell_beside(&mut self, event: Event) -> StoreResult<()> {
        let entry = self.prepare_beside(event).await?;
        if self.is_shared() {
            return sequence::put(self, entry.outbox_fields()).await;
        }
        self.place(entry).await.map(drop)
    }

    /// Tells of the webhooks that ended with their keys, right before the event of the keys: here, so that none of the many ways in which a key ends can
    /// forget it. `at_once` as [`Self::note`] has it.
    pub(super) async fn tell_ended_webhooks(&mut self, cause: &Event, at_once: bool) -> StoreResult<()> {
        for event in endings(&std::mem::take(&mut self.ended_webhooks), cause) {
            if at_once {
                let entry = self.prepare_beside(event).await?;
                self.place(entry).await?;
            } else {
                self.tell_beside(event).await?;
            }
        }
        Ok(())
    }

    /// What else was touched is left to the event that the transaction is about.
    async fn prepare_beside(&mut self, event: Event) -> StoreResult<Entry> {
        let own = BTreeSet::from([event.entity]);
        let touched = std::mem::replace(&mut self.touched, own);
        let (secrets, keys) = (std::mem::take(&mut self.secrets_touched), self.touched_keys.take());
        let entry = self.prepare(event).await;
        (self.touched, self.secrets_touched, self.touched_keys) = (touched, secrets, keys);
        entry
    }
}
