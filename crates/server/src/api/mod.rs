//! The management API: JSON over HTTP.

use crate::app::App;

/// The routes under `/api/v1`, and the OpenAPI document.
pub fn router(app: App) -> axum::Router {
    drop(app);
    axum::Router::new()
}

/// The OpenAPI document of all routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    utoipa::openapi::OpenApi::default()
}
