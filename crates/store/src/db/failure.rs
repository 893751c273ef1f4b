//! What the engine's failures mean.

use crate::error::{Error, Unique};

/// What the engine's failure means to us.
pub(super) fn failure(error: sqlx::Error) -> Error {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const IO: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const CANNOT_OPEN: i32 = 14;
    const CONSTRAINT: i32 = 19;
    const NOT_A_DATABASE: i32 = 26;
    let sqlx::Error::Database(database) = &error else {
        return match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed | sqlx::Error::Io(_) => {
                Error::Unavailable(error)
            }
            _ => Error::Fault(error),
        };
    };
    // The low byte is the kind, the rest says more of it.
    let code = database.code().and_then(|it| it.parse::<i32>().ok()).map_or(0, |it| it & 0xff);
    match code {
        FULL => Error::StorageFull,
        BUSY | LOCKED | IO | CANNOT_OPEN => Error::Unavailable(error),
        CORRUPT | NOT_A_DATABASE => {
            Error::Corrupt { table: "database", id: "file".into(), detail: database.message().into() }
        }
        CONSTRAINT if database.is_unique_violation() => match unique_of(database.message()) {
            Some(unique) => Error::Taken(unique),
            None => Error::Fault(error),
        },
        CONSTRAINT if database.is_foreign_key_violation() => Error::Missing,
        _ => Error::Fault(error),
    }
}

/// SQLite names the columns of a violated index: `UNIQUE constraint failed: key.organization_id, key.name_key, key.api_id`.
fn unique_of(message: &str) -> Option<Unique> {
    let columns = message.split_once("constraint failed: ")?.1;
    Some(match columns {
        "key.organization_id, key.name_key, key.api_id" => Unique::KeyName,
        "key.organization_id, key.owner_id" => Unique::PersonalKey,
        "secret.digest" => Unique::Digest,
        "role.organization_id, role.name_key" => Unique::RoleName,
        "organization.slug" => Unique::OrganizationSlug,
        "organization.external_id" => Unique::OrganizationExternalId,
        "index 'organization_root'" | "installation.id" => Unique::OrganizationRoot,
        "user.email" => Unique::UserEmail,
        "user.organization_id, user.external_id" => Unique::UserExternalId,
        "member.user_id, member.organization_id" => Unique::Membership,
        "api.slug" => Unique::ApiSlug,
        "api.prefix" => Unique::ApiPrefix,
        "idempotency.organization_id, idempotency.caller, idempotency.idempotency_key" => Unique::IdempotencyKey,
        "import.organization_id, import.source_digest" => Unique::ImportSource,
        _ => Unique::Id,
    })
}
