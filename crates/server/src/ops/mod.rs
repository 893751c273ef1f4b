//! Every operation, defined once: authorize, transact, commit with the event, wait until this node's replica has applied it, answer.
//!
//! `api`, `console`, `cli` and `jobs` decode and encode; what an operation is, and who may do it, stands here.

pub mod account;
mod admins;
pub mod apis;
pub mod caller;
pub mod chain;
pub mod clocks;
pub mod error;
pub mod event_types;
pub mod events;
pub mod host_events;
pub mod idempotency;
pub mod imports;
pub mod installation;
pub mod introspect;
pub mod keys;
pub mod leaving;
pub mod links;
pub mod master_key;
pub mod me;
pub mod members;
pub mod moves;
pub mod nodes;
pub mod notifications;
pub mod organizations;
pub mod page;
pub(crate) mod passwords;
pub mod people;
pub mod policies;
pub mod precondition;
pub mod readers;
pub mod receipts;
pub mod role_preview;
pub mod roles;
mod sealing;
pub mod sending;
pub mod sessions;
pub mod shared_secrets;
mod standing;
pub mod suspension;
pub(crate) mod throttle;
pub mod tokens;
mod transaction;
pub mod users;
pub mod verify;
pub mod webhooks;
