//! The pages that only lead on: the settings, their sections, and those of the reader's own profile.

use askama::Template;

use super::shell::Shell;

/// A page that leads on to others.
#[derive(Template, Debug)]
#[template(path = "section.html")]
pub struct SectionPage {
    /// The frame.
    pub shell: Shell,
    /// The way here from the topmost page.
    pub crumbs: Vec<Crumb>,
    /// What the page is called.
    pub title: &'static str,
    /// Where it leads, as far as the reader may go there.
    pub groups: Vec<EntryGroup>,
    /// What was searched for, empty for nothing; none where there is no search.
    pub search: Option<String>,
    /// Whether the page is also where the reader says how pages look.
    pub preferences: bool,
}

/// A page on the way to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crumb {
    /// The path within the organization.
    pub path: &'static str,
    /// What the page is called.
    pub label: &'static str,
}

/// What stands together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryGroup {
    /// What it is called; empty for a page that is not divided.
    pub title: &'static str,
    /// One at least.
    pub entries: Vec<EntryView>,
}

impl EntryGroup {
    /// The entries as one group without a name; no group where there are none.
    #[must_use]
    pub fn whole(entries: Vec<EntryView>) -> Vec<Self> {
        if entries.is_empty() { Vec::new() } else { vec![Self { title: "", entries }] }
    }
}

/// A way on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryView {
    /// The path within the organization, or on this server for the documentation.
    pub path: &'static str,
    /// Whether the path is within the organization.
    pub within: bool,
    /// The icon's name in the sprite.
    pub icon: &'static str,
    /// What the page is called.
    pub label: &'static str,
    /// What is done there.
    pub note: &'static str,
    /// The section that leads to it, where it is shown apart from that; empty otherwise.
    pub above: &'static str,
}
