//! GitHub's alerts about leaked keys: believed where GitHub has signed them, and answered with whether each key was one of ours.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use claviger_core::github::{Alert, AlertError, PublicKeys};
use claviger_core::limits::{
    DESCRIPTION_CHARS_MAX, GITHUB_KEYS_BYTES_MAX, GITHUB_KEYS_PAUSE_SECS, GITHUB_KEYS_SECS_MAX,
};
use claviger_core::name::Description;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;
use data_encoding::HEXLOWER;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::error::{Error, OpResult};
use super::keys::{Leak, LeakOutcome, report_found};
use super::verify::Subject;
use crate::app::App;

/// What whoever sends alerts can do about one that is not believed.
const FIX: &str = "Send what GitHub has signed, byte for byte, with its headers `Github-Public-Key-Identifier` and `Github-Public-Key-Signature`.";
/// Who reported, in the audit.
const JOB: &str = "github-alert";
/// How long GitHub is asked to wait where its list cannot be had.
const LATER_SECS: u64 = 60;

/// The keys that GitHub signs with, as far as this node has fetched them.
#[derive(Debug, Default)]
pub struct GithubKeys(Mutex<Fetched>);

#[derive(Debug, Default)]
struct Fetched {
    keys: Option<(Arc<PublicKeys>, Timestamp)>,
    tried_at: Option<Timestamp>,
}

impl Fetched {
    /// The list, while it is good.
    fn fresh(&self, now: Timestamp) -> Option<Arc<PublicKeys>> {
        let good = Duration::from_secs(GITHUB_KEYS_SECS_MAX);
        self.keys.as_ref().filter(|(_, at)| now.since(*at) < good).map(|it| Arc::clone(&it.0))
    }

    /// Whether it may be fetched again: whoever sends alerts with made-up names of keys has it asked for no more often.
    fn may_try(&self, now: Timestamp) -> bool {
        self.tried_at.is_none_or(|it| Duration::from_secs(GITHUB_KEYS_PAUSE_SECS) <= now.since(it))
    }
}

/// What came of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertVerdict {
    /// The token's SHA-256, in hexadecimal: it is not sent back itself.
    pub token_hash: String,
    /// The name of the pattern, as it was sent.
    pub token_type: String,
    /// Whether it is, or was, one of ours.
    pub ours: bool,
}

/// Takes an alert: the bytes as they were posted, and what its headers say of who has signed them.
///
/// # Errors
/// `not_found` where alerts are not taken, `unauthenticated` where GitHub has not signed this one, `invalid_body` where it is no alert,
/// `unavailable` while GitHub's list of keys cannot be had.
pub async fn take_alert(app: &App, key_id: &str, signature: &str, body: &[u8]) -> OpResult<Vec<AlertVerdict>> {
    let lacks = match (key_id.is_empty(), signature.is_empty()) {
        (false, false) => None,
        (true, true) => Some("lacks its headers `Github-Public-Key-Identifier` and `Github-Public-Key-Signature`"),
        (true, false) => Some("lacks its header `Github-Public-Key-Identifier`"),
        (false, true) => Some("lacks its header `Github-Public-Key-Signature`"),
    };
    // Where no alerts are taken at all, that is said, and GitHub's list is not fetched for what names no key of it.
    if let Some(lacks) = lacks.filter(|_| app.config().github_alerts.is_some()) {
        return Err(unbelieved(lacks));
    }
    let keys = keys_with(app, key_id).await?;
    // Nothing of it is looked at before this.
    if let Err(error) = keys.check(key_id, signature, body) {
        tracing::info!(%error, "an alert that says that it is of GitHub is not believed");
        return Err(unbelieved(error));
    }
    let alerts = Alert::parse_all(body).map_err(|error| {
        let code = if error == AlertError::TooMany { RejectCode::BodyTooLarge } else { RejectCode::InvalidBody };
        Reject::new(code, format!("The alert {error}."))
    })?;
    let mut verdicts = Vec::with_capacity(alerts.len());
    for alert in alerts {
        let token_hash = HEXLOWER.encode(&Sha256::digest(alert.token.expose_secret()));
        let outcome = report_found(app, JOB, leak(alert.token, alert.url.as_deref(), alert.source.as_deref())).await?;
        verdicts.push(AlertVerdict { token_hash, token_type: alert.token_type, ours: outcome != LeakOutcome::Unknown });
    }
    Ok(verdicts)
}

/// Why an alert is not believed.
fn unbelieved(why: impl Display) -> Error {
    let reject = Reject::new(RejectCode::Unauthenticated, format!("This alert {why}."));
    Reject { fix: Some(FIX), ..reject }.into()
}

/// A report of what was found, and where. An address that holds the key itself, or that is none, is left out.
fn leak(token: SecretString, url: Option<&str>, source: Option<&str>) -> Leak {
    let source = source.filter(|it| !it.is_empty()).map(|it| format!(" ({it})")).unwrap_or_default();
    let text = format!("GitHub{source}: {}", url.unwrap_or_default());
    let text: String = text.trim_end_matches([':', ' ']).chars().take(DESCRIPTION_CHARS_MAX).collect();
    let found_at = Description::parse(&text).ok();
    let subject = || Subject::Key(token.expose_secret().to_owned().into());
    match Leak::new(subject(), found_at) {
        Ok(leak) => leak,
        Err(_) => Leak { subject: subject(), found_at: Description::parse("GitHub").ok() },
    }
}

/// GitHub's keys, fetched where there are none, where they are old, or where this one is not among them.
async fn keys_with(app: &App, key_id: &str) -> OpResult<Arc<PublicKeys>> {
    let Some(list) = &app.config().github_alerts else { return Err(Reject::not_found().into()) };
    // Whoever waits here waits for the same list.
    let mut fetched = app.github_keys().0.lock().await;
    let now = app.now();
    let is_known = fetched.fresh(now).is_some_and(|it| it.knows(key_id));
    if !is_known && fetched.may_try(now) {
        fetched.tried_at = Some(now);
        let answer = app.outgoing().get(list, GITHUB_KEYS_BYTES_MAX).await;
        match answer.and_then(|it| PublicKeys::parse(&it).map_err(|error| format!("The list {error}."))) {
            Ok(keys) => fetched.keys = Some((Arc::new(keys), now)),
            Err(error) => tracing::warn!(error, "the keys that GitHub signs alerts with cannot be had"),
        }
    }
    let unavailable = || {
        let detail = "The keys that GitHub signs alerts with cannot be had now.";
        Reject::until_later(RejectCode::Unavailable, detail, LATER_SECS)
    };
    Ok(fetched.fresh(now).ok_or_else(unavailable)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: Option<&str>, source: Option<&str>) -> String {
        let told = leak("ck_secret_of_somebody".to_owned().into(), url, source).found_at;
        told.map_or_else(String::new, |it| it.as_str().to_owned())
    }

    #[test]
    fn where_it_was_found_is_told_without_the_key() {
        assert_eq!(place(Some("https://github.com/a/b"), Some("commit")), "GitHub (commit): https://github.com/a/b");
        assert_eq!(place(None, None), "GitHub");
        assert_eq!(place(Some(""), Some("")), "GitHub");
        assert_eq!(place(Some("https://x/?k=ck_secret_of_somebody"), Some("commit")), "GitHub");
        assert_eq!(place(Some(&"x".repeat(2000)), None).chars().count(), DESCRIPTION_CHARS_MAX);
    }
}
