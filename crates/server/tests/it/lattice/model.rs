//! What a key may do, once more: written from section 4 of the design, small and slow, and without a line of the service's own.

use std::collections::BTreeMap;

/// What is asked for: always of an element, so that the answer is yes or no.
pub(super) const ASKED: [&str; 10] = [
    "a/1:read",
    "a/1:update",
    "a/2:read",
    "b/1:read",
    "b/1:update",
    "claviger/keys:create",
    "claviger/keys:update",
    "claviger/own-keys:create",
    "claviger/members:update",
    // What nobody has but who has everything.
    "everything/else:do",
];

/// Permissions that roles, scopes and members are made of.
pub(super) const GIVEN: [&str; 16] = [
    "a/1:read",
    "a/1:update",
    "a/2:read",
    "a:read",
    "a:*",
    "b/1:read",
    "b:*",
    "b/1:*",
    "*:read",
    "*:update",
    "claviger/keys:create",
    "claviger/keys:update",
    "claviger/own-keys:create",
    "claviger/own-keys:update",
    "claviger:*",
    "*:*",
];

#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) id: String,
    pub(super) permissions: Vec<String>,
    pub(super) api_access: bool,
    pub(super) is_admin: bool,
    pub(super) is_readonly: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub(super) id: String,
    pub(super) role: usize,
    pub(super) extra: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) token: String,
    pub(super) at: usize,
    pub(super) role: Option<usize>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) owner: Option<usize>,
    pub(super) mapped: Option<usize>,
    pub(super) subtree: bool,
    pub(super) active: bool,
}

/// The narrowings that a service could forget, each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Narrowing {
    Standing,
    Reach,
    ApiAccess,
    UserStatus,
    Membership,
    Role,
    Scopes,
    UserRights,
    NearestMembership,
    Element,
}

impl Narrowing {
    pub(super) const ALL: [Self; 10] = [
        Self::Standing,
        Self::Reach,
        Self::ApiAccess,
        Self::UserStatus,
        Self::Membership,
        Self::Role,
        Self::Scopes,
        Self::UserRights,
        Self::NearestMembership,
        Self::Element,
    ];
}

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) organizations: Vec<String>,
    pub(super) parents: Vec<Option<usize>>,
    pub(super) roles: Vec<Role>,
    pub(super) users: Vec<(String, bool)>,
    /// By user and organization.
    pub(super) seats: BTreeMap<(usize, usize), Seat>,
    pub(super) keys: Vec<Key>,
}

/// Resource, element and action of a permission.
fn parts(text: &str) -> (&str, Option<&str>, &str) {
    let (object, action) = text.split_once(':').unwrap();
    match object.split_once('/') {
        Some((resource, element)) => (resource, Some(element), action),
        None => (object, None, action),
    }
}

fn covers(permissions: &[String], asked: &str, forgets_elements: bool) -> bool {
    let (resource, element, action) = parts(asked);
    permissions.iter().map(|it| parts(it)).any(|(r, e, a)| {
        (r == "*" || r == resource) && (e.is_none() || e == element || forgets_elements) && (a == "*" || a == action)
    })
}

impl Model {
    /// The organization and those above it, the nearest first.
    pub(super) fn path(&self, at: usize) -> Vec<usize> {
        std::iter::successors(Some(at), |it| self.parents[*it]).collect()
    }

    fn nearest(&self, user: usize, at: usize) -> Option<&Seat> {
        self.path(at).into_iter().find_map(|it| self.seats.get(&(user, it)))
    }

    /// The role of a user's nearest membership.
    pub(super) fn role_of(&self, user: usize, at: usize) -> Option<usize> {
        self.nearest(user, at).map(|it| it.role)
    }

    /// Whether a key allows what is asked in an organization; `forgotten` is a narrowing that is left out.
    pub(super) fn allows(&self, key: &Key, place: usize, asked: &str, forgotten: Option<Narrowing>) -> bool {
        let forgets = |it: Narrowing| forgotten == Some(it);
        let covers = |permissions: &[String]| covers(permissions, asked, forgets(Narrowing::Element));
        let in_reach = if key.subtree { self.path(place).contains(&key.at) } else { place == key.at };
        let owner_may = key.owner.is_none_or(|owner| {
            let role = self.nearest(owner, key.at).map(|it| &self.roles[it.role]);
            role.is_some_and(|it| it.is_admin || it.api_access)
        });
        let user_active = key.mapped.is_none_or(|user| self.users[user].1);
        let member_at_home = key.mapped.is_none_or(|user| self.nearest(user, key.at).is_some());
        let role_covers = key.role.is_none_or(|role| covers(&self.roles[role].permissions));
        let scopes_cover = key.scopes.as_ref().is_none_or(|it| covers(it));
        let user_covers = key.mapped.is_none_or(|user| {
            let seats: Vec<_> = if forgets(Narrowing::NearestMembership) {
                self.path(place).into_iter().filter_map(|it| self.seats.get(&(user, it))).collect()
            } else {
                self.nearest(user, place).into_iter().collect()
            };
            seats.into_iter().any(|it| covers(&self.roles[it.role].permissions) || covers(&it.extra))
        });
        (key.active || forgets(Narrowing::Standing))
            && (in_reach || forgets(Narrowing::Reach))
            && (owner_may || forgets(Narrowing::ApiAccess))
            && (user_active || forgets(Narrowing::UserStatus))
            && (member_at_home || forgets(Narrowing::Membership))
            && (key.role.is_some() || key.mapped.is_some())
            && (role_covers || forgets(Narrowing::Role))
            && (scopes_cover || forgets(Narrowing::Scopes))
            && (user_covers || forgets(Narrowing::UserRights))
    }

    /// What a key allows and another does not, anywhere: what its maker gave without having it.
    pub(super) fn beyond(&self, maker: &Key, made: &Key) -> Vec<String> {
        let places = (0..self.organizations.len()).flat_map(|place| ASKED.map(|asked| (place, asked)));
        let beyond = places.filter(|(place, asked)| {
            self.allows(made, *place, asked, None) && !self.allows(maker, *place, asked, None)
        });
        beyond.map(|(place, asked)| format!("{asked} in organization {place}")).collect()
    }

    /// A member has gone: what the user owned there, and where no membership is left, belongs to nobody.
    pub(super) fn remove_seat(&mut self, user: usize, organization: usize) {
        self.seats.remove(&(user, organization));
        let left: Vec<_> = (0..self.keys.len())
            .filter(|it| {
                let key = &self.keys[*it];
                key.owner == Some(user)
                    && self.path(key.at).contains(&organization)
                    && self.nearest(user, key.at).is_none()
            })
            .collect();
        for key in left {
            self.keys[key].owner = None;
        }
    }
}
