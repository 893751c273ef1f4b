//! The chain: every change of an organization is linked to the one before it, so that nobody who can write in the database takes one out, puts
//! one in or alters one without its showing.
//!
//! A link is SHA-256 over the link before it and everything of the event that stays: its place, what happened, who did it, to what, and the
//! commitment to its body. The body itself is not in it, so that erasing one leaves the chain whole. Whoever can write everything can also
//! make a whole new chain; against that helps a head that is kept elsewhere ([`Head`]), as transparency logs have it (RFC 6962 §3.5).

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::id::OrganizationId;

/// Sets links apart from every other digest of ours.
const TAG: &[u8] = b"claviger chain 1";

/// What one event adds to the chain of its organization: it stands for this event and all before it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link([u8; 32]);

/// A text that is no link.
#[derive(Debug, thiserror::Error)]
#[error("a link is 64 hexadecimal digits")]
pub struct LinkError;

/// A part of an event that a link covers, as it is stored: what this build cannot read is linked like the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field<'a> {
    /// Nothing stands there.
    Absent,
    /// A text.
    Text(&'a str),
    /// A number.
    Integer(i64),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl Link {
    /// The link of an event behind another; the first of an organization has none before it.
    pub fn next<'a>(
        organization_id: OrganizationId,
        before: Option<Self>,
        event: impl IntoIterator<Item = Field<'a>>,
    ) -> Self {
        let mut hash = Sha256::new();
        let mut add = |kind: u8, bytes: &[u8]| {
            // Each with its kind and length, so that no two events are the same bytes.
            hash.update([kind]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        add(0, TAG);
        add(1, organization_id.to_string().as_bytes());
        add(3, before.as_ref().map_or(&[], |it| &it.0));
        for field in event {
            match field {
                Field::Absent => add(0, &[]),
                Field::Text(text) => add(1, text.as_bytes()),
                Field::Integer(integer) => add(2, &integer.to_be_bytes()),
                Field::Bytes(bytes) => add(3, bytes),
            }
        }
        Self(hash.finalize().into())
    }

    /// Takes up a link that was stored.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, as they are stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Link({self})")
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| LinkError)?;
        bytes.try_into().map(Self).map_err(|_| LinkError)
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where the chain of an organization ended at some moment: kept outside the database, it proves that nothing up to it was altered since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Whose chain.
    pub organization_id: OrganizationId,
    /// How many links it had.
    pub number: u64,
    /// The last of them.
    pub link: Link,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization() -> OrganizationId {
        "org_01arz3ndektsv4rrffq69g5fav".parse().unwrap()
    }

    fn link(before: Option<Link>, fields: &[Field<'_>]) -> Link {
        Link::next(organization(), before, fields.iter().copied())
    }

    #[test]
    fn events_that_differ_in_anything_have_different_links() {
        let first = link(None, &[]);
        let events: &[&[Field<'_>]] = &[
            &[],
            &[Field::Absent],
            &[Field::Absent, Field::Absent],
            &[Field::Text("")],
            &[Field::Bytes(b"")],
            &[Field::Text("ab"), Field::Text("c")],
            &[Field::Text("a"), Field::Text("bc")],
            &[Field::Text("abc")],
            &[Field::Bytes(b"abc")],
            &[Field::Integer(0)],
            &[Field::Integer(-1)],
            &[Field::Bytes(&[0; 8])],
        ];
        let mut links: Vec<_> =
            events.iter().flat_map(|it| [link(None, it), link(Some(first), it)]).map(|it| it.to_string()).collect();
        let count = links.len();
        links.sort();
        links.dedup();
        assert_eq!(links.len(), count);
    }

    #[test]
    fn the_same_event_in_another_organization_has_another_link() {
        let other = "org_01arz3ndektsv4rrffq69g5faw".parse().unwrap();
        assert_ne!(link(None, &[]), Link::next(other, None, []));
    }

    // So that a chain of today is proved by a build of tomorrow.
    #[test]
    fn links_are_what_they_were() {
        let fields = [Field::Text("key.created"), Field::Integer(7), Field::Absent, Field::Bytes(&[1, 2])];
        let first = link(None, &fields);
        assert_eq!(
            link(Some(first), &fields).to_string(),
            "7b691cc49ecda3a8d9a4a9c9838a9e2e98aaffae1705f245d47551d5cc66a44c"
        );
    }

    #[test]
    fn heads_are_written_and_read() {
        let head = Head { organization_id: organization(), number: 3, link: link(None, &[]) };
        let text = serde_json::to_string(&head).unwrap();
        assert_eq!(serde_json::from_str::<Head>(&text).unwrap(), head);
        assert!("00".parse::<Link>().is_err() && "x".repeat(64).parse::<Link>().is_err());
    }
}
