//! What the engines' failures mean.

use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::error::{Error, Unique};

/// What the engine's failure means to us.
pub(super) fn failure(error: sqlx::Error) -> Error {
    let sqlx::Error::Database(database) = &error else {
        return match error {
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            // A server that dies while it is asked answers what belongs to nothing.
            | sqlx::Error::Protocol(_) => Error::Unavailable(error),
            _ => Error::Fault(error),
        };
    };
    let meaning = match database.try_downcast_ref::<PgDatabaseError>() {
        Some(postgres) => of_postgres(postgres),
        None => of_sqlite(&**database),
    };
    match meaning {
        Meaning::Full => Error::StorageFull,
        Meaning::Unavailable => Error::Unavailable(error),
        Meaning::Missing => Error::Missing,
        Meaning::Taken(unique) => Error::Taken(unique),
        Meaning::Damaged => Error::Corrupt { table: "database", id: "file".into(), detail: database.message().into() },
        Meaning::Fault => Error::Fault(error),
    }
}

enum Meaning {
    Full,
    Unavailable,
    Missing,
    Taken(Unique),
    Damaged,
    Fault,
}

/// By the result codes of SQLite.
fn of_sqlite(database: &dyn DatabaseError) -> Meaning {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const IO: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const CANNOT_OPEN: i32 = 14;
    const CONSTRAINT: i32 = 19;
    const NOT_A_DATABASE: i32 = 26;
    // The low byte is the kind, the rest says more of it.
    match database.code().and_then(|it| it.parse::<i32>().ok()).map_or(0, |it| it & 0xff) {
        FULL => Meaning::Full,
        BUSY | LOCKED | IO | CANNOT_OPEN => Meaning::Unavailable,
        CORRUPT | NOT_A_DATABASE => Meaning::Damaged,
        CONSTRAINT if database.is_unique_violation() => {
            // It names the columns: `UNIQUE constraint failed: key.organization_id, key.name_key, key.api_id`.
            let columns = database.message().split_once("constraint failed: ").map(|(_, columns)| columns);
            columns.map_or(Meaning::Fault, |it| Meaning::Taken(unique(|(columns, _, _)| *columns == it)))
        }
        CONSTRAINT if database.is_foreign_key_violation() => Meaning::Missing,
        _ => Meaning::Fault,
    }
}

/// By SQLSTATE, appendix A of PostgreSQL's manual.
fn of_postgres(database: &PgDatabaseError) -> Meaning {
    match database.code() {
        "23505" => {
            let index = database.constraint();
            index.map_or(Meaning::Fault, |it| Meaning::Taken(unique(|(_, index, _)| *index == it)))
        }
        "23503" => Meaning::Missing,
        // character_not_in_repertoire: a text with a NUL, which no row holds
        "22021" => Meaning::Missing,
        // disk_full
        "53100" => Meaning::Full,
        // serialization_failure, deadlock_detected, lock_not_available, query_canceled, read_only_sql_transaction: a standby took over;
        // idle_in_transaction_session_timeout: this process stood still, with its machine perhaps
        "40001" | "40P01" | "55P03" | "57014" | "25006" | "25P03" => Meaning::Unavailable,
        // data_corrupted, index_corrupted
        "XX001" | "XX002" => Meaning::Damaged,
        // Connections, refused sign-ins, too few resources, a server that stops or starts.
        code if ["08", "28", "53", "57", "58", "3D"].iter().any(|class| code.starts_with(class)) => {
            Meaning::Unavailable
        }
        _ => Meaning::Fault,
    }
}

/// What is unique: as SQLite names the columns of its index, and by the name of the index itself.
const UNIQUES: [(&str, &str, Unique); 16] = [
    ("key.organization_id, key.name_key, key.api_id", "key_name", Unique::KeyName),
    ("key.organization_id, key.owner_id", "key_personal", Unique::PersonalKey),
    ("key.organization_id, key.mapped_user_id, key.api_id", "key_sole", Unique::UserKey),
    ("secret.digest", "secret_digest", Unique::Digest),
    ("role.organization_id, role.name_key", "role_name", Unique::RoleName),
    ("organization.slug", "organization_slug", Unique::OrganizationSlug),
    ("organization.external_id", "organization_external_id", Unique::OrganizationExternalId),
    ("index 'organization_root'", "organization_root", Unique::OrganizationRoot),
    ("installation.id", "installation_pkey", Unique::OrganizationRoot),
    ("user.email", "user_email", Unique::UserEmail),
    ("user.organization_id, user.external_id", "user_external_id", Unique::UserExternalId),
    ("member.user_id, member.organization_id", "member_user", Unique::Membership),
    ("api.slug", "api_slug", Unique::ApiSlug),
    ("api.prefix", "api_prefix", Unique::ApiPrefix),
    (
        "idempotency.organization_id, idempotency.caller, idempotency.idempotency_key",
        "idempotency_pkey",
        Unique::IdempotencyKey,
    ),
    ("import.organization_id, import.source_digest", "import_source", Unique::ImportSource),
];

fn unique(is_it: impl Fn(&(&str, &str, Unique)) -> bool) -> Unique {
    UNIQUES.iter().find(|it| is_it(it)).map_or(Unique::Id, |(_, _, unique)| *unique)
}
