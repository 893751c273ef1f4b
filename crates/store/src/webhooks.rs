//! Webhooks: who subscribed to what. What they are sent stands in [`deliveries`].
//!
//! Whoever writes `due_at` by what deliveries there are holds the webhook's row first ([`Hold`](crate::Hold)): a delivery that is made beside it would
//! be missed else, and never sent.

pub mod deliveries;
pub mod secrets;
pub mod sending;

use std::collections::HashMap;
use std::sync::LazyLock;

use claviger_core::id::{KeyId, OrganizationId, UserId, WebhookId};
use claviger_core::name::Name;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::target::TargetUrl;
use claviger_core::webhook::topic::{Subscription, Topic};
use claviger_core::webhook::{Webhook, WebhookStatus};

use crate::row::{Columns, Unreadable, brief};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, ROWS_PURGED_MAX, padded, row_of, statements};
use crate::statement::assert_newer;
use crate::value::{Argument as _, args};
use crate::{Connection, Cursor, Page, PageRequest, StoreResult, Tx};

macro_rules! columns {
    () => {
        "w.id, w.organization_id, w.key_id, w.target_url, w.entity, w.operation, w.description, w.reach, w.status, w.failing_since, \
         w.version, w.created_at, w.updated_at, k.name, k.owner_id, k.mapped_user_id \
         FROM webhook w LEFT JOIN key k ON k.id = w.key_id AND k.organization_id = w.organization_id WHERE w.deleted_at IS NULL "
    };
}

macro_rules! page {
    ($whose:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            "AND w.organization_id = $1 AND (w.status = $2 OR $2 IS NULL) AND w.id < $3 ",
            $whose,
            " ORDER BY w.id DESC LIMIT $4"
        )
    };
}

statements! {
    INSERT_WEBHOOK =
        "INSERT INTO webhook (id, organization_id, key_id, target_url, entity, operation, description, reach, status, version, \
         created_at, created_by, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    UPDATE_WEBHOOK =
        "UPDATE webhook SET version = $4, target_url = $5, description = $6, status = $7, failing_since = $8, updated_at = $9, \
         due_at = CASE WHEN $10 THEN (SELECT MIN(d.due_at) FROM delivery d WHERE d.webhook_id = $1 AND d.state = 'pending') ELSE NULL END \
         WHERE id = $1 AND organization_id = $2 AND version = $3 AND deleted_at IS NULL";
    EXISTS = "SELECT 1 FROM webhook WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL";
    DELETE_WEBHOOK =
        "UPDATE webhook SET deleted_at = $3, due_at = NULL, leased_until = NULL, version = version + 1 \
         WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL";
    FIND_WEBHOOK = concat!("SELECT ", columns!(), "AND w.id = $1 AND w.organization_id = $2");
    FIND_PLACE = "SELECT organization_id FROM webhook WHERE id = $1 AND deleted_at IS NULL";
    PAGE_WEBHOOKS = page!("");
    PAGE_WEBHOOKS_OF_KEY = page!("AND w.key_id = $5");
    PAGE_WEBHOOKS_OF_USER = page!("AND (k.owner_id = $5 OR k.mapped_user_id = $5)");
    COUNT_WEBHOOKS = "SELECT count(*) FROM webhook WHERE organization_id = $1 AND deleted_at IS NULL";
    COUNT_WEBHOOKS_OF_KEY = "SELECT count(*) FROM webhook WHERE organization_id = $1 AND key_id = $2 AND deleted_at IS NULL";
    FIND_SUBSCRIBERS =
        "SELECT w.id, w.organization_id, w.key_id FROM webhook w \
         JOIN organization_closure c ON c.ancestor_id = w.organization_id \
         WHERE c.descendant_id = $1 AND w.status = 'active' AND w.deleted_at IS NULL AND (c.depth = 0 OR w.reach = 'subtree') \
         AND w.entity IN ($2, '*') AND w.operation IN ($3, '*') ORDER BY w.id";
    END_OF_KEY =
        "UPDATE webhook SET status = 'off_by_key', due_at = NULL, version = version + 1, updated_at = $2 \
         WHERE key_id = $1 AND deleted_at IS NULL AND status IN ('active', 'paused', 'disabled_failing') \
         RETURNING id, organization_id, target_url";
    PAUSE_OF_KEY =
        "UPDATE webhook SET status = 'paused', due_at = NULL, version = version + 1, updated_at = $3 \
         WHERE key_id = $1 AND organization_id = $2 AND deleted_at IS NULL AND status = 'active' RETURNING id";
    INSERT_FAREWELL =
        "INSERT INTO farewell (webhook_id, organization_id, target_url, attempts, due_at, created_at) \
         VALUES ($1, $2, $3, 0, $4, $4) ON CONFLICT (webhook_id) DO NOTHING";
    PURGE_WEBHOOKS =
        "DELETE FROM webhook WHERE id IN (SELECT w.id FROM webhook w WHERE w.deleted_at IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.webhook_id = w.id) \
         AND NOT EXISTS (SELECT 1 FROM webhook_secret s WHERE s.webhook_id = w.id) ORDER BY w.deleted_at LIMIT $1)";
}

static COUNT_OF_KEYS: LazyLock<Bulk> = LazyLock::new(|| {
    let keys = row_of(ROWS_PER_STATEMENT, 1);
    Bulk::new(format!(
        "SELECT w.key_id, count(*) FROM webhook w WHERE w.organization_id = $1 AND w.deleted_at IS NULL \
         AND w.status IN ('active', 'paused', 'disabled_failing') AND w.key_id IN {keys} GROUP BY w.key_id"
    ))
});

/// Every statement that is put together here, by name.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    vec![("COUNT_OF_KEYS".to_owned(), COUNT_OF_KEYS.portable.clone())]
}

/// A webhook, and what the key that made it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// The webhook.
    pub webhook: Webhook,
    /// The name of its key.
    pub key_name: Option<Name>,
    /// Whom its key belongs to.
    pub owner_id: Option<UserId>,
    /// Whose rights its key carries.
    pub mapped_user_id: Option<UserId>,
}

/// Whose webhooks a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebhooksOf {
    /// All of the organization.
    #[default]
    All,
    /// Those of this key.
    Key(KeyId),
    /// Those of the keys that belong to this user, or carry the user's rights.
    User(UserId),
}

/// Which webhooks a list shows; what is absent narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct WebhookFilter {
    /// Whose.
    pub of: WebhooksOf,
    /// Those that stand so.
    pub status: Option<WebhookStatus>,
}

/// A webhook that asks for what has happened, as far as its subscription says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscriber {
    /// The webhook.
    pub id: WebhookId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// The key that it hangs on.
    pub key_id: Option<KeyId>,
}

/// Reads an address and a subscription that were judged when they were written.
fn target(it: &mut Columns<'_>) -> Result<TargetUrl, Unreadable> {
    let text: String = it.next()?;
    TargetUrl::parse(&text).map_err(|error| Unreadable(error.to_string()))
}

fn subscription(it: &mut Columns<'_>) -> Result<Subscription, Unreadable> {
    let (entity, operation): (String, String) = (it.next()?, it.next()?);
    Subscription::parse(&entity, &operation).map_err(|error| Unreadable(format!("{}: {error}", brief(&entity))))
}

/// Reads the two words of what has happened.
pub(crate) fn topic(it: &mut Columns<'_>) -> Result<Topic, Unreadable> {
    let (entity, operation): (String, String) = (it.next()?, it.next()?);
    Topic::parse(&entity, &operation).map_err(|error| Unreadable(format!("{}: {error}", brief(&entity))))
}

fn row(it: &mut Columns<'_>) -> Result<WebhookRow, Unreadable> {
    let webhook = Webhook {
        id: it.next()?,
        organization_id: it.next()?,
        key_id: it.next()?,
        target_url: target(it)?,
        subscription: subscription(it)?,
        description: it.next()?,
        reach: it.next()?,
        status: it.next()?,
        failing_since: it.next()?,
        version: it.next()?,
        created_at: it.next()?,
        updated_at: it.next()?,
    };
    Ok(WebhookRow { webhook, key_name: it.next()?, owner_id: it.next()?, mapped_user_id: it.next()? })
}

impl Connection {
    /// Finds a webhook of the tenant's organization.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_webhook(&mut self, tenant: &Tenant, id: WebhookId) -> StoreResult<Option<WebhookRow>> {
        self.find(FIND_WEBHOOK, args![id, tenant.organization_id()], "webhook", row).await
    }

    /// Whose a webhook is: to authorize for that organization whoever names the webhook alone.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_webhook_place_unchecked(&mut self, id: WebhookId) -> StoreResult<Option<OrganizationId>> {
        self.find(FIND_PLACE, args![id], "webhook", |it| it.next()).await
    }

    /// Webhooks of the tenant's organization, newest first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_webhooks(
        &mut self,
        tenant: &Tenant,
        filter: &WebhookFilter,
        request: &PageRequest,
    ) -> StoreResult<Page<WebhookRow>> {
        let status = filter.status.map(WebhookStatus::as_str);
        let mut arguments = args![tenant.organization_id(), status, request.before_id(), request.rows_to_read()];
        let statement = match filter.of {
            WebhooksOf::All => PAGE_WEBHOOKS,
            WebhooksOf::Key(id) => {
                arguments.extend(args![id]);
                PAGE_WEBHOOKS_OF_KEY
            }
            WebhooksOf::User(id) => {
                arguments.extend(args![id]);
                PAGE_WEBHOOKS_OF_USER
            }
        };
        let rows = self.list(statement, arguments, "webhook", row).await?;
        Ok(Page::cut(rows, request, |it| Cursor::new("", it.webhook.id)))
    }

    /// How many webhooks the tenant's organization has, its keys' included; of one key, where one is named.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_webhooks(&mut self, tenant: &Tenant, key_id: Option<KeyId>) -> StoreResult<u64> {
        let place = args![tenant.organization_id()];
        match key_id {
            None => self.number(COUNT_WEBHOOKS, place).await,
            Some(id) => self.number(COUNT_WEBHOOKS_OF_KEY, [place, args![id]].concat()).await,
        }
    }

    /// How many webhooks that have not ended hang on each of these keys of the tenant's; of a key that has none nothing is said.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_webhooks_of_keys(
        &mut self,
        tenant: &Tenant,
        key_ids: &[KeyId],
    ) -> StoreResult<HashMap<KeyId, u64>> {
        let mut counts = HashMap::new();
        for chunk in key_ids.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = args![tenant.organization_id()];
            arguments.extend(padded(chunk, KeyId::value));
            let count = |it: &mut Columns<'_>| Ok((it.next()?, it.next()?));
            counts.extend(self.list_bulk::<(KeyId, u64)>(&COUNT_OF_KEYS, arguments, "webhook", count).await?);
        }
        Ok(counts)
    }

    /// The active webhooks, there and above, that ask for what has happened in an organization. What their keys may hear is judged one by one.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_subscribers(&mut self, tenant: &Tenant, topic: &Topic) -> StoreResult<Vec<Subscriber>> {
        let arguments = args![tenant.organization_id(), topic.entity(), topic.operation()];
        let read =
            |it: &mut Columns<'_>| Ok(Subscriber { id: it.next()?, organization_id: it.next()?, key_id: it.next()? });
        self.list(FIND_SUBSCRIBERS, arguments, "webhook", read).await
    }
}

impl Tx {
    /// Writes a webhook. `created_by` is the user in whose name it was made.
    ///
    /// # Errors
    /// `Missing` when its key is not the tenant's.
    pub async fn insert_webhook(&mut self, tenant: &Tenant, it: &Webhook) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a webhook is written by its own tenant");
        let what = args![it.id, it.organization_id, it.key_id, it.target_url.as_str(), it.subscription.entity()];
        let how = args![it.subscription.operation(), it.description, it.reach.as_str(), it.status.as_str(), it.version];
        let when = args![it.created_at, tenant.actor().user_id, it.updated_at];
        self.execute(INSERT_WEBHOOK, [what, how, when].concat()).await.map(drop)
    }

    /// Changes a webhook. One that is active from now on goes on with what is pending.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`.
    pub async fn update_webhook(&mut self, tenant: &Tenant, it: &Webhook, expected_version: u64) -> StoreResult<()> {
        assert_newer(it.version, expected_version);
        let place = args![it.id, tenant.organization_id(), expected_version, it.version];
        let what = args![it.target_url.as_str(), it.description, it.status.as_str(), it.failing_since, it.updated_at];
        self.replace(UPDATE_WEBHOOK, [place, what, args![it.is_sent()]].concat(), EXISTS).await
    }

    /// Deletes a webhook with its signing secrets; its deliveries are cleared away later.
    ///
    /// # Errors
    /// `Missing`.
    pub async fn delete_webhook(&mut self, tenant: &Tenant, id: WebhookId, at: Timestamp) -> StoreResult<()> {
        self.delete_webhook_secrets(tenant, id).await?;
        self.change(DELETE_WEBHOOK, args![id, tenant.organization_id(), at]).await
    }

    /// Has a receiver told that its webhook is no more.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn insert_farewell(&mut self, tenant: &Tenant, it: &Webhook, at: Timestamp) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a receiver is told by the webhook's own tenant");
        let arguments = args![it.id, tenant.organization_id(), it.target_url.as_str(), at];
        self.execute(INSERT_FAREWELL, arguments).await.map(drop)
    }

    /// Pauses the webhooks of a key that has another secret, and says how many they were.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn pause_webhooks_of_key(&mut self, tenant: &Tenant, id: KeyId, at: Timestamp) -> StoreResult<usize> {
        let arguments = args![id, tenant.organization_id(), at];
        let paused: Vec<WebhookId> = self.list(PAUSE_OF_KEY, arguments, "webhook", |it| it.next()).await?;
        paused.iter().for_each(|it| self.touch(*it));
        Ok(paused.len())
    }

    /// Ends the webhooks of a key that is good no more, whoever revoked it, and has their receivers told.
    pub(crate) async fn end_webhooks_of_key(&mut self, id: KeyId, at: Timestamp) -> StoreResult<()> {
        let read =
            |it: &mut Columns<'_>| Ok((it.next::<WebhookId>()?, it.next::<OrganizationId>()?, it.next::<String>()?));
        for (id, organization_id, target_url) in self.list(END_OF_KEY, args![id, at], "webhook", read).await? {
            self.execute(INSERT_FAREWELL, args![id, organization_id, target_url, at]).await?;
            self.touch(id);
        }
        Ok(())
    }

    /// Removes webhooks that were deleted and of which nothing is left, at most [`ROWS_PURGED_MAX`], and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_webhooks_unchecked(&mut self) -> StoreResult<u64> {
        self.execute(PURGE_WEBHOOKS, args![ROWS_PURGED_MAX]).await
    }
}
