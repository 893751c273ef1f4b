//! Versions of a host's api at `/authz`: what a gateway is told to tell the clients of one that is to be left.

use claviger_core::api::KeyLocations;
use claviger_core::feed::{ApiRecord, DeprecatedVersionRecord, Record};

use super::world::{Answer, DEFAULT, World};

const READ_A: (&str, &str) = ("claviger-permission", "scorecards/A:read");

fn api(version: u64, deprecated: Option<Vec<DeprecatedVersionRecord>>) -> Record {
    let key_locations = KeyLocations::default().to_texts();
    let versions = deprecated.is_some().then(|| ["0.9", "1.0", "2.0"].map(Into::into).into());
    let (slug, prefix) = ("default".into(), "ck".into());
    Record::Api(ApiRecord {
        id: DEFAULT,
        slug,
        prefix,
        version,
        key_locations,
        deprecated,
        versions,
        organization_id: None,
    })
}

fn deprecated(slug: &str, sunset_at: Option<&str>, docs_url: Option<&str>) -> DeprecatedVersionRecord {
    DeprecatedVersionRecord {
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
        deprecated("1.0", Some("2027-03-01T00:00:00Z"), None),
        deprecated("0.9", None, Some("https://docs.acme.example/0")),
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
    let uses = world.replica.drain_uses(10);
    let counted: Vec<_> = uses[0].versions.iter().map(|it| (&*it.version, it.count)).collect();
    assert_eq!((uses.len(), uses[0].count), (1, 5));
    assert_eq!(counted, [("0.9", 1), ("1.0", 1), ("2.0", 1)], "what states nothing counts as none of them");
    world.put(api(3, None));
    assert_eq!(told(&world.ask(&[key, READ_A, unclear]).await), [None; 3], "it holds no longer");
    let uses = world.replica.drain_uses(10);
    assert_eq!((uses[0].count, uses[0].versions.len()), (1, 0), "and what is no version counts as none");
}
