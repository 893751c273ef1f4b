//! The console: server-rendered pages for people.
//!
//! Every action is a link or a plain form, so that all of it works with scripts off; the one script only enhances. A page is an askama
//! template under `templates/` and a struct of plain data in [`pages`] that a handler fills. Like `api`, this module calls `ops` and the
//! replica and never opens a transaction itself.

pub mod assets;
pub mod pages;

#[cfg(test)]
mod contrast;

use crate::app::App;

/// The routes of the console.
pub fn router(app: App) -> axum::Router {
    drop(app);
    axum::Router::new()
}
