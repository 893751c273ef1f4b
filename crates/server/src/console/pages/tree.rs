//! The organizations below one, and an organization's own pages.

use askama::Template;

use super::form::{Choice, FormErrors};
use super::pager::Pager;
use super::shell::{Moment, Shell, Status};

/// The tree, or, where it is large, a part of it by name.
#[derive(Template, Debug)]
#[template(path = "tree/list.html")]
pub struct TreePage {
    /// The frame.
    pub shell: Shell,
    /// The organizations: as a tree where all are here, else by name.
    pub rows: Vec<TreeRow>,
    /// The words searched for; empty for none.
    pub search: String,
    /// Whether the rows are the whole tree, in its order.
    pub whole: bool,
    /// Whether nothing stands before these.
    pub is_first: bool,
    /// Which part of the list it is.
    pub pager: Pager,
    /// Whether the viewer may make organizations here.
    pub may_create: bool,
}

/// A row of the tree.
#[derive(Debug, Clone)]
pub struct TreeRow {
    /// The organization.
    pub facts: OrganizationFacts,
    /// How far below the top of the page it stands; the top is 0.
    pub depth: usize,
    /// Live keys, in digits as people read them.
    pub keys: String,
    /// Members.
    pub members: String,
    /// Organizations directly below.
    pub children: String,
}

impl TreeRow {
    /// What sets its name in by its depth.
    #[must_use]
    pub fn inset(&self) -> String {
        if self.depth == 0 { String::new() } else { format!("{}└ ", "\u{2003}".repeat(self.depth - 1)) }
    }
}

/// What is known of an organization.
#[derive(Debug, Clone)]
pub struct OrganizationFacts {
    /// Its id.
    pub id: String,
    /// Free text.
    pub name: String,
    /// Its place in addresses, and the wire's `shortname`.
    pub slug: String,
    /// The host's own identifier, free text.
    pub external_id: Option<String>,
    /// The organization above, free text; none for the topmost that the viewer sees.
    pub parent: Option<String>,
    /// Active or suspended, in words.
    pub status: Status,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Whether it is the one that the page belongs to.
    pub here: bool,
    /// When it was made.
    pub created: Moment,
}

/// An organization's own page.
#[derive(Template, Debug)]
#[template(path = "tree/show.html")]
pub struct OrganizationPage {
    /// The frame.
    pub shell: Shell,
    /// The organization with its counts.
    pub row: TreeRow,
    /// Whether the viewer may change it.
    pub may_change: bool,
    /// Whether the viewer manages the one above too, and so may move and suspend it.
    pub may_change_from_above: bool,
    /// Whether there is one above at all.
    pub is_below_root: bool,
    /// Whether the viewer may make organizations below it.
    pub may_create: bool,
    /// Whether the viewer may look at what happened to it.
    pub may_read_history: bool,
}

/// Below which organizations one could stand.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// They, of which one is chosen.
    pub choices: Vec<Choice>,
    /// What the chosen one is called, free text.
    pub chosen: String,
    /// The words that they were searched for with; empty for none.
    pub search: String,
    /// Whether there are too many to list them all, so that they can be searched.
    pub is_searched: bool,
}

/// The form of a new or an existing organization.
#[derive(Template, Debug)]
#[template(path = "tree/form.html")]
pub struct OrganizationFormPage {
    /// The frame.
    pub shell: Shell,
    /// The organization that is changed; none for a new one.
    pub organization: Option<OrganizationFacts>,
    /// Its version when the form was opened.
    pub version: String,
    /// The name as typed.
    pub name: String,
    /// The slug as typed.
    pub slug: String,
    /// The external id as typed.
    pub external_id: String,
    /// Below which one a new one stands; none to choose from for one that exists.
    pub places: Places,
    /// What to mend.
    pub errors: FormErrors,
}

/// Asks before an organization is suspended.
#[derive(Template, Debug)]
#[template(path = "tree/suspend.html")]
pub struct SuspendPage {
    /// The frame.
    pub shell: Shell,
    /// The organization with its counts.
    pub row: TreeRow,
    /// What to mend.
    pub errors: FormErrors,
}

/// Where an organization could move to, and what that would change.
#[derive(Template, Debug)]
#[template(path = "tree/move.html")]
pub struct MovePage {
    /// The frame.
    pub shell: Shell,
    /// The organization with its counts.
    pub row: TreeRow,
    /// Its version when the page was opened.
    pub version: String,
    /// Where it could stand.
    pub places: Places,
    /// What a chosen place would change; none before one is chosen.
    pub preview: Option<MovePreview>,
    /// What to mend.
    pub errors: FormErrors,
}

/// What a move would change.
#[derive(Debug, Clone)]
pub struct MovePreview {
    /// The chosen parent's id.
    pub parent_id: String,
    /// Its name.
    pub parent: String,
    /// Settings of the policy that would hold otherwise.
    pub settings: Vec<MovedSetting>,
}

impl MovePreview {
    /// Whether something could stop that works now.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.settings.iter().any(|it| it.harm == Harm::Stops)
    }

    /// Whether something stops or is lost, so that the button warns.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        self.settings.iter().any(|it| it.harm != Harm::None)
    }
}

/// A setting of the policy that would hold otherwise.
#[derive(Debug, Clone)]
pub struct MovedSetting {
    /// What it is called.
    pub label: &'static str,
    /// What holds now.
    pub now: String,
    /// What would hold.
    pub then: String,
    /// What that means for keys.
    pub what: &'static str,
    /// What harm that does.
    pub harm: Harm,
}

/// What harm another value of a setting does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// None that a key would feel today.
    None,
    /// Something is lost that does not come back.
    Destroys,
    /// Calls that pass now could be refused.
    Stops,
}
