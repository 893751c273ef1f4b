//! The revision history: what hosts report, as people look for it, by when it happened.

use claviger_core::host_event::HostEvent;
use claviger_core::id::{EventId, KeyId, UserId};
use claviger_core::name::{Email, Name};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use super::{columns, host_event};
use crate::row::{Columns, Unreadable};
use crate::sql::statements;
use crate::value::args;
use crate::{Connection, Cursor, Error, Page, PageRequest, StoreResult};

/// Of who did it the names are read that the organization may know, as of changes: of a key only its own one's, of a user whom it manages or who is a
/// member there or above.
macro_rules! revisions {
    ($($narrow:expr),*) => {
        concat!(
            "SELECT ",
            columns!(),
            ", u.name, u.email, k.name FROM host_event e \
             LEFT JOIN key k ON k.id = e.actor_key_id AND k.organization_id = e.organization_id \
             LEFT JOIN \"user\" u ON u.id = e.actor_user_id AND (u.organization_id = e.organization_id OR EXISTS (\
             SELECT 1 FROM member m JOIN organization_closure c ON c.ancestor_id = m.organization_id \
             WHERE m.user_id = u.id AND c.descendant_id = e.organization_id)) \
             WHERE e.organization_id = $1 ",
            $($narrow),*
        )
    };
}

macro_rules! page {
    ($thing:literal) => {
        revisions!(
            "AND (e.actor_user_id = $2 OR $2 IS NULL) AND (e.actor_key_id = $3 OR $3 IS NULL) AND (e.entity = $4 OR $4 IS NULL) \
             AND (e.operation = $5 OR $5 IS NULL) AND $6 <= e.at ",
            $thing,
            "AND (e.at, e.id) < ($7, $8) ORDER BY e.at DESC, e.id DESC LIMIT $9"
        )
    };
}

statements! {
    /// Its end and the place where it goes on are one bound: with two, SQLite takes the index of all.
    PAGE_REVISIONS = page!("");
    /// Each along an index of what it is narrowed to first: a condition that may be absent has none. The rest is asked of what is found there.
    PAGE_REVISIONS_OF_THING = page!("AND e.entity_id = $10 ");
    PAGE_REVISIONS_BY_KEY = page!("AND e.actor_key_id = $10 ");
    PAGE_REVISIONS_BY_USER = page!("AND e.actor_user_id = $10 ");
    PAGE_REVISIONS_WHERE = page!("AND e.operation = $10 ");
    PAGE_REVISIONS_OF_KIND = page!("AND e.entity = $10 ");
    FIND_REVISION = revisions!("AND e.id = $2");
}

/// Which revisions a list shows; what is absent narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevisionFilter {
    /// About things of this kind, in the host's words.
    pub entity: Option<String>,
    /// Those where this was done.
    pub operation: Option<String>,
    /// About the thing that the host calls so.
    pub entity_id: Option<String>,
    /// Under the name of this user.
    pub user_id: Option<UserId>,
    /// By this key.
    pub key_id: Option<KeyId>,
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
}

impl RevisionFilter {
    /// Along what the list is walked, what is few first, and the value of that.
    fn narrowest(&self) -> (&'static str, Option<String>) {
        let ways = [
            (PAGE_REVISIONS_OF_THING, self.entity_id.clone()),
            (PAGE_REVISIONS_BY_KEY, self.key_id.map(|it| it.to_string())),
            (PAGE_REVISIONS_BY_USER, self.user_id.map(|it| it.to_string())),
            (PAGE_REVISIONS_WHERE, self.operation.clone()),
            (PAGE_REVISIONS_OF_KIND, self.entity.clone()),
        ];
        ways.into_iter().find(|it| it.1.is_some()).unwrap_or((PAGE_REVISIONS, None))
    }
}

/// What happened in a host's product, with the names of who did it, where the organization may know them.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisionRow {
    /// What happened.
    pub event: HostEvent,
    /// The user's name.
    pub user_name: Option<Name>,
    /// The address that the user signs in with.
    pub user_email: Option<Email>,
    /// The key's name.
    pub key_name: Option<Name>,
}

fn revision(it: &mut Columns<'_>) -> Result<RevisionRow, Unreadable> {
    Ok(RevisionRow { event: host_event(it)?, user_name: it.next()?, user_email: it.next()?, key_name: it.next()? })
}

impl Connection {
    /// What happened in the host's product, in the tenant's organization, newest first.
    ///
    /// # Errors
    /// `InvalidCursor`.
    pub async fn page_revisions(
        &mut self,
        tenant: &Tenant,
        filter: &RevisionFilter,
        request: &PageRequest,
    ) -> StoreResult<Page<RevisionRow>> {
        let (at, id) = match &request.after {
            Some(Cursor { value, id }) => (value.parse().map_err(|_| Error::InvalidCursor)?, id.clone()),
            None => (i64::MAX, String::new()),
        };
        let until = filter.until.map_or(i64::MAX, Timestamp::as_micros);
        let (at, id) = if at < until { (at, id) } else { (until, String::new()) };
        let mut arguments = args![
            tenant.organization_id(),
            filter.user_id,
            filter.key_id,
            filter.entity,
            filter.operation,
            filter.from.map_or(i64::MIN, Timestamp::as_micros),
            at,
            id,
            request.rows_to_read(),
        ];
        let (statement, narrow) = filter.narrowest();
        arguments.extend(narrow.map(|it| args![it]).into_iter().flatten());
        let rows = self.list(statement, arguments, "host_event", revision).await?;
        Ok(Page::cut(rows, request, |it| Cursor::new(it.event.at.as_micros(), it.event.id)))
    }

    /// One of them.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_revision(&mut self, tenant: &Tenant, id: EventId) -> StoreResult<Option<RevisionRow>> {
        self.find(FIND_REVISION, args![tenant.organization_id(), id], "host_event", revision).await
    }
}
