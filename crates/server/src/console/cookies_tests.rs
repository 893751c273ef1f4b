use http::header::COOKIE;

use super::*;

fn site(tls: bool) -> Site {
    Site { base_url: String::new(), tls }
}

/// What a browser would send back.
fn returned(set: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in set.get_all(SET_COOKIE) {
        let pair = value.to_str().unwrap().split(';').next().unwrap();
        headers.append(COOKIE, pair.parse().unwrap());
    }
    headers
}

#[test]
fn a_session_cookie_is_bound_to_the_host_and_out_of_reach_of_scripts() {
    let mut headers = HeaderMap::new();
    set_session(&mut headers, &site(true), &SecretString::from("t0ken"), Duration::from_secs(60));
    let cookie = headers[SET_COOKIE].to_str().unwrap();
    assert_eq!(cookie, "__Host-sid=t0ken; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60");
    assert_eq!(site(true).session(&returned(&headers)).unwrap().expose_secret(), "t0ken");
    assert!(site(false).session(&returned(&headers)).is_none(), "a name for each kind of way here");
}

#[test]
fn two_cookies_of_one_name_are_none() {
    let mut headers = HeaderMap::new();
    headers.append(COOKIE, "sid=one; sid=two".parse().unwrap());
    assert!(site(false).session(&headers).is_none());
}

/// Every notice. One that is added has to be added to both parts of this function: it does not compile without the second.
fn all_notices() -> Vec<Notice> {
    let named = || "CI; deploy=\"ü\".鍵".to_owned();
    let all = vec![
        Notice::AccountCreated,
        Notice::NotSent,
        Notice::KeyUpdated(String::new()),
        Notice::KeyUpdated(named()),
        Notice::KeyDeactivated(named()),
        Notice::KeyActivated(named()),
        Notice::KeyKept(named()),
        Notice::NotificationDismissed,
        Notice::NotificationsRead,
        Notice::ChoicesSaved,
        Notice::KeyDeleted(named()),
        Notice::NoKeyTicked,
        Notice::TickedKeysGone,
        Notice::KeysActivated(12, 0),
        Notice::RotationEnded(named(), named()),
        Notice::RotationExtended(named(), named()),
        Notice::RotationCancelled(named(), named()),
        Notice::KeysDeactivated(12, 0),
        Notice::KeysExtended(12, 2, "CI, a.b & <c>".to_owned()),
        Notice::KeysDeleted(12, 1),
        Notice::KeyCleared(named()),
        Notice::ApiAccessOff,
        Notice::ApiAccessWasOn,
        Notice::RoleCreated(named()),
        Notice::RoleSaved(named()),
        Notice::RoleDeleted(named()),
        Notice::PasswordChanged,
        Notice::SessionEnded,
        Notice::SessionsEnded,
        Notice::SharedSecretDeleted,
        Notice::OldSharedSecretEnded,
        Notice::OldSharedSecretExtended,
        Notice::WebhookPlayed,
        Notice::WebhookPaused,
        Notice::WebhookUpdated,
        Notice::WebhookDeleted,
        Notice::ApiSaved(named()),
        Notice::DocumentationSaved(named()),
        Notice::DocumentationDeleted(named()),
        Notice::SigningSecretWasShown,
        Notice::DeliveryResent,
        Notice::TestSent,
        Notice::NoWebhookSelected,
        Notice::DeliveriesRecovered(12, true),
        Notice::PasswordSet,
        Notice::MemberAdded(named()),
        Notice::MemberUpdated(named()),
        Notice::MemberRemoved(named()),
        Notice::UserDisabled(named(), None),
        Notice::UserDisabled(named(), Some((12, named()))),
        Notice::UserEnabled(named()),
        Notice::LinkWasShown(named()),
        Notice::LinkWithdrawn(named()),
        Notice::UserUpdated(named()),
        Notice::EventErased,
        Notice::PolicySaved(named()),
        Notice::OrganizationCreated(named(), String::new()),
        Notice::OrganizationCreated(named(), named()),
        Notice::OrganizationUpdated(named()),
        Notice::OrganizationSuspended(named()),
        Notice::OrganizationResumed(named()),
        Notice::OrganizationMoved(named()),
    ];
    for notice in &all {
        match notice {
            Notice::AccountCreated
            | Notice::NotSent
            | Notice::KeyUpdated(_)
            | Notice::KeyDeactivated(_)
            | Notice::KeyActivated(_)
            | Notice::KeyKept(_)
            | Notice::NotificationDismissed
            | Notice::NotificationsRead
            | Notice::ChoicesSaved
            | Notice::KeyDeleted(_)
            | Notice::NoKeyTicked
            | Notice::TickedKeysGone
            | Notice::KeysActivated(..)
            | Notice::RotationEnded(..)
            | Notice::RotationExtended(..)
            | Notice::RotationCancelled(..)
            | Notice::KeysDeactivated(..)
            | Notice::KeysExtended(..)
            | Notice::KeysDeleted(..)
            | Notice::KeyCleared(_)
            | Notice::ApiAccessOff
            | Notice::ApiAccessWasOn
            | Notice::RoleCreated(_)
            | Notice::RoleSaved(_)
            | Notice::RoleDeleted(_)
            | Notice::PasswordChanged
            | Notice::SessionEnded
            | Notice::SessionsEnded
            | Notice::SharedSecretDeleted
            | Notice::OldSharedSecretEnded
            | Notice::OldSharedSecretExtended
            | Notice::WebhookPlayed
            | Notice::WebhookPaused
            | Notice::WebhookUpdated
            | Notice::WebhookDeleted
            | Notice::ApiSaved(_)
            | Notice::DocumentationSaved(_)
            | Notice::DocumentationDeleted(_)
            | Notice::SigningSecretWasShown
            | Notice::DeliveryResent
            | Notice::TestSent
            | Notice::NoWebhookSelected
            | Notice::DeliveriesRecovered(..)
            | Notice::PasswordSet
            | Notice::MemberAdded(_)
            | Notice::MemberUpdated(_)
            | Notice::MemberRemoved(_)
            | Notice::UserDisabled(..)
            | Notice::UserEnabled(_)
            | Notice::LinkWasShown(_)
            | Notice::LinkWithdrawn(_)
            | Notice::UserUpdated(_)
            | Notice::EventErased
            | Notice::PolicySaved(_)
            | Notice::OrganizationCreated(..)
            | Notice::OrganizationUpdated(_)
            | Notice::OrganizationSuspended(_)
            | Notice::OrganizationResumed(_)
            | Notice::OrganizationMoved(_) => {}
        }
    }
    all
}

#[test]
fn a_notice_survives_the_way_through_the_browser() {
    for notice in all_notices() {
        let mut headers = HeaderMap::new();
        set_notice(&mut headers, &site(false), &notice);
        assert_eq!(super::notice(&returned(&headers), &site(false)), Some(notice));
    }
}

#[test]
fn no_cookie_puts_words_of_its_own_into_a_notice() {
    for value in ["", "key-eaten.x", "key-deleted.%ff", "<b>"] {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, format!("notice={value}").parse().unwrap());
        assert_eq!(notice(&headers, &site(false)), None, "{value}");
    }
}

#[test]
fn the_last_change_is_found_again_and_nonsense_is_none() {
    let here = OrganizationId::from_u128(1);
    for reach in [Reach::Organization(here), Reach::Everywhere] {
        let noted = Noted { position: Position { epoch: 2, seq: 17 }, reach };
        let mut headers = HeaderMap::new();
        set_change(&mut headers, &site(true), noted);
        assert_eq!(change(&returned(&headers), &site(true), here), Some(noted));
    }
    for value in ["", "1", "1.2", "1.x.here", "1.2.there", "-1.2.here"] {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, format!("change={value}").parse().unwrap());
        assert_eq!(change(&headers, &site(false), here), None, "{value}");
    }
}

#[test]
fn a_wish_about_looks_is_remembered_and_nonsense_is_none() {
    let wish = Preferences { theme: Theme::Dark, times: Times::Relative, shortcuts: Shortcuts::Off };
    let mut headers = HeaderMap::new();
    set_preferences(&mut headers, &site(true), wish);
    assert_eq!(preferences(&returned(&headers), &site(true)), wish);
    headers.clear();
    headers.append(COOKIE, "look=pink.soon".parse().unwrap());
    assert_eq!(preferences(&headers, &site(false)), Preferences::default());
}
