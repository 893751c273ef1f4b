//! The roles of an organization: the list, and a role's own pages.

use std::collections::BTreeSet;

use askama::Template;

use super::form::{Choice, FormErrors};
use super::pager::Pager;
use super::shell::{Shell, Status};

/// The list of roles.
#[derive(Template, Debug)]
#[template(path = "roles/list.html")]
pub struct RoleListPage {
    /// The frame.
    pub shell: Shell,
    /// The rows of this page.
    pub rows: Vec<RoleFacts>,
    /// Which part of the list it is.
    pub pager: Pager,
    /// Whether the viewer may make roles.
    pub may_create: bool,
}

/// What is known of a role.
#[derive(Debug, Clone)]
pub struct RoleFacts {
    /// Its id.
    pub id: String,
    /// Its name as people read it: `ADMIN`, `READONLY`.
    pub name: String,
    /// Free text; empty for none.
    pub description: String,
    /// What it allows.
    pub permissions: Vec<String>,
    /// Whether its holders may have keys, in words.
    pub api_access: Status,
    /// Built-in, from above, or nothing where it is the organization's own.
    pub kind: Option<&'static str>,
    /// Whether it is the built-in admin role, of which nothing changes.
    pub is_admin: bool,
    /// Whether every organization has it.
    pub built_in: bool,
    /// Whether it is this organization's and not of one above.
    pub is_own: bool,
}

impl RoleFacts {
    /// What it allows, thing by thing.
    #[must_use]
    pub fn matrix(&self) -> Vec<PermissionRow> {
        matrix(&self.permissions)
    }

    /// Whether it allows something on own keys, which takes API access too.
    #[must_use]
    pub fn names_own_keys(&self) -> bool {
        self.permissions.iter().any(|it| it.starts_with("claviger/own-keys:"))
    }
}

/// A row for everything that a permission names. It says what may be done there, be it by a permission on more than that.
fn matrix(permissions: &[String]) -> Vec<PermissionRow> {
    let held: Vec<_> = permissions.iter().filter_map(|it| it.rsplit_once(':')).collect();
    let things: BTreeSet<_> = held.iter().map(|it| it.0).collect();
    let row = |on| {
        let mut row = PermissionRow::new(on);
        for (_, action) in held.iter().filter(|it| covers(it.0, on)) {
            row.allow(action);
        }
        row
    };
    things.into_iter().map(row).collect()
}

/// Whether what is allowed on one thing is allowed on another: on itself, on an element of it, and by `*` on everything.
fn covers(held: &str, on: &str) -> bool {
    held == "*" || held == on || on.split_once('/').is_some_and(|(resource, _)| resource == held)
}

/// The actions that have a column of their own.
const ACTIONS: [&str; 4] = ["read", "create", "update", "delete"];

/// What can be allowed on one thing.
#[derive(Debug, Clone)]
pub struct PermissionGroup {
    /// The resource, with its element where only one is meant; `*` is every resource.
    pub on: String,
    /// The permissions, each called by its action.
    pub actions: Vec<Choice>,
}

/// What a role allows on one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionRow {
    /// The resource, with its element where only one is meant; `*` is every resource.
    pub on: String,
    /// Whether it may be read, created, updated, deleted.
    pub allowed: [bool; ACTIONS.len()],
    /// Whether any other action is allowed too.
    pub any: bool,
    /// The other actions that are.
    pub other: Vec<String>,
}

impl PermissionRow {
    fn new(on: &str) -> Self {
        Self { on: on.to_owned(), allowed: [false; ACTIONS.len()], any: false, other: Vec::new() }
    }

    fn allow(&mut self, action: &str) {
        match ACTIONS.iter().position(|it| *it == action) {
            Some(at) => self.allowed[at] = true,
            None if action == "*" => (self.allowed, self.any) = ([true; ACTIONS.len()], true),
            None if self.other.iter().any(|it| it == action) => {}
            None => self.other.push(action.to_owned()),
        }
    }

    /// The columns: what each is called, and whether it is allowed.
    #[must_use]
    pub fn cells(&self) -> Vec<(&'static str, bool)> {
        ["Read", "Create", "Update", "Delete"].into_iter().zip(self.allowed).collect()
    }
}

/// What a change of the switch touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    /// Memberships.
    pub members: u32,
    /// Live keys.
    pub keys: u32,
    /// Whether there may be more.
    pub more: bool,
}

/// A role's own page.
#[derive(Template, Debug)]
#[template(path = "roles/show.html")]
pub struct RolePage {
    /// The frame.
    pub shell: Shell,
    /// The role.
    pub role: RoleFacts,
    /// Which version of the role the page shows.
    pub version: String,
    /// Whether its holders may have keys.
    pub allowed: bool,
    /// What the switch touches; none where the viewer may not know.
    pub touched: Option<Touched>,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// Whether the viewer may delete it.
    pub may_delete: bool,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}

/// The form that makes a role, or changes one.
#[derive(Template, Debug)]
#[template(path = "roles/form.html")]
pub struct RoleFormPage {
    /// The frame.
    pub shell: Shell,
    /// The role that is changed; none when one is made.
    pub role: Option<RoleFacts>,
    /// Which version of the role the form shows; empty when one is made.
    pub version: String,
    /// The name as typed.
    pub name: String,
    /// The description as typed.
    pub description: String,
    /// The permissions to tick, by what they are about.
    pub offered: Vec<PermissionGroup>,
    /// Others as typed, one a line.
    pub permissions: String,
    /// Not allowed, allowed; empty when a role is changed, which has its switch on its page.
    pub api_access: Vec<Choice>,
    /// What was wrong with the form that was sent.
    pub errors: FormErrors,
}

impl RoleFormPage {
    /// Why the name cannot be changed; empty where it can.
    fn name_hint(&self) -> &'static str {
        let keeps_name = self.role.as_ref().is_some_and(|it| it.built_in);
        if keeps_name { "Built-in roles keep their names." } else { "" }
    }
}

/// Asks before a role is deleted.
#[derive(Template, Debug)]
#[template(path = "roles/delete.html")]
pub struct DeleteRolePage {
    /// The frame.
    pub shell: Shell,
    /// The role.
    pub role: RoleFacts,
    /// Members who have it.
    pub members: u64,
    /// Live keys that have it.
    pub keys: u64,
}

#[cfg(test)]
mod tests {
    use claviger_core::permission::{Asked, Coverage, PermissionSet};

    use super::*;

    #[test]
    fn permissions_stand_by_what_they_are_about() {
        let texts = ["contacts:update", "contacts:export", "scorecards/A:*", "*:read", "*:export"];
        let row = |on, allowed, any, other: &[&str]| PermissionRow {
            any,
            allowed,
            other: other.iter().map(|it| (*it).to_owned()).collect(),
            ..PermissionRow::new(on)
        };
        let rows = [
            row("*", [true, false, false, false], false, &["export"]),
            row("contacts", [true, false, true, false], false, &["export"]),
            row("scorecards/A", [true; 4], true, &["export"]),
        ];
        assert_eq!(matrix(&texts.map(str::to_owned)), rows);
    }

    #[test]
    fn a_cell_says_yes_exactly_where_the_role_allows_it() {
        for texts in [
            &["*:read", "contacts:create"][..],
            &["scorecards:read", "scorecards/A:update"],
            &["scorecards/A:read", "scorecards:update", "scorecards/B:*"],
            &["contacts:*", "contacts/1:read", "scorecards/A:read"],
            &["*:*", "contacts:read"],
        ] {
            let held = PermissionSet::parse(texts).expect("permissions");
            for row in matrix(&held.to_texts()).iter().filter(|it| it.on != "*") {
                for (action, said) in ACTIONS.into_iter().zip(row.allowed) {
                    let text = format!("{}:{action}", row.on);
                    let asked = Asked::parse(&text).expect("a named permission");
                    assert_eq!(said, held.coverage(&asked) == Coverage::All, "{text} of {texts:?}");
                }
            }
        }
    }
}
