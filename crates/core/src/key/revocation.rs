//! The end of a key.

use crate::time::Timestamp;

/// Why a key was revoked: the reason codes of RFC 5280 §5.3.1 that fit a key, and `idle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RevocationReason {
    /// Nothing was said.
    #[default]
    Unspecified,
    /// Somebody else has, or may have, the secret.
    KeyCompromise,
    /// Another key took its place.
    Superseded,
    /// Its owner left.
    AffiliationChanged,
    /// What used it is no more.
    CessationOfOperation,
    /// Its bearer is not to have it any longer.
    PrivilegeWithdrawn,
    /// It was not used for as long as the policy allows.
    Idle,
}

impl RevocationReason {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::Superseded,
        Self::AffiliationChanged,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
        Self::Idle,
    ];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key_compromise",
            Self::Superseded => "superseded",
            Self::AffiliationChanged => "affiliation_changed",
            Self::CessationOfOperation => "cessation_of_operation",
            Self::PrivilegeWithdrawn => "privilege_withdrawn",
            Self::Idle => "idle",
        }
    }

    /// Reads the name on the wire and in storage.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// When and why a key was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: RevocationReason,
}
