//! The first page after signing in.

use askama::Template;

use super::keys::LastUse;
use super::notifications::Ending;
use super::shell::Shell;
use super::snippets::Snippet;

/// The first page after signing in: what to do next, and what is going on.
#[derive(Template, Debug)]
#[template(path = "home.html")]
pub struct HomePage {
    /// The frame.
    pub shell: Shell,
    /// What ends within a day and concerns the reader.
    pub ending: Vec<Ending>,
    /// Keys that are live.
    pub live_keys: u64,
    /// The same in digits as people read them.
    pub live_keys_counted: String,
    /// How many keys there are to review, in digits; none where no key is. Those among them that are not live are counted too.
    pub to_review: Option<String>,
    /// How many of those live, in digits; none where all do.
    pub live_to_review: Option<String>,
    /// A few keys: those used last, newest use first.
    pub recent: Vec<RecentKey>,
    /// Whether no key was ever used: then the page says how to begin.
    pub starting: bool,
    /// Whether the viewer may create keys.
    pub may_create: bool,
    /// Whether the viewer's role may have keys at all.
    pub has_access: bool,
    /// The name of the viewer's role as people read it; empty for none.
    pub role: String,
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
