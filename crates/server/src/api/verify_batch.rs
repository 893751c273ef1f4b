//! The question whether keys are good, about many of them at once.

use axum::extract::State;
use axum::response::Response;
use claviger_core::limits::VERIFIED_PER_BATCH_MAX;
use claviger_core::reject::Reject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::{self, JsonBody};
use super::fields::Object;
use super::problem::{ApiResult, ProblemField, WriteRefusals};
use super::rates;
use super::verify::{VerifyBody, VerifyView, json};
use crate::app::App;
use crate::ops;
use crate::ops::caller::Caller;
use crate::ops::error::OpResult;
use crate::ops::verify::{VerifyAnswer, VerifyRequest};

/// Where it is asked.
pub(super) const PATH: &str = "/api/v1/verify/batch";

/// The route of verification in batches.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(verify_keys))
}

/// Keys, and what is asked about each.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"requests": [{"key": "ck_…", "permissions": ["contacts:read"]}, {"key": "ck_…"}]}))]
pub(super) struct VerifyBatchBody {
    /// The questions, as `POST /api/v1/verify` takes them.
    #[schema(value_type = Vec<VerifyBody>, max_items = 1000)]
    requests: Vec<Object<VerifyBody>>,
}

/// The answers about keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerifyBatchView {
    /// One for each request, in their order.
    pub answers: Vec<VerifyView>,
}

/// A refusal of one request, with the places of its fields in the whole body.
fn errors(place: usize, reject: Reject) -> Vec<ProblemField> {
    let pointer = |it: &str| format!("/requests/{place}{it}").into();
    if reject.fields.is_empty() {
        return vec![ProblemField { pointer: pointer(""), detail: reject.detail.into_owned() }];
    }
    reject.fields.into_iter().map(|it| ProblemField { pointer: pointer(&it.pointer), detail: it.detail }).collect()
}

fn answer(app: &App, caller: &Caller, body: VerifyBatchBody) -> OpResult<Response> {
    if body.requests.len() > VERIFIED_PER_BATCH_MAX {
        return Err(Reject::field("/requests", format!("at most {VERIFIED_PER_BATCH_MAX} requests")).into());
    }
    let allowance = match rates::take_batch(app, caller, body.requests.len())? {
        Ok(allowance) => allowance,
        Err(refusal) => return Ok(*refusal),
    };
    let requests = body.requests.into_iter().map(|Object(it)| VerifyRequest::try_from(it)).collect();
    let answers = ops::verify::verify_keys(app, caller, requests)?.into_iter().enumerate();
    let view = |(place, answer): (usize, Result<VerifyAnswer, Reject>)| match answer {
        Ok(answer) => answer.into(),
        Err(reject) => VerifyView { errors: errors(place, reject), ..VerifyAnswer::undecided(app).into() },
    };
    let view = VerifyBatchView { answers: answers.map(view).collect() };
    let mut response = json(&view, view.answers.len());
    if let Some(allowance) = allowance {
        allowance.write(&mut response);
    }
    Ok(response)
}

/// The answer to a body.
pub(super) fn respond(app: &App, caller: &Caller, body: &[u8]) -> OpResult<Response> {
    answer(app, caller, body::parse(body)?)
}

/// Says whether keys are good.
///
/// Up to 1,000 questions in one request, each answered as `POST /api/v1/verify` answers it, in their order, and counted as a use like there.
/// A question with a field that is refused there with 400 is answered by itself here: `allowed` is false, `code` is null, and `errors` says
/// which fields are at fault; the others are answered all the same, since what one of a host's clients sends must not decide about the rest.
/// Only a body that is not of the documented shape is refused as a whole. Where the server limits how often a key may verify, each question
/// counts.
#[utoipa::path(
    post,
    path = "/api/v1/verify/batch",
    tag = "verify",
    request_body = VerifyBatchBody,
    extensions(("x-permissions" = json!({"all": ["claviger/keys:verify"]}))),
    responses((status = 200, description = "The decisions.", body = VerifyBatchView), WriteRefusals)
)]
pub(super) async fn verify_keys(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody<VerifyBatchBody>,
) -> ApiResult<Response> {
    Ok(answer(&app, &caller, body)?)
}
