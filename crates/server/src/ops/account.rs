//! What somebody at the console does to their own account: look at the sessions, end them, change the password.

use std::net::IpAddr;
use std::time::Duration;

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{SessionId, UserId};
use claviger_core::limits::SESSIONS_SHOWN_MAX;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::user::{User, UserStatus};
use claviger_store::Connection;
use claviger_store::sessions::Session;
use secrecy::SecretString;
use serde_json::json;

use super::caller::Caller;
use super::error::OpResult;
use super::passwords::Passwords;
use super::sessions::{Origin, SESSION_IDLE, SignedIn, begin_session, by};
use super::throttle::Subject;
use super::transaction::{commit, on_task};
use crate::app::App;

const JOB: &str = "own-account";

/// A session of the caller.
#[derive(Debug, Clone)]
pub struct OwnSession {
    /// The session.
    pub session: Session,
    /// Whether it is the one that asks.
    pub is_this: bool,
}

/// The sessions of the caller.
#[derive(Debug, Clone)]
pub struct OwnSessions {
    /// This one first and then the newest first.
    pub items: Vec<OwnSession>,
    /// Whether there may be older ones.
    pub more: bool,
}

/// Lists the caller's sessions; at most [`SESSIONS_SHOWN_MAX`].
///
/// # Errors
/// Refusals: a key has no sessions.
pub async fn list_own_sessions(app: &App, caller: &Caller) -> OpResult<OwnSessions> {
    let (user_id, session_id) = person(caller)?;
    let now = app.now();
    let sessions = app.store().read().await?.find_sessions_of_user_unchecked(user_id, now).await?;
    // Before those are left out that nobody uses any more: how many there are behind the first nobody has counted.
    let more = sessions.len() >= SESSIONS_SHOWN_MAX;
    let lives = |it: &Session| now.since(it.last_seen_at) < SESSION_IDLE;
    let own = |session: Session| OwnSession { is_this: session.id == session_id, session };
    let mut items: Vec<_> = sessions.into_iter().filter(lives).map(own).collect();
    items.sort_by_key(|it| !it.is_this);
    Ok(OwnSessions { items, more })
}

/// Ends one of the caller's sessions. One that has ended already is no error, and leaves no event.
///
/// # Errors
/// Refusals.
pub async fn end_own_session(app: &App, caller: &Caller, id: SessionId) -> OpResult<()> {
    let (user_id, _) = person(caller)?;
    let ip = caller.address();
    let task = app.clone();
    on_task(app, async move {
        let app = task;
        let now = app.now();
        let mut tx = app.store().begin().await?;
        let user = signed_in(&mut tx, user_id).await?;
        let sessions = tx.find_sessions_of_user_unchecked(user_id, now).await?;
        if !sessions.iter().any(|it| it.id == id) {
            return Ok(());
        }
        tx.delete_session_unchecked(id).await?;
        let event = Event::new(&home(&user, ip), EventKind::SessionEnded, user_id, now);
        commit(&app, tx, by(user_id, event)).await
    })
    .await
}

/// Ends all of the caller's sessions but this one, and says how many.
///
/// # Errors
/// Refusals.
pub async fn end_other_sessions(app: &App, caller: &Caller) -> OpResult<u64> {
    let (user_id, session_id) = person(caller)?;
    let ip = caller.address();
    let task = app.clone();
    on_task(app, async move {
        let app = task;
        let mut tx = app.store().begin().await?;
        let user = signed_in(&mut tx, user_id).await?;
        let ended = tx.delete_sessions_of_user_unchecked(user_id, Some(session_id)).await?;
        if ended > 0 {
            let event = Event::new(&home(&user, ip), EventKind::SessionsEnded, user_id, app.now());
            commit(&app, tx, by(user_id, event.after(&json!({ "sessions": ended })))).await?;
        }
        Ok(ended)
    })
    .await
}

/// Gives the caller another password, and ends all of their sessions but this one, and every link by which one could be set.
///
/// # Errors
/// Refusals: the present password is not right, the new one is too short, too many tries.
pub async fn change_own_password(
    app: &App,
    caller: &Caller,
    present: SecretString,
    wanted: SecretString,
) -> OpResult<()> {
    let (user_id, session_id) = person(caller)?;
    Passwords::check(&wanted)?;
    let phc = verify_password(app, user_id, present).await?;
    let new_phc = app.passwords().hash(wanted, &mut *app.rng()).await?;
    let ip = caller.address();
    let task = app.clone();
    on_task(app, async move {
        let app = task;
        let now = app.now();
        let mut tx = app.store().begin_structural().await?;
        let user = signed_in_still(&mut tx, user_id, phc.as_deref()).await?;
        tx.put_password_unchecked(user_id, &new_phc, now).await?;
        tx.withdraw_links_unchecked(user_id, now).await?;
        let ended = tx.delete_sessions_of_user_unchecked(user_id, Some(session_id)).await?;
        let facts = json!({ "by": "present_password", "ended_sessions": ended });
        let event = Event::new(&home(&user, ip), EventKind::UserPasswordSet, user_id, now).after(&facts);
        commit(&app, tx, by(user_id, event)).await
    })
    .await
}

/// Proves again, by the password, that it is the caller who sits there, and goes on in a new session: the token of the old one, which may
/// have been overheard, is good for nothing from now on (OWASP ASVS 5.0, 7.2.4).
///
/// # Errors
/// Refusals: the password is not right, too many tries.
pub async fn confirm(app: &App, caller: &Caller, password: SecretString, origin: Origin) -> OpResult<SignedIn> {
    let (user_id, session_id) = person(caller)?;
    let phc = verify_password(app, user_id, password).await?;
    let ip = caller.address();
    let task = app.clone();
    on_task(app, async move {
        let app = task;
        let mut tx = app.store().begin().await?;
        let user = signed_in_still(&mut tx, user_id, phc.as_deref()).await?;
        tx.delete_session_unchecked(session_id).await?;
        let event = Event::new(&home(&user, ip), EventKind::SessionConfirmed, user_id, app.now());
        let signed_in = begin_session(&app, &mut tx, user, origin).await?;
        commit(&app, tx, by(user_id, event)).await?;
        Ok(signed_in)
    })
    .await
}

/// For so long after a proof of who sits there nobody has to prove it again.
pub const CONFIRMED_FOR: Duration = Duration::from_secs(10 * 60);

/// Refuses whoever has not proven within the last ten minutes who they are, by signing in or by [`confirm`]. A key can prove nothing of the
/// kind.
pub(super) async fn refuse_unconfirmed(app: &App, caller: &Caller, connection: &mut Connection) -> OpResult<()> {
    let refusal = |detail: &'static str| Reject::new(RejectCode::ConfirmationRequired, detail);
    let Ok((user_id, session_id)) = person(caller) else {
        return Err(refusal("This takes a person at the console, and no key.").into());
    };
    let now = app.now();
    let sessions = connection.find_sessions_of_user_unchecked(user_id, now).await?;
    if sessions.iter().any(|it| it.id == session_id && now.since(it.created_at) < CONFIRMED_FOR) {
        return Ok(());
    }
    Err(refusal("It is more than ten minutes since you have signed in or confirmed your password.").into())
}

/// Checks the password of somebody who is signed in; answers with its hash, to be compared again in the transaction.
async fn verify_password(app: &App, user_id: UserId, password: SecretString) -> OpResult<Option<String>> {
    let (email, phc) = {
        let mut reader = app.store().read().await?;
        let user = signed_in(&mut reader, user_id).await?;
        (user.email, reader.find_password_unchecked(user_id).await?)
    };
    // The bucket of whoever guesses at the door: a session left open somewhere is no way round it.
    let account = email.map(|it| Subject::account(&it));
    if let Some(subject) = account {
        app.throttle().take(subject, app.now())?;
    }
    if !app.passwords().verify(phc.clone(), password).await? {
        return Err(wrong_password().into());
    }
    if let Some(subject) = account {
        app.throttle().put_back(subject);
    }
    Ok(phc)
}

fn wrong_password() -> Reject {
    Reject::new(RejectCode::Unauthenticated, "The present password is not right.")
}

/// Whose account it is. Keys act for users, and yet no key takes over an account.
fn person(caller: &Caller) -> Result<(UserId, SessionId), Reject> {
    match caller {
        Caller::Session { user_id, session_id, .. } => Ok((*user_id, *session_id)),
        Caller::Key { .. } => Err(Reject::unauthenticated()),
    }
}

async fn signed_in(connection: &mut Connection, user_id: UserId) -> OpResult<User> {
    let user = connection.find_user_unchecked(user_id).await?;
    Ok(user.filter(|it| it.status == UserStatus::Active).ok_or_else(Reject::unauthenticated)?)
}

/// Asked again in the transaction, since checking a password takes a while: somebody may have set another one or disabled the user meanwhile.
async fn signed_in_still(connection: &mut Connection, user_id: UserId, phc: Option<&str>) -> OpResult<User> {
    let user = signed_in(connection, user_id).await?;
    match connection.find_password_unchecked(user_id).await?.as_deref() == phc {
        true => Ok(user),
        false => Err(wrong_password().into()),
    }
}

/// Where the account is managed, with the address that its user's request came from.
fn home(user: &User, ip: Option<IpAddr>) -> Tenant {
    Tenant::system(user.organization_id, JOB).calling_from(ip)
}
