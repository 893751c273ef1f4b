//! SQLite: files, pools, settings, and how its values look.

use std::path::Path;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Decode, Executor, Row as _, Sqlite, Transaction, TypeInfo, ValueRef};

use super::failure::failure;
use super::folder::Folder;
use super::{Durability, Options, STATEMENTS_KEPT, WAIT, migrations};
use crate::error::StoreResult;
use crate::row::{Raw, Unreadable};

/// Connections that read side by side.
const READERS: u32 = 8;
/// Bytes of a page of the database file, SQLite's default.
const PAGE_BYTES: u64 = 4096;

/// The migrations of the state and of what is written often: one schema on PostgreSQL, two files here.
const STATE: &[(i64, &str, &str)] = &[
    (1, "state", include_str!("../../migrations/sqlite/0001_state.sql")),
    (3, "readers", include_str!("../../migrations/sqlite/0003_readers.sql")),
    (4, "webhooks", include_str!("../../migrations/sqlite/0004_webhooks.sql")),
    (5, "notifications", include_str!("../../migrations/sqlite/0005_notifications.sql")),
    (6, "chain", include_str!("../../migrations/sqlite/0006_chain.sql")),
    (7, "ended_shared_secrets", include_str!("../../migrations/sqlite/0007_ended_shared_secrets.sql")),
    (8, "key_limits", include_str!("../../migrations/sqlite/0008_key_limits.sql")),
    (9, "api_documents", include_str!("../../migrations/sqlite/0009_api_documents.sql")),
    (10, "listening", include_str!("../../migrations/sqlite/0010_listening.sql")),
    (12, "tried_deliveries", include_str!("../../migrations/sqlite/0012_tried_deliveries.sql")),
];
const USAGE: &[(i64, &str, &str)] = &[
    (2, "usage", include_str!("../../migrations/sqlite/0002_usage.sql")),
    (8, "quotas", include_str!("../../migrations/sqlite/0008_quotas.sql")),
    (11, "version_uses", include_str!("../../migrations/sqlite/0011_version_uses.sql")),
];

/// The open files.
pub(super) struct Files {
    writer: SqlitePool,
    readers: SqlitePool,
    /// Follows the log: lists that take long keep nobody from hearing of a revocation.
    follower: SqlitePool,
    usage: SqlitePool,
    /// Declared last, so that everything else is gone when the folder goes.
    pub(super) folder: Folder,
}

impl Files {
    pub(super) async fn open(folder: Folder, options: Options) -> StoreResult<Self> {
        let usage_path = folder.database("usage.db")?;
        // A lost minute of last use is no loss worth an fsync.
        let usage = pool(1).connect_lazy_with(connect(&usage_path, SqliteSynchronous::Normal));
        migrate(&usage, USAGE).await?;

        // A commit waits for the disk itself. One wait outside the transaction, for all that were committed meanwhile, would serve more of
        // them, and was rejected: whoever reads in between is told of what a power loss takes back, and a fault of the disk that SQLite
        // meets while it writes back its log is told to nobody.
        let synchronous = match options.durability {
            Durability::Full => SqliteSynchronous::Full,
            Durability::None => SqliteSynchronous::Off,
        };
        let state = connect(&folder.database("claviger.db")?, synchronous);
        let attach = attach_statement(&usage_path);
        let mut writer = state
            .clone()
            .pragma("cache_size", "-65536")
            // Bulk work writes the same index pages again and again; a longer log lets one write-back stand for many. Much longer, and whoever
            // waits for the writer meanwhile waits for that.
            .pragma("wal_autocheckpoint", "8192");
        if let Some(bytes) = options.bytes_max {
            writer = writer.pragma("max_page_count", (bytes / PAGE_BYTES).max(1).to_string());
        }
        let writer = attached(pool(1), attach.clone()).connect_lazy_with(writer);
        migrate(&writer, STATE).await?;
        let reader = reader(state);
        let readers = attached(pool(READERS), attach.clone()).connect_lazy_with(reader.clone());
        let follower = attached(pool(1), attach).connect_lazy_with(reader);
        Ok(Self { writer, readers, follower, usage, folder })
    }

    /// Opens the files to read them, perhaps beside a service that writes them: nothing is migrated, and no statement writes.
    pub(super) async fn beside(folder: Folder) -> StoreResult<Self> {
        let usage_path = folder.path.join("usage.db");
        let options = |path: &Path| reader(connect(path, SqliteSynchronous::Full));
        let (state, usage) = (options(&folder.path.join("claviger.db")), options(&usage_path));
        let attached = |connections| attached(pool(connections), attach_statement(&usage_path));
        let files = Self {
            writer: attached(1).connect_lazy_with(state.clone()),
            readers: attached(READERS).connect_lazy_with(state.clone()),
            follower: attached(1).connect_lazy_with(state),
            usage: pool(1).connect_lazy_with(usage),
            folder,
        };
        for (pool, migrations) in [(&files.usage, USAGE), (&files.readers, STATE)] {
            migrations::refuse_others(migrations, sqlx::query_as(migrations::APPLIED).fetch_all(pool).await)?;
        }
        Ok(files)
    }

    pub(super) async fn read(&self) -> StoreResult<PoolConnection<Sqlite>> {
        self.readers.acquire().await.map_err(failure)
    }

    pub(super) async fn follow(&self) -> StoreResult<PoolConnection<Sqlite>> {
        self.follower.acquire().await.map_err(failure)
    }

    pub(super) async fn begin(&self) -> StoreResult<Transaction<'static, Sqlite>> {
        begin(&self.writer).await
    }

    pub(super) async fn begin_snapshot(&self) -> StoreResult<Transaction<'static, Sqlite>> {
        self.readers.begin().await.map_err(failure)
    }

    pub(super) async fn begin_usage(&self) -> StoreResult<Transaction<'static, Sqlite>> {
        begin(&self.usage).await
    }

    /// Writes the log of the engine back into its file, and cuts it. A reader that holds on to what it sees for longer than a caller waits keeps it
    /// from that; it is written back the next time then.
    pub(super) async fn write_back(&self) -> StoreResult<()> {
        self.writer.execute("PRAGMA main.wal_checkpoint(TRUNCATE)").await.map(drop).map_err(failure)
    }

    /// The last connection that closes writes the log of the engine back into its file.
    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.follower.close().await;
        self.usage.close().await;
        self.writer.close().await;
    }
}

/// A transaction that begins as a reader and then writes is refused at once when somebody else wrote in between.
async fn begin(pool: &SqlitePool) -> StoreResult<Transaction<'static, Sqlite>> {
    pool.begin_with("BEGIN IMMEDIATE").await.map_err(failure)
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
        // A wrapped key that was destroyed is overwritten where it stood, and not only out of use. `fast` does so on pages that are written
        // anyway; `on` would write those too that become free, where a key has no room to be.
        .pragma("secure_delete", "fast")
        // Twice what is written back at a time: one that grew beyond, by an import say, is cut again.
        .pragma("journal_size_limit", "67108864")
        .disable_statement_logging()
}

/// The same for who only reads.
fn reader(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.read_only(true).create_if_missing(false).pragma("cache_size", "-8192").row_buffer_size(512)
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

async fn migrate(pool: &SqlitePool, files: &'static [(i64, &str, &str)]) -> StoreResult<()> {
    migrations::check(migrations::migrator(files).run(pool).await)
}

/// A statement with very many arguments, each used once and in order, in the form that is cheap for the engine: SQLite finds the name
/// of an argument by going through all those before it, and an unnamed one at once.
pub(super) fn unnamed(sql: &str) -> String {
    let mut parts = sql.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push('?');
        text.push_str(part.trim_start_matches(|it: char| it.is_ascii_digit()));
    }
    text
}

pub(super) fn raw(row: &SqliteRow, index: usize) -> Result<Raw<'_>, Unreadable> {
    let value = row.try_get_raw(index).map_err(|error| Unreadable(error.to_string()))?;
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
