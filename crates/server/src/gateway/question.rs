//! The question: what a gateway asks, read from the headers of its request in one pass.

use std::net::IpAddr;

use claviger_core::api::KeyLocations;
use claviger_core::limits::PERMISSIONS_PER_REQUEST_MAX;
use claviger_core::permission::Asked;
use claviger_verifier::credential::Sources;
use hyper::HeaderMap;
use hyper::header::HeaderValue;

/// A header that the gateway sets, once. Two of them are never taken as one: whoever can add a header to the gateway's
/// could else choose between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stated<'a> {
    /// It does not stand there, or is empty.
    No,
    /// It stands there once.
    Once(&'a str),
    /// It stands there several times, or is not text.
    Unclear,
}

impl<'a> Stated<'a> {
    fn add(&mut self, value: &'a HeaderValue) {
        *self = match (*self, value.to_str().map(str::trim)) {
            (it, Ok("")) => it,
            (Self::No, Ok(text)) => Self::Once(text),
            _ => Self::Unclear,
        };
    }
}

/// The permissions that a request needs.
#[derive(Debug)]
pub(super) enum Needed<'a> {
    /// One: by far the commonest, and read without allocating.
    One(Asked<'a>),
    /// All of these.
    All(Vec<Asked<'a>>),
    /// None: [`AUTHENTICATED`] says that the key need only be good.
    Nothing,
    /// Something that nobody can hold, or nothing that could be understood. A missing header is that too: a gateway
    /// that forgets to ask must not let every key through.
    Unholdable,
}

/// The value of `Claviger-Permission` that asks for a good key and no more.
const AUTHENTICATED: &str = "authenticated";

impl<'a> Needed<'a> {
    fn parse(stated: Stated<'a>) -> Self {
        let Stated::Once(text) = stated else { return Self::Unholdable };
        if text == AUTHENTICATED {
            return Self::Nothing;
        }
        if !text.contains(',') {
            return Asked::parse(text).map_or(Self::Unholdable, Self::One);
        }
        let all: Result<Vec<_>, _> =
            text.split(',').take(PERMISSIONS_PER_REQUEST_MAX + 1).map(|it| Asked::parse(it.trim())).collect();
        match all {
            Ok(all) if all.len() <= PERMISSIONS_PER_REQUEST_MAX => Self::All(all),
            _ => Self::Unholdable,
        }
    }

    /// Them, for the verifier.
    pub(super) fn permissions(&self) -> &[Asked<'a>] {
        match self {
            Self::One(asked) => std::slice::from_ref(asked),
            Self::All(all) => all,
            Self::Nothing | Self::Unholdable => &[],
        }
    }
}

/// What a gateway asks.
#[derive(Debug)]
pub(super) struct Question<'a> {
    /// Where the client's credential may stand.
    pub(super) client: Sources<'a>,
    /// The gateway's own credential, in the form of an `Authorization` header.
    pub(super) gateway: Stated<'a>,
    /// What the request needs.
    pub(super) needed: Needed<'a>,
    /// In which organization it acts.
    pub(super) organization: Stated<'a>,
    /// Which api asks.
    pub(super) api: Stated<'a>,
    /// Which version of it is called.
    pub(super) api_version: Stated<'a>,
    /// Where the client is. Unknown where the gateway does not say so, or says what is no address.
    pub(super) ip: Option<IpAddr>,
    /// What the client calls itself.
    pub(super) user_agent: Option<&'a [u8]>,
}

impl<'a> Question<'a> {
    /// Looks for the client's credential where an api has it, and nowhere else. A second pass, since the api is known only after the first,
    /// and hardly any has places of its own.
    pub(super) fn look_at(&mut self, headers: &'a HeaderMap, places: &KeyLocations) {
        let (mut client, mut uri) = (Sources::new(), Stated::No);
        for (name, value) in headers {
            match name.as_str() {
                "x-original-uri" => uri.add(value),
                name => client.header_at(places, name, value.as_bytes()),
            }
        }
        if let Stated::Once(uri) = uri
            && let Some((_, query)) = uri.split_once('?')
        {
            client.query_at(places, query);
        }
        self.client = client;
    }

    /// Reads a question. Never fails: what cannot be understood is asked so that the answer is no.
    pub(super) fn read(headers: &'a HeaderMap) -> Self {
        let mut client = Sources::new();
        let [mut permission, mut organization, mut api, mut api_version, mut ip, mut uri, mut gateway] =
            [Stated::No; 7];
        let mut user_agent = None;
        for (name, value) in headers {
            // hyper keeps names in lower case, so each is one comparison of lengths and mostly no more.
            match name.as_str() {
                "claviger-permission" => permission.add(value),
                "claviger-organization" => organization.add(value),
                "claviger-api" => api.add(value),
                "claviger-api-version" => api_version.add(value),
                "claviger-ip" => ip.add(value),
                "claviger-authorization" => gateway.add(value),
                "x-original-uri" => uri.add(value),
                "user-agent" => user_agent = Some(value.as_bytes()),
                name => client.header(name, value.as_bytes()),
            }
        }
        if let Stated::Once(uri) = uri
            && let Some((_, query)) = uri.split_once('?')
        {
            client.query(query);
        }
        let ip = match ip {
            Stated::Once(text) => text.parse().ok().map(|it: IpAddr| it.to_canonical()),
            Stated::No | Stated::Unclear => None,
        };
        Self { client, gateway, needed: Needed::parse(permission), organization, api, api_version, ip, user_agent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderName;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        map
    }

    fn needed(values: &[&str]) -> String {
        let pairs: Vec<_> = values.iter().map(|it| ("claviger-permission", *it)).collect();
        let headers = headers(&pairs);
        match Question::read(&headers).needed {
            Needed::Unholdable => "unholdable".to_owned(),
            needed => needed.permissions().iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        }
    }

    #[test]
    fn permissions_are_read_or_cannot_be_held() {
        assert_eq!(needed(&["scorecards/A:read"]), "scorecards/A:read");
        assert_eq!(
            needed(&["scorecards/A:read, scorecards/A:update,b:read"]),
            "scorecards/A:read scorecards/A:update b:read"
        );
        assert_eq!(needed(&["authenticated"]), "");
        let sixteen = vec!["a:read"; 16].join(",");
        assert_eq!(needed(&[&sixteen]), vec!["a:read"; 16].join(" "));
        for unholdable in [
            &[][..],
            &[""],
            &["a:read", "a:read"],
            &["a:read", "authenticated"],
            &["a:read,"],
            &["a:read,authenticated"],
            &["*:read"],
            &["a:*"],
            &["a/b/c:read"],
            &["ä:read"],
            &[&format!("{sixteen},a:read")],
            &[&format!("a/{}:read", "b".repeat(97))],
        ] {
            assert_eq!(needed(unholdable), "unholdable", "{unholdable:?}");
        }
    }

    #[test]
    fn a_header_that_stands_twice_states_nothing() {
        let map = headers(&[
            ("claviger-organization", "acme"),
            ("claviger-organization", "acme"),
            ("claviger-ip", "192.0.2.1"),
            ("claviger-ip", "192.0.2.2"),
            ("claviger-api", ""),
        ]);
        let question = Question::read(&map);
        assert_eq!((question.organization, question.api, question.ip), (Stated::Unclear, Stated::No, None));
        let map = headers(&[("claviger-organization", "acme"), ("claviger-ip", "2001:db8::1")]);
        let question = Question::read(&map);
        assert_eq!((question.organization, question.ip), (Stated::Once("acme"), "2001:db8::1".parse().ok()));
        let map = headers(&[("claviger-ip", "::ffff:192.0.2.1")]);
        assert_eq!(Question::read(&map).ip, "192.0.2.1".parse().ok());
    }
}
