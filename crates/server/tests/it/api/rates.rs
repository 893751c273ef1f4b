//! How often callers may ask.

use std::time::Duration;

use claviger::config::Config;
use serde_json::json;

use super::client::{Answer, Client};
use super::fixture::Fixture;
use super::sessions::cookie;
use crate::app::{TestApp, config};

async fn limited(api_rate: Option<&str>, verify_rate: Option<&str>) -> Fixture {
    let rate = |text: Option<&str>| text.map(|it| it.parse().unwrap());
    let config = Config { api_rate: rate(api_rate), verify_rate: rate(verify_rate), ..config() };
    Fixture::around(TestApp::with_config(config).await).await
}

async fn me(caller: &Client) -> Answer {
    caller.get("/api/v1/me").await
}

fn fields(answer: &Answer) -> (u16, &str, &str, &str) {
    let [policy, limit, retry] = ["ratelimit-policy", "ratelimit", "retry-after"].map(|it| answer.header(it));
    (answer.status, policy, limit, retry)
}

#[tokio::test]
async fn a_key_is_told_what_is_left_and_then_to_wait_and_others_are_not_held_back() {
    let it = limited(Some("4/20s"), None).await;
    let other = it.create_key(json!({"name": "Other"})).await;
    let policy = "\"default\";q=4;w=20";
    assert_eq!(fields(&me(&it.admin).await), (200, policy, "\"default\";r=2;t=10", ""));
    let missing = it.admin.get(&it.at("/keys/key_01kapxb4q0e8mv5r3g2t9w7yzn")).await;
    assert_eq!(fields(&missing), (404, policy, "\"default\";r=1;t=15", ""), "a refusal counts too");
    assert_eq!(fields(&me(&it.admin).await), (200, policy, "\"default\";r=0;t=20", ""));
    let refused = me(&it.admin).await;
    assert_eq!(fields(&refused), (429, policy, "\"default\";r=0;t=5", "5"));
    assert_eq!(refused.code(), "rate_limited");
    me(&it.admin.with(&other.token)).await.expect(200);
    // The callers of verification are gateways.
    for _ in 0..10 {
        let answer = it.admin.post("/api/v1/verify", json!({"key": other.token})).await.expect(200);
        assert_eq!(fields(&answer), (200, "", "", ""));
    }
    it.app.clock.advance(Duration::from_secs(5));
    assert_eq!(fields(&me(&it.admin).await), (200, policy, "\"default\";r=0;t=20", ""));
    assert_eq!(me(&it.admin).await.status, 429, "one came back and no more");
    it.app.clock.advance(Duration::from_secs(20));
    me(&it.admin).await.expect(200);
}

#[tokio::test]
async fn a_user_at_the_console_has_one_allowance_in_all_sessions() {
    let it = limited(Some("2/20s"), None).await;
    let (one, two) = (cookie(&it).await, cookie(&it).await);
    let browser = it.admin.without();
    let ask = async |cookie: &str| browser.get_with("/api/v1/me", &[("cookie", cookie)]).await;
    assert_eq!(ask(&one).await.expect(200).header("ratelimit"), "\"default\";r=1;t=10");
    ask(&two).await.expect(200);
    assert_eq!(ask(&one).await.refusal(), (429, "rate_limited".to_owned()));
    me(&it.admin).await.expect(200);
}

#[tokio::test]
async fn who_proves_nothing_is_held_back_by_its_network_and_a_good_key_from_there_is_not() {
    let it = limited(Some("3/30s"), None).await;
    let stranger = it.admin.with("nobody-has-this-one");
    for _ in 0..3 {
        assert_eq!(me(&stranger).await.refusal(), (401, "unauthenticated".to_owned()));
    }
    let refused = me(&stranger).await;
    assert_eq!((refused.refusal(), refused.header("retry-after")), ((429, "rate_limited".to_owned()), "10"));
    let nothing = me(&it.admin.without()).await;
    assert_eq!(nothing.refusal(), (429, "rate_limited".to_owned()));
    let verifying = stranger.post("/api/v1/verify", json!({"key": "a"})).await;
    assert_eq!(verifying.refusal(), (429, "rate_limited".to_owned()), "the path past the router has the same limit");
    me(&it.admin).await.expect(200);
    it.app.clock.advance(Duration::from_secs(10));
    assert_eq!(me(&stranger).await.status, 401);
}

#[tokio::test]
async fn verification_is_limited_where_the_configuration_says_so_and_by_itself() {
    let it = limited(None, Some("3/30s")).await;
    let made = it.create_key(json!({"name": "Subject"})).await;
    let one = it.admin.post("/api/v1/verify", json!({"key": made.token})).await;
    assert_eq!(fields(&one), (200, "\"default\";q=3;w=30", "\"default\";r=2;t=10", ""));
    let two = it.admin.post("/api/v1/verify", json!({"key": made.token})).await;
    assert_eq!(fields(&two), (200, "\"default\";q=3;w=30", "\"default\";r=1;t=20", ""));
    let form = [("token", &made.token)];
    let introspect = async || it.admin.send(it.admin.request("POST", "/oauth/introspect").form(&form)).await;
    assert_eq!(introspect().await.expect(200).header("ratelimit"), "\"default\";r=0;t=30");
    let refused = introspect().await;
    assert_eq!((refused.status, refused.text_at("/error").as_str()), (429, "temporarily_unavailable"));
    assert_eq!((refused.header("retry-after"), refused.header("ratelimit")), ("10", "\"default\";r=0;t=10"));
    assert_eq!(it.admin.post("/api/v1/verify", json!({"key": "a"})).await.refusal().0, 429);
    for _ in 0..10 {
        assert_eq!(fields(&me(&it.admin).await), (200, "", "", ""));
    }
}

#[tokio::test]
async fn a_batch_costs_as_much_as_the_questions_in_it_asked_one_by_one() {
    let it = limited(None, Some("4/40s")).await;
    let made = it.create_key(json!({"name": "Subject"})).await;
    let body = |questions: usize| json!({"requests": vec![json!({"key": made.token}); questions]});
    let browser = it.admin.without();
    let cookie = cookie(&it).await;
    // The path past the router, and the router's.
    for (client, headers) in
        [(&it.admin, vec![]), (&browser, vec![("cookie", &*cookie), ("sec-fetch-site", "same-origin")])]
    {
        let ask = async |questions: usize| {
            let request = client.request("POST", "/api/v1/verify/batch").json(&body(questions));
            client.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
        };
        let never = ask(5).await;
        assert_eq!((never.refusal(), never.pointers()), ((400, "invalid_field".into()), vec!["/requests".into()]));
        assert_eq!(never.header("ratelimit"), "\"default\";r=3;t=10", "it was a request all the same");
        let answer = ask(2).await.expect(200);
        assert_eq!(answer.json()["answers"].as_array().unwrap().len(), 2);
        assert_eq!(answer.header("ratelimit"), "\"default\";r=1;t=30");
        let refused = ask(2).await;
        assert_eq!((refused.refusal(), refused.header("retry-after")), ((429, "rate_limited".into()), "10"));
        assert_eq!(refused.header("ratelimit"), "\"default\";r=0;t=10");
        it.app.clock.advance(Duration::from_secs(40));
        ask(4).await.expect(200);
        assert_eq!(ask(1).await.status, 429);
    }
}

#[tokio::test]
async fn who_is_signed_in_is_not_held_back_by_what_else_comes_from_the_network() {
    let it = limited(Some("3/30s"), None).await;
    let cookie = cookie(&it).await;
    let browser = it.admin.without();
    let ask = async |cookie: &str| browser.get_with("/api/v1/me", &[("cookie", cookie)]).await;
    ask(&cookie).await.expect(200);
    for _ in 0..4 {
        me(&it.admin.with("nobody-has-this-one")).await;
    }
    assert_eq!(me(&browser).await.refusal(), (429, "rate_limited".to_owned()));
    assert_eq!(ask("sid=made-up").await.refusal(), (429, "rate_limited".to_owned()), "a made-up one is a stranger's");
    for _ in 0..2 {
        ask(&cookie).await.expect(200);
    }
    assert_eq!(ask(&cookie).await.refusal(), (429, "rate_limited".to_owned()), "by then the user's own is used up");
    // One that has ended is a stranger's from then on.
    it.app.clock.advance(Duration::from_secs(25 * 3600));
    assert_eq!(ask(&cookie).await.refusal(), (401, "unauthenticated".to_owned()));
}
