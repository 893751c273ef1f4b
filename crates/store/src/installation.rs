//! The installation: the one fact that the first start leaves behind.

use claviger_core::id::OrganizationId;
use claviger_core::sealing::MasterKeyId;
use claviger_core::time::Timestamp;

use crate::sql::statements;
use crate::value::args;
use crate::{Connection, Error, StoreResult, Tx};

statements! {
    INSERT_INSTALLATION =
        "INSERT INTO installation (id, root_organization_id, created_at, claimed_at) VALUES (1, $1, $2, $3)";
    KEEP_MASTER_KEY_ID = "UPDATE installation SET master_key_id = $1 WHERE master_key_id IS NULL";
    FIND_MASTER_KEY_ID = "SELECT master_key_id FROM installation";
    PUT_MASTER_KEY_ID = "UPDATE installation SET master_key_id = $1";
    CLAIM_INSTALLATION = "UPDATE installation SET claimed_at = $1 WHERE claimed_at IS NULL";
    FIND_INSTALLATION = "SELECT root_organization_id, created_at, claimed_at FROM installation";
}

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
    /// The installation's master key; absent while none is noted.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_master_key_id_unchecked(&mut self) -> StoreResult<Option<MasterKeyId>> {
        let read = |it: &mut crate::row::Columns<'_>| it.next::<Option<MasterKeyId>>();
        Ok(self.find(FIND_MASTER_KEY_ID, args![], "installation", read).await?.flatten())
    }

    /// Finds it; absent before the first start.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_installation_unchecked(&mut self) -> StoreResult<Option<Installation>> {
        self.find(FIND_INSTALLATION, args![], "installation", |it| {
            Ok(Installation { root_organization_id: it.next()?, created_at: it.next()?, claimed_at: it.next()? })
        })
        .await
    }
}

impl Tx {
    /// Writes it; there can be one.
    ///
    /// # Errors
    /// `Taken` when there is one.
    pub async fn insert_installation_unchecked(&mut self, installation: &Installation) -> StoreResult<()> {
        let Installation { root_organization_id, created_at, claimed_at } = installation;
        self.execute(INSERT_INSTALLATION, args![root_organization_id, created_at, claimed_at]).await.map(drop)
    }

    /// Notes which master key the installation has, if none is noted; answers the one that is. `None` before the first start.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn keep_master_key_id_unchecked(&mut self, id: MasterKeyId) -> StoreResult<Option<MasterKeyId>> {
        self.execute(KEEP_MASTER_KEY_ID, args![id]).await?;
        self.find_master_key_id_unchecked().await
    }

    /// Notes that this is the installation's master key from now on.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn put_master_key_id_unchecked(&mut self, id: MasterKeyId) -> StoreResult<()> {
        self.execute(PUT_MASTER_KEY_ID, args![id]).await.map(drop)
    }

    /// Notes that the first admin took the set-up link.
    ///
    /// # Errors
    /// `Missing` when it was taken before.
    pub async fn claim_installation_unchecked(&mut self, at: Timestamp) -> StoreResult<()> {
        match self.execute(CLAIM_INSTALLATION, args![at]).await? {
            0 => Err(Error::Missing),
            _ => Ok(()),
        }
    }
}
