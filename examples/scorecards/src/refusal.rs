//! What this API refuses itself, as problem documents (RFC 9457).

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal; each is safe to show.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such scorecard, or nothing at this address.
    NotFound,
    /// The address exists, but not with this method.
    MethodNotAllowed,
    /// The body is not what an update takes.
    Body(String),
    /// The headers that the gateway sets are missing: somebody asked this port directly.
    NotThroughTheGateway,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, detail) = match self {
            // The same body as the gateway's own 404, so that nobody learns which of the two spoke.
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", None),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", None),
            Self::Body(detail) => (StatusCode::BAD_REQUEST, "invalid_body", Some(detail)),
            Self::NotThroughTheGateway => {
                (StatusCode::FORBIDDEN, "not_through_the_gateway", Some("Ask the gateway's address.".to_owned()))
            }
        };
        let mut problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "code": code,
        });
        if let Some(detail) = detail {
            problem["detail"] = detail.into();
        }
        (status, [(header::CONTENT_TYPE, "application/problem+json")], Json(problem)).into_response()
    }
}
