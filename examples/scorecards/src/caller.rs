//! For whom a request acts, as the gateway says.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::Refusal;

/// Which elements a list may show.
#[derive(Debug, PartialEq, Eq)]
pub enum Elements {
    /// `X-Claviger-Elements: *`: the right does not distinguish elements.
    All,
    /// The named ones; none where the header is absent, for absence grants nothing.
    Only(Vec<String>),
}

impl Elements {
    /// Whether `id` is one of them.
    pub fn contain(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.iter().any(|it| it == id),
        }
    }
}

/// The caller of a request that passed the gateway.
///
/// Its headers are believed, which is sound only because this API listens on loopback and the gateway overwrites
/// every one of them, also where Claviger said nothing.
#[derive(Debug)]
pub struct Caller {
    /// The id of the key that it was made with.
    pub key: String,
    /// The organization in which the request acts.
    pub organization: String,
    /// The user whose name the action bears: the mapped user's id in this host, or Claviger's where the host gave
    /// none, or the key itself where it is mapped to nobody.
    pub on_behalf_of: String,
    /// What a list may show.
    pub elements: Elements,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
        let headers = &parts.headers;
        let key = text(headers, "x-claviger-key").ok_or(Refusal::NotThroughTheGateway)?;
        let organization = text(headers, "x-claviger-organization").ok_or(Refusal::NotThroughTheGateway)?;
        let user =
            text(headers, "x-claviger-mapped-user-external-id").or_else(|| text(headers, "x-claviger-mapped-user"));
        let elements = match text(headers, "x-claviger-elements") {
            Some("*") => Elements::All,
            Some(list) => Elements::Only(list.split(',').map(|it| it.trim().to_owned()).collect()),
            None => Elements::Only(Vec::new()),
        };
        Ok(Self {
            key: key.to_owned(),
            organization: organization.to_owned(),
            on_behalf_of: user.unwrap_or(key).to_owned(),
            elements,
        })
    }
}

/// The value of a header that stands once and is not empty.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    value.to_str().ok().filter(|it| !it.is_empty())
}
