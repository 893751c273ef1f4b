//! Filled pages of key health.

use super::{Words, render, shell};
use crate::console::pages::health::{HealthBelow, HealthCard, HealthLine, HealthPage, HealthPlace};
use crate::console::pages::shell::{Place, Tone};

fn card(slug: &'static str, label: &'static str, counted: &str) -> HealthCard {
    HealthCard {
        query: format!("health={slug}"),
        label,
        why: "Once used, and not any more: what used it may be gone.",
        proposal: Some("Deactivate it, and delete it if nothing fails."),
        any: counted != "0",
        counted: counted.to_owned(),
    }
}

/// What the rules say of a key.
pub(super) fn lines() -> Vec<HealthLine> {
    let line = |tone, label, proposal: &'static str, way| HealthLine { tone, label, proposal: proposal.into(), way };
    vec![
        line(Tone::Warning, "Not used for 90 days", "Deactivate it.", Some(("/delete", "Delete the key"))),
        line(Tone::Turning, "Older than a year", "Rotate it.", None),
    ]
}

/// Every page of key health with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let page = |to_review: Option<&str>, count: &str| HealthPage {
        shell: shell(words, Place::Settings),
        to_review: to_review.map(str::to_owned),
        may_report: true,
        urgent: vec![card("idle", "Not used for 90 days", count), card("never-used", "Never used in 30 days", "0")],
        known: vec![card("no-expiry", "Never expires", "2,000 or more")],
        below: to_review.map(|count| HealthBelow {
            places: vec![HealthPlace {
                name: words.organization.to_owned(),
                slug: "harbor".to_owned(),
                keys: count.to_owned(),
            }],
            only_first: Some(50),
            sees_all: true,
        }),
    };
    vec![("health", render(&page(Some("4"), "3"))), ("health-well", render(&page(None, "0")))]
}
