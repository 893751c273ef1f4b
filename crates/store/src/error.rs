//! What can go wrong below a transaction, told apart so that a caller can say what to do about it.

use std::path::PathBuf;

use claviger_core::reject::{FieldReject, Reject, RejectCode};

/// What this crate's functions answer.
pub type StoreResult<T> = Result<T, Error>;

/// Why a store function did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that must be unique exists already.
    #[error("{} is taken", .0.what())]
    Taken(Unique),
    /// The row is there with another version than the one the caller read.
    #[error("the row has another version than the expected one")]
    VersionMismatch,
    /// The row to change, or one that it refers to, is not there for this tenant.
    #[error("there is no such row for this tenant")]
    Missing,
    /// Other rows still refer to the one to delete.
    #[error("other rows still refer to this one")]
    InUse,
    /// The organization would stand deeper in the tree than [`claviger_core::limits::TREE_LEVELS_MAX`].
    #[error("the tree would have more levels than allowed")]
    TreeTooDeep,
    /// The organization would stand below itself.
    #[error("an organization cannot stand below itself")]
    TreeCycle,
    /// The cursor is none that this list gave out.
    #[error("not a cursor of this list")]
    InvalidCursor,
    /// There are too many keys to sort, and no index has just those that may be seen in this order.
    #[error("too many keys to be sorted like this")]
    TooManyToSort,
    /// The disk, or the space the database may take, is full. Reading goes on.
    #[error("the storage is full")]
    StorageFull,
    /// The database cannot be reached or is busy; the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The address of the database cannot be read. It is not repeated, since a password may stand in it.
    #[error("the database's address is none: write postgres://user:password@host:port/database")]
    Address,
    /// Between this node and the PostgreSQL stands something that keeps back what a connection is set to.
    #[error(
        "a pooler such as PgBouncer stands between, and keeps back what a connection is set to: name the PostgreSQL itself; Claviger has \
         pools of its own"
    )]
    Pooler,
    /// The PostgreSQL is too old.
    #[error("PostgreSQL {found} is too old: this build needs version {needed} or a later one")]
    OldServer {
        /// The major version that answered.
        found: i32,
        /// The oldest one that will do.
        needed: i32,
    },
    /// A line is none of an export that this version can take.
    #[error("line {line}: {why}; it has to be a whole export of this version, as `claviger export` writes it")]
    NoExport {
        /// Which, counted from 1.
        line: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The change was made, but nobody could be told so yet; followers learn of it as soon as the database answers again.
    #[error("committed, but its event has no place in the log yet: {0}")]
    Unsequenced(#[source] Box<Self>),
    /// The connection was lost in the moment of the commit, and the database answers nobody who asks what came of it.
    #[error("whether it was committed is not known: {0}")]
    Uncertain(#[source] Box<Self>),
    /// Another process has opened this data folder.
    #[error("{} is in use by another process: stop it, or choose another data folder", .0.display())]
    Locked(PathBuf),
    /// The folder or a file in it cannot be used.
    #[error("{}: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database was migrated by a newer build, or its migrations are not those of this build.
    #[error("the database does not fit this build: {0}")]
    Schema(#[source] sqlx::migrate::MigrateError),
    /// The database is of an older build, and who asks must not migrate it; or it holds nothing of ours.
    #[error(
        "the database is of an older version, or holds no installation: start this version's `claviger serve` on it once, which migrates it, or \
         run the command of the version that serves it"
    )]
    Unmigrated,
    /// A row holds what no version of this program wrote.
    #[error("{table} {id} cannot be read: {detail}")]
    Corrupt {
        /// In which table.
        table: &'static str,
        /// Its identifier, as far as it can be read.
        id: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A statement of this transaction failed before; nothing but dropping it is left.
    #[error("an earlier statement of this transaction failed")]
    Spoiled,
    /// A statement failed for a reason that is a fault of ours.
    #[error("a statement failed: {0}")]
    Fault(#[source] sqlx::Error),
}

impl Error {
    /// The refusal that a caller may be shown.
    pub fn to_reject(&self) -> Reject {
        match self {
            Self::Taken(Unique::Digest) => Reject::new(RejectCode::StateConflict, "A key with this secret exists."),
            Self::Taken(Unique::Membership) => {
                let detail = "This user is a member here already: change that membership, or remove it first.";
                Reject::new(RejectCode::NameTaken, detail)
            }
            Self::Taken(Unique::UserKey) => {
                let detail = "This user has a live key of this api already: its keys are made one for each user.";
                Reject::new(RejectCode::UserHasKey, detail)
            }
            Self::Taken(what) => {
                let field = |it: &'static str| FieldReject { pointer: it.into(), detail: "is taken".to_owned() };
                let detail = format!("{} is taken.", what.what());
                Reject {
                    fields: what.pointer().map(field).into_iter().collect(),
                    ..Reject::new(RejectCode::NameTaken, detail)
                }
            }
            Self::VersionMismatch => Reject::new(RejectCode::VersionMismatch, "It has changed since it was read."),
            Self::Missing => Reject::not_found(),
            Self::InUse => Reject::new(RejectCode::StateConflict, "Something still refers to it."),
            Self::TreeTooDeep => Reject::new(RejectCode::LimitReached, "The tree of organizations would be too deep."),
            Self::TreeCycle => Reject::new(RejectCode::StateConflict, "An organization cannot stand below itself."),
            Self::InvalidCursor => Reject::field("cursor", "is not a cursor of this list"),
            Self::TooManyToSort => {
                let fix = "cannot sort so many own keys: narrow the list, or sort by created_at, role, api or origin";
                Reject::field("sort", fix)
            }
            Self::StorageFull => Reject::new(RejectCode::StorageFull, "The storage is full."),
            Self::Unavailable(_)
            | Self::Address
            | Self::Pooler
            | Self::OldServer { .. }
            | Self::Locked(_)
            | Self::Folder { .. }
            | Self::Schema(_)
            | Self::Unmigrated => Reject::new(RejectCode::Unavailable, "The database is not available."),
            Self::Unsequenced(_) => {
                let detail = "The change was made, but the database stopped answering; read before you repeat it.";
                Reject::new(RejectCode::Unavailable, detail)
            }
            Self::Uncertain(_) => {
                let detail = "The database stopped answering at the commit, and whether the change was made is not known; read before you repeat it.";
                Reject::new(RejectCode::Unavailable, detail)
            }
            Self::NoExport { .. } => Reject::new(RejectCode::InvalidBody, self.to_string()),
            Self::Corrupt { .. } | Self::Spoiled | Self::Fault(_) => {
                Reject::new(RejectCode::Internal, "Something went wrong here.")
            }
        }
    }
}

/// What is unique, and so can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unique {
    /// The name of a live key in its organization and api.
    KeyName,
    /// The one personal key of a user in an organization.
    PersonalKey,
    /// The one key of a user in an organization, of an api that has no more of each.
    UserKey,
    /// The digest of a secret: somebody's key has this very value.
    Digest,
    /// The name of a role in its organization.
    RoleName,
    /// The slug of an organization.
    OrganizationSlug,
    /// The host's identifier of an organization.
    OrganizationExternalId,
    /// The root of the tree.
    OrganizationRoot,
    /// The e-mail address of a user.
    UserEmail,
    /// The host's identifier of a user, in the managing organization.
    UserExternalId,
    /// The membership of a user in an organization.
    Membership,
    /// The slug of an api.
    ApiSlug,
    /// The prefix of an api's keys.
    ApiPrefix,
    /// The `Idempotency-Key` of a caller: another request with it was faster.
    IdempotencyKey,
    /// The import of one source into one organization.
    ImportSource,
    /// An identifier; only a fault of ours takes one twice.
    Id,
}

impl Unique {
    /// In words, as the subject of a sentence.
    pub const fn what(self) -> &'static str {
        match self {
            Self::KeyName => "A live key's name",
            Self::PersonalKey => "The personal key of this user",
            Self::UserKey => "The key of this api for this user",
            Self::Digest => "This secret",
            Self::RoleName => "This role name",
            Self::OrganizationSlug => "This short name",
            Self::OrganizationExternalId | Self::UserExternalId => "This external id",
            Self::OrganizationRoot => "The root of the tree",
            Self::UserEmail => "This e-mail address",
            Self::Membership => "This membership",
            Self::ApiSlug => "This api slug",
            Self::ApiPrefix => "This key prefix",
            Self::IdempotencyKey => "This Idempotency-Key",
            Self::ImportSource => "An import of this source",
            Self::Id => "This identifier",
        }
    }

    /// Where it stands in a body, as a JSON pointer; none where a body says it in more than one place, or another field than the one at fault.
    pub const fn pointer(self) -> Option<&'static str> {
        match self {
            Self::OrganizationSlug => Some("/slug"),
            Self::OrganizationExternalId | Self::UserExternalId => Some("/external_id"),
            Self::RoleName => Some("/name"),
            Self::UserEmail => Some("/email"),
            _ => None,
        }
    }
}
