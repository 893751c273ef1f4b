//! The installation: the one fact that the first start leaves behind.

use claviger_core::id::OrganizationId;
use claviger_core::time::Timestamp;

use crate::{Connection, StoreResult, Tx};

/// That the service was set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Installation {
    /// The root of the tree.
    pub root_organization_id: OrganizationId,
    /// When it was set up.
    pub created_at: Timestamp,
    /// When the first admin took the set-up link; absent while nobody has.
    pub claimed_at: Option<Timestamp>,
}

impl Connection {
    /// Finds it; absent before the first start.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_installation_unchecked(&mut self) -> StoreResult<Option<Installation>> {
        todo!()
    }
}

impl Tx {
    /// Writes it; there can be one.
    ///
    /// # Errors
    /// `Taken` when there is one.
    pub async fn insert_installation_unchecked(&mut self, _installation: &Installation) -> StoreResult<()> {
        todo!()
    }

    /// Notes that the first admin took the set-up link.
    ///
    /// # Errors
    /// `Missing` when it was taken before.
    pub async fn claim_installation_unchecked(&mut self, _at: Timestamp) -> StoreResult<()> {
        todo!()
    }
}
