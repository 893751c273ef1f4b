//! What the console keeps in the browser: the session, a wish about looks, the notice of the last action, where it stands in the log, and the
//! lists it was shown of late.
//!
//! How they are named, and when they are `Secure`, is [`crate::site`]'s, since the management API reads the session too.

use std::time::Duration;

use claviger_core::event::Position;
use claviger_core::id::OrganizationId;
use cookie::{Cookie, SameSite};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use super::pages::shell::{Notice, Preferences, Shortcuts, Theme, Times};
use crate::ops::receipts::{Noted, Reach};
use crate::site::{LOOK_COOKIE, SESSION_COOKIE, Site};

const NOTICE: &str = "notice";
const CHANGE: &str = "change";
const LISTS: &str = "lists";

/// A notice that no page has shown after a minute is stale.
const NOTICE_LIFE: Duration = Duration::from_secs(60);
/// A wish about looks outlives sessions.
const PREFERENCES_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// A list that nobody has looked at for a day is not gone on with.
const LISTS_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

fn set(headers: &mut HeaderMap, site: &Site, bare: &str, value: String, life: Duration) {
    let cookie = Cookie::build((site.cookie_name(bare), value))
        .path("/")
        .http_only(true)
        .secure(site.tls)
        .same_site(SameSite::Lax)
        .max_age(cookie::time::Duration::seconds(i64::try_from(life.as_secs()).unwrap_or(i64::MAX)))
        .build();
    // Every value here is made of letters, digits, and marks that need no quotes in a cookie, such as `.`, `%` and `/`.
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        headers.append(SET_COOKIE, value);
    }
}

/// Hands a session's token to the browser.
pub(super) fn set_session(headers: &mut HeaderMap, site: &Site, token: &SecretString, life: Duration) {
    set(headers, site, SESSION_COOKIE, token.expose_secret().to_owned(), life);
}

/// Takes the session's token back, and what its holder looked at.
pub(super) fn clear_session(headers: &mut HeaderMap, site: &Site) {
    set(headers, site, SESSION_COOKIE, String::new(), Duration::ZERO);
    set(headers, site, LISTS, String::new(), Duration::ZERO);
}

/// How this browser wants pages to look.
pub(super) fn preferences(headers: &HeaderMap, site: &Site) -> Preferences {
    let look = site.look(headers);
    Preferences {
        theme: look.theme.map_or(Theme::System, Theme::parse),
        times: if look.relative_times { Times::Relative } else { Times::Absolute },
        shortcuts: if look.shortcuts_off { Shortcuts::Off } else { Shortcuts::On },
    }
}

/// Remembers how this browser wants pages to look.
pub(super) fn set_preferences(headers: &mut HeaderMap, site: &Site, preferences: Preferences) {
    let words = [preferences.theme.word(), preferences.times.word(), preferences.shortcuts.word()];
    let value = words.join(".");
    set(headers, site, LOOK_COOKIE, value, PREFERENCES_LIFE);
}

/// What the last action did, if no page has said so yet.
pub(super) fn notice(headers: &HeaderMap, site: &Site) -> Option<Notice> {
    let value = site.cookie(headers, NOTICE)?;
    let (kind, subject_of) = value.split_once('.').unwrap_or((&value, ""));
    let counts = || {
        let (done, left) = subject_of.split_once('x')?;
        Some((done.parse().ok()?, left.parse().ok()?))
    };
    let decoded = |text| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    let subject = || decoded(subject_of);
    let subjects = || {
        let (one, other) = subject_of.split_once('.')?;
        Some((decoded(one)?, decoded(other)?))
    };
    Some(match kind {
        "account-created" => Notice::AccountCreated,
        "not-sent" => Notice::NotSent,
        "key-updated" => Notice::KeyUpdated(subject()?),
        "key-deactivated" => Notice::KeyDeactivated(subject()?),
        "key-kept" => Notice::KeyKept(subject()?),
        "notification-dismissed" => Notice::NotificationDismissed,
        "notifications-read" => Notice::NotificationsRead,
        "choices-saved" => Notice::ChoicesSaved,
        "key-activated" => Notice::KeyActivated(subject()?),
        "key-deleted" => Notice::KeyDeleted(subject()?),
        "no-key-ticked" => Notice::NoKeyTicked,
        "ticked-keys-gone" => Notice::TickedKeysGone,
        "keys-activated" => counts().map(|(done, left)| Notice::KeysActivated(done, left))?,
        "rotation-ended" => subjects().map(|(name, hint)| Notice::RotationEnded(name, hint))?,
        "rotation-extended" => subjects().map(|(name, hint)| Notice::RotationExtended(name, hint))?,
        "rotation-cancelled" => subjects().map(|(name, hint)| Notice::RotationCancelled(name, hint))?,
        "keys-deactivated" => counts().map(|(done, left)| Notice::KeysDeactivated(done, left))?,
        "keys-extended" => {
            let (counted, unchanged) = subject_of.split_once('.')?;
            let (done, left) = counted.split_once('x')?;
            Notice::KeysExtended(done.parse().ok()?, left.parse().ok()?, decoded(unchanged)?)
        }
        "keys-deleted" => counts().map(|(done, left)| Notice::KeysDeleted(done, left))?,
        "key-cleared" => Notice::KeyCleared(subject()?),
        "access-off" => Notice::ApiAccessOff,
        "access-was-on" => Notice::ApiAccessWasOn,
        "role-created" => Notice::RoleCreated(subject()?),
        "role-saved" => Notice::RoleSaved(subject()?),
        "role-deleted" => Notice::RoleDeleted(subject()?),
        "password-changed" => Notice::PasswordChanged,
        "session-ended" => Notice::SessionEnded,
        "sessions-ended" => Notice::SessionsEnded,
        "shared-secret-deleted" => Notice::SharedSecretDeleted,
        "old-shared-secret-ended" => Notice::OldSharedSecretEnded,
        "old-shared-secret-extended" => Notice::OldSharedSecretExtended,
        "webhook-played" => Notice::WebhookPlayed,
        "webhook-paused" => Notice::WebhookPaused,
        "webhook-updated" => Notice::WebhookUpdated,
        "webhook-deleted" => Notice::WebhookDeleted,
        "api-saved" => Notice::ApiSaved(subject()?),
        "documentation-saved" => Notice::DocumentationSaved(subject()?),
        "documentation-deleted" => Notice::DocumentationDeleted(subject()?),
        "signing-secret-was-shown" => Notice::SigningSecretWasShown,
        "delivery-resent" => Notice::DeliveryResent,
        "test-sent" => Notice::TestSent,
        "no-webhook-selected" => Notice::NoWebhookSelected,
        "deliveries-recovered" => counts().map(|(sent, more)| Notice::DeliveriesRecovered(sent, more > 0))?,
        "password-set" => Notice::PasswordSet,
        "member-added" => Notice::MemberAdded(subject()?),
        "member-updated" => Notice::MemberUpdated(subject()?),
        "member-removed" => Notice::MemberRemoved(subject()?),
        "user-disabled" => {
            let (name, stopped) = subjects()?;
            let stopped =
                stopped.split_once('.').and_then(|(count, user)| Some((count.parse().ok()?, user.to_owned())));
            Notice::UserDisabled(name, stopped)
        }
        "user-enabled" => Notice::UserEnabled(subject()?),
        "link-was-shown" => Notice::LinkWasShown(subject()?),
        "link-withdrawn" => Notice::LinkWithdrawn(subject()?),
        "user-updated" => Notice::UserUpdated(subject()?),
        "event-erased" => Notice::EventErased,
        "policy-saved" => Notice::PolicySaved(subject()?),
        "organization-created" => subjects().map(|(name, parent)| Notice::OrganizationCreated(name, parent))?,
        "organization-updated" => Notice::OrganizationUpdated(subject()?),
        "organization-suspended" => Notice::OrganizationSuspended(subject()?),
        "organization-resumed" => Notice::OrganizationResumed(subject()?),
        "organization-moved" => Notice::OrganizationMoved(subject()?),
        _ => return None,
    })
}

/// Leaves a notice for the next page.
pub(super) fn set_notice(headers: &mut HeaderMap, site: &Site, notice: &Notice) {
    let counts = match notice {
        Notice::KeysActivated(done, left)
        | Notice::KeysDeactivated(done, left)
        | Notice::KeysExtended(done, left, _)
        | Notice::KeysDeleted(done, left) => format!("{done}x{left}"),
        Notice::DeliveriesRecovered(sent, has_more) => format!("{sent}x{}", u8::from(*has_more)),
        _ => String::new(),
    };
    let (kind, subject) = match notice {
        Notice::AccountCreated => ("account-created", ""),
        Notice::NotSent => ("not-sent", ""),
        Notice::KeyUpdated(name) => ("key-updated", name.as_str()),
        Notice::KeyDeactivated(name) => ("key-deactivated", name.as_str()),
        Notice::KeyKept(name) => ("key-kept", name.as_str()),
        Notice::NotificationDismissed => ("notification-dismissed", ""),
        Notice::NotificationsRead => ("notifications-read", ""),
        Notice::ChoicesSaved => ("choices-saved", ""),
        Notice::KeyActivated(name) => ("key-activated", name.as_str()),
        Notice::KeyDeleted(name) => ("key-deleted", name.as_str()),
        Notice::NoKeyTicked => ("no-key-ticked", ""),
        Notice::TickedKeysGone => ("ticked-keys-gone", ""),
        Notice::KeysActivated(..) => ("keys-activated", counts.as_str()),
        Notice::RotationEnded(name, _) => ("rotation-ended", name.as_str()),
        Notice::RotationExtended(name, _) => ("rotation-extended", name.as_str()),
        Notice::RotationCancelled(name, _) => ("rotation-cancelled", name.as_str()),
        Notice::KeysDeactivated(..) => ("keys-deactivated", counts.as_str()),
        Notice::KeysExtended(..) => ("keys-extended", counts.as_str()),
        Notice::KeysDeleted(..) => ("keys-deleted", counts.as_str()),
        Notice::KeyCleared(name) => ("key-cleared", name.as_str()),
        Notice::ApiAccessOff => ("access-off", ""),
        Notice::ApiAccessWasOn => ("access-was-on", ""),
        Notice::RoleCreated(name) => ("role-created", name.as_str()),
        Notice::RoleSaved(name) => ("role-saved", name.as_str()),
        Notice::RoleDeleted(name) => ("role-deleted", name.as_str()),
        Notice::PasswordChanged => ("password-changed", ""),
        Notice::SessionEnded => ("session-ended", ""),
        Notice::SessionsEnded => ("sessions-ended", ""),
        Notice::SharedSecretDeleted => ("shared-secret-deleted", ""),
        Notice::OldSharedSecretEnded => ("old-shared-secret-ended", ""),
        Notice::OldSharedSecretExtended => ("old-shared-secret-extended", ""),
        Notice::WebhookPlayed => ("webhook-played", ""),
        Notice::WebhookPaused => ("webhook-paused", ""),
        Notice::WebhookUpdated => ("webhook-updated", ""),
        Notice::WebhookDeleted => ("webhook-deleted", ""),
        Notice::ApiSaved(name) => ("api-saved", name.as_str()),
        Notice::DocumentationSaved(name) => ("documentation-saved", name.as_str()),
        Notice::DocumentationDeleted(name) => ("documentation-deleted", name.as_str()),
        Notice::SigningSecretWasShown => ("signing-secret-was-shown", ""),
        Notice::DeliveryResent => ("delivery-resent", ""),
        Notice::TestSent => ("test-sent", ""),
        Notice::NoWebhookSelected => ("no-webhook-selected", ""),
        Notice::DeliveriesRecovered(..) => ("deliveries-recovered", counts.as_str()),
        Notice::PasswordSet => ("password-set", ""),
        Notice::MemberAdded(name) => ("member-added", name.as_str()),
        Notice::MemberUpdated(name) => ("member-updated", name.as_str()),
        Notice::MemberRemoved(name) => ("member-removed", name.as_str()),
        Notice::UserDisabled(name, _) => ("user-disabled", name.as_str()),
        Notice::UserEnabled(name) => ("user-enabled", name.as_str()),
        Notice::LinkWasShown(name) => ("link-was-shown", name.as_str()),
        Notice::LinkWithdrawn(name) => ("link-withdrawn", name.as_str()),
        Notice::UserUpdated(name) => ("user-updated", name.as_str()),
        Notice::EventErased => ("event-erased", ""),
        Notice::PolicySaved(name) => ("policy-saved", name.as_str()),
        Notice::OrganizationCreated(name, _) => ("organization-created", name.as_str()),
        Notice::OrganizationUpdated(name) => ("organization-updated", name.as_str()),
        Notice::OrganizationSuspended(name) => ("organization-suspended", name.as_str()),
        Notice::OrganizationResumed(name) => ("organization-resumed", name.as_str()),
        Notice::OrganizationMoved(name) => ("organization-moved", name.as_str()),
    };
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let mut value = format!("{kind}.{}", encoded(subject));
    if let Notice::OrganizationCreated(_, other)
    | Notice::KeysExtended(_, _, other)
    | Notice::RotationEnded(_, other)
    | Notice::RotationExtended(_, other)
    | Notice::RotationCancelled(_, other) = notice
    {
        value = format!("{value}.{}", encoded(other));
    }
    if let Notice::UserDisabled(_, stopped) = notice {
        let stopped = stopped.as_ref().map(|(count, user)| format!("{count}.{user}")).unwrap_or_default();
        value = format!("{value}.{}", encoded(&stopped));
    }
    set(headers, site, NOTICE, value, NOTICE_LIFE);
}

/// Forgets the notice, now that a page shows it.
pub(super) fn clear_notice(headers: &mut HeaderMap, site: &Site) {
    set(headers, site, NOTICE, String::new(), Duration::ZERO);
}

/// The last change, if not every node had confirmed it when it was answered. Only its place is kept: what pages say of it they find out anew.
/// `organization` is the one that the page is about.
pub(super) fn change(headers: &HeaderMap, site: &Site, organization: OrganizationId) -> Option<Noted> {
    let value = site.cookie(headers, CHANGE)?;
    let mut parts = value.split('.');
    let position = Position { epoch: parts.next()?.parse().ok()?, seq: parts.next()?.parse().ok()? };
    let reach = match parts.next()? {
        "here" => Reach::Organization(organization),
        "everywhere" => Reach::Everywhere,
        _ => return None,
    };
    Some(Noted { position, reach })
}

/// The lists that this browser was shown of late, as [`super::lists`] writes them.
pub(super) fn lists(headers: &HeaderMap, site: &Site) -> String {
    site.cookie(headers, LISTS).unwrap_or_default()
}

/// Notes the lists that this browser was shown.
pub(super) fn set_lists(headers: &mut HeaderMap, site: &Site, noted: String) {
    set(headers, site, LISTS, noted, LISTS_LIFE);
}

/// Leaves the place of the last change for the next pages, as long as a notice.
pub(super) fn set_change(headers: &mut HeaderMap, site: &Site, noted: Noted) {
    let Position { epoch, seq } = noted.position;
    let reach = match noted.reach {
        Reach::Organization(_) => "here",
        Reach::Everywhere => "everywhere",
    };
    set(headers, site, CHANGE, format!("{epoch}.{seq}.{reach}"), NOTICE_LIFE);
}

/// Forgets the last change, now that every node has confirmed it.
pub(super) fn clear_change(headers: &mut HeaderMap, site: &Site) {
    set(headers, site, CHANGE, String::new(), Duration::ZERO);
}

#[cfg(test)]
#[path = "cookies_tests.rs"]
mod tests;
