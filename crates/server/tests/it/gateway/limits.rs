//! Limits of keys at `/authz`: what a gateway is told to tell its clients.

use claviger_core::key_limits::KeyLimits;
use claviger_core::secret::Token;

use super::world::{Answer, World};

const READ_A: (&str, &str) = ("claviger-permission", "scorecards/A:read");
const UPDATE_A: (&str, &str) = ("claviger-permission", "scorecards/A:update");

async fn ask(world: &World, token: &Token, needed: (&str, &str)) -> Answer {
    world.ask(&[("authorization", &format!("Bearer {}", token.expose())), needed]).await
}

fn fields(answer: &Answer) -> [Option<&str>; 3] {
    ["ratelimit-policy", "ratelimit", "retry-after"].map(|it| answer.header(it))
}

fn limits(json: &str) -> Option<KeyLimits> {
    serde_json::from_str(json).ok()
}

// A1.6
#[tokio::test]
async fn each_answer_says_what_is_left_and_one_too_many_when_to_come_back() {
    let mut world = World::start();
    let token = world.put_key(1, |it| it.limits = limits(r#"{"rate":"2/10s"}"#));
    for left in ["\"key\";r=1;t=5", "\"key\";r=0;t=10"] {
        let answer = ask(&world, &token, READ_A).await;
        assert_eq!(answer.summary(), "200");
        assert_eq!(fields(&answer), [Some("\"key\";q=2;w=10"), Some(left), None]);
    }
    let refused = ask(&world, &token, READ_A).await;
    assert_eq!(refused.summary(), "403 rate_limited 429", "nginx passes on no 429");
    assert_eq!(fields(&refused), [Some("\"key\";q=2;w=10"), Some("\"key\";r=0;t=5"), Some("5")]);
    world.clock.advance(std::time::Duration::from_secs(5));
    assert_eq!(ask(&world, &token, READ_A).await.summary(), "200");
    let denied = world.replica.drain_denials();
    assert_eq!(denied.iter().map(|it| it.count).sum::<u64>(), 1, "it stands among the refused requests of the key");
}

#[tokio::test]
async fn what_is_refused_for_another_reason_takes_nothing_and_says_nothing_of_limits() {
    let mut world = World::start();
    let token = world.put_key(1, |it| it.limits = limits(r#"{"rate":"1/10s","daily_quota":1}"#));
    for _ in 0..3 {
        let refused = ask(&world, &token, UPDATE_A).await;
        assert_eq!((refused.summary().as_str(), fields(&refused)), ("403 insufficient_permission 403", [None; 3]));
        let bare = world.ask(&[("authorization", &format!("Bearer {}", token.expose()))]).await;
        assert_eq!(bare.summary(), "403 insufficient_permission 403", "a gateway that forgets to ask");
    }
    assert_eq!(ask(&world, &token, READ_A).await.summary(), "200");
    assert_eq!(ask(&world, &token, READ_A).await.summary(), "403 quota_exceeded 429");
    let free = world.put_key(2, |_| {});
    assert_eq!(fields(&ask(&world, &free, READ_A).await), [None; 3], "without limits there is nothing to say");
}
