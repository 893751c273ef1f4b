//! What the cells hold: a hot part in words, which decisions read, and the content behind it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use claviger_core::decision::Node;
use claviger_core::feed::{OrganizationRecord, UserRecord};
use claviger_core::key_limits::{DefaultLimits, KeyLimits};
use claviger_core::limits::TREE_LEVELS_MAX;
use claviger_core::member;
use claviger_core::network::IpAllowList;
use claviger_core::permission::PermissionSet;
use claviger_core::policy::{Policy, QueryStringKeys};
use claviger_core::rate::Rate;

use crate::cells::Known;
use crate::entry::NONE;
use crate::locked::{Locked, Words, pair, unpair};

/// An organization's record with what follows from its ancestors.
#[derive(Debug)]
pub(crate) struct OrganizationCell {
    pub(crate) record: Arc<OrganizationRecord>,
    /// What holds there; absent where an ancestor is missing or cannot be read.
    pub(crate) policy: Option<Arc<Policy>>,
    /// Where its allow-list stands.
    pub(crate) narrowing: u32,
}

const ORGANIZATION_WORDS: usize = 7;

/// What decisions read of an organization: one cache line.
#[repr(align(64))]
#[derive(Default)]
pub(crate) struct HotOrganization(pub(crate) Locked<ORGANIZATION_WORDS>);

/// One copy of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrganizationState {
    /// The organization and its ancestors, nearest first. Without any nothing reaches it and it reaches nothing:
    /// it is not held, an ancestor is missing, or there are more levels than a tree may have.
    path: [Node; TREE_LEVELS_MAX],
    levels: u8,
    /// Whether it or an ancestor is suspended.
    pub(crate) suspended: bool,
    /// It or an ancestor cannot be read.
    pub(crate) unreadable: bool,
    pub(crate) query_string_keys: QueryStringKeys,
    pub(crate) max_stale: Duration,
    /// How often its keys may be used that say nothing of it themselves.
    pub(crate) default_limits: DefaultLimits,
    /// Where its allow-list stands.
    pub(crate) narrowing: u32,
}

const _: () = assert!(TREE_LEVELS_MAX <= 8, "a path is four words");

impl OrganizationState {
    /// One that nothing reaches.
    pub(crate) fn nowhere(unreadable: bool) -> Self {
        let Policy { query_string_keys, max_stale_secs, .. } = Policy::default();
        let max_stale = Duration::from_secs(u64::from(max_stale_secs));
        let path = [Node(NONE); TREE_LEVELS_MAX];
        Self {
            path,
            levels: 0,
            suspended: true,
            unreadable,
            query_string_keys,
            max_stale,
            default_limits: DefaultLimits::default(),
            narrowing: NONE,
        }
    }

    /// One of this path; absent when it has too many levels.
    pub(crate) fn at(
        path: impl Iterator<Item = Node>,
        suspended: bool,
        policy: &Policy,
        narrowing: u32,
    ) -> Option<Self> {
        let mut state = Self { suspended, narrowing, ..Self::nowhere(false) };
        for node in path {
            *state.path.get_mut(usize::from(state.levels))? = node;
            state.levels += 1;
        }
        let (query_string_keys, max_stale) = (policy.query_string_keys, policy.max_stale());
        Some(Self { query_string_keys, max_stale, default_limits: policy.default_limits(), ..state })
    }

    pub(crate) fn path(&self) -> &[Node] {
        &self.path[..usize::from(self.levels)]
    }

    pub(crate) fn pack(&self) -> Words<ORGANIZATION_WORDS> {
        let query = match self.query_string_keys {
            QueryStringKeys::Deny => 0,
            QueryStringKeys::Warn => 1,
            QueryStringKeys::Allow => 2,
        };
        let flags = u32::from(self.suspended) | u32::from(self.unreadable) << 1 | query << 2;
        let path = |at: usize| pair(self.path[at * 2].0, self.path[at * 2 + 1].0);
        let max_stale = u32::try_from(self.max_stale.as_secs()).unwrap_or(u32::MAX);
        let [rate, quota] = pack_limits(&self.default_limits);
        Words {
            half: u32::from(self.levels) | flags << 8,
            words: [path(0), path(1), path(2), path(3), pair(max_stale, self.narrowing), rate, quota],
        }
    }

    pub(crate) fn unpack(Words { half, words }: Words<ORGANIZATION_WORDS>) -> Self {
        let [levels, flags, ..] = half.to_le_bytes();
        // So are words that were never written.
        if levels == 0 {
            return Self::nowhere(flags & 2 != 0);
        }
        let (max_stale, narrowing) = unpair(words[4]);
        let node = |at: usize| {
            let (even, odd) = unpair(words[at / 2]);
            Node(if at.is_multiple_of(2) { even } else { odd })
        };
        Self {
            path: std::array::from_fn(node),
            levels: levels.min(TREE_LEVELS_MAX as u8),
            suspended: flags & 1 != 0,
            unreadable: flags & 2 != 0,
            query_string_keys: match flags >> 2 & 3 {
                0 => QueryStringKeys::Deny,
                1 => QueryStringKeys::Warn,
                _ => QueryStringKeys::Allow,
            },
            max_stale: Duration::from_secs(u64::from(max_stale)),
            default_limits: unpack_limits([words[5], words[6]]),
            narrowing,
        }
    }
}

/// Bits of a rate's requests in a word, and of its period in seconds behind them.
const REQUESTS_BITS: u32 = 20;
const PERIOD_BITS: u32 = 17;
/// Behind them whether a key may say more than this.
const RATE_LOCKED: u64 = 1 << (REQUESTS_BITS + PERIOD_BITS);
const QUOTA_LOCKED: u64 = RATE_LOCKED << 1;

const _: () = assert!(Rate::REQUESTS_MAX < 1 << REQUESTS_BITS && Rate::PERIOD_MAX.as_secs() < 1 << PERIOD_BITS);

/// In two words: what most organizations do not have must cost the others no more than a look at them.
fn pack_limits(limits: &DefaultLimits) -> [u64; 2] {
    let rate = limits.rate.map_or(0, |it| u64::from(it.requests()) | it.period().as_secs() << REQUESTS_BITS);
    let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
    let flags = flag(limits.is_rate_locked, RATE_LOCKED) | flag(limits.is_daily_quota_locked, QUOTA_LOCKED);
    [rate | flags, limits.daily_quota.map_or(0, u64::from)]
}

fn unpack_limits([rate, quota]: [u64; 2]) -> DefaultLimits {
    let requests = (rate & ((1 << REQUESTS_BITS) - 1)) as u32;
    let period = Duration::from_secs(rate >> REQUESTS_BITS & ((1 << PERIOD_BITS) - 1));
    DefaultLimits {
        rate: Rate::new(requests, period).ok(),
        is_rate_locked: rate & RATE_LOCKED != 0,
        daily_quota: u32::try_from(quota).ok().filter(|it| *it != 0),
        is_daily_quota_locked: rate & QUOTA_LOCKED != 0,
    }
}

/// A user's record with all memberships, sorted by organization.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserCell {
    /// Absent where memberships were told of before the user.
    pub(crate) record: Option<Arc<Known<UserRecord>>>,
    pub(crate) memberships: Vec<Membership>,
}

/// One membership of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) id: u128,
    pub(crate) seat: Seat,
}

/// What decisions read of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) organization: u32,
    pub(crate) role: u32,
    /// Where the member's own permissions stand.
    pub(crate) narrowing: u32,
    /// A newer record of it cannot be read: it still hides those farther up, but grants nothing.
    pub(crate) unreadable: bool,
}

/// Memberships that stand in the hot part: nearly all users have fewer.
const SEATS_MAX: usize = 3;
const USER_WORDS: usize = 2 * SEATS_MAX;

/// What decisions read of a user: one cache line.
#[repr(align(64))]
#[derive(Default)]
pub(crate) struct HotUser(pub(crate) Locked<USER_WORDS>);

/// One copy of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserState {
    /// Whether the user is held.
    pub(crate) known: bool,
    /// Whether keys mapped to the user are good.
    pub(crate) active: bool,
    pub(crate) unreadable: bool,
    seats: [Seat; SEATS_MAX],
    /// How many memberships there are; where they are too many for the hot part, the content has them.
    count: usize,
}

impl UserCell {
    pub(crate) fn record(&self) -> Option<&UserRecord> {
        self.record.as_deref()?.here()
    }

    /// The membership that counts at the end of this path.
    pub(crate) fn nearest(&self, path: &[Node]) -> Option<&Membership> {
        // The path has 8 nodes at most and an operator may have thousands of memberships: only those on the path are looked at.
        let at = |node: &Node| {
            let at = self.memberships.binary_search_by_key(&node.0, |it| it.seat.organization).ok()?;
            Some((*node, &self.memberships[at]))
        };
        member::nearest(path, path.iter().filter_map(at))
    }
}

impl UserState {
    pub(crate) fn of(user: &UserCell) -> Words<USER_WORDS> {
        let record = user.record();
        let unreadable = matches!(user.record.as_deref(), Some(Known::Unreadable(_)));
        let flags = u32::from(record.is_some())
            | u32::from(record.is_some_and(|it| it.active)) << 1
            | u32::from(unreadable) << 2;
        let count = user.memberships.len().min(SEATS_MAX + 1);
        let mut words = [0; USER_WORDS];
        for (place, Membership { seat, .. }) in words.as_chunks_mut::<2>().0.iter_mut().zip(&user.memberships) {
            *place = [pair(seat.organization, seat.role), pair(seat.narrowing, u32::from(seat.unreadable))];
        }
        Words { half: flags | (count as u32) << 8, words }
    }

    pub(crate) fn unpack(Words { half, words }: Words<USER_WORDS>) -> Self {
        let seats = std::array::from_fn(|at| {
            let (organization, role) = unpair(words[at * 2]);
            let (narrowing, unreadable) = unpair(words[at * 2 + 1]);
            Seat { organization, role, narrowing, unreadable: unreadable != 0 }
        });
        let flag = |bit: u32| half & 1 << bit != 0;
        Self { known: flag(0), active: flag(1), unreadable: flag(2), seats, count: (half >> 8) as usize }
    }

    /// The memberships; absent where there are too many.
    pub(crate) fn seats(&self) -> Option<&[Seat]> {
        self.seats.get(..self.count)
    }

    /// The membership that counts at the end of this path; `content` is asked where there are too many.
    pub(crate) fn nearest(&self, path: &[Node], content: Option<&UserCell>) -> Option<Seat> {
        match self.seats() {
            Some(seats) => member::nearest(path, seats.iter().map(|it| (Node(it.organization), *it))),
            None => Some(content?.nearest(path)?.seat),
        }
    }
}

/// Permissions, an allow-list, limits, or several of these, held once for all that have the same: scopes, networks and limits of keys,
/// permissions of members, networks of organizations.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Narrowing {
    pub(crate) permissions: Option<PermissionSet>,
    pub(crate) allowed_ips: Option<IpAllowList>,
    pub(crate) limits: Option<KeyLimits>,
}

impl Hash for Narrowing {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.permissions.iter().flat_map(PermissionSet::iter).for_each(|it| it.hash(state));
        self.allowed_ips.iter().flat_map(IpAllowList::iter).for_each(|it| it.hash(state));
        self.limits.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use claviger_core::policy::Setting;
    use proptest::prelude::*;

    #[test]
    fn what_was_never_written_is_nowhere_and_nobody() {
        let organization = OrganizationState::unpack(HotOrganization::default().0.read().0);
        assert_eq!(organization, OrganizationState::nowhere(false));
        let user = UserState::unpack(HotUser::default().0.read().0);
        assert!(!user.known && !user.active && !user.unreadable && user.seats() == Some(&[]));
        assert_eq!((size_of::<HotOrganization>(), size_of::<HotUser>()), (64, 64));
    }

    #[test]
    fn a_path_too_long_is_none() {
        let at = |levels| OrganizationState::at((0..levels).map(Node), false, &Policy::default(), NONE);
        assert_eq!(at(8).map(|it| it.path().len()), Some(8));
        assert_eq!(at(9), None);
    }

    proptest! {
        #[test]
        fn an_organization_survives_packing(
            path in proptest::collection::vec(any::<u32>(), 1..=8),
            suspended: bool,
            query in 0_usize..3,
            max_stale_secs: u32,
            narrowing: u32,
            rate in proptest::option::of((1..=Rate::REQUESTS_MAX, 1..=86_400_u64)),
            daily_quota in proptest::option::of(1..=u32::MAX),
            locked: [bool; 2],
        ) {
            let query_string_keys = [QueryStringKeys::Deny, QueryStringKeys::Warn, QueryStringKeys::Allow][query];
            let locked = [Setting::DefaultRate, Setting::DefaultDailyQuota].into_iter().zip(locked);
            let policy = Policy {
                query_string_keys,
                max_stale_secs,
                default_rate: rate.and_then(|(requests, secs)| Rate::new(requests, Duration::from_secs(secs)).ok()),
                default_daily_quota: daily_quota,
                locked: locked.filter_map(|(it, is_locked)| is_locked.then_some(it)).collect(),
                ..Policy::default()
            };
            let state = OrganizationState::at(path.iter().map(|it| Node(*it)), suspended, &policy, narrowing);
            let state = state.expect("few levels");
            prop_assert_eq!(OrganizationState::unpack(state.pack()), state);
            prop_assert_eq!(state.path().len(), path.len());
            prop_assert_eq!(state.default_limits, policy.default_limits());
        }

        #[test]
        fn memberships_survive_packing(seats in proptest::collection::vec((any::<[u32; 3]>(), any::<bool>()), 0..6)) {
            let seats: Vec<_> = seats
                .into_iter()
                .map(|([organization, role, narrowing], unreadable)| Seat { organization, role, narrowing, unreadable })
                .collect();
            let memberships = seats.iter().map(|seat| Membership { id: 0, seat: *seat }).collect();
            let state = UserState::unpack(UserState::of(&UserCell { record: None, memberships }));
            prop_assert_eq!(state.seats(), (seats.len() <= SEATS_MAX).then_some(&*seats));
        }
    }
}
