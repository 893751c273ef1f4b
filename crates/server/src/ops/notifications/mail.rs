//! The mail of a person: one digest of everything that waits for them, tried until the server has taken it.
//!
//! A person's turn is taken before anything is sent and ended after the server took it: so no other node sends the same meanwhile, and a process
//! that ends in between is followed by one that sends it again.

use std::time::Duration;

use claviger_core::id::UserId;
use claviger_core::limits::{MAIL_LINES_MAX, MAIL_TRIES_MAX};
use claviger_core::name::Slug;
use claviger_core::notification::NotificationKind::{self, KeyLeaked};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::Connection;
use claviger_store::notifications::NotificationRow;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::digest::{Digest, Line};
use super::read::MAIL_AFTER;
use super::words::sentence;
use crate::app::App;
use crate::mail::MailError;
use crate::ops::error::OpResult;

/// People whose turn is looked for at a time.
const PEOPLE: u32 = 50;
/// Notifications that one digest stands for.
const AT_ONCE: u32 = 1000;
/// For so long a turn is one node's.
const TURN: Duration = Duration::from_secs(300);
/// Before the second try, and at most before a later one.
const RETRY: Duration = Duration::from_secs(60);
const RETRY_MAX: Duration = Duration::from_secs(6 * 3600);

/// Mails everybody whose turn it is.
///
/// # Errors
/// What any transaction can meet. A server that takes no mail is none: it is tried again.
pub async fn send_due(app: &App) -> OpResult<()> {
    if app.mailer().is_none() {
        return Ok(());
    }
    while !app.stop().is_cancelled() {
        let due = app.store().read().await?.find_mail_turns_unchecked(app.now(), PEOPLE).await?;
        if due.is_empty() {
            break;
        }
        let mut all_done = true;
        for user_id in due {
            // Whose notifications cannot be read keeps nobody else waiting.
            if let Err(error) = send_to(app, user_id).await {
                tracing::warn!(%user_id, %error, "somebody was not mailed, and is the next time");
                all_done = false;
            }
        }
        // Where a turn cannot even be taken, the same people would be found at once.
        if !all_done {
            break;
        }
    }
    Ok(())
}

async fn send_to(app: &App, user_id: UserId) -> OpResult<()> {
    let now = app.now();
    let mut tx = app.store().begin().await?;
    let Some(tries) = tx.take_mail_turn_unchecked(user_id, now, now.saturating_add(TURN)).await? else { return Ok(()) };
    // Before anything is read, so that a turn is taken of whom nothing can be read, and others come first for a while.
    tx.commit_unaudited("somebody is mailed").await?;
    let (rows, address, home) = {
        let mut reader = app.store().read().await?;
        let rows = reader.find_unmailed_unchecked(user_id, AT_ONCE).await?;
        (rows, reader.find_address_unchecked(user_id).await?, home_of(app, &mut reader, user_id).await?)
    };
    let told: Vec<_> = rows.iter().filter(|it| !is_over(it, now)).collect();
    let mailed = match (app.mailer(), address) {
        (Some(mailer), Some((name, Some(email)))) if !told.is_empty() => {
            match digest(app, (user_id, &name.to_string()), home, &told).letter() {
                Ok(letter) => mailer.send(&email.to_string(), letter).await,
                Err(error) => Err(MailError::Message(error.to_string())),
            }
        }
        // Who has no address, or is disabled, is told at the console alone.
        _ => Ok(()),
    };
    match mailed {
        Err(error) if tries < MAIL_TRIES_MAX => {
            tracing::warn!(%user_id, %error, tries, "mail did not go out and is tried again");
            let mut tx = app.store().begin().await?;
            tx.put_off_mail_unchecked(user_id, app.now().saturating_add(pause_after(tries))).await?;
            Ok(tx.commit_unaudited("somebody will be mailed").await?)
        }
        mailed => {
            if let Err(error) = mailed {
                tracing::error!(%user_id, %error, "mail did not go out and is given up; what it says stands at the console");
            }
            let ids: Vec<_> = rows.iter().map(|it| it.notification.id).collect();
            let mut tx = app.store().begin().await?;
            tx.mark_mailed_unchecked(user_id, &ids).await?;
            tx.commit_unaudited("somebody was mailed").await?;
            let mut tx = app.store().begin().await?;
            tx.end_mail_unchecked(user_id, app.now().saturating_add(MAIL_AFTER)).await?;
            Ok(tx.commit_unaudited("nobody mails somebody any more").await?)
        }
    }
}

/// What a mail is known by: the same whenever the same is said to the same person again, be it after a try that failed or after a process that ended
/// before it had noted that it went out. More that came meanwhile makes it another one.
fn id_of(user_id: UserId, rows: &[&NotificationRow]) -> String {
    let mut digest = Sha256::new();
    digest.update(user_id.to_string());
    rows.iter().for_each(|it| digest.update(it.notification.id.to_string()));
    HEXLOWER.encode(&digest.finalize()[..16])
}

/// What was to be told before it ends, and has ended: it is said at the console, or not at all any more.
fn is_over(row: &NotificationRow, now: Timestamp) -> bool {
    row.notification.deadline.is_some_and(|it| it <= now)
}

/// Twice as long after each try.
fn pause_after(tries: u64) -> Duration {
    let doubled = u32::try_from(tries.saturating_sub(1).min(20)).unwrap_or(20);
    RETRY.saturating_mul(2_u32.saturating_pow(doubled)).min(RETRY_MAX)
}

/// The uppermost organization that somebody is a member of and can open: where the list of all that they are told is theirs. What is told may have
/// happened in one that they only look after from above.
async fn home_of(app: &App, reader: &mut Connection, user_id: UserId) -> OpResult<Option<Slug>> {
    let memberships = app.replica().memberships(user_id).into_iter().map(|it| it.organization_id);
    let open = memberships.filter(|it| !app.replica().is_suspended(*it));
    let Some(id) = open.min_by_key(|it| (app.replica().path(*it).len(), *it)) else { return Ok(None) };
    Ok(reader.find_organization(&Tenant::system(id, "mail")).await?.map(|it| it.slug))
}

fn digest(app: &App, (user_id, name): (UserId, &str), home: Option<Slug>, rows: &[&NotificationRow]) -> Digest {
    let base = app.config().base_url(app.config().listen);
    // What cannot wait is not among those that there is no room for.
    let (first, others): (Vec<_>, Vec<_>) = rows.iter().copied().partition(|it| it.notification.kind == KeyLeaked);
    let lines: Vec<_> = first.into_iter().chain(others).take(MAIL_LINES_MAX).map(|it| line(&base, it)).collect();
    let home = home.or_else(|| rows.first().map(|it| it.organization_slug.clone()));
    let home = home.map(|it| it.to_string()).unwrap_or_default();
    Digest {
        id: id_of(user_id, rows),
        subject: subject(rows),
        name: name.to_owned(),
        more: rows.len().saturating_sub(lines.len()),
        lines,
        list: format!("{base}/o/{home}/notifications"),
        choices: format!("{base}/o/{home}/profile/notifications"),
    }
}

fn line(base: &str, row: &NotificationRow) -> Line {
    let it = &row.notification;
    let rest = match it.kind {
        NotificationKind::OwnerGone => "/members".to_owned(),
        NotificationKind::WebhookDisabled => format!("/webhooks/{}", it.subject_id),
        _ => format!("/keys/{}", it.subject_id),
    };
    let organization = row.organization_name.to_string();
    Line { sentence: sentence(it), organization, href: format!("{base}/o/{}{rest}", row.organization_slug) }
}

/// What the digest is called: what ends first says it, with how many; where it says one thing, that.
fn subject(rows: &[&NotificationRow]) -> String {
    let first = |kinds: &[NotificationKind]| {
        rows.iter().filter(|it| kinds.contains(&it.notification.kind)).filter_map(|it| it.notification.deadline).min()
    };
    let count = |kinds: &[NotificationKind]| rows.iter().filter(|it| kinds.contains(&it.notification.kind)).count();
    let idle = [NotificationKind::KeyIdle, NotificationKind::KeyIdleAgain];
    let expiring = [NotificationKind::KeyExpiring, NotificationKind::KeyExpiringAgain];
    let on = |at: Option<Timestamp>| at.map(Timestamp::to_date_text).unwrap_or_default();
    // A day that somebody chose for the end is named as it was chosen.
    let on_last = |at: Option<Timestamp>| on(at.map(Timestamp::on_last_day));
    // One key among tokens is what counts: of a token the sign-in is ended already.
    let mut leaks = rows.iter().map(|it| &it.notification).filter(|it| it.kind == KeyLeaked);
    let [one, many] = if leaks.all(|it| it.facts.is_token) {
        ["An access token", "access tokens"]
    } else {
        ["An API key", "API keys"]
    };
    match (rows.len(), count(&[KeyLeaked])) {
        (_, 0) => {}
        (1, _) => return format!("{one} leaked"),
        (all, leaked) if all == leaked => return format!("{all} {many} leaked"),
        (all, _) => return format!("{one} leaked, and {all} things to know in all"),
    }
    if let [one] = rows {
        return sentence(&one.notification).headline();
    }
    match (rows.len(), count(&idle), count(&expiring)) {
        (all, of_idle, _) if all == of_idle => {
            format!("{all} API keys that nobody uses end from {} on", on(first(&idle)))
        }
        (all, _, of_expiring) if all == of_expiring => {
            format!("{all} API keys expire from {} on", on_last(first(&expiring)))
        }
        (all, ..) if all == count(&[NotificationKind::KeyCleared]) => format!("{all} API keys were deleted"),
        (all, ..) => format!("{all} things to know about API keys"),
    }
}

#[cfg(test)]
mod tests {
    use claviger_core::id::{NotificationId, OrganizationId};
    use claviger_core::notification::{Facts, Notification, NotificationState};
    use rand_chacha::rand_core::SeedableRng as _;

    use super::*;

    fn row(kind: NotificationKind, facts: Facts) -> NotificationRow {
        let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
        let at = Timestamp::MIN;
        let notification = Notification {
            id: NotificationId::new(at, &mut rng),
            user_id: UserId::new(at, &mut rng),
            organization_id: OrganizationId::new(at, &mut rng),
            kind,
            subject_id: String::new(),
            facts,
            deadline: None,
            state: NotificationState::Unread,
            created_at: at,
        };
        let (slug, name) = ("acme".parse().expect("a slug"), "Acme".parse().expect("a name"));
        NotificationRow { notification, organization_slug: slug, organization_name: name }
    }

    #[test]
    fn mail_about_one_thing_is_called_by_it() {
        let named = |name: &str| Facts { name: name.to_owned(), ..Facts::default() };
        let hears = Some("contact.create".to_owned());
        let webhook = Facts { hears, is_gone: true, ..named("https://hooks.example.com") };
        let gone = row(NotificationKind::WebhookDisabled, webhook);
        let expected =
            "Webhook “https://hooks.example.com” for contact.create has ended: its receiver said that it is gone";
        assert_eq!(subject(&[&gone]), expected);
        let owner = row(NotificationKind::OwnerGone, named("Owen"));
        assert_eq!(subject(&[&owner]), "“Owen” was disabled or has left, and keys hang on them");
        assert_eq!(subject(&[&gone, &owner]), "2 things to know about API keys");
        let cleared = row(NotificationKind::KeyCleared, named("Sync"));
        assert_eq!(subject(&[&cleared, &cleared]), "2 API keys were deleted");
        assert_eq!(subject(&[&cleared, &owner]), "2 things to know about API keys");
    }

    #[test]
    fn tries_lie_farther_and_farther_apart() {
        let secs = [1, 2, 3, 9, 30].map(|it| pause_after(it).as_secs());
        assert_eq!(secs, [60, 120, 240, 15_360, 21_600]);
    }
}
