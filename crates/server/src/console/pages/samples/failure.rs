//! Filled pages of what cannot be shown.

use super::{Shell, Words, moment, render, shell};
use crate::console::pages::again::{AgainPage, KeptRow};
use crate::console::pages::entrance::SignInPage;
use crate::console::pages::failure::{FailurePage, FailureWithinPage, SuspensionView, Trouble, WayOut};
use crate::console::pages::shell::{Place, Preferences};

fn trouble(words: &Words<'_>, ways_out: &[(&str, &str)]) -> Trouble {
    let way = |(href, label): &(&str, &str)| WayOut { href: (*href).to_owned(), label: (*label).to_owned() };
    Trouble {
        status: 404,
        title: "There is nothing here",
        advice: format!(
            "{} The address may be mistyped, or what stood here is gone or not yours to see.",
            words.complaint
        ),
        suspension: None,
        request_id: Some("01JDW8Z5M2".to_owned()),
        ways_out: ways_out.iter().map(way).collect(),
    }
}

pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let outside = trouble(words, &[("/sign-in?next=%2Fo%2Facme", "Sign in")]);
    let within = trouble(words, &[("/o/acme/keys", "Back to API Keys"), ("/o/acme", "Home")]);
    // The answer to a form: nothing leads back to it, so that nothing is offered that would.
    let answer = shell(words, Place::Elsewhere);
    let row = |label, values: &[&str]| KeptRow { label, values: values.iter().map(|it| (*it).to_owned()).collect() };
    let again = AgainPage {
        preferences: Preferences::default(),
        person: words.email.to_owned(),
        what: format!("Change the key “{}”", words.names[0]),
        rows: vec![
            row("Name", &[words.typed]),
            row("Role", &["READONLY"]),
            row("Mapped user", &[words.names[4]]),
            row("Last day", &["20 Feb 2027"]),
            row("Scopes", &["contacts:read", "scorecards/A:read"]),
        ],
        fields: vec![("name".to_owned(), words.typed.to_owned()), ("once".to_owned(), words.typed.to_owned())],
        action: "/o/acme/keys/key_01jdw7r9x3e5tv/edit".to_owned(),
        page: "/o/acme/keys/key_01jdw7r9x3e5tv/edit".to_owned(),
    };
    let several = AgainPage {
        what: "Delete 3 keys".to_owned(),
        rows: vec![row("Keys", &words.names[..3]), row("Typed to confirm", &["3"])],
        ..again.clone()
    };
    let unsent = SignInPage { unsent: true, email: String::new(), ..super::sign_in(words) };
    let kept = SignInPage {
        action: "/o/acme/keys".to_owned(),
        kept: "bmFtZT14".to_owned(),
        ..SignInPage { unsent: true, ..super::sign_in(words) }
    };
    let suspended = |above, may_resume, ways_out| Trouble {
        status: 403,
        title: "This organization is suspended",
        suspension: Some(SuspensionView {
            name: words.organization.to_owned(),
            above,
            since: Some(moment("2026-11-20T18:59:11Z")),
            by: Some(words.names[0].to_owned()),
            manager: Some(words.names[4].to_owned()),
            may_resume,
        }),
        request_id: None,
        ..trouble(words, ways_out)
    };
    let resume = [("/o/acme/tree/org_01jdw7r9x3e5tv8b2n4q6s0c1f", "To where it is resumed"), ("/o/acme", "Home")];
    let to_resume = suspended(None, true, &resume);
    let closed = suspended(Some(Some(words.names[5].to_owned())), false, &[("/sign-in", "Sign in as somebody else")]);
    vec![
        ("failure-suspended", render(&FailureWithinPage { shell: shell(words, Place::Elsewhere), trouble: to_resume })),
        ("failure-suspended-outside", render(&FailurePage { preferences: Preferences::default(), trouble: closed })),
        ("again", render(&again)),
        ("again-several", render(&several)),
        ("sign-in-unsent", render(&unsent)),
        ("sign-in-kept", render(&kept)),
        ("failure", render(&FailurePage { preferences: Preferences::default(), trouble: outside })),
        (
            "failure-within",
            render(&FailureWithinPage { shell: shell(words, Place::Elsewhere), trouble: within.clone() }),
        ),
        (
            "failure-of-form",
            render(&FailureWithinPage { shell: Shell { here: String::new(), ..answer }, trouble: within }),
        ),
    ]
}
