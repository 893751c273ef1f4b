//! The organizations within reach.

use askama::Template;

use super::shell::Shell;

/// Where to go from here.
#[derive(Template, Debug)]
#[template(path = "organizations.html")]
pub struct OrganizationsPage {
    /// The frame.
    pub shell: Shell,
    /// The words searched for.
    pub search: String,
    /// Whether a search is of any use: there are many, or somebody has searched.
    pub is_searched: bool,
    /// The organizations, the topmost first.
    pub rows: Vec<OrganizationRow>,
    /// Whether nothing stands before these.
    pub is_first: bool,
    /// The path of the first page, within the organization.
    pub start: String,
    /// The query string of the next page, without `?`; none on the last.
    pub next: Option<String>,
}

/// An organization that can be looked at.
#[derive(Debug, Clone)]
pub struct OrganizationRow {
    /// Free text.
    pub name: String,
    /// Where it is found.
    pub slug: String,
    /// Whether it is the one that the page belongs to.
    pub here: bool,
    /// Whether it is suspended: then there is nothing to look at.
    pub suspended: bool,
}
