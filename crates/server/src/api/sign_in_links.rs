//! Links by which a user sets a password: make one, take it back.

use std::fmt;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use claviger_core::id::UserId;
use claviger_core::time::Timestamp;
use claviger_store::links::LinkPurpose;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::auth::Authenticated;
use super::body::Path;
use super::headers::IdempotencyKey;
use super::idempotency::{CREATED, NoBody, Post, no_headers, respond};
use super::paths::UserPath;
use super::problem::{ApiResult, WriteRefusals};
use crate::app::App;
use crate::ops;
use crate::ops::links::SignInLink;
use crate::site::Site;

/// The routes of links.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create_sign_in_link, delete_sign_in_link))
}

/// A link by which a user sets a password.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignInLinkView {
    /// For whom.
    #[schema(value_type = String, examples("usr_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    pub user_id: UserId,
    /// Whether it invites, or lets set another password.
    pub purpose: LinkPurposeWord,
    /// From when on it is not accepted any more.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The link; null in the answer to a repeated request.
    #[schema(required)]
    pub secret: Option<NewLinkView>,
}

/// A link in clear.
#[derive(Serialize, ToSchema)]
pub(super) struct NewLinkView {
    /// What the user opens. Where this server cannot tell its own address, because it was called by plain HTTP from afar, only the path.
    #[schema(examples("https://keys.example.com/link/pQ3vV9mKd0RtYbLhN4sW8eZ1uPqC3vJ6gTfA5oXyBnM"))]
    pub link: String,
}

impl fmt::Debug for NewLinkView {
    /// Without the link, by which anybody is let in.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NewLinkView")
    }
}

/// What a link is for.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum LinkPurposeWord {
    /// The user has no password yet.
    Invitation,
    /// The user has one, which the link replaces.
    PasswordReset,
}

impl SignInLinkView {
    fn of(made: &SignInLink, secret: Option<NewLinkView>) -> Self {
        let purpose = match made.purpose {
            LinkPurpose::PasswordReset => LinkPurposeWord::PasswordReset,
            LinkPurpose::Invitation | LinkPurpose::Setup => LinkPurposeWord::Invitation,
        };
        Self { user_id: made.user_id, purpose, expires_at: made.expires_at, secret }
    }

    /// The answer as it is kept for a repetition: without the link.
    fn render(made: &SignInLink) -> Value {
        serde_json::to_value(Self::of(made, None)).expect("a view is JSON")
    }
}

/// Makes a link by which a user sets a password.
///
/// An invitation for a user who has none yet, good for seven days; else one to set another, good for a day. Whoever opens it first is signed in
/// as the user, whose sessions then end; so nobody makes one for a user who holds more than they do. It stands in this answer and in no other, works once,
/// and ends earlier ones. Claviger mails notices, never links that sign somebody in: pass the link on.
#[utoipa::path(
    post,
    path = "/api/v1/organizations/{organization_id}/users/{user_id}/sign-in-link",
    tag = "users",
    params(UserPath, IdempotencyKey),
    extensions(("x-permissions" = json!({"all": ["claviger/users:update"]}))),
    responses((status = 201, description = "The link.", body = SignInLinkView), WriteRefusals)
)]
pub(super) async fn create_sign_in_link(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(UserPath { organization_id, user_id }): Path<UserPath>,
    headers: HeaderMap,
    post: Post<NoBody>,
) -> ApiResult<Response> {
    let (_, idempotency) = post.split(CREATED, SignInLinkView::render, no_headers);
    let answer = ops::links::create_sign_in_link(&app, &caller, organization_id, user_id, idempotency).await?;
    let base = Site::of(&headers, app.config().public_url.as_ref()).map_or_else(|_| String::new(), |it| it.base_url);
    let view = |it: &SignInLink| {
        let link = format!("{base}/link/{}", it.token.expose_secret());
        SignInLinkView::of(it, Some(NewLinkView { link }))
    };
    Ok(respond(CREATED, answer, no_headers, view))
}

/// Takes back the links by which a user could set a password.
///
/// They no longer work. Where there is none, that is not found.
#[utoipa::path(
    delete,
    path = "/api/v1/organizations/{organization_id}/users/{user_id}/sign-in-link",
    tag = "users",
    params(UserPath),
    extensions(("x-permissions" = json!({"all": ["claviger/users:update"]}))),
    responses((status = 204, description = "No link is open any more."), WriteRefusals)
)]
pub(super) async fn delete_sign_in_link(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(UserPath { organization_id, user_id }): Path<UserPath>,
) -> ApiResult<StatusCode> {
    ops::links::delete_sign_in_link(&app, &caller, organization_id, user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
