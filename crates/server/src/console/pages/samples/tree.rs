//! Filled pages of organizations.

use super::frame::{pager, whole};
use super::{Words, complaints, moment, render, shell, status};
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::shell::{Place, Tone};
use crate::console::pages::tree::{
    Harm, MovePage, MovePreview, MovedSetting, OrganizationFacts, OrganizationFormPage, OrganizationPage, Places,
    SuspendPage, TreePage, TreeRow,
};

fn row(words: &Words<'_>, at: usize, depth: usize, suspended: bool) -> TreeRow {
    let (tone, said) = if suspended { (Tone::Paused, "Suspended") } else { (Tone::Good, "Active") };
    TreeRow {
        facts: OrganizationFacts {
            id: format!("org_01jdw7r9x3e5t{at}"),
            name: words.names[at].to_owned(),
            slug: format!("place-{at}"),
            external_id: (at > 0).then(|| words.typed.to_owned()),
            parent: (depth > 0).then(|| words.names[0].to_owned()),
            status: status(tone, said),
            suspended,
            here: depth == 0,
            created: moment("2026-11-01T08:00:00Z"),
        },
        depth,
        keys: "1,204".to_owned(),
        members: "12".to_owned(),
        children: "3".to_owned(),
    }
}

fn tree(words: &Words<'_>, rows: Vec<TreeRow>) -> TreePage {
    TreePage {
        shell: shell(words, Place::Settings),
        pager: whole(rows.len()),
        rows,
        search: String::new(),
        whole: true,
        is_first: true,
        may_create: true,
    }
}

fn form(words: &Words<'_>, changes: bool, errors: FormErrors) -> OrganizationFormPage {
    OrganizationFormPage {
        shell: shell(words, Place::Settings),
        organization: changes.then(|| row(words, 1, 1, false).facts),
        version: "3".to_owned(),
        name: words.typed.to_owned(),
        slug: words.typed.to_owned(),
        external_id: words.typed.to_owned(),
        places: if changes { Places::default() } else { places(words) },
        errors,
    }
}

fn places(words: &Words<'_>) -> Places {
    Places {
        choices: vec![Choice::new("org_1", words.names[0], true), Choice::new("org_2", words.names[2], false)],
        chosen: words.names[0].to_owned(),
        search: words.typed.to_owned(),
        is_searched: true,
    }
}

fn moving(words: &Words<'_>, preview: Option<MovePreview>) -> MovePage {
    MovePage {
        shell: shell(words, Place::Settings),
        row: TreeRow { members: "1".to_owned(), ..row(words, 1, 1, false) },
        version: "3".to_owned(),
        places: places(words),
        errors: if preview.is_none() { complaints(words, &["parent"]) } else { FormErrors::default() },
        preview,
    }
}

/// Every page of organizations with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let rows =
        || vec![row(words, 0, 0, false), row(words, 1, 1, false), row(words, 2, 2, true), row(words, 3, 1, false)];
    let page = |row, may_change| OrganizationPage {
        shell: shell(words, Place::Settings),
        row,
        may_change,
        may_change_from_above: may_change,
        is_below_root: true,
        may_create: may_change,
        may_read_history: may_change,
    };
    let large = |rows| TreePage {
        whole: false,
        is_first: false,
        search: words.typed.to_owned(),
        pager: pager(),
        ..tree(words, rows)
    };
    let preview =
        |settings| Some(MovePreview { parent_id: "org_2".to_owned(), parent: words.names[2].to_owned(), settings });
    let suspend = |errors| SuspendPage { shell: shell(words, Place::Settings), row: row(words, 1, 1, false), errors };
    vec![
        ("tree", render(&tree(words, rows()))),
        ("tree-first", render(&tree(words, vec![row(words, 0, 0, false)]))),
        ("tree-first-read-only", render(&TreePage { may_create: false, ..tree(words, vec![row(words, 0, 0, false)]) })),
        ("tree-large", render(&large(rows()))),
        ("tree-none", render(&large(Vec::new()))),
        ("organization", render(&page(row(words, 1, 1, false), true))),
        ("organization-suspended", render(&page(row(words, 2, 2, true), true))),
        ("organization-read-only", render(&page(row(words, 0, 0, false), false))),
        ("organization-new", render(&form(words, false, FormErrors::default()))),
        (
            "organization-errors",
            render(&form(words, false, complaints(words, &["name", "under", "slug", "external_id"]))),
        ),
        ("organization-edit", render(&form(words, true, FormErrors::default()))),
        ("organization-suspend", render(&suspend(FormErrors::default()))),
        ("organization-suspend-errors", render(&suspend(complaints(words, &["name"])))),
        ("organization-move", render(&moving(words, None))),
        (
            "organization-move-review",
            render(&moving(
                words,
                preview(vec![
                    MovedSetting {
                        label: "Unused keys end",
                        now: "Never".to_owned(),
                        then: "90 days".to_owned(),
                        what: "Keys that were not used for so long stop working.",
                        harm: Harm::Stops,
                    },
                    MovedSetting {
                        label: "Longest life of a key",
                        now: "No limit, expiry is optional".to_owned(),
                        then: "365 days".to_owned(),
                        what: "Keys that exist go on working. Every new one has to end within that time.",
                        harm: Harm::None,
                    },
                ]),
            )),
        ),
        ("organization-move-same", render(&moving(words, preview(Vec::new())))),
    ]
}
