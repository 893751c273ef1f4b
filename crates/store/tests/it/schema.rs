//! One schema and one text of every statement for both engines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row, SqlSafeStr};

use crate::engine::{embedded, file, postgres_url};

/// A PostgreSQL with an empty database that holds the migrated schema.
async fn postgres() -> PgConnection {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let options: PgConnectOptions = postgres_url().parse().expect("CLAVIGER_TEST_POSTGRES_URL is a PostgreSQL URL");
    let mut connection = options.connect().await.expect("PostgreSQL answers");
    let name = format!("claviger_store_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("a database");
    connection.close().await.expect("a close");
    let mut connection = options.database(&name).connect().await.expect("PostgreSQL answers");
    for path in migrations("postgres") {
        let sql = fs::read_to_string(&path).expect("a migration");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("the migration is PostgreSQL's");
    }
    connection
}

fn migrations(engine: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let mut paths: Vec<_> = fs::read_dir(folder)
        .expect("the folder of migrations")
        .map(|it| it.expect("an entry").path().to_string_lossy().into_owned())
        .collect();
    paths.sort();
    paths
}

fn file_names(engine: &str) -> Vec<String> {
    let name = |path: &String| path.rsplit('/').next().unwrap_or_default().to_owned();
    migrations(engine).iter().map(name).collect()
}

#[test]
fn both_engines_have_the_same_migrations() {
    assert_eq!(file_names("sqlite"), file_names("postgres"));
}

#[tokio::test]
async fn every_migration_file_is_embedded() {
    let store = embedded().await;
    let mut applied = BTreeSet::new();
    for database in ["claviger.db", "usage.db"] {
        let rows = sqlx::query("SELECT version, description FROM _sqlx_migrations");
        for row in rows.fetch_all(&mut file(&store, database).await).await.expect("rows") {
            applied.insert(format!("{:04}_{}.sql", row.get::<i64, _>(0), row.get::<String, _>(1)));
        }
    }
    assert_eq!(applied.into_iter().collect::<Vec<_>>(), file_names("sqlite"));
}

#[tokio::test]
async fn every_statement_can_be_prepared_on_postgresql() {
    let mut connection = postgres().await;
    let statements = claviger_store::statements();
    assert!(2000 < statements.len(), "{} statements are not all of them", statements.len());
    let mut refused = Vec::new();
    for (name, sql) in statements {
        // The server plans nothing here; it parses the statement and finds the types of its arguments.
        if let Err(error) = connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await {
            refused.push(format!("{name}: {error}\n  {sql}"));
        }
    }
    assert!(
        refused.is_empty(),
        "{} are refused, such as\n{}",
        refused.len(),
        refused[..refused.len().min(5)].join("\n")
    );
}

#[tokio::test]
async fn every_statement_of_postgresql_alone_can_be_prepared_there() {
    let mut connection = postgres().await;
    for (name, sql) in claviger_store::postgres_statements() {
        let prepared = connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await;
        prepared.unwrap_or_else(|error| panic!("{name}: {error}\n{sql}"));
    }
}

/// Also where PostgreSQL merges both tables by their order. Merging from the first secret of all for each page made a start take a minute with a
/// million keys, and would have made it take hours with ten.
#[tokio::test]
async fn a_page_of_keys_reads_no_secrets_of_keys_before_it_on_postgresql() {
    let mut connection = postgres().await;
    let merge =
        "SET enable_hashjoin = off; SET enable_nestloop = off; SET enable_seqscan = off; SET enable_bitmapscan = off";
    sqlx::raw_sql(merge).execute(&mut connection).await.expect("settings");
    let statements: BTreeMap<_, _> = claviger_store::statements().into_iter().collect();
    for (name, end) in [("KEYS", "2000"), ("KEYS_BETWEEN", "'key_2'")] {
        let prepare = format!("PREPARE {name} AS {}", statements[name]);
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut connection).await.expect("a statement");
        let explain = format!("EXPLAIN EXECUTE {name} ('key_1', 0, {end})");
        let plan = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(&mut connection).await.expect("a plan");
        let plan: Vec<String> = plan.iter().map(|it| it.get(0)).collect();
        assert!(plan.iter().any(|it| it.contains("Merge Left Join")), "{name}: {plan:#?}");
        let secrets = plan.iter().position(|it| it.contains(" on secret s")).expect("the secrets");
        assert!(
            plan[secrets + 1].contains("Index Cond: ") && plan[secrets + 1].contains("key_id >"),
            "{name}: {plan:#?}"
        );
    }
}

#[tokio::test]
async fn every_statement_can_be_prepared_on_sqlite() {
    let store = embedded().await;
    let mut connection = file(&store, "claviger.db").await;
    let attach = format!("ATTACH DATABASE '{}' AS usage", store.folder().expect("a folder").join("usage.db").display());
    connection.execute(AssertSqlSafe(attach)).await.expect("the other file");
    for (name, sql) in claviger_store::statements() {
        let prepared = connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await;
        if let Err(error) = prepared {
            panic!("{name}: {error}\n{sql}");
        }
    }
}

/// The tables that only PostgreSQL has: events that wait for their places, and the nodes.
const OF_SEVERAL_NODES: [&str; 2] = ["outbox", "node"];

/// A schema as far as both engines have it: tables with their columns, indexes with theirs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Schema {
    /// `table.column` → type and whether it may be NULL.
    columns: BTreeMap<String, (&'static str, bool)>,
    /// `index on table (columns)`, unique or not.
    indexes: BTreeSet<(String, bool)>,
    /// `table (columns) → table (columns)`.
    references: BTreeSet<String>,
}

#[tokio::test]
async fn both_engines_have_the_same_schema() {
    let store = embedded().await;
    let mut sqlite = Schema::default();
    for database in ["claviger.db", "usage.db"] {
        read_sqlite(&mut file(&store, database).await, &mut sqlite).await;
    }
    let postgres = read_postgres(&mut postgres().await).await;
    assert!(20 < sqlite.columns.len() && 20 < sqlite.indexes.len());
    for (column, form) in &sqlite.columns {
        assert_eq!(postgres.columns.get(column), Some(form), "{column}");
    }
    assert_eq!(postgres.columns.len(), sqlite.columns.len());
    assert_eq!(postgres.indexes, sqlite.indexes);
    assert_eq!(postgres.references, sqlite.references);
}

async fn read_sqlite(connection: &mut sqlx::SqliteConnection, schema: &mut Schema) {
    let tables = "SELECT m.name, t.name, t.type, t.\"notnull\", m.sql FROM sqlite_schema m, pragma_table_info(m.name) t \
                  WHERE m.type = 'table' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
    for row in sqlx::query(tables).fetch_all(&mut *connection).await.expect("tables") {
        let (table, column, sql): (String, String, String) = (row.get(0), row.get(1), row.get(4));
        let form = match row.get::<&str, _>(2) {
            "TEXT" => "text",
            "BLOB" => "bytes",
            "INTEGER" if sql.contains(&format!("CHECK ({column} IN (0, 1))")) => "boolean",
            "INTEGER" => "integer",
            other => panic!("{table}.{column} is {other}"),
        };
        schema.columns.insert(format!("{table}.{column}"), (form, row.get::<i64, _>(3) == 0));
    }
    let indexes = "SELECT m.name, l.name, l.\"unique\", l.origin, (SELECT group_concat(coalesce(i.name, '?')) \
                   FROM pragma_index_info(l.name) i) FROM sqlite_schema m, pragma_index_list(m.name) l \
                   WHERE m.type = 'table' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
    for row in sqlx::query(indexes).fetch_all(&mut *connection).await.expect("indexes") {
        let (table, index, columns): (String, String, String) = (row.get(0), row.get(1), row.get(4));
        // The engines name what stands behind a primary key each in its own way.
        let index = if row.get::<&str, _>(3) == "pk" { "primary key".into() } else { index };
        schema.indexes.insert((format!("{index} on {table} ({columns})"), row.get::<i64, _>(2) == 1));
    }
    let references = "SELECT m.name || ' (' || group_concat(f.\"from\") || ') → ' || f.\"table\" || ' (' || group_concat(f.\"to\") || ')' \
                      FROM sqlite_schema m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table' GROUP BY m.name, f.id";
    let references = sqlx::query_scalar(references).fetch_all(connection).await.expect("references");
    schema.references.extend(references);
    // A single integer is its own primary key on SQLite, without an index.
    if schema.columns.contains_key("installation.id") {
        schema.indexes.insert(("primary key on installation (id)".into(), true));
    }
}

async fn read_postgres(connection: &mut PgConnection) -> Schema {
    let mut schema = Schema::default();
    let columns = "SELECT table_name::text, column_name::text, data_type::text, is_nullable::text, collation_name::text \
                   FROM information_schema.columns WHERE table_schema = 'public'";
    for row in sqlx::query(columns).fetch_all(&mut *connection).await.expect("columns") {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        if OF_SEVERAL_NODES.contains(&table.as_str()) {
            continue;
        }
        let form = match row.get::<&str, _>(2) {
            "text" => {
                // By code points, as SQLite compares: a language's order would page and search differently.
                assert_eq!(row.get::<Option<&str>, _>(4), Some("C"), "{table}.{column}");
                "text"
            }
            "bytea" => "bytes",
            "bigint" => "integer",
            "boolean" => "boolean",
            other => panic!("{table}.{column} is {other}"),
        };
        schema.columns.insert(format!("{table}.{column}"), (form, row.get::<&str, _>(3) == "YES"));
    }
    let columns_of = "(SELECT string_agg(a.attname::text, ',' ORDER BY k.place) FROM unnest(COLUMNS) WITH ORDINALITY k (number, place) \
                      JOIN pg_attribute a ON a.attrelid = TABLE AND a.attnum = k.number)";
    let of = |columns: &str, table: &str| columns_of.replace("COLUMNS", columns).replace("TABLE", table);
    let references = format!(
        "SELECT t.relname || ' (' || {} || ') → ' || f.relname || ' (' || {} || ')' FROM pg_constraint c \
         JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid \
         WHERE c.contype = 'f' AND t.relname NOT IN ('{}', '{}')",
        of("c.conkey", "t.oid"),
        of("c.confkey", "f.oid"),
        OF_SEVERAL_NODES[0],
        OF_SEVERAL_NODES[1]
    );
    let references =
        sqlx::query_scalar(AssertSqlSafe(references)).fetch_all(&mut *connection).await.expect("references");
    schema.references.extend::<Vec<String>>(references);
    let indexes = "SELECT t.relname::text, i.relname::text, x.indisunique, x.indisprimary, \
                   (SELECT string_agg(coalesce(a.attname::text, '?'), ',' ORDER BY k.place) \
                    FROM unnest(x.indkey) WITH ORDINALITY k (number, place) \
                    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number AND k.number > 0) \
                   FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid \
                   JOIN pg_namespace n ON n.oid = t.relnamespace WHERE n.nspname = 'public'";
    for row in sqlx::query(indexes).fetch_all(connection).await.expect("indexes") {
        let (table, index, columns): (String, String, String) = (row.get(0), row.get(1), row.get(4));
        if OF_SEVERAL_NODES.contains(&table.as_str()) {
            continue;
        }
        let index = if row.get(3) { "primary key".into() } else { index };
        schema.indexes.insert((format!("{index} on {table} ({columns})"), row.get(2)));
    }
    schema
}
