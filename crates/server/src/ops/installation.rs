//! The first start: root organization, built-in roles and apis, the first admin, the set-up link and the first key.

use claviger_core::id::OrganizationId;
use claviger_core::name::Name;
use claviger_core::secret::Token;
use secrecy::SecretString;

use super::error::OpResult;
use crate::app::App;

/// What a start found or made.
#[derive(Debug)]
pub struct Installation {
    /// The root of the tree.
    pub organization_id: OrganizationId,
    /// The first key, at the first start only.
    pub first_key: Option<Token>,
    /// The token of a new set-up link, as long as nobody has claimed the installation.
    pub set_up_token: Option<SecretString>,
}

/// Makes what a first start makes, and a new set-up link as long as nobody has claimed the installation.
///
/// # Errors
/// Faults.
pub async fn install(app: &App, organization_name: Name) -> OpResult<Installation> {
    let _ = (app, organization_name);
    unimplemented!("signature first")
}
