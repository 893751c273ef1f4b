//! The first page after signing in, and the settings page.

use askama::Template;

use super::keys::LastUse;
use super::shell::Shell;
use super::snippets::Snippet;

/// The first page after signing in: what to do next, and what is going on.
#[derive(Template, Debug)]
#[template(path = "home.html")]
pub struct HomePage {
    /// The frame.
    pub shell: Shell,
    /// Keys that are live.
    pub live_keys: u64,
    /// The same in digits as people read them.
    pub live_keys_counted: String,
    /// A few keys: those used last, newest use first.
    pub recent: Vec<RecentKey>,
    /// Whether no key was ever used: then the page says how to begin.
    pub starting: bool,
    /// Whether the viewer may create keys.
    pub may_create: bool,
    /// How to check a key, with a placeholder for it.
    pub snippets: Vec<Snippet>,
}

/// A key in short.
#[derive(Debug, Clone)]
pub struct RecentKey {
    /// The key's id.
    pub id: String,
    /// Free text.
    pub name: String,
    /// The start of the token.
    pub hint: String,
    /// When and from where it was used.
    pub last_use: LastUse,
}

/// The settings page: the menu that the gear opens.
#[derive(Template, Debug)]
#[template(path = "settings.html")]
pub struct SettingsPage {
    /// The frame.
    pub shell: Shell,
    /// Whether the viewer may look at members.
    pub may_manage_users: bool,
    /// Whether the viewer may look at events.
    pub may_read_events: bool,
}

/// What belongs to the people of an organization.
#[derive(Template, Debug)]
#[template(path = "user_management.html")]
pub struct UserManagementPage {
    /// The frame.
    pub shell: Shell,
    /// Whether the viewer may look at roles.
    pub may_read_roles: bool,
}
