//! The one client that calls what others name: receivers of webhooks; and the list of keys by which GitHub's alerts are checked.
//!
//! Whoever subscribes names an address, and this machine calls it from within its own network. So an address is judged three times: as it is
//! written (before anything is asked), as its name is answered (every answer, at every attempt, since names lead elsewhere later), and as the
//! other end of the connection (before a byte of the request is sent). Redirects are not followed, no proxy is asked, nothing is remembered
//! between calls, and no more than a page of the answer is read.

mod names;
mod peer;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use claviger_core::limits::{
    WEBHOOK_ANSWER_BYTES_MAX, WEBHOOK_ATTEMPT_SECS_MAX, WEBHOOK_CONNECT_SECS_MAX, WEBHOOK_RECEIVERS_KEPT_MAX,
};
use claviger_core::network::IpAllowList;
use claviger_core::time::Timestamp;
use claviger_core::webhook::attempt::{Outcome, Wish};
use claviger_core::webhook::target::TargetUrl;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Client, Response};
use tokio::time::Instant;

pub use names::{Found, Names, SystemNames};

use names::GuardedNames;
use peer::{Guard, PeerCheck};

/// The header in which a receiver says what it wants no more.
const WISH: &str = "webhook-delivery";
/// Connections that are kept for a while to one receiver, and how long.
const IDLE_MAX: usize = 2;
const IDLE: Duration = Duration::from_secs(30);
/// How long a receiver has its place among those to whom connections are kept: until the last one of a call that begins now is closed.
const KEPT: Duration = Duration::from_secs(WEBHOOK_ATTEMPT_SECS_MAX + IDLE.as_secs());

/// Calls receivers. Cloning it is cheap.
#[derive(Clone)]
pub struct Connector(Arc<Parts>);

struct Parts {
    allowed: Option<IpAllowList>,
    names: Arc<dyn Names>,
    kept: Kept,
    /// One of each kind, made at its first call: reading the authorities that this machine believes takes a while, and most nodes call nobody for
    /// long.
    clients: [OnceLock<Result<Client, String>>; 4],
}

/// The receivers to which connections are kept. The client bounds them for each receiver alone, and of receivers there can be very many.
#[derive(Default)]
struct Kept(Mutex<HashMap<String, Instant>>);

impl Kept {
    /// Whether connections to a receiver that is called now are kept.
    fn has_room(&self, origin: String, now: Instant) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, until| now < *until);
        let has_room = kept.contains_key(&origin) || kept.len() < WEBHOOK_RECEIVERS_KEPT_MAX;
        if has_room {
            kept.insert(origin, now + KEPT);
        }
        has_room
    }
}

/// Which client calls.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// Without TLS, only within the networks that the operator names.
    is_encrypted: bool,
    /// Whether it keeps connections.
    keeps: bool,
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What the receiver answered, if it did.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// How its answer begins, at most 4,096 bytes of text.
    pub body: String,
    /// What went wrong, in words for the owner of the webhook; absent where it was taken.
    pub error: Option<String>,
}

impl Answer {
    /// The status that it was answered with.
    pub fn status(&self) -> Option<u16> {
        match self.outcome {
            Outcome::Answered { status, .. } => Some(status),
            Outcome::Unanswered | Outcome::Forbidden => None,
        }
    }
}

impl Connector {
    /// Calls what is public, and the networks that are allowed besides.
    pub fn new(allowed: Option<IpAllowList>, names: Arc<dyn Names>) -> Self {
        Self(Arc::new(Parts { allowed, names, kept: Kept::default(), clients: Default::default() }))
    }

    /// Posts a delivery. `now` is what dates in the answer are measured from.
    pub async fn post(&self, target: &TargetUrl, headers: HeaderMap, body: Bytes, now: Timestamp) -> Answer {
        self.call(Method::POST, target, headers, body, now).await
    }

    /// Tells a receiver that its subscription has ended (Zapier calls this a reverse unsubscribe).
    pub async fn delete(&self, target: &TargetUrl, headers: HeaderMap, now: Timestamp) -> Answer {
        self.call(Method::DELETE, target, headers, Bytes::new(), now).await
    }

    /// Gets a document of at most so many bytes, or says in words why there is none.
    ///
    /// # Errors
    /// The words.
    pub async fn get(&self, target: &TargetUrl, bytes_max: usize) -> Result<Vec<u8>, String> {
        target.check(self.0.allowed.as_ref()).map_err(|error| format!("The address {error}."))?;
        let kind = Kind { is_encrypted: target.is_encrypted(), keeps: false };
        let client = self.client(kind).map_err(Clone::clone)?;
        let getting = async {
            let sent = client.get(target.as_str()).send().await;
            let mut response = sent.map_err(|error| words::of_error(&error).1)?;
            if response.status() != StatusCode::OK {
                return Err(format!("The answer was {}.", response.status().as_u16()));
            }
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| words::of_error(&error).1)? {
                if bytes_max < bytes.len() + chunk.len() {
                    return Err(format!("The answer has more than {bytes_max} bytes."));
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(bytes)
        };
        let limit = Duration::from_secs(WEBHOOK_ATTEMPT_SECS_MAX);
        tokio::time::timeout(limit, getting).await.unwrap_or_else(|_| Err(words::too_slow()))
    }

    async fn call(
        &self,
        method: Method,
        target: &TargetUrl,
        headers: HeaderMap,
        body: Bytes,
        now: Timestamp,
    ) -> Answer {
        let started = Instant::now();
        let refused = |outcome, error| Answer { outcome, took: started.elapsed(), body: String::new(), error };
        if let Err(error) = target.check(self.0.allowed.as_ref()) {
            return refused(Outcome::Forbidden, Some(format!("The address {error}.")));
        }
        let keeps = self.0.kept.has_room(target.origin(), started);
        let client = match self.client(Kind { is_encrypted: target.is_encrypted(), keeps }) {
            Ok(client) => client,
            Err(error) => return refused(Outcome::Unanswered, Some(error.clone())),
        };
        let request = client.request(method, target.as_str()).headers(headers).body(body);
        // The time limit of the client covers the same; this one holds whatever a library counts.
        let limit = started + Duration::from_secs(WEBHOOK_ATTEMPT_SECS_MAX);
        match tokio::time::timeout_at(limit, request.send()).await {
            Ok(Ok(response)) => {
                let outcome = outcome_of(&response, now);
                let body = tokio::time::timeout_at(limit, beginning(response)).await;
                let error = words::of_outcome(&outcome);
                Answer { outcome, took: started.elapsed(), body: body.unwrap_or_default(), error }
            }
            Ok(Err(error)) => {
                let (outcome, error) = words::of_error(&error);
                refused(outcome, Some(error))
            }
            Err(_) => refused(Outcome::Unanswered, Some(words::too_slow())),
        }
    }

    fn client(&self, kind: Kind) -> Result<&Client, &String> {
        let client = &self.0.clients[usize::from(kind.is_encrypted) * 2 + usize::from(kind.keeps)];
        client.get_or_init(|| self.build(kind)).as_ref()
    }

    fn build(&self, Kind { is_encrypted, keeps }: Kind) -> Result<Client, String> {
        let guard = Guard::new(self.0.allowed.clone(), is_encrypted);
        let client = Client::builder()
            .user_agent(concat!("Claviger/", env!("CARGO_PKG_VERSION"), " (webhooks)"))
            .no_proxy()
            .referer(false)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .https_only(is_encrypted)
            .connect_timeout(Duration::from_secs(WEBHOOK_CONNECT_SECS_MAX))
            .timeout(Duration::from_secs(WEBHOOK_ATTEMPT_SECS_MAX))
            .pool_max_idle_per_host(if keeps { IDLE_MAX } else { 0 })
            .pool_idle_timeout(IDLE)
            .dns_resolver(GuardedNames::new(guard.clone(), Arc::clone(&self.0.names)))
            .connector_layer(PeerCheck::new(guard));
        client.build().map_err(|error| {
            tracing::error!(%error, "receivers of webhooks cannot be called");
            "This service cannot make connections under TLS: it finds no certificates of authorities.".to_owned()
        })
    }
}

/// What an answer says, but for its body.
fn outcome_of(response: &Response, now: Timestamp) -> Outcome {
    let text = |name: &str| response.headers().get(name).and_then(|it| it.to_str().ok());
    Outcome::Answered {
        status: response.status().as_u16(),
        wish: text(WISH).and_then(Wish::parse),
        retry_after: text(RETRY_AFTER.as_str()).and_then(|it| retry_after(it, now)),
    }
}

/// How long to wait, which is said in seconds or as a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(secs) = text.parse() {
        return Some(Duration::from_secs(secs));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_micros(date.as_microsecond()).ok()?.since(now))
}

/// How the answer's body begins, as text that both engines can keep. What comes after is not read: the connection is closed.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < WEBHOOK_ANSWER_BYTES_MAX {
        // Whatever breaks off here, its status has been heard.
        let Ok(Some(chunk)) = response.chunk().await else { break };
        let room = WEBHOOK_ANSWER_BYTES_MAX - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    text_of(&bytes)
}

fn text_of(bytes: &[u8]) -> String {
    // PostgreSQL keeps no NUL, and each byte that is no text takes three.
    let mut text = String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}");
    let end = (0..=WEBHOOK_ANSWER_BYTES_MAX.min(text.len())).rev().find(|it| text.is_char_boundary(*it));
    text.truncate(end.unwrap_or_default());
    text
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_said_in_seconds_or_as_a_date() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().expect("an instant");
        for (text, secs) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:48:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("99999999999999999999999", None),
        ] {
            assert_eq!(retry_after(text, now), secs.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn connections_are_kept_to_so_many_receivers_and_no_more() {
        let (kept, now) = (Kept::default(), Instant::now());
        let has_room = |number: usize, at| kept.has_room(format!("https://{number}.example.com"), at);
        assert!((0..WEBHOOK_RECEIVERS_KEPT_MAX).all(|it| has_room(it, now)));
        assert!(!has_room(WEBHOOK_RECEIVERS_KEPT_MAX, now) && has_room(0, now + KEPT / 2));
        assert!(has_room(WEBHOOK_RECEIVERS_KEPT_MAX, now + KEPT), "theirs are closed by then");
        assert!(has_room(0, now + KEPT), "and this one was called since");
    }

    #[test]
    fn what_is_kept_of_an_answer_is_text_within_its_bound() {
        assert_eq!(text_of(b"a\0b\xff"), "a\u{fffd}b\u{fffd}");
        let long = text_of(&[0xff; WEBHOOK_ANSWER_BYTES_MAX]);
        assert!(long.len() <= WEBHOOK_ANSWER_BYTES_MAX && long.chars().all(|it| it == '\u{fffd}'));
        assert_eq!(text_of("ä".repeat(4000).as_bytes()).len(), WEBHOOK_ANSWER_BYTES_MAX);
    }
}
