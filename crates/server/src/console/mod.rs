//! The console: server-rendered pages for people.

use crate::app::App;

/// The routes of the console.
pub fn router(app: App) -> axum::Router {
    drop(app);
    axum::Router::new()
}
