//! From an entry to a grant: everything a key hangs on, brought together for one decision.
//!
//! Absent and unknown are different things here. An entry without a role has the mapped user's rights; one whose role is not held has none.
//! What cannot be read makes the whole answer `stale`: this verifier cannot say, and the key may well be good.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use claviger_core::decision::{
    AccessToken, Grant, KeyStanding, MappedUser, Node, Owner, Place, Reach, Request, Target,
};
use claviger_core::feed::RoleRecord;
use claviger_core::key_limits::Limits;
use claviger_core::permission::{Asked, PermissionSet};
use claviger_core::reject::Ended;
use claviger_core::secret::SecretState;
use claviger_core::time::Timestamp;

use crate::cells::{Cell, here, is_unreadable};
use crate::entry::NONE;
use crate::held::{OrganizationCell, OrganizationState, UserCell, UserState};
use crate::state::{Hit, Narrowed, State};
use crate::tokens::Proven;

/// An organization with its allow-list.
pub(crate) struct Spot {
    pub(crate) at: u32,
    pub(crate) organization: OrganizationState,
    narrowing: Narrowed,
}

impl Spot {
    pub(crate) fn load(state: &State, at: u32) -> Self {
        let Some(hot) = state.organizations.hot(at) else {
            return Self { at, organization: OrganizationState::nowhere(false), narrowing: None };
        };
        loop {
            let (words, sequence) = hot.0.read();
            let organization = OrganizationState::unpack(words);
            let narrowing = state.narrowing(organization.narrowing);
            if narrowing.is_none() || hot.0.is_still(sequence) {
                return Self { at, organization, narrowing };
            }
        }
    }

    pub(crate) fn path(&self) -> &[Node] {
        self.organization.path()
    }

    fn place(&self) -> Place<'_> {
        let allowed_ips = self.narrowing.as_ref().and_then(|it| it.as_ref()?.allowed_ips.as_ref());
        Place { path: self.path(), suspended: self.organization.suspended, allowed_ips }
    }

    fn is_unreadable(&self) -> bool {
        self.organization.unreadable || is_missing(&self.narrowing)
    }
}

/// Whether a narrowing was named and is not there: what should narrow must not be left out.
fn is_missing(narrowing: &Narrowed) -> bool {
    narrowing.as_ref().is_some_and(|it| it.is_none())
}

/// Where a request points to.
pub(crate) enum Aim {
    Own,
    At(Spot),
    Unknown,
}

impl Aim {
    pub(crate) fn at(state: &State, organization: Option<u32>) -> Self {
        organization.map_or(Self::Unknown, |at| Self::At(Spot::load(state, at)))
    }

    pub(crate) const fn spot(&self) -> Option<&Spot> {
        if let Self::At(spot) = self { Some(spot) } else { None }
    }

    fn target(&self) -> Target<'_> {
        match self {
            Self::Own => Target::Own,
            Self::At(spot) => Target::At(spot.place()),
            Self::Unknown => Target::Unknown,
        }
    }
}

/// A user at the place a request is about.
pub(crate) struct Party {
    pub(crate) at: u32,
    known: bool,
    /// Active, and a member where the key stands.
    active: bool,
    /// The role of the membership that counts at the place asked for.
    role: Option<Cell<RoleRecord>>,
    extra_permissions: Narrowed,
    nothing: PermissionSet,
    unreadable: bool,
}

impl Party {
    /// `home` is where the user has to be a member still, `place` where the rights are asked for; absent is the same.
    fn load(state: &State, at: u32, home: &[Node], place: Option<&[Node]>) -> Self {
        let Some(hot) = state.users.hot(at) else {
            let (role, extra_permissions, nothing) = (None, None, PermissionSet::nothing());
            return Self { at, known: false, active: false, role, extra_permissions, nothing, unreadable: false };
        };
        loop {
            let (words, sequence) = hot.0.read();
            let user = UserState::unpack(words);
            let content = user.seats().is_none().then(|| state.users.load(at));
            let content = content.as_ref().and_then(here);
            let at_home = user.nearest(home, content);
            let counts = place.map_or(at_home, |place| user.nearest(place, content));
            let extra_permissions = counts.and_then(|it| state.narrowing(it.narrowing));
            if (content.is_some() || extra_permissions.is_some()) && !hot.0.is_still(sequence) {
                continue;
            }
            let role = counts.map(|it| state.roles.load(it.role));
            let seats = [at_home, counts].into_iter().flatten();
            let unreadable =
                user.unreadable || { seats }.any(|it| it.unreadable) || role.as_ref().is_some_and(is_unreadable);
            return Self {
                at,
                known: user.known,
                active: user.active && at_home.is_some(),
                role,
                extra_permissions,
                nothing: PermissionSet::nothing(),
                unreadable,
            };
        }
    }

    pub(crate) fn role(&self) -> Option<&RoleRecord> {
        here(self.role.as_ref()?)
    }

    fn mapped_user(&self) -> MappedUser<'_> {
        let extra = self.extra_permissions.as_ref().and_then(|it| it.as_ref()?.permissions.as_ref());
        let rights = self.role().map(|role| (&role.permissions, extra.unwrap_or(&self.nothing)));
        MappedUser { active: self.active, rights }
    }

    /// Without a record, a membership or a role that is held, an owner has no access.
    fn owner(&self) -> Owner {
        self.role().filter(|_| self.known).map_or(Owner { is_admin: false, api_access: false }, |it| Owner {
            is_admin: it.is_admin,
            api_access: it.api_access,
        })
    }
}

/// An access token that was presented.
pub(crate) struct Bearer {
    pub(crate) proven: Arc<Proven>,
    /// When it says, or sooner, with the shared secret it was got by.
    pub(crate) expires_at: Timestamp,
    is_ended: bool,
    organization: Node,
}

impl Bearer {
    fn new(state: &State, proven: Arc<Proven>) -> Self {
        let organization = state.organizations.find(proven.organization_id().as_u128());
        let is_ended = state.ended_sign_ins.find(proven.claims().sid.as_u128()).is_some();
        let shared_secret = proven.claims().shared_secret;
        let ends_with = shared_secret.and_then(|it| state.ended_shared_secrets.find(it.as_u128()));
        let expires_at = ends_with.map_or(proven.expires_at(), |it| it.min(proven.expires_at()));
        Self { proven, expires_at, is_ended, organization: Node(organization.unwrap_or(NONE)) }
    }

    /// Which end is its end.
    pub(crate) fn ended(&self) -> Ended {
        if self.expires_at < self.proven.expires_at() { Ended::SharedSecret } else { Ended::Token }
    }

    fn access_token(&self) -> AccessToken<'_> {
        AccessToken {
            expires_at: self.expires_at,
            is_ended: self.is_ended,
            organization: self.organization,
            scopes: self.proven.scopes(),
        }
    }
}

/// Everything one key hangs on.
pub(crate) struct Resolved {
    pub(crate) hit: Hit,
    pub(crate) organization: Spot,
    pub(crate) aim: Aim,
    pub(crate) mapped_user: Option<Party>,
    pub(crate) role: Option<Cell<RoleRecord>>,
    /// What stands for it, where that was presented.
    pub(crate) token: Option<Bearer>,
    narrowing: Narrowed,
    owner: Option<Owner>,
    unreadable: bool,
    /// Looked up when somebody asks for names.
    pub(crate) organization_names: OnceLock<Cell<OrganizationCell>>,
    pub(crate) user_names: OnceLock<Cell<UserCell>>,
}

impl Resolved {
    /// Looks up what an entry names, as it is now.
    pub(crate) fn load(state: &State, mut hit: Hit, token: Option<Arc<Proven>>, aim: Aim) -> Self {
        let token = token.map(|it| Bearer::new(state, it));
        let aim = match (&token, aim) {
            // What a token is for is its own.
            (Some(token), Aim::Own) => Aim::At(Spot::load(state, token.organization.0)),
            (_, aim) => aim,
        };
        let narrowing = loop {
            let narrowing = state.narrowing(hit.held.narrowing);
            if narrowing.is_none() || state.is_still(&hit) {
                break narrowing;
            }
            hit = state.again(hit.at).unwrap_or(hit);
        };
        let held = &hit.held;
        let organization = Spot::load(state, held.organization);
        let home = organization.path();
        let place = aim.spot().map(Spot::path);
        let mapped_user = (held.mapped_user != NONE).then(|| Party::load(state, held.mapped_user, home, place));
        let role = (held.role != NONE).then(|| state.roles.load(held.role));
        // Most keys are owned by the user they are mapped to, and asked about where they stand.
        let is_owner = held.owner == held.mapped_user && place.is_none();
        let other_owner = (held.owner != NONE && !is_owner).then(|| Party::load(state, held.owner, home, None));
        let owner = if is_owner { mapped_user.as_ref() } else { other_owner.as_ref() };
        let unreadable = held.unreadable
            || organization.is_unreadable()
            || aim.spot().is_some_and(Spot::is_unreadable)
            || mapped_user.as_ref().is_some_and(|it| it.unreadable)
            || owner.is_some_and(|it| it.unreadable)
            || role.as_ref().is_some_and(is_unreadable)
            || is_missing(&narrowing);
        Self {
            owner: owner.map(Party::owner),
            hit,
            organization,
            aim,
            mapped_user,
            role,
            token,
            narrowing,
            unreadable,
            organization_names: OnceLock::new(),
            user_names: OnceLock::new(),
        }
    }

    /// The grant; `age` is the replica's.
    pub(crate) fn grant(&self, age: Duration) -> Grant<'_> {
        let held = &self.hit.held;
        let narrowing = self.narrowing.as_ref().and_then(|it| it.as_deref());
        let role = self.role.as_ref().map(here);
        let mapped_user = match role {
            // A role that is not held grants nothing, not even to ask whether the key is good.
            Some(None) => Some(MappedUser { active: true, rights: None }),
            _ => self.mapped_user.as_ref().map(Party::mapped_user),
        };
        let max_age = self.organization.organization.max_stale;
        Grant {
            standing: held.standing,
            secret: held.state,
            expires_at: held.expires_at,
            api: Node(u32::from(held.api)),
            organization: self.organization.place(),
            reach: held.reach,
            allowed_ips: narrowing.and_then(|it| it.allowed_ips.as_ref()),
            owner: self.owner,
            mapped_user,
            role: role.flatten().map(|it| &it.permissions),
            scopes: narrowing.and_then(|it| it.permissions.as_ref()),
            token: self.token.as_ref().map(Bearer::access_token),
            age: if self.unreadable { Duration::MAX } else { age },
            // The stricter of the two organizations' bounds.
            max_age: self.aim.spot().map_or(max_age, |it| max_age.min(it.organization.max_stale)),
        }
    }

    /// How often the key may be used: what it says itself, within what the policy of its organization says.
    pub(crate) fn limits(&self) -> Limits {
        limits_of(&self.narrowing, &self.organization)
    }

    pub(crate) fn request<'a>(
        &'a self,
        api: Option<Node>,
        permissions: &'a [Asked<'a>],
        ip: Option<IpAddr>,
    ) -> Request<'a> {
        Request { organization: self.aim.target(), api, permissions, ip }
    }
}

fn limits_of(narrowing: &Narrowed, organization: &Spot) -> Limits {
    let own = narrowing.as_ref().and_then(|it| it.as_ref()?.limits).unwrap_or_default();
    own.within(&organization.organization.default_limits)
}

/// How often a key may be used, where nothing else of it is asked.
pub(crate) fn limits_of_key(state: &State, mut hit: Hit) -> Limits {
    loop {
        let narrowing = state.narrowing(hit.held.narrowing);
        let limits = limits_of(&narrowing, &Spot::load(state, hit.held.organization));
        if narrowing.is_none() || state.is_still(&hit) {
            return limits;
        }
        hit = state.again(hit.at).unwrap_or(hit);
    }
}

/// A console session: active, current, mapped to its user, without role and scopes.
pub(crate) struct Session {
    organization: Spot,
    user: Party,
}

impl Session {
    /// Absent where the user is no member, or the organization is not held: both look the same from outside.
    pub(crate) fn load(state: &State, user: u32, organization: u32) -> Option<Self> {
        let organization = Spot::load(state, organization);
        let user = Party::load(state, user, organization.path(), None);
        let session = Self { organization, user };
        (session.user.role.is_some() || session.is_unreadable()).then_some(session)
    }

    fn is_unreadable(&self) -> bool {
        self.user.unreadable || self.organization.is_unreadable()
    }

    pub(crate) fn grant(&self, age: Duration) -> Grant<'_> {
        Grant {
            standing: KeyStanding::Active,
            secret: SecretState::Current,
            expires_at: None,
            api: Node(NONE),
            organization: Place { allowed_ips: None, ..self.organization.place() },
            // Decides nothing about the place itself; it bounds what the user may hand on, and a membership holds for all below.
            reach: Reach::Subtree,
            allowed_ips: None,
            owner: None,
            mapped_user: Some(self.user.mapped_user()),
            role: None,
            scopes: None,
            token: None,
            age: if self.is_unreadable() { Duration::MAX } else { age },
            max_age: self.organization.organization.max_stale,
        }
    }
}

/// A request of a session for the organization it was loaded for.
pub(crate) fn session_request<'a>(permissions: &'a [Asked<'a>]) -> Request<'a> {
    Request { organization: Target::Own, api: None, permissions, ip: None }
}
