//! One attempt at a delivery.

use std::time::Duration;

use bytes::Bytes;
use claviger_core::time::Timestamp;
use claviger_core::webhook::Webhook;
use claviger_core::webhook::attempt::{Outcome, Withheld};
use claviger_core::webhook::signature::{SigningSecret, signatures};
use claviger_store::Error::Corrupt;
use claviger_store::webhooks::deliveries::DeliveryRow;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Turn, goes_on};
use crate::ops::error::{Error, OpResult};
use crate::ops::readers::LEFT_TO_NEWER;
use crate::ops::webhooks::message::{Content, content_of};
use crate::ops::webhooks::{is_sent_still, settle, signing_secrets};
use crate::outgoing::Answer;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What is to be sent.
struct Ready {
    webhook: Webhook,
    /// Or why there is none.
    body: Result<String, Withheld>,
    secrets: Vec<SigningSecret>,
}

impl Turn<'_> {
    /// Sends a delivery and notes what came of it. Says whether the turn goes on.
    pub(super) async fn attempt(&self, delivery: &DeliveryRow) -> OpResult<bool> {
        let app = &self.sender.app;
        let at = app.now();
        // Its key may have been revoked, or the webhook paused, since the turn began: then nothing more is sent.
        let Some(ready) = self.ready(delivery).await? else { return Ok(false) };
        let body = match ready.body {
            Ok(body) => Bytes::from(body),
            Err(why) => {
                self.note(delivery, at, &withheld(why), true).await?;
                return Ok(true);
            }
        };
        let mut headers = signed(&delivery.event_id.to_string(), at, &ready.secrets, &body)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let call = app.outgoing().post(&ready.webhook.target_url, headers, body, at);
        let Some(answer) = self.sender.in_time(call).await else { return Ok(false) };
        let ended = self.note(delivery, at, &answer, false).await?;
        Ok(goes_on(&answer.outcome) && !ended)
    }

    async fn ready(&self, delivery: &DeliveryRow) -> OpResult<Option<Ready>> {
        let (app, id) = (&self.sender.app, self.due.webhook_id);
        let mut reader = app.store().read().await?;
        if !reader.holds_lease(&self.tenant, id, self.lease).await? {
            return Ok(None);
        }
        let Some(row) = reader.find_webhook(&self.tenant, id).await? else { return Ok(None) };
        let secrets = signing_secrets(app, &mut reader, &self.tenant, id).await?;
        let content = match content_of(&mut reader, delivery).await {
            Ok(content) => content.ok_or(Withheld::Erased),
            // It would stay the first one for ever, before all others. What a newer version has written is left to that for a while.
            Err(Error::Store(error @ Corrupt { .. }))
                if delivery.created_at.saturating_add(LEFT_TO_NEWER) <= app.now() =>
            {
                tracing::error!(delivery_id = %delivery.id, %error, "a delivery is given up");
                Err(Withheld::Unreadable)
            }
            Err(error) => return Err(error),
        };
        drop(reader);
        if secrets.is_empty() {
            return Err(Error::Internal(format!("{id} has no signing secret")));
        }
        let webhook = row.webhook;
        let body = match content {
            Err(why) => Err(why),
            Ok(it) if it.is_erased => Err(Withheld::Erased),
            Ok(it) if self.is_sent_still(&webhook, &it).await? => Ok(it.text),
            Ok(_) => Err(Withheld::Unheard),
        };
        Ok(Some(Ready { webhook, body, secrets }))
    }

    /// Whether the webhook may be told of it now. Before that is denied, this node learns of all that has happened: where it lags behind, it would
    /// give up what a key has just been given the right to.
    async fn is_sent_still(&self, webhook: &Webhook, content: &Content) -> OpResult<bool> {
        let app = &self.sender.app;
        if is_sent_still(app, webhook, content) {
            return Ok(true);
        }
        self.sender.transact(async |mut tx| settle(app, &mut tx).await).await?;
        Ok(is_sent_still(app, webhook, content))
    }
}

/// The standard's three headers. The identifier of a delivery is the event's, the same at each attempt and in the message itself; of a farewell it is
/// the webhook's. Without a secret there is no signature.
pub(super) fn signed(id: &str, at: Timestamp, secrets: &[SigningSecret], body: &[u8]) -> OpResult<HeaderMap> {
    let value = |text: String| HeaderValue::try_from(text).map_err(|fault| Error::Internal(fault.to_string()));
    let mut headers = HeaderMap::new();
    if !secrets.is_empty() {
        headers.insert(SIGNATURE, value(signatures(secrets, id, at, body))?);
    }
    headers.insert(TIMESTAMP, value(at.as_secs().to_string())?);
    headers.insert(ID, value(id.to_owned())?);
    Ok(headers)
}

/// What stands for an attempt where there is nothing to send.
fn withheld(why: Withheld) -> Answer {
    let error = Some(why.words().to_owned());
    Answer { outcome: Outcome::Unanswered, took: Duration::ZERO, body: String::new(), error }
}
