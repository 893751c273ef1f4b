//! Access tokens: got by signing in with a key, good for a short time, gone with their key.

mod client;
mod issue;
mod revoke;
mod sign_in;
mod signing_keys;

use std::net::IpAddr;

pub use client::{ClientRequest, token_for_client};
pub use issue::Issued;
pub use revoke::{RevokeRequest, revoke_token};
pub use sign_in::{refresh, sign_in};
pub use signing_keys::{keep_signing_keys, list_signing_keys, rotate_signing_keys};

/// Where somebody signs in from.
#[derive(Debug, Clone, Default)]
pub struct From {
    /// The address.
    pub ip: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<Vec<u8>>,
}
