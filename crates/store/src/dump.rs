//! Everything a store holds, as lines of text: for moving it to another engine. What it does not hold are keys in clear and the master key.
//!
//! The first line says what it is, then every table announces itself with its columns and is followed by its rows, a JSON list each, bytes
//! in base64. The last line counts the rows, so that a file that was cut off is not taken for a whole one. The tables are read off the
//! migrations: a list of them here would one day lack one.

mod import;
mod lines;
mod schema;

use std::sync::LazyLock;

use claviger_core::event::{Position, Stream};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sqlx::AssertSqlSafe;

pub use self::import::Import;
pub use self::lines::Check;
use self::schema::{Kind, Table};
use crate::db::Row;
use crate::row::{Raw, Unreadable};
use crate::sql::statements;
use crate::value::{Value, args};
use crate::{Error, Reader, Store, StoreResult};

/// The version of the form; an import takes no other.
const FORMAT: u32 = 1;
/// Rows that are read at a time.
const ROWS_PER_PAGE: usize = 1000;
/// How often an export looks for a moment at which every event has its place, before it makes one.
const SNAPSHOTS_MAX: usize = 10;

statements! {
    CLEAR_HEADS = "DELETE FROM log_head";
    CLEAR_READERS = "DELETE FROM reader";
    CLEAR_USES = "DELETE FROM secret_use";
    CLEAR_COUNTS = "DELETE FROM key_usage";
    CLEAR_DENIALS = "DELETE FROM denied_request";
    CLEAR_QUOTAS = "DELETE FROM quota_use";
    CLEAR_VERSIONS = "DELETE FROM version_use";
    /// Positions of before mean nothing to whoever follows the log here: a new epoch makes them load everything.
    /// It is a later one than that of a life of the log of which a restore has heard.
    BEGIN_EPOCH =
        "UPDATE log_head SET epoch = CASE WHEN epoch < $1 THEN $1 ELSE epoch END + 1, seq = 0 WHERE stream = $2";
}

static TABLES: LazyLock<Vec<Table>> = LazyLock::new(schema::tables);

/// Every statement that is put together here, by name.
pub(crate) fn built_statements() -> Vec<(String, String)> {
    let of =
        |it: &Table| [(format!("read {}", it.name), it.page.clone()), (format!("write {}", it.name), it.insert(2))];
    TABLES.iter().flat_map(of).collect()
}

/// A line that is no row.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Mark {
    Claviger { export: u32 },
    Table { name: String, columns: Vec<String> },
    End { rows: u64 },
}

/// By what the form of a database is known: a dump is taken by what has the same. It counts up with every migration.
pub fn schema() -> usize {
    schema::MIGRATIONS.len()
}

/// Reads everything, as it was at one moment.
#[derive(Debug)]
pub struct Export {
    reader: Reader,
    position: Position,
    /// Which table comes next, and where in it.
    table: usize,
    after: Vec<Value>,
    rows: u64,
    is_begun: bool,
}

impl Store {
    /// Begins to read everything there is at this moment. Others may go on writing.
    ///
    /// # Errors
    /// `Unavailable`, also where so much is being written that no moment is found at which every change has its place in the log.
    pub async fn export(&self) -> StoreResult<Export> {
        for _ in 0..SNAPSHOTS_MAX {
            if let Some(export) = self.try_export().await? {
                return Ok(export);
            }
        }
        // Where very much is written, there is always one more that commits in between. So nobody does for a moment: who changes something now is
        // waited for, and who comes then waits as long as this takes, some milliseconds.
        let quiet = self.begin_structural().await?;
        let export = self.try_export().await?;
        drop(quiet);
        export.ok_or(Error::Unavailable(sqlx::Error::PoolTimedOut))
    }

    async fn try_export(&self) -> StoreResult<Option<Export>> {
        self.sequence().await?;
        let mut reader = self.snapshot().await?;
        if reader.is_waiting().await? {
            return Ok(None);
        }
        reader.be_patient().await?;
        let position = reader.head(Stream::Change).await?;
        Ok(Some(Export { reader, position, table: 0, after: TABLES[0].first(), rows: 0, is_begun: false }))
    }
}

impl Export {
    /// Where the stream of changes ended at that moment.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Who reads with the export what was at its moment.
    pub const fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    /// The next lines; none at the end.
    ///
    /// # Errors
    /// What any statement can meet.
    pub async fn next(&mut self) -> StoreResult<Vec<String>> {
        let mut lines = Vec::new();
        if !std::mem::replace(&mut self.is_begun, true) {
            lines.push(mark(&Mark::Claviger { export: FORMAT }));
            lines.push(TABLES[0].announcement());
        }
        while lines.len() < ROWS_PER_PAGE {
            let Some(table) = TABLES.get(self.table) else { break };
            let arguments = [self.after.clone(), args![ROWS_PER_PAGE as i64]].concat();
            let rows = self.reader.fetch_all(AssertSqlSafe(table.page.clone()), arguments).await?;
            for row in &rows {
                lines.push(table.line(row)?);
            }
            self.rows += rows.len() as u64;
            match rows.last() {
                Some(last) if rows.len() == ROWS_PER_PAGE => self.after = table.place(last)?,
                _ => {
                    self.table += 1;
                    lines.push(
                        TABLES
                            .get(self.table)
                            .map_or_else(|| mark(&Mark::End { rows: self.rows }), Table::announcement),
                    );
                    self.after = TABLES.get(self.table).map(Table::first).unwrap_or_default();
                }
            }
        }
        Ok(lines)
    }
}

fn mark(mark: &Mark) -> String {
    crate::value::json(mark)
}

impl Table {
    fn announcement(&self) -> String {
        let columns = self.columns.iter().map(|(name, _)| name.clone()).collect();
        mark(&Mark::Table { name: self.name.clone(), columns })
    }

    fn corrupt(&self, why: Unreadable) -> Error {
        Error::Corrupt { table: "export", id: self.name.clone(), detail: why.0 }
    }

    /// A row as a line.
    fn line(&self, row: &Row) -> StoreResult<String> {
        let mut values = Vec::with_capacity(self.columns.len());
        for (index, (_, kind)) in self.columns.iter().enumerate() {
            values.push(match (row.raw(index).map_err(|it| self.corrupt(it))?, kind) {
                (Raw::Null, _) => Json::Null,
                (Raw::Integer(it), Kind::Boolean) => Json::Bool(it != 0),
                (Raw::Integer(it), _) => Json::from(it),
                (Raw::Text(it), _) => Json::from(it),
                (Raw::Bytes(it), _) => Json::from(BASE64.encode(it)),
            });
        }
        Ok(crate::value::json(&values))
    }

    /// The place of a row, behind which the next page begins.
    fn place(&self, row: &Row) -> StoreResult<Vec<Value>> {
        let value = |index: usize| match row.raw(index).map_err(|it| self.corrupt(it))? {
            Raw::Text(it) => Ok(Value::Text(Some(it.to_owned()))),
            Raw::Integer(it) => Ok(Value::Integer(Some(it))),
            Raw::Null | Raw::Bytes(_) => {
                Err(self.corrupt(Unreadable("has a key that is neither text nor number".into())))
            }
        };
        self.place.iter().map(|index| value(*index)).collect()
    }
}
