//! The management API over real connections.

mod apis;
mod bad_input;
mod client;
mod credentials;
mod document;
mod events;
mod fixture;
mod generated;
mod idempotency;
mod introspection;
mod key_bulk;
mod key_filters;
mod key_leaks;
mod keys;
mod lists;
pub(crate) mod log;
mod personal_keys;
mod policies;
mod presentations;
mod rates;
mod rights;
mod schema;
mod secrecy;
mod sessions;
mod tree;
mod verify;
mod verify_batch;
