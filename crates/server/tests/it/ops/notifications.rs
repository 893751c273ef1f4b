//! What people have to know: whom it is told, what takes it back, and the mail that says it.

use claviger::ops::caller::Caller;
use claviger::ops::clocks::flush;
use claviger::ops::events::{EventFilter, list_events};
use claviger::ops::keys::{
    BulkChange, CreatedKey, NewKey, Overlap, RotationChange, RotationStep, Selection, change_keys, change_rotation,
    get_key, keep_key, revoke_key, rotate_key, set_key_active, update_key,
};
use claviger::ops::members::delete_member;
use claviger::ops::notifications::mail::send_due;
use claviger::ops::notifications::{list_ending, list_notifications, put_choices, read_log};
use claviger::ops::page::PageRequest;
use claviger::ops::users::{UserPatch, update_user};
use claviger_core::event::EventKind;
use claviger_core::id::{KeyId, OrganizationId, UserId};
use claviger_core::key::{KeyPatch, RevocationReason};
use claviger_core::notification::{Channels, NotificationKind, NotificationState};
use claviger_core::role::BuiltIn;
use claviger_core::user::UserStatus;

use super::clocks::Days;
use super::mail_sink::{mailing, plain, receiver};
use crate::app::{TestApp, new_key};
use crate::engine::is_postgres;
use crate::raw::Raw;

/// What somebody has at the bell, the newest first.
pub(super) async fn bell(it: &TestApp, caller: &Caller) -> Vec<(NotificationKind, NotificationState)> {
    let page = list_notifications(&it.app, caller, false, PageRequest::default()).await.unwrap();
    page.items.into_iter().map(|it| (it.notification.kind, it.notification.state)).collect()
}

pub(super) async fn unread(it: &TestApp, caller: &Caller) -> Vec<NotificationKind> {
    let all = bell(it, caller).await.into_iter().filter(|it| it.1 == NotificationState::Unread);
    all.map(|it| it.0).collect()
}

impl Days {
    /// Lets the clocks look, and people be told.
    async fn pass(&mut self, day: u32) {
        self.look(day).await;
        read_log(&self.it.app).await.unwrap();
    }

    async fn key_of(&self, at: OrganizationId, text: &str, owner: UserId) -> CreatedKey {
        let new = NewKey { owner_id: Some(Some(owner)), mapped_user_id: Some(Some(self.it.admin_id)), ..new_key(text) };
        self.it.create_key(&self.it.admin, at, new).await.unwrap()
    }
}

use NotificationKind::{KeyCleared, KeyIdle, KeyIdleAgain, KeyIdleEnded, KeyMade, OldSecretUsed, OwnerGone};

// S1.11, S1.12, A1.4: told are the owner, the admins there and those right above; not those of a sibling, of the root, or who is beside the owner and no admin.
#[tokio::test]
async fn owner_agency_and_own_admins_are_told_of_an_idle_key_and_siblings_are_not() {
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    let agency = days.it.organization(days.it.root, "Agency").await;
    let (l1, l2) = (days.it.organization(agency, "L1").await, days.it.organization(agency, "L2").await);
    let (of_agency, ..) = days.it.member(agency, "Of the agency", BuiltIn::Admin).await;
    let (of_l1, ..) = days.it.member(l1, "Of L1", BuiltIn::Admin).await;
    let (of_l2, ..) = days.it.member(l2, "Of L2", BuiltIn::Admin).await;
    let (owner, owner_id, _) = days.it.member(l1, "Owner", BuiltIn::Member).await;
    let (colleague, ..) = days.it.member(l1, "Colleague", BuiltIn::Member).await;
    let (reader, ..) = days.it.member(agency, "Reader of the agency", BuiltIn::Readonly).await;
    days.it.allow_members_keys(l1, true).await;
    let made = days.key_of(l1, "Marketing Automation", owner_id).await;
    let told = [&of_agency, &of_l1, &owner];
    let of_root = days.it.admin.clone();
    let others = [&of_l2, &of_root, &colleague, &reader];
    days.pass(74).await;
    for it in told {
        assert_eq!(bell(&days.it, it).await, []);
    }
    for (day, kind, is_near) in [(75, KeyIdle, false), (83, KeyIdleAgain, false), (89, KeyIdleAgain, true)] {
        days.pass(day).await;
        for it in told {
            assert_eq!(unread(&days.it, it).await, [kind], "day {day}");
            let banner = list_ending(&days.it.app, it, None).await.unwrap();
            assert_eq!(!banner.is_empty(), is_near, "day {day}");
        }
        for it in others {
            assert_eq!(bell(&days.it, it).await, [], "day {day}");
            assert_eq!(list_ending(&days.it.app, it, None).await.unwrap(), [], "day {day}");
        }
    }
    days.use_keys(89, [&made]).await;
    days.pass(89).await;
    for it in told {
        assert_eq!(unread(&days.it, it).await, []);
        assert_eq!(list_ending(&days.it.app, it, None).await.unwrap(), []);
    }
    days.pass(90).await;
    assert_eq!(days.it.verify(&made.token, &[]), Ok(()));
    for day in 164..=179 {
        days.pass(day).await;
    }
    assert_eq!(days.it.verify(&made.token, &[]), Err("revoked"));
    for it in told {
        assert_eq!(unread(&days.it, it).await, [KeyIdleEnded]);
    }
    for it in others {
        assert_eq!(bell(&days.it, it).await, []);
    }
    days.it.stop().await;
}

// S1.12
#[tokio::test]
async fn who_keeps_a_key_withdraws_its_notices_and_starts_its_clock_again() {
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    let made = days.make("Kept").await;
    days.pass(80).await;
    assert_eq!(unread(&days.it, &days.it.admin).await, [KeyIdle]);
    keep_key(&days.it.app, &days.it.admin, days.it.root, made.info.key.id).await.unwrap();
    read_log(&days.it.app).await.unwrap();
    assert_eq!(unread(&days.it, &days.it.admin).await, []);
    days.pass(100).await;
    assert_eq!(days.it.verify(&made.token, &[]), Ok(()));
    for day in [80 + 76, 80 + 84, 80 + 90, 80 + 91] {
        days.pass(day).await;
    }
    assert_eq!(days.it.verify(&made.token, &[]), Err("revoked"));
    days.it.stop().await;
}

// What has expired is cleared away in its time, and nobody is asked to keep it.
#[tokio::test]
async fn key_that_has_expired_is_not_told_of_as_one_that_nobody_uses() {
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    let until = |text: &str, day| NewKey { expires_at: Some(Some(days.at(day))), ..new_key(text) };
    let (before, between, again) = (until("Before", 70), until("Between", 77), until("Again", 70));
    let mut made = Vec::new();
    for new in [before, between, again] {
        made.push(days.it.create_key(&days.it.admin, days.it.root, new).await.unwrap());
    }
    let is_idle = |kind: &NotificationKind| [KeyIdle, KeyIdleAgain, KeyIdleEnded].contains(kind);
    let idle =
        async |days: &Days| -> Vec<_> { unread(&days.it, &days.it.admin).await.into_iter().filter(is_idle).collect() };
    for day in 65..=85 {
        days.pass(day).await;
        // Between the first notice and its date one is told of, and not any more then.
        let expected: &[_] = if (75..77).contains(&day) { &[KeyIdle] } else { &[] };
        assert_eq!(idle(&days).await, expected, "day {day}");
    }
    let later = KeyPatch { expires_at: Some(Some(days.at(300))), ..KeyPatch::default() };
    update_key(&days.it.app, &days.it.admin, days.it.root, made[2].info.key.id, later, None).await.unwrap();
    for day in 86..=88 {
        days.pass(day).await;
        assert_eq!(idle(&days).await, [KeyIdle], "day {day}: with another date it is told of");
    }
    days.pass(90).await;
    let answers: Vec<_> = made.iter().map(|it| days.it.verify(&it.token, &[])).collect();
    assert_eq!(answers, [Err("revoked"); 3]);
    assert_eq!(idle(&days).await, [KeyIdleEnded], "that the others ended was told before");
    days.it.stop().await;
}

#[tokio::test]
async fn nobody_is_told_of_their_own_doing() {
    let days = Days::with_policy("{}").await;
    let (other, other_id, _) = days.it.member(days.it.root, "Other", BuiltIn::Admin).await;
    let new =
        NewKey { owner_id: Some(Some(other_id)), mapped_user_id: Some(Some(other_id)), ..new_key("For the other") };
    let made = days.it.create_key(&days.it.admin, days.it.root, new).await.unwrap();
    let own = days.it.create_key(&other, days.it.root, new_key("Own")).await.unwrap();
    let reason = RevocationReason::Unspecified;
    for (who, key) in [(&days.it.admin, &made), (&other, &own)] {
        revoke_key(&days.it.app, who, days.it.root, key.info.key.id, reason, None).await.unwrap();
    }
    read_log(&days.it.app).await.unwrap();
    assert_eq!(unread(&days.it, &other).await, [KeyCleared, KeyMade]);
    assert_eq!(unread(&days.it, &days.it.admin).await, []);
    days.it.stop().await;
}

#[tokio::test]
async fn admins_are_told_when_somebody_is_disabled_whom_keys_hang_on() {
    let days = Days::with_policy("{}").await;
    let (_, owner_id, _) = days.it.member(days.it.root, "Owner", BuiltIn::Readonly).await;
    let (_, nobody_id, _) = days.it.member(days.it.root, "Without keys", BuiltIn::Readonly).await;
    let (other, ..) = days.it.member(days.it.root, "Other admin", BuiltIn::Admin).await;
    let new = NewKey { mapped_user_id: Some(Some(owner_id)), ..new_key("Theirs") };
    days.it.create_key(&days.it.admin, days.it.root, new).await.unwrap();
    for user_id in [nobody_id, owner_id] {
        let patch = UserPatch { status: Some(UserStatus::Disabled), ..UserPatch::default() };
        update_user(&days.it.app, &days.it.admin, days.it.root, user_id, patch, None).await.unwrap();
    }
    read_log(&days.it.app).await.unwrap();
    assert_eq!(unread(&days.it, &other).await, [OwnerGone]);
    assert_eq!(unread(&days.it, &days.it.admin).await, [], "who did it knows it");
    days.it.stop().await;
}

/// A5: what was noted before a process ended is told by the next one, once.
#[tokio::test]
async fn notice_that_was_not_told_when_a_node_ended_is_told_by_another_one_once() {
    if !is_postgres() {
        return;
    }
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    days.make("Marketing Automation").await;
    let (second, clock) = crate::nodes::beside(&days.it).await;
    clock.set(days.at(76));
    flush(&second).await.unwrap();
    days.look(75).await;
    let both = tokio::join!(read_log(&days.it.app), read_log(&second));
    both.0.unwrap();
    both.1.unwrap();
    read_log(&second).await.unwrap();
    assert_eq!(bell(&days.it, &days.it.admin).await, [(KeyIdle, NotificationState::Unread)]);
    second.shut_down().await;
    days.it.stop().await;
}

#[tokio::test]
async fn old_secret_that_is_used_on_its_last_day_is_told_of_once_and_no_more_once_the_rotation_is_over() {
    let mut days = Days::with_policy("{}").await;
    let (used, unused) = (days.make("Used").await, days.make("Unused").await);
    for key in [&used, &unused] {
        let id = key.info.key.id;
        rotate_key(&days.it.app, &days.it.admin, days.it.root, id, Overlap::default(), None).await.unwrap();
    }
    days.use_keys(3, [&used]).await;
    for day in 4..=6 {
        days.pass(day).await;
        let expected: &[_] = if day < 6 { &[] } else { &[OldSecretUsed] };
        assert_eq!(unread(&days.it, &days.it.admin).await, expected, "day {day}");
    }
    let (step, id) = (RotationStep { change: RotationChange::End, secret_id: None }, used.info.key.id);
    change_rotation(&days.it.app, &days.it.admin, days.it.root, id, step, None, None).await.unwrap();
    days.pass(6).await;
    assert_eq!(unread(&days.it, &days.it.admin).await, []);
    days.it.stop().await;
}

/// Nobody does anything when an old secret ends: the clocks take back what was told of it, and what was not mailed until then is not mailed.
#[tokio::test]
async fn notice_of_an_old_secret_is_withdrawn_when_that_has_ended_and_not_mailed_any_more() {
    let (port, got) = receiver(0).await;
    let it = TestApp::with_config(mailing(port)).await;
    let mut days = Days::of(it, "{}").await;
    let made = days.make("Rotated").await;
    let id = made.info.key.id;
    rotate_key(&days.it.app, &days.it.admin, days.it.root, id, Overlap::default(), None).await.unwrap();
    days.use_keys(3, [&made]).await;
    days.pass(6).await;
    assert_eq!(unread(&days.it, &days.it.admin).await, [OldSecretUsed]);
    // The clock jumps, and mail is the first to notice.
    days.it.clock.set(days.at(8));
    send_due(&days.it.app).await.unwrap();
    assert_eq!(got.lock().unwrap().len(), 0, "it says what has ended");
    days.pass(8).await;
    assert_eq!(bell(&days.it, &days.it.admin).await, [(OldSecretUsed, NotificationState::Withdrawn)]);
    for day in 9..=12 {
        days.pass(day).await;
        days.it.clock.advance(std::time::Duration::from_secs(600));
        send_due(&days.it.app).await.unwrap();
    }
    assert_eq!(got.lock().unwrap().len(), 0);
    assert_eq!(unread(&days.it, &days.it.admin).await, []);
    days.it.stop().await;
}

#[tokio::test]
async fn two_old_secrets_of_one_key_that_are_used_are_told_of_once_each() {
    let mut days = Days::with_policy("{}").await;
    let id = days.make("Rotated twice").await.info.key.id;
    for _ in 0..2 {
        rotate_key(&days.it.app, &days.it.admin, days.it.root, id, Overlap::default(), None).await.unwrap();
        days.it.clock.advance(std::time::Duration::from_secs(1800));
    }
    let info = get_key(&days.it.app, &days.it.admin, days.it.root, id).await.unwrap();
    let uses: Vec<_> = info.secrets.iter().map(|it| days.use_of(3, &info.key, it.secret.id)).collect();
    assert_eq!(uses.len(), 3);
    days.it.app.store().record_uses(&uses).await.unwrap();
    days.pass(5).await;
    assert_eq!(unread(&days.it, &days.it.admin).await, []);
    for _ in 0..4 {
        days.pass(6).await;
    }
    let told = list_notifications(&days.it.app, &days.it.admin, false, PageRequest::default()).await.unwrap().items;
    let ends: std::collections::BTreeSet<_> = told.iter().map(|it| it.notification.deadline.unwrap()).collect();
    assert_eq!((told.len(), ends.len()), (2, 2), "each end once");
    assert_eq!(unread(&days.it, &days.it.admin).await, [OldSecretUsed, OldSecretUsed]);
    let filter = EventFilter { kind: Some(EventKind::KeyOldSecretUsed), ..EventFilter::default() };
    let events = list_events(&days.it.app, &days.it.admin, days.it.root, &filter, PageRequest::default()).await;
    assert_eq!(events.unwrap().items.len(), 2);
    days.it.stop().await;
}

// S1.12
#[tokio::test]
async fn key_that_is_switched_on_counts_from_then_before_anybody_has_read_the_log() {
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    let keys = [days.make("One").await, days.make("One of many").await, days.make("Left alone").await];
    let [one, many, _] = keys.each_ref().map(|it| it.info.key.id);
    days.pass(89).await;
    assert_eq!(unread(&days.it, &days.it.admin).await, [KeyIdle; 3]);
    let (app, admin, root) = (&days.it.app, &days.it.admin, days.it.root);
    for active in [false, true] {
        set_key_active(app, admin, root, one, active, None, None).await.unwrap();
        let change = if active { BulkChange::Activate } else { BulkChange::Deactivate };
        let done = change_keys(app, admin, root, Selection::Keys(vec![many]), change, false, None).await.unwrap();
        assert_eq!(done.fresh().unwrap().done, 1);
    }
    days.look(90).await;
    let now = keys.each_ref().map(|it| days.it.verify(&it.token, &[]));
    assert_eq!(now, [Ok(()), Ok(()), Err("revoked")]);
    days.pass(90).await;
    assert_eq!(unread(&days.it, &days.it.admin).await, [KeyIdleEnded], "what was told of the two is taken back");
    days.pass(89 + 76).await;
    assert_eq!(unread(&days.it, &days.it.admin).await, [KeyIdle, KeyIdle, KeyIdleEnded]);
    days.it.stop().await;
}

#[tokio::test]
async fn who_leaves_is_nobodys_business_where_no_key_hangs_on_them() {
    let days = Days::with_policy("{}").await;
    let [left, kept] =
        [days.it.organization(days.it.root, "Left").await, days.it.organization(days.it.root, "Kept").await];
    let [(of_left, ..), (of_kept, ..)] = [
        days.it.member(left, "Admin of the one", BuiltIn::Admin).await,
        days.it.member(kept, "Admin of the other", BuiltIn::Admin).await,
    ];
    let (_, user_id, leaves) = days.it.member(left, "Of both", BuiltIn::Readonly).await;
    days.it.add_member(kept, user_id, days.it.built_in(kept, BuiltIn::Readonly).await.id).await;
    let mapped = |text| NewKey { mapped_user_id: Some(Some(user_id)), ..new_key(text) };
    days.it.create_key(&days.it.admin, kept, mapped("Kept")).await.unwrap();
    delete_member(&days.it.app, &days.it.admin, left, leaves).await.unwrap();
    read_log(&days.it.app).await.unwrap();
    assert_eq!((unread(&days.it, &of_left).await, unread(&days.it, &of_kept).await), (vec![], vec![]));
    let (_, other_id, leaves) = days.it.member(left, "With a key", BuiltIn::Readonly).await;
    let theirs = NewKey { mapped_user_id: Some(Some(other_id)), ..new_key("Theirs") };
    days.it.create_key(&days.it.admin, left, theirs).await.unwrap();
    delete_member(&days.it.app, &days.it.admin, left, leaves).await.unwrap();
    read_log(&days.it.app).await.unwrap();
    assert_eq!((unread(&days.it, &of_left).await, unread(&days.it, &of_kept).await), (vec![OwnerGone], vec![]));
    days.it.stop().await;
}

#[tokio::test]
async fn what_only_a_newer_version_knows_is_left_to_it_for_an_hour() {
    let days = Days::with_policy("{}").await;
    let (other, other_id, _) = days.it.member(days.it.root, "Other", BuiltIn::Admin).await;
    let make = async |text: &str| {
        let new = NewKey { mapped_user_id: Some(Some(other_id)), ..new_key(text) };
        days.it.create_key(&days.it.admin, days.it.root, new).await.unwrap().info.key.id
    };
    let becomes = async |key_id: KeyId, kind: &str| {
        let sql = format!("UPDATE event SET kind = '{kind}' WHERE entity_id = '{key_id}'");
        Raw::of(days.it.app.store()).await.execute(&sql).await;
    };
    let told = async || {
        read_log(&days.it.app).await.unwrap();
        unread(&days.it, &other).await.len()
    };
    let (first, _) = (make("First").await, make("Second").await);
    becomes(first, "key.imagined").await;
    assert_eq!(told().await, 0, "nothing is told past it");
    becomes(first, "key.created").await;
    assert_eq!(told().await, 2, "as a node would that knows it");
    becomes(make("Third").await, "key.imagined").await;
    make("Fourth").await;
    days.it.clock.advance(std::time::Duration::from_secs(3500));
    assert_eq!(told().await, 2);
    days.it.clock.advance(std::time::Duration::from_secs(200));
    assert_eq!(told().await, 3, "that version was taken back, and nobody waits for it");
    days.it.stop().await;
}

#[tokio::test]
async fn all_keys_of_a_person_are_in_one_mail_fifteen_days_before_and_reminders_are_not_mailed() {
    let (port, got) = receiver(2).await;
    let it = TestApp::with_config(mailing(port)).await;
    let mut days = Days::of(it, r#"{"idle_days": 90}"#).await;
    let mut tokens = Vec::new();
    for number in 0..3 {
        tokens.push(days.make(&format!("Key {number}")).await.token);
    }
    let minutes = |it: u64| std::time::Duration::from_secs(it * 60);
    for day in 75..=90 {
        days.pass(day).await;
        // The receiver hangs up at first; it is tried again, and never once it has taken it.
        for _ in 0..6 {
            days.it.clock.advance(minutes(10));
            send_due(&days.it.app).await.unwrap();
        }
        let mails = got.lock().unwrap().len();
        assert_eq!(mails, if day < 90 { 1 } else { 2 }, "day {day}");
    }
    let mails = got.lock().unwrap().clone();
    let first = plain(&mails[0]);
    for part in
        ["Key 0", "Key 1", "Key 2", "To: admin@example.com", "https://keys.example.com/o/root/keys/key_", "text/html"]
    {
        assert!(first.contains(part), "{part}: {first}");
    }
    for token in tokens {
        assert!(!mails.iter().any(|it| it.contains(token.expose())), "no secret goes by mail");
    }
    assert!(plain(&mails[1]).contains("was deleted, since nobody used it"), "{}", mails[1]);
    days.it.stop().await;
}

#[tokio::test]
async fn who_chose_so_is_told_by_mail_alone_or_not_at_all() {
    let (port, got) = receiver(0).await;
    let it = TestApp::with_config(mailing(port)).await;
    let mut days = Days::of(it, r#"{"idle_days": 90}"#).await;
    days.make("A key").await;
    let choices = vec![
        (KeyIdle, Channels { in_app: false, mail: true }),
        (KeyIdleAgain, Channels { in_app: false, mail: false }),
    ];
    put_choices(&days.it.app, &days.it.admin, choices).await.unwrap();
    for day in [75, 83] {
        days.pass(day).await;
        days.it.clock.advance(std::time::Duration::from_secs(600));
        send_due(&days.it.app).await.unwrap();
        assert_eq!(bell(&days.it, &days.it.admin).await, []);
    }
    assert_eq!(got.lock().unwrap().len(), 1);
    days.it.stop().await;
}

#[tokio::test]
async fn whose_notifications_cannot_be_read_keeps_nobody_else_from_their_mail() {
    let (port, got) = receiver(0).await;
    let it = TestApp::with_config(mailing(port)).await;
    let mut days = Days::of(it, r#"{"idle_days": 90}"#).await;
    let (_, other_id, _) = days.it.member(days.it.root, "Other", BuiltIn::Admin).await;
    days.make("A key").await;
    days.pass(75).await;
    let mut raw = Raw::of(days.it.app.store()).await;
    raw.execute(&format!("UPDATE \"user\" SET email = 'other@example.com' WHERE id = '{other_id}'")).await;
    raw.execute(&format!("UPDATE notification SET kind = 'imagined' WHERE user_id = '{}'", days.it.admin_id)).await;
    days.it.clock.advance(std::time::Duration::from_secs(600));
    for _ in 0..2 {
        send_due(&days.it.app).await.unwrap();
    }
    let mails = got.lock().unwrap().clone();
    assert!(mails.len() == 1 && mails[0].contains("To: other@example.com"), "{mails:?}");
    days.it.stop().await;
}

/// RFC 3834; and of a mail that was taken and is sent again, since its sender ended before it could note that, a reader's program shows one.
#[tokio::test]
async fn mail_about_one_thing_is_called_by_it_and_has_the_same_identifier_when_it_is_sent_again() {
    let (port, got) = receiver(1).await;
    let it = TestApp::with_config(mailing(port)).await;
    let mut days = Days::of(it, r#"{"idle_days": 90}"#).await;
    days.make("Sync").await;
    days.pass(75).await;
    let send = async |days: &Days| {
        for _ in 0..2 {
            days.it.clock.advance(std::time::Duration::from_secs(600));
            send_due(&days.it.app).await.unwrap();
        }
    };
    send(&days).await;
    let mut raw = Raw::of(days.it.app.store()).await;
    raw.execute("UPDATE notification SET mail = (1 = 1)").await;
    let turn = format!("INSERT INTO mail_turn (user_id, due_at, failures) VALUES ('{}', 0, 0)", days.it.admin_id);
    raw.execute(&turn).await;
    send(&days).await;
    days.make("Other").await;
    for day in [90, 166] {
        days.pass(day).await;
        send(&days).await;
    }
    let mails = got.lock().unwrap().clone();
    let header = |mail: &str, name: &str| {
        let line = mail.lines().find_map(|it| it.strip_prefix(&format!("{name}: ")).map(str::to_owned));
        line.unwrap_or_else(|| panic!("no {name} in {mail}"))
    };
    let ids: Vec<_> = mails.iter().map(|it| header(it, "Message-ID")).collect();
    assert_eq!(ids.len(), 4, "{mails:?}");
    assert_eq!(ids[0], ids[1], "the same again");
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), 3, "{ids:?}");
    assert!(ids.iter().all(|it| it.starts_with('<') && it.ends_with("@example.com>")), "{ids:?}");
    assert!(mails.iter().all(|it| header(it, "Auto-Submitted") == "auto-generated"));
    assert!(mails.iter().all(|it| !it.contains("Something about")));
    days.it.stop().await;
}
