//! The engine that the tests run on: SQLite, or with `CLAVIGER_TEST_ENGINE=postgres` the PostgreSQL that `CLAVIGER_TEST_POSTGRES_URL` names,
//! where each test has a schema of its own. Tests of files and of the start of the process are on SQLite in any case.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use claviger::app::Rng;
use claviger_store::{Durability, Options, Store};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

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

/// An empty store that survives nothing, on the engine of this run.
pub(crate) async fn throwaway(rng: Rng) -> Store {
    if is_postgres() { node(&migrated_schema().await, rng).await } else { Store::throwaway(rng).await.unwrap() }
}

/// A node on a schema of PostgreSQL, given by its address.
pub(crate) async fn node(address: &str, rng: Rng) -> Store {
    let options = Options { durability: Durability::None, bytes_max: None };
    Store::connect(address, options, rng).await.unwrap()
}

fn url() -> String {
    #[expect(clippy::disallowed_methods, reason = "where PostgreSQL is, the test runner knows")]
    std::env::var("CLAVIGER_TEST_POSTGRES_URL").expect(
        "CLAVIGER_TEST_POSTGRES_URL is not set: `cargo xtask test` starts a PostgreSQL and sets it; \
         for one test alone point it at any PostgreSQL from version 15 on where schemas may be created",
    )
}

/// The name of a schema that nobody has.
fn next_schema() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("server_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The address of a new and empty schema.
pub(crate) async fn new_schema() -> String {
    let schema = next_schema();
    let mut connection = PgConnection::connect(&url()).await.unwrap();
    connection.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await.unwrap();
    of_schema(&schema)
}

/// The address of a new schema with everything that the migrations make, in one question: step by step, and each test behind the other, they are the
/// greatest part of what a short test asks of the server. The store takes them for run, and refuses the schema where these files are not what it would run.
async fn migrated_schema() -> String {
    static MIGRATIONS: OnceCell<String> = OnceCell::const_new();
    let migrations = MIGRATIONS
        .get_or_init(|| async {
            // The first one is migrated as everywhere; the others are told by it what was run.
            let (pattern, rng) = (new_schema().await, Box::new(ChaCha20Rng::seed_from_u64(0)));
            let store = node(&pattern, rng).await;
            let schema = schema_of(&store);
            store.close().await;
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/migrations/postgres");
            let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
            files.sort();
            let texts: Vec<_> = files.iter().map(|it| std::fs::read_to_string(it).unwrap()).collect();
            let known = format!(
                "CREATE TABLE _sqlx_migrations (LIKE {schema}._sqlx_migrations INCLUDING ALL); \
                 INSERT INTO _sqlx_migrations SELECT * FROM {schema}._sqlx_migrations;"
            );
            format!("{}\n{known}", texts.join("\n"))
        })
        .await;
    let schema = next_schema();
    let mut connection = PgConnection::connect(&url()).await.unwrap();
    let all = format!("CREATE SCHEMA {schema}; SET search_path = {schema};\n{migrations}");
    sqlx::raw_sql(AssertSqlSafe(all)).execute(&mut connection).await.unwrap();
    of_schema(&schema)
}

fn schema_of(store: &Store) -> String {
    store.place().rsplit(' ').next().unwrap().to_owned()
}

fn of_schema(schema: &str) -> String {
    let url = url();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-csearch_path%3D{schema}")
}

/// What a store has written, as a folder of files: its own, or a text of each table.
pub(crate) struct Stored {
    path: PathBuf,
    is_dump: bool,
}

impl Stored {
    pub(crate) async fn of(store: &Store) -> Self {
        if let Some(folder) = store.folder() {
            return Self { path: folder.to_owned(), is_dump: false };
        }
        let schema = &schema_of(store);
        let path = std::env::temp_dir().join(format!("claviger-dump-{schema}"));
        std::fs::create_dir_all(&path).unwrap();
        let mut connection = PgConnection::connect(&url()).await.unwrap();
        let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = $1";
        let tables: Vec<String> = sqlx::query_scalar(tables).bind(schema).fetch_all(&mut connection).await.unwrap();
        assert!(tables.len() > 10, "{tables:?}");
        for table in tables {
            let rows = AssertSqlSafe(format!("SELECT t::text FROM {schema}.\"{table}\" t"));
            let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut connection).await.unwrap();
            std::fs::write(path.join(table), rows.join("\n")).unwrap();
        }
        Self { path, is_dump: true }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        if self.is_dump {
            drop(std::fs::remove_dir_all(&self.path));
        }
    }
}

/// The address of a store's schema.
pub(crate) fn address_of(store: &Store) -> String {
    of_schema(&schema_of(store))
}
