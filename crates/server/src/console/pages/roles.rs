//! The roles of an organization: the list, and a role's own pages.

use std::collections::BTreeMap;

use askama::Template;

use super::form::{Choice, FormErrors};
use super::shell::{Shell, Status};

/// The list of roles.
#[derive(Template, Debug)]
#[template(path = "roles/list.html")]
pub struct RoleListPage {
    /// The frame.
    pub shell: Shell,
    /// The rows of this page.
    pub rows: Vec<RoleFacts>,
    /// Whether nothing stands before these.
    pub is_first: bool,
    /// The query string of the next page, without `?`; none on the last.
    pub next: Option<String>,
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
}

fn matrix(permissions: &[String]) -> Vec<PermissionRow> {
    let mut rows = BTreeMap::<&str, PermissionRow>::new();
    for (on, action) in permissions.iter().filter_map(|it| it.rsplit_once(':')) {
        let row = rows.entry(on).or_insert_with(|| PermissionRow::new(on));
        match ACTIONS.iter().position(|it| *it == action) {
            Some(at) => row.allowed[at] = true,
            None if action == "*" => (row.allowed, row.any) = ([true; ACTIONS.len()], true),
            None => row.other.push(action.to_owned()),
        }
    }
    rows.into_values().collect()
}

/// The actions that have a column of their own.
const ACTIONS: [&str; 4] = ["read", "create", "update", "delete"];

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
    /// The permissions as typed, one a line.
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
    use super::*;

    #[test]
    fn permissions_stand_by_what_they_are_about() {
        let texts = ["contacts:read", "contacts:update", "contacts:export", "scorecards/A:*", "*:read"];
        let row = |on, allowed, any, other: &[&str]| PermissionRow {
            any,
            allowed,
            other: other.iter().map(|it| (*it).to_owned()).collect(),
            ..PermissionRow::new(on)
        };
        let rows = [
            row("*", [true, false, false, false], false, &[]),
            row("contacts", [true, false, true, false], false, &["export"]),
            row("scorecards/A", [true; 4], true, &[]),
        ];
        assert_eq!(matrix(&texts.map(str::to_owned)), rows);
    }
}
