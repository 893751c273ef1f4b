//! One-time links by which a user sets a password: the first one by an invitation, another one where it was lost.
//!
//! An admin makes them and passes them on. Whoever has a link is the user, so that making one is judged like a change of the sign-in name.

use std::time::Duration;

use claviger_core::event::{Event, EventKind};
use claviger_core::id::{LinkId, OrganizationId, UserId};
use claviger_core::limits;
use claviger_core::name::Name;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_core::user::{User, UserStatus};
use claviger_store::links::{Link, LinkPurpose};
use claviger_store::{Connection, Tx};
use secrecy::SecretString;
use serde_json::json;

use super::caller::Caller;
use super::error::{Error, OpResult};
use super::idempotency::{Answer, Idempotency, keep, replay};
use super::passwords::Passwords;
use super::sessions::{Origin, SignedIn, begin_session, by, digest_of, new_token};
use super::standing::refuse_stronger;
use super::throttle::Subject;
use super::transaction::{begin, commit, on_task};
use super::users::find_managed;
use crate::app::App;

/// A link just made: the one answer that carries its token.
#[derive(Debug)]
pub struct SignInLink {
    /// For whom.
    pub user_id: UserId,
    /// Whether it invites, or lets set another password.
    pub purpose: LinkPurpose,
    /// From when on it is not accepted any more.
    pub expires_at: Timestamp,
    /// What the link ends in.
    pub token: SecretString,
}

/// A link that is still good, as its bearer may see it.
#[derive(Debug, Clone)]
pub struct OpenLink {
    /// Whether it invites, or lets set another password.
    pub purpose: LinkPurpose,
    /// For whom.
    pub user: User,
    /// The organization that manages the user.
    pub organization_name: Name,
    link_id: LinkId,
}

/// Makes a link by which a user sets a password: an invitation for who has none yet, else one to set another. Earlier ones end.
///
/// # Errors
/// Refusals: rights, a user who holds more than the caller anywhere, or one who never signs in.
pub async fn create_sign_in_link(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
    idempotency: Option<Idempotency<SignInLink>>,
) -> OpResult<Answer<SignInLink>> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/users:update");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        if let Some(answer) = replay(idempotency.as_ref(), &mut tx, &tenant).await? {
            return Ok(answer);
        }
        let user = find_managed(&mut tx, &tenant, user_id).await?;
        if user.service || user.email.is_none() {
            return Err(conflict("Nobody signs in as this user: there is no e-mail address.").into());
        }
        if user.status != UserStatus::Active {
            return Err(conflict("This user is disabled; enable the user first.").into());
        }
        refuse_stronger(&app, &caller, &mut tx, &tenant, user_id, None).await?;
        let link = insert_sign_in_link(&app, &mut tx, user_id).await?;
        let now = app.now();
        keep(idempotency.as_ref(), &mut tx, &tenant, &link, now).await?;
        let facts = json!({ "purpose": link.purpose.as_str(), "expires_at": link.expires_at.to_string() });
        commit(&app, tx, Event::new(&tenant, EventKind::UserLinkCreated, user_id, now).after(&facts)).await?;
        Ok(Answer::Fresh(link))
    })
    .await
}

/// Takes back the links by which a user could set a password.
///
/// # Errors
/// Refusals; not found, where there is none that is still good.
pub async fn delete_sign_in_link(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    user_id: UserId,
) -> OpResult<()> {
    let (task, caller) = (app.clone(), caller.clone());
    on_task(app, async move {
        let app = task;
        let authorize = || caller.authorize(&app, organization_id, "claviger/users:update");
        let (mut tx, tenant) = begin(&app, authorize).await?;
        find_managed(&mut tx, &tenant, user_id).await?;
        refuse_stronger(&app, &caller, &mut tx, &tenant, user_id, None).await?;
        let now = app.now();
        if tx.withdraw_links_unchecked(user_id, now).await? == 0 {
            return Err(Reject::not_found().into());
        }
        commit(&app, tx, Event::new(&tenant, EventKind::UserLinkDeleted, user_id, now)).await
    })
    .await
}

/// Finds a link to set a password that is still good.
///
/// # Errors
/// Faults only; a link that is used, withdrawn, over or unknown is `None`.
pub async fn find_sign_in_link(app: &App, token: &SecretString) -> OpResult<Option<OpenLink>> {
    find_good(&mut *app.store().read().await?, token, app.now()).await
}

async fn find_good(connection: &mut Connection, token: &SecretString, now: Timestamp) -> OpResult<Option<OpenLink>> {
    let Some(link) = connection.find_link_unchecked(&digest_of(token)).await? else { return Ok(None) };
    if link.purpose == LinkPurpose::Setup || link.used_at.is_some() || link.expires_at <= now {
        return Ok(None);
    }
    let user = connection.find_user_unchecked(link.user_id).await?;
    let Some(user) = user.filter(|it| it.status == UserStatus::Active && it.email.is_some()) else { return Ok(None) };
    let home = Tenant::system(user.organization_id, JOB);
    let Some(organization) = connection.find_organization(&home).await? else { return Ok(None) };
    let purpose = link.purpose;
    Ok(Some(OpenLink { purpose, user, organization_name: organization.name, link_id: link.id }))
}

/// Uses a link: sets the user's password, ends the user's sessions, and signs in.
///
/// # Errors
/// Refusals: a link that is used, withdrawn or over; a password that is too short; too many tries.
pub async fn use_sign_in_link(
    app: &App,
    token: SecretString,
    password: SecretString,
    origin: Origin,
) -> OpResult<SignedIn> {
    Passwords::check(&password)?;
    if let Some(ip) = origin.ip {
        app.throttle().take(Subject::address(ip), app.now())?;
    }
    let gone = || Error::from(Reject::new(RejectCode::NotFound, "This link is used up or over."));
    find_sign_in_link(app, &token).await?.ok_or_else(gone)?;
    if let Some(ip) = origin.ip {
        app.throttle().put_back(Subject::address(ip));
    }
    let phc = app.passwords().hash(password, &mut *app.rng()).await?;
    let task = app.clone();
    on_task(app, async move {
        let app = task;
        // It changes who may sign in as the user, and the user may have been disabled since.
        let mut tx = app.store().begin_structural().await?;
        let now = app.now();
        let open = find_good(&mut tx, &token, now).await?.ok_or_else(gone)?;
        tx.use_link_unchecked(open.link_id, now).await?;
        tx.withdraw_links_unchecked(open.user.id, now).await?;
        let ended = tx.delete_sessions_of_user_unchecked(open.user.id, None).await?;
        tx.put_password_unchecked(open.user.id, &phc, now).await?;
        let tenant = Tenant::system(open.user.organization_id, JOB).calling_from(origin.ip);
        let facts = json!({ "by": open.purpose.as_str(), "ended_sessions": ended });
        let event = Event::new(&tenant, EventKind::UserPasswordSet, open.user.id, now).after(&facts);
        let event = by(open.user.id, event);
        let signed_in = begin_session(&app, &mut tx, open.user, origin).await?;
        commit(&app, tx, event).await?;
        Ok(signed_in)
    })
    .await
}

const JOB: &str = "sign-in-link";

/// Writes a link for a user to set a password by, in place of earlier ones.
pub(super) async fn insert_sign_in_link(app: &App, tx: &mut Tx, user_id: UserId) -> OpResult<SignInLink> {
    tx.withdraw_links_unchecked(user_id, app.now()).await?;
    let (purpose, hours) = match tx.find_password_unchecked(user_id).await? {
        None => (LinkPurpose::Invitation, limits::INVITATION_HOURS),
        Some(_) => (LinkPurpose::PasswordReset, limits::PASSWORD_RESET_HOURS),
    };
    let (link, token) = insert_link(app, tx, user_id, purpose, Duration::from_secs(hours * 3600)).await?;
    Ok(SignInLink { user_id, purpose, expires_at: link.expires_at, token })
}

/// Writes a one-time link; its token leaves in the answer, and only its digest is kept.
pub(super) async fn insert_link(
    app: &App,
    tx: &mut Tx,
    user_id: UserId,
    purpose: LinkPurpose,
    life: Duration,
) -> OpResult<(Link, SecretString)> {
    let now = app.now();
    let (token, id) = {
        let mut rng = app.rng();
        (new_token(&mut rng), LinkId::new(now, &mut *rng))
    };
    let link = Link { id, purpose, user_id, created_at: now, expires_at: now.saturating_add(life), used_at: None };
    tx.insert_link_unchecked(&link, &digest_of(&token)).await?;
    Ok((link, token))
}

fn conflict(detail: &'static str) -> Reject {
    Reject::new(RejectCode::StateConflict, detail)
}
