//! Apis, versions and documents, as pages show them.

use claviger_core::api::{Api, ApiVersion, ApiVersionStatus, DocumentHead};
use claviger_core::time::Timestamp;

use super::{Opened, PATH};
use crate::console::pages::apis::{ApiFacts, GuideRow, VersionFacts};
use crate::console::pages::shell::{Moment, Status, Tone};

/// Where the page of an api stands.
pub(super) fn path_of(api: &Api) -> String {
    format!("{PATH}/{}", api.id)
}

/// Where the page of a version stands.
pub(super) fn version_path(api: &Api, it: &ApiVersion) -> String {
    format!("{}/versions/{}", path_of(api), it.slug)
}

pub(super) fn api(api: &Api) -> ApiFacts {
    ApiFacts {
        path: path_of(api),
        name: api.name.to_string(),
        slug: api.slug.to_string(),
        prefix: api.prefix.to_string(),
    }
}

pub(super) fn version(opened: &Opened, it: &ApiVersion, now: Timestamp) -> VersionFacts {
    let guides = opened.documents_of(it).filter(|it| it.guide.is_some()).count();
    let openapi = opened.documents_of(it).any(|it| it.guide.is_none()).then(|| "OpenAPI".to_owned());
    let guides = match guides {
        0 => None,
        1 => Some("1 guide".to_owned()),
        many => Some(format!("{many} guides")),
    };
    // As soon as something is said of one version that is still there, all such have a page.
    let is_there = |it: &&ApiVersion| it.status != ApiVersionStatus::Retired;
    let is_said = opened.api.versions.iter().filter(is_there).any(|it| opened.documents_of(it).next().is_some());
    let is_shown = is_there(&it) && is_said;
    VersionFacts {
        path: version_path(&opened.api, it),
        slug: it.slug.to_string(),
        label: it.label(),
        status: status(it, now),
        documents: openapi.into_iter().chain(guides).collect::<Vec<_>>().join(", "),
        docs: is_shown.then(|| format!("/docs/apis/{}/{}", opened.api.slug, it.slug)),
        docs_url: it.docs_url.as_ref().map(|it| it.as_str().to_owned()),
    }
}

/// How far a version has come.
pub(super) fn status_label(status: ApiVersionStatus) -> &'static str {
    match status {
        ApiVersionStatus::Preview => "Preview",
        ApiVersionStatus::Current => "Current",
        ApiVersionStatus::Deprecated => "Deprecated",
        ApiVersionStatus::Retired => "Retired",
    }
}

/// What a day that is named says depends on whether it has come, as on the pages for developers.
fn status(it: &ApiVersion, now: Timestamp) -> Status {
    let tone = match it.status {
        ApiVersionStatus::Preview => Tone::Turning,
        ApiVersionStatus::Current => Tone::Good,
        ApiVersionStatus::Deprecated => Tone::Warning,
        ApiVersionStatus::Retired => Tone::Ended,
    };
    let (label, end) = (status_label(it.status), it.end_words(now));
    let words = match end.strip_prefix(it.status.as_str()) {
        // It says how far the version has come as well.
        Some(rest) => format!("{label}{rest}"),
        None if end.is_empty() => label.to_owned(),
        None => format!("{label}, {end}"),
    };
    Status { tone, words }
}

pub(super) fn guide(head: &DocumentHead) -> Option<GuideRow> {
    Some(GuideRow {
        slug: head.guide.as_ref()?.to_string(),
        title: head.title.to_string(),
        position: head.position,
        size: size(head.bytes),
        updated: Moment::new(head.updated_at),
    })
}

/// Bytes, as people read them.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        _ => format!("{} KiB", bytes.div_ceil(1024)),
    }
}

/// A day that was typed as people read it elsewhere; what is none stays as it is.
pub(super) fn shown_day(typed: &str) -> String {
    let day = format!("{}T00:00:00Z", typed.trim()).parse::<Timestamp>();
    day.map_or_else(|_| typed.to_owned(), Timestamp::to_date_text)
}

/// The text of a field that keeps its lines and its tabs; other control characters HTML cannot carry.
pub(super) fn typed_text(text: &str) -> String {
    text.chars().filter(|it| matches!(it, '\n' | '\t') || !it.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_in_one_form_wherever_it_is_no_field() {
        assert_eq!(["2027-03-01", "soon", ""].map(shown_day), ["1 Mar 2027", "soon", ""]);
    }

    #[test]
    fn a_day_to_come_is_told_as_one_to_come_whatever_the_status() {
        let now = "2026-11-23T12:00:00Z".parse().expect("an instant");
        for (text, words) in [
            (
                r#"{"slug": "1", "status": "deprecated", "deprecated_at": "2026-05-01T00:00:00Z", "sunset_at": "2026-11-01T00:00:00Z"}"#,
                "Deprecated since 1 May 2026, ended 1 Nov 2026",
            ),
            (
                r#"{"slug": "1", "status": "deprecated", "deprecated_at": "2027-01-01T00:00:00Z"}"#,
                "Deprecated from 1 Jan 2027",
            ),
            (r#"{"slug": "1", "status": "retired", "sunset_at": "2026-12-31T00:00:00Z"}"#, "Retired, ends 31 Dec 2026"),
            (
                r#"{"slug": "1", "status": "retired", "deprecated_at": "2026-01-01T00:00:00Z", "sunset_at": "2026-02-01T00:00:00Z"}"#,
                "Retired, deprecated since 1 Jan 2026, ended 1 Feb 2026",
            ),
        ] {
            let version: ApiVersion = serde_json::from_str(text).expect("a version");
            assert_eq!(status(&version, now).words, words, "{text}");
        }
    }
}
