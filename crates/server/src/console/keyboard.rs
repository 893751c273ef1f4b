//! What single keys do on the pages, and whether they do it.

use axum::response::Response;

use super::pages::keyboard::KeyboardPage;
use super::pages::shell::Place;
use super::visit::Visit;

/// Shows the shortcuts, with the switch for all of them.
pub(super) async fn show_keyboard(visit: Visit) -> Response {
    visit.page(&KeyboardPage { shell: visit.shell(Place::Elsewhere) })
}
