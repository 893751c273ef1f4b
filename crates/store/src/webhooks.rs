//! Webhooks: who subscribed to what. What they are sent stands in [`deliveries`].
//!
//! Whoever writes `due_at` by what deliveries there are holds the webhook's row first ([`Hold`]): a delivery that is made beside it would
//! be missed else, and never sent.

pub mod deliveries;
pub mod fan_out;
pub mod secrets;
pub mod sending;

use std::collections::HashMap;
use std::sync::LazyLock;

use claviger_core::decision::KeyStanding;
use claviger_core::event::{Position, Stream};
use claviger_core::id::{KeyId, OrganizationId, UserId, WebhookId};
use claviger_core::key::KeyState;
use claviger_core::name::Name;
use claviger_core::permission::PermissionSet;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::webhook::ended::EndedWebhook;
use claviger_core::webhook::target::TargetUrl;
use claviger_core::webhook::topic::{Subscription, Topic};
use claviger_core::webhook::{Webhook, WebhookStatus};

use crate::row::{Columns, Unreadable, brief};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, ROWS_PURGED_MAX, padded, row_of, statements};
use crate::statement::assert_newer;
use crate::value::{Argument as _, args, json};
use crate::{Connection, Cursor, Hold, Page, PageRequest, StoreResult, Tx};

macro_rules! columns {
    () => {
        "w.id, w.organization_id, w.key_id, w.target_url, w.entity, w.operation, w.hears, w.description, w.reach, w.status, \
         w.failing_since, w.failed_at, w.version, w.created_at, w.updated_at, k.name, k.owner_id, k.mapped_user_id, \
         k.standing, k.expires_at \
         FROM webhook w LEFT JOIN key k ON k.id = w.key_id AND k.organization_id = w.organization_id WHERE w.deleted_at IS NULL "
    };
}

/// Where a stream ends, for a webhook that listens from there on.
macro_rules! head {
    ($column:literal, $stream:literal) => {
        concat!("(SELECT h.", $column, " FROM log_head h WHERE h.stream = '", $stream, "')")
    };
}

/// The same of one that is sent something again; of any other, what stood there.
macro_rules! listen {
    ($of:literal, $stream:literal) => {
        concat!(
            $stream,
            "_",
            $of,
            " = CASE WHEN $12 AND status <> 'active' THEN ",
            head!($of, $stream),
            " ELSE ",
            $stream,
            "_",
            $of,
            " END"
        )
    };
}

/// Those that listened already when something happened in a stream.
macro_rules! subscribers {
    ($stream:literal) => {
        concat!(
            "SELECT w.id, w.organization_id, w.key_id, w.hears FROM webhook w \
             JOIN organization_closure c ON c.ancestor_id = w.organization_id \
             WHERE c.descendant_id = $1 AND w.status = 'active' AND w.deleted_at IS NULL AND (c.depth = 0 OR w.reach = 'subtree') \
             AND w.entity IN ($2, '*') AND w.operation IN ($3, '*') AND (w.",
            $stream,
            "_epoch, w.",
            $stream,
            "_seq) < ($4, $5) AND w.id > $6 ORDER BY w.id LIMIT $7"
        )
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
    INSERT_WEBHOOK = concat!(
        "INSERT INTO webhook (id, organization_id, key_id, target_url, entity, operation, hears, description, reach, status, version, \
         created_at, created_by, updated_at, change_epoch, change_seq, host_epoch, host_seq) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, ",
        head!("epoch", "change"),
        ", ",
        head!("seq", "change"),
        ", ",
        head!("epoch", "host"),
        ", ",
        head!("seq", "host"),
        ")"
    );
    UPDATE_WEBHOOK = concat!(
        "UPDATE webhook SET version = $4, target_url = $5, hears = $6, description = $7, status = $8, failing_since = $9, failed_at = $10, \
         updated_at = $11, due_at = CASE WHEN $12 THEN (SELECT MIN(d.due_at) FROM delivery d WHERE d.webhook_id = $1 AND d.state = 'pending') ELSE NULL END, ",
        listen!("epoch", "change"),
        ", ",
        listen!("seq", "change"),
        ", ",
        listen!("epoch", "host"),
        ", ",
        listen!("seq", "host"),
        " WHERE id = $1 AND organization_id = $2 AND version = $3 AND deleted_at IS NULL"
    );
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
    FIND_SUBSCRIBERS_OF_CHANGES = subscribers!("change");
    FIND_SUBSCRIBERS_OF_HOSTS = subscribers!("host");
    OF_KEY =
        "SELECT w.id FROM webhook w WHERE w.key_id = $1 AND w.deleted_at IS NULL AND w.status IN ('active', 'paused', 'disabled_failing')";
    FIND_OF_KEY =
        "SELECT w.id, w.organization_id, w.target_url, w.entity, w.operation, w.description, w.reach, w.status FROM webhook w \
         WHERE w.key_id = $1 AND w.deleted_at IS NULL AND w.status IN ('active', 'paused', 'disabled_failing') ORDER BY w.id";
    END_OF_KEY =
        "UPDATE webhook SET status = 'off_by_key', due_at = NULL, version = version + 1, updated_at = $2 \
         WHERE key_id = $1 AND deleted_at IS NULL AND status IN ('active', 'paused', 'disabled_failing')";
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
    /// How its key stands.
    pub key_standing: Option<KeyStanding>,
    /// When its key ends.
    pub key_expires_at: Option<Timestamp>,
}

impl WebhookRow {
    /// What its key looks like now; absent for one of the organization.
    pub fn key_state(&self, now: Timestamp) -> Option<KeyState> {
        self.key_standing.map(|it| KeyState::of(it, self.key_expires_at, now))
    }
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// The webhook.
    pub id: WebhookId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// The key that it hangs on.
    pub key_id: Option<KeyId>,
    /// What one of the organization may be told.
    pub hears: PermissionSet,
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
        hears: it.next()?,
        description: it.next()?,
        reach: it.next()?,
        status: it.next()?,
        failing_since: it.next()?,
        failed_at: it.next()?,
        version: it.next()?,
        created_at: it.next()?,
        updated_at: it.next()?,
    };
    Ok(WebhookRow {
        webhook,
        key_name: it.next()?,
        owner_id: it.next()?,
        mapped_user_id: it.next()?,
        key_standing: it.next()?,
        key_expires_at: it.next()?,
    })
}

/// Reads a webhook that ends with its key, and where its receiver is told.
fn ended(it: &mut Columns<'_>, key_id: KeyId) -> Result<(EndedWebhook, String), Unreadable> {
    let (id, organization_id, target_url): (_, _, String) = (it.next()?, it.next()?, it.next()?);
    let target = TargetUrl::parse(&target_url).ok().map(|it| it.origin());
    let (entity, operation, description) = (it.next()?, it.next()?, it.next()?);
    let (reach, status) = (it.next()?, it.next()?);
    let webhook = EndedWebhook { id, organization_id, key_id, target, entity, operation, description, reach, status };
    Ok((webhook, target_url))
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

    /// The active webhooks, there and above, that ask for what has happened in an organization and listened already when that took its place in the
    /// stream: so many behind one, in the order of their identifiers. What they may hear is judged one by one.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_subscribers(
        &mut self,
        tenant: &Tenant,
        topic: &Topic,
        (stream, at): (Stream, Position),
        after: Option<WebhookId>,
        limit: usize,
    ) -> StoreResult<Vec<Subscriber>> {
        let after = after.map_or_else(String::new, |it| it.to_string());
        let statement = match stream {
            Stream::Change => FIND_SUBSCRIBERS_OF_CHANGES,
            Stream::Host => FIND_SUBSCRIBERS_OF_HOSTS,
            // Nobody is sent what was refused.
            Stream::Denied => return Ok(Vec::new()),
        };
        let what = args![tenant.organization_id(), topic.entity(), topic.operation(), at.epoch, at.seq];
        let arguments = [what, args![after, limit as i64]].concat();
        let read = |it: &mut Columns<'_>| {
            Ok(Subscriber { id: it.next()?, organization_id: it.next()?, key_id: it.next()?, hears: it.next()? })
        };
        self.list(statement, arguments, "webhook", read).await
    }
}

impl Tx {
    /// Writes a webhook, which listens from now on: to what takes its place in a stream behind where that ends. `created_by` is the user in whose name it was made.
    ///
    /// # Errors
    /// `Missing` when its key is not the tenant's.
    pub async fn insert_webhook(&mut self, tenant: &Tenant, it: &Webhook) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a webhook is written by its own tenant");
        let what = args![it.id, it.organization_id, it.key_id, it.target_url.as_str(), it.subscription.entity()];
        let how = args![it.subscription.operation(), json(&it.hears), it.description, it.reach.as_str()];
        let when = args![it.status.as_str(), it.version, it.created_at, tenant.actor().user_id, it.updated_at];
        self.execute(INSERT_WEBHOOK, [what, how, when].concat()).await.map(drop)
    }

    /// Changes a webhook. One that is active from now on goes on with what is pending, and does not learn what happened meanwhile.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`.
    pub async fn update_webhook(&mut self, tenant: &Tenant, it: &Webhook, expected_version: u64) -> StoreResult<()> {
        assert_newer(it.version, expected_version);
        let place = args![it.id, tenant.organization_id(), expected_version, it.version];
        let what = args![it.target_url.as_str(), json(&it.hears), it.description, it.status.as_str()];
        let since = args![it.failing_since, it.failed_at, it.updated_at, it.is_sent()];
        self.replace(UPDATE_WEBHOOK, [place, what, since].concat(), EXISTS).await
    }

    /// Deletes a webhook with its signing secrets, or leaves those until its receiver has been told ([`Tx::insert_farewell`], before this); its deliveries
    /// are cleared away later.
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

    /// Pauses the webhooks of a key that has another secret, and says which they were; at most as many as a key may have.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn pause_webhooks_of_key(
        &mut self,
        tenant: &Tenant,
        id: KeyId,
        at: Timestamp,
    ) -> StoreResult<Vec<WebhookId>> {
        self.hold_webhooks_of_keys(&[id]).await?;
        let arguments = args![id, tenant.organization_id(), at];
        let mut paused: Vec<WebhookId> = self.list(PAUSE_OF_KEY, arguments, "webhook", |it| it.next()).await?;
        paused.sort_unstable();
        paused.iter().for_each(|it| self.touch(*it));
        Ok(paused)
    }

    /// Ends the webhooks of keys that are good no more, whoever revoked them, and has their receivers told. The log tells of them with the event of
    /// the keys.
    pub(crate) async fn end_webhooks_of_keys(&mut self, ids: &[KeyId], at: Timestamp) -> StoreResult<()> {
        self.hold_webhooks_of_keys(ids).await?;
        for key_id in ids {
            // How each stood before: what an UPDATE returns is what it wrote.
            let found = self.list(FIND_OF_KEY, args![key_id], "webhook", |it| ended(it, *key_id)).await?;
            if found.is_empty() {
                continue;
            }
            self.execute(END_OF_KEY, args![key_id, at]).await?;
            for (webhook, target_url) in found {
                self.execute(INSERT_FAREWELL, args![webhook.id, webhook.organization_id, target_url, at]).await?;
                self.touch(webhook.id);
                self.ended_webhooks.push(webhook);
            }
        }
        Ok(())
    }

    /// Holds all webhooks of some keys in one order. One statement that changes several takes them in the order in which it finds them, and whoever
    /// fans out and has one of them already would wait for the other, and be waited for.
    async fn hold_webhooks_of_keys(&mut self, ids: &[KeyId]) -> StoreResult<()> {
        if !self.is_shared() {
            return Ok(());
        }
        let mut found: Vec<WebhookId> = Vec::new();
        for id in ids {
            found.extend(self.list(OF_KEY, args![id], "webhook", |it| it.next::<WebhookId>()).await?);
        }
        self.hold(found.into_iter().map(Hold::alone)).await
    }

    /// Removes webhooks that were deleted and of which nothing is left, at most [`ROWS_PURGED_MAX`], and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_webhooks_unchecked(&mut self) -> StoreResult<u64> {
        self.execute(PURGE_WEBHOOKS, args![ROWS_PURGED_MAX]).await
    }
}
