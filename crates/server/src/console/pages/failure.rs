//! Pages that say why there is nothing else to show, each with a way out.

use askama::Template;

use super::shell::{Moment, Preferences, Shell};

/// What an error page says, be it within the frame of a signed-in reader or outside.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// The HTTP status, for whoever reports it.
    pub status: u16,
    /// What happened, as a heading.
    pub title: &'static str,
    /// What the reader can do about it, as sentences.
    pub advice: String,
    /// The suspension that it is about; it is told instead of the advice.
    pub suspension: Option<SuspensionView>,
    /// The identifier of the request in the logs; none where it would tell nothing.
    pub request_id: Option<String>,
    /// Where to go from here, the nearest first.
    pub ways_out: Vec<WayOut>,
}

impl Trouble {
    fn may_resume(&self) -> bool {
        self.suspension.as_ref().is_some_and(|it| it.may_resume)
    }
}

/// What is known of a suspension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuspensionView {
    /// The organization that was asked for.
    pub name: String,
    /// The one above it that is suspended, with its name where the reader may know it; absent where it is this one.
    pub above: Option<Option<String>>,
    /// Since when, where that is known.
    pub since: Option<Moment>,
    /// By whom, where the reader may know that.
    pub by: Option<String>,
    /// The organization from which it is resumed, where the reader may know it.
    pub manager: Option<String>,
    /// Whether the reader may resume it; then the first way out leads there.
    pub may_resume: bool,
}

/// An error page for whoever is not signed in.
#[derive(Template, Debug)]
#[template(path = "failure.html")]
pub struct FailurePage {
    /// How this browser wants pages to look.
    pub preferences: Preferences,
    /// What it says.
    pub trouble: Trouble,
}

/// An error page for whoever is signed in.
#[derive(Template, Debug)]
#[template(path = "failure_within.html")]
pub struct FailureWithinPage {
    /// The frame: that of the organization which the address names, or of the reader's own.
    pub shell: Shell,
    /// What it says.
    pub trouble: Trouble,
}

/// A link that gets the reader out of an error page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayOut {
    /// A path on this server.
    pub href: String,
    /// What the link says.
    pub label: String,
}
