//! A small host API: scorecards, guarded by nginx and Claviger.
//!
//! It knows neither keys nor permissions. nginx asks Claviger before a request gets here; what is left to this API is
//! to read from headers for whom the request acts ([`Caller`]) and which elements a list may show.

mod caller;
mod catalogue;
mod refusal;
mod report;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

pub use caller::{Caller, Elements};
pub use catalogue::{Catalogue, Scorecard};
pub use refusal::Refusal;
pub use report::{Destination, Reporter};

/// What all requests share.
struct Service {
    catalogue: Catalogue,
    reporter: Option<Reporter>,
}

/// The API, with the sample scorecards A, B and C in every organization. What is changed is reported, where there is somebody to report to.
pub fn router(reporter: Option<Reporter>) -> Router {
    Router::new()
        .route("/scorecards", get(list_scorecards))
        .route("/scorecards/{id}", get(get_scorecard).put(update_scorecard))
        .fallback(async || Refusal::NotFound)
        .method_not_allowed_fallback(async || Refusal::MethodNotAllowed)
        .with_state(Arc::new(Service { catalogue: Catalogue::default(), reporter }))
}

/// What an update carries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewScore {
    /// Percent, 0 to 100.
    score: u8,
}

/// A list, in an object so that it can grow a cursor.
#[derive(Serialize)]
struct ScorecardList {
    data: Vec<Scorecard>,
}

/// The scorecards that the caller may see: the list is where rights by element have to be kept by the host itself.
async fn list_scorecards(State(service): State<Arc<Service>>, caller: Caller) -> Json<ScorecardList> {
    let mut data = service.catalogue.list(&caller.organization);
    data.retain(|scorecard| caller.elements.contain(&scorecard.id));
    Json(ScorecardList { data })
}

/// One scorecard. Whether the caller may see it was decided before the request got here.
async fn get_scorecard(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Scorecard>, Refusal> {
    service.catalogue.find(&caller.organization, &id).map(Json).ok_or(Refusal::NotFound)
}

/// Sets a score, notes on whose behalf, and reports it.
async fn update_scorecard(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Result<Json<NewScore>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Scorecard>, Refusal> {
    let Json(NewScore { score }) = body.map_err(|rejection| Refusal::Body(rejection.body_text()))?;
    if score > 100 {
        return Err(Refusal::Body("score: a percentage, at most 100".to_owned()));
    }
    let updated = service.catalogue.update(&caller.organization, &id, score, &caller.on_behalf_of);
    let (before, after) = updated.ok_or(Refusal::NotFound)?;
    if let Some(reporter) = &service.reporter {
        reporter.updated(&caller, &before, &after);
    }
    Ok(Json(after))
}
