//! Where an api looks for keys in a request.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::{KEY_LOCATION_BYTES_MAX, KEY_LOCATIONS_MAX};

/// One place of a request where a key may stand. In text: `bearer`, `basic`, `header:X-Api-Key`, `query:api_key`, `pair:accessKey:secretKey`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyLocation {
    /// `Authorization: Bearer`.
    Bearer,
    /// `Authorization: Basic`, with the key as the user, or its two parts as user and password.
    Basic,
    /// A header of this name that holds the key and nothing else.
    Header(Box<str>),
    /// A parameter of this name in the query string.
    Query(Box<str>),
    /// Two headers that hold one part each.
    Pair {
        /// Of the access key.
        access: Box<str>,
        /// Of the secret key.
        secret: Box<str>,
    },
}

/// The places are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyLocationError {
    /// Not one of the forms.
    #[error("write bearer, basic, header:NAME, query:NAME or pair:NAME:NAME")]
    Form,
    /// A name that no header or parameter has, or is too long.
    #[error("names are 1 to {KEY_LOCATION_BYTES_MAX} letters, digits, `-` and `_`; parameters may have a `.` too")]
    Name,
    /// A header that says something else.
    #[error("this header says something else; choose another one")]
    Taken,
    /// None at all, or too many.
    #[error("there must be 1 to {KEY_LOCATIONS_MAX} places")]
    Count,
    /// The same name twice, or two pairs.
    #[error("no name stands twice, and there is one pair at most")]
    Twice,
}

/// Headers that say something else than a key, to us, to the gateway or to the connection. `Authorization` is read by its schemes.
const TAKEN: [&str; 13] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "origin",
    "proxy-authorization",
    "transfer-encoding",
    "user-agent",
    "x-forwarded-for",
    "x-original-uri",
];
/// What the names of headers between gateways and us begin with.
const OURS: [&str; 2] = ["claviger-", "x-claviger-"];

fn name(text: &str, more: &str) -> Result<Box<str>, KeyLocationError> {
    let plain = text.chars().all(|it| it.is_ascii_alphanumeric() || "-_".contains(it) || more.contains(it));
    if plain && (1..=KEY_LOCATION_BYTES_MAX).contains(&text.len()) {
        Ok(text.into())
    } else {
        Err(KeyLocationError::Name)
    }
}

fn header(text: &str) -> Result<Box<str>, KeyLocationError> {
    let name = name(text, "")?;
    let lower = name.to_ascii_lowercase();
    if TAKEN.contains(&lower.as_str()) || OURS.iter().any(|it| lower.starts_with(it)) {
        return Err(KeyLocationError::Taken);
    }
    Ok(name)
}

impl FromStr for KeyLocation {
    type Err = KeyLocationError;

    fn from_str(text: &str) -> Result<Self, KeyLocationError> {
        let mut parts = text.split(':');
        let found = match (parts.next(), parts.next(), parts.next()) {
            (Some("bearer"), None, None) => Self::Bearer,
            (Some("basic"), None, None) => Self::Basic,
            (Some("header"), Some(name), None) => Self::Header(header(name)?),
            (Some("query"), Some(parameter), None) => Self::Query(name(parameter, ".")?),
            (Some("pair"), Some(access), Some(secret)) => {
                Self::Pair { access: header(access)?, secret: header(secret)? }
            }
            _ => return Err(KeyLocationError::Form),
        };
        if parts.next().is_some() { Err(KeyLocationError::Form) } else { Ok(found) }
    }
}

impl fmt::Display for KeyLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer => f.write_str("bearer"),
            Self::Basic => f.write_str("basic"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::Pair { access, secret } => write!(f, "pair:{access}:{secret}"),
        }
    }
}

/// The places where an api looks for keys; whatever stands elsewhere is none of its keys, be it a session of the host's in `Authorization`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct KeyLocations(Vec<KeyLocation>);

impl Default for KeyLocations {
    /// Where every key of ours works without configuration.
    fn default() -> Self {
        let [header, query] = ["X-Api-Key", "api_key"].map(Into::into);
        let pair = KeyLocation::Pair { access: "accessKey".into(), secret: "secretKey".into() };
        Self(vec![
            KeyLocation::Bearer,
            KeyLocation::Basic,
            KeyLocation::Header(header),
            KeyLocation::Query(query),
            pair,
        ])
    }
}

impl KeyLocations {
    /// Parses a list of them.
    ///
    /// # Errors
    /// [`KeyLocationError`], also for lists that are empty, too long, or ambiguous.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, KeyLocationError> {
        if !(1..=KEY_LOCATIONS_MAX).contains(&texts.len()) {
            return Err(KeyLocationError::Count);
        }
        let places: Vec<KeyLocation> = texts.iter().map(|it| it.as_ref().parse()).collect::<Result<_, _>>()?;
        let mut names: Vec<String> = places.iter().flat_map(names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        if names.len() < count { Err(KeyLocationError::Twice) } else { Ok(Self(places)) }
    }

    /// No place at all: no key is ever found.
    pub const fn nowhere() -> Self {
        Self(Vec::new())
    }

    /// Them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &KeyLocation> {
        self.0.iter()
    }

    /// Them as texts.
    pub fn to_texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

/// By what a place is told from others: names of headers in any case. All pairs are one, since half of one and half of another is none.
fn names(place: &KeyLocation) -> Vec<String> {
    match place {
        KeyLocation::Bearer | KeyLocation::Basic => vec![place.to_string()],
        KeyLocation::Header(name) => vec![format!("header:{}", name.to_ascii_lowercase())],
        KeyLocation::Query(name) => vec![format!("query:{name}")],
        KeyLocation::Pair { access, secret } => {
            let header = |it: &str| format!("header:{}", it.to_ascii_lowercase());
            vec!["pair".to_owned(), header(access), header(secret)]
        }
    }
}

impl TryFrom<Vec<String>> for KeyLocations {
    type Error = KeyLocationError;

    fn try_from(texts: Vec<String>) -> Result<Self, KeyLocationError> {
        Self::parse(&texts)
    }
}

impl From<KeyLocations> for Vec<String> {
    fn from(it: KeyLocations) -> Self {
        it.to_texts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_as_they_are_read() {
        let texts = ["bearer", "basic", "header:X-Api-Key", "query:api_key", "pair:accessKey:secretKey"];
        assert_eq!(KeyLocations::parse(&texts), Ok(KeyLocations::default()));
        assert_eq!(KeyLocations::default().to_texts(), texts);
        assert_eq!(KeyLocations::parse(&["header:X-Acme-Key"]).expect("a place").to_texts(), ["header:X-Acme-Key"]);
    }

    #[test]
    fn what_cannot_be_a_place_is_refused() {
        use KeyLocationError::{Count, Form, Name, Taken, Twice};
        for (texts, expected) in [
            (&[][..], Count),
            (&["header:a"; 9], Count),
            (&["cookie:sid"], Form),
            (&["Bearer"], Form),
            (&["bearer:x"], Form),
            (&["pair:a:b:c"], Form),
            (&["pair:a"], Form),
            (&["header:"], Name),
            (&["header:a b"], Name),
            (&["query:a&b"], Name),
            (&["header:Cookie"], Taken),
            (&["header:authorization"], Taken),
            (&["header:Claviger-Permission"], Taken),
            (&["pair:accessKey:X-Original-URI"], Taken),
            (&["bearer", "bearer"], Twice),
            (&["header:X-Key", "header:x-key"], Twice),
            (&["header:a", "pair:A:b"], Twice),
            (&["pair:a:a"], Twice),
            (&["pair:a:b", "pair:c:d"], Twice),
        ] {
            assert_eq!(KeyLocations::parse(texts), Err(expected), "{texts:?}");
        }
        assert_eq!(KeyLocations::parse(&["x".repeat(65)].map(|it| format!("header:{it}"))), Err(Name));
    }
}
