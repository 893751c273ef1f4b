//! Which way a list is gone: its stages, their walks, and what a cursor says of them.

use std::fmt::Display;
use std::str::FromStr;

use claviger_core::id::{ApiId, RoleId};
use claviger_core::key::Origin;
use claviger_core::limits::KEYS_EXAMINED_MAX;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use sqlx::AssertSqlSafe;

use super::condition::{Beginning, Condition, Query, access_ids};
use super::walk::{Few, Mark, Order, Spot, Walk};
use super::{KeyFilter, KeyOrder, KeyPart, KeySort, KeyStatus};
use crate::row::decode;
use crate::value::args;
use crate::{Connection, Cursor, Error, StoreResult};

/// How many keys the beginning of a further walk counts for: it costs a statement, whatever it finds.
const WALK_COST: usize = 20;
/// Of a few keys, which each walk reads and sorts anew, so many count for one.
const FEW_KEYS_PER_ONE: usize = 10;
/// Walks that can begin within one request, and one more, which says that there are others.
const WALKS_MAX: i64 = (KEYS_EXAMINED_MAX / WALK_COST) as i64 + 1;

/// The whole list, where no search has it begin with what is likeliest.
const WHOLE: char = 'p';
/// The key whose access id is searched for.
const ACCESS: char = 'a';
/// Keys whose names begin with what is searched for.
const BEGINNING: char = 'n';
/// All others that a search finds.
const OTHERS: char = 'r';
/// All others, where those that begin with it are too many to come first.
const OTHERS_AND_BEGINNING: char = 'q';

/// The walk of the keys that have nothing of what a list is sorted by.
const REST: &str = "none";

/// A part of a list that is gone through in the order of the list before the next one begins.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    /// What a cursor calls it.
    pub(super) letter: char,
    /// What finds its keys, where they are few.
    pub(super) few: Option<Vec<Condition>>,
    /// How many these are, of which its conditions let some through.
    pub(super) keys: usize,
    /// What its keys are asked besides.
    pub(super) besides: Vec<Condition>,
}

impl Stage {
    const fn whole() -> Self {
        Self { letter: WHOLE, few: None, keys: 0, besides: Vec::new() }
    }
}

/// The place of a key in a list.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) stage: char,
    pub(super) walk: String,
    value: String,
    /// Empty: before the first of the walk.
    pub(super) id: String,
}

impl Place {
    pub(super) fn at(stage: &Stage, walk: &Walk, (mark, id): Spot) -> Self {
        Self { stage: stage.letter, walk: walk.name.clone(), value: mark.text(), id }
    }

    pub(super) fn before(stage: &Stage, walk: &Walk) -> Self {
        Self::at(stage, walk, (Mark::Text(String::new()), String::new()))
    }

    /// What a cursor says.
    pub(super) fn parse(cursor: &Cursor) -> StoreResult<Self> {
        let parts = cursor.value.split_once(':').and_then(|(way, value)| Some((way.chars().next()?, way, value)));
        let (stage, way, value) = parts.ok_or(Error::InvalidCursor)?;
        let is_known = [WHOLE, ACCESS, BEGINNING, OTHERS, OTHERS_AND_BEGINNING].contains(&stage);
        if !is_known {
            return Err(Error::InvalidCursor);
        }
        Ok(Self { stage, walk: way[1..].to_owned(), value: value.to_owned(), id: cursor.id.clone() })
    }

    pub(super) fn cursor(&self) -> Cursor {
        Cursor::new(format!("{}{}:{}", self.stage, self.walk, self.value), &self.id)
    }

    /// Where in a walk it is; none before its first row.
    pub(super) fn spot(&self, order: Order) -> StoreResult<Option<Spot>> {
        if self.id.is_empty() {
            return Ok(None);
        }
        let mark = Mark::parse(order, &self.value).ok_or(Error::InvalidCursor)?;
        Ok(Some((mark, self.id.clone())))
    }
}

impl Walk {
    fn new(name: impl Into<String>, order: Order, descending: bool, lanes: Vec<Vec<Condition>>) -> Self {
        Self { name: name.into(), order, descending, lanes, besides: Vec::new() }
    }

    fn besides(self, besides: Condition) -> Self {
        Self { besides: vec![besides], ..self }
    }

    /// The same rows as far as they are among some, along the index of just these, in the order of their identifiers.
    fn among(mut self, some: &Condition) -> StoreResult<Self> {
        if self.order != Order::Id {
            return Err(Error::TooManyToSort);
        }
        for lane in &mut self.lanes {
            let before = std::mem::replace(lane, vec![some.clone()]);
            let (creation, others): (Vec<_>, Vec<_>) = before.into_iter().partition(Condition::is_creation);
            lane.extend(creation);
            self.besides.extend(others);
        }
        Ok(self)
    }

    /// All keys in the order of their identifiers, along the shortest list that is known to hold them.
    pub(super) fn by_id(filter: &KeyFilter, conditions: &[Condition], descending: bool) -> Self {
        let list = Condition::seen(filter).or_else(|| conditions.iter().find(|it| it.is_list()).cloned());
        let all = (filter.status != KeyStatus::Any).then_some(Condition::Unrevoked);
        let creation = conditions.iter().filter(|it| it.is_creation()).cloned();
        let lane = list.or(all).into_iter().chain(creation).collect();
        Self::new("", Order::Id, descending, vec![lane])
    }

    /// How many keys its beginning counts for.
    pub(super) const fn cost(&self, stage: &Stage) -> usize {
        if self.name.is_empty() { 0 } else { WALK_COST + stage.keys / FEW_KEYS_PER_ONE }
    }

    /// What is left to ask of the rows of a lane.
    pub(super) fn rest(&self, lane: &[Condition], conditions: &[Condition], stage: &Stage) -> Vec<Condition> {
        // Of when a key was made an index knows the millisecond; and there is none of inactive or revoked ones that holds others.
        let is_asked = |it: &&Condition| it.is_creation() || !lane.contains(it);
        let implies = lane.iter().any(|it| matches!(it, Condition::Inactive));
        let all = conditions.iter().chain(&self.besides).chain(&stage.besides).filter(is_asked);
        all.filter(|it| !(implies && **it == Condition::Unrevoked)).cloned().collect()
    }
}

impl Connection {
    /// The one stage of a list in no particular order: of few keys, where the filter is about few.
    pub(super) async fn only_stage(&mut self, tenant: &Tenant, conditions: &[Condition]) -> StoreResult<Stage> {
        for group in Condition::groups(conditions) {
            if let Some(keys) = self.are_few(tenant, &group).await? {
                return Ok(Stage { few: Some(group), keys, ..Stage::whole() });
            }
        }
        Ok(Stage::whole())
    }

    /// How many there are; none where they are not few.
    async fn are_few(&mut self, tenant: &Tenant, group: &[Condition]) -> StoreResult<Option<usize>> {
        if group == [Condition::Unrevoked] {
            let live = self.number(super::COUNT_LIVE, args![tenant.organization_id()]).await?;
            return Ok(usize::try_from(live).ok().filter(|it| *it <= KEYS_EXAMINED_MAX));
        }
        let query = Few { group, at_most: KEYS_EXAMINED_MAX + 1 }.count(tenant);
        let row = self.fetch_optional(AssertSqlSafe(query.sql), query.arguments).await?;
        let count = row.map(|row| decode("a count", &row, |it| it.next::<u64>())).transpose()?.unwrap_or(0);
        Ok(usize::try_from(count).ok().filter(|it| *it <= KEYS_EXAMINED_MAX))
    }

    /// The stages of a list, of which a cursor may stand in a later one.
    pub(super) async fn stages(
        &mut self,
        tenant: &Tenant,
        filter: &KeyFilter,
        order: KeyOrder,
        conditions: &[Condition],
        start: Option<&Place>,
    ) -> StoreResult<Vec<Stage>> {
        let start = start.map(|it| it.stage);
        let search = filter.search.as_deref().filter(|_| start != Some(WHOLE));
        let Some(search) = search else {
            // Where an index has just these keys in just this order, there is nothing to gain.
            let is_direct = order.sort == KeySort::Created
                && Walk::by_id(filter, conditions, false).rest_of_first_lane(conditions).is_empty();
            let stage = if is_direct { Stage::whole() } else { self.only_stage(tenant, conditions).await? };
            return Ok(vec![stage]);
        };
        if start.is_none() {
            let stage = self.only_stage(tenant, conditions).await?;
            if stage.few.is_some() {
                return Ok(vec![stage]);
            }
        }
        let access_ids = access_ids(search);
        let not_access: Vec<_> = access_ids.iter().cloned().map(Condition::NotAccess).collect();
        let access = access_ids.map(|it| Stage {
            letter: ACCESS,
            few: Some(vec![Condition::Access(it)]),
            keys: 1,
            besides: vec![],
        });
        let lane = conditions.iter().find(|it| matches!(it, Condition::Unrevoked | Condition::Revoked));
        let beginning = lane.cloned().zip(Beginning::of(search));
        let beginning = match (beginning, start) {
            (_, Some(OTHERS_AND_BEGINNING)) => None,
            // Once they came first, they do.
            (Some((lane, begins)), Some(BEGINNING | OTHERS)) => Some((lane, begins, KEYS_EXAMINED_MAX)),
            (Some((lane, begins)), _) => {
                let group = [lane.clone(), Condition::NameBegins(begins.clone())];
                self.are_few(tenant, &group).await?.map(|keys| (lane, begins, keys))
            }
            (None, _) => None,
        };
        let mut stages: Vec<_> = access.into_iter().collect();
        let mut others = Stage { letter: OTHERS_AND_BEGINNING, besides: not_access.clone(), ..Stage::whole() };
        if let Some((lane, begins, keys)) = beginning {
            others.letter = OTHERS;
            others.besides.push(Condition::NotNameBegins(begins.clone()));
            let few = Some(vec![lane, Condition::NameBegins(begins)]);
            stages.push(Stage { letter: BEGINNING, few, keys, besides: not_access });
        }
        stages.push(others);
        Ok(stages)
    }

    /// The walks of a stage, from the one on where a cursor stands.
    #[expect(clippy::too_many_arguments, reason = "what is asked, and from where on")]
    pub(super) async fn walks(
        &mut self,
        tenant: &Tenant,
        filter: &KeyFilter,
        order: KeyOrder,
        conditions: &[Condition],
        stage: &Stage,
        from: Option<&str>,
        now: Timestamp,
    ) -> StoreResult<Vec<Walk>> {
        let KeyOrder { sort, descending } = order;
        let by_id = Walk::by_id(filter, conditions, descending);
        let all_by_id = |name: &str| Walk { name: name.to_owned(), ..by_id.clone() };
        let standing = || match filter.status {
            KeyStatus::Any => vec![Condition::Unrevoked, Condition::Revoked],
            KeyStatus::Revoked => vec![Condition::Revoked],
            _ => vec![Condition::Unrevoked],
        };
        let lanes = || standing().into_iter().map(|it| vec![it]).collect();
        let mut walks = match sort {
            KeySort::Created => vec![by_id],
            // All have the same value: any other way would look for them among all keys.
            _ if is_fixed(sort, filter) => vec![by_id],
            KeySort::Name => vec![Walk::new("", Order::Name, descending, lanes())],
            KeySort::Expiry => {
                let ends = conditions.iter().filter(|it| it.is_end());
                let lanes = standing().into_iter().map(|it| [it].into_iter().chain(ends.clone().cloned()).collect());
                vec![Walk::new("", Order::End, descending, lanes.collect())]
            }
            KeySort::Owner => vec![
                Walk::new("some", Order::Owner, descending, vec![vec![]]),
                all_by_id(REST).besides(Condition::Without(" AND k.owner_id IS NULL")),
            ],
            KeySort::MappedUser => vec![
                Walk::new("some", Order::Mapped, descending, vec![vec![]]),
                all_by_id(REST).besides(Condition::Without(" AND k.mapped_user_id IS NULL")),
            ],
            KeySort::LastUse => {
                let used = Walk::new("some", Order::Used, descending, vec![vec![]]);
                let used = used.besides(Condition::Without(NEWEST_USE));
                let never = all_by_id(REST).besides(Condition::NeverUsed);
                // What was never used is unused for longer than all else.
                if descending { vec![used, never] } else { vec![never, used] }
            }
            KeySort::State => states(filter.status, descending, now),
            KeySort::Origin => {
                let mut origins = Origin::ALL;
                origins.sort_unstable_by_key(|it| it.as_str());
                let walk = |it: &Origin| match it {
                    Origin::Import => all_by_id(it.as_str()).besides(Condition::Origin(*it)),
                    other => Walk::new(other.as_str(), Order::Id, descending, vec![vec![Condition::Origin(*other)]]),
                };
                let mut walks: Vec<_> = origins.iter().map(walk).collect();
                if descending {
                    walks.reverse();
                }
                walks
            }
            KeySort::Role => {
                let without = all_by_id(REST).besides(Condition::Without(NO_ROLE));
                let walk = |id: RoleId| Condition::Role(id);
                self.walks_of_parts(ROLES, tenant, descending, stage, from, walk, Some(without)).await?
            }
            KeySort::Api => {
                // Every live key has an api that its organization sees.
                let revoked = || Walk::new(REST, Order::Id, descending, vec![vec![Condition::Revoked]]);
                let is_shown = matches!(filter.status, KeyStatus::Any | KeyStatus::Revoked);
                let without = is_shown.then(|| revoked().besides(Condition::Without(NO_API)));
                let walk = |id: ApiId| Condition::Api(id);
                self.walks_of_parts(APIS, tenant, descending, stage, from, walk, without).await?
            }
        };
        // A window ends at any key of its index, and the cursor says which one.
        if let Some(seen) = Condition::seen(filter).filter(|_| stage.few.is_none()) {
            walks = walks.into_iter().map(|it| it.among(&seen)).collect::<StoreResult<_>>()?;
        }
        if let Some(from) = from {
            let at = walks.iter().position(|it| it.name == from).ok_or(Error::InvalidCursor)?;
            walks.drain(..at);
        }
        Ok(walks)
    }

    /// A walk for each of the things that a sort is about, and one for the keys without one.
    #[expect(clippy::too_many_arguments, reason = "what is asked, and from where on")]
    async fn walks_of_parts<K>(
        &mut self,
        parts: Parts,
        tenant: &Tenant,
        descending: bool,
        stage: &Stage,
        from: Option<&str>,
        condition: impl Fn(K) -> Condition,
        without: Option<Walk>,
    ) -> StoreResult<Vec<Walk>>
    where
        K: FromStr<Err: Display>,
    {
        let ids = match from {
            Some(REST) => vec![],
            from => self.parts(parts, tenant, descending, stage, from).await?,
        };
        let is_last = ids.len() < WALKS_MAX as usize;
        let walk = |id: String| {
            let lane = vec![condition(id.parse().map_err(super::no_key)?)];
            Ok(Walk::new(id, Order::Id, descending, vec![lane]))
        };
        let mut walks = ids.into_iter().map(walk).collect::<StoreResult<Vec<_>>>()?;
        walks.extend(without.filter(|_| is_last));
        Ok(walks)
    }

    /// What the walks of a sort are about: the roles or apis of the organization in their order, from one on.
    async fn parts(
        &mut self,
        parts: Parts,
        tenant: &Tenant,
        descending: bool,
        stage: &Stage,
        from: Option<&str>,
    ) -> StoreResult<Vec<String>> {
        let query = parts.query(tenant, descending, stage.few.as_deref(), from);
        let rows = self.fetch_all(AssertSqlSafe(query.sql), query.arguments).await?;
        rows.iter().map(|row| decode(parts.table, row, |it| it.next::<String>())).collect()
    }
}

impl Walk {
    fn rest_of_first_lane(&self, conditions: &[Condition]) -> Vec<Condition> {
        self.lanes.first().map(|it| self.rest(it, conditions, &Stage::whole())).unwrap_or_default()
    }
}

/// Of the uses of several secrets of a key the last one stands for it. Of several at the same time each does, since a window may end between
/// them and the next one goes on behind the key.
const NEWEST_USE: &str =
    " AND NOT EXISTS (SELECT 1 FROM secret_use n WHERE n.key_id = k.id AND n.last_used_at > k.used_at)";
/// Also where a revoked key has one that was deleted, or that its organization has ceased to see by moving.
const NO_ROLE: &str = " AND NOT EXISTS (SELECT 1 FROM role n JOIN organization_closure c ON c.ancestor_id = n.organization_id \
     WHERE n.id = k.role_id AND c.descendant_id = k.organization_id)";
/// That of a revoked key whose organization has ceased to see it by moving.
const NO_API: &str = " AND NOT EXISTS (SELECT 1 FROM api n JOIN organization_closure c ON c.ancestor_id = n.organization_id \
     WHERE n.id = k.api_id AND c.descendant_id = k.organization_id)";

/// Whether all keys that a filter lets through have the same value of a sort.
fn is_fixed(sort: KeySort, filter: &KeyFilter) -> bool {
    match sort {
        KeySort::LastUse => filter.never_used,
        KeySort::Role => filter.role_id.is_some() || filter.without.contains(&KeyPart::Role),
        KeySort::Api => filter.api_id.is_some(),
        KeySort::Owner => filter.owner_id.is_some() || filter.without.contains(&KeyPart::Owner),
        KeySort::MappedUser => filter.mapped_user_id.is_some() || filter.without.contains(&KeyPart::MappedUser),
        KeySort::Origin => filter.origin.is_some(),
        KeySort::Created | KeySort::Name | KeySort::Expiry | KeySort::State => false,
    }
}

fn states(status: KeyStatus, descending: bool, now: Timestamp) -> Vec<Walk> {
    let is_live = |it: KeyStatus| matches!(status, KeyStatus::Any | KeyStatus::Live) || status == it;
    let walk = |name: &str, order, lane| Walk::new(name, order, descending, vec![lane]);
    let active = walk("active", Order::Id, vec![Condition::Unrevoked]);
    let mut walks = Vec::new();
    if is_live(KeyStatus::Active) {
        walks.push(Walk { besides: vec![Condition::Active, Condition::RunsAt(now)], ..active });
    }
    if is_live(KeyStatus::Inactive) {
        let inactive = walk("inactive", Order::Id, vec![Condition::Inactive]);
        walks.push(inactive.besides(Condition::RunsAt(now)));
    }
    if is_live(KeyStatus::Expired) {
        walks.push(walk("expired", Order::End, vec![Condition::Unrevoked, Condition::EndedAt(now)]));
    }
    if matches!(status, KeyStatus::Any | KeyStatus::Revoked) {
        walks.push(walk("revoked", Order::Id, vec![Condition::Revoked]));
    }
    if descending {
        walks.reverse();
    }
    walks
}

/// What a sort is made of, where it is not an order of an index but a walk for each of a few things.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    table: &'static str,
    name: &'static str,
    of_key: &'static str,
}

pub(super) const ROLES: Parts = Parts { table: "role", name: "p.name_key", of_key: "k.role_id" };
pub(super) const APIS: Parts = Parts { table: "api", name: "p.slug", of_key: "k.api_id" };

impl Parts {
    pub(super) fn query(
        self,
        tenant: &Tenant,
        descending: bool,
        few: Option<&[Condition]>,
        from: Option<&str>,
    ) -> Query {
        let direction = if descending { " DESC" } else { "" };
        let mut query = Query::default();
        query.text("SELECT p.id FROM ");
        query.text(self.table);
        query.text(" p JOIN organization_closure c ON c.ancestor_id = p.organization_id");
        query.push(" WHERE c.descendant_id = ", tenant.organization_id(), "");
        if let Some(group) = few {
            query.text(" AND (p.id IN (SELECT ");
            query.text(self.of_key);
            query.text(" FROM ");
            Few { group, at_most: KEYS_EXAMINED_MAX + 1 }.push(&mut query, tenant, false);
            query.text(")");
            if let Some(from) = from {
                // Its last key may have gone since the cursor was made.
                query.push(" OR p.id = ", from, "");
            }
            query.text(")");
        }
        if let Some(from) = from {
            query.text(" AND (");
            query.text(self.name);
            query.text(if descending { ", p.id) <= (SELECT " } else { ", p.id) >= (SELECT " });
            query.text(self.name);
            query.text(", p.id FROM ");
            query.text(self.table);
            query.push(" p WHERE p.id = ", from, ")");
        }
        query.text(" ORDER BY ");
        query.text(self.name);
        query.text(direction);
        query.text(", p.id");
        query.text(direction);
        query.push(" LIMIT ", WALKS_MAX, "");
        query
    }
}
