//! Whether all nodes know of what was changed here: a change waits for them, and the pages behind it say who has not confirmed it.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::cookies;
use crate::app::App;
use crate::ops::receipts::{self, Noted, Receipt};
use crate::site::Site;

/// Leaves the place of a change that a node has not confirmed for the pages behind it.
pub(super) async fn attend(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let site = Site::of(request.headers(), app.config().public_url.as_ref());
    let (mut response, noted) = receipts::watch(next.run(request)).await;
    let is_done = response.status().is_success() || response.status().is_redirection();
    if let (Ok(site), Some(noted)) = (site, noted.filter(|_| is_done))
        && Receipt::wait(&app, noted).await.sentence().is_some()
    {
        cookies::set_change(response.headers_mut(), &site, noted);
    }
    response
}

/// What is said of the last change on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unconfirmed {
    /// Nothing: there is none, or it cannot be said.
    Unknown,
    /// Nothing any more: all nodes have confirmed it.
    Over,
    /// Who has not.
    Still(String),
}

impl Unconfirmed {
    /// How things stand now.
    pub(super) async fn of(app: &App, noted: Option<Noted>) -> Self {
        let Some(noted) = noted else { return Self::Unknown };
        match Receipt::now(app, noted).await {
            Ok(receipt) => receipt.sentence().map_or(Self::Over, Self::Still),
            Err(error) => {
                tracing::warn!(%error, "nobody knows how far the other nodes are");
                Self::Unknown
            }
        }
    }

    /// The sentence, where there is one.
    pub(super) fn sentence(&self) -> Option<String> {
        match self {
            Self::Still(sentence) => Some(sentence.clone()),
            Self::Unknown | Self::Over => None,
        }
    }
}
