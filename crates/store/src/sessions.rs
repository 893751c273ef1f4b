//! Console sessions.

use std::net::IpAddr;

use claviger_core::id::{SessionId, UserId};
use claviger_core::limits::SESSIONS_SHOWN_MAX;
use claviger_core::secret::Digest;
use claviger_core::time::Timestamp;

use crate::row::{Columns, Unreadable};
use crate::sql::{ROWS_PURGED_MAX, statements};
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

macro_rules! columns {
    () => {
        "s.id, s.user_id, s.created_at, s.last_seen_at, s.expires_at, s.user_agent, s.ip"
    };
}

statements! {
    INSERT_SESSION =
        "INSERT INTO session (id, token_digest, user_id, created_at, last_seen_at, expires_at, user_agent, ip) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    TOUCH_SESSION = "UPDATE session SET last_seen_at = $2 WHERE id = $1 AND last_seen_at < $2";
    DELETE_SESSION = "DELETE FROM session WHERE id = $1";
    DELETE_SESSIONS_OF_USER = "DELETE FROM session WHERE user_id = $1 AND id <> $2";
    PURGE_SESSIONS =
        "DELETE FROM session WHERE id IN (SELECT s.id FROM session s WHERE s.expires_at <= $1 ORDER BY s.expires_at LIMIT $2)";
    FIND_SESSION = concat!("SELECT ", columns!(), " FROM session s WHERE s.token_digest = $1 AND s.expires_at > $2");
    FIND_SESSIONS_OF_USER = concat!(
        "SELECT ", columns!(), " FROM session s WHERE s.user_id = $1 AND s.expires_at > $2 ORDER BY s.id DESC LIMIT $3"
    );
}

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

fn session(it: &mut Columns<'_>) -> Result<Session, Unreadable> {
    Ok(Session {
        id: it.next()?,
        user_id: it.next()?,
        created_at: it.next()?,
        last_seen_at: it.next()?,
        expires_at: it.next()?,
        user_agent: it.next()?,
        ip: it.next()?,
    })
}

impl Connection {
    /// Finds a session that has not ended by the digest of its token.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_session_unchecked(&mut self, token: &Digest, now: Timestamp) -> StoreResult<Option<Session>> {
        self.find(FIND_SESSION, args![token, now], "session", session).await
    }

    /// The sessions of a user that have not ended, newest first, at most [`SESSIONS_SHOWN_MAX`].
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_sessions_of_user_unchecked(
        &mut self,
        user_id: UserId,
        now: Timestamp,
    ) -> StoreResult<Vec<Session>> {
        let arguments = args![user_id, now, SESSIONS_SHOWN_MAX as u64];
        self.list(FIND_SESSIONS_OF_USER, arguments, "session", session).await
    }
}

impl Tx {
    /// Writes a session that is found by the digest of its token.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn insert_session_unchecked(&mut self, session: &Session, token: &Digest) -> StoreResult<()> {
        let Session { id, user_id, created_at, last_seen_at, expires_at, user_agent, ip } = session;
        let arguments = args![id, token, user_id, created_at, last_seen_at, expires_at, user_agent, ip];
        self.execute(INSERT_SESSION, arguments).await.map(drop)
    }

    /// Notes that a session was used.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn touch_session_unchecked(&mut self, id: SessionId, at: Timestamp) -> StoreResult<()> {
        self.execute(TOUCH_SESSION, args![id, at]).await.map(drop)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn delete_session_unchecked(&mut self, id: SessionId) -> StoreResult<()> {
        self.execute(DELETE_SESSION, args![id]).await.map(drop)
    }

    /// Ends all sessions of a user but one, and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn delete_sessions_of_user_unchecked(
        &mut self,
        user_id: UserId,
        except: Option<SessionId>,
    ) -> StoreResult<u64> {
        let except = except.map_or(String::new(), |it| it.to_string());
        self.execute(DELETE_SESSIONS_OF_USER, args![user_id, except]).await
    }

    /// Removes sessions that have ended, at most [`ROWS_PURGED_MAX`], and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_sessions_unchecked(&mut self, now: Timestamp) -> StoreResult<u64> {
        self.execute(PURGE_SESSIONS, args![now, ROWS_PURGED_MAX]).await
    }
}
