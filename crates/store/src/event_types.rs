//! The catalogue of a host's types of events. An organization's holds below it too; where two say something of one topic, the upper one counts, or
//! somebody below could say that it takes no right to hear of it.

use claviger_core::event_type::EventType;
use claviger_core::tenant::Tenant;
use claviger_core::webhook::topic::Topic;

use crate::row::{Columns, Json, Unreadable};
use crate::sql::statements;
use crate::statement::assert_newer;
use crate::value::{args, json};
use crate::webhooks::topic;
use crate::{Connection, Cursor, Page, PageRequest, StoreResult, Tx};

macro_rules! visible {
    () => {
        "SELECT t.id, t.organization_id, t.entity, t.operation, t.description, t.permission, t.schema, t.example, t.version, \
         t.created_at, t.updated_at FROM event_type t JOIN organization_closure c ON c.ancestor_id = t.organization_id \
         WHERE c.descendant_id = $1 "
    };
}

statements! {
    INSERT_EVENT_TYPE =
        "INSERT INTO event_type (id, organization_id, entity, operation, description, permission, schema, example, version, created_at, \
         updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    UPDATE_EVENT_TYPE =
        "UPDATE event_type SET version = $4, description = $5, permission = $6, schema = $7, example = $8, updated_at = $9 \
         WHERE id = $1 AND organization_id = $2 AND version = $3";
    EXISTS = "SELECT 1 FROM event_type WHERE id = $1 AND organization_id = $2";
    DELETE_EVENT_TYPE = "DELETE FROM event_type WHERE id = $1 AND organization_id = $2";
    FIND_OWN = concat!(visible!(), "AND c.depth = 0 AND t.entity = $2 AND t.operation = $3");
    FIND_UPPERMOST = concat!(visible!(), "AND t.entity = $2 AND t.operation = $3 ORDER BY c.depth DESC LIMIT 1");
    PAGE_EVENT_TYPES = concat!(visible!(), "AND t.id > $2 ORDER BY t.id LIMIT $3");
    COUNT_EVENT_TYPES = "SELECT count(*) FROM event_type WHERE organization_id = $1";
}

fn event_type(it: &mut Columns<'_>) -> Result<EventType, Unreadable> {
    let body = |it: &mut Columns<'_>| it.next::<Option<Json<_>>>().map(|it| it.map(|Json(value)| value));
    Ok(EventType {
        id: it.next()?,
        organization_id: it.next()?,
        topic: topic(it)?,
        description: it.next()?,
        permission: it.next()?,
        schema: body(it)?,
        example: body(it)?,
        version: it.next()?,
        created_at: it.next()?,
        updated_at: it.next()?,
    })
}

impl Connection {
    /// What the tenant's organization itself says of a topic.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_own_event_type(&mut self, tenant: &Tenant, topic: &Topic) -> StoreResult<Option<EventType>> {
        let arguments = args![tenant.organization_id(), topic.entity(), topic.operation()];
        self.find(FIND_OWN, arguments, "event_type", event_type).await
    }

    /// What is said of a topic in the tenant's organization: there, or above.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_event_type(&mut self, tenant: &Tenant, topic: &Topic) -> StoreResult<Option<EventType>> {
        let arguments = args![tenant.organization_id(), topic.entity(), topic.operation()];
        self.find(FIND_UPPERMOST, arguments, "event_type", event_type).await
    }

    /// The types of the tenant's organization and of those above it, in the order in which they were made.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn page_event_types(&mut self, tenant: &Tenant, request: &PageRequest) -> StoreResult<Page<EventType>> {
        let (_, id) = request.after_text();
        let arguments = args![tenant.organization_id(), id, request.rows_to_read()];
        let rows = self.list(PAGE_EVENT_TYPES, arguments, "event_type", event_type).await?;
        Ok(Page::cut(rows, request, |it| Cursor::new("", it.id)))
    }

    /// How many types the tenant's organization has itself.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_event_types(&mut self, tenant: &Tenant) -> StoreResult<u64> {
        self.number(COUNT_EVENT_TYPES, args![tenant.organization_id()]).await
    }
}

impl Tx {
    /// Puts a type into the catalogue.
    ///
    /// # Errors
    /// `Taken` where the organization says something of the topic already.
    pub async fn insert_event_type(&mut self, tenant: &Tenant, it: &EventType) -> StoreResult<()> {
        assert_eq!(it.organization_id, tenant.organization_id(), "a type is written by its own tenant");
        let place = args![it.id, tenant.organization_id(), it.topic.entity(), it.topic.operation(), it.description];
        let what = args![it.permission, it.schema.as_ref().map(json), it.example.as_ref().map(json), it.version];
        let when = args![it.created_at, it.updated_at];
        self.execute(INSERT_EVENT_TYPE, [place, what, when].concat()).await.map(drop)
    }

    /// Changes what is said of a type.
    ///
    /// # Errors
    /// `VersionMismatch`, `Missing`.
    pub async fn update_event_type(
        &mut self,
        tenant: &Tenant,
        it: &EventType,
        expected_version: u64,
    ) -> StoreResult<()> {
        assert_newer(it.version, expected_version);
        let place = args![it.id, tenant.organization_id(), expected_version, it.version, it.description];
        let what = args![it.permission, it.schema.as_ref().map(json), it.example.as_ref().map(json), it.updated_at];
        self.replace(UPDATE_EVENT_TYPE, [place, what].concat(), EXISTS).await
    }

    /// Takes a type out of the catalogue.
    ///
    /// # Errors
    /// `Missing`.
    pub async fn delete_event_type(&mut self, tenant: &Tenant, it: &EventType) -> StoreResult<()> {
        self.change(DELETE_EVENT_TYPE, args![it.id, tenant.organization_id()]).await
    }
}
