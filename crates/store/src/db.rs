//! The engine: files, locks, connections, transactions. The only file that knows which one it is.

mod failure;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use claviger_core::event::Entity;
use claviger_core::id::KeyId;
use rand_core::CryptoRng;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Arguments, ConnectOptions, Decode, Executor, Row as _, SqlSafeStr, SqlStr, Sqlite, Transaction, TypeInfo, ValueRef,
};

use self::failure::failure;
use crate::error::{Error, StoreResult};
use crate::row::{Raw, Unreadable};
use crate::value::Value;

/// Connections that read side by side.
const READERS: u32 = 8;
/// How long a caller waits for a connection.
const WAIT: Duration = Duration::from_secs(10);
/// Prepared statements a connection keeps: all there are.
const STATEMENTS_KEPT: usize = 1024;
/// Bytes of a page of the database file, SQLite's default.
const PAGE_BYTES: u64 = 4096;

/// The migrations of the state and of what is written often: one schema on PostgreSQL, two files on SQLite.
const STATE: &[(i64, &str, &str)] = &[(1, "state", include_str!("../migrations/sqlite/0001_state.sql"))];
const USAGE: &[(i64, &str, &str)] = &[(2, "usage", include_str!("../migrations/sqlite/0002_usage.sql"))];

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
    /// Bytes the database file may grow to; beyond them changes are refused as on a full disk. Absent: as far as the disk goes.
    pub bytes_max: Option<u64>,
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writer: SqlitePool,
    readers: SqlitePool,
    usage: SqlitePool,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
    /// Held as long as the store lives.
    _lock: File,
    /// Declared last, so that everything else is gone when the folder goes.
    folder: Folder,
}

/// The data folder, removed in the end if it is a temporary one.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

/// A connection, whether it reads or is in a transaction: what the finders stand on.
pub struct Connection(Handle);

enum Handle {
    Reader(PoolConnection<Sqlite>),
    Writer { transaction: Transaction<'static, Sqlite>, failed: bool },
}

/// A connection that only reads. Each statement sees the newest commit; it never waits for the writer.
pub struct Reader(Connection);

/// The one writing transaction. Dropping it rolls everything back.
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
}

impl Store {
    /// Opens the database in a folder, makes both where they are not there, and migrates it.
    ///
    /// `rng` makes the ids and salts of events.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has it open, `Folder`, `Schema`, `StorageFull`, `Unavailable`.
    pub async fn open(folder: &Path, options: Options, rng: impl CryptoRng + Send + 'static) -> StoreResult<Self> {
        fs::create_dir_all(folder).map_err(|source| Error::Folder { path: folder.to_owned(), source })?;
        Self::open_folder(Folder { path: folder.to_owned(), temporary: false }, options, Box::new(rng)).await
    }

    /// A store in a temporary folder that goes away with the last clone. It survives nothing.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn throwaway(rng: impl CryptoRng + Send + 'static) -> StoreResult<Self> {
        let options = Options { durability: Durability::None, bytes_max: None };
        Self::open_folder(Folder::temporary()?, options, Box::new(rng)).await
    }

    async fn open_folder(folder: Folder, options: Options, rng: Box<dyn CryptoRng + Send>) -> StoreResult<Self> {
        let lock = folder.lock()?;
        let usage_path = folder.path.join("usage.db");
        // A lost minute of last use is no loss worth an fsync.
        let usage = pool(1).connect_lazy_with(connect(&usage_path, SqliteSynchronous::Normal));
        migrate(&usage, USAGE).await?;

        let synchronous = match options.durability {
            Durability::Full => SqliteSynchronous::Full,
            Durability::None => SqliteSynchronous::Off,
        };
        let state = connect(&folder.path.join("claviger.db"), synchronous);
        let attach = attach_statement(&usage_path);
        let mut writer = state
            .clone()
            .pragma("cache_size", "-65536")
            // Bulk work writes the same index pages again and again; a longer log lets one write-back stand for many.
            .pragma("wal_autocheckpoint", "8192");
        if let Some(bytes) = options.bytes_max {
            writer = writer.pragma("max_page_count", (bytes / PAGE_BYTES).max(1).to_string());
        }
        let writer = attached(pool(1), attach.clone()).connect_lazy_with(writer);
        migrate(&writer, STATE).await?;
        let reader = state.read_only(true).create_if_missing(false).pragma("cache_size", "-8192").row_buffer_size(512);
        let readers = attached(pool(READERS), attach).connect_lazy_with(reader);
        Ok(Self(Arc::new(Inner { writer, readers, usage, rng: Mutex::new(rng), _lock: lock, folder })))
    }

    /// A connection to read with.
    ///
    /// # Errors
    /// `Unavailable` when none gets free in time.
    pub async fn read(&self) -> StoreResult<Reader> {
        let connection = self.0.readers.acquire().await.map_err(failure)?;
        Ok(Reader(Connection(Handle::Reader(connection))))
    }

    /// The writing transaction, as soon as nobody else has it.
    ///
    /// # Errors
    /// `Unavailable` when it does not get free in time.
    pub async fn begin(&self) -> StoreResult<Tx> {
        // A transaction that begins as a reader and then writes is refused at once when somebody else wrote in between.
        let transaction = self.0.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
        Ok(Tx {
            connection: Connection(Handle::Writer { transaction, failed: false }),
            store: self.clone(),
            touched: BTreeSet::new(),
            touched_keys: None,
            secrets_touched: BTreeSet::new(),
        })
    }

    /// The transaction in which usage is flushed: another file, another writer.
    pub(crate) async fn begin_usage(&self) -> StoreResult<UsageTx> {
        let transaction = self.0.usage.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
        Ok(UsageTx(Connection(Handle::Writer { transaction, failed: false })))
    }

    /// Waits for what is running, writes the log of the engine back into its file and closes. Later calls fail with `Unavailable`.
    pub async fn close(&self) {
        self.0.readers.close().await;
        self.0.usage.close().await;
        // The last connection that closes writes the log back.
        self.0.writer.close().await;
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.0.folder.path
    }

    pub(crate) fn with_rng<T>(&self, f: impl FnOnce(&mut dyn CryptoRng) -> T) -> T {
        // A poisoned generator is still a generator.
        let mut rng = self.0.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        f(&mut *rng)
    }
}

impl Folder {
    /// A new folder under the system's temporary one.
    fn temporary() -> StoreResult<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let parent = std::env::temp_dir();
        loop {
            let name = format!("claviger-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = parent.join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path, temporary: true }),
                // Left behind by a killed process that had our number.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(Error::Folder { path, source }),
            }
        }
    }

    /// Takes the folder for this process. Not the database file itself: closing any handle of it would drop the engine's own locks.
    fn lock(&self) -> StoreResult<File> {
        let path = self.path.join("claviger.lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|source| Error::Folder { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::Locked(self.path.clone())),
            Err(TryLockError::Error(source)) => Err(Error::Folder { path, source }),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(folder = %self.path.display(), %error, "a temporary folder stays behind");
        }
    }
}

fn connect(path: &Path, synchronous: SqliteSynchronous) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(STATEMENTS_KEPT)
        .pragma("temp_store", "memory")
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging()
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WAIT)
        // A connection is a file handle with warm statements: it neither ages nor has to be asked whether it is still there.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// Lets every connection read the usage file as if it were part of the database, which on PostgreSQL it is. Read-only, because
/// a transaction would otherwise reserve that file for writing too.
fn attached(options: SqlitePoolOptions, statement: String) -> SqlitePoolOptions {
    options.after_connect(move |connection, _| {
        let statement = statement.clone();
        Box::pin(async move { connection.execute(sqlx::AssertSqlSafe(statement)).await.map(drop) })
    })
}

fn attach_statement(path: &Path) -> String {
    let mut uri = String::new();
    for character in path.to_string_lossy().chars() {
        match character {
            '%' => uri.push_str("%25"),
            '?' => uri.push_str("%3f"),
            '#' => uri.push_str("%23"),
            '\'' => uri.push_str("''"),
            other => uri.push(other),
        }
    }
    format!("ATTACH DATABASE 'file:{uri}?mode=ro' AS usage")
}

async fn migrate(pool: &SqlitePool, migrations: &'static [(i64, &str, &str)]) -> StoreResult<()> {
    let migration = |(number, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*number, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    let migrator = Migrator::with_migrations(migrations.iter().map(migration).collect());
    migrator.run(pool).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => failure(error),
        error => Error::Schema(error),
    })
}

impl Connection {
    /// The engine's own connection; refused once a statement of the transaction has failed.
    fn engine(&mut self) -> StoreResult<&mut SqliteConnection> {
        match &mut self.0 {
            Handle::Reader(connection) => Ok(connection),
            Handle::Writer { failed: true, .. } => Err(Error::Spoiled),
            Handle::Writer { transaction, .. } => Ok(transaction),
        }
    }

    fn settle<T>(&mut self, result: Result<T, sqlx::Error>) -> StoreResult<T> {
        result.map_err(|error| {
            if let Handle::Writer { failed, .. } = &mut self.0 {
                *failed = true;
            }
            failure(error)
        })
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: impl SqlSafeStr, arguments: Vec<Value>) -> StoreResult<u64> {
        let query = sqlx::query_with(checked(sql, &arguments), bind(arguments));
        let result = query.execute(self.engine()?).await;
        Ok(self.settle(result)?.rows_affected())
    }

    /// Runs a statement and reads all its rows.
    pub(crate) async fn fetch_all(&mut self, sql: impl SqlSafeStr, arguments: Vec<Value>) -> StoreResult<Vec<Row>> {
        let query = sqlx::query_with(checked(sql, &arguments), bind(arguments));
        let result = query.fetch_all(self.engine()?).await;
        Ok(self.settle(result)?.into_iter().map(Row).collect())
    }

    /// Runs a statement and reads its first row.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl SqlSafeStr,
        arguments: Vec<Value>,
    ) -> StoreResult<Option<Row>> {
        let query = sqlx::query_with(checked(sql, &arguments), bind(arguments));
        let result = query.fetch_optional(self.engine()?).await;
        Ok(self.settle(result)?.map(Row))
    }

    async fn commit(self) -> StoreResult<()> {
        match self.0 {
            Handle::Writer { failed: true, .. } => Err(Error::Spoiled),
            Handle::Writer { transaction, .. } => transaction.commit().await.map_err(failure),
            Handle::Reader(_) => Ok(()),
        }
    }
}

/// A statement with very many arguments, each used once and in order, in the form that is cheap for the engine: SQLite finds the name
/// of an argument by going through all those before it, and an unnamed one at once.
pub(crate) fn unnamed(sql: &str) -> String {
    let mut parts = sql.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push('?');
        text.push_str(part.trim_start_matches(|it: char| it.is_ascii_digit()));
    }
    text
}

/// SQLite takes a missing argument for NULL. Nobody should find that out from the rows.
fn checked(sql: impl SqlSafeStr, arguments: &[Value]) -> SqlStr {
    let sql = sql.into_sql_str();
    debug_assert_eq!(argument_count(sql.as_str()), arguments.len(), "arguments of `{}`", sql.as_str());
    sql
}

fn argument_count(sql: &str) -> usize {
    let number = |it: &str| it.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    let named = sql.split('$').skip(1).filter_map(number).max();
    named.unwrap_or_else(|| sql.matches('?').count())
}

fn bind(arguments: Vec<Value>) -> SqliteArguments {
    let mut bound = SqliteArguments::default();
    bound.reserve(arguments.len(), 0);
    for argument in arguments {
        let added = match argument {
            Value::Text(text) => bound.add(text),
            Value::Integer(integer) => bound.add(integer),
            Value::Bytes(bytes) => bound.add(bytes),
            Value::Boolean(boolean) => bound.add(boolean),
        };
        added.expect("text, integers, bytes and flags have a form in every engine");
    }
    bound
}

/// A row of an answer.
pub(crate) struct Row(SqliteRow);

impl Row {
    /// What stands in a column.
    pub(crate) fn raw(&self, index: usize) -> Result<Raw<'_>, Unreadable> {
        let value = self.0.try_get_raw(index).map_err(|error| Unreadable(error.to_string()))?;
        // The type of a missing value is the column's.
        if value.is_null() {
            return Ok(Raw::Null);
        }
        let raw = match value.type_info().name() {
            "TEXT" => Decode::<Sqlite>::decode(value).map(Raw::Text),
            "INTEGER" => Decode::<Sqlite>::decode(value).map(Raw::Integer),
            "BLOB" => Decode::<Sqlite>::decode(value).map(Raw::Bytes),
            other => return Err(Unreadable(format!("is of the type {other}"))),
        };
        raw.map_err(|error| Unreadable(error.to_string()))
    }

    /// The bytes of a column, also of a text that is none; absent when there is nothing.
    pub(crate) fn bytes(&self, index: usize) -> Option<&[u8]> {
        self.0.try_get_unchecked(index).ok().flatten()
    }
}

/// The transaction in which usage is flushed. It changes nothing that is replicated, so it needs no event.
pub(crate) struct UsageTx(Connection);

impl UsageTx {
    pub(crate) async fn commit(self) -> StoreResult<()> {
        self.0.commit().await
    }
}

impl Tx {
    /// The bare commit of the engine. Only the log calls it, with the event written.
    pub(crate) async fn commit_engine(self) -> StoreResult<()> {
        self.connection.commit().await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.folder.path).finish()
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
connections!(Reader.0, Tx.connection, UsageTx.0);
