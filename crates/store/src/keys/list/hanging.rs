//! Lists of keys of which something is asked that no row says: whether what they hang on lets them be used. Who knows that says it of each, and
//! what is looked at for a page is bounded as for any other list.

use std::collections::HashMap;

use claviger_core::hanging::Hanging;
use claviger_core::limits::KEYS_EXAMINED_MAX;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use sqlx::AssertSqlSafe;

use super::condition::Condition;
use super::plan::Place;
use super::walk::{Few, Walk};
use super::{FIND_KEY_ROWS, KeyFilter, KeyOrder, KeyPage, KeyRow, KeyTotal, key_row};
use crate::row::decode;
use crate::sql::{ROWS_PER_STATEMENT, padded};
use crate::value::{Argument as _, args};
use crate::{Connection, PageRequest, StoreResult};

/// What is asked of a key besides its filter.
pub type Question<'a> = &'a (dyn Fn(&Hanging) -> bool + Send + Sync);

/// Rows that are read at once.
const WINDOW: usize = 250;

impl Connection {
    /// Those keys of [`Self::page_keys`] of which `is_asked` is true. Of at most [`KEYS_EXAMINED_MAX`] keys it is asked, and then the page comes
    /// back as it is.
    ///
    /// # Errors
    /// As of [`Self::page_keys`].
    pub async fn page_keys_that(
        &mut self,
        tenant: &Tenant,
        filter: &KeyFilter,
        order: impl Into<KeyOrder>,
        request: &PageRequest,
        now: Timestamp,
        is_asked: Question<'_>,
    ) -> StoreResult<KeyPage> {
        let (order, wanted) = (order.into(), request.rows());
        let (mut kept, mut after, mut examined): (Vec<(KeyRow, Place)>, _, _) = (Vec::new(), request.after.clone(), 0);
        let next = loop {
            let window = (wanted * 4).clamp(wanted + 1, WINDOW);
            let (places, next, looked_at) =
                self.page_places(tenant, filter, order, after.as_ref(), window, now).await?;
            examined += looked_at + places.len();
            let mut rows = self.key_rows(tenant, &places, now).await?;
            let found = places.into_iter().filter_map(|it| Some((rows.remove(&it.id)?, it)));
            kept.extend(found.filter(|(row, _)| is_asked(&Hanging::from(&row.key))));
            if kept.len() > wanted {
                kept.truncate(wanted);
                break kept.last().map(|(_, place)| place.cursor());
            }
            if next.is_none() || examined >= KEYS_EXAMINED_MAX {
                break next;
            }
            after = next;
        };
        Ok(KeyPage { rows: kept.into_iter().map(|it| it.0).collect(), next, examined })
    }

    /// Counts what [`Self::page_keys_that`] lists, among the first [`KEYS_EXAMINED_MAX`] keys.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_keys_that(
        &mut self,
        tenant: &Tenant,
        filter: &KeyFilter,
        now: Timestamp,
        is_asked: Question<'_>,
    ) -> StoreResult<KeyTotal> {
        let conditions = Condition::of(filter, now);
        let stage = self.only_stage(tenant, &conditions).await?;
        let walk = Walk::by_id(filter, &conditions, false);
        let group = stage.few.unwrap_or_else(|| walk.lanes.into_iter().next().unwrap_or_default());
        let few = Few { group: &group, at_most: KEYS_EXAMINED_MAX + 1 };
        let query = few.count_hanging(tenant, &conditions);
        let (mut examined, mut count) = (0, 0);
        for row in self.fetch_all(AssertSqlSafe(query.sql), query.arguments).await? {
            let (hanging, meets, keys) = decode("a count", &row, |it| {
                let hanging = Hanging {
                    organization_id: tenant.organization_id(),
                    role_id: it.next()?,
                    owner_id: it.next()?,
                    mapped_user_id: it.next()?,
                    reach: it.next()?,
                };
                Ok((hanging, it.next::<u64>()? == 1, it.next::<u64>()?))
            })?;
            examined += keys;
            count += if meets && is_asked(&hanging) { keys } else { 0 };
        }
        Ok(KeyTotal { count, is_exact: examined <= KEYS_EXAMINED_MAX as u64 })
    }

    /// The keys at these places, by their identifiers.
    pub(super) async fn key_rows(
        &mut self,
        tenant: &Tenant,
        places: &[Place],
        now: Timestamp,
    ) -> StoreResult<HashMap<String, KeyRow>> {
        let ids: Vec<_> = places.iter().map(|it| it.id.clone()).collect();
        let mut rows = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = args![tenant.organization_id()];
            arguments.extend(padded(chunk, String::value));
            let found = self.list_bulk(&FIND_KEY_ROWS, arguments, "key", |it| key_row(it, now)).await?;
            rows.extend(found.into_iter().map(|it| (it.key.id.to_string(), it)));
        }
        Ok(rows)
    }
}
