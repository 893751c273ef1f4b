//! Signing secrets of webhooks, sealed: nothing is opened here.

use claviger_core::id::{DataKeyId, WebhookId};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::secrets::WebhookSecret;

use crate::keys::{secret_state, state_columns};
use crate::row::{Columns, Unreadable};
use crate::sealing::{SealedRow, sealed_row};
use crate::signing_keys::one;
use crate::sql::{ROWS_PURGED_MAX, statements};
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

statements! {
    /// The current one first: two that were made in one millisecond are in no order by their identifiers.
    FIND_WEBHOOK_SECRETS =
        "SELECT s.id, s.state, s.retiring_until, s.created_at, s.sealed, d.id, d.master_key_id, d.wrapped \
         FROM webhook_secret s JOIN data_key d ON d.id = s.data_key_id \
         WHERE s.webhook_id = $1 AND s.organization_id = $2 AND d.wrapped IS NOT NULL \
         ORDER BY CASE s.state WHEN 'current' THEN 0 ELSE 1 END, s.id DESC";
    INSERT_WEBHOOK_SECRET =
        "INSERT INTO webhook_secret (id, webhook_id, organization_id, state, retiring_until, data_key_id, sealed, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    UPDATE_WEBHOOK_SECRET =
        "UPDATE webhook_secret SET state = $3, retiring_until = $4 WHERE id = $1 AND organization_id = $2";
    DELETE_WEBHOOK_SECRET = "DELETE FROM webhook_secret WHERE id = $1 AND organization_id = $2";
    /// Not where its receiver is to be told: that is signed, too.
    DELETE_WEBHOOK_SECRETS =
        "DELETE FROM webhook_secret WHERE webhook_id = $1 AND organization_id = $2 \
         AND NOT EXISTS (SELECT 1 FROM farewell f WHERE f.webhook_id = $1)";
    DELETE_SECRETS_OF_DELETED =
        "DELETE FROM webhook_secret WHERE webhook_id = $1 AND organization_id = $2 \
         AND EXISTS (SELECT 1 FROM webhook w WHERE w.id = $1 AND w.deleted_at IS NOT NULL)";
    PURGE_WEBHOOK_SECRETS =
        "DELETE FROM webhook_secret WHERE id IN \
         (SELECT s.id FROM webhook_secret s WHERE s.retiring_until <= $1 ORDER BY s.retiring_until LIMIT $2)";
}

/// A signing secret as it is stored.
pub type WebhookSecretRow = SealedRow<WebhookSecret>;

fn webhook_secret(it: &mut Columns<'_>) -> Result<WebhookSecretRow, Unreadable> {
    let secret = WebhookSecret { id: it.next()?, state: secret_state(it)?, created_at: it.next()? };
    sealed_row(it, secret)
}

impl Connection {
    /// The signing secrets of a webhook, the current one first; perhaps with some that have ended and are not cleared away yet.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_webhook_secrets(
        &mut self,
        tenant: &Tenant,
        webhook_id: WebhookId,
    ) -> StoreResult<Vec<WebhookSecretRow>> {
        let arguments = args![webhook_id, tenant.organization_id()];
        self.list(FIND_WEBHOOK_SECRETS, arguments, "webhook_secret", webhook_secret).await
    }
}

impl Tx {
    /// Writes a signing secret.
    ///
    /// # Errors
    /// `Taken` where the webhook has a current one, `Missing` where it is not the tenant's.
    pub async fn insert_webhook_secret(
        &mut self,
        tenant: &Tenant,
        webhook_id: WebhookId,
        it: &WebhookSecret,
        data_key_id: DataKeyId,
        sealed: &Vec<u8>,
    ) -> StoreResult<()> {
        let (state, until, _) = state_columns(it.state, it.created_at);
        let place = args![it.id, webhook_id, tenant.organization_id(), state, until];
        self.execute(INSERT_WEBHOOK_SECRET, [place, args![data_key_id, sealed, it.created_at]].concat()).await.map(drop)
    }

    /// Writes where a signing secret stands in its life; one that is good no more is deleted.
    ///
    /// # Errors
    /// `Missing` where it is not the tenant's.
    pub async fn update_webhook_secret(
        &mut self,
        tenant: &Tenant,
        it: &WebhookSecret,
        now: Timestamp,
    ) -> StoreResult<()> {
        let place = args![it.id, tenant.organization_id()];
        if !it.is_good(now) {
            return one(self.execute(DELETE_WEBHOOK_SECRET, place).await?);
        }
        let (state, until, _) = state_columns(it.state, now);
        one(self.execute(UPDATE_WEBHOOK_SECRET, [place, args![state, until]].concat()).await?)
    }

    pub(super) async fn delete_webhook_secrets(&mut self, tenant: &Tenant, webhook_id: WebhookId) -> StoreResult<()> {
        self.execute(DELETE_WEBHOOK_SECRETS, args![webhook_id, tenant.organization_id()]).await.map(drop)
    }

    /// Removes what was kept to tell a receiver that its webhook was deleted.
    pub(super) async fn delete_secrets_of_deleted(
        &mut self,
        tenant: &Tenant,
        webhook_id: WebhookId,
    ) -> StoreResult<()> {
        self.execute(DELETE_SECRETS_OF_DELETED, args![webhook_id, tenant.organization_id()]).await.map(drop)
    }

    /// Removes signing secrets that have ended, at most [`ROWS_PURGED_MAX`], and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_webhook_secrets_unchecked(&mut self, now: Timestamp) -> StoreResult<u64> {
        self.execute(PURGE_WEBHOOK_SECRETS, args![now, ROWS_PURGED_MAX]).await
    }
}
