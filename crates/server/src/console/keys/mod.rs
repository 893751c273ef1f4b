//! The keys of an organization: list, create, look at, change, rotate, switch on and off, delete.

pub(super) mod bulk;
pub(super) mod change;
pub(super) mod choices;
mod complaints;
mod conflict;
mod copied;
pub(super) mod door;
pub(super) mod export;
pub(super) mod form;
pub(super) mod leak;
pub(super) mod limits;
pub(super) mod list;
pub(super) mod locations;
mod review;
pub(super) mod rights;
pub(super) mod rotation;
pub(super) mod secrets;
pub(super) mod usage;
pub(super) mod view;
pub(super) mod viewing;
