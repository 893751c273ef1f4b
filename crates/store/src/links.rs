//! One-time links: set-up, invitations, and new passwords.

use claviger_core::id::{LinkId, UserId};
use claviger_core::secret::Digest;
use claviger_core::time::Timestamp;

use crate::row::{Columns, Unreadable};
use crate::sql::{ROWS_PURGED_MAX, statements};
use crate::value::args;
use crate::{Connection, StoreResult, Tx};

macro_rules! columns {
    () => {
        "l.id, l.purpose, l.user_id, l.created_at, l.expires_at, l.used_at"
    };
}

statements! {
    INSERT_LINK =
        "INSERT INTO link (id, token_digest, purpose, user_id, created_at, expires_at, used_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    USE_LINK = "UPDATE link SET used_at = $2 WHERE id = $1 AND used_at IS NULL AND expires_at > $2";
    WITHDRAW_LINKS = "DELETE FROM link WHERE user_id = $1 AND purpose <> 'setup' AND used_at IS NULL AND expires_at > $2";
    PURGE_LINKS =
        "DELETE FROM link WHERE id IN (SELECT l.id FROM link l WHERE l.used_at IS NOT NULL OR l.expires_at <= $1 LIMIT $2)";
    FIND_LINK = concat!("SELECT ", columns!(), " FROM link l WHERE l.token_digest = $1");
}

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

impl LinkPurpose {
    /// The name in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Invitation => "invitation",
            Self::PasswordReset => "password_reset",
        }
    }

    /// Reads the name in storage.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Setup, Self::Invitation, Self::PasswordReset].into_iter().find(|it| it.as_str() == text)
    }
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

fn link(it: &mut Columns<'_>) -> Result<Link, Unreadable> {
    Ok(Link {
        id: it.next()?,
        purpose: it.next()?,
        user_id: it.next()?,
        created_at: it.next()?,
        expires_at: it.next()?,
        used_at: it.next()?,
    })
}

impl Connection {
    /// Finds a link by the digest of its token, used and expired ones included.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn find_link_unchecked(&mut self, token: &Digest) -> StoreResult<Option<Link>> {
        self.find(FIND_LINK, args![token], "link", link).await
    }
}

impl Tx {
    /// Writes a link that is found by the digest of its token.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn insert_link_unchecked(&mut self, link: &Link, token: &Digest) -> StoreResult<()> {
        let Link { id, purpose, user_id, created_at, expires_at, used_at } = link;
        let arguments = args![id, token, purpose.as_str(), user_id, created_at, expires_at, used_at];
        self.execute(INSERT_LINK, arguments).await.map(drop)
    }

    /// Uses a link up.
    ///
    /// # Errors
    /// `Missing` when it was used, or has expired.
    pub async fn use_link_unchecked(&mut self, id: LinkId, at: Timestamp) -> StoreResult<()> {
        self.change(USE_LINK, args![id, at]).await
    }

    /// Takes back the links by which a user could set a password, and says how many were still good.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn withdraw_links_unchecked(&mut self, user_id: UserId, now: Timestamp) -> StoreResult<u64> {
        self.execute(WITHDRAW_LINKS, args![user_id, now]).await
    }

    /// Removes links that were used or have expired, at most [`ROWS_PURGED_MAX`], and says how many.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn purge_links_unchecked(&mut self, now: Timestamp) -> StoreResult<u64> {
        self.execute(PURGE_LINKS, args![now, ROWS_PURGED_MAX]).await
    }
}
