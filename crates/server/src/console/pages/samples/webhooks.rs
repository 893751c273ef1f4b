//! Filled pages of webhooks.

use super::frame::pager;
use super::{Words, complaints, integration_tabs, moment, render, shell, status};
use crate::console::pages::form::{Choice, FormErrors};
use crate::console::pages::settings::Crumb;
use crate::console::pages::shell::{Place, Tone};
use crate::console::pages::webhooks::{
    AttemptView, DeliveryPage, DeliveryView, WebhookFormPage, WebhookKey, WebhookPage, WebhookQuestion,
    WebhookQuestionPage, WebhookRights, WebhookSecretPage, WebhookView, WebhooksPage,
};

fn crumbs() -> Vec<Crumb> {
    vec![Crumb { path: "/settings", label: "Settings" }, Crumb { path: "/integrations/webhooks", label: "Webhooks" }]
}

fn webhook(words: &Words<'_>, id: &str, tone: Tone, state: &str) -> WebhookView {
    WebhookView {
        id: id.to_owned(),
        url: "https://hooks.zapier.example/hooks/standard/1234567/0a1b2c3d4e5f67890a1b2c3d4e5f6789/".to_owned(),
        entity: "contact".to_owned(),
        operation: "create".to_owned(),
        description: words.names[1].to_owned(),
        key: ["whk_1", "whk_2"].contains(&id).then(|| WebhookKey {
            name: words.names[0].to_owned(),
            path: (id == "whk_1").then(|| "/keys/key_1".to_owned()),
        }),
        status: status(tone, state),
        health: (id != "whk_3").then(|| "2 of 40 failed (5 %), 95 % within 1,340 ms".to_owned()),
    }
}

/// A few webhooks.
pub(super) fn webhooks(words: &Words<'_>) -> Vec<WebhookView> {
    vec![
        webhook(words, "whk_1", Tone::Good, "On"),
        webhook(words, "whk_2", Tone::Warning, "Disabled: its receiver failed for too long"),
        webhook(words, "whk_3", Tone::Ended, "Gone: its receiver wants no more"),
    ]
}

const ALL: WebhookRights = WebhookRights { create: true, update: true, delete: true };

fn states() -> Vec<Choice> {
    vec![Choice::new("", "Any", true), Choice::new("failed", "Failed", false)]
}

fn list(words: &Words<'_>, rows: Vec<WebhookView>, may: WebhookRights, filtered: bool) -> WebhooksPage {
    WebhooksPage {
        shell: shell(words, Place::Webhooks),
        crumbs: crumbs(),
        tabs: integration_tabs(),
        pager: pager(),
        rows,
        states: states(),
        filtered,
        may,
        is_first: true,
    }
}

fn delivery(id: &str, tone: Tone, state: &str, attempts: u64) -> DeliveryView {
    DeliveryView {
        id: id.to_owned(),
        event_type: "contact.created".to_owned(),
        event_id: "evt_01jdw7r9x3e5tv".to_owned(),
        made: moment("2026-11-21T05:00:00Z"),
        status: status(tone, state),
        due: (attempts == 3).then(|| moment("2026-11-21T06:00:00Z")),
        attempts,
        is_test: id == "dlv_2",
    }
}

fn show(words: &Words<'_>, webhook: WebhookView) -> WebhookPage {
    let is_on = webhook.id == "whk_1";
    WebhookPage {
        person: Some(("/security/api-management/usr_01jdw7r9x3e5tv8b2n4q6s0c1f".to_owned(), words.person.to_owned())),
        shell: shell(words, Place::Webhooks),
        crumbs: crumbs(),
        holder: Some(("/security/api-management/usr_1".to_owned(), words.person.to_owned())),
        is_subtree: !is_on,
        created: moment("2026-11-20T05:00:00Z"),
        failures: (webhook.id != "whk_3").then(|| "1 of the last 2 that have ended (50 %)".to_owned()),
        failing_since: (webhook.id == "whk_2").then(|| moment("2026-11-16T05:00:00Z")),
        secret_made: Some(moment("2026-11-20T05:00:00Z")),
        old_secrets: vec![moment("2026-11-22T05:00:00Z")],
        is_on,
        is_deaf: false,
        is_playable: webhook.id == "whk_2",
        has_ended: webhook.id == "whk_3",
        may: ALL,
        deliveries: if webhook.id == "whk_3" {
            Vec::new()
        } else {
            vec![
                delivery("dlv_1", Tone::Turning, "Failed so far: tried again", 3),
                delivery("dlv_2", Tone::Good, "Delivered", 1),
                delivery("dlv_3", Tone::Warning, "Failed", 10),
            ]
        },
        states: states(),
        filtered: false,
        since: "2026-11-14T05:00".to_owned(),
        errors: FormErrors::default(),
        is_first: true,
        pager: pager(),
        webhook,
    }
}

fn attempt(words: &Words<'_>, number: u64, tone: Tone, outcome: &str) -> AttemptView {
    AttemptView {
        number,
        at: moment("2026-11-21T05:00:05Z"),
        duration_ms: 120,
        outcome: status(tone, outcome),
        is_manual: number == 2,
        // So long that it is folded, whatever the words are.
        response: (number == 1).then(|| format!("{}{:80}", words.names[2], "")),
    }
}

fn delivery_page(words: &Words<'_>, body: Option<String>) -> DeliveryPage {
    let attempts = vec![
        attempt(words, 2, Tone::Good, "200"),
        attempt(words, 1, Tone::Warning, "The receiver did not answer in time."),
    ];
    DeliveryPage {
        shell: shell(words, Place::Webhooks),
        crumbs: crumbs(),
        webhook: webhook(words, "whk_1", Tone::Good, "On"),
        delivery: delivery("dlv_1", Tone::Good, "Delivered", 2),
        due: Some(moment("2026-11-21T06:00:00Z")),
        ended: Some(moment("2026-11-21T05:00:05Z")),
        attempts: if body.is_some() { attempts } else { Vec::new() },
        may_resend: body.is_some(),
        headers: body.is_some().then(|| "content-type: application/json".to_owned()),
        body,
    }
}

fn form(words: &Words<'_>, webhook: Option<WebhookView>, errors: FormErrors) -> WebhookFormPage {
    WebhookFormPage {
        shell: shell(words, Place::Webhooks),
        crumbs: crumbs(),
        webhook,
        once: "5uYd1s".to_owned(),
        version: "3".to_owned(),
        url: words.typed.to_owned(),
        entity: words.typed.to_owned(),
        operation: words.typed.to_owned(),
        description: words.typed.to_owned(),
        reaches: vec![
            Choice::new("organization", "This organization only", true)
                .with_note("Of what happens in organizations below it hears nothing."),
            Choice::new("subtree", "This organization and all below", false)
                .with_note("Those too that are made later."),
        ],
        known: vec!["contact.create".to_owned()],
        errors,
    }
}

fn question(words: &Words<'_>, question: WebhookQuestion) -> WebhookQuestionPage {
    WebhookQuestionPage {
        shell: shell(words, Place::Webhooks),
        crumbs: crumbs(),
        webhook: webhook(words, "whk_1", Tone::Good, "On"),
        is_told: true,
        question,
        errors: FormErrors::default(),
    }
}

/// Every page of webhooks with a name of its own.
pub(super) fn all(words: &Words<'_>) -> Vec<(&'static str, String)> {
    let one = |id: &str| webhooks(words).into_iter().find(|it| it.id == id);
    let page = |id: &str| one(id).map(|it| render(&show(words, it))).unwrap_or_default();
    let rotate = WebhookQuestion::Rotate {
        once: "5uYd1s".to_owned(),
        overlaps: vec![Choice::new("86400", "In 24 hours", true).with_note("What is sent is signed with both.")],
    };
    let secret = |is_new: bool| WebhookSecretPage {
        shell: shell(words, Place::Webhooks),
        crumbs: crumbs(),
        webhook: webhook(words, "whk_1", Tone::Good, "On"),
        is_new,
        secret: "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
        old_until: (!is_new).then(|| moment("2026-11-22T05:00:00Z")),
    };
    vec![
        ("webhooks", render(&list(words, webhooks(words), ALL, false))),
        ("webhooks-none", render(&list(words, Vec::new(), ALL, false))),
        ("webhooks-none-match", render(&list(words, Vec::new(), WebhookRights::default(), true))),
        ("webhook", page("whk_1")),
        ("webhook-failing", page("whk_2")),
        ("webhook-gone", page("whk_3")),
        ("webhook-delivery", render(&delivery_page(words, Some("{\"id\":\"evt_1\"}".to_owned())))),
        ("webhook-delivery-new", render(&delivery_page(words, None))),
        ("webhook-new", render(&form(words, None, complaints(words, &["url", "entity", "operation"])))),
        ("webhook-edit", render(&form(words, one("whk_1"), FormErrors::default()))),
        ("webhook-rotate", render(&question(words, rotate))),
        ("webhook-delete", render(&question(words, WebhookQuestion::Delete))),
        ("webhook-added", render(&secret(true))),
        ("webhook-rotated", render(&secret(false))),
    ]
}
