//! Filled pages about members.

use super::frame::{pager, whole};
use super::{Words, complaints, moment, shell, status};
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::members::{
    DisableMemberPage, EditMemberPage, InvitePage, LinkMadePage, MemberListPage, MemberPage, MemberRolePage,
    PasswordLinkPage, PersonFacts, RemoveMemberPage, RemovedMemberPage, StoppingKeys,
};
use crate::console::pages::shell::{Notice, Place, Preferences, Tone};

fn person(words: &Words<'_>) -> PersonFacts {
    PersonFacts {
        id: "mem_01jdw7r9x3e5tv".to_owned(),
        name: words.person.to_owned(),
        email: Some(words.email.to_owned()),
        role: "ADMIN".to_owned(),
        role_is_admin: true,
        extra: vec!["scorecards/A:read".to_owned()],
        status: status(Tone::Good, "Active"),
        signed_in: Some(moment("2026-11-21T04:10:00Z")),
        own_keys: "12".to_owned(),
        link_until: None,
        has_password: true,
        service: false,
        active: true,
        managed_elsewhere: false,
        is_viewer: true,
    }
}

fn invited(words: &Words<'_>) -> PersonFacts {
    PersonFacts {
        id: "mem_01jdw7r9x3e5tw".to_owned(),
        role: words.names[1].to_owned(),
        role_is_admin: false,
        extra: Vec::new(),
        status: status(Tone::Turning, "Invited until 2026-11-28"),
        signed_in: None,
        own_keys: "0".to_owned(),
        link_until: Some(moment("2026-11-28T05:15:00Z")),
        has_password: false,
        is_viewer: false,
        ..person(words)
    }
}

fn disabled(words: &Words<'_>) -> PersonFacts {
    PersonFacts {
        id: "mem_01jdw7r9x3e5tx".to_owned(),
        status: status(Tone::Paused, "Disabled"),
        active: false,
        is_viewer: false,
        ..person(words)
    }
}

fn service(words: &Words<'_>) -> PersonFacts {
    PersonFacts {
        id: "mem_01jdw7r9x3e5ty".to_owned(),
        email: None,
        status: status(Tone::Good, "Service user"),
        signed_in: None,
        has_password: false,
        service: true,
        managed_elsewhere: true,
        is_viewer: false,
        ..person(words)
    }
}

fn roles(words: &Words<'_>) -> Vec<Choice> {
    let mut admin = Choice::new("rol_3", "ADMIN", true).with_note("Creates, changes and deletes everything.");
    admin.grave = true;
    vec![
        Choice::new("rol_1", "MEMBER", false).with_note("The own profile and own keys."),
        Choice::new("rol_2", words.names[1], false).with_note(words.descriptions[2]),
        admin,
    ]
}

fn list(words: &Words<'_>, rows: Vec<PersonFacts>) -> MemberListPage {
    MemberListPage {
        shell: shell(words, Place::Settings),
        pager: whole(rows.len()),
        rows,
        search: String::new(),
        is_first: true,
        may_invite: true,
    }
}

fn member(words: &Words<'_>, person: PersonFacts) -> MemberPage {
    MemberPage {
        shell: shell(words, Place::Settings),
        person,
        last_admin: false,
        may_change: true,
        may_remove: true,
        may_change_user: true,
        may_read_history: true,
        once: "n4sW8eZ1uPqC3vJ6gTfA5o".to_owned(),
    }
}

fn link(words: &Words<'_>, invites: bool) -> LinkMadePage {
    LinkMadePage {
        shell: shell(words, Place::Settings),
        member_id: "mem_01jdw7r9x3e5tw".to_owned(),
        name: words.person.to_owned(),
        email: words.email.to_owned(),
        link: "https://keys.acme.example/link/pQ3vV9mKd0RtYbLhN4sW8eZ1uPqC3vJ6gTfA5oXyBnM".to_owned(),
        until: moment("2026-11-28T05:15:00Z"),
        invites,
    }
}

fn password(words: &Words<'_>, invites: bool, errors: FormErrors) -> PasswordLinkPage {
    PasswordLinkPage {
        preferences: Preferences::default(),
        invites,
        organization_name: words.organization.to_owned(),
        email: words.email.to_owned(),
        token: "pQ3v".to_owned(),
        password_chars_min: 12,
        errors,
    }
}

/// Every page about members with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    use super::render;
    let everybody = vec![person(words), invited(words), disabled(words), service(words)];
    let mut removed = list(words, everybody.clone());
    removed.shell.notice = Some(Notice::MemberRemoved(words.person.to_owned()));
    let further =
        MemberListPage { is_first: false, pager: pager(), may_invite: false, ..list(words, everybody.clone()) };
    let remove = |personal, owned, mapped| RemoveMemberPage {
        shell: shell(words, Place::Settings),
        person: person(words),
        personal,
        owned,
        mapped,
        more: mapped > 100,
    };
    let disable = |count: u64| DisableMemberPage {
        shell: shell(words, Place::Settings),
        person: person(words),
        keys: Some(StoppingKeys {
            count,
            counted: count.to_string(),
            used_lately: Some("1".to_owned()),
            named: words.names.iter().take(2).map(|it| ("key_1".to_owned(), (*it).to_owned())).collect(),
            user_id: "usr_1".to_owned(),
        }),
    };
    let invite = |errors| InvitePage {
        shell: shell(words, Place::Settings),
        name: words.person.to_owned(),
        email: words.email.to_owned(),
        roles: roles(words),
        errors,
    };
    let role = |errors| MemberRolePage {
        shell: shell(words, Place::Settings),
        person: person(words),
        version: "3".to_owned(),
        roles: roles(words),
        extra: words.typed.to_owned(),
        held: 3,
        mapped: 1,
        more: false,
        errors,
    };
    let edit = |errors| EditMemberPage {
        shell: shell(words, Place::Settings),
        person: person(words),
        version: "3".to_owned(),
        name: words.typed.to_owned(),
        email: words.typed.to_owned(),
        errors,
    };
    vec![
        ("member-edit", render(&edit(FormErrors::default()))),
        ("member-edit-errors", render(&edit(complaints(words, &["name", "email"])))),
        ("members", render(&list(words, everybody))),
        ("members-removed", render(&removed)),
        ("members-further", render(&further)),
        ("members-none", render(&list(words, Vec::new()))),
        ("members-none-match", render(&MemberListPage { search: words.typed.to_owned(), ..list(words, Vec::new()) })),
        ("member", render(&member(words, person(words)))),
        ("member-invited", render(&member(words, invited(words)))),
        ("member-disabled", render(&member(words, disabled(words)))),
        (
            "member-service",
            render(&MemberPage {
                may_change: false,
                may_remove: false,
                may_change_user: false,
                ..member(words, service(words))
            }),
        ),
        ("member-last-admin", render(&MemberPage { last_admin: true, ..member(words, person(words)) })),
        (
            "member-was-removed",
            render(&RemovedMemberPage {
                shell: shell(words, Place::Settings),
                member_id: "mem_01jdw7r9x3e5tv8b2n4q6s0c1f".to_owned(),
                removal: super::audit::rows(words).remove(0),
                happened: super::audit::rows(words),
            }),
        ),
        ("member-role", render(&role(FormErrors::default()))),
        ("member-role-errors", render(&role(complaints(words, &["role", "extra"])))),
        ("member-remove", render(&remove(1, 2, 1000))),
        ("member-remove-nothing", render(&remove(0, 0, 0))),
        ("member-disable", render(&disable(12))),
        ("member-disable-nothing", render(&disable(0))),
        ("member-disable-unseen", render(&DisableMemberPage { keys: None, ..disable(0) })),
        ("member-invite", render(&invite(FormErrors::default()))),
        ("member-invite-errors", render(&invite(complaints(words, &["name", "email", "role"])))),
        ("member-invitation", render(&link(words, true))),
        ("member-reset-link", render(&link(words, false))),
        ("link-invitation", render(&password(words, true, FormErrors::default()))),
        ("link-reset-errors", render(&password(words, false, complaints(words, &["password"])))),
    ]
}
