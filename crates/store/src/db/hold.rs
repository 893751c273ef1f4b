//! Rows that a transaction relies on.
//!
//! SQLite has one writer, so nothing changes beside it. On PostgreSQL the row is locked.

use claviger_core::event::{Entity, EntityKind};

use super::{Connection, Tx};
use crate::error::StoreResult;
use crate::value::args;

/// The statements of PostgreSQL: an insert that refers to a held row waits for none of them.
macro_rules! hold {
    ($table:literal) => {
        [
            concat!("SELECT 1 FROM ", $table, " WHERE id = $1 FOR NO KEY UPDATE"),
            concat!("SELECT 1 FROM ", $table, " WHERE id = $1 FOR SHARE"),
        ]
    };
}
const KEY: [&str; 2] = hold!("key");
const USER: [&str; 2] = hold!("\"user\"");
const ORGANIZATION: [&str; 2] = hold!("organization");
const IMPORT: [&str; 2] = hold!("import");
const WEBHOOK: [&str; 2] = hold!("webhook");

/// Of a text that is no row yet. Class and schema keep it apart from other locks; two texts with one hash wait for each other in vain, and no harm.
const TEXT: &str = "SELECT 1 FROM pg_advisory_xact_lock(hashtext('text ' || current_schema()), hashtext($1))";

/// For one transaction: ended otherwise after [`postgres`](super::postgres)'s idle timeout, as one whose node is gone.
const STAND_STILL: &str = "SELECT 1 FROM set_config('idle_in_transaction_session_timeout', '0', true)";

/// All of them, by name.
pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("STAND_STILL", STAND_STILL),
    ("HOLD_TEXT", TEXT),
    ("HOLD_KEY", KEY[0]),
    ("HOLD_KEY_SHARED", KEY[1]),
    ("HOLD_USER", USER[0]),
    ("HOLD_USER_SHARED", USER[1]),
    ("HOLD_ORGANIZATION", ORGANIZATION[0]),
    ("HOLD_ORGANIZATION_SHARED", ORGANIZATION[1]),
    ("HOLD_IMPORT", IMPORT[0]),
    ("HOLD_IMPORT_SHARED", IMPORT[1]),
    ("HOLD_WEBHOOK", WEBHOOK[0]),
    ("HOLD_WEBHOOK_SHARED", WEBHOOK[1]),
];

/// A row that a transaction relies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hold {
    entity: Entity,
    /// The stronger hold comes first.
    shared: bool,
}

impl Hold {
    /// For itself: to read a row and then to change it, or what is counted by it.
    pub fn alone(entity: impl Into<Entity>) -> Self {
        Self { entity: entity.into(), shared: false }
    }

    /// Together with others that only rely on it.
    pub fn shared(entity: impl Into<Entity>) -> Self {
        Self { entity: entity.into(), shared: true }
    }
}

impl Connection {
    /// Lets the transaction wait for its caller for as long as that takes: a pipe that somebody reads, or fills, by hand.
    ///
    /// # Errors
    /// What any statement can meet.
    pub(crate) async fn be_patient(&mut self) -> StoreResult<()> {
        if self.is_shared() {
            self.fetch_optional(STAND_STILL, args![]).await?;
        }
        Ok(())
    }
}

impl Tx {
    /// Has a text to itself until this transaction ends: for what is decided by whether a row is there.
    ///
    /// # Errors
    /// As [`Self::hold`].
    pub(crate) async fn hold_text(&mut self, text: &str) -> StoreResult<()> {
        if self.is_shared() {
            self.fetch_optional(TEXT, args![text]).await?;
        }
        Ok(())
    }

    /// Keeps rows as they are until this transaction ends, but for what it changes itself. Rows that are not there are no error. All are
    /// named in one call, so that they are taken in one order and no two transactions wait for each other.
    ///
    /// # Errors
    /// `Unavailable` when somebody else does not let go of one in time.
    pub async fn hold(&mut self, rows: impl IntoIterator<Item = Hold>) -> StoreResult<()> {
        if !self.is_shared() {
            return Ok(());
        }
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_unstable();
        rows.dedup_by_key(|it| it.entity);
        for Hold { entity, shared } in rows {
            let [alone, together] = match entity.kind {
                EntityKind::Key => KEY,
                EntityKind::User => USER,
                EntityKind::Organization => ORGANIZATION,
                EntityKind::Import => IMPORT,
                EntityKind::Webhook => WEBHOOK,
                // They change only in transactions that have the database for themselves, or are nobody's but their owner's.
                EntityKind::Member
                | EntityKind::Role
                | EntityKind::Api
                | EntityKind::Session
                | EntityKind::SharedSecret
                | EntityKind::SigningKey
                | EntityKind::SignIn
                | EntityKind::EventType
                | EntityKind::Event => continue,
            };
            self.fetch_optional(if shared { together } else { alone }, args![entity.to_string()]).await?;
        }
        Ok(())
    }
}
