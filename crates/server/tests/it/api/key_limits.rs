//! How often a key may be used: by a rate and a quota of a day, as its policy and the key itself say.

use std::time::Duration;

use claviger::app::App;
use claviger::config::Config;
use claviger_core::role::BuiltIn;
use serde_json::{Value, json};

use super::fixture::{Fixture, Made};
use super::sessions::cookie;
use crate::app::{TestApp, config};
use crate::engine::is_postgres;
use crate::nodes::beside;

/// What verify says of a key: whether it may pass, why not, and in how many milliseconds it may.
async fn ask(it: &Fixture, made: &Made) -> (bool, Value, Value) {
    let answer = it.verify(json!({"key": made.token})).await;
    (answer["allowed"] == true, answer["code"].clone(), answer["retry_after_ms"].clone())
}

const PASSES: (bool, Value, Value) = (true, Value::Null, Value::Null);

fn refused(code: &str, millis: u64) -> (bool, Value, Value) {
    (false, json!(code), json!(millis))
}

async fn set_policy(it: &Fixture, policy: Value) {
    it.admin.patch(&it.at("/policy"), policy).await.expect(200);
}

#[tokio::test]
async fn a_key_is_let_in_as_often_as_its_rate_says_and_told_when_to_come_back() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Website", "limits": {"rate": "2/10s"}})).await;
    let first = it.verify(json!({"key": made.token})).await;
    let left = json!({"requests": 2, "period_secs": 10, "remaining": 1, "full_in_ms": 5000});
    assert_eq!(first["limits"], json!({"rate": left, "daily_quota": null}));
    assert_eq!(ask(&it, &made).await, PASSES);
    assert_eq!(ask(&it, &made).await, refused("rate_limited", 5000));
    it.advance_micros(4_999_999);
    assert_eq!(ask(&it, &made).await, refused("rate_limited", 1));
    it.advance_micros(1);
    assert_eq!(ask(&it, &made).await, PASSES);
    assert_eq!(ask(&it, &made).await, refused("rate_limited", 5000), "one came back and no more");
    it.advance_micros(60_000_000);
    assert_eq!([ask(&it, &made).await, ask(&it, &made).await], [PASSES, PASSES]);
    let denied = it.verify(json!({"key": made.token})).await;
    assert_eq!((&denied["permissions"], &denied["key"]["name"]), (&json!([]), &json!("Website")));
}

#[tokio::test]
async fn a_quota_is_used_up_until_midnight_utc() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Website", "limits": {"daily_quota": 2}})).await;
    it.set_clock("2027-01-01T18:00:00Z", 0);
    let first = it.verify(json!({"key": made.token})).await;
    let left = json!({"requests": 2, "remaining": 1, "resets_in_ms": 6 * 3_600_000});
    assert_eq!(first["limits"], json!({"rate": null, "daily_quota": left}));
    assert_eq!(ask(&it, &made).await, PASSES);
    assert_eq!(ask(&it, &made).await, refused("quota_exceeded", 6 * 3_600_000));
    it.set_clock("2027-01-02T00:00:00Z", -1);
    assert_eq!(ask(&it, &made).await, refused("quota_exceeded", 1));
    it.set_clock("2027-01-02T00:00:00Z", 0);
    assert_eq!([ask(&it, &made).await, ask(&it, &made).await], [PASSES, PASSES]);
    assert_eq!(ask(&it, &made).await, refused("quota_exceeded", 24 * 3_600_000));
}

#[tokio::test]
async fn what_is_refused_for_another_reason_or_only_explained_costs_nothing_and_a_cost_is_taken_whole() {
    let it = Fixture::start().await;
    let limits = json!({"rate": "3/30s", "daily_quota": 100});
    let made = it.create_key(json!({"name": "Website", "scopes": ["contacts:read"], "limits": limits})).await;
    for _ in 0..5 {
        let refused = it.verify(json!({"key": made.token, "permissions": ["deals:read"]})).await;
        assert_eq!((&refused["code"], &refused["limits"]), (&json!("insufficient_permission"), &Value::Null));
        let elsewhere = it.verify(json!({"key": made.token, "organization": "nowhere"})).await;
        assert_eq!(elsewhere["code"], "out_of_reach");
        let explained = it.verify(json!({"key": made.token, "explain": true})).await;
        assert_eq!(explained["limits"]["rate"]["remaining"], 3, "{explained}");
        assert_eq!(explained["limits"]["daily_quota"]["remaining"], 100);
    }
    let form = [("token", &made.token)];
    let introspected = it.admin.send(it.admin.request("POST", "/oauth/introspect").form(&form)).await.expect(200);
    assert_eq!(introspected.json()["active"], true);
    let left = |answer: &Value| answer["limits"]["rate"]["remaining"].clone();
    let dear = it.verify(json!({"key": made.token, "cost": 2})).await;
    assert_eq!((&dear["allowed"], left(&dear)), (&json!(true), json!(1)));
    let too_dear = it.verify(json!({"key": made.token, "cost": 2})).await;
    assert_eq!((&too_dear["code"], left(&too_dear)), (&json!("rate_limited"), json!(1)), "all or nothing");
    let never = it.verify(json!({"key": made.token, "cost": 4})).await;
    assert_eq!((&never["code"], &never["retry_after_ms"]), (&json!("rate_limited"), &Value::Null));
    assert_eq!(ask(&it, &made).await, PASSES);
    let explained = it.verify(json!({"key": made.token, "explain": true})).await;
    assert_eq!((&explained["allowed"], &explained["retry_after_ms"]), (&json!(true), &json!(10_000)));
    for cost in [json!(0), json!(1_000_001)] {
        let wrong = it.admin.post("/api/v1/verify", json!({"key": made.token, "cost": cost})).await;
        assert_eq!((wrong.refusal(), wrong.pointers()), ((400, "invalid_field".into()), vec!["/cost".into()]));
    }
}

#[tokio::test]
async fn a_batch_takes_each_of_its_questions_off_the_limits_of_the_key_that_it_is_about() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Website", "limits": {"rate": "2/10s"}})).await;
    let free = it.create_key(json!({"name": "Free"})).await;
    let question = |made: &Made| json!({"key": made.token});
    let body =
        json!({"requests": [question(&made), question(&free), question(&made), question(&made), question(&free)]});
    let answer = it.admin.post("/api/v1/verify/batch", body).await.expect(200).json();
    let codes: Vec<_> = answer["answers"].as_array().unwrap().iter().map(|it| it["code"].clone()).collect();
    assert_eq!(codes, [Value::Null, Value::Null, Value::Null, json!("rate_limited"), Value::Null]);
}

// A1.0
#[tokio::test]
async fn a_default_holds_for_keys_that_say_nothing_and_a_lock_for_all() {
    let it = Fixture::start().await;
    // Of an organization below: the key that this test calls with stands above, and is not bound by what is said there.
    let agency = it.create_organization("Agency").await;
    let at = |rest: &str| format!("/api/v1/organizations/{agency}{rest}");
    let create = async |body: Value| it.admin.post(&at("/keys"), body).await;
    let [plain, wider, free] = [json!({}), json!({"rate": "3/10s"}), json!({"rate": "none"})];
    let mut keys = Vec::new();
    for (name, limits) in [("Plain", plain), ("Wider", wider), ("Free", free)] {
        keys.push(Made::of(&create(json!({"name": name, "limits": limits})).await.expect(201)));
    }
    it.admin.patch(&at("/policy"), json!({"default_rate": "1/10s"})).await.expect(200);
    let policy = it.admin.get(&at("/policy")).await.expect(200).json();
    let rate = &policy["default_rate"];
    assert_eq!(
        (&rate["effective"], &rate["own"], &rate["inherited"]),
        (&json!("1/10s"), &json!("1/10s"), &Value::Null)
    );
    let passes = async || {
        let mut passed = Vec::new();
        for made in &keys {
            let mut count = 0;
            while count < 9 && ask(&it, made).await == PASSES {
                count += 1;
            }
            passed.push(count);
        }
        it.advance_micros(60_000_000);
        passed
    };
    assert_eq!(passes().await, [1, 3, 9]);
    it.admin.patch(&at("/policy"), json!({"locked": ["default_rate"]})).await.expect(200);
    assert_eq!(passes().await, [1, 1, 1], "a lock is a bound");

    let more = create(json!({"name": "More", "limits": {"rate": "2/10s"}})).await;
    assert_eq!((more.refusal(), more.pointers()), ((403, "policy_denied".into()), vec!["/limits/rate".into()]));
    let less = Made::of(&create(json!({"name": "Less", "limits": {"rate": "1/60s"}})).await.expect(201));
    assert_eq!(ask(&it, &less).await, PASSES);
    assert_eq!(ask(&it, &less).await, refused("rate_limited", 60_000));
    let path = at(&format!("/keys/{}", keys[1].id));
    it.admin.patch(&path, json!({"description": "What it said before the lock stays"})).await.expect(200);
    let below = it.admin.post(&at("/organizations"), json!({"name": "Location"})).await.expect(201).text_at("/id");
    let set = json!({"default_rate": "none"});
    let wider = it.admin.patch(&format!("/api/v1/organizations/{below}/policy"), set).await;
    assert_eq!((wider.refusal(), wider.pointers()), ((403, "policy_denied".into()), vec!["/default_rate".into()]));
}

#[tokio::test]
async fn limits_are_read_changed_and_taken_away_and_the_audit_says_so() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Website"})).await;
    let path = it.at(&format!("/keys/{}", made.id));
    assert_eq!(it.admin.get(&path).await.expect(200).json()["limits"], Value::Null);
    let limits = json!({"rate": "6000/1m", "daily_quota": 200_000});
    let changed = it.admin.patch(&path, json!({"limits": limits})).await.expect(200).json();
    assert_eq!(changed["limits"], json!({"rate": "6000/60s", "daily_quota": 200_000}));
    let kept = it.admin.patch(&path, json!({"description": "x"})).await.expect(200).json();
    assert_eq!(kept["limits"], changed["limits"]);
    let events = it.admin.get(&it.at(&format!("/events?entity_id={}", made.id))).await.expect(200).json();
    assert!(events.to_string().contains("200000"), "{events}");
    let gone = it.admin.patch(&path, json!({"limits": null})).await.expect(200).json();
    assert_eq!(gone["limits"], Value::Null);
    for (limits, pointer) in [
        (json!({"rate": "often"}), "/limits/rate"),
        (json!({"rate": "0/10s"}), "/limits/rate"),
        (json!({"rate": "10/2d"}), "/limits/rate"),
        (json!({"daily_quota": 1_000_000_001}), "/limits/daily_quota"),
    ] {
        let refused = it.admin.patch(&path, json!({"limits": limits})).await;
        assert_eq!((refused.status, refused.pointers()), (400, vec![pointer.to_owned()]), "{limits}");
    }
    for limits in [json!({"hourly": 5}), json!([]), json!("100/10s"), json!({"daily_quota": -1})] {
        assert_eq!(it.admin.patch(&path, json!({"limits": limits})).await.status, 400, "{limits}");
    }
}

#[tokio::test]
async fn a_number_is_told_the_bounds_that_hold_whatever_is_wrong_with_it() {
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Website"})).await;
    let (key, policy) = (it.at(&format!("/keys/{}", made.id)), it.at("/policy"));
    let rotate = format!("{key}/rotate");
    let (key, policy, rotate) = (key.as_str(), policy.as_str(), rotate.as_str());
    let limits = |it: &Value| json!({"limits": {"daily_quota": it}});
    let cases = [
        ("PATCH", key, "/limits/daily_quota", "0 to 1,000,000,000", json!(1_000_000_001)),
        ("PATCH", policy, "/default_daily_quota", "0 to 1,000,000,000", json!(2_000_000_000)),
        ("PATCH", policy, "/max_keys_per_user", "0 to 10,000,000", json!(10_000_001)),
        ("PATCH", policy, "/max_stale_secs", "5 to 86,400", json!(4)),
        ("PATCH", policy, "/rotation_overlap_hours", "0 to 720", json!(721)),
        ("POST", rotate, "/overlap_secs", "0 to 2,592,000", json!(2_592_001)),
        ("POST", "/api/v1/verify", "/cost", "1 to 1,000,000", json!(0)),
    ];
    for (method, path, pointer, bounds, beyond) in cases {
        for number in [beyond, json!(-1), json!(5_000_000_000_u64), json!(1.5), json!("1")] {
            let mut body = json!({&pointer[1..]: number});
            match pointer {
                "/limits/daily_quota" => body = limits(&number),
                "/cost" => body["key"] = json!(made.token),
                _ => {}
            }
            let refused = it.admin.send(it.admin.request(method, path).json(&body)).await;
            assert_eq!((refused.status, refused.pointers()), (400, vec![pointer.to_owned()]), "{body}");
            let told = refused.text_at("/errors/0/detail");
            let found = if number.is_string() { "the text \"1\"".to_owned() } else { format!("the number {number}") };
            assert_eq!(told, format!("must be a whole number from {bounds}, and is {found}"), "{body}");
        }
    }
}

#[tokio::test]
async fn a_member_lets_own_keys_be_used_less_often_and_never_more() {
    let it = Fixture::start().await;
    it.app.allow_members_keys(it.app.root, true).await;
    let (caller, ..) = it.app.member(it.app.root, "Sam", BuiltIn::Member).await;
    set_policy(&it, json!({"default_rate": "100/10s"})).await;
    let own = it.app.create_key(&caller, it.app.root, crate::app::new_key("Own")).await.unwrap();
    let bearer = it.admin.with(own.token.expose());
    let path = it.at(&format!("/keys/{}", own.info.key.id));
    for limits in [json!({"rate": "101/10s"}), json!({"rate": "none"})] {
        let refused = bearer.patch(&path, json!({"limits": limits})).await;
        assert_eq!((refused.refusal(), refused.pointers()), ((403, "policy_denied".into()), vec!["/limits".into()]));
        let refused = bearer.post(&it.at("/keys"), json!({"name": "Another", "limits": limits})).await;
        assert_eq!(refused.refusal(), (403, "policy_denied".into()));
    }
    bearer.patch(&path, json!({"limits": {"rate": "50/10s", "daily_quota": 1000}})).await.expect(200);
    let back = bearer.patch(&path, json!({"limits": null})).await;
    assert_eq!(back.refusal(), (403, "policy_denied".into()), "what is less stays, or an admin's bound would be none");
    it.admin.patch(&path, json!({"limits": {"rate": "200/10s"}})).await.expect(200);
}

// A1.6: the limits show in headers, and 429 says when to come back.
#[tokio::test]
async fn claviger_itself_is_called_with_a_key_no_more_often_than_it_may_be_used() {
    let unlimited = Config { api_rate: None, ..config() };
    let it = Fixture::around(TestApp::with_config(unlimited).await).await;
    let made = it.create_key(json!({"name": "Script", "limits": {"rate": "2/20s", "daily_quota": 3}})).await;
    let bearer = it.admin.with(&made.token);
    let fields = |answer: &super::client::Answer| {
        let of = |name: &str| answer.header(name).to_owned();
        (answer.status, of("ratelimit-policy"), of("ratelimit"), of("retry-after"))
    };
    it.set_clock("2027-01-01T23:59:00Z", 0);
    let policy = "\"key\";q=2;w=20, \"day\";q=3;w=86400".to_owned();
    let first = bearer.get("/api/v1/me").await;
    assert_eq!(fields(&first), (200, policy.clone(), "\"key\";r=1;t=10, \"day\";r=2;t=60".into(), String::new()));
    assert_eq!(bearer.get("/api/v1/me").await.status, 200);
    let refused = bearer.get("/api/v1/me").await;
    assert_eq!(fields(&refused), (429, policy.clone(), "\"key\";r=0;t=10, \"day\";r=1;t=60".into(), "10".into()));
    assert_eq!(refused.code(), "rate_limited");
    it.advance_micros(10_000_000);
    assert_eq!(bearer.get("/api/v1/me").await.status, 200);
    let refused = bearer.get("/api/v1/me").await;
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("quota_exceeded", "50"));
    // Who asks about other keys is not charged, or a default limit would close a host's gate.
    for _ in 0..5 {
        bearer.post("/api/v1/verify", json!({"key": made.token})).await.expect(200);
    }
    it.set_clock("2027-01-02T00:00:00Z", 0);
    assert_eq!(bearer.get("/api/v1/me").await.status, 200);
    // Who signed in at the console is no key.
    let cookie = cookie(&it).await;
    for _ in 0..5 {
        it.admin.without().get_with("/api/v1/me", &[("cookie", &*cookie)]).await.expect(200);
    }
}

#[tokio::test]
async fn the_limits_of_the_server_and_those_of_the_key_are_both_told() {
    let limited = Config { api_rate: "3/30s".parse().ok(), ..config() };
    let it = Fixture::around(TestApp::with_config(limited).await).await;
    let made = it.create_key(json!({"name": "Script", "limits": {"rate": "1/10s"}})).await;
    let bearer = it.admin.with(&made.token);
    let policy = "\"default\";q=3;w=30, \"key\";q=1;w=10";
    for (status, left) in
        [(200, "\"default\";r=2;t=10, \"key\";r=0;t=10"), (429, "\"default\";r=1;t=20, \"key\";r=0;t=10")]
    {
        let answer = bearer.get("/api/v1/me").await;
        let [told, limit] = ["ratelimit-policy", "ratelimit"].map(|it| answer.header(it).to_owned());
        assert_eq!((answer.status, told.as_str(), limit.as_str()), (status, policy, left));
    }
}

// Another process on the same database, which only PostgreSQL has; on both engines `process::quotas` ends real ones.
#[tokio::test]
async fn a_restart_gives_no_quota_back_and_a_lost_process_costs_no_more_than_was_written_ahead() {
    if !is_postgres() {
        return;
    }
    let it = Fixture::start().await;
    let made = it.create_key(json!({"name": "Website", "limits": {"daily_quota": 100}})).await;
    for _ in 0..10 {
        assert_eq!(ask(&it, &made).await, PASSES);
    }
    let key_id = made.id.parse().unwrap();
    let left = |app: &App| app.replica().look_at_key(key_id, app.now()).unwrap().quota.unwrap().remaining;
    // The job may have written ahead already, and given some of it back.
    it.app.app.quotas().write(true).await.unwrap();
    let after_a_kill = left(&beside(&it.app).await.0);
    assert!((60..=90).contains(&after_a_kill), "{after_a_kill}: never more than was left, nor much less");
    it.app.app.quotas().write(false).await.unwrap();
    let next = beside(&it.app).await.0;
    assert_eq!((left(&it.app.app), left(&next)), (90, 90), "what ends in order gives back what it did not use");
    it.app.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(left(&beside(&it.app).await.0), 100, "yesterday's is over");
}
