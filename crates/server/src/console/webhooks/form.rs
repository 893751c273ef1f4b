//! The forms of webhooks: make one for the organization, change one, and sign with another secret.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::decision::{Code, Reach};
use claviger_core::limits::{PAGE_ITEMS_MAX, WEBHOOK_OVERLAP_HOURS_DEFAULT, WEBHOOK_OVERLAP_HOURS_MAX};
use claviger_core::name::Description;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::SecretState;
use claviger_core::webhook::target::TargetUrl;
use claviger_core::webhook::topic::Subscription;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{PATH, crumbs, find, path_of, readable, rights, view};
use crate::console::entrance::refused;
use crate::console::failure::Failure;
use crate::console::keys::choices::reach_choices_with;
use crate::console::keys::secrets::{OVERLAPS, new_once, once_of, overlap_label};
use crate::console::pages::form::{Choice, FormErrors, typed};
use crate::console::pages::shell::{Moment, Notice, Place};
use crate::console::pages::webhooks::{
    WebhookFormPage, WebhookQuestion, WebhookQuestionPage, WebhookSecretPage, WebhookView,
};
use crate::console::visit::Visit;
use crate::ops::error::OpResult;
use crate::ops::event_types::list_event_types;
use crate::ops::idempotency::{Answer, Idempotency};
use crate::ops::keys::Overlap;
use crate::ops::page::PageRequest;
use crate::ops::precondition::{Expected, expecting};
use crate::ops::webhooks::{
    NewWebhook, Owner, ShownWebhook, WebhookInfo, WebhookPatch, check_target, create_webhook, rotate_secret,
    update_webhook,
};

const HOUR: u64 = 60 * 60;

/// The form as it is sent; empty fields and missing ones are the same.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct WebhookForm {
    once: String,
    version: String,
    url: String,
    entity: String,
    operation: String,
    reach: String,
    description: String,
    overlap: String,
}

async fn page(visit: &Visit, webhook: Option<&WebhookInfo>, form: &WebhookForm, errors: FormErrors) -> WebhookFormPage {
    let known = match webhook {
        Some(_) => Vec::new(),
        None => known_types(visit).await,
    };
    WebhookFormPage {
        shell: visit.shell(Place::Webhooks),
        crumbs: crumbs(visit),
        webhook: webhook.map(|it| view::webhook(visit, it)),
        once: typed(&form.once),
        version: typed(&form.version),
        url: typed(&form.url),
        entity: typed(&form.entity),
        operation: typed(&form.operation),
        description: typed(&form.description),
        reaches: reach_choices_with(
            visit,
            None,
            &form.reach,
            ["Of what happens in organizations below it hears nothing.", "Those too that are made later."],
        ),
        known,
        errors,
    }
}

/// What hosts say that may happen here; what nobody said can be asked for all the same.
async fn known_types(visit: &Visit) -> Vec<String> {
    let all = PageRequest { after: None, limit: PAGE_ITEMS_MAX };
    match list_event_types(&visit.app, &visit.caller, visit.organization_id(), all).await {
        Ok(found) => found.items.iter().map(|it| it.topic.to_string()).collect(),
        // Who may not look at the catalogue types what they know.
        Err(_) => Vec::new(),
    }
}

/// Shows the form of a new webhook.
pub(in crate::console) async fn show_new(visit: Visit) -> Result<Response, Failure> {
    visit.caller.authorize(&visit.app, visit.organization_id(), "claviger/webhooks:create")?;
    let form = WebhookForm { once: new_once(&visit.app), ..WebhookForm::default() };
    let page = page(&visit, None, &form, FormErrors::default()).await;
    Ok(visit.page(&page))
}

fn read_target(text: &str, errors: &mut FormErrors) -> Option<TargetUrl> {
    let read = TargetUrl::parse(text.trim());
    read.map_err(|error| errors.add("url", format!("The URL {error}."))).ok()
}

/// Says that an address may not be called with what else is wrong, and not only once that is right.
fn complain_of_target(visit: &Visit, target: Option<&TargetUrl>, errors: &mut FormErrors) -> Result<(), Failure> {
    match target.map(|it| check_target(&visit.app, it)) {
        Some(Err(reject)) => complain(errors, reject),
        _ => Ok(()),
    }
}

fn read_description(text: &str, errors: &mut FormErrors) -> Option<Description> {
    let read = Description::parse(text.trim());
    read.map_err(|error| errors.add("description", format!("The description {error}."))).ok()
}

fn read_subscription(form: &WebhookForm, errors: &mut FormErrors) -> Option<Subscription> {
    let (entity, operation) = (form.entity.trim(), form.operation.trim());
    // Each by itself, so that the field at fault is named.
    for (field, words, pair) in
        [("entity", "The entity", (entity, "*")), ("operation", "The operation type", ("*", operation))]
    {
        if pair.0.is_empty() || pair.1.is_empty() {
            errors
                .add(field, format!("{words} is needed: a word such as `contact` or `create`, or `*` for every one."));
        } else if let Err(error) = Subscription::parse(pair.0, pair.1) {
            errors.add(field, format!("{words} {error}."));
        }
    }
    Subscription::parse(entity, operation).ok()
}

/// Makes a webhook for the organization, and shows its signing secret.
pub(in crate::console) async fn create(
    visit: Visit,
    form: Result<Form<WebhookForm>, FormRejection>,
) -> Result<Response, Failure> {
    let form = readable(form)?;
    let mut errors = FormErrors::default();
    let target_url = read_target(&form.url, &mut errors);
    complain_of_target(&visit, target_url.as_ref(), &mut errors)?;
    let subscription = read_subscription(&form, &mut errors);
    let description = read_description(&form.description, &mut errors);
    if let (Some(target_url), Some(subscription), Some(description), true) =
        (target_url, subscription, description, errors.is_empty())
    {
        let new = NewWebhook {
            organization_id: Some(visit.organization_id()),
            target_url,
            subscription,
            description,
            reach: Reach::parse(&form.reach).unwrap_or(Reach::Organization),
            owner: Some(Owner::Organization),
        };
        let parts = [&form.url, &form.entity, &form.operation, &form.reach, &form.description];
        let once = idempotency("webhook", &form.once, parts);
        match create_webhook(&visit.app, &visit.caller, new, Some(once)).await {
            Ok(answer) => return shown(&visit, answer, true),
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    Ok(refused(visit.page(&page(&visit, None, &form, errors).await)))
}

fn idempotency<const N: usize>(action: &str, once: &str, parts: [&String; N]) -> Idempotency<ShownWebhook> {
    let (key, fingerprint) = once_of(action, once, parts);
    Idempotency { key, fingerprint, status: 200, render: remember, headers: |_| http::HeaderMap::new() }
}

/// What is kept of the answer: enough to find the webhook again, and nothing of its secret.
fn remember(shown: &ShownWebhook) -> Value {
    json!({ "id": shown.info.row.webhook.id.to_string() })
}

/// Shows a signing secret; to who sends the form again, the webhook without it.
fn shown(visit: &Visit, answer: Answer<ShownWebhook>, is_new: bool) -> Result<Response, Failure> {
    let shown = match answer {
        Answer::Fresh(shown) => shown,
        Answer::Replayed { body, .. } => {
            let path = body["id"].as_str().and_then(|it| it.parse().ok()).map_or_else(|| PATH.to_owned(), path_of);
            return Ok(visit.done(&path, &Notice::SigningSecretWasShown));
        }
    };
    let old = shown.info.secrets.iter().filter_map(|it| match it.state {
        SecretState::Retiring { until } => Some(until),
        SecretState::Current | SecretState::Dead => None,
    });
    Ok(visit.page(&WebhookSecretPage {
        shell: visit.shell(Place::Webhooks),
        crumbs: crumbs(visit),
        webhook: view::webhook(visit, &shown.info),
        is_new,
        secret: shown.secret.expose().expose_secret().to_owned(),
        old_until: old.max().map(Moment::new),
    }))
}

/// Shows the form that changes a webhook.
pub(in crate::console) async fn show_edit(
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let info = find(&visit, &id).await?;
    require_update(&visit, &info)?;
    let form = WebhookForm {
        url: info.row.webhook.target_url.as_str().to_owned(),
        description: info.row.webhook.description.to_string(),
        version: info.row.webhook.version.to_string(),
        ..WebhookForm::default()
    };
    let page = page(&visit, Some(&info), &form, FormErrors::default()).await;
    Ok(visit.page(&page))
}

fn require_update(visit: &Visit, info: &WebhookInfo) -> Result<(), Failure> {
    if rights(visit, Some(info)).update { Ok(()) } else { Err(Reject::from(Code::InsufficientPermission).into()) }
}

/// Changes where a webhook is sent, and what it is for.
pub(in crate::console) async fn edit(
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
    form: Result<Form<WebhookForm>, FormRejection>,
) -> Result<Response, Failure> {
    let mut form = readable(form)?;
    let info = find(&visit, &id).await?;
    let version: u64 = form.version.parse().map_err(|_| Failure::bad_form())?;
    let mut errors = FormErrors::default();
    let target_url = read_target(&form.url, &mut errors);
    let elsewhere = target_url.as_ref().filter(|it| **it != info.row.webhook.target_url);
    complain_of_target(&visit, elsewhere, &mut errors)?;
    let description = read_description(&form.description, &mut errors);
    if let (Some(target_url), Some(description), true) = (target_url, description, errors.is_empty()) {
        let webhook = &info.row.webhook;
        let patch = WebhookPatch {
            target_url: Some(target_url).filter(|it| *it != webhook.target_url),
            description: Some(description).filter(|it| *it != webhook.description),
            active: None,
        };
        let change = update_webhook(&visit.app, &visit.caller, webhook.id, patch);
        let changed: OpResult<_> = expecting(Expected::Versions(Arc::from([version])), change).await;
        match changed {
            Ok(_) => return Ok(visit.done(&path_of(webhook.id), &Notice::WebhookUpdated)),
            Err(error) => {
                let reject = error.into_reject();
                if reject.code == RejectCode::VersionMismatch {
                    let now = &webhook.target_url;
                    errors.add_outdated();
                    // Sent again, it is what was seen that is changed; any other complaint is no leave to overwrite somebody else's.
                    form.version = webhook.version.to_string();
                    errors.compare([
                        ("URL", form.url.clone(), now.as_str().to_owned()),
                        ("Description", form.description.clone(), webhook.description.to_string()),
                    ]);
                } else {
                    complain(&mut errors, reject)?;
                }
            }
        }
    }
    Ok(refused(visit.page(&page(&visit, Some(&info), &form, errors).await)))
}

/// Puts a refusal of the operation beside the field it is about.
fn complain(errors: &mut FormErrors, reject: Reject) -> Result<(), Failure> {
    match reject.code {
        RejectCode::InvalidField
        | RejectCode::GrantExceedsOwn
        | RejectCode::LimitReached
        | RejectCode::StateConflict => {
            let known = [
                ("/target_url", "url", "The URL"),
                ("/entity", "entity", "The entity"),
                ("/operation", "operation", "The operation type"),
                ("/overlap_secs", "overlap", "The overlap"),
            ];
            errors.add_fields(&reject.fields, &known);
            if reject.fields.is_empty() {
                errors.add_general(reject.detail);
            }
            Ok(())
        }
        _ => Err(reject.into()),
    }
}

/// Asks how the signing secret is to be rotated.
pub(in crate::console) async fn show_rotate(
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let info = find(&visit, &id).await?;
    require_update(&visit, &info)?;
    let once = new_once(&visit.app);
    Ok(visit.page(&rotation(&visit, view::webhook(&visit, &info), once, None, FormErrors::default())))
}

fn rotation(
    visit: &Visit,
    webhook: WebhookView,
    once: String,
    chosen: Option<u64>,
    errors: FormErrors,
) -> WebhookQuestionPage {
    let now = visit.app.now();
    let preset = chosen.unwrap_or(WEBHOOK_OVERLAP_HOURS_DEFAULT * HOUR);
    let offered = OVERLAPS.into_iter().filter(|secs| *secs <= WEBHOOK_OVERLAP_HOURS_MAX * HOUR);
    let overlaps = offered.map(|secs| {
        let until = now.saturating_add(Duration::from_secs(secs)).to_table_text();
        let note = match secs {
            0 => "Receivers that still check by it refuse what arrives.".to_owned(),
            _ => format!("What is sent is signed with both until {until} UTC."),
        };
        Choice::new(secs.to_string(), overlap_label(secs), secs == preset).with_note(note)
    });
    WebhookQuestionPage {
        shell: visit.shell(Place::Webhooks),
        crumbs: crumbs(visit),
        webhook,
        is_told: false,
        question: WebhookQuestion::Rotate { once, overlaps: overlaps.collect() },
        errors,
    }
}

/// Rotates the signing secret, and shows the new one.
pub(in crate::console) async fn rotate(
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
    form: Result<Form<WebhookForm>, FormRejection>,
) -> Result<Response, Failure> {
    let form = readable(form)?;
    let info = find(&visit, &id).await?;
    let id = info.row.webhook.id;
    let secs: u64 = form.overlap.parse().map_err(|_| Failure::bad_form())?;
    let once = idempotency("sign", &form.once, [&id.to_string(), &form.overlap]);
    let overlap = Overlap::For(Duration::from_secs(secs.min(WEBHOOK_OVERLAP_HOURS_MAX * HOUR)));
    match rotate_secret(&visit.app, &visit.caller, id, overlap, Some(once)).await {
        Ok(answer) => shown(&visit, answer, false),
        Err(error) => {
            let mut errors = FormErrors::default();
            complain(&mut errors, error.into_reject())?;
            let page = rotation(&visit, view::webhook(&visit, &info), typed(&form.once), Some(secs), errors);
            Ok(refused(visit.page(&page)))
        }
    }
}
