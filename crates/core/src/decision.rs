//! The decision: whether a request may pass. A pure function, and the only place that decides.
//!
//! Right of a request = key live ∧ secret live ∧ access token, if any, live ∧ organization within reach and active ∧ IP allowed ∧ api matches ∧
//! (no owner ∨ owner is admin ∨ owner's role has api_access) ∧ mapped user active ∧ role(key) ∧ scopes(key) ∧ rights(mapped user).
//! Each part can only narrow. What absence means: no role is the mapped user's; no scopes, IPs or expiry is no narrowing; no owner is no
//! api_access check; neither role nor mapped user allows nothing at all.

mod code;
mod trace;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::network::IpAllowList;
use crate::permission::{Asked, Coverage, PermissionSet};
use crate::secret::SecretState;
use crate::time::Timestamp;

pub use code::Code;
pub use trace::{Allowance, Traced, explain};

/// Whether a key is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyStanding {
    /// It is.
    Active,
    /// It is not, but can be again.
    Inactive,
    /// It never will be again.
    Revoked,
}

impl KeyStanding {
    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the name on the wire and in storage.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Inactive, Self::Revoked].into_iter().find(|it| it.as_str() == text)
    }
}

/// How far down the tree a key reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Its own organization only.
    Organization,
    /// Its organization and all below.
    Subtree,
}

impl Reach {
    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Subtree => "subtree",
        }
    }

    /// Reads the name on the wire and in storage.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Organization, Self::Subtree].into_iter().find(|it| it.as_str() == text)
    }
}

/// Names an organization or an api within one process: whoever assembles a [`Grant`] numbers what it holds, and equal numbers are equal things.
/// Numbers and not identifiers, because the verifier compares them on every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Node(pub u32);

/// An organization as the decision sees it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The organization and its ancestors, nearest first.
    pub path: &'a [Node],
    /// Whether it or one above it is suspended.
    pub suspended: bool,
    /// Its allow-list; absent narrows nothing.
    pub allowed_ips: Option<&'a IpAllowList>,
}

/// What the decision needs of a key's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Whether the owner is an admin where the key stands.
    pub is_admin: bool,
    /// Whether the owner's role there has API access.
    pub api_access: bool,
}

/// What the decision needs of the user whose rights a key carries.
#[derive(Debug, Clone, Copy)]
pub struct MappedUser<'a> {
    /// Whether the user is active and still a member where the key stands.
    pub active: bool,
    /// The permissions of the role the user has at the place asked for, and the member's own; absent where the user is no member there.
    pub rights: Option<(&'a PermissionSet, &'a PermissionSet)>,
}

/// What an access token leaves of its key's rights.
#[derive(Debug, Clone, Copy)]
pub struct AccessToken<'a> {
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether the sign-in it comes from was ended.
    pub is_ended: bool,
    /// The organization it is good for, and for what is below where the key reaches that.
    pub organization: Node,
    /// Its scopes; absent narrows nothing.
    pub scopes: Option<&'a PermissionSet>,
}

/// What is held of a credential and of all it hangs on. A console session is a grant too: active, current, mapped to its user, without role and scopes.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    /// Whether the key is switched on.
    pub standing: KeyStanding,
    /// Where the secret that was presented stands in its life.
    pub secret: SecretState,
    /// When the key ends; absent never.
    pub expires_at: Option<Timestamp>,
    /// The api it belongs to.
    pub api: Node,
    /// The organization it stands in.
    pub organization: Place<'a>,
    /// How far down it reaches.
    pub reach: Reach,
    /// Its allow-list; absent narrows nothing.
    pub allowed_ips: Option<&'a IpAllowList>,
    /// Its owner, who must have API access; absent for keys that only an admin can make.
    pub owner: Option<Owner>,
    /// The user whose rights it carries.
    pub mapped_user: Option<MappedUser<'a>>,
    /// The permissions of its own role; absent means the mapped user's.
    pub role: Option<&'a PermissionSet>,
    /// Its scopes; absent narrows nothing.
    pub scopes: Option<&'a PermissionSet>,
    /// The access token that stands for it, where it was not the secret itself that was presented.
    pub token: Option<AccessToken<'a>>,
    /// How long ago what is said here was known to be true.
    pub age: Duration,
    /// How old it may be.
    pub max_age: Duration,
}

/// The organization a request is about.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// The key's own.
    Own,
    /// This one.
    At(Place<'a>),
    /// One that nobody knows; answered as one out of reach.
    Unknown,
}

/// What is asked of a credential.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The organization it is about.
    pub organization: Target<'a>,
    /// The api that asks; absent asks for none in particular and is for explaining only.
    pub api: Option<Node>,
    /// The permissions needed, all of them; none asks only whether the credential is good.
    pub permissions: &'a [Asked<'a>],
    /// The address the request came from.
    pub ip: Option<IpAddr>,
}

/// One step of the decision, for its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Check {
    /// The verifier's knowledge is fresh enough.
    Freshness,
    /// The key is neither revoked nor switched off.
    Key,
    /// The secret is current, or retiring and not yet over.
    Secret,
    /// The key has not expired.
    Expiry,
    /// The access token, where one was presented, is neither over nor ended.
    Token,
    /// The organization asked for is within reach.
    Reach,
    /// The organization is not suspended.
    Organization,
    /// The address is on every allow-list.
    Ip,
    /// The key belongs to the api that asks.
    Api,
    /// The owner has API access.
    Owner,
    /// The mapped user is active.
    MappedUser,
    /// The key's role covers what is asked.
    Role,
    /// The key's scopes cover it.
    Scopes,
    /// The mapped user's rights cover it.
    Rights,
}

impl Check {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Freshness => "freshness",
            Self::Key => "key",
            Self::Secret => "secret",
            Self::Expiry => "expiry",
            Self::Token => "token",
            Self::Reach => "reach",
            Self::Organization => "organization",
            Self::Ip => "ip",
            Self::Api => "api",
            Self::Owner => "owner",
            Self::MappedUser => "mapped_user",
            Self::Role => "role",
            Self::Scopes => "scopes",
            Self::Rights => "rights",
        }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may pass.
    Allowed {
        /// Where the right is by element and a whole resource was asked for: the elements. Absent means all.
        elements: Option<BTreeSet<Box<str>>>,
    },
    /// It may not.
    Denied(Code),
}

impl Decision {
    /// Whether it may pass.
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }

    /// Why not, if not.
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Allowed { .. } => None,
            Self::Denied(code) => Some(*code),
        }
    }
}

/// Decides, stopping at the first check that denies.
pub fn decide(grant: &Grant<'_>, request: &Request<'_>, now: Timestamp) -> Decision {
    let first = CHECKS.iter().find_map(|(_, check)| check(grant, request, now));
    first.map_or_else(|| allowed(grant, request), Decision::Denied)
}

type Run = fn(&Grant<'_>, &Request<'_>, Timestamp) -> Option<Code>;

/// The checks in the order in which they deny: what proves nothing about the caller's rights comes last.
const CHECKS: [(Check, Run); 14] = [
    (Check::Freshness, |grant, _, _| (grant.age > grant.max_age).then_some(Code::Stale)),
    (Check::Key, |grant, _, _| match grant.standing {
        KeyStanding::Active => None,
        KeyStanding::Inactive => Some(Code::Inactive),
        KeyStanding::Revoked => Some(Code::Revoked),
    }),
    (Check::Secret, |grant, _, now| match grant.secret {
        SecretState::Current => None,
        SecretState::Retiring { until } => (until <= now).then_some(Code::Expired),
        SecretState::Dead => Some(Code::Revoked),
    }),
    (Check::Expiry, |grant, _, now| grant.expires_at.is_some_and(|at| at <= now).then_some(Code::Expired)),
    (Check::Token, |grant, _, now| match grant.token {
        Some(token) if token.is_ended => Some(Code::Revoked),
        Some(token) if token.expires_at <= now => Some(Code::Expired),
        _ => None,
    }),
    (Check::Reach, |grant, request, _| (!is_in_reach(grant, request)).then_some(Code::OutOfReach)),
    (Check::Organization, |grant, request, _| {
        let target_suspended = matches!(request.organization, Target::At(place) if place.suspended);
        (grant.organization.suspended || target_suspended).then_some(Code::OrganizationSuspended)
    }),
    (Check::Ip, |grant, request, _| {
        let target = match request.organization {
            Target::At(place) => place.allowed_ips,
            Target::Own | Target::Unknown => None,
        };
        let lists = [grant.allowed_ips, grant.organization.allowed_ips, target];
        let allowed = |list: &IpAllowList| request.ip.is_some_and(|ip| list.allows(ip));
        (!lists.into_iter().flatten().all(allowed)).then_some(Code::IpNotAllowed)
    }),
    (Check::Api, |grant, request, _| request.api.is_some_and(|it| it != grant.api).then_some(Code::WrongApi)),
    (Check::Owner, |grant, _, _| {
        grant.owner.is_some_and(|owner| !owner.is_admin && !owner.api_access).then_some(Code::ApiAccessDenied)
    }),
    (Check::MappedUser, |grant, _, _| grant.mapped_user.is_some_and(|user| !user.active).then_some(Code::UserInactive)),
    (Check::Role, |grant, request, _| {
        // Neither a role nor a mapped user: there is nothing the key could carry.
        let bare = grant.role.is_none() && grant.mapped_user.is_none();
        let uncovered = grant.role.is_some_and(|role| !covers(request, |asked| role.coverage(asked)));
        (bare || uncovered).then_some(Code::InsufficientPermission)
    }),
    (Check::Scopes, |grant, request, _| {
        let uncovered = |scopes: &PermissionSet| !covers(request, |asked| scopes.coverage(asked));
        scopes(grant).any(uncovered).then_some(Code::InsufficientPermission)
    }),
    // Last, since only here the parts are put together: two that each cover some elements may share none.
    (Check::Rights, |grant, request, _| {
        let no_member = grant.mapped_user.is_some_and(|user| user.rights.is_none());
        (no_member || !covers(request, |asked| coverage(grant, asked))).then_some(Code::InsufficientPermission)
    }),
];

/// Whether the organization asked for is one that the grant reaches; what lies elsewhere is none of its bearer's business.
pub fn is_in_reach(grant: &Grant<'_>, request: &Request<'_>) -> bool {
    let Some(own) = grant.organization.path.first() else {
        return false;
    };
    match request.organization {
        // A token may be for an organization below its key's, and then that is its own.
        Target::Own => grant.token.is_none_or(|token| token.organization == *own),
        Target::Unknown => false,
        Target::At(place) => {
            let token_reaches = grant.token.is_none_or(|token| place.path.contains(&token.organization));
            token_reaches
                && match grant.reach {
                    Reach::Organization => place.path.first() == Some(own),
                    Reach::Subtree => place.path.contains(own),
                }
        }
    }
}

/// The scopes of the key and of the token that stands for it.
fn scopes<'a>(grant: &Grant<'a>) -> impl Iterator<Item = &'a PermissionSet> {
    grant.scopes.into_iter().chain(grant.token.and_then(|token| token.scopes))
}

/// What the scopes cover of what is asked; what is absent narrows nothing.
fn scopes_coverage(grant: &Grant<'_>, asked: &Asked<'_>) -> Coverage {
    scopes(grant).fold(Coverage::All, |all, scopes| all.meet(scopes.coverage(asked)))
}

fn covers(request: &Request<'_>, coverage: impl Fn(&Asked<'_>) -> Coverage) -> bool {
    request.permissions.iter().all(|asked| coverage(asked) != Coverage::None)
}

/// What role, scopes and the mapped user's rights together cover.
fn coverage(grant: &Grant<'_>, asked: &Asked<'_>) -> Coverage {
    let role = grant.role.map_or(Coverage::All, |role| role.coverage(asked));
    role.meet(scopes_coverage(grant, asked)).meet(rights_coverage(grant, asked))
}

/// What the mapped user's rights cover by themselves.
fn rights_coverage(grant: &Grant<'_>, asked: &Asked<'_>) -> Coverage {
    grant.mapped_user.map_or(Coverage::All, |user| {
        user.rights.map_or(Coverage::None, |(role, extra)| match (role.coverage(asked), extra.coverage(asked)) {
            (Coverage::Elements(mut a), Coverage::Elements(b)) => {
                a.extend(b);
                Coverage::Elements(a)
            }
            (Coverage::None, it) | (it, Coverage::None) => it,
            _ => Coverage::All,
        })
    })
}

fn allowed(grant: &Grant<'_>, request: &Request<'_>) -> Decision {
    let lists = request.permissions.iter().filter(|asked| asked.is_list());
    let all = lists.map(|asked| coverage(grant, asked)).fold(Coverage::All, Coverage::meet);
    let elements = match all {
        Coverage::All => None,
        Coverage::Elements(elements) => Some(elements),
        Coverage::None => Some(BTreeSet::new()),
    };
    Decision::Allowed { elements }
}

/// Everything the grant's role, scopes and mapped user's rights allow together: what its bearer may pass on, and no more.
pub fn rights(grant: &Grant<'_>) -> PermissionSet {
    let rights = rights_of(grant.role, grant.scopes, grant.mapped_user.map(|user| user.rights));
    match grant.token.and_then(|token| token.scopes) {
        Some(scopes) => rights.meet(scopes),
        None => rights,
    }
}

/// What a role, scopes and a mapped user's rights (the inner absence: no member there) allow together.
pub fn rights_of(
    role: Option<&PermissionSet>,
    scopes: Option<&PermissionSet>,
    mapped_user: Option<Option<(&PermissionSet, &PermissionSet)>>,
) -> PermissionSet {
    if role.is_none() && mapped_user.is_none() {
        return PermissionSet::nothing();
    }
    let mut all = match mapped_user {
        None => PermissionSet::everything(),
        Some(rights) => rights.map_or_else(PermissionSet::nothing, |(role, extra)| role.join(extra)),
    };
    for part in [role, scopes].into_iter().flatten() {
        all = all.meet(part);
    }
    all
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
