//! The replica: what a node holds in memory of every live grant, for readers that take no lock.

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use claviger_core::api::KeyLocations;
use claviger_core::decision::Node;
use claviger_core::event::Position;
use claviger_core::feed::SigningKeyRecord;
use claviger_core::id::{KeyId, OrganizationId, RoleId, UserId};
use claviger_core::policy::Policy;
use claviger_core::time::Timestamp;

use crate::cells::here;
use crate::denials::Denials;
use crate::hash::Seed;
use crate::held::{Membership, UserCell};
use crate::limiter::Limiter;
use crate::origins::Origins;
use crate::resolve::Spot;
use crate::state::State;
use crate::tokens::ProvenTokens;
use crate::usage::Drain;
use crate::writer::Writer;

/// Time since some fixed instant, by a clock that never goes back and is not set: the replica's age is measured with it, never with the calendar.
pub type Uptime = Box<dyn Fn() -> Duration + Send + Sync>;

/// What a node holds of every live grant.
pub struct Replica {
    pub(crate) state: ArcSwap<State>,
    pub(crate) origins: ArcSwap<Origins>,
    pub(crate) drain: Mutex<Drain>,
    pub(crate) denials: Denials,
    /// Beside the tables, since a load must give nobody another full bucket.
    pub(crate) limiter: Limiter,
    pub(crate) position: ArcSwapOption<Position>,
    policies_at: ArcSwapOption<Position>,
    pub(crate) proven_tokens: ProvenTokens,
    pub(crate) seed: Seed,
    uptime: Uptime,
    /// The uptime, in microseconds, at which what it holds was known to be true.
    known_at: AtomicI64,
}

/// A moment, in microseconds of uptime.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Since(i64);

/// How much a replica holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Keys, revoked ones that are still told apart from unknown ones included.
    pub keys: usize,
    /// Their secrets.
    pub secrets: usize,
    /// Organizations, users and roles that something names, gone ones included.
    pub organizations: usize,
    /// See [`Self::organizations`].
    pub users: usize,
    /// See [`Self::organizations`].
    pub roles: usize,
    /// Records that this build could not read: worth an alarm when it is not zero.
    pub unreadable: usize,
    /// Bytes of the keys: entries, indexes and the like.
    pub key_bytes: usize,
    /// Bytes of their names and metadata.
    pub text_bytes: usize,
}

/// A membership with the facts of its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipFacts {
    /// Where the membership stands: the organization asked about or one above it.
    pub organization_id: OrganizationId,
    /// The role.
    pub role_id: RoleId,
    /// Its name; absent when the role is not held, and then it allows nothing.
    pub role_name: Option<Box<str>>,
    /// Whether it is the built-in admin role.
    pub is_admin: bool,
    /// Whether its holders may have keys; admins always may.
    pub api_access: bool,
}

impl Replica {
    /// An empty replica and its only writer. `seed` has to be unpredictable: it keeps digests that somebody chose from sharing one place.
    pub fn new(seed: [u8; 32], uptime: Uptime) -> (Arc<Self>, Writer) {
        let seed = Seed::new(seed);
        let replica = Arc::new(Self {
            state: ArcSwap::from_pointee(State::new(seed)),
            origins: ArcSwap::from_pointee(Origins::new(0)),
            drain: Mutex::default(),
            denials: Denials::default(),
            limiter: Limiter::new(seed),
            position: ArcSwapOption::empty(),
            policies_at: ArcSwapOption::empty(),
            proven_tokens: ProvenTokens::new(),
            seed,
            uptime,
            known_at: AtomicI64::new(i64::MIN),
        });
        (Arc::clone(&replica), Writer::new(replica))
    }

    /// Whether everything has been loaded once. Before, every answer is `stale`.
    pub fn is_ready(&self) -> bool {
        self.position.load().is_some()
    }

    /// Up to where the log has been applied; absent before the first load ended.
    pub fn position(&self) -> Option<Position> {
        self.position.load().as_deref().copied()
    }

    /// Notes that its source was heard just now, saying that its own knowledge is `source_age` old (zero from the database itself).
    pub fn heard(&self, source_age: Duration) {
        self.known_at.store(micros((self.uptime)()).saturating_sub(micros(source_age)), Ordering::Relaxed);
    }

    /// The present moment, for a load that begins.
    pub(crate) fn now(&self) -> Since {
        Since(micros((self.uptime)()))
    }

    /// Answers from these tables from now on. The old ones are kept until what was counted in them is drained.
    pub(crate) fn replace(&self, state: Arc<State>, at: Position, since: Since) {
        let old = self.state.swap(state);
        if old.entries.len() > 0 {
            self.drain.lock().expect("draining does not panic").retired.push(old);
        }
        self.known_at.store(since.0, Ordering::Relaxed);
        self.policies_changed(at);
        self.moved(at);
    }

    /// Notes that up to here the log has changed what policies hold.
    pub(crate) fn policies_changed(&self, at: Position) {
        self.policies_at.store(Some(Arc::new(at)));
    }

    /// The place in the log behind which no policy has changed, as far as this replica knows: one that stands before it may answer by other
    /// policies than this one.
    pub fn policies_at(&self) -> Option<Position> {
        self.policies_at.load().as_deref().copied()
    }

    /// Stands at this position now.
    pub(crate) fn moved(&self, at: Position) {
        self.position.store(Some(Arc::new(at)));
    }

    /// How long ago what it holds was known to be true; without end while nothing was heard or loaded yet.
    pub fn age(&self) -> Duration {
        match self.known_at.load(Ordering::Relaxed) {
            i64::MIN => Duration::MAX,
            known_at => Duration::from_micros(
                u64::try_from(micros((self.uptime)()).saturating_sub(known_at)).unwrap_or_default(),
            ),
        }
    }

    /// How much it holds. Not for the hot path: sums up tables.
    pub fn counts(&self) -> Counts {
        let state = self.state.load();
        let count = |it: &AtomicUsize| it.load(Ordering::Relaxed);
        let secrets = state.entries.len() as usize;
        Counts {
            keys: count(&state.keys),
            secrets,
            organizations: state.organizations.len() as usize,
            users: state.users.len() as usize,
            roles: state.roles.len() as usize,
            unreadable: count(&state.unreadable),
            key_bytes: secrets * size_of::<crate::entry::Entry>()
                + secrets.div_ceil(8)
                + state.by_digest.bytes()
                + state.by_key.bytes(),
            text_bytes: state.texts.bytes(),
        }
    }

    /// The organization of this id, slug or external id, in this order.
    pub fn find_organization(&self, reference: &str) -> Option<OrganizationId> {
        let state = self.state.load();
        let at = state.find_organization(reference)?;
        here(&state.organizations.load(at)).map(|it| it.record.id)
    }

    /// The organization that defines the api of this slug: it serves that and those below it. Absent where there is none.
    pub fn organization_of_api(&self, slug: &str) -> Option<OrganizationId> {
        self.state.load().apis.load().place(slug)
    }

    /// Where an api looks for keys; absent for the usual places, and for an api that nobody knows.
    pub fn key_locations(&self, api: &str) -> Option<Arc<KeyLocations>> {
        self.state.load().apis.load().locations(api).cloned()
    }

    /// The keys whose signatures on access tokens are taken, in the order in which they were made.
    pub fn signing_keys(&self) -> Vec<SigningKeyRecord> {
        self.state.load().signing_keys.all()
    }

    /// Forgets sign-ins that were ended, and shared secrets that have, whose tokens are over by now.
    pub fn forget_ends(&self, now: Timestamp) {
        let state = self.state.load();
        state.ended_sign_ins.forget(now);
        state.ended_shared_secrets.forget(now);
    }

    /// What keys have used of their rates and quotas.
    pub const fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// The organization a key stands in.
    pub fn organization_of(&self, key_id: KeyId) -> Option<OrganizationId> {
        let state = self.state.load();
        let hit = state.find_key(key_id.as_u128())?;
        state.organizations.id(hit.held.organization).map(OrganizationId::from_u128)
    }

    /// The organization and its ancestors, nearest first; empty when one of them is not held.
    pub fn path(&self, organization_id: OrganizationId) -> Vec<OrganizationId> {
        let state = self.state.load();
        let spot = state.organizations.find(organization_id.as_u128()).map(|at| Spot::load(&state, at));
        let id = |node: &Node| state.organizations.id(node.0).map(OrganizationId::from_u128);
        spot.iter().flat_map(Spot::path).filter_map(id).collect()
    }

    /// Whether an organization, or one above it, is suspended; so is one that is not held.
    pub fn is_suspended(&self, organization_id: OrganizationId) -> bool {
        let state = self.state.load();
        let at = state.organizations.find(organization_id.as_u128());
        at.is_none_or(|at| Spot::load(&state, at).organization.suspended)
    }

    /// What holds for an organization once its ancestors' settings are taken into account.
    pub fn policy(&self, organization_id: OrganizationId) -> Option<Policy> {
        let state = self.state.load();
        let cell = state.organizations.load(state.organizations.find(organization_id.as_u128())?);
        here(&cell)?.policy.as_deref().cloned()
    }

    /// The longest that any organization lets its verifiers answer from memory. Not for the hot path: looks at all of them.
    pub fn longest_max_stale(&self) -> Duration {
        let state = self.state.load();
        let of = |at| here(&state.organizations.load(at))?.policy.as_deref().map(Policy::max_stale);
        (0..state.organizations.len()).filter_map(of).max().unwrap_or_else(|| Policy::default().max_stale())
    }

    /// The most days before its expiry on which any organization has people told of a key. Not for the hot path: looks at all of them.
    pub fn first_expiry_notice(&self) -> u16 {
        let state = self.state.load();
        let of = |at| Some(here(&state.organizations.load(at))?.policy.as_deref()?.expiry_notices.first());
        (0..state.organizations.len()).filter_map(of).max().unwrap_or_default()
    }

    /// All memberships of a user, for the view switch.
    pub fn memberships(&self, user_id: UserId) -> Vec<MembershipFacts> {
        let all = |state: &State, user: &UserCell| user.memberships.iter().filter_map(|it| facts(state, it)).collect();
        self.with_user(user_id, all).unwrap_or_default()
    }

    /// The membership of a user that counts in this organization: the nearest one on the way to the root.
    pub fn membership_at(&self, user_id: UserId, organization_id: OrganizationId) -> Option<MembershipFacts> {
        self.with_user(user_id, |state, user| {
            let spot = Spot::load(state, state.organizations.find(organization_id.as_u128())?);
            facts(state, user.nearest(spot.path())?)
        })?
    }

    fn with_user<R>(&self, id: UserId, read: impl FnOnce(&State, &UserCell) -> R) -> Option<R> {
        let state = self.state.load();
        let cell = state.users.load(state.users.find(id.as_u128())?);
        here(&cell).map(|it| read(&state, it))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn facts(state: &State, membership: &Membership) -> Option<MembershipFacts> {
    let seat = membership.seat;
    let cell = state.roles.load(seat.role);
    let role = here(&cell).filter(|_| !seat.unreadable);
    Some(MembershipFacts {
        organization_id: OrganizationId::from_u128(state.organizations.id(seat.organization)?),
        role_id: RoleId::from_u128(state.roles.id(seat.role)?),
        role_name: role.map(|it| it.name.as_str().into()),
        is_admin: role.is_some_and(|it| it.is_admin),
        api_access: role.is_some_and(|it| it.is_admin || it.api_access),
    })
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica").field("position", &self.position()).field("counts", &self.counts()).finish()
    }
}
