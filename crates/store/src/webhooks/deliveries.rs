//! Deliveries: which event goes to which webhook, and what came of it. Claiming and trying them is whoever sends; here they are made, looked at
//! and asked for again.

use claviger_core::id::{DeliveryId, EventId, OrganizationId, WebhookId};
use claviger_core::limits::{DELIVERIES_RECOVERED_MAX, HEALTH_ATTEMPTS_MAX};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::attempt::{DECLINED, Withheld};
use claviger_core::webhook::delivery::{DeliveryState, Source};
use claviger_core::webhook::health::Try;
use claviger_core::webhook::topic::Topic;

use super::topic;
use crate::row::{Columns, Unreadable};
use crate::sql::{ROWS_PURGED_MAX, statements};
use crate::value::{Value, args};
use crate::{Connection, Cursor, Page, PageRequest, StoreResult, Tx};

macro_rules! columns {
    () => {
        "d.id, d.webhook_id, d.event_id, d.event_organization_id, d.stream, d.entity, d.operation, d.body, d.state, d.attempts, \
         d.due_at, d.is_manual, d.created_at, d.ended_at FROM delivery d "
    };
}
pub(super) use columns;

macro_rules! page {
    ($state:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            "WHERE d.webhook_id = $1 AND d.organization_id = $2 AND d.id < $3 ",
            $state,
            " ORDER BY d.id DESC LIMIT $4"
        )
    };
}

/// Deliveries that are kept no longer: old ones, and those of webhooks that were deleted.
macro_rules! old {
    () => {
        "(SELECT d.id FROM delivery d WHERE d.created_at <= $1 ORDER BY d.created_at, d.id LIMIT $2)"
    };
}
macro_rules! orphaned {
    () => {
        "(SELECT d.id FROM webhook w JOIN delivery d ON d.webhook_id = w.id WHERE w.deleted_at IS NOT NULL ORDER BY d.id LIMIT $1)"
    };
}

/// Whether what happened was not erased.
macro_rules! is_told {
    () => {
        "NOT EXISTS (SELECT 1 FROM host_event h WHERE h.id = d.event_id AND h.body IS NULL) \
         AND NOT EXISTS (SELECT 1 FROM event e WHERE e.id = d.event_id AND e.commitment IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM event_body b WHERE b.stream = e.stream AND b.epoch = e.epoch AND b.seq = e.seq))"
    };
}

macro_rules! insert_delivery_columns {
    () => {
        "INSERT INTO delivery (id, webhook_id, organization_id, event_id, event_organization_id, stream, entity, operation, body, \
         state, attempts, due_at, is_manual, created_at) VALUES "
    };
}
pub(super) use insert_delivery_columns;

statements! {
    /// What waits is due at once; where the webhook is sent nothing now, it waits until that is played.
    /// Written also where it stays as it is: whoever notes what came of an attempt would not wait else, and overlook this delivery.
    BRING_FORWARD =
        "UPDATE webhook SET due_at = CASE WHEN due_at <= $3 THEN due_at ELSE $3 END \
         WHERE id = $1 AND organization_id = $2 AND status = 'active' AND deleted_at IS NULL";
    FIND_DELIVERY = concat!("SELECT ", columns!(), "WHERE d.id = $1 AND d.webhook_id = $2 AND d.organization_id = $3");
    PAGE_DELIVERIES = page!("");
    PAGE_DELIVERIES_IN_STATE = page!("AND d.state = $5");
    FIND_ATTEMPTS =
        "SELECT a.number, a.at, a.duration_ms, a.is_manual, a.status, a.response, a.error FROM attempt a \
         WHERE a.delivery_id = $1 AND a.organization_id = $2 ORDER BY a.number DESC LIMIT 100";
    /// Of the latest deliveries alone that were tried: what a webhook is judged by costs the same however many it has, and however many of them
    /// wait. Spelled as the index spells it that has just these: SQLite takes a partial index only for the very same words.
    FIND_RECENT_TRIES =
        "SELECT a.duration_ms, a.status, a.error FROM (SELECT d.id FROM delivery d WHERE d.webhook_id = $1 AND d.organization_id = $2 \
         AND d.attempts > 0 ORDER BY d.id DESC LIMIT $3) found JOIN attempt a ON a.delivery_id = found.id WHERE a.at >= $4 \
         ORDER BY a.at DESC, a.delivery_id, a.number LIMIT $5";
    INSERT_ATTEMPT =
        "INSERT INTO attempt (delivery_id, number, organization_id, at, duration_ms, is_manual, status, response, error) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    RESEND_DELIVERY =
        "UPDATE delivery SET state = 'pending', due_at = $4, is_manual = $5, ended_at = NULL \
         WHERE id = $1 AND webhook_id = $2 AND organization_id = $3";
    RECOVER_DELIVERIES = concat!(
        "UPDATE delivery SET state = 'pending', due_at = $4, is_manual = $5, ended_at = NULL WHERE id IN \
         (SELECT d.id FROM delivery d WHERE d.webhook_id = $1 AND d.organization_id = $2 AND d.state = 'failed' AND d.created_at >= $3 AND ",
        is_told!(),
        " ORDER BY d.id LIMIT $6)"
    );
    /// Those that wait for a further attempt. What is due already is on its way: it would come twice.
    HURRY_DELIVERIES = concat!(
        "UPDATE delivery SET due_at = $4, is_manual = $5 WHERE id IN \
         (SELECT d.id FROM delivery d WHERE d.webhook_id = $1 AND d.organization_id = $2 AND d.state = 'pending' AND 0 < d.attempts \
         AND EXISTS (SELECT 1 FROM attempt a WHERE a.delivery_id = d.id AND a.at >= $3) AND d.due_at > $4 AND ",
        is_told!(),
        " ORDER BY d.id LIMIT $6)"
    );
    PURGE_OLD_ATTEMPTS = concat!("DELETE FROM attempt WHERE delivery_id IN ", old!());
    PURGE_OLD_DELIVERIES = concat!("DELETE FROM delivery WHERE id IN ", old!());
    PURGE_ORPHANED_ATTEMPTS = concat!("DELETE FROM attempt WHERE delivery_id IN ", orphaned!());
    PURGE_ORPHANED_DELIVERIES = concat!("DELETE FROM delivery WHERE id IN ", orphaned!());
}

/// A delivery that is to be made.
#[derive(Debug, Clone)]
pub struct NewDelivery<'a> {
    /// Its identifier.
    pub id: DeliveryId,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// Of which event.
    pub event_id: EventId,
    /// Where that happened.
    pub event_organization_id: OrganizationId,
    /// What it is of.
    pub source: Source,
    /// What that is about.
    pub topic: &'a Topic,
    /// What a test sends; absent where it is read off the event.
    pub body: Option<&'a str>,
    /// Whether somebody asked for it.
    pub is_manual: bool,
}

/// A delivery as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its identifier.
    pub id: DeliveryId,
    /// To which webhook.
    pub webhook_id: WebhookId,
    /// Of which event: what the receiver knows it by.
    pub event_id: EventId,
    /// Where that happened.
    pub event_organization_id: OrganizationId,
    /// What it is of.
    pub source: Source,
    /// What that is about.
    pub topic: Topic,
    /// What a test sends; absent where it is read off the event.
    pub body: Option<String>,
    /// Where it stands, as it is stored: that of a webhook which ended is [`DeliveryState::Pending`] still.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u64,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
    /// Whether that is because somebody asked for it.
    pub is_manual: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it arrived, or was given up.
    pub ended_at: Option<Timestamp>,
}

/// One try of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Counts the tries of the delivery from one.
    pub number: u64,
    /// When it began.
    pub at: Timestamp,
    /// How many milliseconds it took.
    pub duration_ms: u64,
    /// Whether somebody asked for it.
    pub is_manual: bool,
    /// The status that was answered.
    pub status: Option<u16>,
    /// What of the answer is kept.
    pub response: Option<String>,
    /// Why there was none.
    pub error: Option<String>,
}

/// A delivery as it is written.
pub(super) fn new_delivery(tenant: &Tenant, it: &NewDelivery<'_>, at: Timestamp) -> Vec<Value> {
    let place = args![it.id, it.webhook_id, tenant.organization_id(), it.event_id, it.event_organization_id];
    let what = args![it.source.as_str(), it.topic.entity(), it.topic.operation(), it.body.map(str::to_owned)];
    [place, what, args![DeliveryState::Pending.as_str(), 0_u64, at, it.is_manual, at]].concat()
}

/// Reads a delivery.
pub(crate) fn delivery(it: &mut Columns<'_>) -> Result<DeliveryRow, Unreadable> {
    Ok(DeliveryRow {
        id: it.next()?,
        webhook_id: it.next()?,
        event_id: it.next()?,
        event_organization_id: it.next()?,
        source: it.next()?,
        topic: topic(it)?,
        body: it.next()?,
        state: it.next()?,
        attempts: it.next()?,
        due_at: it.next()?,
        is_manual: it.next()?,
        created_at: it.next()?,
        ended_at: it.next()?,
    })
}

fn attempt(it: &mut Columns<'_>) -> Result<AttemptRow, Unreadable> {
    Ok(AttemptRow {
        number: it.next()?,
        at: it.next()?,
        duration_ms: it.next()?,
        is_manual: it.next()?,
        status: it.next()?,
        response: it.next()?,
        error: it.next()?,
    })
}

impl Connection {
    /// Finds a delivery of a webhook.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_delivery(
        &mut self,
        tenant: &Tenant,
        webhook_id: WebhookId,
        id: DeliveryId,
    ) -> StoreResult<Option<DeliveryRow>> {
        self.find(FIND_DELIVERY, args![id, webhook_id, tenant.organization_id()], "delivery", delivery).await
    }

    /// The deliveries of a webhook, newest first; those in one stored state, where one is named.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_deliveries(
        &mut self,
        tenant: &Tenant,
        webhook_id: WebhookId,
        state: Option<DeliveryState>,
        request: &PageRequest,
    ) -> StoreResult<Page<DeliveryRow>> {
        let place = args![webhook_id, tenant.organization_id(), request.before_id(), request.rows_to_read()];
        let rows = match state {
            None => self.list(PAGE_DELIVERIES, place, "delivery", delivery).await?,
            Some(state) => {
                let arguments = [place, args![state.as_str()]].concat();
                self.list(PAGE_DELIVERIES_IN_STATE, arguments, "delivery", delivery).await?
            }
        };
        Ok(Page::cut(rows, request, |it| Cursor::new("", it.id)))
    }

    /// The latest tries of a delivery, newest first, at most 100.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_attempts(&mut self, tenant: &Tenant, id: DeliveryId) -> StoreResult<Vec<AttemptRow>> {
        self.list(FIND_ATTEMPTS, args![id, tenant.organization_id()], "attempt", attempt).await
    }

    /// The tries of a webhook's latest deliveries that were tried, as far as they began since an instant, at most [`HEALTH_ATTEMPTS_MAX`] of
    /// each, the latest.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_recent_tries(
        &mut self,
        tenant: &Tenant,
        webhook_id: WebhookId,
        since: Timestamp,
    ) -> StoreResult<Vec<Try>> {
        let most = HEALTH_ATTEMPTS_MAX as i64;
        let arguments = args![webhook_id, tenant.organization_id(), most, since, most];
        let read = |it: &mut Columns<'_>| {
            let (duration_ms, status): (_, Option<u16>) = (it.next()?, it.next()?);
            let error: Option<String> = it.next()?;
            let is_declined = error.as_deref() == Some(DECLINED);
            let is_withheld = status.is_none() && error.as_deref().is_some_and(Withheld::is_said);
            Ok(Try { duration_ms, status, is_declined, is_withheld })
        };
        self.list(FIND_RECENT_TRIES, arguments, "attempt", read).await
    }
}

impl Tx {
    /// Writes a delivery, due at once, and says whether it was not there: one event comes to one webhook once. The tenant is the webhook's.
    ///
    /// # Errors
    /// `Missing` when the webhook is not the tenant's.
    pub async fn insert_delivery(&mut self, tenant: &Tenant, it: &NewDelivery<'_>, at: Timestamp) -> StoreResult<bool> {
        let is_new = 0 < self.insert_deliveries(tenant, std::slice::from_ref(it), at).await?;
        if is_new {
            self.bring_forward(tenant, it.webhook_id, at).await?;
        }
        Ok(is_new)
    }

    /// Has a webhook sent what is due at an instant, and says whether it is sent anything. Who does so for several takes them in the order of their
    /// identifiers, as everybody does who changes several: two would wait for each other else.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn bring_forward(&mut self, tenant: &Tenant, webhook_id: WebhookId, at: Timestamp) -> StoreResult<bool> {
        Ok(0 < self.execute(BRING_FORWARD, args![webhook_id, tenant.organization_id(), at]).await?)
    }

    /// Writes how a try of a delivery came out.
    ///
    /// # Errors
    /// `Taken` where that try was written down before, `Missing` when the delivery is not the tenant's, or was cleared away meanwhile.
    pub async fn insert_attempt(&mut self, tenant: &Tenant, id: DeliveryId, it: &AttemptRow) -> StoreResult<()> {
        let place = args![id, it.number, tenant.organization_id(), it.at, it.duration_ms, it.is_manual];
        let what = args![it.status.map(i64::from), it.response, it.error];
        self.execute(INSERT_ATTEMPT, [place, what].concat()).await.map(drop)
    }

    /// Has a delivery sent again, whatever came of it.
    ///
    /// # Errors
    /// `Missing`.
    pub async fn resend_delivery(
        &mut self,
        tenant: &Tenant,
        webhook_id: WebhookId,
        id: DeliveryId,
        at: Timestamp,
    ) -> StoreResult<()> {
        self.change(RESEND_DELIVERY, args![id, webhook_id, tenant.organization_id(), at, true]).await?;
        self.bring_forward(tenant, webhook_id, at).await.map(drop)
    }

    /// Has the deliveries of a webhook sent again that were made since an instant and failed, and those sent now of which an attempt has failed
    /// since then and which wait for the next one, without what was erased; those that wait first, each the oldest first, at most
    /// [`DELIVERIES_RECOVERED_MAX`] together. Says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn recover_deliveries(
        &mut self,
        tenant: &Tenant,
        webhook_id: WebhookId,
        since: Timestamp,
        at: Timestamp,
    ) -> StoreResult<u64> {
        let place = args![webhook_id, tenant.organization_id(), since, at, true];
        let most = DELIVERIES_RECOVERED_MAX as u64;
        let mut recovered = 0;
        for statement in [HURRY_DELIVERIES, RECOVER_DELIVERIES] {
            let arguments = [place.clone(), args![most.saturating_sub(recovered)]].concat();
            recovered += self.execute(statement, arguments).await?;
        }
        if 0 < recovered {
            self.bring_forward(tenant, webhook_id, at).await?;
        }
        Ok(recovered)
    }

    /// Removes deliveries that were made until an instant, and those of webhooks that were deleted, with their attempts: at most
    /// [`ROWS_PURGED_MAX`] of either. Says how many were the more.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_deliveries_unchecked(&mut self, until: Timestamp) -> StoreResult<u64> {
        self.execute(PURGE_OLD_ATTEMPTS, args![until, ROWS_PURGED_MAX]).await?;
        let old = self.execute(PURGE_OLD_DELIVERIES, args![until, ROWS_PURGED_MAX]).await?;
        self.execute(PURGE_ORPHANED_ATTEMPTS, args![ROWS_PURGED_MAX]).await?;
        let orphaned = self.execute(PURGE_ORPHANED_DELIVERIES, args![ROWS_PURGED_MAX]).await?;
        Ok(old.max(orphaned))
    }
}
