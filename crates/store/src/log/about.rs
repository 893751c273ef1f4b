//! The changes that are about some things: for a list of these, in one look-up.

use std::sync::LazyLock;

use claviger_core::event::{Entity, EventKind};
use claviger_core::tenant::Tenant;

use super::{EventRow, columns, event};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, padded, row_of};
use crate::value::{Argument as _, args};
use crate::{Connection, StoreResult};

/// Not the bare column of the organization: an engine may go through all of its events to find these.
static FIND_ABOUT: LazyLock<Bulk> = LazyLock::new(|| {
    let entities = row_of(ROWS_PER_STATEMENT, 2);
    Bulk::new(format!(
        concat!(
            "SELECT ",
            columns!(),
            "WHERE e.organization_id || '' = $1 AND e.kind = $2 AND e.entity_id IN {} AND e.stream = 'change' \
             ORDER BY e.epoch, e.seq"
        ),
        entities
    ))
});

/// The statement that is put together here, by name.
pub(super) fn built_statement() -> (String, String) {
    ("FIND_ABOUT".to_owned(), FIND_ABOUT.portable.clone())
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
}
