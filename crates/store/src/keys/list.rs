//! Lists of keys: what they show, in which order, and how much of the organization is looked at for a page of them.
//!
//! However many keys there are, a request looks at [`KEYS_EXAMINED_MAX`] of them at most besides those it shows. A list goes along an index
//! in its own order; where the filter is about few keys, those are read and sorted instead. A page that has looked at as much as it may comes
//! back as it is, and its cursor goes on from there.

mod condition;
mod hanging;
mod plan;
mod sole;
mod statements;
mod walk;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use claviger_core::id::{ApiId, KeyId, RoleId, SecretId, UserId};
use claviger_core::key::{Key, KeyState, Origin};
use claviger_core::limits::KEYS_EXAMINED_MAX;
use claviger_core::name::{Name, Slug};
use claviger_core::secret::AccessId;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use sqlx::AssertSqlSafe;

use self::condition::Condition;
pub use self::condition::KeyPart;
pub(super) use self::condition::{Beginning, Query, access_ids};
pub use self::hanging::Question;
use self::plan::{Place, Stage};
pub(crate) use self::statements::built_statements;
use self::walk::{Ask, Few, Mark, Spot, Walk};
use super::{KeyHealth, key, key_columns};
use crate::row::{Columns, Unreadable, decode};
use crate::sql::{Bulk, ROWS_PER_STATEMENT, row_of, statements};
use crate::value::args;
use crate::{Connection, Cursor, PageRequest, StoreResult};

/// What a list shows of a key, and what it hangs on.
macro_rules! row {
    () => {
        concat!(
            "SELECT ",
            key_columns!(),
            ", a.slug, r.name, o.name, m.name, s.id, s.access_id, \
             (SELECT max(u.last_used_at) FROM secret_use u WHERE u.key_id = k.id), \
             (SELECT max(w.retiring_until) FROM secret w WHERE w.key_id = k.id AND w.state = 'retiring') \
             FROM key k LEFT JOIN api a ON a.id = k.api_id LEFT JOIN role r ON r.id = k.role_id \
             LEFT JOIN \"user\" o ON o.id = k.owner_id LEFT JOIN \"user\" m ON m.id = k.mapped_user_id \
             LEFT JOIN secret s ON s.key_id = k.id AND s.state = 'current' "
        )
    };
}
use row as row_columns;

statements! {
    FIND_KEY_ROW = concat!(row!(), "WHERE k.id = $1 AND k.organization_id = $2");
    COUNT_LIVE = "SELECT live FROM key_count WHERE organization_id = $1";
}

static FIND_KEY_ROWS: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(format!("{}WHERE k.organization_id = $1 AND k.id IN {}", row!(), row_of(ROWS_PER_STATEMENT, 1)))
});

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

impl From<Option<KeyState>> for KeyStatus {
    /// The keys that look like this; absent means all but revoked ones.
    fn from(state: Option<KeyState>) -> Self {
        match state {
            None => Self::Live,
            Some(KeyState::Active) => Self::Active,
            Some(KeyState::Inactive) => Self::Inactive,
            Some(KeyState::Expired) => Self::Expired,
            Some(KeyState::Revoked) => Self::Revoked,
        }
    }
}

/// Which keys a list shows; what is absent narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct KeyFilter {
    /// In which states.
    pub status: KeyStatus,
    /// Part of the name or the description, or an access id, of which as much as lists show is enough. Names that begin with it come first, where they are few.
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
    /// Only those that a rule says something about.
    pub health: Option<KeyHealth>,
    /// Only those that have nothing of these.
    pub without: BTreeSet<KeyPart>,
    /// Who looks, where that is somebody who may see only keys that belong to them or carry their rights. It narrows to the former where it
    /// is the owner that is asked for, otherwise to the latter, and no cursor tells of any other key.
    pub seen_by: Option<UserId>,
}

/// By what a list of keys is sorted; those with the same value by their identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeySort {
    /// By when they were made.
    #[default]
    Created,
    /// By name.
    Name,
    /// By their end; those without one end after all others.
    Expiry,
    /// By the last use of any of their secrets; those never used come before all others, and last where the greatest comes first.
    LastUse,
    /// By the name of the role; those without one come last, in either direction.
    Role,
    /// By the slug of the api.
    Api,
    /// Those of one owner together, owners in the order of their identifiers, which is that of their making; ownerless ones come last.
    Owner,
    /// As by owner.
    MappedUser,
    /// Active, inactive, expired, revoked.
    State,
    /// By the word for how they came to be.
    Origin,
}

impl KeySort {
    /// All there are.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::Name,
        Self::Expiry,
        Self::LastUse,
        Self::Role,
        Self::Api,
        Self::Owner,
        Self::MappedUser,
        Self::State,
        Self::Origin,
    ];

    /// Whether one expects the greatest first when no direction is named: the newest, the one used last.
    pub const fn is_descending(self) -> bool {
        matches!(self, Self::Created | Self::LastUse)
    }
}

/// The order of a list of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyOrder {
    /// By what.
    pub sort: KeySort,
    /// Whether the greatest comes first.
    pub descending: bool,
}

impl From<KeySort> for KeyOrder {
    fn from(sort: KeySort) -> Self {
        Self { sort, descending: sort.is_descending() }
    }
}

impl Default for KeyOrder {
    fn default() -> Self {
        KeySort::default().into()
    }
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
    /// The public half of its value; an imported key has none.
    pub access_id: Option<AccessId>,
    /// When any of its secrets was last used, as far as it has been flushed.
    pub last_used_at: Option<Timestamp>,
    /// Until when a replaced secret of it is still good, if one is: with the key it ends at the latest.
    pub rotating_until: Option<Timestamp>,
}

fn key_row(it: &mut Columns<'_>, now: Timestamp) -> Result<KeyRow, Unreadable> {
    let (key, api_slug) = (key(it)?, it.next()?);
    let (role_name, owner_name, mapped_user_name) = (it.next()?, it.next()?, it.next()?);
    let (secret_id, access_id) = (it.next()?, it.next::<Option<AccessId>>()?);
    let last_used_at = it.next()?;
    let rotating_until: Option<Timestamp> = it.next()?;
    // No secret outlives its key.
    let rotating_until = rotating_until.map(|until| key.expires_at.map_or(until, |expiry| until.min(expiry)));
    Ok(KeyRow {
        key,
        api_slug,
        role_name,
        owner_name,
        mapped_user_name,
        secret_id,
        access_hint: access_id.as_ref().map(AccessId::hint),
        access_id,
        last_used_at,
        rotating_until: rotating_until.filter(|until| now < *until),
    })
}

/// A page of keys.
#[derive(Debug, Clone)]
pub struct KeyPage {
    /// The rows; fewer than were asked for where as many keys were looked at as one request may.
    pub rows: Vec<KeyRow>,
    /// Where the next page begins; absent on the last page.
    pub next: Option<Cursor>,
    /// Keys that were looked at, besides those on the page: at most [`KEYS_EXAMINED_MAX`].
    pub examined: usize,
}

/// How many keys a filter lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyTotal {
    /// So many, or at least so many.
    pub count: u64,
    /// Whether there are no more.
    pub is_exact: bool,
}

/// Keys that were found, in the order of a walk, and where it stopped before its end.
struct Found {
    spots: Vec<Spot>,
    stopped_at: Option<Spot>,
}

impl Connection {
    /// Finds a key as lists show it, revoked ones included.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_key_row(&mut self, tenant: &Tenant, id: KeyId, now: Timestamp) -> StoreResult<Option<KeyRow>> {
        let arguments = args![id, tenant.organization_id()];
        self.find(FIND_KEY_ROW, arguments, "key", |it| key_row(it, now)).await
    }

    /// Keys of the tenant's organization.
    ///
    /// # Errors
    /// `InvalidCursor`, also once what the cursor stands at is gone, such as a role. `TooManyToSort` for a list of somebody who may not see
    /// all keys, where it would go along an index of all.
    pub async fn page_keys(
        &mut self,
        tenant: &Tenant,
        filter: &KeyFilter,
        order: impl Into<KeyOrder>,
        request: &PageRequest,
        now: Timestamp,
    ) -> StoreResult<KeyPage> {
        let (after, rows) = (request.after.as_ref(), request.rows());
        let (places, next, examined) = self.page_places(tenant, filter, order.into(), after, rows, now).await?;
        let mut rows = self.key_rows(tenant, &places, now).await?;
        let rows = places.iter().filter_map(|it| rows.remove(&it.id)).collect();
        Ok(KeyPage { rows, next, examined })
    }

    /// The keys that a filter lets through, in the order of their identifiers and behind one of them, for work that goes through them all;
    /// and behind which key there may be more.
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
    ) -> StoreResult<(Vec<KeyId>, Option<KeyId>)> {
        let conditions = Condition::of(filter, now);
        let stage = self.only_stage(tenant, &conditions).await?;
        let walk = Walk::by_id(filter, &conditions, false);
        let after = after.map(|it| (Mark::Text(String::new()), it.to_string()));
        let mut budget = KEYS_EXAMINED_MAX;
        let found =
            self.walk_along(tenant, &stage, &walk, &conditions, after.as_ref(), at_most + 1, &mut budget).await?;
        let mut ids =
            found.spots.iter().map(|(_, id)| id.parse()).collect::<Result<Vec<KeyId>, _>>().map_err(no_key)?;
        let has_more = ids.len() > at_most;
        ids.truncate(at_most);
        let stopped_at = found.stopped_at.map(|(_, id)| id.parse()).transpose().map_err(no_key)?;
        Ok((ids.clone(), if has_more { ids.last().copied() } else { stopped_at }))
    }

    /// Counts what [`Self::page_keys`] lists, as far as it is cheap.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn count_keys(&mut self, tenant: &Tenant, filter: &KeyFilter, now: Timestamp) -> StoreResult<KeyTotal> {
        let conditions = Condition::of(filter, now);
        if conditions == [Condition::Unrevoked] {
            let count = self.number(COUNT_LIVE, args![tenant.organization_id()]).await?;
            return Ok(KeyTotal { count, is_exact: true });
        }
        let stage = self.only_stage(tenant, &conditions).await?;
        let walk = Walk::by_id(filter, &conditions, false);
        let group = stage.few.unwrap_or_else(|| walk.lanes.into_iter().next().unwrap_or_default());
        let few = Few { group: &group, at_most: KEYS_EXAMINED_MAX + 1 };
        let query = few.count_meeting(tenant, &conditions);
        let row = self.fetch_optional(AssertSqlSafe(query.sql), query.arguments).await?;
        let counts = |it: &mut Columns<'_>| Ok((it.next::<u64>()?, it.next::<Option<u64>>()?.unwrap_or(0)));
        let (examined, count) = row.map(|row| decode("a count", &row, counts)).transpose()?.unwrap_or_default();
        Ok(KeyTotal { count, is_exact: examined <= KEYS_EXAMINED_MAX as u64 })
    }

    /// The keys of a page, where the next one begins, and how many keys were looked at for it.
    async fn page_places(
        &mut self,
        tenant: &Tenant,
        filter: &KeyFilter,
        order: KeyOrder,
        after: Option<&Cursor>,
        rows: usize,
        now: Timestamp,
    ) -> StoreResult<(Vec<Place>, Option<Cursor>, usize)> {
        let conditions = Condition::of(filter, now);
        let start = after.map(Place::parse).transpose()?;
        let wanted = rows + 1;
        let mut budget = KEYS_EXAMINED_MAX;
        let (mut found, mut stop): (Vec<Place>, Option<Place>) = (Vec::new(), None);
        let stages = self.stages(tenant, filter, order, &conditions, start.as_ref()).await?;
        let mut start = start.as_ref();
        'stages: for stage in &stages {
            if start.is_some_and(|it| it.stage != stage.letter) {
                continue;
            }
            let from = start.map(|it| it.walk.as_str());
            let walks = self.walks(tenant, filter, order, &conditions, stage, from, now).await?;
            for walk in &walks {
                if found.len() >= wanted {
                    break 'stages;
                }
                if budget < walk.cost(stage) + walk.lanes.len() {
                    stop = Some(Place::before(stage, walk));
                    break 'stages;
                }
                budget -= walk.cost(stage);
                let after = start.take().map(|it| it.spot(walk.order)).transpose()?.flatten();
                let missing = wanted - found.len();
                let more =
                    self.walk_along(tenant, stage, walk, &conditions, after.as_ref(), missing, &mut budget).await?;
                found.extend(more.spots.into_iter().map(|it| Place::at(stage, walk, it)));
                if let Some(spot) = more.stopped_at {
                    stop = Some(Place::at(stage, walk, spot));
                    break 'stages;
                }
            }
            if start.take().is_some() {
                return Err(crate::Error::InvalidCursor);
            }
        }
        let has_more = found.len() > rows;
        found.truncate(rows);
        let next = if has_more { found.last() } else { stop.as_ref() };
        let next = next.map(Place::cursor);
        let examined = KEYS_EXAMINED_MAX - budget;
        Ok((found, next, examined))
    }

    /// The next rows of a walk that meet all conditions, at most so many; of several lanes they are put in one order.
    #[expect(clippy::too_many_arguments, reason = "what is asked, and how much of it is left")]
    async fn walk_along(
        &mut self,
        tenant: &Tenant,
        stage: &Stage,
        walk: &Walk,
        conditions: &[Condition],
        after: Option<&Spot>,
        rows: usize,
        budget: &mut usize,
    ) -> StoreResult<Found> {
        let mut all = Found { spots: Vec::new(), stopped_at: None };
        let mut share = *budget / walk.lanes.len();
        for lane in &walk.lanes {
            let ask = Ask { tenant, walk, lane, after };
            let found = match &stage.few {
                Some(group) => {
                    let few = Few { group, at_most: KEYS_EXAMINED_MAX + 1 };
                    let rest = walk.rest(&[], conditions, stage);
                    Found { spots: self.spots(&ask, ask.of_few(&few, &rest, rows)).await?, stopped_at: None }
                }
                None => {
                    let before = share;
                    let found = self.lane(&ask, &walk.rest(lane, conditions, stage), rows, &mut share).await?;
                    *budget -= before - share;
                    share = before;
                    found
                }
            };
            all.spots.extend(found.spots);
            // Beyond where one lane has stopped nothing is known of it.
            all.stopped_at = match (all.stopped_at.take(), found.stopped_at) {
                (Some(one), Some(other)) => Some(if (one < other) == walk.descending { other } else { one }),
                (one, other) => one.or(other),
            };
        }
        all.spots.sort_unstable();
        if walk.descending {
            all.spots.reverse();
        }
        if let Some(stop) = &all.stopped_at {
            all.spots.retain(|it| it == stop || (it < stop) != walk.descending);
        }
        all.spots.truncate(rows);
        if all.spots.len() == rows {
            all.stopped_at = None;
        }
        Ok(all)
    }

    /// The next rows of one index that meet `rest`, looked for in windows that grow.
    async fn lane(&mut self, ask: &Ask<'_>, rest: &[Condition], rows: usize, budget: &mut usize) -> StoreResult<Found> {
        /// How many times the rows wanted are looked at first: most filters let many through.
        const FIRST_WINDOW: usize = 4;
        if rest.is_empty() {
            return Ok(Found { spots: self.spots(ask, ask.window(rest, rows, rows)).await?, stopped_at: None });
        }
        let mut found = Found { spots: Vec::new(), stopped_at: ask.after.cloned() };
        let mut window = rows * FIRST_WINDOW;
        loop {
            window = window.min(*budget);
            if window == 0 {
                return Ok(found);
            }
            let ask = Ask { after: found.stopped_at.as_ref(), ..*ask };
            let missing = rows - found.spots.len();
            let spots = self.spots(&ask, ask.window(rest, window, missing)).await?;
            *budget -= window;
            let is_filled = spots.len() == missing;
            let end = if is_filled { None } else { self.spots(&ask, ask.end_of_window(window)).await?.pop() };
            found.spots.extend(spots);
            found.stopped_at = end;
            if found.stopped_at.is_none() {
                return Ok(found);
            }
            window = usize::MAX;
        }
    }

    async fn spots(&mut self, ask: &Ask<'_>, query: Query) -> StoreResult<Vec<Spot>> {
        // Only constant parts have gone into the text, see `Query`.
        let rows = self.fetch_all(AssertSqlSafe(query.sql), query.arguments).await?;
        rows.iter().map(|row| decode("key", row, |it| ask.spot(it))).collect()
    }
}

fn no_key(_: impl std::fmt::Display) -> crate::Error {
    crate::Error::InvalidCursor
}
