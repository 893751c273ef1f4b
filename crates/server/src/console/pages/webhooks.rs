//! Webhooks: what is sent where, and what became of it.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::pager::Pager;
use super::settings::Crumb;
use super::shell::{Moment, Shell, Status};
use crate::console::paging::query_string;

/// A webhook in a list.
#[derive(Debug, Clone)]
pub struct WebhookView {
    /// Its identifier.
    pub id: String,
    /// Where it is sent, as far as the reader may see it.
    pub url: String,
    /// The entity that triggers it.
    pub entity: String,
    /// The operation that triggers it.
    pub operation: String,
    /// What it is for; free text.
    pub description: String,
    /// The key that it hangs on.
    pub key: Option<WebhookKey>,
    /// Where it stands.
    pub status: Status,
    /// How its receiver has done within the last day: `2 of 40 failed (5 %), 95 % within 340 ms`; none where nothing was tried.
    pub health: Option<String>,
}

/// The key that a webhook hangs on.
#[derive(Debug, Clone)]
pub struct WebhookKey {
    /// Its name; free text.
    pub name: String,
    /// Its page within the organization, where the reader may open that.
    pub path: Option<String>,
}

/// What the reader may do to webhooks.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebhookRights {
    /// Make some for the organization.
    pub create: bool,
    /// Change, pause, play, test and send again.
    pub update: bool,
    /// End them.
    pub delete: bool,
}

/// All webhooks of the organization.
#[derive(Template, Debug)]
#[template(path = "webhooks/list.html")]
pub struct WebhooksPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// What stands beside it under Integrations.
    pub tabs: Vec<Crumb>,
    /// The webhooks of this page, newest first.
    pub rows: Vec<WebhookView>,
    /// The states to which the list can be narrowed.
    pub states: Vec<Choice>,
    /// Whether the list is narrowed.
    pub filtered: bool,
    /// What the reader may do.
    pub may: WebhookRights,
    /// Whether nothing stands before these.
    pub is_first: bool,
    /// Which part of the list it is.
    pub pager: Pager,
}

/// A delivery in the list of a webhook.
#[derive(Debug, Clone)]
pub struct DeliveryView {
    /// Its identifier.
    pub id: String,
    /// The type of the event: `contact.created`.
    pub event_type: String,
    /// The event's identifier, as the receiver knows it.
    pub event_id: String,
    /// When it was made.
    pub made: Moment,
    /// Where it stands.
    pub status: Status,
    /// When it is tried again, after a try that failed.
    pub due: Option<Moment>,
    /// How often it was tried.
    pub attempts: u64,
    /// Whether it was only a test.
    pub is_test: bool,
}

/// A webhook.
#[derive(Template, Debug)]
#[template(path = "webhooks/show.html")]
pub struct WebhookPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The person whose webhooks the reader came from: the path and the name.
    pub person: Option<(String, String)>,
    /// Whose personal key it hangs on, where the reader manages those: the path and the name.
    pub holder: Option<(String, String)>,
    /// The webhook.
    pub webhook: WebhookView,
    /// Whether the organizations below are meant too.
    pub is_subtree: bool,
    /// When it was made.
    pub created: Moment,
    /// How many of the last deliveries failed; none where none has ended.
    pub failures: Option<String>,
    /// Since when its receiver has failed.
    pub failing_since: Option<Moment>,
    /// When its signing secret was made.
    pub secret_made: Option<Moment>,
    /// Until when each of the old ones signs beside it.
    pub old_secrets: Vec<Moment>,
    /// Whether it is sent anything.
    pub is_on: bool,
    /// Whether it hears nothing although it is on, because its key is not good now.
    pub is_deaf: bool,
    /// Whether it can be switched on again.
    pub is_playable: bool,
    /// Whether it has ended for good.
    pub has_ended: bool,
    /// What the reader may do.
    pub may: WebhookRights,
    /// Its deliveries, newest first.
    pub deliveries: Vec<DeliveryView>,
    /// The states to which those can be narrowed.
    pub states: Vec<Choice>,
    /// Whether they are.
    pub filtered: bool,
    /// From when on failed ones are sent again, in UTC and to the minute, as a form has it.
    pub since: String,
    /// What was wrong with that.
    pub errors: FormErrors,
    /// Whether nothing stands before these.
    pub is_first: bool,
    /// Which part of the list it is.
    pub pager: Pager,
}

impl WebhookPage {
    /// What the addresses of its switch end in, so that the reader goes on knowing where they came from.
    fn kept(&self) -> String {
        self.person.as_ref().map(|it| format!("?{}", query_string([("from", &it.0)]))).unwrap_or_default()
    }
}

/// One try of a delivery.
#[derive(Debug, Clone)]
pub struct AttemptView {
    /// Counts them from one.
    pub number: u64,
    /// When it began.
    pub at: Moment,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What came of it in words: `200`, or why there was no answer.
    pub outcome: Status,
    /// Whether somebody asked for it.
    pub is_manual: bool,
    /// What was answered, as far as it is kept.
    pub response: Option<String>,
}

/// A delivery.
#[derive(Template, Debug)]
#[template(path = "webhooks/delivery.html")]
pub struct DeliveryPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The webhook.
    pub webhook: WebhookView,
    /// The delivery.
    pub delivery: DeliveryView,
    /// When it is tried next.
    pub due: Option<Moment>,
    /// When it arrived, or was given up.
    pub ended: Option<Moment>,
    /// The tries, newest first.
    pub attempts: Vec<AttemptView>,
    /// The headers that stand before it, a line each, without the signature; none where it is not shown.
    pub headers: Option<String>,
    /// What is sent; none where the reader may not read it or it is kept no longer.
    pub body: Option<String>,
    /// Whether it can be sent again, and the reader may.
    pub may_resend: bool,
}

/// The form that makes or changes a webhook.
#[derive(Template, Debug)]
#[template(path = "webhooks/form.html")]
pub struct WebhookFormPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The webhook that is changed; none when one is made.
    pub webhook: Option<WebhookView>,
    /// Makes a form that is sent twice one webhook.
    pub once: String,
    /// The version that was shown.
    pub version: String,
    /// Where it is sent.
    pub url: String,
    /// What it is about: `contact`.
    pub entity: String,
    /// What is done to it: `create`.
    pub operation: String,
    /// What it is for.
    pub description: String,
    /// Where it hears of things: only here, or below too; empty where there is nothing below.
    pub reaches: Vec<Choice>,
    /// Types of events that are known: what can be asked for.
    pub known: Vec<String>,
    /// What was wrong.
    pub errors: FormErrors,
}

/// What is asked before something is done to a webhook.
#[derive(Debug)]
pub enum WebhookQuestion {
    /// Another signing secret.
    Rotate {
        /// Makes a form that is sent twice one rotation.
        once: String,
        /// How long the old one signs beside it.
        overlaps: Vec<Choice>,
    },
    /// Its end.
    Delete,
}

/// Asks it.
#[derive(Template, Debug)]
#[template(path = "webhooks/question.html")]
pub struct WebhookQuestionPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The webhook.
    pub webhook: WebhookView,
    /// Whether its receiver hears of its end.
    pub is_told: bool,
    /// What is asked.
    pub question: WebhookQuestion,
    /// What was wrong with the last try.
    pub errors: FormErrors,
}

/// A signing secret in clear.
#[derive(Template)]
#[template(path = "webhooks/secret.html")]
pub struct WebhookSecretPage {
    /// The frame.
    pub shell: Shell,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// The webhook.
    pub webhook: WebhookView,
    /// Whether the webhook was made with it, or it took the place of another.
    pub is_new: bool,
    /// The secret.
    pub secret: String,
    /// Until when the one before signs beside it.
    pub old_until: Option<Moment>,
}

impl std::fmt::Debug for WebhookSecretPage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("WebhookSecretPage").field("webhook", &self.webhook.id).finish_non_exhaustive()
    }
}
