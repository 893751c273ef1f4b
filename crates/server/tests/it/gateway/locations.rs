//! Where an api looks for keys: what stands elsewhere is none, be it a session of the host's own.

use claviger_core::feed::{ApiRecord, Record};

use super::world::{DEFAULT, LOADER, World};

const READ_A: (&str, &str) = ("claviger-permission", "scorecards/A:read");

fn looks_at(slug: &str, places: &[&str], version: u64) -> Record {
    let (id, prefix) = if slug == "default" { (DEFAULT, "ck") } else { (LOADER, "dl") };
    let key_locations = places.iter().map(|it| (*it).to_owned()).collect();
    Record::Api(ApiRecord {
        id,
        slug: slug.to_owned(),
        prefix: prefix.to_owned(),
        version,
        key_locations,
        deprecated: None,
        organization_id: None,
        versions: None,
    })
}

#[tokio::test]
async fn a_hosts_own_session_is_no_key_where_the_api_looks_elsewhere() {
    let mut world = World::start();
    let token = world.put_key(1, |_| {});
    let (key, session) = (token.expose().to_owned(), "Bearer a-session-of-the-host");
    // Before, the two are two credentials.
    let both = [("authorization", session), ("x-acme-key", key.as_str()), READ_A];
    assert_eq!(world.ask(&both).await.summary(), "401 not_found 401");
    world.put(looks_at("default", &["header:X-Acme-Key", "query:acme.key"], 2));
    assert_eq!(world.ask(&both).await.summary(), "200");
    let bearer = format!("Bearer {key}");
    for elsewhere in
        [("authorization", bearer.as_str()), ("x-api-key", &key), ("x-original-uri", &format!("/?api_key={key}"))]
    {
        assert_eq!(world.ask(&[elsewhere, READ_A]).await.summary(), "401 malformed 401", "{elsewhere:?}");
    }
    let query = format!("/scorecards/A?acme.key={key}");
    let in_query = world.ask(&[("x-original-uri", query.as_str()), READ_A]).await;
    assert_eq!((in_query.summary().as_str(), in_query.header("warning").is_some()), ("200", true));
    let two = [("x-acme-key", "another"), ("x-original-uri", query.as_str()), READ_A];
    assert_eq!(world.ask(&two).await.summary(), "403 two_credentials 400");
}

#[tokio::test]
async fn schemes_and_pairs_are_told_apart() {
    let mut world = World::start();
    let token = world.put_key(1, |_| {});
    let (access, secret) = (token.access_id().to_string(), token.expose_secret_part().to_owned());
    let basic = format!("Basic {}", data_encoding::BASE64.encode(format!("{access}:{secret}").as_bytes()));
    let bearer = format!("Bearer {}", token.expose());
    let pair = [("x-access", access.as_str()), ("X-SECRET", secret.as_str())];
    world.put(looks_at("default", &["basic", "pair:X-Access:X-Secret"], 2));
    assert_eq!(world.ask(&[("authorization", basic.as_str()), READ_A]).await.summary(), "200");
    assert_eq!(world.ask(&[("authorization", bearer.as_str()), READ_A]).await.summary(), "401 malformed 401");
    assert_eq!(world.ask(&[pair[0], pair[1], READ_A]).await.summary(), "200");
    assert_eq!(world.ask(&[pair[0], READ_A]).await.summary(), "401 malformed 401", "half a pair");
    assert_eq!(
        world.ask(&[("accesskey", access.as_str()), ("secretkey", secret.as_str()), READ_A]).await.summary(),
        "401 malformed 401"
    );
    // The same pair in both places is one credential.
    assert_eq!(world.ask(&[("authorization", basic.as_str()), pair[0], pair[1], READ_A]).await.summary(), "200");
}

#[tokio::test]
async fn each_api_has_its_own_places_and_what_cannot_be_read_is_nowhere() {
    let mut world = World::start();
    let token = world.put_key(1, |_| {});
    let bearer = format!("Bearer {}", token.expose());
    world.put(looks_at("data-loader", &["header:X-Loader"], 2));
    assert_eq!(world.ask(&[("authorization", bearer.as_str()), READ_A]).await.summary(), "200");
    let loader = [("claviger-api", "data-loader"), READ_A];
    assert_eq!(
        world.ask(&[("authorization", bearer.as_str()), loader[0], loader[1]]).await.summary(),
        "401 malformed 401"
    );
    let there = world.ask(&[("x-loader", token.expose()), loader[0], loader[1]]).await;
    assert_eq!(there.summary(), "403 wrong_api 403", "found, and of another api");
    world.put(looks_at("default", &["somewhere:new"], 3));
    assert_eq!(world.ask(&[("authorization", bearer.as_str()), READ_A]).await.summary(), "401 malformed 401");
}
