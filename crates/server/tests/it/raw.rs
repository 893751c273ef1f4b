//! Ways past the store into its tables, to look at them and to harm them.

use std::collections::BTreeMap;
use std::path::Path;

use claviger_store::Store;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, FromRow};

use crate::engine::address_of;

/// A connection past the store. It keeps no foreign keys.
pub(crate) enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// The rows of each table, as text.
pub(crate) type Contents = BTreeMap<String, Vec<String>>;

/// What is written beside all changes: how keys are used and refused, when nodes were last heard, and what readers of the log have come to.
const BESIDE: [&str; 7] = ["secret_use", "key_usage", "version_use", "denied_request", "node", "reader", "chain_link"];

impl Raw {
    pub(crate) async fn of(store: &Store) -> Self {
        match store.folder() {
            Some(folder) => Self::at(folder, None).await,
            None => Self::at(Path::new(""), Some(&address_of(store))).await,
        }
    }

    /// Beside another process: a folder, or the address of a PostgreSQL.
    pub(crate) async fn at(folder: &Path, address: Option<&str>) -> Self {
        let Some(address) = address else {
            let options = SqliteConnectOptions::new().filename(folder.join("claviger.db")).foreign_keys(false);
            let options = options.busy_timeout(std::time::Duration::from_secs(5));
            return Self::Sqlite(options.connect().await.unwrap());
        };
        let mut connection = PgConnection::connect(address).await.unwrap();
        sqlx::raw_sql("SET session_replication_role = replica").execute(&mut connection).await.unwrap();
        Self::Postgres(connection)
    }

    pub(crate) async fn execute(&mut self, sql: &str) {
        let statement = AssertSqlSafe(sql.to_owned());
        let result = match self {
            Self::Sqlite(connection) => sqlx::raw_sql(statement).execute(connection).await.map(drop),
            Self::Postgres(connection) => sqlx::raw_sql(statement).execute(connection).await.map(drop),
        };
        result.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    pub(crate) async fn rows<T>(&mut self, sql: &str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => sqlx::query_as(sql).fetch_all(connection).await.unwrap(),
            Self::Postgres(connection) => sqlx::query_as(sql).fetch_all(connection).await.unwrap(),
        }
    }

    /// Everything that stands in the database, but for what is written beside all changes.
    pub(crate) async fn contents(&mut self) -> Contents {
        let tables = match self {
            Self::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            Self::Postgres(_) => {
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()"
            }
        };
        let mut contents = Contents::new();
        for (table,) in self.rows::<(String,)>(tables).await {
            let row = match self {
                Self::Sqlite(_) => {
                    let columns = format!(
                        "SELECT group_concat('quote(\"' || name || '\")', ' || '','' || ') FROM pragma_table_info('{table}')"
                    );
                    self.rows::<(String,)>(&columns).await.remove(0).0
                }
                Self::Postgres(_) => "t::text".to_owned(),
            };
            let rows = self.rows::<(String,)>(&format!("SELECT {row} FROM \"{table}\" t ORDER BY 1")).await;
            contents.insert(table, rows.into_iter().map(|(row,)| row).collect());
        }
        contents.retain(|table, _| !BESIDE.contains(&table.as_str()));
        assert!(contents.len() > 15, "{:?}", contents.keys());
        contents
    }

    /// Makes every such statement fail (`INSERT ON event`), until [`Self::mend`].
    pub(crate) async fn plant(&mut self, place: &str) {
        let sql = match self {
            Self::Sqlite(_) => {
                format!("CREATE TRIGGER fault BEFORE {place} BEGIN SELECT RAISE(ABORT, 'planted'); END")
            }
            Self::Postgres(_) => format!(
                "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'planted'; END $$; \
                 CREATE TRIGGER fault BEFORE {place} FOR EACH ROW EXECUTE FUNCTION fail()"
            ),
        };
        self.execute(&sql).await;
    }

    /// Takes away what [`Self::plant`] planted.
    pub(crate) async fn mend(&mut self, place: &str) {
        let table = place.rsplit(' ').next().unwrap();
        let sql = match self {
            Self::Sqlite(_) => "DROP TRIGGER fault".to_owned(),
            Self::Postgres(_) => format!("DROP TRIGGER fault ON {table}"),
        };
        self.execute(&sql).await;
    }
}

/// The tables that are not the same.
pub(crate) fn differing(one: &Contents, other: &Contents) -> Vec<String> {
    one.keys().filter(|table| one.get(*table) != other.get(*table)).cloned().collect()
}
