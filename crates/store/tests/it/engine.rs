//! The engine that the tests run on, and ways past the store into its tables.
//!
//! The same tests run once on each: on SQLite, and with `CLAVIGER_TEST_ENGINE=postgres` on the PostgreSQL that
//! `CLAVIGER_TEST_POSTGRES_URL` names. Each test has a schema of its own there.

use std::sync::atomic::{AtomicU32, Ordering};

use claviger_store::{Durability, Options, Store};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, FromRow};

use crate::world::rng;

/// Whether this run is on PostgreSQL.
pub(crate) fn is_postgres() -> bool {
    #[expect(clippy::disallowed_methods, reason = "which engine it is, the test runner knows")]
    let engine = std::env::var("CLAVIGER_TEST_ENGINE").unwrap_or_default();
    match engine.as_str() {
        "" | "sqlite" => false,
        "postgres" => true,
        other => panic!("CLAVIGER_TEST_ENGINE is `{other}`, and neither `sqlite` nor `postgres`"),
    }
}

/// Whether this run may take long: `cargo xtask test --nightly`.
pub(crate) fn is_nightly() -> bool {
    #[expect(clippy::disallowed_methods, reason = "how thorough it is to be, the test runner knows")]
    let nightly = std::env::var_os("CLAVIGER_TEST_NIGHTLY");
    nightly.is_some()
}

/// Where PostgreSQL is.
pub(crate) fn postgres_url() -> String {
    #[expect(clippy::disallowed_methods, reason = "where PostgreSQL is, the test runner knows")]
    std::env::var("CLAVIGER_TEST_POSTGRES_URL").expect(
        "CLAVIGER_TEST_POSTGRES_URL is not set: `cargo xtask test` starts a PostgreSQL and sets it; \
         for one test alone point it at any PostgreSQL from version 15 on where databases may be created",
    )
}

/// An empty store that survives nothing, on the engine of this run.
pub(crate) async fn throwaway() -> Store {
    throwaway_by(1).await
}

/// An empty store with randomness of its own: two of one seed give the same identifiers, and what one has made cannot be moved to the other.
pub(crate) async fn throwaway_by(seed: u64) -> Store {
    if !is_postgres() {
        return Store::throwaway(rng(seed)).await.expect("a store");
    }
    node(&new_schema().await, seed).await
}

/// An empty embedded store.
pub(crate) async fn embedded() -> Store {
    Store::throwaway(rng(1)).await.expect("a store")
}

/// A further node on a schema.
pub(crate) async fn node(schema: &str, seed: u64) -> Store {
    node_by(&postgres_url(), schema, seed).await
}

/// A further node on a schema of the server at a URL.
pub(crate) async fn node_by(url: &str, schema: &str, seed: u64) -> Store {
    let options = Options { durability: Durability::None, bytes_max: None };
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}options=-csearch_path%3D{schema}");
    Store::connect(&url, options, rng(seed)).await.expect("a node")
}

/// The schema of a store on PostgreSQL.
pub(crate) fn schema_of(store: &Store) -> String {
    store.place().rsplit(' ').next().expect("a schema").to_owned()
}

async fn new_schema() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let schema = format!("store_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut connection = server().await;
    connection.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.expect("a schema");
    schema
}

async fn server() -> PgConnection {
    let options: PgConnectOptions = postgres_url().parse().expect("CLAVIGER_TEST_POSTGRES_URL is a PostgreSQL URL");
    options.connect().await.expect("PostgreSQL answers")
}

/// A connection past the store, to look at its tables and to harm them. It keeps no foreign keys.
pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A file of an embedded store, past the store.
pub(crate) async fn file(store: &Store, name: &str) -> SqliteConnection {
    let path = store.folder().expect("an embedded store").join(name);
    let options = SqliteConnectOptions::new().filename(path).foreign_keys(false);
    options.busy_timeout(std::time::Duration::from_secs(5)).connect().await.expect("a connection")
}

impl Raw {
    /// To a store; to which of its files, if it has several.
    pub(crate) async fn of(store: &Store, name: &str) -> Self {
        if store.folder().is_some() {
            return Self::Sqlite(file(store, name).await);
        }
        let mut connection = server().await;
        let settings = format!("SET search_path = {}; SET session_replication_role = replica", schema_of(store));
        sqlx::raw_sql(AssertSqlSafe(settings)).execute(&mut connection).await.expect("a superuser's connection");
        Self::Postgres(connection)
    }

    pub(crate) async fn execute(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        let result = match self {
            Self::Sqlite(connection) => sqlx::raw_sql(sql).execute(connection).await.map(drop),
            Self::Postgres(connection) => sqlx::raw_sql(sql).execute(connection).await.map(drop),
        };
        result.unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) async fn rows<T>(&mut self, sql: &str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => sqlx::query_as(sql).fetch_all(connection).await.expect("rows"),
            Self::Postgres(connection) => sqlx::query_as(sql).fetch_all(connection).await.expect("rows"),
        }
    }
}

/// What a statement past the store answers.
pub(crate) async fn rows<T>(store: &Store, sql: &str) -> Vec<T>
where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    Raw::of(store, "claviger.db").await.rows(sql).await
}

/// Runs a statement past the store.
pub(crate) async fn harm(store: &Store, sql: &str) {
    Raw::of(store, "claviger.db").await.execute(sql).await;
}

/// Makes every such statement fail (`INSERT ON key`), until [`mend`].
pub(crate) async fn plant(store: &Store, place: &str) {
    let sql = if store.folder().is_some() {
        format!("CREATE TRIGGER fault BEFORE {place} BEGIN SELECT RAISE(ABORT, 'planted'); END")
    } else {
        format!(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'planted'; END $$; \
             CREATE TRIGGER fault BEFORE {place} FOR EACH ROW EXECUTE FUNCTION fail()"
        )
    };
    harm(store, &sql).await;
}

/// Takes away what [`plant`] planted.
pub(crate) async fn mend(store: &Store, place: &str) {
    if store.folder().is_some() {
        return harm(store, "DROP TRIGGER fault").await;
    }
    let table = place.rsplit(' ').next().expect("a table");
    harm(store, &format!("DROP TRIGGER fault ON {table}")).await;
}

/// Everything that stands in the database, as text.
pub(crate) async fn contents(store: &Store) -> String {
    let mut raw = Raw::of(store, "claviger.db").await;
    let tables = match &raw {
        Raw::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1",
        Raw::Postgres(_) => {
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY 1"
        }
    };
    let mut contents = String::new();
    for (table,) in raw.rows::<(String,)>(tables).await {
        let columns = match &raw {
            Raw::Sqlite(_) => {
                let columns = format!(
                    "SELECT group_concat('quote(\"' || name || '\")', ' || '','' || ') FROM pragma_table_info('{table}')"
                );
                raw.rows::<(String,)>(&columns).await.remove(0).0
            }
            Raw::Postgres(_) => "t::text".to_owned(),
        };
        for (row,) in raw.rows::<(String,)>(&format!("SELECT {columns} FROM \"{table}\" t ORDER BY 1")).await {
            contents += &format!("{table}: {row}\n");
        }
    }
    contents
}
