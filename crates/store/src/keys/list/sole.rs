//! Keys that are their users' only ones of an api: found by the users.

use std::sync::LazyLock;

use claviger_core::id::{ApiId, UserId};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use super::{KeyRow, key_row, row_columns};
use crate::keys::key_columns;
use crate::sql::{Bulk, ROWS_PER_STATEMENT, padded, row_of};
use crate::value::{Argument as _, args};
use crate::{Connection, StoreResult};

pub(super) static FIND_SOLE_KEY_ROWS: LazyLock<Bulk> = LazyLock::new(|| {
    let places = row_of(ROWS_PER_STATEMENT, 2);
    Bulk::new(format!(
        "{}WHERE k.organization_id = $1 AND k.api_id = $2 AND k.sole AND k.standing <> 'revoked' AND k.mapped_user_id IN {places}",
        row_columns!()
    ))
});

impl Connection {
    /// The keys that users have of an api that has one for each, in no order.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_sole_keys(
        &mut self,
        tenant: &Tenant,
        api_id: ApiId,
        user_ids: &[UserId],
        now: Timestamp,
    ) -> StoreResult<Vec<KeyRow>> {
        let mut rows = Vec::with_capacity(user_ids.len());
        for chunk in user_ids.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = args![tenant.organization_id(), api_id];
            arguments.extend(padded(chunk, UserId::value));
            rows.extend(self.list_bulk(&FIND_SOLE_KEY_ROWS, arguments, "key", |it| key_row(it, now)).await?);
        }
        Ok(rows)
    }
}
