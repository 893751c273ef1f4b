//! Why a request may not pass.

/// Why a request may not pass: a closed list, the same on every surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The credential cannot be one: wrong checksum, too long, not text.
    Malformed,
    /// No key has this secret.
    NotFound,
    /// The key is switched off.
    Inactive,
    /// The key, or the overlap of a replaced secret, has passed its time.
    Expired,
    /// The key or the secret is revoked.
    Revoked,
    /// The user whose rights the key carries is disabled or gone.
    UserInactive,
    /// The owner's role has no API access.
    ApiAccessDenied,
    /// The organization, or one above it, is suspended.
    OrganizationSuspended,
    /// The address is on no allow-list, or unknown where one is needed.
    IpNotAllowed,
    /// The key belongs to another api.
    WrongApi,
    /// The organization asked for is none the key reaches.
    OutOfReach,
    /// The rights do not cover what is asked.
    InsufficientPermission,
    /// A rate limit is used up.
    RateLimited,
    /// A quota is used up.
    QuotaExceeded,
    /// The verifier has been without news for too long to say.
    Stale,
}

impl Code {
    /// All codes, in the order of the documentation.
    pub const ALL: [Self; 15] = [
        Self::Malformed,
        Self::NotFound,
        Self::Inactive,
        Self::Expired,
        Self::Revoked,
        Self::UserInactive,
        Self::ApiAccessDenied,
        Self::OrganizationSuspended,
        Self::IpNotAllowed,
        Self::WrongApi,
        Self::OutOfReach,
        Self::InsufficientPermission,
        Self::RateLimited,
        Self::QuotaExceeded,
        Self::Stale,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NotFound => "not_found",
            Self::Inactive => "inactive",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::UserInactive => "user_inactive",
            Self::ApiAccessDenied => "api_access_denied",
            Self::OrganizationSuspended => "organization_suspended",
            Self::IpNotAllowed => "ip_not_allowed",
            Self::WrongApi => "wrong_api",
            Self::OutOfReach => "out_of_reach",
            Self::InsufficientPermission => "insufficient_permission",
            Self::RateLimited => "rate_limited",
            Self::QuotaExceeded => "quota_exceeded",
            Self::Stale => "stale",
        }
    }

    /// What it means, in a sentence for who reads the documentation. Whoever is refused is told less, see [`crate::reject::Reject`].
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Malformed => {
                "What was sent cannot be a key: its checksum is wrong, it is too long, or it is not text."
            }
            Self::NotFound => "No key has this secret, or the key was taken away long ago.",
            Self::Inactive => "The key is switched off.",
            Self::Expired => "The key has passed its date, or this is an old secret and its overlap is over.",
            Self::Revoked => "The key, or this secret of it, is revoked or deleted.",
            Self::UserInactive => "The user that the key is mapped to is disabled or gone.",
            Self::ApiAccessDenied => "The role of the key's owner has no API access.",
            Self::OrganizationSuspended => "The organization, or one above it, is suspended.",
            Self::IpNotAllowed => "The request comes from an address that is on no allow-list.",
            Self::WrongApi => "The key belongs to another api, such as the Data Loader's.",
            Self::OutOfReach => "The organization that was asked for is none that the key reaches.",
            Self::InsufficientPermission => "The key's role, its scopes or its mapped user do not allow this.",
            Self::RateLimited => "The rate limit is used up.",
            Self::QuotaExceeded => "The quota of the period is used up.",
            Self::Stale => "The verifier has been without news for longer than policy lets it decide.",
        }
    }

    /// The HTTP status of a refusal on our own API and on gateways.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Malformed | Self::NotFound | Self::Inactive | Self::Expired | Self::Revoked | Self::UserInactive => {
                401
            }
            Self::ApiAccessDenied
            | Self::OrganizationSuspended
            | Self::IpNotAllowed
            | Self::WrongApi
            | Self::OutOfReach
            | Self::InsufficientPermission => 403,
            Self::RateLimited | Self::QuotaExceeded => 429,
            Self::Stale => 503,
        }
    }

    /// Whether the bearer may be told the code on a 401: only one that holds a secret we know has proven possession.
    pub const fn proves_possession(self) -> bool {
        !matches!(self, Self::Malformed | Self::NotFound)
    }
}
