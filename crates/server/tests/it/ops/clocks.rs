//! The clocks that end keys, day by day: what is told when, what ends when, and what takes it back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use claviger::ops::clocks::{Rounds, flush, go_round};
use claviger::ops::keys::{CreatedKey, NewKey, revoke_key, update_key};
use claviger::ops::notifications::read_log;
use claviger_core::event::EventKind;
use claviger_core::id::{KeyId, OrganizationId, SecretId};
use claviger_core::key::{Key, KeyPatch, RevocationReason};
use claviger_core::tenant::Tenant;
use claviger_core::time::Timestamp;
use claviger_store::PageRequest;
use claviger_store::log::{EventFilter, EventRow};
use claviger_store::usage::SecretUse;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::app::{DAY, TestApp, new_key};
use crate::engine::is_postgres;
use crate::raw::Raw;

const HOUR: Duration = Duration::from_secs(3600);

/// A replay: days since the keys were made.
pub(super) struct Days {
    pub(super) it: TestApp,
    pub(super) start: Timestamp,
    pub(super) rounds: Rounds,
}

impl Days {
    pub(super) async fn with_policy(json: &str) -> Self {
        Self::of(TestApp::new().await, json).await
    }

    /// Of a service on which nothing is yet: its first key, which nobody uses, is gone.
    pub(super) async fn of(it: TestApp, json: &str) -> Self {
        it.set_policy(it.root, json).await;
        let first = it.caller(&it.first_key).key_id().unwrap();
        revoke_key(&it.app, &it.admin, it.root, first, RevocationReason::Superseded, None).await.unwrap();
        Self { start: it.now(), it, rounds: Rounds::default() }
    }

    pub(super) fn at(&self, day: u32) -> Timestamp {
        self.start.saturating_add(DAY * day)
    }

    /// Lets the clocks look, two hours into a day.
    pub(super) async fn look(&mut self, day: u32) {
        self.it.clock.set(self.at(day).saturating_add(2 * HOUR));
        go_round(&self.it.app, &mut self.rounds).await.unwrap();
    }

    pub(super) async fn make(&self, text: &str) -> CreatedKey {
        self.it.create_key(&self.it.admin, self.it.root, new_key(text)).await.unwrap()
    }

    /// Uses keys, an hour into a day.
    pub(super) async fn use_keys(&self, day: u32, keys: impl IntoIterator<Item = &CreatedKey>) {
        let used = |it: &CreatedKey| self.use_of(day, &it.info.key, it.info.secrets[0].secret.id);
        let uses: Vec<_> = keys.into_iter().map(used).collect();
        self.it.app.store().record_uses(&uses).await.unwrap();
    }

    /// One use of a secret, an hour into a day.
    pub(super) fn use_of(&self, day: u32, key: &Key, secret_id: SecretId) -> SecretUse {
        let last_used_at = self.at(day).saturating_add(HOUR);
        let (key_id, organization_id) = (key.id, key.organization_id);
        SecretUse { key_id, secret_id, organization_id, last_used_at, ip: None, user_agent: None, count: 1 }
    }

    /// What the clocks have done to keys: on which day, what, and how many days before the end.
    async fn told(&self) -> BTreeMap<KeyId, Vec<(u32, &'static str, Option<u64>)>> {
        self.told_at(self.it.root).await
    }

    async fn told_at(&self, at: OrganizationId) -> BTreeMap<KeyId, Vec<(u32, &'static str, Option<u64>)>> {
        let mut told: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in events(&self.it, at).await.into_iter().filter(is_clocks) {
            let day = u32::try_from(event.at.since(self.start).as_secs() / 86_400).unwrap();
            let days = event.after.as_ref().and_then(|it| it["days"].as_u64());
            let key_id = event.entity.to_string().parse().unwrap();
            told.entry(key_id).or_default().push((day, event.kind.as_str(), days));
        }
        told
    }
}

/// The events of an organization, the oldest first.
async fn events(it: &TestApp, at: OrganizationId) -> Vec<EventRow> {
    let (tenant, mut request, mut rows) = (Tenant::system(at, "test"), PageRequest::first(100), Vec::new());
    let mut reader = it.app.store().read().await.unwrap();
    loop {
        let page = reader.page_events(&tenant, &EventFilter::default(), &request).await.unwrap();
        rows.extend(page.rows);
        request.after = page.next;
        if request.after.is_none() {
            rows.reverse();
            return rows;
        }
    }
}

fn is_clocks(it: &EventRow) -> bool {
    ["idle", "expiry"].map(Some).contains(&it.job.as_deref())
}

const IDLE: &str = EventKind::KeyIdleNoticed.as_str();
const GONE: &str = EventKind::KeyRevoked.as_str();
const EXPIRY: &str = EventKind::KeyExpiryNoticed.as_str();
const EXPIRED: &str = EventKind::KeyExpired.as_str();

// S1.10 S1.11
#[tokio::test]
async fn key_that_nobody_uses_is_told_of_at_75_83_and_89_days_and_deleted_at_90() {
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    let made = days.make("Marketing Automation").await;
    for day in 70..=95 {
        days.look(day).await;
        assert_eq!(days.it.verify(&made.token, &[]), if day < 90 { Ok(()) } else { Err("revoked") }, "day {day}");
    }
    let told = days.told().await;
    let expected = [(75, IDLE, Some(15)), (83, IDLE, Some(7)), (89, IDLE, Some(1)), (90, GONE, None)];
    assert_eq!(told[&made.info.key.id], expected);
    let last = events(&days.it, days.it.root).await.into_iter().rfind(|it| it.kind == EventKind::KeyRevoked).unwrap();
    assert_eq!((last.after.unwrap()["revocation_reason"].as_str(), last.job.as_deref()), (Some("idle"), Some("idle")));
    days.it.stop().await;
}

// S1.9: want of use ends a key, and no date does.
#[tokio::test]
async fn key_that_is_used_every_80_days_lives_for_years() {
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    let made = days.make("Marketing Automation").await;
    assert_eq!(made.info.key.expires_at, None);
    for day in (80..=800).step_by(80) {
        days.use_keys(day, [&made]).await;
        days.look(day).await;
        assert_eq!(days.it.verify(&made.token, &[]), Ok(()), "day {day}");
    }
    assert_eq!(days.told().await, BTreeMap::new(), "nor is anybody warned of one");
    days.it.stop().await;
}

// S1.12
#[tokio::test]
async fn use_starts_the_idle_clock_again_and_counts_from_there() {
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    let made = days.make("Marketing Automation").await;
    for day in 1..=200 {
        if day == 89 {
            days.use_keys(day, [&made]).await;
        }
        days.look(day).await;
    }
    let told = days.told().await;
    let again = [(89 + 75, IDLE, Some(15)), (89 + 83, IDLE, Some(7)), (89 + 89, IDLE, Some(1)), (89 + 90, GONE, None)];
    assert_eq!(told[&made.info.key.id], [&[(75, IDLE, Some(15)), (83, IDLE, Some(7))][..], &again].concat());
    days.it.stop().await;
}

#[tokio::test]
async fn key_that_cannot_be_read_keeps_no_other_from_its_clock() {
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    let (harmed, other) = (days.make("Harmed").await, days.make("Other").await);
    let late = days.make("Expires").await;
    let later = KeyPatch { expires_at: Some(Some(days.at(200))), ..KeyPatch::default() };
    update_key(&days.it.app, &days.it.admin, days.it.root, late.info.key.id, later, None).await.unwrap();
    days.look(75).await;
    days.use_keys(76, [&harmed, &late]).await;
    let mut raw = Raw::of(days.it.app.store()).await;
    raw.execute(&format!("UPDATE key SET origin = 'imagined' WHERE id = '{}'", harmed.info.key.id)).await;
    for day in [77, 83, 89, 90, 76 + 75] {
        days.look(day).await;
    }
    let told = days.told().await;
    let expected = [(75, IDLE, Some(15)), (83, IDLE, Some(7)), (89, IDLE, Some(1)), (90, GONE, None)];
    assert_eq!(told[&other.info.key.id], expected);
    assert_eq!(told[&late.info.key.id], [(75, IDLE, Some(15)), (76 + 75, IDLE, Some(15))], "beside the harmed one");
    days.it.stop().await;
}

#[tokio::test]
async fn nothing_ends_for_want_of_use_where_policy_does_not_say_so() {
    let mut days = Days::with_policy("{}").await;
    let made = days.make("Marketing Automation").await;
    days.look(400).await;
    assert_eq!(days.told().await, BTreeMap::new());
    days.it.set_policy(days.it.root, r#"{"idle_days": 90}"#).await;
    // Switched on, it takes nothing away unannounced.
    for day in 401..=404 {
        days.look(day).await;
    }
    assert_eq!(days.told().await[&made.info.key.id], [(401, IDLE, Some(1)), (402, GONE, None)]);
    days.it.stop().await;
}

#[tokio::test]
async fn where_policy_says_so_an_idle_key_is_deactivated_and_not_deleted() {
    let mut days = Days::with_policy(r#"{"idle_days": 30, "idle_action": "deactivate"}"#).await;
    let made = days.make("Marketing Automation").await;
    for day in 1..=60 {
        days.look(day).await;
    }
    let off = EventKind::KeyDeactivated.as_str();
    let expected = [(15, IDLE, Some(15)), (23, IDLE, Some(7)), (29, IDLE, Some(1)), (30, off, None)];
    assert_eq!(days.told().await[&made.info.key.id], expected);
    assert_eq!(days.it.verify(&made.token, &[]), Err("inactive"));
    days.it.stop().await;
}

#[tokio::test]
async fn policy_of_an_organization_below_is_the_inherited_one_or_its_own() {
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    let (inherits, own) =
        (days.it.organization(days.it.root, "L1").await, days.it.organization(days.it.root, "L2").await);
    days.it.set_policy(own, r#"{"idle_days": 0}"#).await;
    for at in [inherits, own] {
        days.it.create_key(&days.it.admin, at, new_key("A key")).await.unwrap();
    }
    for day in [75, 90] {
        days.look(day).await;
    }
    let count = async |at| events(&days.it, at).await.iter().filter(|it| is_clocks(it)).count();
    assert_eq!((count(inherits).await, count(own).await), (2, 0));
    days.it.stop().await;
}

/// Two days of notices at the root, and others where an organization sets its own: of both clocks, and of a lock.
#[tokio::test]
async fn where_policy_names_other_days_people_are_told_on_those() {
    let policy =
        r#"{"idle_days": 90, "idle_notices": [60, 3], "expiry_notices": [100, 2], "locked": ["idle_notices"]}"#;
    let mut days = Days::with_policy(policy).await;
    let (inherits, own) =
        (days.it.organization(days.it.root, "L1").await, days.it.organization(days.it.root, "L2").await);
    days.it.set_policy(own, r#"{"idle_days": 80, "idle_notices": [60, 20, 3], "expiry_notices": [5]}"#).await;
    let mut keys = Vec::new();
    for at in [inherits, own] {
        let idle = days.it.create_key(&days.it.admin, at, new_key("Idle")).await.unwrap();
        let ends = NewKey { expires_at: Some(Some(days.at(130))), ..new_key("Ends") };
        let ends = days.it.create_key(&days.it.admin, at, ends).await.unwrap();
        keys.push((at, idle, ends));
    }
    for day in 0..=131 {
        days.use_keys(day, keys.iter().map(|it| &it.2)).await;
        days.look(day).await;
    }
    let told = async |at, key: &CreatedKey| days.told_at(at).await.remove(&key.info.key.id).unwrap_or_default();
    let (at, idle, ends) = &keys[0];
    assert_eq!(told(*at, idle).await, [(30, IDLE, Some(60)), (87, IDLE, Some(3)), (90, GONE, None)]);
    assert_eq!(told(*at, ends).await, [(30, EXPIRY, Some(100)), (128, EXPIRY, Some(2)), (130, EXPIRED, None)]);
    let (at, idle, ends) = &keys[1];
    let expected = [(20, IDLE, Some(60)), (60, IDLE, Some(20)), (77, IDLE, Some(3)), (80, GONE, None)];
    assert_eq!(told(*at, idle).await, expected);
    assert_eq!(told(*at, ends).await, [(125, EXPIRY, Some(5)), (130, EXPIRED, None)]);
    days.it.stop().await;
}

/// A key that waits for the days that held is not left to them.
#[tokio::test]
async fn other_days_hold_for_keys_that_somebody_was_told_of_already() {
    let mut days = Days::with_policy(r#"{"idle_days": 90, "idle_notices": [60, 1]}"#).await;
    let made = days.make("Marketing Automation").await;
    for day in 28..=40 {
        days.look(day).await;
    }
    days.it.set_policy(days.it.root, r#"{"idle_days": 90, "idle_notices": [60, 14, 1]}"#).await;
    read_log(&days.it.app).await.unwrap();
    for day in 41..=95 {
        days.look(day).await;
    }
    let expected = [(30, IDLE, Some(60)), (76, IDLE, Some(14)), (89, IDLE, Some(1)), (90, GONE, None)];
    assert_eq!(days.told().await[&made.info.key.id], expected);
    days.it.stop().await;
}

#[tokio::test]
async fn whoever_chose_the_date_is_not_told_at_once_and_a_new_date_starts_anew() {
    let mut days = Days::with_policy("{}").await;
    let until = |day| NewKey { expires_at: Some(Some(days.at(day))), ..new_key(&format!("Until {day}")) };
    let (thirty, sixty) = (until(30), until(60));
    let thirty = days.it.create_key(&days.it.admin, days.it.root, thirty).await.unwrap();
    let sixty = days.it.create_key(&days.it.admin, days.it.root, sixty).await.unwrap();
    for day in 0..=52 {
        days.look(day).await;
    }
    let later = KeyPatch { expires_at: Some(Some(days.at(100))), ..KeyPatch::default() };
    update_key(&days.it.app, &days.it.admin, days.it.root, sixty.info.key.id, later, None).await.unwrap();
    for day in 53..=110 {
        days.look(day).await;
        // A restart forgets where the rounds were, and says nothing twice.
        days.rounds = Rounds::default();
    }
    let told = days.told().await;
    assert_eq!(told[&thirty.info.key.id], [(23, EXPIRY, Some(7)), (29, EXPIRY, Some(1)), (30, EXPIRED, None)]);
    let second = [(70, EXPIRY, Some(30)), (93, EXPIRY, Some(7)), (99, EXPIRY, Some(1)), (100, EXPIRED, None)];
    assert_eq!(told[&sixty.info.key.id], [&[(30, EXPIRY, Some(30))][..], &second].concat());
    days.it.stop().await;
}

/// What has to happen to a key that is used on some days, told without any of what the service does it with.
fn expected(
    leads: &[u32],
    used: &BTreeSet<u32>,
    last_day: u32,
    is_up: impl Fn(u32) -> bool,
) -> Vec<(u32, &'static str, Option<u64>)> {
    let (mut said, mut end, mut told) = (Vec::new(), 90, None);
    for day in (0..=last_day).filter(|it| is_up(*it)) {
        if used.contains(&day) {
            (end, told) = (day + 90, None);
        }
        if end <= day && told.is_some() {
            said.push((day, GONE, None));
            break;
        }
        if told.is_none() {
            end = end.max(day + leads[leads.len() - 1]);
        }
        let Some(lead) = leads.iter().copied().rfind(|it| end <= day + it) else { continue };
        if told.is_none_or(|it| lead < it) {
            told = Some(lead);
            said.push((day, IDLE, Some(u64::from(lead))));
        }
    }
    said
}

/// Ninety days of a thousand keys, and some more, so that those that were used once end too.
async fn replay(leads: &[u32], is_up: impl Fn(u32) -> bool) {
    const LAST: u32 = 125;
    let policy = format!(r#"{{"idle_days": 90, "idle_notices": {leads:?}, "max_keys_per_user": 10000}}"#);
    let mut days = Days::with_policy(&policy).await;
    let mut rng = ChaCha20Rng::seed_from_u64(16);
    let mut keys = Vec::new();
    for number in 0..1000 {
        // A third is never used, the others once or a few times.
        let uses = rng.next_u32() % 3 * (rng.next_u32() % 3);
        let used: BTreeSet<u32> = (0..uses).map(|_| rng.next_u32() % 100).filter(|it| is_up(*it)).collect();
        keys.push((days.make(&format!("Key {number}")).await, used));
    }
    for day in (0..=LAST).filter(|it| is_up(*it)) {
        let is_live =
            |used: &BTreeSet<u32>| expected(leads, used, day.saturating_sub(1), &is_up).iter().all(|it| it.1 != GONE);
        let used = keys.iter().filter(|(_, used)| used.contains(&day) && is_live(used));
        days.use_keys(day, used.map(|(key, _)| key)).await;
        days.look(day).await;
    }
    let told = days.told().await;
    let mut ended = 0;
    for (key, used) in &keys {
        let expected = expected(leads, used, LAST, &is_up);
        ended += usize::from(expected.iter().any(|it| it.1 == GONE));
        assert_eq!(told.get(&key.info.key.id).cloned().unwrap_or_default(), expected, "used on {used:?}");
    }
    assert!((300..900).contains(&ended), "{ended} ended");
    days.it.stop().await;
}

// S1.10 S1.11 S1.12
#[tokio::test]
async fn ninety_days_of_a_thousand_keys_give_exactly_the_right_notices_and_deletions() {
    replay(&[15, 7, 1], |_| true).await;
}

// S1.10 S1.11 S1.12
#[tokio::test]
async fn twenty_days_without_the_service_give_no_stale_notices_and_no_unannounced_deletions() {
    replay(&[15, 7, 1], |day| !(70..90).contains(&day)).await;
}

#[tokio::test]
async fn ninety_days_of_a_thousand_keys_go_by_the_notices_that_policy_names() {
    replay(&[45, 10, 3], |day| !(70..90).contains(&day)).await;
}

#[tokio::test]
async fn use_that_another_node_has_not_written_down_yet_keeps_a_key() {
    if !is_postgres() {
        return;
    }
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    let (used, unused) = (days.make("Used").await, days.make("Unused").await);
    let (second, clock) = crate::nodes::beside(&days.it).await;
    let names = [&used, &unused].map(|it| it.info.key.id);
    days.look(74).await;
    clock.set(days.at(74));
    flush(&second).await.unwrap();
    // Used there, and kept in memory.
    clock.set(days.at(74).saturating_add(3 * HOUR));
    let presented = claviger_verifier::credential::Presented::token(used.token.expose().as_bytes()).unwrap();
    let ask = claviger_verifier::verify::Ask {
        organization: claviger_verifier::verify::About::Own,
        api: None,
        permissions: &[],
        ip: None,
    };
    second.replica().verify(&presented, &ask, second.now()).record_use(second.now(), None, None);
    for day in [75, 89, 90, 91] {
        days.look(day).await;
        assert_eq!(days.told().await, BTreeMap::new(), "nobody knows yet what is used there");
    }
    clock.set(days.at(92));
    flush(&second).await.unwrap();
    for day in 92..=94 {
        days.look(day).await;
        clock.set(days.it.now());
        flush(&second).await.unwrap();
        days.look(day).await;
    }
    let told = days.told().await;
    assert!(!told.contains_key(&names[0]), "{told:?}");
    assert_eq!(told[&names[1]].last().map(|it| it.1), Some(GONE), "{told:?}");
    second.shut_down().await;
    days.it.stop().await;
}

#[tokio::test]
async fn two_nodes_that_go_round_at_once_say_everything_once() {
    if !is_postgres() {
        return;
    }
    let mut days = Days::with_policy(r#"{"idle_days": 90}"#).await;
    let mut keys = Vec::new();
    for number in 0..20 {
        keys.push(days.make(&format!("Key {number}")).await.info.key.id);
    }
    let (second, clock) = crate::nodes::beside(&days.it).await;
    let mut rounds = Rounds::default();
    for day in 75..=92 {
        days.it.clock.set(days.at(day).saturating_add(2 * HOUR));
        clock.set(days.it.now());
        for node in [&days.it.app, &second] {
            flush(node).await.unwrap();
        }
        let both = tokio::join!(go_round(&days.it.app, &mut days.rounds), go_round(&second, &mut rounds));
        both.0.unwrap();
        both.1.unwrap();
    }
    let told = days.told().await;
    for key_id in keys {
        let expected = [(75, IDLE, Some(15)), (83, IDLE, Some(7)), (89, IDLE, Some(1)), (90, GONE, None)];
        assert_eq!(told[&key_id], expected);
    }
    second.shut_down().await;
    days.it.stop().await;
}
