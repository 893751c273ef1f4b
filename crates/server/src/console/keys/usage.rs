//! How a key is used, turned into what its page shows.

use axum::extract::Path;
use axum::response::Response;
use claviger_core::time::Timestamp;
use claviger_store::usage::denials::Denial;
use serde::Deserialize;

use super::form::find;
use super::view::{grouped, last_use};
use crate::console::failure::Failure;
use crate::console::pages::shell::{Moment, Place, Shell};
use crate::console::pages::usage::{Bar, DenialView, FirstRequestPage, SpanLink, UsageView, VersionLine};
use crate::console::visit::Visit;
use crate::ops::keys::usage::{KeyUsage, Stretch, VersionUsage, latest_use};

/// The stretches of time that can be looked at: the word in an address, the words for people.
const SPANS: [(&str, &str, &str); 3] = [
    ("24h", "24 hours", "the last 24 hours"),
    ("7d", "7 days", "the last 7 days"),
    ("30d", "30 days", "the last 30 days"),
];
/// Days in the second of them.
const WEEK: usize = 7;

/// What the URL of a key's page says of its chart.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct UsageQuery {
    /// The word of one of [`SPANS`]; another one is the first.
    usage: String,
    /// The key that this one was made to take the place of, so that what is left to do about that is not lost with the page of the secret.
    pub(super) replaces: String,
}

/// Whether a key was used yet: what the page of a new key asks again and again, and what people without scripts open beside it.
pub(in crate::console) async fn show_first_request(
    visit: Visit,
    Path((_, key_id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let info = find(&visit, &key_id).await?;
    let used = latest_use(&visit.app, &visit.caller, visit.organization_id(), info.key.id).await?;
    Ok(visit.page_beside(&FirstRequestPage {
        shell: Shell { notice: None, ..visit.shell(Place::Keys) },
        key_id: info.key.id.to_string(),
        key_name: info.key.name.to_string(),
        used: last_use(used.as_ref()),
    }))
}

/// The section of a key's page.
pub(super) fn view(usage: &KeyUsage, query: &UsageQuery, deleted_at: Option<Timestamp>, now: Timestamp) -> UsageView {
    let (word, _, span) = *SPANS.iter().find(|it| it.0 == query.usage).unwrap_or(&SPANS[0]);
    let (stretches, label): (&[Stretch], fn(Timestamp) -> String) = match word {
        "7d" => (&usage.days[usage.days.len().saturating_sub(WEEK)..], Timestamp::to_date_text),
        "30d" => (&usage.days, Timestamp::to_date_text),
        _ => (&usage.hours, hour),
    };
    let total = |it: &Stretch| it.counts.allowed + it.counts.denied;
    let most = stretches.iter().map(total).max().unwrap_or(0);
    let bar = |(at, it): (usize, &Stretch)| {
        Bar::new(at, label(it.since), (it.counts.allowed, it.counts.denied), most, grouped)
    };
    UsageView {
        spans: SPANS.iter().map(|it| SpanLink { word: it.0, label: it.1, is_current: it.0 == word }).collect(),
        span,
        bars: stretches.iter().enumerate().map(bar).collect(),
        allowed: grouped(stretches.iter().map(|it| it.counts.allowed).sum()),
        denied: grouped(stretches.iter().map(|it| it.counts.denied).sum()),
        most: grouped(most),
        is_empty: most == 0,
        denials: usage.denials.iter().map(|it| denial(it, deleted_at)).collect(),
        versions: (!usage.versions.is_empty()).then(|| {
            let called = usage.versions.iter().filter(|it| it.last_used_on.is_some());
            called.map(|it| version_line(it, now)).collect()
        }),
    }
}

fn version_line(it: &VersionUsage, now: Timestamp) -> VersionLine {
    let noun = if it.requests == 1 { "request" } else { "requests" };
    let last = it.last_used_on.map(|day| format!(", the last on {}", day.to_date_text())).unwrap_or_default();
    VersionLine {
        label: it.version.label(),
        documentation: it.documentation.clone(),
        requests: format!("{} {noun} in 30 days{last}", grouped(it.requests)),
        end: it.version.end_words(now),
    }
}

/// How many requests passed in the last 24 hours: what there is to lose.
pub(super) fn of_last_day(usage: &KeyUsage) -> String {
    grouped(usage.hours.iter().map(|it| it.counts.allowed).sum())
}

/// `2026-11-20 18:00`
fn hour(at: Timestamp) -> String {
    let text = at.to_table_text();
    text.get(..16).unwrap_or(&text).to_owned()
}

fn denial(it: &Denial, deleted_at: Option<Timestamp>) -> DenialView {
    // A secret ends with its key, or by a rotation while the key is there.
    let is_deleted = deleted_at.is_some_and(|deleted_at| deleted_at <= it.at);
    let why = if it.code == "revoked" && is_deleted { "The key was deleted" } else { why(&it.code) };
    DenialView {
        at: Moment::new(it.at),
        why: why.to_owned(),
        code: it.code.clone(),
        ip: it.ip.map(|it| it.to_string()),
        user_agent: it.user_agent.clone(),
    }
}

/// Why a request was refused, to those who look after the key.
fn why(code: &str) -> &'static str {
    match code {
        "inactive" => "The key was not active",
        "expired" => "The key had expired",
        "revoked" => "Its secret was ended by a rotation",
        "user_inactive" => "Its owner or mapped user was disabled or removed",
        "api_access_denied" => "The role of its owner has no API access",
        "organization_suspended" => "The organization was suspended",
        "ip_not_allowed" => "The address is not among the allowed ones",
        "wrong_api" => "The key is for another API",
        "out_of_reach" | "not_found" => "The request was about an organization that the key does not reach",
        "insufficient_permission" => "Neither role nor scopes allow it",
        "rate_limited" | "quota_exceeded" => "Too many requests",
        "grant_exceeds_own" => "It would have given away more than it may do itself",
        "policy_denied" => "Policy does not allow it",
        "query_string_key_denied" => "The key stood in the address, which policy does not allow",
        "stale" => "The verifier had been without news for too long",
        _ => "Refused",
    }
}

#[cfg(test)]
mod tests {
    use claviger_core::decision::Code;
    use claviger_core::reject::RejectCode;

    use super::*;

    #[test]
    fn every_code_that_a_known_key_can_be_refused_with_has_words() {
        // Of a credential that is malformed no key is known.
        let codes = Code::ALL.iter().filter(|it| **it != Code::Malformed).map(|it| it.as_str());
        let own = [RejectCode::QueryStringKeyDenied, RejectCode::GrantExceedsOwn, RejectCode::PolicyDenied];
        for code in codes.chain(own.map(RejectCode::as_str)) {
            assert_ne!(why(code), why("a code of a later release"), "{code}");
        }
    }
}
