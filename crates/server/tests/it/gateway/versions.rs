//! Versions of a host's api at `/authz`: what a gateway is told to tell the clients of one that is to be left.

use claviger_core::api::KeyLocations;
use claviger_core::feed::{ApiRecord, LeavingVersionRecord, Record};

use super::world::{Answer, DEFAULT, World};

const READ_A: (&str, &str) = ("claviger-permission", "scorecards/A:read");

fn api(version: u64, leaving: Option<Vec<LeavingVersionRecord>>) -> Record {
    let key_locations = KeyLocations::default().to_texts();
    Record::Api(ApiRecord { id: DEFAULT, slug: "default".into(), prefix: "ck".into(), version, key_locations, leaving })
}

fn leaving(slug: &str, sunset_at: Option<&str>, docs_url: Option<&str>) -> LeavingVersionRecord {
    LeavingVersionRecord {
        slug: slug.into(),
        deprecated_at: Some("2026-05-01T00:00:00Z".parse().unwrap()),
        sunset_at: sunset_at.map(|it| it.parse().unwrap()),
        docs_url: docs_url.map(Into::into),
    }
}

fn told(answer: &Answer) -> [Option<&str>; 3] {
    ["deprecation", "sunset", "link"].map(|it| answer.header(it))
}

// RFC 9745, RFC 8594
#[tokio::test]
async fn clients_of_a_version_that_is_to_be_left_are_told_when_and_others_nothing() {
    let mut world = World::start();
    let token = world.put_key(1, |_| {});
    let bearer = format!("Bearer {}", token.expose());
    let versions = vec![
        leaving("1.0", Some("2027-03-01T00:00:00Z"), None),
        leaving("0.9", None, Some("https://docs.acme.example/0")),
    ];
    world.put(api(2, Some(versions)));
    let key = ("authorization", bearer.as_str());
    let first = world.ask(&[key, READ_A, ("claviger-api-version", "1.0")]).await;
    assert_eq!(first.summary(), "200");
    assert_eq!(told(&first), [Some("@1777593600"), Some("Mon, 01 Mar 2027 00:00:00 GMT"), None]);
    let older = world.ask(&[key, READ_A, ("claviger-api-version", "0.9")]).await;
    let link = "<https://docs.acme.example/0>; rel=\"deprecation\"; type=\"text/html\"";
    assert_eq!(told(&older), [Some("@1777593600"), None, Some(link)]);

    // A version decides nothing, whatever a gateway calls it.
    let (current, unclear) = (("claviger-api-version", "2.0"), ("claviger-api-version", "1.0"));
    for headers in [&[key, READ_A][..], &[key, READ_A, current], &[key, READ_A, unclear, unclear]] {
        let answer = world.ask(headers).await;
        assert_eq!((answer.summary().as_str(), told(&answer)), ("200", [None; 3]), "{headers:?}");
    }
    let refused = world.ask(&[READ_A, unclear]).await;
    assert_eq!((refused.status, told(&refused)), (401, [None; 3]), "who is refused is told that alone");
    world.put(api(3, None));
    assert_eq!(told(&world.ask(&[key, READ_A, unclear]).await), [None; 3], "it holds no longer");
}
