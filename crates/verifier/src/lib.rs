//! The verification plane in memory: finds the credential of a request, and decides about it from a replica of every live grant.
//!
//! No SQL, no HTTP, no async, no clock of its own. Start reading at [`verify`]; how readers look into tables that are being written is said
//! in `locked.rs` and `entry.rs` (secrets), `index.rs` (how they are found) and `cells.rs` (what they hang on).

mod apis;
mod build;
mod cells;
pub mod credential;
pub mod denials;
mod entry;
pub mod facts;
#[cfg(test)]
mod fixtures;
mod hanging;
mod hash;
mod held;
mod index;
pub mod limiter;
mod locked;
mod origins;
pub mod replica;
mod resolve;
mod slab;
mod state;
#[cfg(test)]
mod stress_tests;
mod text;
pub mod tokens;
pub mod usage;
pub mod verify;
mod version_uses;
pub mod writer;
