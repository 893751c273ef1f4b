//! The changes that are about some things: for a page of these, in one look-up.

use std::sync::LazyLock;

use claviger_core::event::{Entity, EventKind};
use claviger_core::id::{KeyId, UserId};
use claviger_core::tenant::Tenant;

use super::{EventRow, columns, event, known_user};
use crate::row::Columns;
use crate::sql::{Bulk, ROWS_PER_STATEMENT, padded, row_of};
use crate::value::{Argument as _, args};
use crate::{Connection, StoreResult};

/// Not the bare columns of organization and stream: an engine may go through all of its events to find these.
static FIND_ABOUT: LazyLock<Bulk> = LazyLock::new(|| {
    let entities = row_of(ROWS_PER_STATEMENT, 2);
    Bulk::new(format!(
        concat!(
            "SELECT ",
            columns!(),
            "WHERE e.organization_id || '' = $1 AND e.kind = $2 AND e.entity_id IN {} AND e.stream || '' = 'change' \
             ORDER BY e.epoch, e.seq"
        ),
        entities
    ))
});

/// Of each thing only the latest, since one may have been changed any number of times. The things are named twice: each argument is used once.
static FIND_LATEST: LazyLock<Bulk> = LazyLock::new(|| {
    let (named, touched) = (row_of(ROWS_PER_STATEMENT, 0), row_of(ROWS_PER_STATEMENT, ROWS_PER_STATEMENT));
    let [organization, one, other] = [1, 2, 3].map(|it| 2 * ROWS_PER_STATEMENT + it);
    Bulk::new(format!(
        "SELECT found.about, found.actor_user_id, found.actor_key_id, found.actor_job FROM (\
         SELECT x.about, e.actor_user_id, e.actor_key_id, e.actor_job, \
         row_number() OVER (PARTITION BY x.about ORDER BY e.epoch DESC, e.seq DESC) AS place FROM (\
         SELECT n.entity_id AS about, n.id AS event_id FROM event n WHERE n.entity_id IN {named} \
         UNION ALL SELECT t.entity_id, t.event_id FROM event_touch t WHERE t.entity_id IN {touched}) x \
         JOIN event e ON e.id = x.event_id WHERE e.organization_id || '' = ${organization} AND e.stream || '' = 'change' \
         AND e.kind IN (${one}, ${other})) found WHERE found.place = 1"
    ))
});

/// The statements that are put together here, by name.
pub(super) fn built_statements() -> [(String, String); 2] {
    [("FIND_ABOUT", &FIND_ABOUT), ("FIND_LATEST", &FIND_LATEST)]
        .map(|(name, it)| (name.to_owned(), it.portable.clone()))
}

/// Who made the latest change of some kinds to a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatestChange {
    /// The thing.
    pub about: Entity,
    /// The user in whose name it was made.
    pub user_id: Option<UserId>,
    /// The key it was made with.
    pub key_id: Option<KeyId>,
    /// The job that made it.
    pub job: Option<String>,
}

impl Connection {
    /// The changes of a kind in the tenant's organization that are about some things, and not merely touched them: those of each, oldest first.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_events_about(
        &mut self,
        tenant: &Tenant,
        kind: EventKind,
        entities: &[Entity],
    ) -> StoreResult<Vec<EventRow>> {
        let mut found = Vec::new();
        for chunk in entities.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = args![tenant.organization_id(), kind.as_str()];
            arguments.extend(padded(chunk, |it| it.to_string().value()));
            found.extend(self.list_bulk(&FIND_ABOUT, arguments, "event", event).await?);
        }
        Ok(found)
    }

    /// Who made the latest change of either of two kinds to each of some things, be it about that one or about many together; of a thing that has
    /// none nothing is said. What imports have made counts with neither.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_latest_changes(
        &mut self,
        tenant: &Tenant,
        kinds: [EventKind; 2],
        entities: &[Entity],
    ) -> StoreResult<Vec<LatestChange>> {
        let mut found = Vec::new();
        for chunk in entities.chunks(ROWS_PER_STATEMENT) {
            let named = || padded(chunk, |it| it.to_string().value());
            let [one, other] = kinds.map(EventKind::as_str);
            let arguments = [named(), named(), args![tenant.organization_id(), one, other]].concat();
            let read = |it: &mut Columns<'_>| {
                Ok(LatestChange { about: it.next()?, user_id: it.next()?, key_id: it.next()?, job: it.next()? })
            };
            found.extend(self.list_bulk(&FIND_LATEST, arguments, "event", read).await?);
        }
        Ok(found)
    }
}
