//! The session that takes the place of the one a request came with, once the reader has confirmed who they are.
//!
//! The old one is gone by then, so the new one has to leave with the answer, whichever way the handler ends. That is seen to here, around
//! all handlers, and not where an answer is made: a `?` after the confirmation would else sign the reader out.

use std::cell::RefCell;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::cookies;
use super::failure::Renewed;
use crate::app::App;
use crate::ops::sessions::SignedIn;
use crate::site::Site;

tokio::task_local! {
    static RENEWED: RefCell<Option<SignedIn>>;
}

/// Leaves a session for the answer to the request that is being worked on.
pub(super) fn leave(signed_in: SignedIn) {
    let left = RENEWED.try_with(|it| it.replace(Some(signed_in)));
    debug_assert!(left.is_ok(), "all handlers stand behind `attend`");
}

/// Hands out the session that was left.
pub(super) async fn attend(State(app): State<App>, request: Request, next: Next) -> Response {
    let site = Site::of(request.headers(), app.config().public_url.as_ref());
    let answered = async {
        let response = next.run(request).await;
        (response, RENEWED.with(RefCell::take))
    };
    let (mut response, renewed) = RENEWED.scope(RefCell::new(None), answered).await;
    if let (Ok(site), Some(renewed)) = (site, renewed) {
        let life = renewed.expires_at.since(app.now());
        cookies::set_session(response.headers_mut(), &site, &renewed.token, life);
        // For the page of a failure, which is made further out.
        response.extensions_mut().insert(Renewed(renewed.token));
    }
    response
}
