//! Use: counted in memory beside the entry it is about, drained in chunks.

use std::net::IpAddr;

use claviger_core::id::SecretId;
use claviger_core::time::Timestamp;

use crate::replica::Replica;

/// Secrets in one chunk of drained uses at most.
pub const USES_PER_CHUNK_MAX: usize = 1000;

/// What was counted of one secret since it was drained last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretUse {
    /// The secret.
    pub secret_id: SecretId,
    /// The latest use, to the millisecond.
    pub last_used_at: Timestamp,
    /// Where the latest use came from; absent when unknown or when more than 16,384 origins were seen between two drains.
    pub ip: Option<IpAddr>,
    /// What the latest use called itself, at most 256 bytes of it.
    pub user_agent: Option<Box<str>>,
    /// How many uses.
    pub count: u64,
}

impl Replica {
    /// Takes what was counted, of at most `max` (and never more than [`USES_PER_CHUNK_MAX`]) secrets; empty when nothing is left.
    /// What is taken is no longer held here: drain the next chunk once this one is written.
    pub fn drain_uses(&self, max: usize) -> Vec<SecretUse> {
        let _ = max;
        todo!("first landing")
    }
}
