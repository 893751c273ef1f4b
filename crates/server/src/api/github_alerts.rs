//! GitHub's alerts about leaked keys, in GitHub's own form: it stands in GitHub's documentation and in docs/leaks.md, and not in ours of the API,
//! which is for whoever has a key.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use claviger_core::limits::GITHUB_ALERT_BYTES_MAX;
use serde::Serialize;

use super::body::read;
use super::edge;
use super::problem::{ApiResult, Problem};
use super::rates;
use crate::app::App;
use crate::ops::github_alerts::{AlertVerdict, take_alert};

/// Where GitHub sends them.
const PATH: &str = "/api/v1/leaks/github";
/// Which key has signed, and the signature.
const KEY_ID: &str = "github-public-key-identifier";
const SIGNATURE: &str = "github-public-key-signature";

/// The route.
pub(super) fn router() -> Router<App> {
    Router::new().route(PATH, post(receive).fallback(edge::unknown_method))
}

/// What GitHub is told of a token.
#[derive(Debug, Serialize)]
struct VerdictView {
    token_hash: String,
    token_type: String,
    label: &'static str,
}

impl From<AlertVerdict> for VerdictView {
    fn from(it: AlertVerdict) -> Self {
        let label = if it.ours { "true_positive" } else { "false_positive" };
        Self { token_hash: it.token_hash, token_type: it.token_type, label }
    }
}

async fn receive(State(app): State<App>, ConnectInfo(address): ConnectInfo<SocketAddr>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match take(&app, address, &parts.headers, body).await {
        Ok(verdicts) => Json(verdicts).into_response(),
        Err(problem) => rates::refuse_stranger(&app, Some(address.ip()), problem),
    }
}

async fn take(app: &App, address: SocketAddr, headers: &HeaderMap, body: Body) -> ApiResult<Vec<VerdictView>> {
    // A megabyte is read of nobody who has sent others that proved nothing.
    rates::refuse_exhausted_stranger(app, Some(address.ip()), app.now())?;
    let body = read(body, headers, GITHUB_ALERT_BYTES_MAX).await?;
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let verdicts = take_alert(app, header(KEY_ID), header(SIGNATURE), &body).await.map_err(Problem::from)?;
    Ok(verdicts.into_iter().map(VerdictView::from).collect())
}
