//! What the versions of an api may not be.
//!
//! Each rule is for what a change brings: versions that are there as they are stay, for whoever changes something else need not see to them first.

use std::collections::{BTreeMap, BTreeSet};

use claviger_core::api::{ApiVersion, ApiVersionStatus, DocumentHead};
use claviger_core::limits::API_VERSIONS_MAX;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::time::Timestamp;

/// Refuses versions that are too many, that nobody could open, whose days contradict each other or their status, that would be gone before they
/// end, or that people could not tell apart. `before` is what was there.
pub(super) fn refuse_unfit(versions: &[ApiVersion], before: &[ApiVersion], now: Timestamp) -> Result<(), Reject> {
    if versions.len() > API_VERSIONS_MAX && before.len() < versions.len() {
        let detail = format!("An API has at most {API_VERSIONS_MAX} versions. Take one away first that nobody uses.");
        return Err(Reject::field("/versions", detail));
    }
    refuse_equal_names(versions)?;
    refuse_unaddressable(versions, before)?;
    refuse_unfit_days(versions, before)?;
    refuse_gone_early(versions, before, now)?;
    refuse_equal_labels(versions, before)
}

/// Refuses two versions of one name.
fn refuse_equal_names(versions: &[ApiVersion]) -> Result<(), Reject> {
    let mut names = BTreeSet::new();
    match versions.iter().position(|it| !names.insert(&it.slug)) {
        None => Ok(()),
        Some(place) => {
            let detail = "is that of another version of the API already: choose another";
            Err(Reject::field(format!("/versions/{place}/slug"), detail))
        }
    }
}

/// Refuses days of a version that is not to be left, and one that ends before it is deprecated: a client that is told of both must be able to believe
/// both (RFC 9745 §4).
fn refuse_unfit_days(versions: &[ApiVersion], before: &[ApiVersion]) -> Result<(), Reject> {
    for (place, it) in versions.iter().enumerate().filter(|(_, it)| !before.contains(it)) {
        let is_left = matches!(it.status, ApiVersionStatus::Deprecated | ApiVersionStatus::Retired);
        let days = [("deprecated_at", it.deprecated_at), ("sunset_at", it.sunset_at)];
        if let Some((name, _)) = days.iter().find(|(_, at)| at.is_some() && !is_left) {
            let detail = "is only for a version that is deprecated or retired: leave it out, or choose another status";
            return Err(Reject::field(format!("/versions/{place}/{name}"), detail));
        }
        if it.deprecated_at.zip(it.sunset_at).is_some_and(|(since, end)| end < since) {
            let detail = "is before the day from which the version is deprecated: choose a later one";
            return Err(Reject::field(format!("/versions/{place}/sunset_at"), detail));
        }
    }
    Ok(())
}

/// Refuses new versions whose pages nobody could open.
fn refuse_unaddressable(versions: &[ApiVersion], before: &[ApiVersion]) -> Result<(), Reject> {
    let is_refused = |it: &ApiVersion| !it.slug.is_addressable() && before.iter().all(|known| known.slug != it.slug);
    let Some(place) = versions.iter().position(is_refused) else { return Ok(()) };
    let fix =
        "Name the version otherwise, such as `1.0`: of `.` and `..` in an address browsers and proxies make a way up.";
    let detail = "is no name that can stand in an address";
    Err(Reject { fix: Some(fix), ..Reject::field(format!("/versions/{place}/slug"), detail) })
}

/// Refuses to retire a version whose end is ahead: its pages would be gone at once, while gateways go on telling its callers that it is there until
/// then. Keeping the pages until that day would be the other way: then `retired` would say what is not so yet.
fn refuse_gone_early(versions: &[ApiVersion], before: &[ApiVersion], now: Timestamp) -> Result<(), Reject> {
    let is_ahead =
        |it: &&ApiVersion| it.status == ApiVersionStatus::Retired && it.sunset_at.is_some_and(|end| now < end);
    let refused = versions.iter().enumerate().find(|(_, it)| is_ahead(it) && !before.contains(it));
    let Some((place, end)) = refused.and_then(|(place, it)| Some((place, it.sunset_at?))) else { return Ok(()) };
    let detail = format!(
        "is `retired` while the version is there until {}: retire it then, or take the end away or set it to today",
        end.to_date_text()
    );
    let fix = "Leave the version `deprecated` until its `sunset_at`, or retire it with a `sunset_at` that has come, or without one.";
    Err(Reject { fix: Some(fix), ..Reject::field(format!("/versions/{place}/status"), detail) })
}

/// Refuses two versions of one label, which is all that people see of them in menus. Compared as it is shown: one that is called `API 2.0` is equal to
/// the one of that name that has no label.
fn refuse_equal_labels(versions: &[ApiVersion], before: &[ApiVersion]) -> Result<(), Reject> {
    let mut labels = BTreeMap::new();
    for (place, it) in versions.iter().enumerate() {
        let Some(other) = labels.insert(it.label().to_lowercase(), it) else { continue };
        if before.contains(it) && before.contains(other) {
            continue;
        }
        let detail = format!("is that of the version `{}` too", other.slug);
        let fix = "Give each version a label of its own, or leave it out: then it is `API` and the name.";
        return Err(Reject { fix: Some(fix), ..Reject::field(format!("/versions/{place}/label"), detail) });
    }
    Ok(())
}

/// Refuses to take documents away with their versions, for who has not said so: a list that was written without one version, by somebody who meant to
/// change another, would lose texts that are kept nowhere else.
pub(super) fn refuse_lost_documents(documents: &[DocumentHead]) -> Result<(), Reject> {
    if documents.is_empty() {
        return Ok(());
    }
    let versions: BTreeSet<_> = documents.iter().map(|it| format!("`{}`", it.api_version)).collect();
    let versions = versions.into_iter().collect::<Vec<_>>().join(", ");
    let count = match documents.len() {
        1 => "one guide or OpenAPI document".to_owned(),
        many => format!("{many} guides and OpenAPI documents"),
    };
    let detail =
        format!("`versions` is the whole list, and this one leaves out {versions}, of which {count} would go.");
    let fix = "Name the version in the list too, delete its documents first, or repeat the request with the header `Claviger-Confirm-Documents: true`.";
    Err(Reject { fix: Some(fix), ..Reject::new(RejectCode::StateConflict, detail) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<ApiVersion> {
        serde_json::from_str(text).expect("versions")
    }

    fn pointer(versions: &str, before: &str) -> Option<String> {
        let now = "2026-11-23T12:00:00Z".parse().expect("an instant");
        let refused = refuse_unfit(&read(versions), &read(before), now).err()?;
        Some(refused.fields[0].pointer.to_string())
    }

    #[test]
    fn a_version_is_retired_when_its_end_has_come_and_not_before() {
        let of =
            |end: &str| format!(r#"[{{"slug": "2", "status": "current"}}, {{"slug": "1", "status": "retired"{end}}}]"#);
        let ahead = of(r#", "sunset_at": "2026-11-24T00:00:00Z""#);
        assert_eq!(pointer(&ahead, "[]").as_deref(), Some("/versions/1/status"));
        assert_eq!(pointer(&ahead, &ahead), None, "what is there stays");
        for fits in [of(""), of(r#", "sunset_at": "2026-11-23T00:00:00Z""#)] {
            assert_eq!(pointer(&fits, "[]"), None, "{fits}");
        }
        let left = r#"[{"slug": "1", "status": "deprecated", "sunset_at": "2026-11-24T00:00:00Z"}]"#;
        assert_eq!(pointer(left, "[]"), None);
    }

    #[test]
    fn days_are_of_a_version_that_is_to_be_left_and_in_their_order() {
        let of = |status: &str, since: &str, end: &str| {
            format!(r#"[{{"slug": "1", "status": "{status}", "deprecated_at": {since}, "sunset_at": {end}}}]"#)
        };
        let [first, second] = [r#""2026-01-01T00:00:00Z""#, r#""2026-02-01T00:00:00Z""#];
        assert_eq!(pointer(&of("current", first, "null"), "[]").as_deref(), Some("/versions/0/deprecated_at"));
        assert_eq!(pointer(&of("preview", "null", first), "[]").as_deref(), Some("/versions/0/sunset_at"));
        let turned = of("deprecated", second, first);
        assert_eq!(pointer(&turned, "[]").as_deref(), Some("/versions/0/sunset_at"));
        assert_eq!(pointer(&turned, &turned), None, "what is there stays");
        assert_eq!(pointer(&of("deprecated", first, second), "[]"), None);
    }

    #[test]
    fn versions_are_not_too_many_and_each_has_a_name_of_its_own() {
        let many = |count: usize| {
            let all = (0..count).map(|it| format!(r#"{{"slug": "{it}", "status": "current"}}"#));
            format!("[{}]", all.collect::<Vec<_>>().join(","))
        };
        let (most, more) = (many(API_VERSIONS_MAX), many(API_VERSIONS_MAX + 1));
        assert_eq!([pointer(&most, "[]"), pointer(&more, "[]")], [None, Some("/versions".to_owned())]);
        let two = r#"[{"slug": "1", "status": "current"}, {"slug": "1", "status": "preview", "label": "Other"}]"#;
        assert_eq!(pointer(two, "[]").as_deref(), Some("/versions/1/slug"));
    }

    #[test]
    fn no_two_versions_are_called_the_same() {
        let two = r#"[{"slug": "1", "status": "current", "label": "Second"}, {"slug": "2", "status": "current", "label": "second"}]"#;
        assert_eq!(pointer(two, "[]").as_deref(), Some("/versions/1/label"));
        assert_eq!(pointer(two, two), None, "what is there stays");
        let shown = r#"[{"slug": "2", "status": "current"}, {"slug": "1", "status": "current", "label": "API 2"}]"#;
        assert_eq!(pointer(shown, "[]").as_deref(), Some("/versions/1/label"));
        assert_eq!(pointer(r#"[{"slug": "1", "status": "current"}, {"slug": "2", "status": "current"}]"#, "[]"), None);
    }
}
