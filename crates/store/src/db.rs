//! The engines: connections and transactions. This room is the only one that knows that there are two.

mod connection;
mod failure;
mod folder;
mod hold;
mod migrations;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claviger_core::event::Entity;
use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::webhook::ended::EndedWebhook;
use rand_core::CryptoRng;
use sqlx::postgres::PgListener;

pub use self::connection::Connection;
use self::connection::{Handle, Link};
pub(crate) use self::connection::{Row, unnamed};
use self::failure::failure;
use self::folder::Folder;
pub use self::folder::close_to_others;
pub use self::hold::Hold;
pub(crate) use self::hold::STATEMENTS as HOLD_STATEMENTS;
use crate::error::StoreResult;
use crate::log::Placing;

/// How long a caller waits for a connection.
const WAIT: Duration = Duration::from_secs(10);
/// A doorbell that did not ring for so long is asked whether it still can.
const SILENT_FOR: Duration = Duration::from_secs(30);
/// Prepared statements a connection keeps: all there are.
const STATEMENTS_KEPT: usize = 1024;

/// What an acknowledged commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A power loss.
    #[default]
    Full,
    /// Nothing: for tests and `claviger dev`.
    None,
}

/// How a store is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What an acknowledged commit survives.
    pub durability: Durability,
    /// Bytes an embedded database may grow to; beyond them changes are refused as on a full disk. Absent: as far as the disk goes.
    pub bytes_max: Option<u64>,
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    engine: Engine,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
    /// Of several transactions of this node that wait for the places of their events, one asks for all.
    sequencing: tokio::sync::Mutex<()>,
    placing: Placing,
}

enum Engine {
    Sqlite(sqlite::Files),
    Postgres(postgres::Pools),
}

/// A connection that only reads. Each statement sees the newest commit; it never waits for a writer.
pub struct Reader(Connection);

/// A writing transaction. Dropping it rolls everything back.
///
/// A statement that fails spoils it: nothing but dropping it is left, as on PostgreSQL. On SQLite some failures (a full disk)
/// end the transaction by themselves, and what came after would be written without it and without its event.
pub struct Tx {
    connection: Connection,
    pub(crate) store: Store,
    /// The replicated rows that were written.
    pub(crate) touched: BTreeSet<Entity>,
    /// The keys that were written in bulk, from the first to the last.
    pub(crate) touched_keys: Option<(KeyId, KeyId)>,
    /// The keys whose secrets were written.
    pub(crate) secrets_touched: BTreeSet<KeyId>,
    /// By how many the live keys of an organization have become more.
    pub(crate) live_keys: BTreeMap<OrganizationId, i64>,
    /// The webhooks that have ended with their keys, of which the log tells with the commit.
    pub(crate) ended_webhooks: Vec<EndedWebhook>,
    /// Whether a crash of the database may undo it once it is committed.
    pub(crate) is_forgettable: bool,
}

/// A transaction of housekeeping: it changes nothing that is replicated, so it needs no event.
pub(crate) struct PlainTx(Connection);

/// Rings when another node may have committed something. A lost ring is no loss: whoever waits for it looks by itself too.
pub struct Doorbell(PgListener);

impl Store {
    /// Opens the embedded database in a folder, makes both where they are not there, and migrates it.
    ///
    /// `rng` makes the ids and salts of events.
    ///
    /// # Errors
    /// [`Locked`](crate::Error::Locked) when another process has it open, `Folder`, `Schema`, `StorageFull`, `Unavailable`.
    pub async fn open(folder: &Path, options: Options, rng: impl CryptoRng + Send + 'static) -> StoreResult<Self> {
        let files = sqlite::Files::open(Folder::take(folder.to_owned())?, options).await?;
        Ok(Self::of(Engine::Sqlite(files), rng))
    }

    /// An embedded database in a temporary folder that goes away with the last clone. It survives nothing.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn throwaway(rng: impl CryptoRng + Send + 'static) -> StoreResult<Self> {
        let options = Options { durability: Durability::None, bytes_max: None };
        let files = sqlite::Files::open(Folder::temporary()?, options).await?;
        Ok(Self::of(Engine::Sqlite(files), rng))
    }

    /// Connects to a PostgreSQL, `postgres://user:password@host:port/database`, and migrates it. Any number of nodes may.
    ///
    /// # Errors
    /// [`Address`](crate::Error::Address), `OldServer`, `Schema`, `StorageFull`, `Unavailable`.
    pub async fn connect(url: &str, options: Options, rng: impl CryptoRng + Send + 'static) -> StoreResult<Self> {
        Ok(Self::of(Engine::Postgres(postgres::Pools::connect(url, options).await?), rng))
    }

    /// Opens the embedded database in a folder to read it, while another process may serve it. What writes fails.
    ///
    /// # Errors
    /// `Unmigrated`, `Schema` where it is of another version; `Unavailable`.
    pub async fn beside(folder: &Path, rng: impl CryptoRng + Send + 'static) -> StoreResult<Self> {
        let files = sqlite::Files::beside(Folder::beside(folder.to_owned())).await?;
        Ok(Self::of(Engine::Sqlite(files), rng))
    }

    /// Connects to a PostgreSQL beside the nodes that serve it, and migrates nothing.
    ///
    /// # Errors
    /// As [`Self::connect`]; `Unmigrated`, `Schema` where it is of another version.
    pub async fn connect_beside(
        url: &str,
        options: Options,
        rng: impl CryptoRng + Send + 'static,
    ) -> StoreResult<Self> {
        Ok(Self::of(Engine::Postgres(postgres::Pools::beside(url, options).await?), rng))
    }

    fn of(engine: Engine, rng: impl CryptoRng + Send + 'static) -> Self {
        Self(Arc::new(Inner {
            engine,
            rng: Mutex::new(Box::new(rng)),
            sequencing: tokio::sync::Mutex::new(()),
            placing: Placing::default(),
        }))
    }

    /// A connection to read with.
    ///
    /// # Errors
    /// `Unavailable` when none gets free in time.
    pub async fn read(&self) -> StoreResult<Reader> {
        let link = match &self.0.engine {
            Engine::Sqlite(files) => Link::Sqlite(Handle::Reader(files.read().await?)),
            Engine::Postgres(pools) => Link::Postgres(Handle::Reader(pools.read().await?)),
        };
        Ok(Reader(Connection::new(link)))
    }

    /// A connection that reads everything as it was at one moment.
    ///
    /// # Errors
    /// `Unavailable` when none gets free in time.
    pub async fn snapshot(&self) -> StoreResult<Reader> {
        let link = match &self.0.engine {
            Engine::Sqlite(files) => Link::Sqlite(Handle::Writer(files.begin_snapshot().await?)),
            Engine::Postgres(pools) => Link::Postgres(Handle::Writer(pools.begin_snapshot().await?)),
        };
        Ok(Reader(Connection::new(link)))
    }

    /// A connection to follow the log with, set apart from those of [`Self::read`]: who holds all of these keeps no follower waiting. For one
    /// read at a time, and short ones.
    ///
    /// # Errors
    /// `Unavailable` when none gets free in time.
    pub async fn follow(&self) -> StoreResult<Reader> {
        let link = match &self.0.engine {
            Engine::Sqlite(files) => Link::Sqlite(Handle::Reader(files.follow().await?)),
            Engine::Postgres(pools) => Link::Postgres(Handle::Reader(pools.follow().await?)),
        };
        Ok(Reader(Connection::new(link)))
    }

    /// A writing transaction. Whatever rights hang on (the tree, policies, roles, members, users, apis) stays as it is until it ends.
    ///
    /// # Errors
    /// `Unavailable` when none gets free in time.
    pub async fn begin(&self) -> StoreResult<Tx> {
        let link = match &self.0.engine {
            Engine::Sqlite(files) => Link::Sqlite(Handle::Writer(files.begin().await?)),
            Engine::Postgres(pools) => Link::Postgres(Handle::Writer(pools.begin().await?)),
        };
        Ok(self.transaction(link))
    }

    /// As [`Self::begin`], for what is then merely done once more: on PostgreSQL its commit does not wait for the disk. A crash of the database's machine
    /// may undo it, though none of this process. It ends with no event.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn begin_forgettable(&self) -> StoreResult<Tx> {
        let link = match &self.0.engine {
            // What its file waits for is set when that is opened.
            Engine::Sqlite(files) => Link::Sqlite(Handle::Writer(files.begin().await?)),
            Engine::Postgres(pools) => Link::Postgres(Handle::Writer(pools.begin_forgettable().await?)),
        };
        Ok(Tx { is_forgettable: true, ..self.transaction(link) })
    }

    /// A writing transaction that has the whole database for itself, for changing what rights hang on.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn begin_structural(&self) -> StoreResult<Tx> {
        let link = match &self.0.engine {
            // There is one writer.
            Engine::Sqlite(files) => Link::Sqlite(Handle::Writer(files.begin().await?)),
            Engine::Postgres(pools) => Link::Postgres(Handle::Writer(pools.begin_structural().await?)),
        };
        Ok(self.transaction(link))
    }

    fn transaction(&self, link: Link) -> Tx {
        Tx {
            connection: Connection::new(link),
            store: self.clone(),
            touched: BTreeSet::new(),
            touched_keys: None,
            secrets_touched: BTreeSet::new(),
            live_keys: BTreeMap::new(),
            ended_webhooks: Vec::new(),
            is_forgettable: false,
        }
    }

    /// The transaction in which usage is flushed: on SQLite another file, another writer.
    pub(crate) async fn begin_usage(&self) -> StoreResult<PlainTx> {
        let link = match &self.0.engine {
            Engine::Sqlite(files) => Link::Sqlite(Handle::Writer(files.begin_usage().await?)),
            Engine::Postgres(pools) => Link::Postgres(Handle::Writer(pools.begin_usage().await?)),
        };
        Ok(PlainTx(Connection::new(link)))
    }

    /// The transaction that gives events their places; absent where they have one from the start.
    pub(crate) async fn begin_sequencing(&self) -> StoreResult<Option<PlainTx>> {
        Ok(match &self.0.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(pools) => {
                let link = Link::Postgres(Handle::Writer(pools.begin_sequencing().await?));
                Some(PlainTx(Connection::new(link)))
            }
        })
    }

    /// The transaction in which a node says how far it has come; absent where nobody else would hear of it.
    pub(crate) async fn begin_telling(&self) -> StoreResult<Option<PlainTx>> {
        Ok(match &self.0.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(pools) => {
                let link = Link::Postgres(Handle::Writer(pools.begin_telling().await?));
                Some(PlainTx(Connection::new(link)))
            }
        })
    }

    /// Whether several transactions write at once; of a connection, [`Connection::is_shared`].
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.0.engine, Engine::Postgres(_))
    }

    /// Who asks for places now, of the transactions of this node.
    pub(crate) fn sequencing(&self) -> &tokio::sync::Mutex<()> {
        &self.0.sequencing
    }

    /// The events of this node that wait for their places.
    pub(crate) fn placing(&self) -> &Placing {
        &self.0.placing
    }

    /// What rings when another node committed; absent where there is no other.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn doorbell(&self) -> StoreResult<Option<Doorbell>> {
        match &self.0.engine {
            Engine::Sqlite(_) => Ok(None),
            Engine::Postgres(pools) => pools.listen().await.map(|it| Some(Doorbell(it))),
        }
    }

    /// Has an embedded engine write its log back into its file and cut it, so that what was overwritten stands in neither any more. Others clear
    /// up after themselves (PostgreSQL: VACUUM), and are not asked.
    ///
    /// # Errors
    /// `Unavailable`, `StorageFull`.
    pub async fn write_back(&self) -> StoreResult<()> {
        match &self.0.engine {
            Engine::Sqlite(files) => files.write_back().await,
            Engine::Postgres(_) => Ok(()),
        }
    }

    /// Waits for what is running, writes the log of an embedded engine back into its file and closes. Later calls fail with `Unavailable`.
    pub async fn close(&self) {
        match &self.0.engine {
            Engine::Sqlite(files) => files.close().await,
            Engine::Postgres(pools) => pools.close().await,
        }
    }

    /// Where the database is, for people: its folder, or server, database and schema, and no password.
    pub fn place(&self) -> String {
        match &self.0.engine {
            Engine::Sqlite(files) => files.folder.path.display().to_string(),
            Engine::Postgres(pools) => pools.place.clone(),
        }
    }

    /// The folder of an embedded database.
    pub fn folder(&self) -> Option<&Path> {
        match &self.0.engine {
            Engine::Sqlite(files) => Some(&files.folder.path),
            Engine::Postgres(_) => None,
        }
    }

    pub(crate) fn with_rng<T>(&self, f: impl FnOnce(&mut dyn CryptoRng) -> T) -> T {
        // A poisoned generator is still a generator.
        let mut rng = self.0.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        f(&mut *rng)
    }
}

impl Doorbell {
    /// Waits for the next ring, or until the connection was lost and is there again. A connection that is silent for long is asked whether it is
    /// still there: one whose machine or network is gone says nothing of it.
    ///
    /// # Errors
    /// `Unavailable` while there is no connection; a new doorbell may have one.
    pub async fn rung(&mut self) -> StoreResult<()> {
        loop {
            if let Ok(rung) = tokio::time::timeout(SILENT_FOR, self.0.try_recv()).await {
                return rung.map(drop).map_err(failure);
            }
            postgres::in_time(sqlx::query("SELECT 1").execute(&mut self.0)).await.map_err(failure)?;
        }
    }
}

impl PlainTx {
    pub(crate) async fn commit(self) -> StoreResult<()> {
        self.0.commit().await
    }
}

impl Tx {
    /// The bare commit of the engine. Only the log calls it, with the event written, and the import of an installation, whose log comes along.
    pub(crate) async fn commit_engine(self) -> StoreResult<()> {
        self.connection.commit().await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.place()).finish()
    }
}

impl fmt::Debug for Doorbell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Doorbell(…)")
    }
}

macro_rules! connections {
    ($($type:ident . $field:tt),*) => {$(
        impl Deref for $type {
            type Target = Connection;
            fn deref(&self) -> &Connection {
                &self.$field
            }
        }
        impl DerefMut for $type {
            fn deref_mut(&mut self) -> &mut Connection {
                &mut self.$field
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($type), "(…)"))
            }
        }
    )*};
}
connections!(Reader.0, Tx.connection, PlainTx.0);
