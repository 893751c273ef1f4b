//! Credentials: which one a request carries, in any presentation.

use std::borrow::Cow;

use claviger_core::secret::Digest;

/// What a request offers in the places where credentials may stand. Whoever knows the protocol fills it, header by header;
/// cookies and bodies have no place here, so no key ever authenticates from one.
#[derive(Debug, Default)]
pub struct Sources<'a> {
    _todo: Option<&'a [u8]>,
}

impl<'a> Sources<'a> {
    /// Nothing offered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one header; names other than `Authorization`, `X-Api-Key`, `accessKey` and `secretKey` (in any case) are passed over.
    /// A header that stands several times is given several times.
    pub fn header(&mut self, name: &str, value: &'a [u8]) {
        let _ = (name, value);
        todo!("first landing")
    }

    /// Takes the query string of the request's target, without the question mark; `api_key` is looked for in it.
    pub fn query(&mut self, query: &'a str) {
        let _ = query;
        todo!("first landing")
    }

    /// The one credential that was offered, if any.
    ///
    /// # Errors
    /// [`Refused`] when the offer cannot be understood as exactly one credential.
    pub fn extract(self) -> Result<Option<Presented<'a>>, Refused> {
        todo!("first landing")
    }
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

impl From<Refused> for claviger_core::reject::Reject {
    fn from(refused: Refused) -> Self {
        let _ = refused;
        todo!("first landing")
    }
}

/// One credential, as it was presented.
#[derive(Debug)]
pub struct Presented<'a> {
    _todo: Cow<'a, [u8]>,
}

impl<'a> Presented<'a> {
    /// A whole token, such as the subject in verify's body.
    ///
    /// # Errors
    /// [`Refused::Malformed`] when it is empty or longer than 4 kB.
    pub fn token(token: &'a [u8]) -> Result<Self, Refused> {
        let _ = token;
        todo!("first landing")
    }

    /// A pair, such as the subject in verify's body.
    ///
    /// # Errors
    /// [`Refused::Malformed`] when a part is empty or both together are longer than 4 kB.
    pub fn pair(access: &'a [u8], secret: &'a [u8]) -> Result<Self, Refused> {
        let _ = (access, secret);
        todo!("first landing")
    }

    /// Whether it stood in the query string: then it is redacted wherever that could be written down, and policy has a say.
    pub fn in_query(&self) -> bool {
        todo!("first landing")
    }

    /// What it is found by.
    pub fn digest(&self) -> Digest {
        todo!("first landing")
    }
}

/// The query string with the value of every `api_key` replaced by `redacted`, for logs and traces.
pub fn redact_query(query: &str) -> Cow<'_, str> {
    let _ = query;
    todo!("first landing")
}
