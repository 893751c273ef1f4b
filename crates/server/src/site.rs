//! Under which address a request came in, whether the way here is safe enough for a session, how its cookies are named, and what pages carry.
//!
//! Under TLS every name begins with `__Host-`, so that no neighbouring host can plant or widen a cookie. On loopback without TLS the prefix
//! and the `Secure` attribute fall away, since Safari and some other clients drop such cookies on `http://127.0.0.1`; nothing crosses a
//! network there. Console and management API both ask here: were the API to take the plain name under TLS too, the prefix would protect
//! nothing.

use cookie::Cookie;
use http::header::{self, COOKIE, HOST, HeaderName};
use http::uri::Scheme;
use http::{HeaderMap, Uri};
use secrecy::SecretString;

/// The cookie of a console session, without the prefix that it has under TLS.
pub(crate) const SESSION_COOKIE: &str = "sid";
/// The cookie of a wish about looks, named as [`SESSION_COOKIE`] is: theme, times and shortcuts, a dot between.
pub(crate) const LOOK_COOKIE: &str = "look";
/// Longest value of a cookie that is looked at; ours are shorter.
const COOKIE_BYTES_MAX: usize = 2048;

/// What a page may load: nothing but our own files, no inline script or style, and no frame around us.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

/// What every page carries, of the console and of the documentation.
pub(crate) const PAGE_HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// The address of this server as the browser sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    /// `https://keys.acme.example`, without a path.
    pub(crate) base_url: String,
    /// Whether the browser speaks TLS: to us, or to a proxy that says so.
    pub(crate) tls: bool,
}

/// How a browser wants pages to look: what the cookie says that the console keeps, read here for all pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// The theme, where it is not the system's.
    pub(crate) theme: Option<&'static str>,
    /// Whether instants are written as how long ago they are, where scripts run.
    pub(crate) relative_times: bool,
    /// Whether single keys do nothing.
    pub(crate) shortcuts_off: bool,
}

/// Why the console cannot be shown under an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsafe {
    /// There is no usable `Host`.
    NoHost,
    /// Plain HTTP from another machine: the session cookie would cross the network in clear.
    PlainHttp,
}

impl Site {
    /// Reads `Host` and `X-Forwarded-Proto`, with `public_url` as configured.
    ///
    /// A configured `https://…` settles it: behind a proxy that puts `127.0.0.1` into `Host`, as nginx does unasked, the request itself looks
    /// like one from this machine. The forwarded scheme is believed from anybody: who lies about it gets a cookie marked `Secure` and loses
    /// nothing but its own session.
    ///
    /// # Errors
    /// Plain HTTP anywhere but on the machine itself. Since `Host` then has to be a loopback name, no other site's name can be made to
    /// point here either.
    pub(crate) fn of(headers: &HeaderMap, public_url: Option<&Uri>) -> Result<Self, Unsafe> {
        let host =
            headers.get(HOST).and_then(|it| it.to_str().ok()).filter(|it| is_authority(it)).ok_or(Unsafe::NoHost)?;
        if let Some(url) = public_url.filter(|it| it.scheme() == Some(&Scheme::HTTPS)) {
            return Ok(Self { base_url: url.to_string().trim_end_matches('/').to_owned(), tls: true });
        }
        let forwarded = headers.get("x-forwarded-proto").is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"https"));
        if !forwarded && is_loopback(host) {
            return Ok(Self { base_url: format!("http://{host}"), tls: false });
        }
        if forwarded {
            return Ok(Self { base_url: format!("https://{host}"), tls: true });
        }
        Err(Unsafe::PlainHttp)
    }

    /// How a cookie of ours is named here.
    pub(crate) fn cookie_name(&self, bare: &str) -> String {
        if self.tls { format!("__Host-{bare}") } else { bare.to_owned() }
    }

    /// The value of a cookie, if the browser sent it exactly once: of two, nobody knows which is ours.
    pub(crate) fn cookie(&self, headers: &HeaderMap, bare: &str) -> Option<String> {
        let name = self.cookie_name(bare);
        let mut found = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|it| it.to_str().ok())
            .flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .filter(|it| it.name() == name);
        let value = found.next()?.value().to_owned();
        (found.next().is_none() && value.len() <= COOKIE_BYTES_MAX).then_some(value)
    }

    /// How this browser wants pages to look, as it said at the console.
    pub(crate) fn look(&self, headers: &HeaderMap) -> Look {
        let value = self.cookie(headers, LOOK_COOKIE).unwrap_or_default();
        let mut words = value.split('.');
        let wanted = words.next().unwrap_or_default();
        let theme = ["light", "dark"].into_iter().find(|it| *it == wanted);
        Look { theme, relative_times: words.next() == Some("relative"), shortcuts_off: words.next() == Some("off") }
    }

    /// The session's token, as the browser sent it.
    pub(crate) fn session(&self, headers: &HeaderMap) -> Option<SecretString> {
        self.cookie(headers, SESSION_COOKIE).map(SecretString::from)
    }
}

/// The address that whoever sent this reaches us by, without a path and whether or not a session would be safe there; none where `Host` is
/// none. For texts that are shown to everybody.
pub(crate) fn address(headers: &HeaderMap, public_url: Option<&Uri>) -> Option<String> {
    match Site::of(headers, public_url) {
        Ok(site) => Some(site.base_url),
        Err(Unsafe::NoHost) => None,
        Err(Unsafe::PlainHttp) => Some(format!("http://{}", headers.get(HOST)?.to_str().ok()?)),
    }
}

/// A host and perhaps a port, of nothing but the characters that these are written with; it ends up in snippets.
fn is_authority(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|it| it.is_ascii_alphanumeric() || b".-:[]".contains(&it))
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(host: &str, forwarded: Option<&str>) -> Result<Site, Unsafe> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(forwarded) = forwarded {
            headers.insert("x-forwarded-proto", forwarded.parse().unwrap());
        }
        Site::of(&headers, None)
    }

    #[test]
    fn plain_http_is_for_the_machine_itself() {
        for host in ["127.0.0.1:7400", "127.9.9.9", "localhost:7400", "LOCALHOST", "[::1]:7400"] {
            assert!(!site(host, None).expect(host).tls, "{host}");
        }
        for host in [
            "keys.acme.example",
            "10.0.0.1:7400",
            "[2001:db8::1]:7400",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
        ] {
            assert_eq!(site(host, None), Err(Unsafe::PlainHttp), "{host}");
        }
    }

    #[test]
    fn a_proxy_says_that_the_browser_speaks_tls() {
        let found = site("keys.acme.example", Some("https")).expect("safe");
        assert_eq!(found, Site { base_url: "https://keys.acme.example".to_owned(), tls: true });
        assert_eq!(site("keys.acme.example", Some("http")), Err(Unsafe::PlainHttp));
    }

    #[test]
    fn a_configured_address_is_the_one_that_browsers_see() {
        let url: Uri = "https://keys.acme.example/".parse().unwrap();
        let with = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            Site::of(&headers, Some(&url)).unwrap()
        };
        assert_eq!(with("backend:7400"), Site { base_url: "https://keys.acme.example".to_owned(), tls: true });
        assert_eq!(
            with("127.0.0.1:7400"),
            with("backend:7400"),
            "a proxy may say nothing of the host that was asked for"
        );
    }

    #[test]
    fn texts_for_everybody_name_the_address_even_where_no_session_is_safe() {
        let with = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            address(&headers, None)
        };
        assert_eq!(with("10.0.0.1:7400").as_deref(), Some("http://10.0.0.1:7400"));
        assert_eq!(with("localhost:7400").as_deref(), Some("http://localhost:7400"));
        assert_eq!(with("a\"b"), None);
        assert_eq!(address(&HeaderMap::new(), None), None);
    }

    #[test]
    fn only_a_theme_that_there_is_is_one() {
        let with = |look: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, format!("look={look}").parse().unwrap());
            let found = Site { base_url: String::new(), tls: false }.look(&headers);
            (found.theme, found.shortcuts_off)
        };
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "look=light.relative.on".parse().unwrap());
        let found = Site { base_url: String::new(), tls: false }.look(&headers);
        assert_eq!(found, Look { theme: Some("light"), relative_times: true, shortcuts_off: false });
        assert_eq!((with("dark.absolute.on"), with("light")), ((Some("dark"), false), (Some("light"), false)));
        assert_eq!(
            (with("system.absolute.off"), with("purple"), with("")),
            ((None, true), (None, false), (None, false))
        );
    }

    #[test]
    fn a_host_that_is_no_host_gets_into_no_snippet() {
        for host in ["", "a b", "a/b", "a\"b", "user@host"] {
            assert_eq!(site(host, Some("https")), Err(Unsafe::NoHost), "{host}");
        }
    }
}
