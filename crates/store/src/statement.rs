//! What statements have in common: how their rows are read, and what a change leaves behind in its transaction.

use claviger_core::event::Entity;

use crate::db::{Connection, Tx};
use crate::error::{Error, StoreResult};
use crate::row::{Columns, Unreadable, decode};
use crate::sql::Bulk;
use crate::value::Value;

impl Connection {
    /// Reads at most one row.
    pub(crate) async fn find<T>(
        &mut self,
        statement: &'static str,
        arguments: Vec<Value>,
        table: &'static str,
        read: impl FnOnce(&mut Columns<'_>) -> Result<T, Unreadable>,
    ) -> StoreResult<Option<T>> {
        let row = self.fetch_optional(statement, arguments).await?;
        row.map(|row| decode(table, &row, read)).transpose()
    }

    /// Reads all rows. One that cannot be read fails the list: a list that leaves it out would say that it is not there.
    pub(crate) async fn list<T>(
        &mut self,
        statement: &'static str,
        arguments: Vec<Value>,
        table: &'static str,
        read: impl Fn(&mut Columns<'_>) -> Result<T, Unreadable>,
    ) -> StoreResult<Vec<T>> {
        let rows = self.fetch_all(statement, arguments).await?;
        rows.iter().map(|row| decode(table, row, &read)).collect()
    }

    /// As [`Self::list`], by a statement with many arguments.
    pub(crate) async fn list_bulk<T>(
        &mut self,
        statement: &'static Bulk,
        arguments: Vec<Value>,
        table: &'static str,
        read: impl Fn(&mut Columns<'_>) -> Result<T, Unreadable>,
    ) -> StoreResult<Vec<T>> {
        let text = self.text(statement);
        self.list(text, arguments, table, read).await
    }

    /// Runs a statement with many arguments and says how many rows it changed.
    pub(crate) async fn execute_bulk(&mut self, statement: &'static Bulk, arguments: Vec<Value>) -> StoreResult<u64> {
        let text = self.text(statement);
        self.execute(text, arguments).await
    }

    /// The one number that a statement answers; absent counts as zero.
    pub(crate) async fn number(&mut self, statement: &'static str, arguments: Vec<Value>) -> StoreResult<u64> {
        let number = self.find(statement, arguments, "a count", |it| it.next::<Option<u64>>()).await?;
        Ok(number.flatten().unwrap_or(0))
    }
}

impl Tx {
    /// Notes that a replicated row was written: its followers have to read it again.
    pub(crate) fn touch(&mut self, entity: impl Into<Entity>) {
        self.touched.insert(entity.into());
    }

    /// Changes one row that is expected to have a version. All such statements begin with the same arguments: identifier,
    /// organization, expected version; `exists` takes the first two and tells a changed row from one that is not there.
    pub(crate) async fn replace(
        &mut self,
        statement: &'static str,
        arguments: Vec<Value>,
        exists: &'static str,
    ) -> StoreResult<()> {
        let place = arguments[..2].to_vec();
        if 0 < self.execute(statement, arguments).await? {
            return Ok(());
        }
        match self.fetch_optional(exists, place).await? {
            Some(_) => Err(Error::VersionMismatch),
            None => Err(Error::Missing),
        }
    }

    /// Runs an update of exactly one row.
    pub(crate) async fn change(&mut self, statement: &'static str, arguments: Vec<Value>) -> StoreResult<()> {
        match self.execute(statement, arguments).await? {
            0 => Err(Error::Missing),
            _ => Ok(()),
        }
    }
}

/// A change counts the version up, or verifiers, which take only what is newer, would not take it.
pub(crate) fn assert_newer(version: u64, expected_version: u64) {
    assert!(expected_version < version, "version {version} is not newer than {expected_version}");
}
