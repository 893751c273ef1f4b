//! Looking at webhooks.

use std::collections::HashMap;

use claviger_core::id::{KeyId, OrganizationId, WebhookId};
use claviger_store::webhooks::{WebhookFilter, WebhookRow, WebhooksOf};

use super::{WebhookInfo, authorize, health_of, info, organization_of, place_of, shows_target};
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;
use crate::ops::page::{Page, PageRequest};

/// Lists webhooks of an organization, newest first: all by `claviger/webhooks:read`, else the caller's own. Absent, the organization is the
/// caller's.
///
/// # Errors
/// Refusals.
pub async fn list_webhooks(
    app: &App,
    caller: &Caller,
    organization_id: Option<OrganizationId>,
    filter: WebhookFilter,
    page: PageRequest,
) -> OpResult<Page<WebhookInfo>> {
    let organization_id = organization_of(app, caller, organization_id)?;
    let (tenant, access) = authorize(app, caller, organization_id, "read")?;
    // A person's own may be narrowed to those of one key; what a caller asks for beyond its own is none of them.
    let (of, is_theirs) = match (access.whose, filter.of) {
        (WebhooksOf::All, asked) | (WebhooksOf::User(_), asked @ WebhooksOf::Key(_)) => (asked, true),
        (own, asked) => (own, asked == WebhooksOf::All || asked == own),
    };
    let filter = WebhookFilter { of, ..filter };
    let mut reader = app.store().read().await?;
    let mut found = reader.page_webhooks(&tenant, &filter, &page.try_into()?).await?;
    if !is_theirs || !found.rows.iter().all(|it| access.covers(it)) {
        found.rows.clear();
        found.next = None;
    }
    let shows_target = shows_target(app, caller, access, organization_id);
    // One by one, each by its index: one statement for all of them would walk along all deliveries of each.
    let mut health = HashMap::new();
    for row in &found.rows {
        let id = row.webhook.id;
        health.insert(id, health_of(app, &mut reader, &tenant, id).await?);
    }
    let now = app.now();
    let info = |row: WebhookRow| {
        let health = health.get(&row.webhook.id).copied().unwrap_or_default();
        let key_state = row.key_state(now);
        WebhookInfo { row, shows_target, secrets: Vec::new(), health, key_state }
    };
    Ok(found.map(info).into())
}

/// Finds a webhook, by `claviger/webhooks:read` or as the caller's own.
///
/// # Errors
/// Refusals.
pub async fn get_webhook(app: &App, caller: &Caller, id: WebhookId) -> OpResult<WebhookInfo> {
    let organization_id = place_of(app, caller, id).await?;
    let (tenant, access) = authorize(app, caller, organization_id, "read")?;
    info(app, caller, &mut *app.store().read().await?, (&tenant, access), id).await
}

/// How many webhooks that have not ended hang on each of these keys; of a key that has none nothing is said. Needs `claviger/webhooks:read`.
///
/// # Errors
/// Refusals.
pub async fn count_webhooks_of_keys(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_ids: &[KeyId],
) -> OpResult<HashMap<KeyId, u64>> {
    let tenant = caller.authorize(app, organization_id, "claviger/webhooks:read")?;
    Ok(app.store().read().await?.count_webhooks_of_keys(&tenant, key_ids).await?)
}
