//! Sessions: claim the set-up link, sign in, find, sign out. Throttled without locking anybody out.

use std::net::IpAddr;
use std::time::Duration;

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{LinkId, SessionId, UserId};
use claviger_core::name::{Email, Name};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::secret::Digest;
use claviger_core::tenant::{Actor, Tenant};
use claviger_core::time::Timestamp;
use claviger_core::user::{User, UserStatus};
use claviger_store::links::{Link, LinkPurpose};
use claviger_store::sessions::Session;
use claviger_store::{Connection, Tx};
use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::caller::Caller;
use super::error::{Error, OpResult};
use super::passwords::Passwords;
use super::throttle::Subject;
use super::transaction::{commit, on_task};
use crate::app::{App, Rng};

/// How long a session lasts, however busy.
pub const SESSION_LIFE: Duration = Duration::from_secs(14 * 86_400);
/// How long a session lasts without being used.
pub const SESSION_IDLE: Duration = Duration::from_secs(24 * 3600);
/// How exactly the last use of a session is known.
const SEEN_EVERY: Duration = Duration::from_secs(60);
/// What is kept of the browser's name for itself.
const USER_AGENT_CHARS_MAX: usize = 256;

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
    /// When the user last proved who they are.
    pub signed_in_at: Timestamp,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
}

/// Whether nobody has claimed the installation yet: then there is nobody who could sign in.
///
/// # Errors
/// Faults only.
pub async fn is_unclaimed(app: &App) -> OpResult<bool> {
    let installation = app.store().read().await?.find_installation_unchecked().await?;
    Ok(installation.is_some_and(|it| it.claimed_at.is_none()))
}

/// Finds a set-up link that is still good.
///
/// # Errors
/// Faults only; a link that is used, over or unknown is `None`.
pub async fn find_set_up_link(app: &App, token: &SecretString) -> OpResult<Option<SetUpLink>> {
    Ok(good_link(app, token).await?.map(|(link, user_organization)| SetUpLink {
        id: link.id,
        expires_at: link.expires_at,
        organization_name: user_organization,
    }))
}

/// The link and the name of the root organization, as long as nobody has claimed the installation.
async fn good_link(app: &App, token: &SecretString) -> OpResult<Option<(Link, Name)>> {
    let mut reader = app.store().read().await?;
    let Some(link) = reader.find_link_unchecked(&digest_of(token)).await? else { return Ok(None) };
    let good = link.purpose == LinkPurpose::Setup && link.used_at.is_none() && app.now() < link.expires_at;
    let installation = reader.find_installation_unchecked().await?;
    let Some(installation) = installation.filter(|it| good && it.claimed_at.is_none()) else { return Ok(None) };
    let root = Tenant::system(installation.root_organization_id, "set-up");
    Ok(reader.find_organization(&root).await?.map(|it| (link, it.name)))
}

/// Takes the set-up link: gives the first admin a name, a sign-in name and a password, and signs in.
///
/// # Errors
/// Refusals: a link that is used or over, a password that is too short, too many tries.
pub async fn claim_set_up_link(app: &App, token: SecretString, claim: Claim, origin: Origin) -> OpResult<SignedIn> {
    Passwords::check(&claim.password)?;
    if let Some(ip) = origin.ip {
        app.throttle().take(Subject::address(ip), app.now())?;
    }
    let gone = || Error::from(Reject::new(RejectCode::NotFound, "This set-up link is used up or over."));
    let (link, _) = good_link(app, &token).await?.ok_or_else(gone)?;
    let phc = app.passwords().hash(claim.password, &mut *app.rng()).await?;
    let task = app.clone();
    on_task(app, async move {
        let app = task;
        let now = app.now();
        // It changes a user, and with it who may sign in as the admin.
        let mut tx = app.store().begin_structural().await?;
        // Somebody was quicker; anything else, a full disk say, is told as what it is.
        let used_up = |error| if matches!(error, claviger_store::Error::Missing) { gone() } else { Error::from(error) };
        tx.use_link_unchecked(link.id, now).await.map_err(used_up)?;
        tx.claim_installation_unchecked(now).await.map_err(used_up)?;
        let before = tx.find_user_unchecked(link.user_id).await?.ok_or_else(gone)?;
        let tenant = Tenant::system(before.organization_id, "set-up").calling_from(origin.ip);
        let mut user = before.clone();
        (user.name, user.email) = (claim.name, Some(claim.email));
        (user.version, user.updated_at) = (before.version + 1, now);
        tx.update_user(&tenant, &user, before.version).await?;
        tx.put_password_unchecked(user.id, &phc, now).await?;
        let signed_in = begin_session(&app, &mut tx, user.clone(), origin).await?;
        let event = Event::new(&tenant, EventKind::InstallationClaimed, user.id, now).before(&before).after(&user);
        commit(&app, tx, by(user.id, event)).await?;
        Ok(signed_in)
    })
    .await
}

/// Signs in with e-mail address and password. An unknown address costs the same work and gets the same answer as a wrong password.
///
/// # Errors
/// Refusals: `unauthenticated`, `too_many_tries`.
pub async fn sign_in(app: &App, email: Email, password: SecretString, origin: Origin) -> OpResult<SignedIn> {
    let now = app.now();
    let mut taken: Vec<_> = origin.ip.map(Subject::address).into_iter().collect();
    for subject in &taken {
        app.throttle().take(*subject, now)?;
    }
    let found = find_account(&mut *app.store().read().await?, &email).await?;
    let of_account =
        origin.ip.map(|ip| Subject::account_from(&email, ip)).into_iter().chain([Subject::account(&email)]);
    for subject in of_account {
        match app.throttle().take(subject, now) {
            Ok(()) => taken.push(subject),
            // Somebody behind the same address, in an office say, does not keep out who is signed in there.
            Err(_) if is_known_there(app, found.as_ref().map(|(user, _)| user), origin.ip).await? => {}
            Err(reject) => return Err(reject.into()),
        }
    }
    let wrong = || Reject::new(RejectCode::Unauthenticated, "E-mail address or password is not right.");
    if !app.passwords().verify(found.as_ref().map(|(_, phc)| phc.clone()), password).await? {
        if let Some((user, _)) = found {
            note_failure(app, user, &email, origin.ip);
        }
        return Err(wrong().into());
    }
    for subject in taken {
        app.throttle().put_back(subject);
    }
    let task = app.clone();
    on_task(app, async move {
        let app = task;
        let mut tx = app.store().begin().await?;
        // Asked again, since checking takes a while: the sessions of who is disabled meanwhile have ended already, and this one would be good
        // as soon as the user is enabled again.
        let is_the_same =
            |(now, phc): &(User, String)| found.as_ref().is_some_and(|it| (it.0.id, &it.1) == (now.id, phc));
        let (user, _) = find_account(&mut tx, &email).await?.filter(is_the_same).ok_or_else(wrong)?;
        let tenant = Tenant::system(user.organization_id, "sign-in").calling_from(origin.ip);
        let event = Event::new(&tenant, EventKind::SessionCreated, user.id, app.now());
        let event = by(user.id, event);
        let signed_in = begin_session(&app, &mut tx, user, origin).await?;
        commit(&app, tx, event).await?;
        Ok(signed_in)
    })
    .await
}

/// Writes down that somebody failed to sign in as a user, and from where: some of many, and never what was typed. Beside the answer, which must
/// not take longer for an address that somebody signs in with.
fn note_failure(app: &App, user: User, email: &Email, ip: Option<IpAddr>) {
    let now = app.now();
    if app.throttle().take(Subject::failures(email), now).is_err() {
        return;
    }
    let task = app.clone();
    drop(app.spawn(async move {
        let tenant = Tenant::system(user.organization_id, "sign-in").calling_from(ip);
        let from = json!({ "ip": ip.map(|it| it.to_string()) });
        let event = Event::new(&tenant, EventKind::SessionRefused, user.id, now).after(&from);
        let written = async { commit(&task, task.store().begin().await?, event).await };
        if let Err(error) = written.await {
            tracing::warn!(%error, "a failed sign-in could not be written down");
        }
    }));
}

/// An active person with a password.
async fn find_account(connection: &mut Connection, email: &Email) -> OpResult<Option<(User, String)>> {
    let user = connection.find_user_by_email_unchecked(email).await?;
    let Some(user) = user.filter(|it| it.status == UserStatus::Active && !it.service) else { return Ok(None) };
    Ok(connection.find_password_unchecked(user.id).await?.map(|phc| (user, phc)))
}

/// Whether the user is signed in at this address already.
async fn is_known_there(app: &App, user: Option<&User>, ip: Option<IpAddr>) -> OpResult<bool> {
    let (Some(user), Some(ip)) = (user, ip) else { return Ok(false) };
    let sessions = app.store().read().await?.find_sessions_of_user_unchecked(user.id, app.now()).await?;
    Ok(sessions.iter().any(|it| it.ip == Some(ip)))
}

/// Writes a new session; its token leaves in the answer.
pub(super) async fn begin_session(app: &App, tx: &mut Tx, user: User, origin: Origin) -> OpResult<SignedIn> {
    let now = app.now();
    let (token, session_id) = {
        let mut rng = app.rng();
        (new_token(&mut rng), SessionId::new(now, &mut *rng))
    };
    let expires_at = now.saturating_add(SESSION_LIFE);
    let session = Session {
        id: session_id,
        user_id: user.id,
        created_at: now,
        last_seen_at: now,
        expires_at,
        user_agent: origin.user_agent.map(|it| it.chars().take(USER_AGENT_CHARS_MAX).collect()),
        ip: origin.ip,
    };
    tx.insert_session_unchecked(&session, &digest_of(&token)).await?;
    tx.note_sign_in_unchecked(session.user_id, now).await?;
    Ok(SignedIn { token, session_id, expires_at, user })
}

/// Finds the live session of a cookie.
///
/// # Errors
/// Faults only; a session that is over or unknown is `None`.
pub async fn find_session(app: &App, token: &SecretString, ip: Option<IpAddr>) -> OpResult<Option<CurrentSession>> {
    let (now, digest) = (app.now(), digest_of(token));
    let Some((session, user)) = find_live(app, &digest, now).await? else {
        app.rates().sessions().drop(&digest);
        return Ok(None);
    };
    app.rates().sessions().keep(&digest, now.saturating_add(SESSION_IDLE), now);
    if now.since(session.last_seen_at) >= SEEN_EVERY {
        let task = app.clone();
        drop(app.spawn(async move {
            if let Err(error) = note_seen(&task, session.id, now).await {
                tracing::warn!(%error, "the last use of a session could not be written down");
            }
        }));
    }
    let caller = Caller::Session { user_id: user.id, session_id: session.id, ip };
    Ok(Some(CurrentSession { caller, user, signed_in_at: session.created_at, expires_at: session.expires_at }))
}

async fn find_live(app: &App, digest: &Digest, now: Timestamp) -> OpResult<Option<(Session, User)>> {
    let mut reader = app.store().read().await?;
    let session = reader.find_session_unchecked(digest, now).await?;
    let Some(session) = session.filter(|it| now.since(it.last_seen_at) < SESSION_IDLE) else { return Ok(None) };
    let user = reader.find_user_unchecked(session.user_id).await?;
    Ok(user.filter(|it| it.status == UserStatus::Active).map(|user| (session, user)))
}

/// Whether a session was found good on this node, without asking the database. It need not be good any more.
pub fn has_been_good(app: &App, token: &SecretString) -> bool {
    app.rates().sessions().has(&digest_of(token), app.now())
}

async fn note_seen(app: &App, id: SessionId, at: Timestamp) -> OpResult<()> {
    let mut tx = app.store().begin().await?;
    tx.touch_session_unchecked(id, at).await?;
    tx.commit_unaudited("the last use of a session is no change").await?;
    Ok(())
}

/// Signs out: the session is gone on the server. Nothing to sign out of is no error.
///
/// # Errors
/// Faults.
pub async fn sign_out(app: &App, caller: &Caller) -> OpResult<()> {
    let Caller::Session { user_id, session_id, ip } = *caller else { return Ok(()) };
    let task = app.clone();
    on_task(app, async move {
        let app = task;
        let mut tx = app.store().begin().await?;
        let Some(user) = tx.find_user_unchecked(user_id).await? else { return Ok(()) };
        tx.delete_session_unchecked(session_id).await?;
        let tenant = Tenant::system(user.organization_id, "sign-out").calling_from(ip);
        let event = Event::new(&tenant, EventKind::SessionEnded, user_id, app.now());
        commit(&app, tx, by(user_id, event)).await
    })
    .await
}

/// The event, in the name of the user. The tenant of what happens before anybody is signed in is the service's own.
pub(super) fn by(user_id: UserId, mut event: Event) -> Event {
    event.actor = Actor { ip: event.actor.ip, ..Actor::session(user_id) };
    event
}

/// 256 random bits, as text for a cookie or a link.
pub(super) fn new_token(rng: &mut Rng) -> SecretString {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    SecretString::from(BASE64URL_NOPAD.encode(&bytes))
}

pub(super) fn digest_of(token: &SecretString) -> Digest {
    Digest::of_token(token.expose_secret().as_bytes())
}
