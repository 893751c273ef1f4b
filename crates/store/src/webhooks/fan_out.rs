//! Fanning out: many deliveries at a time, and how far an event has come that many webhooks ask for.

use std::sync::LazyLock;

use claviger_core::event::{Position, Stream};
use claviger_core::id::{KeyId, WebhookId};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use super::deliveries::{NewDelivery, insert_delivery_columns, new_delivery};
use crate::log::position;
use crate::row::Columns;
use crate::sql::{Bulk, ROWS_PER_STATEMENT, row_of, rows_of, statements};
use crate::value::{Value, args};
use crate::{Connection, StoreResult, Tx};

/// Columns of a delivery that is made.
const COLUMNS: usize = 14;

statements! {
    HAS_ACTIVE_OF_KEY =
        "SELECT 1 FROM webhook WHERE organization_id = $1 AND key_id = $2 AND deleted_at IS NULL AND status = 'active' LIMIT 1";
    FIND_FAN_OUT = "SELECT epoch, seq, webhook_id FROM fan_out WHERE stream = $1";
    PUT_FAN_OUT =
        "INSERT INTO fan_out (stream, epoch, seq, webhook_id) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (stream) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, webhook_id = excluded.webhook_id";
}

static INSERT_DELIVERIES: LazyLock<Bulk> = LazyLock::new(|| insert(&rows_of(COLUMNS)));
static INSERT_DELIVERY: LazyLock<Bulk> = LazyLock::new(|| insert(&row_of(COLUMNS, 0)));

fn insert(rows: &str) -> Bulk {
    Bulk::new(format!("{}{rows} ON CONFLICT (webhook_id, event_id) DO NOTHING", insert_delivery_columns!()))
}

/// Every statement that is put together here, by name.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    let built = [("INSERT_DELIVERIES", &INSERT_DELIVERIES), ("INSERT_DELIVERY", &INSERT_DELIVERY)];
    built.map(|(name, it)| (name.to_owned(), it.portable.clone())).to_vec()
}

impl Connection {
    /// Whether a key of the tenant's organization has webhooks that are sent something: those that another secret may pause.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn has_active_webhooks(&mut self, tenant: &Tenant, key_id: KeyId) -> StoreResult<bool> {
        let arguments = args![tenant.organization_id(), key_id];
        Ok(self.fetch_optional(HAS_ACTIVE_OF_KEY, arguments).await?.is_some())
    }

    /// The event of a stream that its reader has not passed yet, and the last webhook to which it has come.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_fan_out_unchecked(&mut self, stream: Stream) -> StoreResult<Option<(Position, WebhookId)>> {
        let read = |it: &mut Columns<'_>| Ok((position(it)?, it.next()?));
        self.find(FIND_FAN_OUT, args![stream.as_str()], "fan_out", read).await
    }
}

impl Tx {
    /// Notes how far an event of a stream has come.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn put_fan_out_unchecked(
        &mut self,
        stream: Stream,
        place: Position,
        webhook_id: WebhookId,
    ) -> StoreResult<()> {
        self.execute(PUT_FAN_OUT, args![stream.as_str(), place.epoch, place.seq, webhook_id]).await.map(drop)
    }

    /// Writes deliveries to webhooks of the tenant's, and says how many were not there: one event comes to one webhook once. Whoever sends does not
    /// see them before [`Self::bring_forward`].
    ///
    /// # Errors
    /// `Missing` when a webhook is not the tenant's.
    pub async fn insert_deliveries(
        &mut self,
        tenant: &Tenant,
        deliveries: &[NewDelivery<'_>],
        at: Timestamp,
    ) -> StoreResult<u64> {
        let rows: Vec<Vec<Value>> = deliveries.iter().map(|it| new_delivery(tenant, it, at)).collect();
        let (whole, rest) = rows.as_chunks::<ROWS_PER_STATEMENT>();
        let mut made = 0;
        for rows in whole {
            made += self.execute_bulk(&INSERT_DELIVERIES, rows.concat()).await?;
        }
        for row in rest {
            made += self.execute_bulk(&INSERT_DELIVERY, row.clone()).await?;
        }
        Ok(made)
    }
}
