//! Erasing what an event tells: what has to be forgotten goes, and that it went, by whom and why, stays. And where the chain ends that it leaves whole.

use claviger_core::chain::Head;
use claviger_core::event::{Entity, Event, EventKind};
use claviger_core::id::{EventId, OrganizationId};
use claviger_core::name::Description;
use claviger_core::reject::{Reject, RejectCode};
use claviger_store::log::EventRow;
use serde_json::json;

use super::caller::Caller;
use super::error::OpResult;
use super::idempotency::{Answer, Idempotency, keep, replay};
use super::transaction::{begin_beside, commit, on_task};
use crate::app::App;

pub use claviger_store::log::Erased;

/// What a caller needs. No built-in role but the admin's has it.
pub const ERASE: &str = "claviger/events:delete";

/// What came of erasing an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erasure {
    /// Which event.
    pub event_id: EventId,
    /// What became of it.
    pub erased: Erased,
}

/// Why something is erased: a text that is not empty.
///
/// # Errors
/// Refuses an empty one: what nobody gives a reason for is not erased.
pub fn reason(text: &str) -> Result<Description, Reject> {
    let wrong = |why: &str| Reject::field("/reason", why);
    match Description::parse(text.trim()) {
        Ok(it) if it.as_str().is_empty() => Err(wrong("is needed: it stands in the audit in place of what is erased")),
        Ok(it) => Ok(it),
        Err(fault) => Err(wrong(&fault.to_string())),
    }
}

/// Erases what an event tells (how it looked before and after, and where the request came from), of ours or of those that a host reported. When it
/// happened, what it was about and who did it stay, and so does the chain. What was erased before is left as it is.
///
/// # Errors
/// Refusals; `state_conflict` for an event that says why another one was erased.
pub async fn erase_event(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    event_id: EventId,
    reason: Description,
    idempotency: Option<Idempotency<Erasure>>,
) -> OpResult<Answer<Erasure>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, ERASE);
        let (mut tx, tenant) = begin_beside(&app, &caller, [], authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let kind = tx.find_event(&tenant, event_id).await?.map(|it| it.kind);
        let erased = match kind {
            Some(EventKind::EventErased) => {
                let detail = "This event says why another one was erased, and stays.";
                return Err(Reject::new(RejectCode::StateConflict, detail).into());
            }
            Some(_) => tx.erase_event(&tenant, event_id).await?,
            None => tx.erase_host_event(&tenant, event_id).await?,
        };
        let erasure = Erasure { event_id, erased: erased.ok_or_else(Reject::not_found)? };
        if erasure.erased != Erased::Now {
            return Ok(Answer::Fresh(erasure));
        }
        let now = app.now();
        keep(idempotency.as_ref(), &mut tx, &tenant, &erasure, now).await?;
        let told = json!({ "operation": kind.map(EventKind::as_str), "reason": reason.as_str() });
        let event = Event::new(&tenant, EventKind::EventErased, event_id, now).after(&told);
        commit(&app, tx, event).await?;
        if let Err(error) = app.store().write_back().await {
            tracing::warn!(%error, "what was erased may stand in the log of the database until that is written back");
        }
        Ok(Answer::Fresh(erasure))
    })
    .await
}

/// The events that say by whom, when and why others were erased: for each of these that one is found for.
///
/// # Errors
/// Refusals.
pub async fn find_erasures(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    of: &[EventId],
) -> OpResult<Vec<(EventId, EventRow)>> {
    let tenant = caller.authorize(app, organization_id, "claviger/events:read")?;
    if of.is_empty() {
        return Ok(Vec::new());
    }
    let entities: Vec<_> = of.iter().map(|it| Entity::from(*it)).collect();
    let told = app.store().read().await?.find_events_about(&tenant, EventKind::EventErased, &entities).await?;
    let latest = |id: &EventId| told.iter().rfind(|it| it.entity == Entity::from(*id)).cloned();
    Ok(of.iter().filter_map(|id| Some((*id, latest(id)?))).collect())
}

/// Where the chain of an organization ends, to be kept elsewhere; nothing where none of its changes is linked yet.
///
/// # Errors
/// Refusals.
pub async fn get_chain_head(app: &App, caller: &Caller, organization_id: OrganizationId) -> OpResult<Option<Head>> {
    let tenant = caller.authorize(app, organization_id, "claviger/events:read")?;
    Ok(app.store().read().await?.find_chain_head(&tenant).await?)
}
