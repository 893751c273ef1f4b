//! Filled pages about roles.

use super::frame::{pager, whole};
use super::{Words, complaints, render, shell, status};
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::roles::{
    DeleteRolePage, PermissionGroup, RoleFacts, RoleFormPage, RoleListPage, RolePage, Touched,
};
use crate::console::pages::shell::{Place, Tone};

fn own(words: &Words<'_>) -> RoleFacts {
    RoleFacts {
        id: "rol_01jdw7r9x3e5tv".to_owned(),
        name: words.names[1].to_owned(),
        description: words.descriptions[2].to_owned(),
        permissions: ["*:read", "contacts:create", "contacts:export", "scorecards/A:*"].map(str::to_owned).into(),
        api_access: status(Tone::Paused, "Not allowed"),
        kind: None,
        is_admin: false,
        built_in: false,
        is_own: true,
    }
}

fn admin(words: &Words<'_>) -> RoleFacts {
    RoleFacts {
        id: "rol_01jdw7r9x3e5tw".to_owned(),
        name: "ADMIN".to_owned(),
        description: String::new(),
        permissions: vec!["*:*".to_owned()],
        api_access: status(Tone::Good, "Always allowed"),
        kind: Some("Built-in"),
        is_admin: true,
        built_in: true,
        ..own(words)
    }
}

fn from_above(words: &Words<'_>) -> RoleFacts {
    RoleFacts {
        id: "rol_01jdw7r9x3e5tx".to_owned(),
        permissions: Vec::new(),
        api_access: status(Tone::Good, "Allowed"),
        kind: Some("From an organization above"),
        is_own: false,
        ..own(words)
    }
}

/// Every page about roles with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let rows = || vec![admin(words), own(words), from_above(words)];
    let list =
        |may_create, pager| RoleListPage { shell: shell(words, Place::Settings), rows: rows(), pager, may_create };
    let page = |role, may_change, errors| RolePage {
        shell: shell(words, Place::Settings),
        role,
        version: "3".to_owned(),
        allowed: false,
        touched: Some(Touched { members: 14, keys: 112, more: false }),
        may_change,
        may_delete: may_change,
        errors,
    };
    let access = vec![
        Choice::new("not-allowed", "Not allowed", true).with_note("Whoever has the role can have no keys."),
        Choice::new("allowed", "Allowed", false).with_note("Whoever has the role can request and use keys."),
    ];
    let form = |role: Option<RoleFacts>, errors| RoleFormPage {
        shell: shell(words, Place::Settings),
        api_access: if role.is_none() { access.clone() } else { Vec::new() },
        role,
        version: "3".to_owned(),
        name: words.typed.to_owned(),
        description: words.typed.to_owned(),
        offered: ["*", "contacts", "scorecards/A", "claviger/organizations"]
            .map(|on| PermissionGroup {
                on: on.to_owned(),
                actions: ["read", "create", "update", "delete"]
                    .map(|action| Choice::new(format!("{on}:{action}"), action, action == "read"))
                    .into(),
            })
            .into(),
        permissions: words.typed.to_owned(),
        errors,
    };
    let delete =
        |members, keys| DeleteRolePage { shell: shell(words, Place::Settings), role: own(words), members, keys };
    let outdated = || {
        let mut errors = FormErrors::default();
        errors.add_outdated();
        errors.compare([
            ("Name", words.typed.to_owned(), words.names[0].to_owned()),
            ("Description", String::new(), words.typed.to_owned()),
        ]);
        errors
    };
    let wrong = || complaints(words, &["name", "description", "permissions", "api_access"]);
    vec![
        ("roles", render(&list(true, whole(3)))),
        ("roles-further", render(&list(false, pager()))),
        ("role", render(&page(own(words), true, FormErrors::default()))),
        ("role-errors", render(&page(own(words), true, complaints(words, &["api_access"])))),
        ("role-admin", render(&page(admin(words), false, FormErrors::default()))),
        ("role-from-above", render(&page(from_above(words), false, FormErrors::default()))),
        ("role-new", render(&form(None, FormErrors::default()))),
        ("role-new-errors", render(&form(None, wrong()))),
        ("role-edit-outdated", render(&form(Some(own(words)), outdated()))),
        ("role-edit", render(&form(Some(own(words)), FormErrors::default()))),
        ("role-edit-built-in", render(&form(Some(admin(words)), FormErrors::default()))),
        ("role-delete", render(&delete(0, 0))),
        ("role-delete-in-use", render(&delete(1, 12))),
    ]
}
