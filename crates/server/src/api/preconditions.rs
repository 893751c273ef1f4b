//! What a request says beside its body and an operation has no use for: refused, where passing over it would mislead.
//!
//! A client that sends `If-Match` relies on it, and one that misspells a parameter believes that it counts. Which operation heeds what is taken
//! from the document, so that neither a handler nor this place can forget one.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use claviger_core::reject::Reject;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::{OpenApi, RefOr};

use super::fault_words::shown;
use super::problem::Problem;
use crate::ops::precondition::{Expected, expecting};

/// What an operation heeds of that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heeded {
    if_match: bool,
    if_none_match: bool,
    /// Whether it has parameters in the query; which, its handler says.
    query: bool,
}

impl Heeded {
    /// Nothing.
    pub(super) const NOTHING: Self = Self { if_match: false, if_none_match: false, query: false };

    fn of(operation: &Operation) -> Self {
        let parameters = operation.parameters.iter().flatten().filter_map(|it| match it {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        });
        let mut heeded = Self::NOTHING;
        for it in parameters {
            heeded.if_match |= it.name == IF_MATCH;
            heeded.if_none_match |= it.name == IF_NONE_MATCH;
            heeded.query |= it.parameter_in == ParameterIn::Query;
        }
        heeded
    }

    /// What a request expects of the thing that it changes.
    ///
    /// # Errors
    /// [`claviger_core::reject::RejectCode::InvalidField`] for what is not heeded here, and for what says nothing.
    pub(super) fn read(self, method: &Method, headers: &HeaderMap, uri: &Uri) -> Result<Expected, Reject> {
        if let Some(query) = uri.query().filter(|_| !self.query) {
            // The credential has been read by then.
            let unknown = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name != "api_key");
            if let Some((name, _)) = unknown {
                return Err(Reject::field(shown(&name), "is no parameter here; there are none"));
            }
        }
        // Reading changes nothing that a condition could keep from being lost.
        if method.is_safe() {
            return Ok(Expected::Anything);
        }
        let refused = |name: &'static str| Err(Reject::field(name, "is not heeded here, so leave it out"));
        match (list(headers, &header::IF_MATCH, IF_MATCH)?, list(headers, &header::IF_NONE_MATCH, IF_NONE_MATCH)?) {
            (None, None) => Ok(Expected::Anything),
            (Some(_), _) if !self.if_match => refused(IF_MATCH),
            (_, Some(_)) if !self.if_none_match => refused(IF_NONE_MATCH),
            (Some(text), None) => expected(&text)
                .ok_or_else(|| Reject::field(IF_MATCH, "must be `*` or entity tags in quotes, such as \"7\"")),
            (None, Some(text)) if text.trim() == "*" => Ok(Expected::Absent),
            (None, Some(_)) => Err(Reject::field(IF_NONE_MATCH, "must be `*` here")),
            (Some(_), Some(_)) => Err(Reject::field(IF_NONE_MATCH, "cannot stand beside `If-Match`")),
        }
    }
}

/// As the document writes them.
pub(super) const IF_MATCH: &str = "If-Match";
/// As the document writes it.
pub(super) const IF_NONE_MATCH: &str = "If-None-Match";

/// The lines of a header as one list (RFC 9110 §5.3).
fn list(headers: &HeaderMap, name: &HeaderName, shown: &'static str) -> Result<Option<String>, Reject> {
    let lines: Result<Vec<_>, _> = headers.get_all(name).iter().map(|it| it.to_str()).collect();
    let lines = lines.map_err(|_| Reject::field(shown, "must be visible ASCII"))?;
    Ok((!lines.is_empty()).then(|| lines.join(",")))
}

/// What `If-Match` asks for; nothing where it is none (RFC 9110 §13.1.1). A tag that this API never gave out matches no version, and a weak one
/// never does.
fn expected(text: &str) -> Option<Expected> {
    const SPACE: [char; 2] = [' ', '\t'];
    if text.trim_matches(SPACE) == "*" {
        return Some(Expected::Present);
    }
    let (mut versions, mut tags) = (Vec::new(), 0);
    let mut rest = text;
    loop {
        // Empty elements of a list count for nothing (RFC 9110 §5.6.1).
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return (tags > 0).then(|| Expected::Versions(versions.into()));
        }
        let strong = rest.strip_prefix("W/").unwrap_or(rest);
        let (tag, behind) = strong.strip_prefix('"')?.split_once('"')?;
        if tag.contains(SPACE) {
            return None;
        }
        let version = tag.parse().ok().filter(|it: &u64| it.to_string() == tag && strong.len() == rest.len());
        versions.extend(version);
        tags += 1;
        rest = behind.trim_start_matches(SPACE);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// Which operation heeds what, by method and path.
pub(super) type Table = Arc<HashMap<(Method, String), Heeded>>;

/// The table of a document.
pub(super) fn table(document: &OpenApi) -> Table {
    let of = |(path, item): (&String, &PathItem)| {
        let operations = [
            (Method::GET, &item.get),
            (Method::POST, &item.post),
            (Method::PUT, &item.put),
            (Method::PATCH, &item.patch),
            (Method::DELETE, &item.delete),
        ];
        let heeded =
            operations.map(|(method, operation)| Some(((method, path.clone()), Heeded::of(operation.as_ref()?))));
        heeded.into_iter().flatten().collect::<Vec<_>>()
    };
    Arc::new(document.paths.paths.iter().flat_map(of).collect())
}

/// Lets a request through with what it expects, or refuses it.
pub(super) async fn attend(State(table): State<Table>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|it| it.as_str().to_owned()).unwrap_or_default();
    let method = if *request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    // A method that the path does not know is refused as that.
    let Some(heeded) = table.get(&(method.clone(), path)) else { return next.run(request).await };
    match heeded.read(&method, request.headers(), request.uri()) {
        Ok(Expected::Anything) => next.run(request).await,
        Ok(expected) => expecting(expected, next.run(request)).await,
        Err(reject) => Problem::from(reject).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_names_versions_or_whatever_is_there() {
        let versions = |it: &[u64]| Some(Expected::Versions(it.into()));
        assert_eq!(expected(" * "), Some(Expected::Present));
        assert_eq!(expected("\"7\""), versions(&[7]));
        assert_eq!(expected("\"0\", \"1\""), versions(&[0, 1]));
        assert_eq!(expected(",\"7\" ,, W/\"8\",\"a,b\",\"9\""), versions(&[7, 9]));
        for never_given in ["W/\"7\"", "\"x\"", "\"-1\"", "\"+7\"", "\"07\"", "\"\""] {
            assert_eq!(expected(never_given), versions(&[]), "{never_given}");
        }
        for nonsense in ["", " ", ",", "7", "\"7", "\"7\" \"8\"", "*, \"7\"", "w/\"7\"", "\"7 8\"", "\"7\"x"] {
            assert_eq!(expected(nonsense), None, "{nonsense}");
        }
    }

    fn read(heeded: Heeded, method: &Method, lines: &[(HeaderName, &str)], uri: &str) -> Result<Expected, String> {
        let headers = lines.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value"))).collect();
        let uri = uri.parse().expect("an address");
        heeded.read(method, &headers, &uri).map_err(|it| it.fields[0].pointer.to_string())
    }

    #[test]
    fn what_is_not_heeded_is_refused() {
        let (tag, any) = ((header::IF_MATCH, "\"7\""), (header::IF_NONE_MATCH, "*"));
        let all = Heeded { if_match: true, if_none_match: true, query: true };
        let two = [tag.clone(), (header::IF_MATCH, "\"8\"")];
        let versions = |it: &[u64]| Ok(Expected::Versions(it.into()));
        assert_eq!(read(all, &Method::PUT, &two, "/x?a=1"), versions(&[7, 8]));
        assert_eq!(read(all, &Method::PUT, std::slice::from_ref(&any), "/x"), Ok(Expected::Absent));
        assert_eq!(read(all, &Method::PUT, &[(header::IF_NONE_MATCH, "\"7\"")], "/x"), Err(IF_NONE_MATCH.into()));
        assert_eq!(read(all, &Method::PUT, &[tag.clone(), any.clone()], "/x"), Err(IF_NONE_MATCH.into()));
        assert_eq!(read(Heeded::NOTHING, &Method::POST, std::slice::from_ref(&tag), "/x"), Err(IF_MATCH.into()));
        assert_eq!(read(Heeded::NOTHING, &Method::POST, &[any], "/x"), Err(IF_NONE_MATCH.into()));
        assert_eq!(read(Heeded::NOTHING, &Method::GET, &[tag], "/x?api_key=k"), Ok(Expected::Anything));
        assert_eq!(read(Heeded::NOTHING, &Method::GET, &[], "/x?page_size=1"), Err("page_size".into()));
    }
}
