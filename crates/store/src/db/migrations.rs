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

/// The migrations that were run on a database, each with the digest of its text.
pub(super) const APPLIED: &str = "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version";

/// Refuses a database whose migrations are others than these. Who only looks beside a running service must not migrate under it.
pub(super) fn refuse_others(
    files: &'static [(i64, &str, &str)],
    applied: Result<Vec<(i64, Vec<u8>)>, sqlx::Error>,
) -> StoreResult<()> {
    let applied = match applied {
        Ok(applied) => applied,
        // There is no such table: nobody has run any.
        Err(sqlx::Error::Database(error)) => {
            return match failure(sqlx::Error::Database(error)) {
                Error::Fault(_) => Err(Error::Unmigrated),
                other => Err(other),
            };
        }
        Err(error) => return Err(failure(error)),
    };
    let migrator = migrator(files);
    for (version, checksum) in &applied {
        match migrator.iter().find(|it| it.version == *version) {
            Some(known) if *known.checksum == checksum[..] => {}
            Some(_) => return Err(Error::Schema(MigrateError::VersionMismatch(*version))),
            None => return Err(Error::Schema(MigrateError::VersionMissing(*version))),
        }
    }
    let is_run = |it: &Migration| applied.iter().any(|(version, _)| *version == it.version);
    if migrator.iter().all(is_run) { Ok(()) } else { Err(Error::Unmigrated) }
}

/// What a failure of the runner means.
pub(super) fn check(result: Result<(), MigrateError>) -> StoreResult<()> {
    result.map_err(|error| match error {
        MigrateError::Execute(error) => failure(error),
        error => Error::Schema(error),
    })
}
