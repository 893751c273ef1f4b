//! The management API: decode, delegate to `ops`, encode. Nothing is decided here.

mod api_documents;
mod apis;
mod auth;
mod body;
mod deprecation;
mod document;
mod edge;
mod event_erasures;
mod event_exports;
mod events;
mod fault_words;
mod fields;
mod form;
mod github_alerts;
mod headers;
mod hook_deliveries;
mod hook_views;
mod hooks;
mod host_events;
mod idempotency;
mod imports;
mod key_bodies;
mod key_bulk;
mod key_leaks;
mod key_limits;
mod key_queries;
mod key_reveals;
mod key_rotations;
mod key_usage;
mod key_views;
mod keys;
mod master_key;
mod me;
mod members;
mod nodes;
mod numbers;
mod oauth;
mod oauth_tokens;
mod organization_views;
mod organizations;
mod page;
mod paths;
mod personal_keys;
mod policies;
mod policy_operations;
mod policy_views;
mod preconditions;
mod problem;
mod rates;
mod receipts;
mod reference;
mod revisions;
mod role_preview;
mod roles;
mod shared_secrets;
mod sign_in;
mod sign_in_links;
mod signing_keys;
mod users;
mod verify;
mod verify_batch;
mod words;

use std::sync::LazyLock;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use claviger_core::reject::Reject;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

pub use document::{document_text, openapi};
pub(crate) use verify::{answer_verification, is_verification};

/// A refusal of something that answers beside the API, in its form; it stands in no log, and so it has no id to be found by there.
pub(crate) fn problem(reject: Reject) -> Response {
    let problem = problem::Problem::from(reject);
    let mut response = problem.clone().into_response();
    problem.write(&mut response, "");
    response
}

/// The operations whose refusals are problems: all but those of OAuth.
fn operations() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(document::preamble())
        .merge(keys::router())
        .merge(personal_keys::router())
        .merge(key_bulk::router())
        .merge(key_leaks::router())
        .merge(key_reveals::router())
        .merge(key_rotations::router())
        .merge(key_usage::router())
        .merge(verify::router())
        .merge(verify_batch::router())
        .merge(master_key::router())
        .merge(me::router())
        .merge(organizations::router())
        .merge(policy_operations::router())
        .merge(users::router())
        .merge(sign_in_links::router())
        .merge(members::router())
        .merge(roles::router())
        .merge(role_preview::router())
        .merge(apis::router())
        .merge(api_documents::router())
        .merge(imports::router())
        .merge(events::router())
        .merge(event_erasures::router())
        .merge(hooks::router())
        .merge(hook_deliveries::router())
        .merge(host_events::router())
        .merge(revisions::router())
        .merge(nodes::router())
        .merge(shared_secrets::router())
        .merge(signing_keys::router())
}

/// Operations as routes, and which of them heed preconditions.
struct Described {
    routes: Router<App>,
    heeded: preconditions::Table,
}

impl Described {
    fn of(operations: OpenApiRouter<App>) -> Self {
        let (routes, document) = operations.split_for_parts();
        Self { routes, heeded: preconditions::table(&document) }
    }
}

/// Described once in a process and not for each service that is started in it: the description is most of the work of a start, and
/// tests start one each.
static OPERATIONS: LazyLock<Described> = LazyLock::new(|| Described::of(operations()));
static OAUTH: LazyLock<Described> = LazyLock::new(|| Described::of(oauth::router()));

/// The routes under `/api/v1`, the OpenAPI document and the page that shows it.
pub fn router(app: App) -> Router {
    let guarded = |Described { routes, heeded }: &Described| {
        let origins = CsrfLayer::new().with_rejection_response(|_| auth::foreign_origin());
        routes
            .clone()
            .method_not_allowed_fallback(edge::unknown_method)
            .route_layer(from_fn_with_state(heeded.clone(), preconditions::attend))
            .route_layer(from_fn_with_state(app.clone(), receipts::attend))
            .route_layer(from_fn_with_state(app.clone(), auth::authenticate))
            .route_layer(origins)
    };
    // What authenticates stands in the body, or nothing does.
    let open = |operations: OpenApiRouter<App>| {
        let Described { routes, heeded } = Described::of(operations);
        routes
            .method_not_allowed_fallback(edge::unknown_method)
            .route_layer(from_fn_with_state(heeded, preconditions::attend))
    };
    let announced = |router: Router<App>| deprecation::announced(router, &deprecation::DEPRECATED);
    announced(guarded(&OPERATIONS))
        .merge(guarded(&OAUTH).route_layer(from_fn(oauth::read_client)).route_layer(from_fn(oauth::speak_oauth)))
        .merge(open(oauth_tokens::router()).route_layer(from_fn(oauth::speak_oauth)))
        .merge(open(sign_in::router()).route_layer(from_fn(sign_in::speak_plainly)))
        .merge(github_alerts::router())
        .merge(reference::router())
        .route("/authz", any(edge::gateway_path))
        .route("/authz/{*path}", any(edge::gateway_path))
        .route("/api", any(edge::unknown_path))
        .route("/api/", any(edge::unknown_path))
        .route("/api/{*path}", any(edge::unknown_path))
        .route("/docs/api/{*path}", any(edge::unknown_path))
        .route("/oauth/{*path}", any(edge::unknown_path))
        .fallback(edge::unknown_path)
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(from_fn_with_state(app.clone(), edge::attend))
        .with_state(app)
}
