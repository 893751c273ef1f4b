//! Pages around a rotation that is under way, and secrets that are shown again.

use super::keys::facts;
use super::{Words, complaints, moment, render, shell, used};
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::keys::LastUse;
use crate::console::pages::rotation::{
    OldSecretView, RotationPage, RotationQuestion, RotationView, SecretValues, ShownSecret, TurningSecret,
    ViewSecretPage, ViewedSecretPage, Viewing,
};
use crate::console::pages::secrets::BundlePage;
use crate::console::pages::shell::Place;

pub(super) fn under_way(words: &Words<'_>, old_used: bool, may: bool) -> RotationView {
    let mut old = vec![OldSecretView {
        secret: TurningSecret {
            id: "sec_01jdw7r9x3e5tw".to_owned(),
            hint: Some("ck_x0Ra…".to_owned()),
            made: moment("2026-06-01T09:30:00Z"),
            last_use: used("2026-11-20T18:58:20Z", "198.51.100.40"),
            user_agent: Some(words.typed.to_owned()),
            used_since: old_used,
        },
        until: moment("2026-11-27T12:00:00Z"),
        ends_with_key: !old_used,
        may_extend: may,
    }];
    if old_used {
        let imported = TurningSecret {
            id: "sec_01jdw7r9x3e5tx".to_owned(),
            hint: None,
            last_use: used("2026-05-30T11:02:00Z", "198.51.100.41"),
            used_since: false,
            ..old[0].secret.clone()
        };
        old.push(OldSecretView {
            secret: imported,
            until: moment("2026-11-22T12:00:00Z"),
            ends_with_key: false,
            may_extend: false,
        });
    }
    RotationView {
        old,
        new: TurningSecret {
            id: "sec_01jdw7r9x3e5ty".to_owned(),
            hint: Some("ck_7Fq2…".to_owned()),
            made: moment("2026-11-20T12:00:00Z"),
            last_use: if old_used { LastUse::Never } else { used("2026-11-20T18:59:11Z", "203.0.113.9") },
            user_agent: None,
            used_since: !old_used,
        },
        may_end: may,
        may_cancel: may,
    }
}

pub(super) fn refused(words: &Words<'_>) -> Viewing {
    Viewing::No(words.complaint.to_owned())
}

pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let asked = |question, must_confirm, errors| {
        let RotationView { old, new, .. } = under_way(words, question == RotationQuestion::End, true);
        RotationPage {
            shell: shell(words, Place::Keys),
            key: facts(words),
            others: usize::from(old.len() == 1),
            old,
            new,
            question,
            version: "3".to_owned(),
            must_confirm,
            errors,
        }
    };
    let ends = vec![
        Choice::new("2026-11-28T12:00:00Z", "A day later", true).with_note("It works until 2026-11-28 12:00:00 UTC."),
        Choice::new("2026-12-20T12:00:00Z", "As late as it can", false),
    ];
    let view = |viewing, must_confirm| ViewSecretPage {
        shell: shell(words, Place::Keys),
        key: facts(words),
        viewing,
        may_rotate: true,
        may_replace: true,
        must_confirm,
        errors: if must_confirm { complaints(words, &["confirm"]) } else { FormErrors::default() },
    };
    let values = |number: u8| SecretValues {
        token: format!("ck_7Fq2xV9mKd0RtYbL{number}hN4sW8eZ1uPqC3vJ6gTfA5oXyBnMkEiQrDlHw2S7c"),
        access: format!("ck_7Fq2xV9mKd0RtYbL{number}"),
        secret: "hN4sW8eZ1uPqC3vJ6gTfA5oXyBnMkEiQrDlHw2S7c".to_owned(),
    };
    let viewed = |secrets| ViewedSecretPage {
        shell: shell(words, Place::Keys),
        key_id: "key_01jdw7r9x3e5tv".to_owned(),
        key_name: words.names[1].to_owned(),
        secrets,
        offers_bundle: true,
    };
    let bundle = |line: Option<&str>, errors| BundlePage {
        shell: shell(words, Place::Keys),
        key_id: "key_01jdw7r9x3e5tv".to_owned(),
        key_name: words.names[1].to_owned(),
        token: values(1).token,
        line: line.map(str::to_owned),
        errors,
    };
    let (current, old) = (None, Some(moment("2026-11-27T12:00:00Z")));
    vec![
        ("key-rotation-end", render(&asked(RotationQuestion::End, true, complaints(words, &["confirm"])))),
        (
            "key-rotation-extend",
            render(&asked(RotationQuestion::Extend { ends }, false, complaints(words, &["until"]))),
        ),
        ("key-rotation-cancel", render(&asked(RotationQuestion::Cancel, false, FormErrors::default()))),
        (
            "key-bundle",
            render(&bundle(Some("eyJ1cmwiOiJodHRwczovL2tleXMuYWNtZS5leGFtcGxlIn0="), FormErrors::default())),
        ),
        ("key-bundle-confirm", render(&bundle(None, complaints(words, &["confirm"])))),
        ("key-view", render(&view(Viewing::May, false))),
        ("key-view-confirm", render(&view(Viewing::May, true))),
        ("key-view-refused", render(&view(refused(words), false))),
        ("key-viewed", render(&viewed(vec![ShownSecret { until: None, values: Some(values(1)) }]))),
        (
            "key-viewed-rotating",
            render(&viewed(vec![
                ShownSecret { until: current.clone(), values: Some(values(1)) },
                ShownSecret { until: old.clone(), values: Some(values(2)) },
                ShownSecret { until: old, values: None },
            ])),
        ),
    ]
}
