//! From an entry to a grant: everything a key hangs on, brought together for one decision.
//!
//! Absent and unknown are different things here. An entry without a role has the mapped user's rights; one whose role is not held has none.
//! What cannot be read makes the whole answer `stale`: this verifier cannot say, and the key may well be good.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::Guard;
use claviger_core::decision::{Grant, KeyStanding, MappedUser, Node, Owner, Place, Reach, Request, Target};
use claviger_core::feed::RoleRecord;
use claviger_core::permission::Asked;
use claviger_core::policy::Policy;
use claviger_core::secret::SecretState;

use crate::cells::{Cell, here, is_unreadable};
use crate::entry::NONE;
use crate::held::{Effective, Membership, Narrowing, OrganizationCell, UserCell};
use crate::state::{Hit, State};

/// Where a request points to.
pub(crate) enum Aim {
    Own,
    At(Cell<OrganizationCell>),
    Unknown,
}

impl Aim {
    pub(crate) fn at(state: &State, organization: Option<u32>) -> Self {
        organization.map_or(Self::Unknown, |at| Self::At(state.organizations.load(at)))
    }

    pub(crate) fn cell(&self) -> Option<&OrganizationCell> {
        if let Self::At(cell) = self { here(cell) } else { None }
    }

    fn target(&self) -> Target<'_> {
        match self {
            Self::Own => Target::Own,
            Self::At(cell) => here(cell).map_or(Target::Unknown, |it| Target::At(it.place())),
            Self::Unknown => Target::Unknown,
        }
    }

    fn is_unreadable(&self) -> bool {
        matches!(self, Self::At(cell) if is_organization_unreadable(cell))
    }
}

fn is_organization_unreadable(cell: &Cell<OrganizationCell>) -> bool {
    is_unreadable(cell) || here(cell).is_some_and(|it| matches!(it.effective, Effective::Unreadable))
}

/// A user at the place a request is about.
pub(crate) struct Party {
    user: Cell<UserCell>,
    /// Active, and a member where the key stands.
    active: bool,
    /// The role of the membership that counts at the place asked for.
    role: Option<Cell<RoleRecord>>,
    unreadable: bool,
}

impl Party {
    /// `home` is where the user has to be a member still, `place` where the rights are asked for.
    fn load(state: &State, user: u32, home: &[Node], place: &[Node]) -> Self {
        let user = state.users.load(user);
        let Some(held) = here(&user) else {
            return Self { unreadable: is_unreadable(&user), user, active: false, role: None };
        };
        let (at_home, counts) = (held.nearest(home), held.nearest(place));
        let role = counts.map(|it| state.roles.load(it.role));
        Self {
            active: held.record().is_some_and(|it| it.active) && at_home.is_some(),
            unreadable: held.is_unreadable()
                || [at_home, counts].into_iter().flatten().any(|it| it.unreadable)
                || role.as_ref().is_some_and(is_unreadable),
            role,
            user,
        }
    }

    pub(crate) fn user(&self) -> Option<&UserCell> {
        here(&self.user)
    }

    pub(crate) fn role(&self) -> Option<&RoleRecord> {
        here(self.role.as_ref()?)
    }

    /// Without a record, a membership or a role that is held, an owner has no access.
    fn owner(&self) -> Owner {
        let known = self.user().is_some_and(|it| it.record().is_some());
        let role = self.role().filter(|_| known);
        role.map_or(Owner { is_admin: false, api_access: false }, |it| Owner {
            is_admin: it.is_admin,
            api_access: it.api_access,
        })
    }

    fn membership(&self, place: &[Node]) -> Option<&Membership> {
        self.user()?.nearest(place)
    }

    fn mapped_user(&self, place: &[Node]) -> MappedUser<'_> {
        let rights = self.role().and_then(|role| Some((&role.permissions, &self.membership(place)?.extra_permissions)));
        MappedUser { active: self.active, rights }
    }
}

/// Everything one key hangs on.
pub(crate) struct Resolved {
    pub(crate) hit: Hit,
    pub(crate) organization: Cell<OrganizationCell>,
    pub(crate) aim: Aim,
    pub(crate) mapped_user: Option<Party>,
    pub(crate) role: Option<Cell<RoleRecord>>,
    narrowing: Option<Guard<Option<Arc<Narrowing>>>>,
    owner: Option<Owner>,
    unreadable: bool,
}

impl Resolved {
    /// Looks up what an entry names, as it is now.
    pub(crate) fn load(state: &State, mut hit: Hit, aim: Aim) -> Self {
        let narrowing = loop {
            let narrowing = hit.held.narrowing;
            let found = (narrowing != NONE).then(|| state.narrowings.get(narrowing).map(|it| it.load())).flatten();
            // Places of narrowings are used again: this one was the entry's if the entry has not changed meanwhile.
            if state.is_still(&hit) {
                break found;
            }
            hit = state.again(hit.at).unwrap_or(hit);
        };
        let held = hit.held;
        let organization = state.organizations.load(held.organization);
        let home = path(here(&organization));
        let place = aim.cell().map_or(home, |it| it.place().path);
        let mapped_user = (held.mapped_user != NONE).then(|| Party::load(state, held.mapped_user, home, place));
        let role = (held.role != NONE).then(|| state.roles.load(held.role));
        // Most keys are owned by the user they are mapped to, and asked about where they stand.
        let is_owner = held.owner == held.mapped_user && matches!(aim, Aim::Own);
        let other_owner = (held.owner != NONE && !is_owner).then(|| Party::load(state, held.owner, home, home));
        let owner = if is_owner { mapped_user.as_ref() } else { other_owner.as_ref() };
        let unreadable = held.unreadable
            || owner.is_some_and(|it| it.unreadable)
            || is_organization_unreadable(&organization)
            || aim.is_unreadable()
            || mapped_user.as_ref().is_some_and(|it| it.unreadable)
            || role.as_ref().is_some_and(is_unreadable)
            || held.narrowing != NONE && narrowing.as_ref().is_none_or(|it| it.is_none());
        let owner = owner.map(Party::owner);
        Self { hit, organization, aim, mapped_user, role, narrowing, owner, unreadable }
    }

    /// The path of the place the request is about.
    fn place(&self) -> &[Node] {
        self.aim.cell().map_or_else(|| path(here(&self.organization)), |it| it.place().path)
    }

    pub(crate) fn policy(&self) -> Option<&Policy> {
        here(&self.organization)?.policy()
    }

    /// The grant; `age` is the replica's.
    pub(crate) fn grant(&self, age: Duration) -> Grant<'_> {
        let held = &self.hit.held;
        let narrowing = self.narrowing.as_ref().and_then(|it| it.as_deref());
        let role = self.role.as_ref().map(|it| here(it));
        let mapped_user = match role {
            // A role that is not held grants nothing, not even to ask whether the key is good.
            Some(None) => Some(MappedUser { active: true, rights: None }),
            _ => self.mapped_user.as_ref().map(|it| it.mapped_user(self.place())),
        };
        let nowhere = Place { path: &[], suspended: true, allowed_ips: None };
        Grant {
            standing: held.standing,
            secret: held.state,
            expires_at: held.expires_at,
            api: Node(u32::from(held.api)),
            organization: here(&self.organization).map_or(nowhere, OrganizationCell::place),
            reach: held.reach,
            allowed_ips: narrowing.and_then(|it| it.allowed_ips.as_ref()),
            owner: self.owner,
            mapped_user,
            role: role.flatten().map(|it| &it.permissions),
            scopes: narrowing.and_then(|it| it.scopes.as_ref()),
            age: if self.unreadable { Duration::MAX } else { age },
            max_age: max_age([self.policy(), self.aim.cell().and_then(OrganizationCell::policy)]),
        }
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

fn path(organization: Option<&OrganizationCell>) -> &[Node] {
    organization.map_or(&[], |it| it.place().path)
}

/// The strictest of the organizations' bounds.
fn max_age(policies: [Option<&Policy>; 2]) -> Duration {
    let strictest = policies.into_iter().flatten().map(Policy::max_stale).min();
    strictest.unwrap_or_else(|| Policy::default().max_stale())
}

/// A console session: active, current, mapped to its user, without role and scopes.
pub(crate) struct Session {
    organization: Cell<OrganizationCell>,
    user: Party,
    unreadable: bool,
}

impl Session {
    /// Absent where the user is no member, or the organization is not held: both look the same from outside.
    pub(crate) fn load(state: &State, user: u32, organization: u32) -> Option<Self> {
        let organization = state.organizations.load(organization);
        let at = path(here(&organization));
        let user = Party::load(state, user, at, at);
        let unreadable = user.unreadable || is_organization_unreadable(&organization);
        let is_member = user.membership(at).is_some();
        (is_member || unreadable).then_some(Self { organization, user, unreadable })
    }

    pub(crate) fn grant(&self, age: Duration) -> Grant<'_> {
        let organization = here(&self.organization);
        let place =
            organization.map_or(Place { path: &[], suspended: true, allowed_ips: None }, OrganizationCell::place);
        Grant {
            standing: KeyStanding::Active,
            secret: SecretState::Current,
            expires_at: None,
            api: Node(NONE),
            organization: Place { allowed_ips: None, ..place },
            reach: Reach::Organization,
            allowed_ips: None,
            owner: None,
            mapped_user: Some(self.user.mapped_user(place.path)),
            role: None,
            scopes: None,
            age: if self.unreadable { Duration::MAX } else { age },
            max_age: max_age([organization.and_then(OrganizationCell::policy), None]),
        }
    }
}

/// A request of a session for the organization it was loaded for.
pub(crate) fn session_request<'a>(permissions: &'a [Asked<'a>]) -> Request<'a> {
    Request { organization: Target::Own, api: None, permissions, ip: None }
}
