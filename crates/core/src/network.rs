//! Allow-lists of networks.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::limits;

/// The networks a key or an organization may be used from. Never empty: an empty list would mean "nowhere" to one reader and "anywhere" to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpAllowList(Box<[IpNet]>);

/// Why a list was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IpAllowListError {
    /// An entry is neither an address nor a network.
    #[error("`{0}` is neither an IP address nor a network such as 203.0.113.0/24")]
    Entry(String),
    /// The list is empty; leave it out instead.
    #[error("the list is empty; leave it out to allow every address")]
    Empty,
    /// More entries than allowed.
    #[error("at most {max} entries", max = limits::ALLOWED_IPS_MAX)]
    TooMany,
}

impl IpAllowList {
    /// Parses addresses and networks; a single address is a network of one.
    ///
    /// # Errors
    /// [`IpAllowListError`] for an entry of another form, an empty list, or more than 100 entries.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, IpAllowListError> {
        if entries.is_empty() {
            return Err(IpAllowListError::Empty);
        }
        if entries.len() > limits::ALLOWED_IPS_MAX {
            return Err(IpAllowListError::TooMany);
        }
        let parse = |text: &str| {
            let text = text.trim();
            IpNet::from_str(text)
                .or_else(|_| IpAddr::from_str(text).map(|address| IpNet::from(address.to_canonical())))
                .map(|net| net.trunc())
                .map_err(|_| IpAllowListError::Entry(text.chars().take(64).collect()))
        };
        let nets = entries.iter().map(|it| parse(it.as_ref())).collect::<Result<Box<[_]>, _>>()?;
        Ok(Self(nets))
    }

    /// Whether this address lies in one of the networks. An IPv4 address written as IPv6 (`::ffff:…`) counts as IPv4.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Whether each of the networks lies in one of the other list's. Two halves that `other` names one by one are not joined: then the answer
    /// is no, though every address is allowed there.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|net| other.0.iter().any(|it| it.contains(net)))
    }

    /// The networks, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }

    /// The entries as text, for storage and answers.
    pub fn to_texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl fmt::Display for IpAllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_texts().join(", "))
    }
}

impl Serialize for IpAllowList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.to_texts())
    }
}

impl<'de> Deserialize<'de> for IpAllowList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Vec::<String>::deserialize(deserializer)?;
        Self::parse(&entries).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_matched_in_every_spelling() {
        let list = IpAllowList::parse(&["203.0.113.7", "10.1.2.3/8", "2001:db8::/32"]).expect("a list");
        for inside in ["203.0.113.7", "10.255.0.1", "2001:db8::1", "::ffff:203.0.113.7"] {
            assert!(list.allows(inside.parse().expect("an address")), "{inside}");
        }
        for outside in ["203.0.113.8", "11.0.0.1", "2001:db9::1", "::1"] {
            assert!(!list.allows(outside.parse().expect("an address")), "{outside}");
        }
    }

    #[test]
    fn a_list_is_within_another_when_each_network_is() {
        let list = |texts: &[&str]| IpAllowList::parse(texts).expect("a list");
        let office = list(&["203.0.113.0/24", "2001:db8::/32"]);
        for within in [&["203.0.113.7"][..], &["2001:db8:1::/48", "203.0.113.0/25"], &["203.0.113.0/24"]] {
            assert!(list(within).is_within(&office), "{within:?}");
        }
        for beyond in [&["203.0.112.0/23"][..], &["203.0.113.7", "10.0.0.1"], &["0.0.0.0/0"], &["::/0"]] {
            assert!(!list(beyond).is_within(&office), "{beyond:?}");
        }
    }

    #[test]
    fn an_empty_or_broken_list_is_refused() {
        assert_eq!(IpAllowList::parse::<&str>(&[]), Err(IpAllowListError::Empty));
        assert_eq!(IpAllowList::parse(&["10.0.0.0/33"]), Err(IpAllowListError::Entry("10.0.0.0/33".into())));
        assert_eq!(IpAllowList::parse(&vec!["::1"; 101]), Err(IpAllowListError::TooMany));
    }
}
