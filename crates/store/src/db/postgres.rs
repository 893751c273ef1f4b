//! PostgreSQL: pools, settings, locks between nodes, the doorbell, and how its values look.
//!
//! A node has a pool of writers and one of readers. What SQLite has by its one writer, two locks give here: every transaction takes the
//! installation's advisory lock, shared, and one that changes what rights hang on takes it exclusively. So whoever was authorized on
//! the tree, its policies, roles and members is authorized still when the transaction commits.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPool, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions, Connection, Decode, Executor, Postgres, Row as _, Transaction, TypeInfo, ValueRef};

use super::failure::failure;
use super::{Durability, Options, STATEMENTS_KEPT, WAIT, migrations};
use crate::error::{Error, StoreResult};
use crate::row::{Raw, Unreadable};

/// Connections of a node that write, and that read, side by side.
const WRITERS: u32 = 12;
const READERS: u32 = 8;
/// Connections that give events their places, follow the log, hear the doorbell and tell the other nodes. They are set apart: transactions that hold all other
/// connections wait for them, and lists that take long keep nobody from hearing of a revocation.
const SEQUENCERS: u32 = 6;
/// The oldest version whose features the statements need, as the server numbers it.
const VERSION_MIN: i32 = 150_000;
/// How long a transaction waits for a lock, and how long one that does nothing may keep others waiting.
const LOCK_TIMEOUT: &str = "10s";
const IDLE_TIMEOUT: &str = "30s";
/// A connection that has been idle for so long is asked whether it is still there before somebody gets it.
const ALIVE_FOR: Duration = Duration::from_secs(1);
/// How long a server may take to answer. One whose machine or network is gone may never do, nor say so: nobody would be told, and the
/// follower of the log, or whoever asks for places in it, would wait for ever.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The installation's lock. Its second half is the schema's, so that installations in one database do not wait for each other.
const LOCK_SHARED: &str = "SELECT pg_advisory_xact_lock_shared(1668048246, hashtext(current_schema()))";
const LOCK_ALONE: &str = "SELECT pg_advisory_xact_lock(1668048246, hashtext(current_schema()))";
/// The installation's lock, for a transaction whose commit does not wait for the disk; in one statement, since the server is asked as often.
const LOCK_SHARED_AND_FORGET: &str = "SELECT pg_advisory_xact_lock_shared(1668048246, hashtext(current_schema())), \
     set_config('synchronous_commit', 'off', true)";
const SEE_ONE_MOMENT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";
/// A lost minute of last use is no loss worth an fsync, and what a node said of itself it says again.
const LOSE_A_MINUTE: &str = "SET LOCAL synchronous_commit = off";

const FILES: &[(i64, &str, &str)] = &[
    (1, "state", include_str!("../../migrations/postgres/0001_state.sql")),
    (2, "usage", include_str!("../../migrations/postgres/0002_usage.sql")),
    (3, "readers", include_str!("../../migrations/postgres/0003_readers.sql")),
    (4, "webhooks", include_str!("../../migrations/postgres/0004_webhooks.sql")),
    (5, "notifications", include_str!("../../migrations/postgres/0005_notifications.sql")),
    (6, "chain", include_str!("../../migrations/postgres/0006_chain.sql")),
    (7, "ended_shared_secrets", include_str!("../../migrations/postgres/0007_ended_shared_secrets.sql")),
    // Two files for the two of SQLite, and one step here.
    (
        8,
        "limits",
        concat!(
            include_str!("../../migrations/postgres/0008_key_limits.sql"),
            include_str!("../../migrations/postgres/0008_quotas.sql")
        ),
    ),
    (9, "api_documents", include_str!("../../migrations/postgres/0009_api_documents.sql")),
    (10, "listening", include_str!("../../migrations/postgres/0010_listening.sql")),
    (11, "version_uses", include_str!("../../migrations/postgres/0011_version_uses.sql")),
    (12, "tried_deliveries", include_str!("../../migrations/postgres/0012_tried_deliveries.sql")),
];

/// The pools of a node.
pub(super) struct Pools {
    writers: PgPool,
    readers: PgPool,
    sequencers: PgPool,
    /// What the doorbell rings on. Channels belong to the whole database, and its name to the schema, so that installations in one database do
    /// not ring each other.
    channel: String,
    /// Server, database and schema, for people.
    pub(super) place: String,
}

impl Pools {
    /// Connects and migrates. `url` as in libpq: `postgres://user:password@host:port/database?sslmode=require`.
    pub(super) async fn connect(url: &str, options: Options) -> StoreResult<Self> {
        let pools = Self::reach(url, options).await?;
        migrations::check(migrations::migrator(FILES).run(&pools.writers).await)?;
        Ok(pools)
    }

    /// Connects beside the nodes that serve it, and refuses what they have not migrated as this build would.
    pub(super) async fn beside(url: &str, options: Options) -> StoreResult<Self> {
        let pools = Self::reach(url, options).await?;
        let applied = in_time(sqlx::query_as(migrations::APPLIED).fetch_all(&pools.readers)).await;
        migrations::refuse_others(FILES, applied)?;
        Ok(pools)
    }

    async fn reach(url: &str, options: Options) -> StoreResult<Self> {
        // The message of a URL that cannot be read may hold a part of it, and so of the password.
        let server: PgConnectOptions = url.parse().map_err(|_| Error::Address)?;
        let synchronous_commit = match options.durability {
            Durability::Full => "on",
            Durability::None => "off",
        };
        let server = server
            .application_name("claviger")
            .statement_cache_capacity(STATEMENTS_KEPT)
            .options([
                ("synchronous_commit", synchronous_commit),
                ("lock_timeout", LOCK_TIMEOUT),
                // Whoever waited for a lock reads what was committed before it got that, whatever a database or role is set to.
                ("default_transaction_isolation", "read committed"),
                ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
                // Every question here is a short one. Where the planner takes it for a long one, compiling it takes far longer than it does.
                ("jit", "off"),
            ])
            .disable_statement_logging();
        // Without a pool, which would try until its time is over and then only say that it is.
        let mut connection = in_time(server.connect()).await.map_err(unconnected)?;
        let (schema, channel) = check_server(&mut connection).await?;
        connection.close().await.map_err(failure)?;
        let writers = pool(WRITERS).connect_lazy_with(server.clone());
        let database = server.get_database().unwrap_or_else(|| server.get_username());
        let place =
            format!("PostgreSQL at {}:{}, database {database}, schema {schema}", server.get_host(), server.get_port());
        let sequencers = pool(SEQUENCERS).connect_lazy_with(server.clone());
        let reader = server.options([("default_transaction_read_only", "on")]);
        Ok(Self { writers, readers: pool(READERS).connect_lazy_with(reader), sequencers, channel, place })
    }

    pub(super) async fn read(&self) -> StoreResult<PoolConnection<Postgres>> {
        self.readers.acquire().await.map_err(failure)
    }

    pub(super) async fn follow(&self) -> StoreResult<PoolConnection<Postgres>> {
        self.sequencers.acquire().await.map_err(failure)
    }

    pub(super) async fn begin(&self) -> StoreResult<Transaction<'static, Postgres>> {
        begin(&self.writers, LOCK_SHARED).await
    }

    pub(super) async fn begin_forgettable(&self) -> StoreResult<Transaction<'static, Postgres>> {
        begin(&self.writers, LOCK_SHARED_AND_FORGET).await
    }

    pub(super) async fn begin_structural(&self) -> StoreResult<Transaction<'static, Postgres>> {
        begin(&self.writers, LOCK_ALONE).await
    }

    pub(super) async fn begin_snapshot(&self) -> StoreResult<Transaction<'static, Postgres>> {
        begin(&self.readers, SEE_ONE_MOMENT).await
    }

    pub(super) async fn begin_usage(&self) -> StoreResult<Transaction<'static, Postgres>> {
        begin(&self.writers, LOSE_A_MINUTE).await
    }

    /// The transaction that numbers events. It takes none of the locks above: whoever waits inside such a lock waits for it.
    pub(super) async fn begin_sequencing(&self) -> StoreResult<Transaction<'static, Postgres>> {
        in_time(self.sequencers.begin()).await.map_err(failure)
    }

    /// The transaction in which a node says how far it has come. Like the one above it must not wait behind changes, nor for the disk.
    pub(super) async fn begin_telling(&self) -> StoreResult<Transaction<'static, Postgres>> {
        begin(&self.sequencers, LOSE_A_MINUTE).await
    }

    pub(super) async fn listen(&self) -> StoreResult<PgListener> {
        let mut listener = PgListener::connect_with(&self.sequencers).await.map_err(failure)?;
        in_time(listener.listen(&self.channel)).await.map_err(failure)?;
        Ok(listener)
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
        self.sequencers.close().await;
    }
}

/// Begins a transaction. Where the server was restarted a moment ago, its connections are dead and not found out yet: nothing has been said on
/// this one, so the next is as good, and whoever asks once more does not meet another of them.
async fn begin(pool: &PgPool, first: &'static str) -> StoreResult<Transaction<'static, Postgres>> {
    for _ in 0..pool.options().get_max_connections() {
        match begin_once(pool, first).await {
            Err(error) if is_lost(&error) => tracing::debug!(%error, "a connection is lost, and another is taken"),
            began => return began.map_err(failure),
        }
    }
    begin_once(pool, first).await.map_err(failure)
}

/// Two statements and not one text with both: who gives up waiting for the lock leaves a transaction that the pool knows of and rolls back.
async fn begin_once(pool: &PgPool, first: &'static str) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let mut transaction = in_time(pool.begin()).await?;
    in_time(sqlx::query(first).execute(&mut *transaction)).await?;
    Ok(transaction)
}

/// Whether the connection is gone: it broke, or the server ended it and says so now (class 57P of the codes of PostgreSQL's manual, appendix A).
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() != std::io::ErrorKind::TimedOut,
        sqlx::Error::Database(error) => error.code().is_some_and(|it| it.starts_with("57P0")),
        _ => false,
    }
}

/// What the server answers, or that it did not in time. Who gives up drops the connection, and the pool finds out what has become of it.
pub(super) async fn in_time<T>(answering: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let answered = tokio::time::timeout(ANSWER_WITHIN, answering).await;
    answered.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// Why there is no connection. A pooler refuses the settings that it would have to keep for each client.
fn unconnected(error: sqlx::Error) -> Error {
    const PROTOCOL_VIOLATION: &str = "08P01";
    match error.as_database_error() {
        Some(refused) if refused.code().is_some_and(|it| it == PROTOCOL_VIOLATION) => Error::Pooler,
        _ => failure(error),
    }
}

/// Refuses a server that will not do, and says which schema it works in and on which channel it rings.
async fn check_server(connection: &mut PgConnection) -> StoreResult<(String, String)> {
    let asked = "SELECT current_setting('server_version_num')::int4, current_setting('fsync'), current_schema()::text, \
                 'claviger_log_' || hashtext(current_schema()), current_setting('lock_timeout')";
    let row = connection.fetch_one(asked).await.map_err(failure)?;
    let version: i32 = row.try_get(0).map_err(failure)?;
    if version < VERSION_MIN {
        return Err(Error::OldServer { found: version / 10_000, needed: VERSION_MIN / 10_000 });
    }
    // A pooler can be told to drop them in silence. Then it also hands one connection to many, which prepared statements, the doorbell and
    // the lock of migrations do not survive; of that nothing shows until it goes wrong.
    if row.try_get::<&str, _>(4).map_err(failure)? != LOCK_TIMEOUT {
        return Err(Error::Pooler);
    }
    if row.try_get::<&str, _>(1).map_err(failure)? == "off" {
        tracing::warn!("this PostgreSQL runs with fsync = off: what it acknowledges does not survive a power loss");
    }
    // There is none only where the search path names none that exists.
    let schema: Option<String> = row.try_get(2).map_err(failure)?;
    let channel: Option<String> = row.try_get(3).map_err(failure)?;
    schema.zip(channel).ok_or(Error::Address)
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(WAIT)
        .idle_timeout(Duration::from_secs(600))
        // A server that was restarted, or a firewall, leaves connections behind that only look alive. One that was answered a moment ago is
        // not asked again: that would be a question more to each that matters.
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if ALIVE_FOR <= about.idle_for {
                    in_time(connection.ping()).await?;
                }
                Ok(true)
            })
        })
        // A connection that is given back is asked whether it is still there, and the pool itself would wait for that for ever, with the
        // connection's place in it.
        .after_release(|connection, _| Box::pin(async { in_time(connection.ping()).await.map(|()| true) }))
}

pub(super) fn raw(row: &PgRow, index: usize) -> Result<Raw<'_>, Unreadable> {
    let value = row.try_get_raw(index).map_err(|error| Unreadable(error.to_string()))?;
    if value.is_null() {
        return Ok(Raw::Null);
    }
    let raw = match value.type_info().name() {
        "TEXT" => Decode::<Postgres>::decode(value).map(Raw::Text),
        "INT8" => Decode::<Postgres>::decode(value).map(Raw::Integer),
        "INT4" => <i32 as Decode<Postgres>>::decode(value).map(|it| Raw::Integer(it.into())),
        "BOOL" => <bool as Decode<Postgres>>::decode(value).map(|it| Raw::Integer(it.into())),
        "BYTEA" => Decode::<Postgres>::decode(value).map(Raw::Bytes),
        other => return Err(Unreadable(format!("is of the type {other}"))),
    };
    raw.map_err(|error| Unreadable(error.to_string()))
}
