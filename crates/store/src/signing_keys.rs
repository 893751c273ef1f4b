//! Keys that sign access tokens, sealed: nothing is opened here.

use claviger_core::access_token::{PublicKey, SigningKeyInfo, SigningKeyState};
use claviger_core::id::{DataKeyId, SigningKeyId};
use claviger_core::sealing::WrappedKey;
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;

use crate::row::{Columns, Unreadable};
use crate::sealing::DataKeyRow;
use crate::sql::statements;
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

statements! {
    FIND_SIGNING_KEYS =
        "SELECT k.id, k.state, k.retired_until, k.public_key, k.created_at, k.current_at, k.sealed, \
         d.id, d.master_key_id, d.wrapped FROM signing_key k JOIN data_key d ON d.id = k.data_key_id \
         WHERE k.organization_id = $1 AND d.wrapped IS NOT NULL ORDER BY k.id";
    INSERT_SIGNING_KEY =
        "INSERT INTO signing_key (id, organization_id, state, retired_until, public_key, data_key_id, sealed, created_at, current_at, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)";
    UPDATE_SIGNING_KEY =
        "UPDATE signing_key SET state = $3, retired_until = $4, current_at = $5, version = version + 1 \
         WHERE id = $1 AND organization_id = $2";
    DELETE_SIGNING_KEY = "DELETE FROM signing_key WHERE id = $1 AND organization_id = $2";
}

/// A signing key as it is stored.
#[derive(Debug, Clone)]
pub struct SigningKeyRow {
    /// What is known of it.
    pub info: SigningKeyInfo,
    /// What the data key opens.
    pub sealed: Vec<u8>,
    /// The data key.
    pub data_key: DataKeyRow,
}

const fn columns(state: SigningKeyState) -> (&'static str, Option<Timestamp>) {
    match state {
        SigningKeyState::Next => ("next", None),
        SigningKeyState::Current => ("current", None),
        SigningKeyState::Retired { until } => ("retired", Some(until)),
    }
}

fn signing_key(it: &mut Columns<'_>) -> Result<SigningKeyRow, Unreadable> {
    let id = it.next()?;
    let state = match (it.next::<String>()?.as_str(), it.next()?) {
        ("next", None) => SigningKeyState::Next,
        ("current", None) => SigningKeyState::Current,
        ("retired", Some(until)) => SigningKeyState::Retired { until },
        (state, _) => return Err(Unreadable(format!("`{state}` is no state of a signing key"))),
    };
    let public_key = public_key(it)?;
    let info = SigningKeyInfo { id, state, public_key, created_at: it.next()?, current_at: it.next()? };
    let sealed = it.next()?;
    let data_key = DataKeyRow { id: it.next()?, wrapped: WrappedKey { master_key_id: it.next()?, bytes: it.next()? } };
    Ok(SigningKeyRow { info, sealed, data_key })
}

/// That a statement has changed a row.
pub(crate) const fn one(rows: u64) -> StoreResult<()> {
    if rows == 1 { Ok(()) } else { Err(crate::Error::Missing) }
}

/// Reads the public half of a signing key.
pub(crate) fn public_key(it: &mut Columns<'_>) -> Result<PublicKey, Unreadable> {
    PublicKey::from_slice(&it.next::<Vec<u8>>()?).ok_or_else(|| Unreadable("is no public key".into()))
}

impl Connection {
    /// The installation's signing keys, in the order in which they were made; the tenant is the root.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_signing_keys(&mut self, tenant: &Tenant) -> StoreResult<Vec<SigningKeyRow>> {
        self.list(FIND_SIGNING_KEYS, args![tenant.organization_id()], "signing_key", signing_key).await
    }
}

impl Tx {
    /// Writes a signing key.
    ///
    /// # Errors
    /// `Taken` where there is a current or a next one and this is another.
    pub async fn insert_signing_key(
        &mut self,
        tenant: &Tenant,
        it: &SigningKeyInfo,
        data_key_id: DataKeyId,
        sealed: &Vec<u8>,
    ) -> StoreResult<()> {
        let (state, until) = columns(it.state);
        let place = args![it.id, tenant.organization_id(), state, until, *it.public_key.as_bytes()];
        let rest = args![data_key_id, sealed, it.created_at, it.current_at];
        self.execute(INSERT_SIGNING_KEY, [place, rest].concat()).await.map(drop)
    }

    /// Writes where a signing key stands in its life.
    ///
    /// # Errors
    /// `Missing` where it is not the tenant's.
    pub async fn update_signing_key(&mut self, tenant: &Tenant, it: &SigningKeyInfo) -> StoreResult<()> {
        let (state, until) = columns(it.state);
        let arguments = args![it.id, tenant.organization_id(), state, until, it.current_at];
        one(self.execute(UPDATE_SIGNING_KEY, arguments).await?)
    }

    /// Removes a signing key: what it signed is good no more.
    ///
    /// # Errors
    /// `Missing` where it is not the tenant's.
    pub async fn delete_signing_key(&mut self, tenant: &Tenant, id: SigningKeyId) -> StoreResult<()> {
        one(self.execute(DELETE_SIGNING_KEY, args![id, tenant.organization_id()]).await?)
    }
}
