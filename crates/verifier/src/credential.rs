//! Credentials: which one a request carries, in any presentation.
//!
//! `Authorization: Bearer`, Basic, `X-Api-Key`, `accessKey` with `secretKey`, and `?api_key=` are places for the same thing. A request has
//! none or one: what stands in several places has to be the same everywhere, because whoever chose silently could be told which to choose.

use std::borrow::Cow;
use std::fmt;

use claviger_core::access_token;
use claviger_core::api::{KeyLocation, KeyLocations};
use claviger_core::limits::CREDENTIAL_BYTES_MAX;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::{self, Digest, Shape};
use data_encoding::BASE64_NOPAD;
use percent_encoding::{percent_decode, percent_decode_str};
use zeroize::Zeroizing;

/// The parameter of a query string that carries a key.
const QUERY_PARAMETER: &str = "api_key";
/// Bytes of the longest token of our own shape.
const OUR_TOKEN_BYTES_MAX: usize = claviger_core::limits::PREFIX_BYTES_MAX + secret::TOKEN_CHARS_AFTER_PREFIX;

/// What a request offers in the places where credentials may stand. Whoever knows the protocol fills it, header by header;
/// cookies and bodies have no place here, so no key ever authenticates from one.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    found: Option<Presented<'a>>,
    access: Option<&'a [u8]>,
    secret: Option<&'a [u8]>,
    differ: bool,
    malformed: bool,
}

/// Why what was offered is no credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Two that differ: 400, never a silent choice.
    #[error("two different credentials were sent")]
    TwoCredentials,
    /// One half of a pair: 401.
    #[error("one half of a pair was sent")]
    IncompletePair,
    /// Empty, too long, or not in the form its scheme has: 401.
    #[error("the credential is malformed")]
    Malformed,
}

impl From<Refused> for Reject {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TwoCredentials => {
                Self::new(RejectCode::TwoCredentials, "The request carries two different credentials.")
            }
            Refused::IncompletePair | Refused::Malformed => Self::unauthenticated(),
        }
    }
}

impl<'a> Sources<'a> {
    /// Nothing offered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing was offered yet that could be a credential, or half of one, or was meant to be one.
    pub const fn is_empty(&self) -> bool {
        self.found.is_none() && self.access.is_none() && self.secret.is_none() && !self.malformed
    }

    /// Takes one header; names other than `Authorization`, `X-Api-Key`, `accessKey` and `secretKey` (in any case) are passed over.
    /// A header that stands several times is given several times.
    pub fn header(&mut self, name: &str, value: &'a [u8]) {
        if name.eq_ignore_ascii_case("authorization") {
            self.authorization(value);
        } else if name.eq_ignore_ascii_case("x-api-key") {
            self.offer(Presented::token(value.trim_ascii()));
        } else if name.eq_ignore_ascii_case("accesskey") {
            self.differ |= put(&mut self.access, value.trim_ascii());
        } else if name.eq_ignore_ascii_case("secretkey") {
            self.differ |= put(&mut self.secret, value.trim_ascii());
        }
    }

    /// Takes one header where an api looks for keys elsewhere than in the usual places.
    pub fn header_at(&mut self, places: &KeyLocations, name: &str, value: &'a [u8]) {
        let is = |it: &str| name.eq_ignore_ascii_case(it);
        for place in places.iter() {
            match place {
                KeyLocation::Bearer if is("authorization") => self.scheme(value, true, false),
                KeyLocation::Basic if is("authorization") => self.scheme(value, false, true),
                KeyLocation::Header(header) if is(header) => self.offer(Presented::token(value.trim_ascii())),
                KeyLocation::Pair { access, .. } if is(access) => {
                    self.differ |= put(&mut self.access, value.trim_ascii())
                }
                KeyLocation::Pair { secret, .. } if is(secret) => {
                    self.differ |= put(&mut self.secret, value.trim_ascii())
                }
                _ => {}
            }
        }
    }

    /// Takes the query string, likewise.
    pub fn query_at(&mut self, places: &KeyLocations, query: &'a str) {
        for place in places.iter() {
            if let KeyLocation::Query(parameter) = place {
                self.parameter(parameter, query);
            }
        }
    }

    /// Takes the value of an `Authorization` header, or of one that a listener uses in its place. Schemes other than Bearer and Basic
    /// are no credentials of ours: the host behind the gateway may have its own.
    pub fn authorization(&mut self, value: &'a [u8]) {
        self.scheme(value, true, true);
    }

    fn scheme(&mut self, value: &'a [u8], bearer: bool, basic: bool) {
        let value = value.trim_ascii();
        let (scheme, rest) = value.split_at(value.iter().position(|b| *b == b' ').unwrap_or(value.len()));
        if bearer && scheme.eq_ignore_ascii_case(b"bearer") {
            self.offer(Presented::token(rest.trim_ascii()));
        } else if basic && scheme.eq_ignore_ascii_case(b"basic") {
            self.offer(Presented::basic(rest.trim_ascii()));
        }
    }

    /// Takes the query string of the request's target, without the question mark; `api_key` is looked for in it.
    ///
    /// A plus sign stays one: keys that were imported in base64 are pasted into URLs as they are far more often than keys hold spaces.
    pub fn query(&mut self, query: &'a str) {
        self.parameter(QUERY_PARAMETER, query);
    }

    fn parameter(&mut self, name: &str, query: &'a str) {
        for value in query.split('&').filter_map(|it| it.strip_prefix(name)?.strip_prefix('=')) {
            let decoded = match Cow::from(percent_decode_str(value)) {
                Cow::Borrowed(bytes) => Presented::token(bytes),
                Cow::Owned(bytes) => Presented::checked(Form::Owned(Zeroizing::new(bytes))),
            };
            self.offer(decoded.map(|it| Presented { in_query: true, ..it }));
        }
    }

    fn offer(&mut self, offered: Result<Presented<'a>, Refused>) {
        match (offered, &mut self.found) {
            (Err(_), _) => self.malformed = true,
            (Ok(offered), Some(found)) => {
                self.differ |= !offered.is_same(found);
                found.in_query |= offered.in_query;
            }
            (Ok(offered), found) => *found = Some(offered),
        }
    }

    /// The one credential that was offered, if any.
    ///
    /// # Errors
    /// [`Refused`] when the offer cannot be understood as exactly one credential.
    pub fn extract(mut self) -> Result<Option<Presented<'a>>, Refused> {
        let half = match (self.access, self.secret) {
            (Some(access), Some(secret)) => {
                self.offer(Presented::pair(access, secret));
                false
            }
            (access, secret) => access.or(secret).is_some(),
        };
        // Half a pair beside a whole credential is two of them: nobody can say which one was meant.
        if self.differ || half && self.found.is_some() {
            return Err(Refused::TwoCredentials);
        }
        if half {
            return Err(Refused::IncompletePair);
        }
        if self.malformed { Err(Refused::Malformed) } else { Ok(self.found) }
    }
}

/// User and password of Basic whose parts were encoded as in a form, which clients of OAuth do (RFC 6749 §2.3.1) and no others (RFC 7617). Only what
/// becomes a pair of ours by it was: of an imported one nobody could say.
fn form_decoded(text: &[u8], colon: usize) -> Option<(Zeroizing<Vec<u8>>, usize)> {
    if !text.contains(&b'%') {
        return None;
    }
    let [access, secret_part] =
        [&text[..colon], &text[colon + 1..]].map(|it| Zeroizing::new(percent_decode(it).collect::<Vec<u8>>()));
    let plain = [&access[..], b":", &secret_part[..]].concat();
    secret::is_our_pair(&access, &secret_part).then(|| (Zeroizing::new(plain), access.len()))
}

/// Keeps the first value; says whether this one differs from it.
fn put<'a>(place: &mut Option<&'a [u8]>, value: &'a [u8]) -> bool {
    *place.get_or_insert(value) != value
}

/// One credential, as it was presented.
pub struct Presented<'a> {
    form: Form<'a>,
    in_query: bool,
}

enum Form<'a> {
    Token(&'a [u8]),
    Pair(&'a [u8], &'a [u8]),
    /// A token that had to be decoded; wiped when it is dropped.
    Owned(Zeroizing<Vec<u8>>),
    /// User and password of Basic with the colon at this place between them.
    OwnedPair(Zeroizing<Vec<u8>>, usize),
}

#[derive(Clone, Copy)]
enum Parts<'p> {
    Whole(&'p [u8]),
    Pair(&'p [u8], &'p [u8]),
}

impl<'a> Presented<'a> {
    /// A whole token, such as the subject in verify's body.
    ///
    /// # Errors
    /// [`Refused::Malformed`] when it is empty or longer than 4 kB.
    pub fn token(token: &'a [u8]) -> Result<Self, Refused> {
        Self::checked(Form::Token(token))
    }

    /// A pair, such as the subject in verify's body.
    ///
    /// # Errors
    /// [`Refused::Malformed`] when a part is empty or both together are longer than 4 kB.
    pub fn pair(access: &'a [u8], secret: &'a [u8]) -> Result<Self, Refused> {
        Self::checked(Form::Pair(access, secret))
    }

    /// User and password of Basic are a pair; with an empty password the user is a whole token.
    fn basic(encoded: &[u8]) -> Result<Self, Refused> {
        // Some clients leave the padding out (RFC 4648 §3.2 lets a specification say so; RFC 7617 does not).
        let padding = encoded.iter().rev().take(2).take_while(|b| **b == b'=').count();
        let encoded = &encoded[..encoded.len() - padding];
        if encoded.len() > CREDENTIAL_BYTES_MAX * 2 {
            return Err(Refused::Malformed);
        }
        let mut text = Zeroizing::new(BASE64_NOPAD.decode(encoded).map_err(|_| Refused::Malformed)?);
        let colon = text.iter().position(|b| *b == b':').ok_or(Refused::Malformed)?;
        if let Some((plain, colon)) = form_decoded(&text, colon) {
            return Self::checked(Form::OwnedPair(plain, colon));
        }
        if colon + 1 == text.len() {
            text.truncate(colon);
            return Self::checked(Form::Owned(text));
        }
        Self::checked(Form::OwnedPair(text, colon))
    }

    fn checked(form: Form<'a>) -> Result<Self, Refused> {
        let presented = Self { form, in_query: false };
        let len_ok = match presented.parts() {
            Parts::Whole(token) => (1..=CREDENTIAL_BYTES_MAX).contains(&token.len()),
            Parts::Pair(access, secret) => {
                !access.is_empty() && !secret.is_empty() && access.len() + secret.len() <= CREDENTIAL_BYTES_MAX
            }
        };
        if len_ok { Ok(presented) } else { Err(Refused::Malformed) }
    }

    fn parts(&self) -> Parts<'_> {
        match &self.form {
            Form::Token(token) => Parts::Whole(token),
            Form::Pair(access, secret) => Parts::Pair(access, secret),
            Form::Owned(token) => Parts::Whole(token),
            Form::OwnedPair(text, colon) => Parts::Pair(&text[..*colon], &text[*colon + 1..]),
        }
    }

    /// Whether both are the same credential, be it whole here and in two parts there.
    fn is_same(&self, other: &Self) -> bool {
        let joined = |token: &[u8], access: &[u8], secret: &[u8]| {
            secret::is_our_pair(access, secret) && token.strip_prefix(access) == Some(secret)
        };
        match (self.parts(), other.parts()) {
            (Parts::Whole(a), Parts::Whole(b)) => a == b,
            (Parts::Pair(a, b), Parts::Pair(c, d)) => a == c && b == d,
            (Parts::Whole(token), Parts::Pair(access, secret)) | (Parts::Pair(access, secret), Parts::Whole(token)) => {
                joined(token, access, secret)
            }
        }
    }

    /// Whether this is what a client of OAuth calls itself who authenticates with it: the access part of a pair, be it in two parts or whole.
    pub fn is_of_client(&self, client_id: &[u8]) -> bool {
        match self.parts() {
            Parts::Pair(access, _) => access == client_id,
            Parts::Whole(token) => {
                token == client_id || token.strip_prefix(client_id).is_some_and(|it| secret::is_our_pair(client_id, it))
            }
        }
    }

    /// Whether it stood in the query string: then it is redacted wherever that could be written down, and policy has a say.
    pub const fn in_query(&self) -> bool {
        self.in_query
    }

    /// What it is found by.
    pub fn digest(&self) -> Digest {
        match self.parts() {
            Parts::Whole(token) => Digest::of_token(token),
            Parts::Pair(access, secret) => Digest::of_pair(access, secret),
        }
    }

    /// The whole credential, where it looks like an access token.
    pub(crate) fn as_token(&self) -> Option<&[u8]> {
        match self.parts() {
            Parts::Whole(token) if access_token::looks_like_one(token) => Some(token),
            Parts::Whole(_) | Parts::Pair(..) => None,
        }
    }

    /// Whether it is of our own shape with a wrong checksum, under a prefix that is registered: then it needs no look-up to be refused.
    pub(crate) fn is_mistyped(&self, is_registered: impl Fn(&str) -> bool) -> bool {
        let mut joined = [0; OUR_TOKEN_BYTES_MAX];
        let token = match self.parts() {
            Parts::Whole(token) => token,
            Parts::Pair(access, secret) if secret::is_our_pair(access, secret) => {
                let len = access.len() + secret.len();
                joined[..access.len()].copy_from_slice(access);
                joined[access.len()..len].copy_from_slice(secret);
                &joined[..len]
            }
            Parts::Pair(..) => return false,
        };
        matches!(secret::shape(token), Shape::WrongChecksum(prefix) if is_registered(prefix))
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(…)")
    }
}

#[cfg(test)]
#[path = "credential_tests.rs"]
mod tests;
