//! The versions of a host's api, with where they are documented.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::{API_VERSION_BYTES_MAX, DOCS_URL_BYTES_MAX};
use crate::name::Name;
use crate::time::Timestamp;

/// How far a version has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiVersionStatus {
    /// To be tried.
    Preview,
    /// To be used.
    Current,
    /// Still there, and to be left.
    Deprecated,
    /// No longer there.
    Retired,
}

impl ApiVersionStatus {
    /// The name in storage and for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Current => "current",
            Self::Deprecated => "deprecated",
            Self::Retired => "retired",
        }
    }
}

/// A version of an api.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiVersion {
    /// Its name, such as `2.0` or `2021-07-28`.
    pub slug: VersionSlug,
    /// How far it has come.
    pub status: ApiVersionStatus,
    /// Where it is documented, if not here.
    pub docs_url: Option<DocsUrl>,
    /// What people call it; absent is `API` and its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Name>,
    /// Since when it is to be left, of one that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated_at: Option<Timestamp>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset_at: Option<Timestamp>,
}

impl ApiVersion {
    /// What people call it.
    pub fn label(&self) -> String {
        self.label.as_ref().map_or_else(|| format!("API {}", self.slug), ToString::to_string)
    }

    /// Whether it is to be left at an instant: a day that is named for that counts from then on, whatever its status says before.
    pub fn is_deprecated(&self, now: Timestamp) -> bool {
        self.deprecated_at.map_or(self.status == ApiVersionStatus::Deprecated, |at| at <= now)
    }

    /// How far it has come and when it ends, as who calls it has to know it at an instant: `deprecated since 1 May 2026, ends 1 Mar 2027`. Empty for
    /// one that is to be used. The day is what matters to who reads that months before.
    pub fn end_words(&self, now: Timestamp) -> String {
        let day = Timestamp::to_date_text;
        let reached = match (self.status, self.deprecated_at) {
            (_, Some(at)) if at > now => Some(format!("deprecated from {}", day(at))),
            (_, Some(at)) => Some(format!("deprecated since {}", day(at))),
            (ApiVersionStatus::Current, None) => None,
            // The day on which it ended says more.
            (ApiVersionStatus::Retired, None) if self.sunset_at.is_some_and(|at| at <= now) => None,
            (status, None) => Some(status.as_str().to_owned()),
        };
        let verb = |at| if at > now { "ends" } else { "ended" };
        let ends = self.sunset_at.map(|at| format!("{} {}", verb(at), day(at)));
        reached.into_iter().chain(ends).collect::<Vec<_>>().join(", ")
    }
}

/// The name of a version is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {API_VERSION_BYTES_MAX} letters, digits, `.`, `-` and `_`")]
pub struct VersionSlugError;

/// The name of a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionSlug(String);

impl TryFrom<String> for VersionSlug {
    type Error = VersionSlugError;

    fn try_from(text: String) -> Result<Self, VersionSlugError> {
        let plain = text.bytes().all(|it| it.is_ascii_alphanumeric() || b".-_".contains(&it));
        let fits = plain && (1..=API_VERSION_BYTES_MAX).contains(&text.len());
        if fits { Ok(Self(text)) } else { Err(VersionSlugError) }
    }
}

impl VersionSlug {
    /// Whether it can be a part of an address: of `.` and `..` browsers, proxies and clients make a way up before they send it. Asked where a version
    /// is named, and not where one is read: such ones may be stored, and have to be seen to be named otherwise.
    pub fn is_addressable(&self) -> bool {
        !matches!(self.as_str(), "." | "..")
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VersionSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for VersionSlug {
    type Err = VersionSlugError;

    fn from_str(text: &str) -> Result<Self, VersionSlugError> {
        Self::try_from(text.to_owned())
    }
}

impl From<VersionSlug> for String {
    fn from(it: VersionSlug) -> Self {
        it.0
    }
}

/// The text is no address of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an address such as https://docs.example.com/v2, of at most {DOCS_URL_BYTES_MAX} characters")]
pub struct DocsUrlError;

/// The address of a page. It is shown as a link, so that nothing but a page of the web can be one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocsUrl(String);

impl TryFrom<String> for DocsUrl {
    type Error = DocsUrlError;

    fn try_from(text: String) -> Result<Self, DocsUrlError> {
        let rest = ["https://", "http://"].iter().find_map(|it| text.strip_prefix(it)).ok_or(DocsUrlError)?;
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let plain = text.bytes().all(|it| it.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&it));
        let fits = plain && text.len() <= DOCS_URL_BYTES_MAX && !host.is_empty() && !host.contains('@');
        if fits { Ok(Self(text)) } else { Err(DocsUrlError) }
    }
}

impl DocsUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<DocsUrl> for String {
    fn from(it: DocsUrl) -> Self {
        it.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_named_as_hosts_name_them() {
        for good in ["1.0", "v2", "2021-07-28"] {
            assert!(VersionSlug::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for (name, is_addressable) in [(".", false), ("..", false), ("...", true), (".1", true), ("1.0", true)] {
            let slug: VersionSlug = serde_json::from_value(name.into()).expect("it is read where it is stored");
            assert_eq!(slug.is_addressable(), is_addressable, "{name}");
        }
        for bad in ["", "a b", "a/b", "ü", &"x".repeat(41)] {
            assert!(VersionSlug::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_end_of_a_version_is_told_as_it_stands_today() {
        let now = "2026-11-21T12:00:00Z".parse().expect("an instant");
        for (text, words, is_deprecated) in [
            (r#"{"slug": "3", "status": "preview"}"#, "preview", false),
            (r#"{"slug": "2", "status": "current"}"#, "", false),
            (r#"{"slug": "1", "status": "deprecated"}"#, "deprecated", true),
            (
                r#"{"slug": "1", "status": "deprecated", "deprecated_at": "2026-05-01T00:00:00Z", "sunset_at": "2027-03-01T00:00:00Z"}"#,
                "deprecated since 1 May 2026, ends 1 Mar 2027",
                true,
            ),
            (
                r#"{"slug": "1", "status": "current", "deprecated_at": "2027-01-01T00:00:00Z"}"#,
                "deprecated from 1 Jan 2027",
                false,
            ),
            (
                r#"{"slug": "1", "status": "deprecated", "deprecated_at": "2027-01-01T00:00:00Z"}"#,
                "deprecated from 1 Jan 2027",
                false,
            ),
            (r#"{"slug": "0", "status": "retired"}"#, "retired", false),
            (r#"{"slug": "0", "status": "retired", "sunset_at": "2026-01-01T00:00:00Z"}"#, "ended 1 Jan 2026", false),
            (
                r#"{"slug": "0", "status": "retired", "sunset_at": "2027-01-01T00:00:00Z"}"#,
                "retired, ends 1 Jan 2027",
                false,
            ),
        ] {
            let version: ApiVersion = serde_json::from_str(text).expect("a version");
            assert_eq!((version.end_words(now).as_str(), version.is_deprecated(now)), (words, is_deprecated), "{text}");
        }
    }

    #[test]
    fn only_a_page_of_the_web_is_linked_to() {
        for good in ["https://docs.example.com", "http://127.0.0.1:8080/v2?x=1#y"] {
            assert!(DocsUrl::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "https://a@b/",
            "https://a/\"x",
            "https://a/ b",
            "//a/b",
        ] {
            assert!(DocsUrl::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
