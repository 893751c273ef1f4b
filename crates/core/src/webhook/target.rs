//! Targets: the addresses that deliveries may be sent to.
//!
//! Whoever subscribes a webhook names an address that our machine then calls, from within whatever network that stands in. So the address is read
//! as the client that calls it reads it (the WHATWG's URL, which knows that `0x7f.1` is 127.0.0.1), and every address that it leads to is judged
//! by what it is for ([`is_public`]), when it is called and not when it is written down: names lead elsewhere later.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

use crate::limits;
use crate::network::IpAllowList;

/// The address of a receiver.
#[derive(Clone, PartialEq, Eq)]
pub struct TargetUrl(Url);

/// Why an address is none for deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no address on the web.
    #[error("is not an address such as https://hooks.example.com/orders")]
    NotWeb,
    /// It is longer than allowed.
    #[error("has more than {} bytes", limits::TARGET_URL_BYTES_MAX)]
    TooLong,
    /// It has a user name or a password.
    #[error("has a user name or a password; put a secret into the path, or check the signature")]
    Credentials,
    /// It is for another port than the web's.
    #[error("is for a port below 1024 that is neither 80 nor 443")]
    Port,
    /// Its host is an address that is not for the public.
    #[error("leads to an address within a private network")]
    NotPublic,
    /// What it is sent would cross the Internet in clear.
    #[error("is called without TLS; begin it with https://")]
    Clear,
}

impl TargetUrl {
    /// Reads an address. What a host's name leads to is judged when it is called.
    ///
    /// # Errors
    /// [`TargetError`]; a literal address that is not public is left to [`TargetUrl::check`].
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        if text.len() > limits::TARGET_URL_BYTES_MAX {
            return Err(TargetError::TooLong);
        }
        let mut url = Url::parse(text).map_err(|_| TargetError::NotWeb)?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(TargetError::NotWeb);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        // Services of other protocols, whose answers to a request could do harm, stand below.
        if url.port().is_some_and(|it| it < 1024) && !matches!(url.port_or_known_default(), Some(80 | 443)) {
            return Err(TargetError::Port);
        }
        url.set_fragment(None);
        // As it is kept: what is no plain letter takes three bytes there.
        if url.as_str().len() > limits::TARGET_URL_BYTES_MAX {
            return Err(TargetError::TooLong);
        }
        Ok(Self(url))
    }

    /// Whether it may be called as far as it says itself: a literal address has to be public, or among those that the operator allows, and only
    /// those are called without TLS.
    ///
    /// # Errors
    /// [`TargetError::NotPublic`], [`TargetError::Clear`].
    pub fn check(&self, allowed: Option<&IpAllowList>) -> Result<(), TargetError> {
        let address = match self.0.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            // A resolver may answer this from a file, without being asked for it.
            Some(Host::Domain(name)) if is_local_name(name) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Some(Host::Domain(_)) | None => {
                return if self.is_encrypted() || allowed.is_some() { Ok(()) } else { Err(TargetError::Clear) };
            }
        };
        if !may_call(address, allowed) {
            return Err(TargetError::NotPublic);
        }
        if self.is_encrypted() || may_call_in_clear(address, allowed) { Ok(()) } else { Err(TargetError::Clear) }
    }

    /// Whether it is called under TLS.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The address, as it is called.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// What may be shown to whoever need not know where exactly it leads: a secret may stand in path and query.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl fmt::Debug for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TargetUrl({}/…)", self.origin())
    }
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether a delivery may go to this address.
pub fn may_call(address: IpAddr, allowed: Option<&IpAllowList>) -> bool {
    is_public(address) || allowed.is_some_and(|it| it.allows(address))
}

/// Whether a delivery may go to this address without TLS: the operator answers for the networks that they name.
pub fn may_call_in_clear(address: IpAddr, allowed: Option<&IpAllowList>) -> bool {
    allowed.is_some_and(|it| it.allows(address))
}

/// Networks within the Internet's that are for special purposes (IANA's registries of special-purpose addresses for IPv4 and IPv6, 2026-11).
static SPECIAL: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    let v4 = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 31, 196, 0], 24),
        ([192, 52, 193, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([192, 175, 48, 0], 24),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
    ];
    // Those within 2000::/3: Teredo, ORCHID and their like; documentation; 6to4, which wraps an IPv4 address.
    let v6 = [
        ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
        ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
        ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
        ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48),
        ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    ];
    let v4 = v4.map(|(net, bits)| IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(net), bits)));
    let v6 = v6.map(|(net, bits)| IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from(net), bits)));
    v4.into_iter().chain(v6).collect()
});

/// Of IPv6 only this is given out to anybody: mapped, translated (`64:ff9b::/96`), site-local and all other addresses lie outside.
const GLOBAL_UNICAST: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Whether an address is for everybody: reachable over the Internet, and nothing special. An IPv4 address that is written as IPv6 is judged as
/// IPv4.
pub fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_given_out = match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => GLOBAL_UNICAST.contains(&address),
    };
    is_given_out && !SPECIAL.iter().any(|net| net.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    // S10
    #[test]
    fn only_what_is_given_out_to_everybody_is_public() {
        for address in
            ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:2800:220:1::1", "2a00:1450:4001::1", "::ffff:8.8.8.8"]
        {
            assert!(is_public(address.parse().expect("an address")), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().expect("an address")), "{address}");
        }
    }

    #[test]
    fn a_literal_address_is_seen_in_every_spelling() {
        let check = |text: &str| TargetUrl::parse(text).and_then(|it| it.check(None));
        for text in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://017700000001/",
            "http://0/",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "https://[::ffff:10.1.2.3]/",
            "https://[fe80::1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://a.localhost/",
            "http://１２７.0.0.1/",
            "http://169.254.169.254/latest/meta-data",
            "http://127.0.0.1.:8080/",
            "http://127。0。0。1/",
        ] {
            assert_eq!(check(text), Err(TargetError::NotPublic), "{text}");
        }
        for text in ["https://hooks.example.com/a/b?c=d#e", "https://8.8.8.8:8080/", "https://例え.example/"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in ["http://hooks.example.com/", "http://8.8.8.8:8080/"] {
            assert_eq!(check(text), Err(TargetError::Clear), "{text}");
        }
        let allowed = IpAllowList::parse(&["10.1.0.0/16", "127.0.0.1"]).expect("a list");
        let check = |text: &str| TargetUrl::parse(text).and_then(|it| it.check(Some(&allowed)));
        assert_eq!((check("http://10.1.2.3/"), check("http://localhost:3000/")), (Ok(()), Ok(())));
        assert_eq!(check("http://10.2.2.3/"), Err(TargetError::NotPublic));
        assert_eq!(check("http://8.8.8.8/"), Err(TargetError::Clear));
        assert_eq!(check("http://hooks.internal/"), Ok(()), "where its name leads is judged when it is called");
    }

    #[test]
    fn what_is_no_address_of_a_receiver_is_refused() {
        for (text, error) in [
            ("", TargetError::NotWeb),
            ("example.com", TargetError::NotWeb),
            ("ftp://example.com/", TargetError::NotWeb),
            ("javascript:alert(1)", TargetError::NotWeb),
            ("https://", TargetError::NotWeb),
            ("https://[fe80::1%25eth0]/", TargetError::NotWeb),
            ("https://user@example.com/", TargetError::Credentials),
            ("https://:secret@example.com/", TargetError::Credentials),
            ("http://example.com:22/", TargetError::Port),
            ("https://example.com:25/", TargetError::Port),
        ] {
            assert_eq!(TargetUrl::parse(text), Err(error), "{text}");
        }
        let long = format!("https://example.com/{}", "a".repeat(limits::TARGET_URL_BYTES_MAX));
        assert_eq!(TargetUrl::parse(&long), Err(TargetError::TooLong));
        let wide = format!("https://example.com/{}", "ä".repeat(limits::TARGET_URL_BYTES_MAX / 4));
        assert_eq!(TargetUrl::parse(&wide), Err(TargetError::TooLong), "as it would be kept");
        let url = TargetUrl::parse("https://Example.com:443/Secret?token=x#part").expect("an address");
        assert_eq!(
            (url.as_str(), url.origin().as_str()),
            ("https://example.com/Secret?token=x", "https://example.com")
        );
        assert!(!format!("{url:?}").contains("Secret"));
    }
}
