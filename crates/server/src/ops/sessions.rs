//! Sessions: claim the set-up link, sign in, find, sign out. Throttled without locking anybody out.

use std::net::IpAddr;

use claviger_core::id::{LinkId, SessionId};
use claviger_core::name::{Email, Name};
use claviger_core::time::Timestamp;
use claviger_core::user::User;
use secrecy::SecretString;

use super::caller::Caller;
use super::error::OpResult;
use crate::app::App;

/// Where a sign-in comes from.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The address.
    pub ip: Option<IpAddr>,
    /// What the browser calls itself; cut to 256 characters.
    pub user_agent: Option<String>,
}

/// A session just begun: the one answer that carries its token.
#[derive(Debug)]
pub struct SignedIn {
    /// What the cookie holds.
    pub token: SecretString,
    /// The session.
    pub session_id: SessionId,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Who signed in.
    pub user: User,
}

/// A set-up link that is still good.
#[derive(Debug, Clone)]
pub struct SetUpLink {
    /// Its identifier.
    pub id: LinkId,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The organization whose first admin takes it.
    pub organization_name: Name,
}

/// What the first admin says when taking the set-up link.
#[derive(Debug)]
pub struct Claim {
    /// What people call the admin.
    pub name: Name,
    /// The sign-in name.
    pub email: Email,
    /// The password, 12 to 256 characters.
    pub password: SecretString,
}

/// A user at the console.
#[derive(Debug, Clone)]
pub struct CurrentSession {
    /// What operations take.
    pub caller: Caller,
    /// Who it is.
    pub user: User,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
}

/// Finds a set-up link that is still good.
///
/// # Errors
/// Faults only; a link that is used, over or unknown is `None`.
pub async fn find_set_up_link(app: &App, token: &SecretString) -> OpResult<Option<SetUpLink>> {
    let _ = (app, token);
    unimplemented!("signature first")
}

/// Takes the set-up link: gives the first admin a name, a sign-in name and a password, and signs in.
///
/// # Errors
/// Refusals: a link that is used or over, a password that is too short, too many tries.
pub async fn claim_set_up_link(app: &App, token: SecretString, claim: Claim, origin: Origin) -> OpResult<SignedIn> {
    let _ = (app, token, claim, origin);
    unimplemented!("signature first")
}

/// Signs in with e-mail address and password. An unknown address costs the same work and gets the same answer as a wrong password.
///
/// # Errors
/// Refusals: `unauthenticated`, `too_many_tries`.
pub async fn sign_in(app: &App, email: Email, password: SecretString, origin: Origin) -> OpResult<SignedIn> {
    let _ = (app, email, password, origin);
    unimplemented!("signature first")
}

/// Finds the live session of a cookie.
///
/// # Errors
/// Faults only; a session that is over or unknown is `None`.
pub async fn find_session(app: &App, token: &SecretString, ip: Option<IpAddr>) -> OpResult<Option<CurrentSession>> {
    let _ = (app, token, ip);
    unimplemented!("signature first")
}

/// Signs out: the session is gone on the server. Nothing to sign out of is no error.
///
/// # Errors
/// Faults.
pub async fn sign_out(app: &App, caller: &Caller) -> OpResult<()> {
    let _ = (app, caller);
    unimplemented!("signature first")
}
