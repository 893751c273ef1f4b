//! A connection to either engine, its statements and its rows.

use claviger_core::id::{ApiId, OrganizationId};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Database, Encode, Postgres, Row as _, SqlSafeStr, SqlStr, Sqlite, Transaction, Type};

use super::failure::failure;
use super::{postgres, sqlite};
use crate::error::{Error, StoreResult};
use crate::row::{Raw, Unreadable};
use crate::sql::Bulk;
use crate::value::Value;

/// A connection, whether it reads or is in a transaction: what the finders stand on.
pub struct Connection {
    link: Link,
    /// Whether a statement of the transaction has failed.
    failed: bool,
    /// Apis that were found to serve an organization. They do so until the transaction ends: nobody changes an api beside it.
    pub(crate) serving: Vec<(OrganizationId, ApiId)>,
}

pub(super) enum Link {
    Sqlite(Handle<Sqlite>),
    Postgres(Handle<Postgres>),
}

pub(super) enum Handle<E: Database> {
    Reader(PoolConnection<E>),
    Writer(Transaction<'static, E>),
}

impl<E: Database> Handle<E> {
    /// The engine's own connection.
    fn engine(&mut self) -> &mut E::Connection {
        match self {
            Self::Reader(connection) => connection,
            Self::Writer(transaction) => transaction,
        }
    }

    async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Reader(_) => Ok(()),
            Self::Writer(transaction) => transaction.commit().await,
        }
    }
}

/// Runs a query on whichever engine there is: `run!(self, sql, arguments, execute => |it| it.rows_affected())`.
macro_rules! run {
    ($connection:ident, $sql:ident, $arguments:ident, $run:ident => |$answer:ident| $sqlite:expr, $postgres:expr) => {{
        let sql = checked($sql, &$arguments);
        // Nothing but dropping it is left of a transaction in which a statement failed.
        if $connection.failed {
            return Err(Error::Spoiled);
        }
        let result = match &mut $connection.link {
            Link::Sqlite(handle) => {
                let query = sqlx::query_with(sql, bind::<SqliteArguments>($arguments));
                query.$run(handle.engine()).await.map(|$answer| $sqlite)
            }
            Link::Postgres(handle) => {
                let query = sqlx::query_with(sql, bind::<PgArguments>($arguments));
                postgres::in_time(query.$run(handle.engine())).await.map(|$answer| $postgres)
            }
        };
        $connection.settle(result)
    }};
}

impl Connection {
    pub(super) const fn new(link: Link) -> Self {
        Self { link, failed: false, serving: Vec::new() }
    }

    fn settle<T>(&mut self, result: Result<T, sqlx::Error>) -> StoreResult<T> {
        result.map_err(|error| {
            let in_transaction =
                matches!(&self.link, Link::Sqlite(Handle::Writer(_)) | Link::Postgres(Handle::Writer(_)));
            self.failed |= in_transaction;
            failure(error)
        })
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: impl SqlSafeStr, arguments: Vec<Value>) -> StoreResult<u64> {
        run!(self, sql, arguments, execute => |it| it.rows_affected(), it.rows_affected())
    }

    /// Runs a statement and reads all its rows.
    pub(crate) async fn fetch_all(&mut self, sql: impl SqlSafeStr, arguments: Vec<Value>) -> StoreResult<Vec<Row>> {
        run!(self, sql, arguments, fetch_all =>
            |it| it.into_iter().map(Row::Sqlite).collect(), it.into_iter().map(Row::Postgres).collect())
    }

    /// Runs a statement and reads its first row.
    pub(crate) async fn fetch_optional(
        &mut self,
        sql: impl SqlSafeStr,
        arguments: Vec<Value>,
    ) -> StoreResult<Option<Row>> {
        run!(self, sql, arguments, fetch_optional => |it| it.map(Row::Sqlite), it.map(Row::Postgres))
    }

    /// The text of a statement with many arguments that this engine likes best.
    pub(crate) fn text<'a>(&self, bulk: &'a Bulk) -> &'a str {
        match &self.link {
            Link::Sqlite(_) => &bulk.unnamed,
            Link::Postgres(_) => &bulk.portable,
        }
    }

    /// Whether there are writers beside this one, so that what a transaction relies on has to be held, and its event gets its place later.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.link, Link::Postgres(_))
    }

    pub(super) async fn commit(self) -> StoreResult<()> {
        if self.failed {
            return Err(Error::Spoiled);
        }
        let committed = match self.link {
            Link::Sqlite(handle) => handle.commit().await,
            Link::Postgres(handle) => postgres::in_time(handle.commit()).await,
        };
        committed.map_err(failure)
    }
}

/// A statement with very many arguments in the form that SQLite likes.
pub(crate) fn unnamed(sql: &str) -> String {
    sqlite::unnamed(sql)
}

/// Arguments as an engine takes them.
fn bind<A>(arguments: Vec<Value>) -> A
where
    A: Arguments + Default,
    Option<String>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
    Option<i64>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
    Option<Vec<u8>>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
    Option<bool>: for<'q> Encode<'q, A::Database> + Type<A::Database>,
{
    let mut bound = A::default();
    bound.reserve(arguments.len(), 0);
    for argument in arguments {
        let added = match argument {
            Value::Text(text) => bound.add(text),
            Value::Integer(integer) => bound.add(integer),
            Value::Bytes(bytes) => bound.add(bytes),
            Value::Boolean(boolean) => bound.add(boolean),
        };
        added.expect("text, integers, bytes and flags have a form in every engine");
    }
    bound
}

/// SQLite takes a missing argument for NULL. Nobody should find that out from the rows.
fn checked(sql: impl SqlSafeStr, arguments: &[Value]) -> SqlStr {
    let sql = sql.into_sql_str();
    debug_assert_eq!(argument_count(sql.as_str()), arguments.len(), "arguments of `{}`", sql.as_str());
    sql
}

fn argument_count(sql: &str) -> usize {
    let number = |it: &str| it.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    let named = sql.split('$').skip(1).filter_map(number).max();
    named.unwrap_or_else(|| sql.matches('?').count())
}

/// A row of an answer.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// What stands in a column.
    pub(crate) fn raw(&self, index: usize) -> Result<Raw<'_>, Unreadable> {
        match self {
            Self::Sqlite(row) => sqlite::raw(row, index),
            Self::Postgres(row) => postgres::raw(row, index),
        }
    }

    /// The bytes of a column, also of a text that is none; absent when there is nothing.
    pub(crate) fn bytes(&self, index: usize) -> Option<&[u8]> {
        match self {
            Self::Sqlite(row) => row.try_get_unchecked(index).ok().flatten(),
            Self::Postgres(row) => row.try_get_unchecked(index).ok().flatten(),
        }
    }
}
