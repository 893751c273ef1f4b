//! In which of the organizations below one a search finds keys, and how many they hold.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use claviger_core::id::OrganizationId;
use claviger_core::limits::{KEYS_BELOW_EXAMINED_MAX, ORGANIZATIONS_SEARCHED_MAX};
use claviger_core::organization::Organization;
use claviger_core::tenant::Tenant;

use super::list::{Beginning, access_ids};
use crate::organizations::{columns, organization};
use crate::row::Columns;
use crate::sql::{Bulk, ROWS_PER_STATEMENT, holding_name, holding_text, padded, row_of, statements};
use crate::value::{Argument as _, args};
use crate::{Connection, StoreResult};

/// The organizations below that are looked into: always the same ones, where there are more.
macro_rules! below {
    () => {
        "(SELECT c.descendant_id FROM organization_closure c WHERE c.ancestor_id = $1 AND c.depth > 0 \
         ORDER BY c.descendant_id LIMIT $2) found "
    };
}
/// Those of which an index finds a live key with an access id like the one searched for, wherever they stand below. Each key is asked by itself:
/// an engine that may join would rather go through the keys of all.
macro_rules! by_access {
    () => {
        "SELECT (SELECT k.organization_id FROM key k WHERE k.id = found.key_id AND k.standing <> 'revoked' \
         AND EXISTS (SELECT 1 FROM organization_closure c WHERE c.ancestor_id = $1 AND c.descendant_id = k.organization_id AND c.depth > 0)) \
         FROM (SELECT t.key_id FROM secret t WHERE t.access_id >= $4 AND t.access_id < $5 ORDER BY t.access_id LIMIT $2) found "
    };
}
/// Those that hold a live key of which something is said. It is asked of each by itself, since an engine that may join would rather go through
/// the keys of all.
macro_rules! holding_one {
    ($where:literal) => {
        concat!(
            "SELECT found.descendant_id FROM ",
            below!(),
            "WHERE (SELECT 1 FROM key k WHERE k.organization_id = found.descendant_id AND k.standing <> 'revoked' AND ",
            $where,
            " LIMIT 1) IS NOT NULL "
        )
    };
}
macro_rules! found {
    ($where:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM organization o WHERE o.id IN (",
            by_access!(),
            "UNION ",
            holding_one!($where),
            ") ORDER BY o.name_key, o.id LIMIT $3"
        )
    };
}

statements! {
    /// How many organizations are looked into, up to one more than may be, and how many live keys they hold.
    COUNT_BELOW = concat!(
        "SELECT count(*), CAST(coalesce(sum(n.live), 0) AS BIGINT) FROM ", below!(),
        "JOIN key_count n ON n.organization_id = found.descendant_id"
    );
    FIND_BY_PART = found!("(k.name_key LIKE $6 ESCAPE '\\' OR lower(k.description) LIKE $7 ESCAPE '\\')");
    FIND_BY_BEGINNING = found!("k.name_key >= $6 AND k.name_key < $7");
}

static COUNT_LIVE_OF: LazyLock<Bulk> = LazyLock::new(|| {
    let places = row_of(ROWS_PER_STATEMENT, 1);
    Bulk::new(format!(
        "SELECT n.organization_id, n.live FROM organization_closure c JOIN key_count n ON n.organization_id = c.descendant_id \
         WHERE c.ancestor_id = $1 AND c.descendant_id IN {places}"
    ))
});

/// Every statement that is put together here, by name.
pub(super) fn built_statements() -> [(String, String); 1] {
    [("COUNT_LIVE_OF".to_owned(), COUNT_LIVE_OF.portable.clone())]
}

/// Organizations in which a search found keys.
#[derive(Debug, Clone)]
pub struct KeysBelow {
    /// By name; suspended ones too.
    pub organizations: Vec<Organization>,
    /// Whether the search went through every live key of all organizations below. If not, it found names that begin with it, in the first
    /// [`ORGANIZATIONS_SEARCHED_MAX`], and access ids.
    pub is_whole: bool,
}

impl Connection {
    /// Organizations below the tenant's that hold live keys in whose name or description there is this, or with such an access id. However many
    /// there are, no more than [`KEYS_BELOW_EXAMINED_MAX`] keys are looked at one by one.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_keys_below(&mut self, tenant: &Tenant, search: &str, at_most: u32) -> StoreResult<KeysBelow> {
        let count = args![tenant.organization_id(), ORGANIZATIONS_SEARCHED_MAX as u64 + 1];
        let counts = self.find(COUNT_BELOW, count, "a count", |it| Ok((it.next::<u64>()?, it.next::<u64>()?))).await?;
        let (organizations, keys) = counts.unwrap_or_default();
        let is_whole = organizations <= ORGANIZATIONS_SEARCHED_MAX as u64 && keys <= KEYS_BELOW_EXAMINED_MAX as u64;
        let (from, before) = access_ids(search).map(Beginning::into_bounds).unwrap_or_default();
        let mut arguments =
            args![tenant.organization_id(), ORGANIZATIONS_SEARCHED_MAX as u64, u64::from(at_most), from, before];
        let statement = if is_whole {
            arguments.extend(args![holding_name(Some(search)), holding_text(search)]);
            FIND_BY_PART
        } else {
            let (from, before) = Beginning::of(search).map(Beginning::into_bounds).unwrap_or_default();
            arguments.extend(args![from, before]);
            FIND_BY_BEGINNING
        };
        let organizations = self.list(statement, arguments, "organization", organization).await?;
        Ok(KeysBelow { organizations, is_whole })
    }

    /// How many live keys each of these organizations holds that are the tenant's own or below it; of others nothing is said.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_live_keys_of(
        &mut self,
        tenant: &Tenant,
        ids: &[OrganizationId],
    ) -> StoreResult<BTreeMap<OrganizationId, u64>> {
        let mut counts = BTreeMap::new();
        for chunk in ids.chunks(ROWS_PER_STATEMENT) {
            let mut arguments = args![tenant.organization_id()];
            arguments.extend(padded(chunk, OrganizationId::value));
            let count = |it: &mut Columns<'_>| Ok((it.next()?, it.next()?));
            counts
                .extend(self.list_bulk::<(OrganizationId, u64)>(&COUNT_LIVE_OF, arguments, "key_count", count).await?);
        }
        Ok(counts)
    }
}
