//! The keys of an organization: list, create, look at, change, rotate, switch on and off, delete.

pub(super) mod change;
mod choices;
pub(super) mod form;
pub(super) mod list;
pub(super) mod secrets;
pub(super) mod view;
