//! The members of an organization: the list, a member's own pages, inviting, and links to set a password by.

pub(super) mod change;
pub(super) mod edit;
pub(super) mod form;
pub(super) mod list;
