//! One-time links: set-up and invitations.

use claviger_core::id::{LinkId, UserId};
use claviger_core::secret::Digest;
use claviger_core::time::Timestamp;

use crate::{Connection, StoreResult, Tx};

/// What a one-time link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkPurpose {
    /// The first admin takes the installation.
    Setup,
    /// A user sets a password for the first time.
    Invitation,
    /// A user sets another password.
    PasswordReset,
}

/// A one-time link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its identifier.
    pub id: LinkId,
    /// What it is for.
    pub purpose: LinkPurpose,
    /// For whom.
    pub user_id: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is not accepted any more.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

impl Connection {
    /// Finds a link by the digest of its token, used and expired ones included.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_link_unchecked(&mut self, _token: &Digest) -> StoreResult<Option<Link>> {
        todo!()
    }
}

impl Tx {
    /// Writes a link that is found by the digest of its token.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn insert_link_unchecked(&mut self, _link: &Link, _token: &Digest) -> StoreResult<()> {
        todo!()
    }

    /// Uses a link up.
    ///
    /// # Errors
    /// `Missing` when it was used, or has expired.
    pub async fn use_link_unchecked(&mut self, _id: LinkId, _at: Timestamp) -> StoreResult<()> {
        todo!()
    }

    /// Removes links that were used or have expired, and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_links_unchecked(&mut self, _now: Timestamp) -> StoreResult<u64> {
        todo!()
    }
}
