//! Assurance T2: instants over HTTP, at leap days, where local clocks are changed, beyond 2038, in 2100 and at the ends of what can be written.
//!
//! The clock is put to each instant; what is expected is written by hand or compared in microseconds, never with the service's own arithmetic.

use claviger::config::Config;
use claviger_core::time::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

use super::fixture::{Fixture, Made};
use crate::app::{TestApp, config};

const DAY_SECS: u64 = 24 * 60 * 60;

/// The last instant that can be written everywhere.
const LAST: &str = "9999-12-30T21:59:59.999999Z";

/// Puts the clock to an instant in microseconds.
fn put_clock(it: &Fixture, micros: i64) {
    it.app.clock.set(Timestamp::from_micros(micros).unwrap());
}

fn micros(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_micros()
}

/// Whether the key is let in one microsecond before its end, and what it is told from then on.
fn around(it: &Fixture, token: &str, end: i64) -> Vec<String> {
    [-1, 0, 1, 86_400_000_000]
        .into_iter()
        .filter(|by| Timestamp::from_micros(end + by).is_ok())
        .map(|by| {
            put_clock(it, end + by);
            it.app.verify_text(token, &[]).err().unwrap_or("allowed").to_owned()
        })
        .collect()
}

// A rotation's overlap ends so many seconds later, whatever the calendar does meanwhile.
#[tokio::test]
async fn a_day_is_as_long_as_every_other_whatever_the_calendar_says() {
    let it = Fixture::start().await;
    for (now, day, end) in [
        // A leap day, and years that have none although they can be divided by four.
        ("2028-02-28T12:00:00Z", 1, "2028-02-29T12:00:00Z"),
        ("2028-02-29T23:59:59.999999Z", 1, "2028-03-01T23:59:59.999999Z"),
        // Clocks are changed in Berlin and in New York.
        ("2028-03-26T00:30:00Z", 1, "2028-03-27T00:30:00Z"),
        ("2028-11-05T05:30:00Z", 1, "2028-11-06T05:30:00Z"),
        ("2037-12-31T23:59:59Z", 30, "2038-01-30T23:59:59Z"),
        // The second in which 32 bits run out.
        ("2038-01-18T03:14:07Z", 1, "2038-01-19T03:14:07Z"),
        ("2038-01-18T03:14:08Z", 1, "2038-01-19T03:14:08Z"),
        ("2100-02-28T00:00:00Z", 1, "2100-03-01T00:00:00Z"),
        ("2106-02-06T06:28:15Z", 1, "2106-02-07T06:28:15Z"),
        ("2400-02-28T00:00:00Z", 1, "2400-02-29T00:00:00Z"),
    ] {
        put_clock(&it, micros(now));
        let made = it.create_key(json!({"name": now})).await;
        let fresh = it.rotate(&made.id, json!({"overlap_secs": day * DAY_SECS})).await;
        let key = it.admin.get(&it.at(&format!("/keys/{}", made.id))).await.expect(200);
        assert!(key.text.contains(end), "{now}: {}", key.text);
        assert_eq!(around(&it, &made.token, micros(end)), ["allowed", "expired", "expired", "expired"], "{now}");
        assert_eq!(it.app.verify_text(&fresh.token, &[]), Ok(()), "{now}");
    }
}

// S2.10: from its date on a key is refused, wherever in time that is.
#[tokio::test]
async fn a_key_ends_at_its_instant_and_not_a_microsecond_earlier_or_later() {
    // A clock that is put back leaves the buckets of rates empty for as long as it stands.
    let it = Fixture::around(TestApp::with_config(Config { api_rate: None, ..config() }).await).await;
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let special = ["2028-02-29T00:00:00Z", "2038-01-19T03:14:07Z", "2038-01-19T03:14:08Z", "2100-02-28T23:59:59Z"];
    let mut starts: Vec<i64> = special.iter().map(|it| micros(it)).collect();
    let (first, last) = (micros("2027-01-01T00:00:00Z"), micros(LAST));
    starts.extend((0..40).map(|_| first + (rng.next_u64() % (last - first) as u64) as i64));
    starts.sort_unstable();
    for (number, start) in starts.into_iter().enumerate() {
        // From a microsecond to some thousand years, as far as there is time.
        let after = 1 + (rng.next_u64() >> (rng.next_u32() % 60)) % (last - start) as u64;
        let end = start + after as i64;
        put_clock(&it, start);
        let written = Timestamp::from_micros(end).unwrap().to_string();
        let made =
            it.create_key(json!({"name": format!("Key {number}"), "owner_id": null, "expires_at": written})).await;
        let told = around(&it, &made.token, end);
        assert_eq!(
            (told[0].as_str(), told[1..].iter().all(|it| it == "expired")),
            ("allowed", true),
            "{written}: {told:?}"
        );
        // A new date revives it, and none at all lets it live for ever.
        put_clock(&it, end);
        let path = it.at(&format!("/keys/{}", made.id));
        it.admin.patch(&path, json!({"expires_at": null})).await.expect(200);
        assert_eq!(it.app.verify_text(&made.token, &[]), Ok(()), "{written}");
        put_clock(&it, last);
        assert_eq!(it.app.verify_text(&made.token, &[]), Ok(()), "never is not yet over at the end of time");
    }
}

#[tokio::test]
async fn an_instant_is_read_in_every_offset_and_refused_beyond_the_ends() {
    let it = Fixture::start().await;
    let create = async |name: &str, expires_at: Value| {
        it.admin.post(&it.at("/keys"), json!({"name": name, "expires_at": expires_at})).await
    };
    for (written, meant) in [
        ("2027-06-01T12:00:00+02:00", "2027-06-01T10:00:00Z"),
        ("2028-02-29T23:30:00-01:00", "2028-03-01T00:30:00Z"),
        ("2027-06-01T12:00:00.123456Z", "2027-06-01T12:00:00.123456Z"),
        ("2038-01-19T03:14:08Z", "2038-01-19T03:14:08Z"),
        (LAST, LAST),
    ] {
        assert_eq!(create(written, json!(written)).await.expect(201).text_at("/key/expires_at"), meant);
    }
    assert_eq!(create("Never", Value::Null).await.expect(201).json()["key"]["expires_at"], Value::Null);
    for refused in [
        "9999-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "+292277026596-12-04T15:30:07Z",
        "-0001-01-01T00:00:00Z",
        "0000-00-00T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2027-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2027-06-31T00:00:00Z",
        "2027-06-01T24:00:01Z",
        "2027-06-01T12:00:00",
        "2027-06-01",
        "9223372036854775807",
        "",
    ] {
        let answer = create("Refused", json!(refused)).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec!["/expires_at".to_owned()]), "{refused}");
    }
    for number in [json!(i64::MAX), json!(i64::MIN), json!(u64::MAX), json!(1e300), json!(0)] {
        assert_eq!(create("Refused", number.clone()).await.refusal(), (400, "invalid_body".into()), "{number}");
    }
    let made = Made::of(&create("Rotated", Value::Null).await.expect(201));
    for secs in [json!(-1), json!(u64::from(u32::MAX)), json!(i64::MAX), json!(u64::MAX), json!(0.5)] {
        let answer = it.admin.post(&it.at(&format!("/keys/{}/rotate", made.id)), json!({"overlap_secs": secs})).await;
        assert!(matches!(answer.status, 400 | 403), "{secs}: {answer:?}");
    }
    // What is past is no end for a new key, nor the present instant.
    for past in [it.now(), "2026-12-31T23:59:59.999999Z".to_owned()] {
        assert_eq!(create("Past", json!(past)).await.pointers(), ["/expires_at"]);
    }
}

// The control: a verifier that is a microsecond late or early is seen to be.
#[tokio::test]
async fn an_end_that_is_off_by_a_microsecond_is_noticed() {
    let it = Fixture::start().await;
    let end = micros("2028-02-29T00:00:00Z");
    let key =
        |name: &str, end: i64| json!({"name": name, "expires_at": Timestamp::from_micros(end).unwrap().to_string()});
    let (early, late) = (it.create_key(key("Early", end - 1)).await, it.create_key(key("Late", end + 1)).await);
    assert_eq!(around(&it, &early.token, end)[0], "expired");
    assert_eq!(around(&it, &late.token, end)[1], "allowed");
}
