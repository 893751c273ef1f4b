//! What an export consists of, line by line: read without a database, so that a file is known to be whole before anything is written.

use data_encoding::BASE64;
use serde_json::Value as Json;

use super::schema::{Kind, Table};
use super::{FORMAT, Mark, TABLES};
use crate::value::Value;
use crate::{Error, StoreResult};

/// What a line means to who writes down what stands in it.
pub(super) enum Step {
    /// Nothing.
    Beginning,
    /// Another table begins.
    Table(&'static Table),
    /// A row of the table that has begun.
    Row(Vec<Value>),
    /// All rows were told.
    End,
}

/// Reads the lines of an export one after the other.
#[derive(Debug, Default)]
pub(super) struct Lines {
    table: Option<&'static Table>,
    rows: u64,
    line: u64,
    is_whole: bool,
}

impl Lines {
    pub(super) fn take(&mut self, line: &str) -> StoreResult<Step> {
        self.line += 1;
        if self.is_whole {
            return Err(self.wrong("something stands behind the end"));
        }
        if line.starts_with('[') {
            let table = self.table.ok_or_else(|| self.wrong("a row of no table"))?;
            let values: Vec<Json> = serde_json::from_str(line).map_err(|_| self.wrong("not JSON"))?;
            let row = table.row(values).ok_or_else(|| self.wrong("not a row of its table"))?;
            self.rows += 1;
            return Ok(Step::Row(row));
        }
        let mark = serde_json::from_str(line).map_err(|_| self.wrong("no line of an export"))?;
        match (self.line, mark) {
            (1, Mark::Claviger { export: FORMAT }) => Ok(Step::Beginning),
            (1, _) => Err(self.wrong("not an export of this version")),
            (_, Mark::Claviger { .. }) => Err(self.wrong("a second beginning")),
            (_, Mark::Table { name, columns }) => {
                let table = TABLES.iter().find(|it| it.name == name);
                let table = table.filter(|it| it.columns.iter().map(|(name, _)| name).eq(&columns));
                let table = table.ok_or_else(|| self.wrong("a table that this version has not, or not like this"))?;
                self.table = Some(table);
                Ok(Step::Table(table))
            }
            (_, Mark::End { rows }) => {
                self.is_whole = rows == self.rows;
                if self.is_whole { Ok(Step::End) } else { Err(self.wrong("rows are missing")) }
            }
        }
    }

    /// How many rows there were.
    pub(super) fn finish(&self) -> StoreResult<u64> {
        if self.is_whole { Ok(self.rows) } else { Err(self.wrong("the end is missing")) }
    }

    pub(super) fn wrong(&self, why: &'static str) -> Error {
        Error::NoExport { line: self.line, why }
    }
}

/// Looks whether lines are a whole export that this version takes, and writes nothing.
#[derive(Debug, Default)]
pub struct Check(Lines);

impl Check {
    /// Looks at the next line.
    ///
    /// # Errors
    /// [`Error::NoExport`] when it is none that an export of this version wrote.
    pub fn take(&mut self, line: &str) -> StoreResult<()> {
        self.0.take(line).map(drop)
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// [`Error::NoExport`] when the end is missing.
    pub fn finish(&self) -> StoreResult<u64> {
        self.0.finish()
    }
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
