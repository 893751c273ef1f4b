//! Lists of keys: filters and sorts that an index answers, however many keys there are.

use std::fmt::Write;

use claviger_core::id::{ApiId, KeyId, RoleId, SecretId, UserId};
use claviger_core::key::{Key, Origin};
use claviger_core::name::{Name, Slug};
use claviger_core::secret::AccessId;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use sqlx::AssertSqlSafe;

use super::{key, key_columns};
use crate::row::{Columns, Unreadable, decode};
use crate::sql::{holding_name, statements};
use crate::value::{Argument, Value, args};
use crate::{Connection, Cursor, Error, Page, PageRequest, StoreResult};

/// What a list shows of a key, and what it hangs on. Outer joins only: they hold nothing back, and the engine leaves the key's index in front.
macro_rules! row {
    () => {
        concat!(
            "SELECT ",
            key_columns!(),
            ", a.slug, r.name, o.name, m.name, s.id, s.access_id, \
             (SELECT max(u.last_used_at) FROM secret v JOIN secret_use u ON u.secret_id = v.id WHERE v.key_id = k.id), \
             (SELECT max(w.retiring_until) FROM secret w WHERE w.key_id = k.id AND w.state = 'retiring'), k.name_key \
             FROM key k LEFT JOIN api a ON a.id = k.api_id LEFT JOIN role r ON r.id = k.role_id \
             LEFT JOIN \"user\" o ON o.id = k.owner_id LEFT JOIN \"user\" m ON m.id = k.mapped_user_id \
             LEFT JOIN secret s ON s.key_id = k.id AND s.state = 'current' "
        )
    };
}

statements! {
    FIND_KEY_ROW = concat!(row!(), "WHERE k.id = $1 AND k.organization_id = $2");
}

/// Which states of keys a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeyStatus {
    /// All that are not revoked.
    #[default]
    Live,
    /// Switched on and not expired.
    Active,
    /// Switched off and not expired.
    Inactive,
    /// Past their time.
    Expired,
    /// Gone for ever.
    Revoked,
    /// All.
    Any,
}

/// Which keys a list shows; what is absent narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct KeyFilter {
    /// In which states.
    pub status: KeyStatus,
    /// Part of the name, or a whole access id.
    pub search: Option<String>,
    /// Whom they belong to.
    pub owner_id: Option<UserId>,
    /// Whose rights they carry.
    pub mapped_user_id: Option<UserId>,
    /// With which role.
    pub role_id: Option<RoleId>,
    /// Of which api.
    pub api_id: Option<ApiId>,
    /// Only those that were never used.
    pub never_used: bool,
    /// Only those made before this instant and not used at it or later.
    pub unused_since: Option<Timestamp>,
    /// Only those that came to be like this.
    pub origin: Option<Origin>,
    /// Only personal ones, or only others.
    pub personal: Option<bool>,
    /// Only those made at this instant or later.
    pub created_from: Option<Timestamp>,
    /// Only those made before this instant.
    pub created_before: Option<Timestamp>,
    /// Only those that end at this instant or later.
    pub expires_from: Option<Timestamp>,
    /// Only those that end before this instant.
    pub expires_before: Option<Timestamp>,
}

/// By what a list of keys is sorted: by what an index has in order. The last use is a filter and no order, because its index would be written
/// anew with every flush for every key in use, and on SQLite no index reaches from the file of the uses into that of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeySort {
    /// Newest first.
    #[default]
    Created,
    /// By name.
    Name,
    /// Those that end first come first; those without an end come last.
    Expiry,
}

/// A key as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The key.
    pub key: Key,
    /// The slug of its api.
    pub api_slug: Slug,
    /// The name of its role; a revoked key may have one that is deleted.
    pub role_name: Option<Name>,
    /// The name of the user it belongs to.
    pub owner_name: Option<Name>,
    /// The name of the user whose rights it carries.
    pub mapped_user_name: Option<Name>,
    /// Its current secret; absent once it has none.
    pub secret_id: Option<SecretId>,
    /// What may be shown of its value, `ck_7Fq2…`; an imported key has none.
    pub access_hint: Option<String>,
    /// When any of its secrets was last used, as far as it has been flushed.
    pub last_used_at: Option<Timestamp>,
    /// Until when a replaced secret of it is still good, if one is.
    pub rotating_until: Option<Timestamp>,
}

/// A row with the comparable form of its name, for the cursor.
fn key_row(it: &mut Columns<'_>, now: Timestamp) -> Result<(KeyRow, String), Unreadable> {
    let row = KeyRow {
        key: key(it)?,
        api_slug: it.next()?,
        role_name: it.next()?,
        owner_name: it.next()?,
        mapped_user_name: it.next()?,
        secret_id: it.next()?,
        access_hint: it.next::<Option<AccessId>>()?.map(|it| it.hint()),
        last_used_at: it.next()?,
        rotating_until: it.next::<Option<Timestamp>>()?.filter(|until| now < *until),
    };
    Ok((row, it.next()?))
}

/// A statement put together from constant parts; values are arguments and nothing else.
struct Query {
    sql: String,
    arguments: Vec<Value>,
}

impl Query {
    /// The keys that a filter lets through.
    fn matching(select: &'static str, tenant: &Tenant, filter: &KeyFilter, now: Timestamp) -> Self {
        let mut query = Self { sql: select.into(), arguments: vec![] };
        query.push("WHERE k.organization_id = ", tenant.organization_id(), "");
        // "Not revoked" is said wherever it holds: it opens the indexes that hold live keys only.
        query.sql.push_str(match filter.status {
            KeyStatus::Any => "",
            KeyStatus::Revoked => " AND k.standing = 'revoked'",
            KeyStatus::Live | KeyStatus::Expired => " AND k.standing <> 'revoked'",
            KeyStatus::Active => " AND k.standing <> 'revoked' AND k.standing = 'active'",
            KeyStatus::Inactive => " AND k.standing <> 'revoked' AND k.standing = 'inactive'",
        });
        match filter.status {
            KeyStatus::Expired => query.push(" AND k.expires_at <= ", now, ""),
            KeyStatus::Active | KeyStatus::Inactive => {
                query.push(" AND (k.expires_at IS NULL OR k.expires_at > ", now, ")");
            }
            KeyStatus::Live | KeyStatus::Revoked | KeyStatus::Any => {}
        }
        if let Some(id) = filter.owner_id {
            query.push(" AND k.owner_id = ", id, "");
        }
        if let Some(id) = filter.mapped_user_id {
            query.push(" AND k.mapped_user_id = ", id, "");
        }
        if let Some(id) = filter.role_id {
            query.push(" AND k.role_id = ", id, "");
        }
        if let Some(id) = filter.api_id {
            query.push(" AND k.api_id = ", id, "");
        }
        if let Some(search) = &filter.search {
            query.push(" AND (k.name_key LIKE ", holding_name(Some(search)), " ESCAPE '\\'");
            query.push(" OR k.id IN (SELECT t.key_id FROM secret t WHERE t.access_id = ", search.trim(), "))");
        }
        if filter.never_used {
            query.sql.push_str(
                " AND NOT EXISTS (SELECT 1 FROM secret v JOIN secret_use u ON u.secret_id = v.id WHERE v.key_id = k.id)",
            );
        }
        query.narrow_by_time(filter);
        query
    }

    /// The rest of a filter: when and how keys came to be, when they end, when they were last used.
    fn narrow_by_time(&mut self, filter: &KeyFilter) {
        match filter.personal {
            // In the words of the index that holds them.
            Some(true) => self.sql.push_str(" AND k.personal"),
            Some(false) => self.sql.push_str(" AND NOT k.personal"),
            None => {}
        }
        if let Some(origin) = filter.origin {
            if origin != Origin::Import {
                self.sql.push_str(" AND k.origin <> 'import'");
            }
            self.push(" AND k.origin = ", origin.as_str(), "");
        }
        // Identifiers begin with the millisecond, so that their index narrows as well.
        if let Some(at) = filter.created_from {
            self.push(" AND k.created_at >= ", at, "");
            self.push(" AND k.id >= ", first_id(at.as_millis()), "");
        }
        if let Some(at) = filter.created_before {
            self.push(" AND k.created_at < ", at, "");
            self.push(" AND k.id < ", first_id(at.as_millis().saturating_add(1)), "");
        }
        if let Some(at) = filter.expires_from {
            self.push(" AND k.expires_at >= ", at, "");
        }
        if let Some(at) = filter.expires_before {
            self.push(" AND k.expires_at < ", at, "");
        }
        if let Some(at) = filter.unused_since {
            self.push(" AND k.created_at < ", at, "");
            self.push(" AND k.id < ", first_id(at.as_millis().saturating_add(1)), "");
            self.push(
                " AND NOT EXISTS (SELECT 1 FROM secret v JOIN secret_use u ON u.secret_id = v.id \
                 WHERE v.key_id = k.id AND u.last_used_at >= ",
                at,
                ")",
            );
        }
    }

    fn push(&mut self, before: &'static str, value: impl Argument, after: &'static str) {
        self.arguments.push(value.value());
        write!(self.sql, "{before}${}{after}", self.arguments.len()).expect("writing to a string does not fail");
    }

    /// The rows behind a place, in an order.
    fn page(mut self, order: Order, after: (&str, &str), rows: i64) -> StoreResult<Self> {
        let (value, id) = after;
        match order {
            Order::Created => self.push(" AND k.id < ", id, " ORDER BY k.id DESC"),
            // Not the bare column: the engine would walk all keys in the order of their ids to find the few that have expired.
            Order::CreatedAmongExpired => self.push(" AND k.id || '' < ", id, " ORDER BY k.id || '' DESC"),
            Order::Name => {
                self.push(" AND (k.name_key, k.id) > (", value, "");
                self.push(", ", id, ") ORDER BY k.name_key, k.id");
            }
            Order::Ending => {
                let value: i64 = value.parse().map_err(|_| Error::InvalidCursor)?;
                self.push(" AND k.expires_at IS NOT NULL AND (k.expires_at, k.id) > (", value, "");
                self.push(", ", id, ") ORDER BY k.expires_at, k.id");
            }
            Order::Endless => self.push(" AND k.expires_at IS NULL AND k.id > ", id, " ORDER BY k.id"),
        }
        self.push(" LIMIT ", rows, "");
        Ok(self)
    }
}

/// The first of all identifiers that keys made in a millisecond can have.
fn first_id(millis: i64) -> KeyId {
    // What lies beyond the 48 bits of an identifier's time comes before its first or after its last millisecond.
    const MILLIS_MAX: u64 = (1 << 48) - 1;
    let millis = u64::try_from(millis).unwrap_or(0).min(MILLIS_MAX);
    KeyId::from_u128(u128::from(millis) << 80)
}

/// In which order rows are read. The expiry is two: keys with an end, then keys without, since the engines sort NULL differently.
#[derive(Debug, Clone, Copy)]
enum Order {
    Created,
    CreatedAmongExpired,
    Name,
    Ending,
    Endless,
}

impl Connection {
    /// Finds a key as lists show it, revoked ones included.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_key_row(&mut self, tenant: &Tenant, id: KeyId, now: Timestamp) -> StoreResult<Option<KeyRow>> {
        let arguments = args![id, tenant.organization_id()];
        let row = self.find(FIND_KEY_ROW, arguments, "key", |it| key_row(it, now)).await?;
        Ok(row.map(|(row, _)| row))
    }

    /// Keys of the tenant's organization.
    ///
    /// # Errors
    /// `InvalidCursor`.
    pub async fn page_keys(
        &mut self,
        tenant: &Tenant,
        filter: &KeyFilter,
        sort: KeySort,
        request: &PageRequest,
        now: Timestamp,
    ) -> StoreResult<Page<KeyRow>> {
        let rows = match sort {
            KeySort::Created => {
                let expired = filter.status == KeyStatus::Expired;
                let order = if expired { Order::CreatedAmongExpired } else { Order::Created };
                self.key_rows(tenant, filter, order, ("", request.before_id()), request, now).await?
            }
            KeySort::Name => self.key_rows(tenant, filter, Order::Name, request.after_text(), request, now).await?,
            KeySort::Expiry => self.key_rows_by_expiry(tenant, filter, request, now).await?,
        };
        let cursor = |(it, name_key): &(KeyRow, String)| match sort {
            KeySort::Created => Cursor::new("", it.key.id),
            KeySort::Name => Cursor::new(name_key, it.key.id),
            KeySort::Expiry => {
                Cursor::new(it.key.expires_at.map_or(String::new(), |at| at.as_micros().to_string()), it.key.id)
            }
        };
        Ok(Page::cut(rows, request, cursor).map(|(it, _)| it))
    }

    async fn key_rows_by_expiry(
        &mut self,
        tenant: &Tenant,
        filter: &KeyFilter,
        request: &PageRequest,
        now: Timestamp,
    ) -> StoreResult<Vec<(KeyRow, String)>> {
        // A cursor without a value stands among the keys without an end.
        let (mut rows, after) = match request.after_text() {
            ("", "") => (self.key_rows(tenant, filter, Order::Ending, ("-1", ""), request, now).await?, ""),
            ("", id) => (vec![], id),
            ending => (self.key_rows(tenant, filter, Order::Ending, ending, request, now).await?, ""),
        };
        if rows.len() <= request.rows() {
            rows.extend(self.key_rows(tenant, filter, Order::Endless, ("", after), request, now).await?);
        }
        Ok(rows)
    }

    async fn key_rows(
        &mut self,
        tenant: &Tenant,
        filter: &KeyFilter,
        order: Order,
        after: (&str, &str),
        request: &PageRequest,
        now: Timestamp,
    ) -> StoreResult<Vec<(KeyRow, String)>> {
        let query = Query::matching(row!(), tenant, filter, now).page(order, after, request.rows_to_read())?;
        // Only constant parts have gone into the text, see `Query`.
        let rows = self.fetch_all(AssertSqlSafe(query.sql), query.arguments).await?;
        rows.iter().map(|row| decode("key", row, |it| key_row(it, now))).collect()
    }

    /// The keys that a filter lets through, in the order of their identifiers and behind one of them: for work that goes through them all.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_key_ids(
        &mut self,
        tenant: &Tenant,
        filter: &KeyFilter,
        after: Option<KeyId>,
        at_most: usize,
        now: Timestamp,
    ) -> StoreResult<Vec<KeyId>> {
        let query = going_through(tenant, filter, after, at_most, now);
        let rows = self.fetch_all(AssertSqlSafe(query.sql), query.arguments).await?;
        rows.iter().map(|row| decode("key", row, |it| it.next())).collect()
    }

    /// Counts what [`Self::page_keys`] lists, up to a bound, so that a count never costs more than it is worth.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_keys(
        &mut self,
        tenant: &Tenant,
        filter: &KeyFilter,
        at_most: u32,
        now: Timestamp,
    ) -> StoreResult<u32> {
        let query = counting(tenant, filter, at_most, now);
        let row = self.fetch_optional(AssertSqlSafe(query.sql), query.arguments).await?;
        let count = row.map(|row| decode("a count", &row, |it| it.next::<u64>())).transpose()?;
        Ok(count.map_or(0, |it| u32::try_from(it).unwrap_or(at_most)))
    }
}

fn going_through(tenant: &Tenant, filter: &KeyFilter, after: Option<KeyId>, at_most: usize, now: Timestamp) -> Query {
    let mut query = Query::matching("SELECT k.id FROM key k ", tenant, filter, now);
    let after = after.map_or_else(String::new, |it| it.to_string());
    // As `Order::CreatedAmongExpired` has it.
    match filter.status {
        KeyStatus::Expired => query.push(" AND k.id || '' > ", after, " ORDER BY k.id || ''"),
        _ => query.push(" AND k.id > ", after, " ORDER BY k.id"),
    }
    query.push(" LIMIT ", i64::try_from(at_most).unwrap_or(i64::MAX), "");
    query
}

fn counting(tenant: &Tenant, filter: &KeyFilter, at_most: u32, now: Timestamp) -> Query {
    let mut query = Query::matching("SELECT count(*) FROM (SELECT 1 FROM key k ", tenant, filter, now);
    query.push(" LIMIT ", i64::from(at_most), ") counted");
    query
}

/// Every statement that can be put together here, by name: for the test that prepares them on every engine.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    const STATUSES: [KeyStatus; 6] = [
        KeyStatus::Live,
        KeyStatus::Active,
        KeyStatus::Inactive,
        KeyStatus::Expired,
        KeyStatus::Revoked,
        KeyStatus::Any,
    ];
    const FILTERS: u32 = 14;
    let (tenant, now) = (Tenant::system(claviger_core::id::OrganizationId::from_u128(0), "test"), Timestamp::MIN);
    let mut statements = Vec::new();
    // All of the first six with one another, and each of the rest alone and with all of those: parts are appended, and none looks at another.
    let together =
        (0_u32..64).chain((6..FILTERS).flat_map(|bit| [1 << bit, 1 << bit | 63])).chain([(1 << FILTERS) - 1]);
    for status in STATUSES {
        for bits in together.clone() {
            let is_set = |bit: u32| bits & (1 << bit) != 0;
            let filter = KeyFilter {
                status,
                search: is_set(0).then(|| "x".into()),
                owner_id: is_set(1).then(|| UserId::from_u128(0)),
                mapped_user_id: is_set(2).then(|| UserId::from_u128(0)),
                role_id: is_set(3).then(|| RoleId::from_u128(0)),
                api_id: is_set(4).then(|| ApiId::from_u128(0)),
                never_used: is_set(5),
                unused_since: is_set(6).then_some(now),
                origin: is_set(7).then_some(Origin::Toggle),
                personal: (is_set(8) || is_set(9)).then(|| is_set(8)),
                created_from: is_set(10).then_some(now),
                created_before: is_set(11).then_some(now),
                expires_from: is_set(12).then_some(now),
                expires_before: is_set(13).then_some(now),
            };
            let orders = [Order::Created, Order::CreatedAmongExpired, Order::Name, Order::Ending, Order::Endless];
            for order in orders {
                let query = Query::matching(row!(), &tenant, &filter, now).page(order, ("0", ""), 1);
                let sql = query.expect("the value is a number").sql;
                statements.push((format!("page_keys {order:?} {status:?} {bits:06b}"), sql));
            }
            let sql = going_through(&tenant, &filter, None, 1, now).sql;
            statements.push((format!("find_key_ids {status:?} {bits:06b}"), sql));
            statements.push((format!("count_keys {status:?} {bits:06b}"), counting(&tenant, &filter, 1, now).sql));
        }
    }
    statements
}
