//! Sending: which webhooks have something due, who sends for them now, and what came of it.
//!
//! A webhook says itself when the earliest of its deliveries is due, so that looking for work costs the same however much waits behind others. Who
//! sends for one leases it: nobody else does before the lease has run out, be it because its holder is gone. Whatever came of an attempt is
//! written whoever holds the lease by then: that the receiver has been called is so.

use claviger_core::id::{OrganizationId, WebhookId};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::delivery::DeliveryState;

use super::deliveries::{AttemptRow, DeliveryRow, columns, delivery};
use crate::row::Columns;
use crate::sql::statements;
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

/// Whether the webhook's organization is suspended, or one above it: what is due waits until it is resumed.
macro_rules! closed {
    () => {
        "EXISTS (SELECT 1 FROM organization_closure c JOIN organization o ON o.id = c.ancestor_id \
         WHERE c.descendant_id = w.organization_id AND o.status = 'suspended')"
    };
}

/// Webhooks that are due and that nobody sends for, of which some are failing.
macro_rules! due {
    ($failing:literal) => {
        concat!(
            "SELECT w.id, w.organization_id FROM webhook w WHERE w.due_at <= $1 AND (w.leased_until IS NULL OR w.leased_until <= $2) ",
            "AND w.status = 'active' AND w.deleted_at IS NULL AND NOT ",
            closed!(),
            " AND w.failing_since ",
            $failing,
            " ORDER BY w.due_at, w.id LIMIT $3"
        )
    };
}

statements! {
    DUE_WEBHOOKS = due!("IS NULL");
    DUE_FAILING_WEBHOOKS = due!("IS NOT NULL");
    /// Asked again under the lock of the row: of two nodes that found it, the second finds it leased.
    LEASE_WEBHOOK =
        "UPDATE webhook SET leased_until = $5 WHERE id = $1 AND organization_id = $2 AND status = 'active' AND deleted_at IS NULL \
         AND due_at <= $3 AND (leased_until IS NULL OR leased_until <= $4)";
    RELEASE_WEBHOOK =
        "UPDATE webhook SET leased_until = NULL WHERE id = $1 AND organization_id = $2 AND leased_until = $3";
    HOLDS_LEASE = concat!(
        "SELECT 1 FROM webhook w WHERE w.id = $1 AND w.organization_id = $2 AND w.leased_until = $3 AND w.status = 'active' \
         AND w.deleted_at IS NULL AND NOT ",
        closed!()
    );
    FORGET_LEASES = "UPDATE webhook SET leased_until = NULL WHERE due_at IS NOT NULL AND leased_until IS NOT NULL";
    FORGET_FAREWELL_LEASES = "UPDATE farewell SET leased_until = NULL WHERE leased_until IS NOT NULL";
    /// When the next of its deliveries is due, and since when they fail. Neither is a change of the webhook.
    NOTE_WEBHOOK =
        "UPDATE webhook SET failing_since = $3, failed_at = $4, \
         due_at = (SELECT MIN(d.due_at) FROM delivery d WHERE d.webhook_id = $1 AND d.state = 'pending') \
         WHERE id = $1 AND organization_id = $2 AND status = 'active' AND deleted_at IS NULL";
    DUE_DELIVERIES = concat!(
        "SELECT ",
        columns!(),
        "WHERE d.webhook_id = $1 AND d.organization_id = $2 AND d.state = 'pending' AND d.due_at <= $3 ORDER BY d.due_at, d.id LIMIT $4"
    );
    /// Not where another attempt has been noted, and not where somebody has asked for it meanwhile.
    NOTE_DELIVERY =
        "UPDATE delivery SET attempts = $4, state = $5, due_at = $6, ended_at = $7, is_manual = $8 \
         WHERE id = $1 AND organization_id = $2 AND attempts = $3 AND is_manual = $9";
    COUNT_ATTEMPT = "UPDATE delivery SET attempts = $4 WHERE id = $1 AND organization_id = $2 AND attempts = $3";
    DUE_FAREWELLS =
        "SELECT f.webhook_id, f.organization_id, f.target_url, f.attempts FROM farewell f \
         WHERE f.due_at <= $1 AND (f.leased_until IS NULL OR f.leased_until <= $2) ORDER BY f.due_at, f.webhook_id LIMIT $3";
    LEASE_FAREWELL =
        "UPDATE farewell SET leased_until = $5 WHERE webhook_id = $1 AND organization_id = $2 AND due_at <= $3 \
         AND (leased_until IS NULL OR leased_until <= $4)";
    PUT_OFF_FAREWELL =
        "UPDATE farewell SET attempts = $3, due_at = $4, leased_until = NULL WHERE webhook_id = $1 AND organization_id = $2";
    DELETE_FAREWELL = "DELETE FROM farewell WHERE webhook_id = $1 AND organization_id = $2";
}

/// The present instant. What is due is so by the clock of whoever looks; leases are counted by the one that all nodes have in common, or a node
/// whose clock is ahead would take every lease of the others for one that has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// By this process's clock.
    pub own: Timestamp,
    /// By [`Connection::common_time`].
    pub common: Timestamp,
}

/// A webhook that has something due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The webhook.
    pub webhook_id: WebhookId,
    /// Whose it is.
    pub organization_id: OrganizationId,
}

/// A receiver that is to be told that its webhook is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// The webhook, which may be gone.
    pub webhook_id: WebhookId,
    /// Whose it was.
    pub organization_id: OrganizationId,
    /// Where its receiver is, as it was written.
    pub target_url: String,
    /// How often that was tried.
    pub attempts: u64,
}

/// Where a delivery stands after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How it stands.
    pub state: DeliveryState,
    /// When it is tried again.
    pub due_at: Option<Timestamp>,
    /// When it arrived, or was given up.
    pub ended_at: Option<Timestamp>,
}

impl Connection {
    /// Webhooks of all organizations that have something due and that nobody sends for, the longest due first: those whose receivers fail, or the
    /// others. None of an organization that is suspended.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_due_webhooks_unchecked(
        &mut self,
        are_failing: bool,
        now: Moment,
        limit: usize,
    ) -> StoreResult<Vec<Due>> {
        let statement = if are_failing { DUE_FAILING_WEBHOOKS } else { DUE_WEBHOOKS };
        let read = |it: &mut Columns<'_>| Ok(Due { webhook_id: it.next()?, organization_id: it.next()? });
        self.list(statement, args![now.own, now.common, limit as i64], "webhook", read).await
    }

    /// Receivers, of webhooks of all organizations, that are to be told now that those are no more.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_due_farewells_unchecked(&mut self, now: Moment, limit: usize) -> StoreResult<Vec<Farewell>> {
        let read = |it: &mut Columns<'_>| {
            Ok(Farewell {
                webhook_id: it.next()?,
                organization_id: it.next()?,
                target_url: it.next()?,
                attempts: it.next()?,
            })
        };
        self.list(DUE_FAREWELLS, args![now.own, now.common, limit as i64], "farewell", read).await
    }

    /// The present instant by both clocks.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn moment(&mut self, own: Timestamp) -> StoreResult<Moment> {
        Ok(Moment { own, common: self.common_time(own).await? })
    }

    /// The deliveries of a webhook that are due, the longest due first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_due_deliveries(
        &mut self,
        tenant: &Tenant,
        id: WebhookId,
        now: Timestamp,
        limit: usize,
    ) -> StoreResult<Vec<DeliveryRow>> {
        let arguments = args![id, tenant.organization_id(), now, limit as i64];
        self.list(DUE_DELIVERIES, arguments, "delivery", delivery).await
    }

    /// Whether a webhook is still sent something, under this lease.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn holds_lease(&mut self, tenant: &Tenant, id: WebhookId, lease: Timestamp) -> StoreResult<bool> {
        Ok(self.fetch_optional(HOLDS_LEASE, args![id, tenant.organization_id(), lease]).await?.is_some())
    }
}

impl Tx {
    /// Leases a webhook until an instant by the common clock, and says whether that was to be had.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn lease_webhook(
        &mut self,
        tenant: &Tenant,
        id: WebhookId,
        now: Moment,
        until: Timestamp,
    ) -> StoreResult<bool> {
        Ok(0 < self.execute(LEASE_WEBHOOK, args![id, tenant.organization_id(), now.own, now.common, until]).await?)
    }

    /// Gives a lease back, and says whether it was still this one.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn release_webhook(&mut self, tenant: &Tenant, id: WebhookId, lease: Timestamp) -> StoreResult<bool> {
        Ok(0 < self.execute(RELEASE_WEBHOOK, args![id, tenant.organization_id(), lease]).await?)
    }

    /// Ends all leases, where no other process has any: those of one that was killed would be waited for. Says whether that is so.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn forget_leases_unchecked(&mut self) -> StoreResult<bool> {
        if self.is_shared() {
            return Ok(false);
        }
        self.execute(FORGET_LEASES, args![]).await?;
        self.execute(FORGET_FAREWELL_LEASES, args![]).await?;
        Ok(true)
    }

    /// Writes down an attempt at a delivery and where that stands now, and says whether it did: not twice the same one, and none of a delivery that
    /// is there no more. Where somebody has asked for the delivery since it was read, it stays due.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn note_attempt(
        &mut self,
        tenant: &Tenant,
        read: &DeliveryRow,
        it: &AttemptRow,
        standing: Standing,
    ) -> StoreResult<bool> {
        let place = args![read.id, tenant.organization_id(), read.attempts, it.number];
        let Standing { state, due_at, ended_at } = standing;
        let what = args![state.as_str(), due_at, ended_at, false, read.is_manual];
        let noted = self.execute(NOTE_DELIVERY, [place.clone(), what].concat()).await?;
        if noted == 0 && self.execute(COUNT_ATTEMPT, place).await? == 0 {
            return Ok(false);
        }
        self.insert_attempt(tenant, read.id, it).await?;
        Ok(true)
    }

    /// Notes since when and when last a webhook's receiver has failed, and when the next delivery is due; says whether it is sent anything still. Who
    /// writes deliveries meanwhile waits, or is waited for: the transaction holds the webhook's row.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn note_webhook(
        &mut self,
        tenant: &Tenant,
        id: WebhookId,
        [since, last]: [Option<Timestamp>; 2],
    ) -> StoreResult<bool> {
        Ok(0 < self.execute(NOTE_WEBHOOK, args![id, tenant.organization_id(), since, last]).await?)
    }

    /// Leases a farewell until an instant by the common clock, and says whether that was to be had.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn lease_farewell(
        &mut self,
        tenant: &Tenant,
        id: WebhookId,
        now: Moment,
        until: Timestamp,
    ) -> StoreResult<bool> {
        Ok(0 < self.execute(LEASE_FAREWELL, args![id, tenant.organization_id(), now.own, now.common, until]).await?)
    }

    /// Has a farewell tried again at an instant; where there is none, it is over, and the signing secrets of a webhook that was deleted go with it. Says
    /// whether it was there.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn note_farewell(
        &mut self,
        tenant: &Tenant,
        id: WebhookId,
        attempts: u64,
        again_at: Option<Timestamp>,
    ) -> StoreResult<bool> {
        let place = args![id, tenant.organization_id()];
        let noted = match again_at {
            Some(at) => self.execute(PUT_OFF_FAREWELL, [place, args![attempts, at]].concat()).await?,
            None => {
                let ended = self.execute(DELETE_FAREWELL, place).await?;
                self.delete_secrets_of_deleted(tenant, id).await?;
                ended
            }
        };
        Ok(0 < noted)
    }
}
