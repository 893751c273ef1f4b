//! What operators and their tools ask: is it alive, is it ready, what does it count.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;
use crate::metrics::Gauge;

/// The paths that are answered here.
pub const PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(show_readiness))
        .route("/metrics", get(show_metrics))
        .with_state(app)
}

/// Ready is who knows every key: before the first load each of them would look unknown.
async fn show_readiness(State(app): State<App>) -> Response {
    if app.stop().is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    if !app.replica().is_ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, "loading\n").into_response();
    }
    "ready\n".into_response()
}

/// For this machine only: how many keys there are and how often they fail is nobody else's business.
async fn show_metrics(State(app): State<App>, ConnectInfo(peer): ConnectInfo<SocketAddr>) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let counts = app.replica().counts();
    let gauge = |name, help, value| Gauge { name, help, value };
    let gauges = vec![
        gauge("replica_keys", "Keys in memory.", counts.keys as f64),
        gauge("replica_secrets", "Secrets in memory.", counts.secrets as f64),
        gauge("replica_organizations", "Organizations in memory.", counts.organizations as f64),
        gauge("replica_users", "Users in memory.", counts.users as f64),
        gauge("replica_age_seconds", "Seconds since the log was last read.", app.replica().age().as_secs_f64()),
    ];
    match app.metrics().render(gauges) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
