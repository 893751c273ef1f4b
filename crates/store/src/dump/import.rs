//! Writing what an export has read: all of it in one transaction, or nothing.

use std::collections::HashMap;

use claviger_core::event::Stream;
use sqlx::AssertSqlSafe;

use super::lines::{Lines, Step};
use super::schema::Table;
use super::{
    BEGIN_EPOCH, CLEAR_COUNTS, CLEAR_DENIALS, CLEAR_HEADS, CLEAR_QUOTAS, CLEAR_READERS, CLEAR_USES, CLEAR_VERSIONS,
};
use crate::restore::Restoration;
use crate::value::{Value, args};
use crate::{Connection, Error, Store, StoreResult, Tx, Unique};

/// Writes everything, or nothing.
#[derive(Debug)]
pub struct Import {
    tx: Tx,
    lines: Lines,
    /// The table of the rows that wait.
    table: Option<&'static Table>,
    /// Rows that are not written yet.
    waiting: Vec<Vec<Value>>,
}

impl Store {
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
            for statement in [CLEAR_USES, CLEAR_COUNTS, CLEAR_DENIALS, CLEAR_QUOTAS, CLEAR_VERSIONS] {
                uses.execute(statement, args![]).await?;
            }
            uses.commit().await?;
        }
        Ok(Import { tx, lines: Lines::default(), table: None, waiting: Vec::new() })
    }
}

impl Import {
    /// Takes the next line.
    ///
    /// # Errors
    /// [`Error::NoExport`] when it is none that an export of this version wrote; what any statement can meet.
    pub async fn take(&mut self, line: &str) -> StoreResult<()> {
        match self.lines.take(line)? {
            Step::Beginning => Ok(()),
            Step::Table(table) => {
                self.write().await?;
                self.table = Some(table);
                Ok(())
            }
            Step::End => self.write().await,
            Step::Row(row) => {
                self.waiting.push(row);
                // A tree is written from its root down, so all of it has to be known first.
                let is_enough = |it: &Table| it.parent.is_none() && it.rows_per_insert() <= self.waiting.len();
                if self.table.is_some_and(is_enough) { self.write().await } else { Ok(()) }
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
            let ordered = from_the_root(rows, table.place[0], parent);
            rows = ordered.ok_or_else(|| self.lines.wrong("a tree that has no root"))?;
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
    pub async fn finish(self) -> StoreResult<u64> {
        self.restored(0).await?.commit().await
    }

    /// Ends the import without committing it, for a restore to end in the same transaction what must not come to life again. `epoch` is
    /// another that the new life of the log must not be taken for: it gets a later one than that and its own.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub async fn restored(mut self, epoch: u64) -> StoreResult<Restoration> {
        let rows = self.lines.finish()?;
        self.tx.execute(BEGIN_EPOCH, args![epoch, Stream::Change.as_str()]).await?;
        Ok(Restoration::new(self.tx, rows))
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
