//! Console sessions.

use std::net::IpAddr;

use claviger_core::id::{SessionId, UserId};
use claviger_core::secret::Digest;
use claviger_core::time::Timestamp;

use crate::{Connection, StoreResult, Tx};

/// A sign-in to the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its identifier.
    pub id: SessionId,
    /// Who.
    pub user_id: UserId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends, however busy.
    pub expires_at: Timestamp,
    /// What the browser says it is.
    pub user_agent: Option<String>,
    /// From where it began.
    pub ip: Option<IpAddr>,
}

impl Connection {
    /// Finds a session that has not ended by the digest of its token.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_session_unchecked(&mut self, _token: &Digest, _now: Timestamp) -> StoreResult<Option<Session>> {
        todo!()
    }

    /// The sessions of a user that have not ended, newest first, at most 100.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_sessions_of_user_unchecked(
        &mut self,
        _user_id: UserId,
        _now: Timestamp,
    ) -> StoreResult<Vec<Session>> {
        todo!()
    }
}

impl Tx {
    /// Writes a session that is found by the digest of its token.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn insert_session_unchecked(&mut self, _session: &Session, _token: &Digest) -> StoreResult<()> {
        todo!()
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn touch_session_unchecked(&mut self, _id: SessionId, _at: Timestamp) -> StoreResult<()> {
        todo!()
    }

    /// Ends a session.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn delete_session_unchecked(&mut self, _id: SessionId) -> StoreResult<()> {
        todo!()
    }

    /// Ends all sessions of a user but one, and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn delete_sessions_of_user_unchecked(
        &mut self,
        _user_id: UserId,
        _except: Option<SessionId>,
    ) -> StoreResult<u64> {
        todo!()
    }

    /// Removes sessions that have ended, and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_sessions_unchecked(&mut self, _now: Timestamp) -> StoreResult<u64> {
        todo!()
    }
}
