//! The log: how events are ordered, and what of them is kept.

use claviger_core::event::{Entity, EventKind, Position};
use claviger_core::id::{EventId, KeyId, OrganizationId, UserId};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use serde_json::Value;

use crate::{Connection, Page, PageRequest, StoreResult};

/// Which events a list shows; what is absent narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// About which thing.
    pub entity: Option<Entity>,
    /// By which user.
    pub user_id: Option<UserId>,
    /// By which key.
    pub key_id: Option<KeyId>,
}

/// An event as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    /// Its place in the log.
    pub position: Position,
    /// Its identifier.
    pub id: EventId,
    /// What happened.
    pub kind: EventKind,
    /// The version of this kind's body.
    pub v: u16,
    /// When.
    pub at: Timestamp,
    /// In which organization.
    pub organization_id: OrganizationId,
    /// The user in whose name it was done.
    pub user_id: Option<UserId>,
    /// The key it was done with.
    pub key_id: Option<KeyId>,
    /// The job that did it.
    pub job: Option<String>,
    /// What it is about.
    pub entity: Entity,
    /// What the entity looked like before; absent also once the body is erased.
    pub before: Option<Value>,
    /// What it looked like then; absent also once the body is erased.
    pub after: Option<Value>,
}

impl Connection {
    /// Changes in the tenant's organization, newest first.
    ///
    /// # Errors
    /// `InvalidCursor`.
    pub async fn page_events(
        &mut self,
        _tenant: &Tenant,
        _filter: &EventFilter,
        _request: &PageRequest,
    ) -> StoreResult<Page<EventRow>> {
        todo!()
    }
}
