//! What single keys do on the pages.

use askama::Template;

use super::shell::Shell;

/// The shortcuts, with the switch for all of them.
#[derive(Template, Debug)]
#[template(path = "keyboard.html")]
pub struct KeyboardPage {
    /// The frame.
    pub shell: Shell,
}
