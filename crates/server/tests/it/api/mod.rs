//! The management API over real connections.

mod bad_input;
mod client;
mod document;
mod fixture;
mod idempotency;
mod keys;
mod lists;
mod presentations;
mod rights;
mod sessions;
mod verify;
