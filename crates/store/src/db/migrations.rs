//! Running the migrations that are built in.

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::failure::failure;
use crate::error::{Error, StoreResult};

/// The runner of these files: number, name, SQL.
pub(super) fn migrator(files: &'static [(i64, &str, &str)]) -> Migrator {
    let migration = |(number, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*number, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    Migrator::with_migrations(files.iter().map(migration).collect())
}

/// What a failure of the runner means.
pub(super) fn check(result: Result<(), MigrateError>) -> StoreResult<()> {
    result.map_err(|error| match error {
        MigrateError::Execute(error) => failure(error),
        error => Error::Schema(error),
    })
}
