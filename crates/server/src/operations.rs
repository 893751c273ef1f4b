//! What operators and their tools ask: is it alive, is it ready, what does it count.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use claviger_core::node::NodeState;
use claviger_core::reject::Reject;
use claviger_verifier::credential::Sources;

use crate::app::App;
use crate::http::FORWARDED_FOR;
use crate::metrics::{ENDINGS_AGE, ENDINGS_LEFT_OUT, Gauge};
use crate::ops::caller::Caller;

/// The paths that are answered here.
pub const PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// What a key needs to read the metrics from elsewhere: this, at the root.
const METRICS_READ: &str = "claviger/metrics:read";

/// The routes.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(show_readiness))
        .route("/metrics", get(show_metrics))
        .with_state(app)
}

/// Ready is who knows every key, and goes on hearing of changes: before the first load each key would look unknown.
async fn show_readiness(State(app): State<App>) -> Response {
    if app.stop().is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    if !app.replica().is_ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, "loading\n").into_response();
    }
    // What is revoked from now on would never be heard of here.
    if app.follower().has_ended() {
        return (StatusCode::SERVICE_UNAVAILABLE, "no longer following the log; restart this node\n").into_response();
    }
    "ready\n".into_response()
}

/// For this machine, and for keys that may read it: how many keys there are and how often they fail is nobody else's business.
async fn show_metrics(State(app): State<App>, request: Request) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
    if !is_local(peer, request.headers())
        && let Err(reject) = authorize(&app, request.headers(), peer)
    {
        let status = StatusCode::from_u16(reject.code.http_status()).unwrap_or(StatusCode::FORBIDDEN);
        return (status, format!("{}\n", reject.fix())).into_response();
    }
    let counts = app.replica().counts();
    let gauge = |name, help, value| Gauge { name, help, values: vec![(None, value)] };
    let others = app.nodes().last_known();
    let lost = others.iter().filter(|it| it.state() == NodeState::Lost).count();
    let live = 1 + others.len() - lost;
    let nodes = vec![(Some(("state", "live")), live as f64), (Some(("state", "lost")), lost as f64)];
    let mut gauges = vec![
        gauge("replica_keys", "Keys in memory.", counts.keys as f64),
        gauge("replica_secrets", "Secrets in memory.", counts.secrets as f64),
        gauge("replica_organizations", "Organizations in memory.", counts.organizations as f64),
        gauge("replica_users", "Users in memory.", counts.users as f64),
        gauge("replica_unreadable_records", "Records this build could not read.", counts.unreadable as f64),
        gauge("replica_position", "The last event applied.", app.replica().position().map_or(0.0, |it| it.seq as f64)),
        Gauge {
            name: "nodes",
            help: "Nodes of this installation, as they were found a few seconds ago.",
            values: nodes,
        },
        gauge("replica_age_seconds", "Seconds since the log was last read.", app.replica().age().as_secs_f64()),
    ];
    if let Some(age) = app.endings().age(app.now()) {
        let left_out = app.endings().left_out() as f64;
        gauges.extend([
            gauge(
                ENDINGS_AGE,
                "Seconds since all that had ended was written into the log of endings.",
                age.as_secs_f64(),
            ),
            gauge(ENDINGS_LEFT_OUT, "What the log of endings lacks, since its row could not be read.", left_out),
        ]);
    }
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

/// Whether this machine itself asks. A request that a proxy on this machine passes on comes from elsewhere.
fn is_local(peer: Option<IpAddr>, headers: &HeaderMap) -> bool {
    let forwarded = headers.contains_key(FORWARDED_FOR) || headers.contains_key(header::FORWARDED);
    !forwarded && peer.is_some_and(|it| it.to_canonical().is_loopback())
}

fn authorize(app: &App, headers: &HeaderMap, ip: Option<IpAddr>) -> Result<(), Reject> {
    let mut sources = Sources::new();
    for (name, value) in headers {
        sources.header(name.as_str(), value.as_bytes());
    }
    let presented = sources.extract()?.ok_or_else(Reject::unauthenticated)?;
    let caller = Caller::of_key(app, &presented, ip, None)?.caller;
    let own = caller.home(app).ok_or_else(Reject::not_found)?;
    let root = app.replica().path(own).pop().ok_or_else(Reject::not_found)?;
    let answer = caller.authorize(app, root, METRICS_READ).map(drop);
    if let Err(reject) = answer.as_ref()
        && reject.code.http_status() == StatusCode::FORBIDDEN
    {
        caller.record_refusal(app, reject.code, None);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_itself_is_local() {
        let mut forwarded = HeaderMap::new();
        forwarded.insert(FORWARDED_FOR, "203.0.113.7".parse().expect("a header"));
        let loopback = Some(IpAddr::from([127, 0, 0, 1]));
        assert!(is_local(loopback, &HeaderMap::new()));
        assert!(is_local("::ffff:127.0.0.1".parse().ok(), &HeaderMap::new()));
        assert!(!is_local(loopback, &forwarded));
        assert!(!is_local(Some(IpAddr::from([10, 0, 0, 1])), &HeaderMap::new()));
        assert!(!is_local(None, &HeaderMap::new()));
    }
}
