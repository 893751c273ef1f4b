//! The verification plane in memory: finds the credential of a request, and decides about it from a replica of every live grant.
//!
//! No SQL, no HTTP, no async, no clock of its own. Start reading at [`verify`].

pub mod credential;
pub mod replica;
pub mod usage;
pub mod verify;
pub mod writer;
