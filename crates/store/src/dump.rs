//! Everything a store holds, as lines of text: for moving it to another engine. What it does not hold are keys in clear and the master key.
//!
//! The first line says what it is, then every table announces itself with its columns and is followed by its rows, a JSON list each, bytes
//! in base64. The last line counts the rows, so that a file that was cut off is not taken for a whole one. The tables are read off the
//! migrations: a list of them here would one day lack one.

mod schema;

use std::collections::HashMap;
use std::sync::LazyLock;

use claviger_core::event::Stream;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sqlx::AssertSqlSafe;

use self::schema::{Kind, Table};
use crate::db::Row;
use crate::row::{Raw, Unreadable};
use crate::sql::statements;
use crate::value::{Value, args};
use crate::{Connection, Error, Reader, Store, StoreResult, Tx, Unique};

/// The version of the form; an import takes no other.
const FORMAT: u32 = 1;
/// Rows that are read at a time.
const ROWS_PER_PAGE: usize = 1000;
/// How often an export waits for the events of transactions that commit beside it.
const SNAPSHOTS_MAX: usize = 100;

statements! {
    CLEAR_HEADS = "DELETE FROM log_head";
    CLEAR_READERS = "DELETE FROM reader";
    CLEAR_USES = "DELETE FROM secret_use";
    CLEAR_COUNTS = "DELETE FROM key_usage";
    CLEAR_DENIALS = "DELETE FROM denied_request";
    CLEAR_QUOTAS = "DELETE FROM quota_use";
    /// Positions of before mean nothing to whoever follows the log here: a new epoch makes them load everything.
    BEGIN_EPOCH = "UPDATE log_head SET epoch = epoch + 1, seq = 0 WHERE stream = $1";
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

/// Reads everything, as it was at one moment.
#[derive(Debug)]
pub struct Export {
    reader: Reader,
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
            self.sequence().await?;
            let mut reader = self.snapshot().await?;
            if !reader.is_waiting().await? {
                reader.be_patient().await?;
                return Ok(Export { reader, table: 0, after: TABLES[0].first(), rows: 0, is_begun: false });
            }
        }
        Err(Error::Unavailable(sqlx::Error::PoolTimedOut))
    }

    /// Begins to write what an export has read. Nothing is there before [`Import::finish`].
    ///
    /// # Errors
    /// `Taken` when this store holds an installation.
    pub async fn import(&self) -> StoreResult<Import> {
        let mut tx = self.begin_structural().await?;
        if tx.find_installation_unchecked().await?.is_some() {
            return Err(Error::Taken(Unique::OrganizationRoot));
        }
        tx.be_patient().await?;
        // What the migrations have put there.
        tx.execute(CLEAR_HEADS, args![]).await?;
        tx.execute(CLEAR_READERS, args![]).await?;
        if !tx.is_shared() {
            // What an import that broke off has left in the other file.
            let mut uses = self.begin_usage().await?;
            for statement in [CLEAR_USES, CLEAR_COUNTS, CLEAR_DENIALS, CLEAR_QUOTAS] {
                uses.execute(statement, args![]).await?;
            }
            uses.commit().await?;
        }
        Ok(Import { tx, table: None, waiting: Vec::new(), rows: 0, line: 0, is_whole: false })
    }
}

impl Export {
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

/// Writes everything, or nothing.
#[derive(Debug)]
pub struct Import {
    tx: Tx,
    table: Option<&'static Table>,
    /// Rows that are not written yet.
    waiting: Vec<Vec<Value>>,
    rows: u64,
    line: u64,
    is_whole: bool,
}

impl Import {
    /// Takes the next line.
    ///
    /// # Errors
    /// [`Error::NoExport`] when it is none that an export of this version wrote; what any statement can meet.
    pub async fn take(&mut self, line: &str) -> StoreResult<()> {
        self.line += 1;
        if self.is_whole {
            return Err(self.wrong("something stands behind the end"));
        }
        if line.starts_with('[') {
            let table = self.table.ok_or_else(|| self.wrong("a row of no table"))?;
            let values: Vec<Json> = serde_json::from_str(line).map_err(|_| self.wrong("not JSON"))?;
            let row = table.row(values).ok_or_else(|| self.wrong("not a row of its table"))?;
            self.rows += 1;
            self.waiting.push(row);
            // A tree is written from its root down, so all of it has to be known first.
            let is_enough = table.parent.is_none() && table.rows_per_insert() <= self.waiting.len();
            return if is_enough { self.write().await } else { Ok(()) };
        }
        let mark = serde_json::from_str(line).map_err(|_| self.wrong("no line of an export"))?;
        match (self.line, mark) {
            (1, Mark::Claviger { export: FORMAT }) => Ok(()),
            (1, _) => Err(self.wrong("not an export of this version")),
            (_, Mark::Claviger { .. }) => Err(self.wrong("a second beginning")),
            (_, Mark::Table { name, columns }) => {
                self.write().await?;
                let table = TABLES.iter().find(|it| it.name == name);
                let table = table.filter(|it| it.columns.iter().map(|(name, _)| name).eq(&columns));
                self.table =
                    Some(table.ok_or_else(|| self.wrong("a table that this version has not, or not like this"))?);
                Ok(())
            }
            (_, Mark::End { rows }) => {
                self.write().await?;
                self.is_whole = rows == self.rows;
                if self.is_whole { Ok(()) } else { Err(self.wrong("rows are missing")) }
            }
        }
    }

    async fn write(&mut self) -> StoreResult<()> {
        let (Some(table), false) = (self.table, self.waiting.is_empty()) else { return Ok(()) };
        let mut rows = std::mem::take(&mut self.waiting);
        if table.is_usage && !self.tx.is_shared() {
            // In a file of its own, and so before the rest: a use too many, of a secret that never came, hurts nobody.
            let mut tx = self.tx.store.begin_usage().await?;
            for rows in rows.chunks(table.rows_per_insert()) {
                insert(&mut tx, table, rows).await?;
            }
            return tx.commit().await;
        }
        if let Some(parent) = table.parent {
            rows = from_the_root(rows, table.place[0], parent).ok_or_else(|| self.wrong("a tree that has no root"))?;
        }
        for rows in rows.chunks(table.rows_per_insert()) {
            insert(&mut self.tx, table, rows).await?;
        }
        Ok(())
    }

    /// Commits, and says how many rows there are now.
    ///
    /// # Errors
    /// [`Error::NoExport`] when the end is missing; what any statement can meet.
    pub async fn finish(mut self) -> StoreResult<u64> {
        if !self.is_whole {
            return Err(self.wrong("the end is missing"));
        }
        self.tx.execute(BEGIN_EPOCH, args![Stream::Change.as_str()]).await?;
        self.tx.commit_engine().await?;
        Ok(self.rows)
    }

    fn wrong(&self, why: &'static str) -> Error {
        Error::NoExport { line: self.line, why }
    }
}

async fn insert(connection: &mut Connection, table: &Table, rows: &[Vec<Value>]) -> StoreResult<()> {
    let sql = table.insert(rows.len());
    let sql = if connection.is_shared() { sql } else { crate::db::unnamed(&sql) };
    connection.execute(AssertSqlSafe(sql), rows.concat()).await.map(drop)
}

/// Rows in an order in which none comes before the one it hangs below; absent where some hang below none that is there.
fn from_the_root(rows: Vec<Vec<Value>>, id: usize, parent: usize) -> Option<Vec<Vec<Value>>> {
    let text = |row: &[Value], index: usize| match &row[index] {
        Value::Text(text) => text.clone(),
        Value::Integer(_) | Value::Bytes(_) | Value::Boolean(_) => None,
    };
    let mut below: HashMap<Option<String>, Vec<Vec<Value>>> = HashMap::new();
    let count = rows.len();
    for row in rows {
        below.entry(text(&row, parent)).or_default().push(row);
    }
    let mut ordered = below.remove(&None)?;
    let mut at = 0;
    while at < ordered.len() {
        ordered.extend(below.remove(&text(&ordered[at], id)).unwrap_or_default());
        at += 1;
    }
    (ordered.len() == count).then_some(ordered)
}

impl Table {
    /// A row as arguments; absent where it is none of this table.
    fn row(&self, values: Vec<Json>) -> Option<Vec<Value>> {
        if values.len() != self.columns.len() {
            return None;
        }
        let value = |(value, (_, kind)): (Json, &(String, Kind))| {
            Some(match (kind, value) {
                (Kind::Text, Json::Null) => Value::Text(None),
                (Kind::Integer, Json::Null) => Value::Integer(None),
                (Kind::Boolean, Json::Null) => Value::Boolean(None),
                (Kind::Bytes, Json::Null) => Value::Bytes(None),
                (Kind::Text, Json::String(it)) => Value::Text(Some(it)),
                (Kind::Integer, Json::Number(it)) => Value::Integer(Some(it.as_i64()?)),
                (Kind::Boolean, Json::Bool(it)) => Value::Boolean(Some(it)),
                (Kind::Bytes, Json::String(it)) => Value::Bytes(Some(BASE64.decode(it.as_bytes()).ok()?)),
                _ => return None,
            })
        };
        values.into_iter().zip(&self.columns).map(value).collect()
    }
}
