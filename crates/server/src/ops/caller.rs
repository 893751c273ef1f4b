//! Who calls: a key or a console session. Both are grants, and both are authorized by the one decision.

use std::net::IpAddr;

use claviger_core::id::{KeyId, OrganizationId, SessionId, UserId};
use claviger_core::reject::Reject;
use claviger_core::secret::Digest;
use claviger_core::tenant::Tenant;

use crate::app::App;

/// Who calls.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A key.
    Key {
        /// The key.
        key_id: KeyId,
        /// The user whose rights it carries.
        mapped_user_id: Option<UserId>,
        /// What was found of the credential.
        digest: Digest,
        /// Where the request came from.
        ip: Option<IpAddr>,
    },
    /// A user at the console.
    Session {
        /// The user.
        user_id: UserId,
        /// The session.
        session_id: SessionId,
        /// Where the request came from.
        ip: Option<IpAddr>,
    },
}

impl Caller {
    /// The user in whose name the caller acts.
    pub const fn user_id(&self) -> Option<UserId> {
        match self {
            Self::Key { mapped_user_id, .. } => *mapped_user_id,
            Self::Session { user_id, .. } => Some(*user_id),
        }
    }

    /// Authorizes for an organization and a permission such as `claviger/keys:create`.
    ///
    /// # Errors
    /// The refusal; an organization out of reach is answered like one that does not exist.
    pub fn authorize(&self, app: &App, organization_id: OrganizationId, permission: &str) -> Result<Tenant, Reject> {
        let _ = (app, organization_id, permission);
        unimplemented!("signature first")
    }
}
