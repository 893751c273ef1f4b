//! A line of the log of endings.

use claviger_core::decision::KeyStanding;
use claviger_core::event::Position;
use claviger_core::id::{KeyId, MemberId, OrganizationId, SecretId, SharedSecretId, UserId};
use claviger_core::key::RevocationReason;
use claviger_core::time::Timestamp;
use claviger_store::endings::KeyEnding;
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which installation it is about: the root of its tree. Every one begins to count its changes at the same place.
    pub root: OrganizationId,
    /// The life of the log of changes, and the place in it of the change that the line is of, or up to which something is said.
    pub epoch: u64,
    /// The place in that life.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What is said.
    #[serde(flatten)]
    pub what: What,
}

/// What a line says: how a thing stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// Behind this place nothing is missing.
    Begins,
    /// Up to this place everything is written.
    Complete,
    /// A key.
    Key {
        /// Which.
        id: KeyId,
        /// Where.
        organization_id: OrganizationId,
        /// Whether it may be used.
        standing: String,
        /// Why it was revoked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Until when it is good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        /// Its secrets that are not dead, each with the instant at which it ends where there is one; all others of it have ended.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        secrets: Vec<(SecretId, Option<Timestamp>)>,
    },
    /// The shared secrets of an organization: those that are there, each with the instant at which it ends where there is one.
    SharedSecrets {
        /// Of which.
        organization_id: OrganizationId,
        /// Those that are there; all others have ended.
        secrets: Vec<(SharedSecretId, Option<Timestamp>)>,
    },
    /// A user.
    User {
        /// Which.
        id: UserId,
        /// Which organization manages it.
        organization_id: OrganizationId,
        /// Whether keys may act for it.
        status: String,
    },
    /// A membership, which has ended.
    Member {
        /// Which.
        id: MemberId,
        /// Of which organization.
        organization_id: OrganizationId,
    },
    /// An organization.
    Organization {
        /// Which.
        id: OrganizationId,
        /// Whether its keys may be used.
        status: String,
    },
}

impl Line {
    /// The place that it stands for.
    pub const fn place(&self) -> Position {
        Position { epoch: self.epoch, seq: self.seq }
    }

    /// The line as text, with its end.
    pub(super) fn to_text(&self) -> String {
        let mut text = serde_json::to_string(self).expect("identifiers, words and instants are JSON");
        text.push('\n');
        text
    }
}

impl What {
    /// How a key stands.
    pub(super) fn key(id: KeyId, it: &KeyEnding) -> Self {
        Self::Key {
            id,
            organization_id: it.organization_id,
            standing: it.standing.as_str().to_owned(),
            reason: it.reason.map(|it| it.as_str().to_owned()),
            expires_at: it.expires_at.filter(|_| it.standing != KeyStanding::Revoked),
            secrets: it.secrets.clone(),
        }
    }

    /// Whether its words are ones that this version knows: what a newer one has written must not be passed over as if it said nothing.
    pub(super) fn is_known(&self) -> bool {
        use claviger_core::organization::OrganizationStatus;
        use claviger_core::user::UserStatus;
        match self {
            Self::Begins | Self::Complete | Self::SharedSecrets { .. } | Self::Member { .. } => true,
            Self::Key { standing, reason, .. } => {
                KeyStanding::parse(standing).is_some()
                    && reason.as_ref().is_none_or(|it| RevocationReason::parse(it).is_some())
            }
            Self::User { status, .. } => UserStatus::parse(status).is_some(),
            Self::Organization { status, .. } => OrganizationStatus::parse(status).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_as_it_was_written() {
        let at: Timestamp = "2026-11-22T19:00:00Z".parse().expect("an instant");
        let (key, organization) = (KeyId::from_u128(1 << 80), OrganizationId::from_u128(2 << 80));
        let whats = [
            What::Begins,
            What::Complete,
            What::Key {
                id: key,
                organization_id: organization,
                standing: "active".into(),
                reason: None,
                expires_at: Some(at),
                secrets: vec![(SecretId::from_u128(3 << 80), None), (SecretId::from_u128(4 << 80), Some(at))],
            },
            What::SharedSecrets { organization_id: organization, secrets: vec![] },
            What::User { id: UserId::from_u128(5 << 80), organization_id: organization, status: "disabled".into() },
            What::Member { id: MemberId::from_u128(6 << 80), organization_id: organization },
            What::Organization { id: organization, status: "suspended".into() },
        ];
        for what in whats {
            assert!(what.is_known());
            let line = Line { root: organization, epoch: 1, seq: 17, at, what };
            let text = line.to_text();
            assert_eq!(text.lines().count(), 1);
            assert_eq!(serde_json::from_str::<Line>(&text).expect(&text), line);
        }
        let newer =
            r#"{"root":"org_01kapxb4q0e8mv5r3g2t9w7yzn","epoch":1,"seq":1,"at":"2026-11-22T19:00:00Z","what":"robot"}"#;
        assert!(serde_json::from_str::<Line>(newer).is_err());
        assert!(!What::Organization { id: organization, status: "sleeping".into() }.is_known());
    }
}
