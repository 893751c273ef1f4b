//! Refusals: what is said to a caller who cannot have what was asked. Safe to show, with a stable code and a way out.

use std::borrow::Cow;

use crate::decision::Code;

/// The codes of refusals on the management API: a closed list. [`RejectCode::Decision`] carries those of the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectCode {
    /// The decision said no.
    Decision(Code),
    /// No credential, or one that proves nothing: one body for all of them.
    Unauthenticated,
    /// Two different credentials in one request.
    TwoCredentials,
    /// A key in the query string where policy denies it.
    QueryStringKeyDenied,
    /// The body is not JSON, or not of the documented shape.
    InvalidBody,
    /// A field or parameter has a value that is not allowed.
    InvalidField,
    /// A browser sent it from another site.
    ForeignOrigin,
    /// Nothing there for this caller; the same answer for what does not exist and for what belongs to others.
    NotFound,
    /// The method is not one of this path's.
    MethodNotAllowed,
    /// A live key of this name exists, or another thing whose name must be unique.
    NameTaken,
    /// The user has a live key of this api, whose keys are made one for each user.
    UserHasKey,
    /// The change does not fit the state the thing is in.
    StateConflict,
    /// The caller would pass on more than it holds.
    GrantExceedsOwn,
    /// A limit of the installation is reached.
    LimitReached,
    /// The policy of the organization does not allow it.
    PolicyDenied,
    /// What a client signed to sign in is too old, was used before, or does not fit the key.
    AssertionRefused,
    /// Only a person at the console who has just proven who they are gets it.
    ConfirmationRequired,
    /// No copy of the secret was kept.
    NoCopyKept,
    /// This node has not the master key that opens what is sealed.
    MasterKeyMissing,
    /// The change would keep out whoever asks for it, from where they ask.
    LocksOut,
    /// `If-Match` names another version than the present one.
    VersionMismatch,
    /// The `Idempotency-Key` was used with another request.
    IdempotencyMismatch,
    /// A request with the same `Idempotency-Key` is still running.
    IdempotencyInFlight,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The body is of another type than JSON.
    UnsupportedMediaType,
    /// Too many tries from this address.
    TooManyTries,
    /// The disk is full: changes are refused, verification goes on.
    StorageFull,
    /// The service is starting, stopping or cannot reach its database.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl RejectCode {
    /// All codes but those of the decision.
    pub const OWN: [Self; 28] = [
        Self::Unauthenticated,
        Self::TwoCredentials,
        Self::QueryStringKeyDenied,
        Self::InvalidBody,
        Self::InvalidField,
        Self::ForeignOrigin,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NameTaken,
        Self::UserHasKey,
        Self::StateConflict,
        Self::GrantExceedsOwn,
        Self::LimitReached,
        Self::PolicyDenied,
        Self::AssertionRefused,
        Self::ConfirmationRequired,
        Self::NoCopyKept,
        Self::MasterKeyMissing,
        Self::LocksOut,
        Self::VersionMismatch,
        Self::IdempotencyMismatch,
        Self::IdempotencyInFlight,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyTries,
        Self::StorageFull,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            // On the management API `not_found` names the object that was asked for, never the credential.
            Self::Decision(Code::NotFound | Code::Malformed) | Self::Unauthenticated => "unauthenticated",
            Self::Decision(code) => code.as_str(),
            Self::TwoCredentials => "two_credentials",
            Self::QueryStringKeyDenied => "query_string_key_denied",
            Self::InvalidBody => "invalid_body",
            Self::InvalidField => "invalid_field",
            Self::ForeignOrigin => "foreign_origin",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NameTaken => "name_taken",
            Self::UserHasKey => "user_has_key",
            Self::StateConflict => "state_conflict",
            Self::GrantExceedsOwn => "grant_exceeds_own",
            Self::LimitReached => "limit_reached",
            Self::PolicyDenied => "policy_denied",
            Self::AssertionRefused => "assertion_refused",
            Self::ConfirmationRequired => "confirmation_required",
            Self::NoCopyKept => "no_copy_kept",
            Self::MasterKeyMissing => "master_key_missing",
            Self::LocksOut => "locks_out",
            Self::VersionMismatch => "version_mismatch",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::IdempotencyInFlight => "idempotency_in_flight",
            Self::BodyTooLarge => "body_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::TooManyTries => "too_many_tries",
            Self::StorageFull => "storage_full",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Decision(code) => code.http_status(),
            Self::Unauthenticated | Self::AssertionRefused => 401,
            Self::TwoCredentials | Self::QueryStringKeyDenied | Self::InvalidBody | Self::InvalidField => 400,
            Self::ForeignOrigin | Self::GrantExceedsOwn | Self::PolicyDenied | Self::ConfirmationRequired => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NameTaken
            | Self::UserHasKey
            | Self::StateConflict
            | Self::NoCopyKept
            | Self::LimitReached
            | Self::LocksOut
            | Self::IdempotencyInFlight => 409,
            Self::VersionMismatch => 412,
            Self::BodyTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::IdempotencyMismatch => 422,
            Self::TooManyTries => 429,
            Self::Internal => 500,
            Self::Unavailable | Self::MasterKeyMissing => 503,
            Self::StorageFull => 507,
        }
    }

    /// What it means, in a sentence for who reads the documentation; an answer says more in its `detail`.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Decision(code) => code.meaning(),
            Self::Unauthenticated => "No credential was sent, or one that proves nothing. Why is told to nobody.",
            Self::TwoCredentials => "Two different credentials came in one request, and neither is guessed at.",
            Self::QueryStringKeyDenied => "The key stood in the address, and policy denies that.",
            Self::InvalidBody => "The body is not JSON, or not of the documented shape.",
            Self::InvalidField => "A field or a parameter has a value that is not allowed.",
            Self::ForeignOrigin => "A browser sent it from another site.",
            Self::NotFound => "There is nothing here for this caller: it does not exist, or it belongs to others.",
            Self::MethodNotAllowed => "The path does not know this method.",
            Self::NameTaken => "There is one of this name already.",
            Self::UserHasKey => "The user has a key of this api already, and each user has one.",
            Self::StateConflict => "The change does not fit the state that the thing is in.",
            Self::GrantExceedsOwn => "The caller would pass on more than it holds.",
            Self::LimitReached => "A limit of the installation or of policy is reached.",
            Self::PolicyDenied => "The policy of the organization does not allow it.",
            Self::AssertionRefused => {
                "What was signed to sign in is too old, was used before, or does not fit the key."
            }
            Self::ConfirmationRequired => {
                "Only a person at the console gets it who has just proven who they are, and no key."
            }
            Self::NoCopyKept => "No copy of this secret was kept, so it cannot be shown again.",
            Self::MasterKeyMissing => "This node has not the master key that opens what is sealed.",
            Self::LocksOut => "The change would keep out whoever asks for it, from where they ask.",
            Self::VersionMismatch => "The thing was changed meanwhile: `If-Match` names an older version.",
            Self::IdempotencyMismatch => "The `Idempotency-Key` was used with another request.",
            Self::IdempotencyInFlight => "A request with the same `Idempotency-Key` is still running.",
            Self::BodyTooLarge => "The body is larger than allowed.",
            Self::UnsupportedMediaType => "The body is of another type than JSON.",
            Self::TooManyTries => "Too many tries came from this address, or for this account.",
            Self::StorageFull => "The server's disk is full: changes are refused, and keys are checked as before.",
            Self::Unavailable => "The service is starting, stopping or cannot reach its database.",
            Self::Internal => "A fault of the service.",
        }
    }

    /// What the caller can do about it.
    pub const fn fix(self) -> &'static str {
        match self {
            Self::Decision(Code::Malformed | Code::NotFound) | Self::Unauthenticated => {
                "Send a live key as `Authorization: Bearer`, `X-Api-Key`, Basic, or `accessKey` and `secretKey`."
            }
            Self::Decision(Code::Inactive) => {
                "Activate the key in the console, or ask an admin of the organization to."
            }
            Self::Decision(Code::Expired) => "Give the key a later expiry, or use the secret that replaced this one.",
            Self::Decision(Code::Revoked) => "Create another key; a revoked one never works again.",
            Self::Decision(Code::UserInactive) => "Map the key to an active member of its organization.",
            Self::Decision(Code::ApiAccessDenied) => {
                "Ask an admin to allow API access for the role of the key's owner."
            }
            Self::Decision(Code::OrganizationSuspended) => "Ask the operator to lift the suspension.",
            Self::Decision(Code::IpNotAllowed) => "Call from an address on the allow-list, or have it extended.",
            Self::Decision(Code::WrongApi) => "Use a key of the api that is asked.",
            Self::Decision(Code::OutOfReach) => {
                "Use a key of that organization, or one above it that reaches the subtree."
            }
            Self::Decision(Code::InsufficientPermission) => {
                "Use a key whose role, scopes and mapped user all allow this."
            }
            Self::Decision(Code::RateLimited | Code::QuotaExceeded) | Self::TooManyTries => {
                "Wait as long as Retry-After says."
            }
            Self::Decision(Code::Stale) | Self::Unavailable => "Try again shortly; the key itself is not at fault.",
            Self::TwoCredentials => "Send exactly one credential.",
            Self::QueryStringKeyDenied => "Send the key in a header; this organization does not accept keys in URLs.",
            Self::InvalidBody => "Send a body of the documented kind and shape, without other fields.",
            Self::ForeignOrigin => "Call from the console's own pages, or with a key from a server.",
            Self::InvalidField => "Correct the fields named in `errors`.",
            Self::NotFound => "Check the identifier and the organization the key belongs to.",
            Self::MethodNotAllowed => "Use one of the methods named in the Allow header.",
            Self::NameTaken => "Use what is there already, or choose another name.",
            Self::UserHasKey => "Use, rotate or extend the key that this user has, or delete it first.",
            Self::StateConflict => {
                "Read in `detail` what stands in the way: change that first, or leave this as it is."
            }
            Self::GrantExceedsOwn => "Grant at most what you hold yourself.",
            Self::LimitReached => "Remove what is not needed any more, or ask for a higher limit.",
            Self::PolicyDenied => "Stay within the organization's policy, or have an admin change it.",
            Self::AssertionRefused => {
                "Sign a new assertion for each sign-in: `iat` now, a `jti` of its own, and name and organization of the key in `appkey`."
            }
            Self::ConfirmationRequired => {
                "Confirm your password at the console, or sign in there again, and ask from that session within ten minutes."
            }
            Self::NoCopyKept => {
                "Rotate the key: while policy allows it, a copy of the new secret is kept and can be shown again."
            }
            Self::MasterKeyMissing => {
                "Put the installation's `master.key`, from its backup or from another node, into this node's data folder; nothing has to be restarted."
            }
            Self::LocksOut => {
                "Allow the address you call from too, or repeat the request with the header `Claviger-Confirm-Lockout: true`."
            }
            Self::VersionMismatch => "Read the thing again and repeat the change with its new ETag.",
            Self::IdempotencyMismatch => "Use a new Idempotency-Key for a new request.",
            Self::IdempotencyInFlight => "Wait for the first request to end.",
            Self::BodyTooLarge => "Send a smaller body; docs/limits.md has the limits.",
            Self::UnsupportedMediaType => "Send `Content-Type: application/json`.",
            Self::StorageFull => "Free space on the server's disk; verification goes on meanwhile.",
            Self::Internal => "Try again; report the request id if it persists.",
        }
    }
}

/// One field or parameter that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldReject {
    /// Where it stands: a JSON pointer into the body, or the name of a parameter.
    pub pointer: Cow<'static, str>,
    /// What is wrong with it.
    pub detail: String,
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Reject {
    /// The stable code.
    pub code: RejectCode,
    /// What happened, in a sentence that is safe to show.
    pub detail: Cow<'static, str>,
    /// The fields at fault, where fields are.
    pub fields: Vec<FieldReject>,
    /// Seconds after which it makes sense to try again, where that is known.
    pub retry_after_secs: Option<u64>,
    /// What the caller can do about it, where more is known than the code says.
    pub fix: Option<&'static str>,
}

impl Reject {
    /// A refusal without fields.
    pub fn new(code: RejectCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), fields: Vec::new(), retry_after_secs: None, fix: None }
    }

    /// Whether it is that of whoever acts where nobody may now: the organization is suspended, itself or from above.
    pub fn is_suspended(&self) -> bool {
        self.code == RejectCode::Decision(Code::OrganizationSuspended)
    }

    /// A refusal of one field.
    pub fn field(pointer: impl Into<Cow<'static, str>>, detail: impl ToString) -> Self {
        Self::fields(vec![FieldReject { pointer: pointer.into(), detail: detail.to_string() }])
    }

    /// A refusal of several fields at once, so that a form is corrected in one go.
    pub fn fields(fields: Vec<FieldReject>) -> Self {
        let detail = "Some fields have values that are not allowed.";
        Self { fields, ..Self::new(RejectCode::InvalidField, detail) }
    }

    /// A refusal that ends by itself after so many seconds.
    pub fn until_later(code: RejectCode, detail: impl Into<Cow<'static, str>>, retry_after_secs: u64) -> Self {
        Self { retry_after_secs: Some(retry_after_secs), ..Self::new(code, detail) }
    }

    /// The answer to the bearer of something that has ended while its key lives. Under the code of the decision, which is one of a closed list: to
    /// a program it is the same as the end of the key.
    pub fn ended(code: Code, what: Ended) -> Self {
        let (detail, fix) = match what {
            Ended::Secret => (
                "This secret of the key was replaced by another one, or the rotation that made it was cancelled: it has ended. The key itself is not revoked.",
                "Send the key's present secret; whoever looks after the key has it, or rotates the key for another one.",
            ),
            Ended::SecretOfToken => (
                "The secret of the key that this token was got with was replaced by another one, or the rotation that made it was cancelled: it has ended. The key itself is not revoked.",
                "Sign in again with the key's present secret; whoever looks after the key has it, or rotates the key for another one.",
            ),
            Ended::SignIn => (
                "The sign-in that this token comes from was ended: all its tokens were taken back.",
                "Sign in again with the key itself.",
            ),
            Ended::SharedSecret => (
                "The shared secret by which this token was got has ended: it was replaced or deleted.",
                "Sign in again with a JWT that the organization's present shared secret has signed; who may see shared secrets has it.",
            ),
            Ended::Token => {
                ("The token has expired.", "Sign in again with the key itself, or refresh what can still be refreshed.")
            }
        };
        Self { fix: Some(fix), ..Self::new(RejectCode::Decision(code), detail) }
    }

    /// What the caller can do about it.
    pub fn fix(&self) -> &'static str {
        self.fix.unwrap_or_else(|| self.code.fix())
    }

    /// The one answer for what does not exist and for what belongs to others.
    pub fn not_found() -> Self {
        Self::new(RejectCode::NotFound, "There is nothing here for this caller.")
    }

    /// The one answer to a caller who proved nothing.
    pub fn unauthenticated() -> Self {
        Self::new(RejectCode::Unauthenticated, "No valid credential was sent.")
    }
}

impl From<Code> for Reject {
    fn from(code: Code) -> Self {
        let detail = match code {
            Code::Malformed | Code::NotFound => return Self::unauthenticated(),
            Code::Inactive => "The key is switched off.",
            Code::Expired => "The key or its old secret has expired.",
            Code::Revoked => "The key is revoked.",
            Code::UserInactive => "The user the key is mapped to is not active.",
            Code::ApiAccessDenied => "The role of the key's owner has no API access.",
            Code::OrganizationSuspended => "The organization is suspended.",
            Code::IpNotAllowed => "This address is not on the allow-list.",
            Code::WrongApi => "The key belongs to another api.",
            Code::OutOfReach => "The organization is not within the key's reach.",
            Code::InsufficientPermission => "This takes a permission that you do not have.",
            Code::RateLimited => "The rate limit is used up.",
            Code::QuotaExceeded => "The quota is used up.",
            Code::Stale => "This verifier has been without news for too long.",
        };
        Self::new(RejectCode::Decision(code), detail)
    }
}

/// What has ended of what a bearer has proven to hold, while its key lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The secret that was presented.
    Secret,
    /// The secret that the token was got with.
    SecretOfToken,
    /// The sign-in that the token comes from.
    SignIn,
    /// The shared secret that the token was got by.
    SharedSecret,
    /// The token, by itself.
    Token,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_codes_are_distinct() {
        let mut names: Vec<_> = RejectCode::OWN.iter().map(|it| it.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RejectCode::OWN.len());
    }

    #[test]
    fn nobody_learns_why_an_unknown_key_is_refused() {
        assert_eq!(Reject::from(Code::Malformed), Reject::from(Code::NotFound));
        assert_eq!(Reject::from(Code::NotFound), Reject::unauthenticated());
    }
}
