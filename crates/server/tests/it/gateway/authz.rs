//! `/authz` on the wire: each presentation, each refusal, and what a gateway is told.

use claviger_core::decision::{Code, KeyStanding, Reach};
use claviger_core::feed::Record;
use claviger_core::network::IpAllowList;
use claviger_core::policy::{OwnPolicy, QueryStringKeys};
use claviger_core::reject::RejectCode;
use claviger_core::secret::{Digest, SecretState, Token};
use claviger_core::time::Timestamp;
use claviger_verifier::denials::Denial;
use data_encoding::BASE64;

use super::world::{
    ADMIN, ADMINS, AGENCY, L1, L2, LOADER, M, World, key_with_digest, membership_of_m, now, organization, permissions,
    user,
};

const READ_A: (&str, &str) = ("claviger-permission", "scorecards/A:read");

fn bearer(token: &Token) -> String {
    format!("Bearer {}", token.expose())
}

async fn outcome(world: &World, token: &Token, headers: &[(&str, &str)]) -> String {
    let bearer = bearer(token);
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend(headers);
    world.ask(&all).await.summary()
}

// S2.24
#[tokio::test]
async fn a_key_passes_in_every_presentation() {
    let mut world = World::start();
    let token = world.put_key(1, |_| {});
    let (whole, access, secret) = (token.expose(), token.access_id(), token.expose_secret_part());
    let basic = |text: String| format!("Basic {}", BASE64.encode(text.as_bytes()));
    let presentations: &[&[(&str, &str)]] = &[
        &[("authorization", &bearer(&token))],
        &[("Authorization", &format!("bEARER  {whole}"))],
        &[("X-Api-Key", whole)],
        &[("accessKey", access.as_str()), ("secretKey", secret)],
        &[("ACCESSKEY", access.as_str()), ("secretkey", secret)],
        &[("authorization", &basic(format!("{access}:{secret}")))],
        &[("authorization", &basic(format!("{whole}:")))],
        &[("x-original-uri", &format!("/scorecards/A?page=1&api_key={whole}"))],
        // The same key twice is one key.
        &[("x-api-key", whole), ("authorization", &bearer(&token))],
        &[("x-api-key", whole), ("accessKey", access.as_str()), ("secretKey", secret)],
    ];
    for presentation in presentations {
        let answer = world.ask(&[presentation, &[READ_A][..]].concat()).await;
        assert_eq!(answer.summary(), "200", "{presentation:?}");
        assert_eq!(answer.header("x-claviger-key"), Some("key_00000000000000000000000001"));
        assert_eq!(answer.header("x-claviger-organization"), Some(AGENCY.to_string().as_str()));
        assert_eq!(answer.header("x-claviger-mapped-user"), Some(M.to_string().as_str()));
        assert_eq!(answer.header("x-claviger-mapped-user-external-id"), Some("m@host"));
        assert_eq!(answer.header("x-claviger-elements"), None);
        assert_eq!(answer.header("warning").is_some(), presentation[0].0 == "x-original-uri", "{presentation:?}");
    }
}

// S2.25
#[tokio::test]
async fn both_parts_of_a_pair_are_needed_each_in_its_place() {
    let mut world = World::start();
    let token = world.put_key(1, |_| {});
    let (access, secret) = (token.access_id().to_string(), token.expose_secret_part().to_owned());
    let other = world.put_key(2, |_| {});
    let pairs: &[&[(&str, &str)]] = &[
        &[("accessKey", &access)],
        &[("secretKey", &secret)],
        &[("accessKey", &secret), ("secretKey", &access)],
        &[("accessKey", &access), ("secretKey", other.expose_secret_part())],
        &[("accessKey", &access), ("secretKey", "")],
        &[("accessKey", ""), ("secretKey", "")],
    ];
    for pair in pairs {
        let answer = world.ask(&[pair, &[READ_A][..]].concat()).await;
        assert_eq!((answer.status, answer.header("x-claviger-status")), (401, Some("401")), "{pair:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test]
async fn two_different_credentials_are_refused_and_none_is_chosen() {
    let mut world = World::start();
    let (one, other) = (world.put_key(1, |_| {}), world.put_key(2, |_| {}));
    let (access, secret) = (other.access_id().to_string(), other.expose_secret_part().to_owned());
    let uri = format!("/?api_key={}", other.expose());
    let seconds: &[&[(&str, &str)]] = &[
        &[("authorization", &bearer(&other))],
        &[("x-api-key", other.expose())],
        &[("x-api-key", "anything")],
        &[("accessKey", &access), ("secretKey", &secret)],
        &[("accessKey", &access)],
        &[("x-original-uri", &uri)],
    ];
    for second in seconds {
        assert_eq!(
            outcome(&world, &one, &[second, &[READ_A][..]].concat()).await,
            "403 two_credentials 400",
            "{second:?}"
        );
    }
    // A cookie is no credential, and no other scheme is one of ours.
    assert_eq!(
        outcome(&world, &one, &[READ_A, ("cookie", "api_key=other"), ("authorization", "Digest x")]).await,
        "200"
    );
}

#[tokio::test]
async fn each_refusal_has_its_code_and_the_status_for_the_client() {
    let mut world = World::start();
    let office = IpAllowList::parse(&["203.0.113.0/24"]).unwrap();
    let past = Timestamp::from_micros(now().as_micros() - 1).unwrap();
    world.put(Record::User({
        let mut off = user(claviger_core::id::UserId::from_u128(9), "off");
        off.active = false;
        off
    }));
    let keys = [
        (world.put_key(1, |it| it.standing = KeyStanding::Inactive), "401 inactive 401"),
        (world.put_key(2, |it| it.standing = KeyStanding::Revoked), "401 revoked 401"),
        (world.put_key(3, |it| it.expires_at = Some(past)), "401 expired 401"),
        (world.put_key(4, |it| it.secrets[0].state = SecretState::Dead), "401 revoked 401"),
        (world.put_key(5, |it| it.secrets[0].state = SecretState::Retiring { until: now() }), "401 expired 401"),
        (world.put_key(6, |it| it.api_id = LOADER), "403 wrong_api 403"),
        (world.put_key(7, |it| it.allowed_ips = Some(office.clone())), "403 ip_not_allowed 403"),
        (
            world.put_key(8, |it| it.owner_id = Some(claviger_core::id::UserId::from_u128(99))),
            "403 api_access_denied 403",
        ),
        (
            world.put_key(9, |it| it.mapped_user_id = Some(claviger_core::id::UserId::from_u128(9))),
            "401 user_inactive 401",
        ),
        (world.put_key(10, |it| it.mapped_user_id = None), "403 insufficient_permission 403"),
        (world.put_key(11, |it| it.scopes = Some(permissions(&["contacts:read"]))), "403 insufficient_permission 403"),
        (super::world::key(12, AGENCY).1, "401 not_found 401"),
    ];
    for (token, expected) in &keys {
        assert_eq!(outcome(&world, token, &[READ_A]).await, *expected);
    }
    for malformed in ["Bearer", "Bearer ", "Basic %%%", "Basic YQ==", ""] {
        assert_eq!(
            world.ask(&[("authorization", malformed), READ_A]).await.summary(),
            "401 malformed 401",
            "{malformed}"
        );
    }
    assert_eq!(world.ask(&[READ_A]).await.summary(), "401 malformed 401");
    let mut mistyped = keys[0].0.expose().to_owned();
    mistyped.pop();
    mistyped.push('#');
    assert_eq!(world.ask(&[("x-api-key", &mistyped), READ_A]).await.summary(), "401 not_found 401");
    let loaders = [READ_A, ("claviger-api", "data-loader")];
    assert_eq!(outcome(&world, &keys[5].0, &loaders).await, "200");
    assert_eq!(outcome(&world, &keys[6].0, &[READ_A, ("claviger-ip", "203.0.113.7")]).await, "200");
    assert_eq!(outcome(&world, &keys[6].0, &[READ_A, ("claviger-ip", "198.51.100.7")]).await, "403 ip_not_allowed 403");
    let twice = [READ_A, ("claviger-ip", "203.0.113.7"), ("claviger-ip", "203.0.113.7")];
    assert_eq!(outcome(&world, &keys[6].0, &twice).await, "403 ip_not_allowed 403");
}

// S2.12, S2.13
#[tokio::test]
async fn a_key_reaches_what_its_mapped_user_may_and_no_more() {
    let mut world = World::start();
    let token = world.put_key(1, |_| {});
    let asks = |permission: &'static str| [("claviger-permission", permission)];
    let hidden = "403 insufficient_permission 404";
    let missing = "403 insufficient_permission 403";
    let table = [
        ("scorecards/A:read", "200"),
        ("scorecards/B:read", hidden),
        ("scorecards/Unknown:read", hidden),
        ("scorecards/B:update", hidden),
        ("scorecards/B:read,scorecards/B:update", hidden),
        ("scorecards/A:update", missing),
        ("scorecards/A:read,scorecards/A:update", missing),
        ("scorecards:update", missing),
        ("contacts/A:read", missing),
        ("contacts:read", missing),
        ("authenticated", "200"),
    ];
    for (permission, expected) in table {
        assert_eq!(outcome(&world, &token, &asks(permission)).await, expected, "{permission}");
    }
    let elements = |answer: super::world::Answer| answer.header("x-claviger-elements").map(str::to_owned);
    let bearer = bearer(&token);
    let list = [("authorization", bearer.as_str()), ("claviger-permission", "scorecards:read")];
    assert_eq!(elements(world.ask(&list).await).as_deref(), Some("A"));

    world.put(membership_of_m(&["scorecards/A:read", "scorecards/B:read"], 2));
    assert_eq!(outcome(&world, &token, &asks("scorecards/B:read")).await, "200", "without touching the key");
    assert_eq!(elements(world.ask(&list).await).as_deref(), Some("A,B"));

    world.put(membership_of_m(&["scorecards:*"], 3));
    assert_eq!(elements(world.ask(&list).await).as_deref(), Some("*"));

    world.put(membership_of_m(&[], 4));
    assert_eq!(outcome(&world, &token, &asks("scorecards/A:read")).await, missing);

    let admins = world.put_key(2, |it| it.mapped_user_id = Some(ADMIN));
    assert_eq!(outcome(&world, &admins, &asks("scorecards/A:update")).await, "200");
}

#[tokio::test]
async fn a_question_without_a_permission_lets_nothing_through() {
    let mut world = World::start();
    let token = world.put_key(1, |it| it.mapped_user_id = Some(ADMIN));
    let unholdable: &[&[(&str, &str)]] = &[
        &[],
        &[("claviger-permission", "")],
        &[("claviger-permission", "*:read")],
        &[("claviger-permission", "scorecards")],
        &[READ_A, READ_A],
    ];
    for question in unholdable {
        assert_eq!(outcome(&world, &token, question).await, "403 insufficient_permission 403", "{question:?}");
    }
    let unknown = super::world::key(9, AGENCY).1;
    assert_eq!(outcome(&world, &unknown, &[]).await, "401 not_found 401");
}

// S1.19
#[tokio::test]
async fn an_agency_key_reaches_its_locations_and_a_location_key_only_its_own() {
    let mut world = World::start();
    let agency = world.put_key(1, |it| it.reach = Reach::Subtree);
    let own = world.put_key(2, |_| {});
    let location = world.put_key(3, |it| it.organization_id = L1);
    let at = |reference: &'static str| [READ_A, ("claviger-organization", reference)];
    for (reference, of_agency, of_own, of_location) in [
        ("l1", true, false, true),
        ("host-l1", true, false, true),
        ("l2", true, false, false),
        ("agency", true, true, false),
        ("nobody", false, false, false),
    ] {
        for (token, allowed) in [(&agency, of_agency), (&own, of_own), (&location, of_location)] {
            let expected = if allowed { "200" } else { "403 out_of_reach 403" };
            assert_eq!(outcome(&world, token, &at(reference)).await, expected, "{reference}");
        }
    }
    let bearer = bearer(&agency);
    let answer = world.ask(&[&[("authorization", bearer.as_str())][..], &at("l2")].concat()).await;
    assert_eq!(answer.header("x-claviger-organization"), Some(L2.to_string().as_str()));
    let by_id = L1.to_string();
    assert_eq!(outcome(&world, &agency, &[READ_A, ("claviger-organization", &by_id)]).await, "200");
    let twice = [READ_A, ("claviger-organization", "l1"), ("claviger-organization", "l1")];
    assert_eq!(outcome(&world, &agency, &twice).await, "403 out_of_reach 403");

    let mut suspended = organization(L1, "l1", Some(AGENCY));
    (suspended.suspended, suspended.version) = (true, 2);
    world.put(Record::Organization(suspended));
    assert_eq!(outcome(&world, &agency, &at("l1")).await, "403 organization_suspended 403");
    assert_eq!(outcome(&world, &agency, &at("l2")).await, "200");
}

// S9
#[tokio::test]
async fn policy_has_a_say_about_keys_in_query_strings() {
    let mut world = World::start();
    let token = world.put_key(1, |_| {});
    let uri = format!("/scorecards/A?api_key={}", token.expose());
    let question = [READ_A, ("x-original-uri", uri.as_str())];
    for (version, policy, expected, warns) in [
        (2, QueryStringKeys::Deny, "403 query_string_key_denied 400", false),
        (3, QueryStringKeys::Warn, "200", true),
        (4, QueryStringKeys::Allow, "200", false),
    ] {
        let mut agency = organization(AGENCY, "agency", None);
        agency.policy = OwnPolicy { query_string_keys: Some(policy), ..OwnPolicy::default() };
        agency.version = version;
        world.put(Record::Organization(agency));
        let answer = world.ask(&question).await;
        assert_eq!((answer.summary().as_str(), answer.header("warning").is_some()), (expected, warns));
    }
}

#[tokio::test]
async fn an_imported_key_passes_by_its_digest() {
    let mut world = World::start();
    let opaque = "d41d8cd98f00b204e9800998ecf8427e";
    world.put(Record::Key(key_with_digest(1, AGENCY, Digest::of_token(opaque.as_bytes()))));
    world.put(Record::Key(key_with_digest(2, AGENCY, Digest::of_pair(b"their id", b"their secret"))));
    assert_eq!(world.ask(&[("x-api-key", opaque), READ_A]).await.summary(), "200");
    let pair = [("accesskey", "their id"), ("secretkey", "their secret"), READ_A];
    assert_eq!(world.ask(&pair).await.summary(), "200");
}

#[tokio::test]
async fn before_the_first_load_no_key_is_called_unknown() {
    let mut world = World::start_empty([127, 0, 0, 1].into());
    let token = super::world::key(1, AGENCY).1;
    let answer = world.ask(&[("x-api-key", token.expose()), READ_A]).await;
    assert_eq!((answer.summary().as_str(), answer.header("retry-after")), ("403 stale 503", Some("1")));
    world.load();
    assert_eq!(outcome(&world, &token, &[READ_A]).await, "401 not_found 401");
}

#[tokio::test]
async fn away_from_loopback_a_gateway_shows_a_credential_of_its_own() {
    let mut world = World::start_empty([0, 0, 0, 0].into());
    world.load();
    let client = world.put_key(1, |_| {});
    let elsewhere = world.put_key(2, |it| it.organization_id = L2);
    let verifier = world.put_key(3, |it| {
        (it.mapped_user_id, it.role_id) = (None, Some(ADMINS));
        it.scopes = Some(permissions(&["claviger/keys:verify"]));
    });
    let whole_tree = world.put_key(4, |it| {
        (it.mapped_user_id, it.role_id, it.reach) = (None, Some(ADMINS), Reach::Subtree);
    });
    let ask = async |token: &Token, gateway: Option<&Token>| {
        let gateway = gateway.map(bearer);
        let mut headers = vec![READ_A];
        headers.extend(gateway.iter().map(|it| ("claviger-authorization", it.as_str())));
        outcome(&world, token, &headers).await
    };
    assert_eq!(ask(&client, None).await, "403 unavailable 503");
    assert_eq!(ask(&client, Some(&client)).await, "403 unavailable 503", "a client's key is no gateway's");
    assert_eq!(ask(&client, Some(&verifier)).await, "200");
    assert_eq!(ask(&elsewhere, Some(&verifier)).await, "401 not_found 401", "outside the gateway's reach");
    assert_eq!(ask(&elsewhere, Some(&whole_tree)).await, "200");
    let unknown = super::world::key(9, AGENCY).1;
    assert_eq!(ask(&unknown, None).await, "403 unavailable 503", "a stranger learns nothing about keys");
    assert_eq!(ask(&unknown, Some(&verifier)).await, "401 not_found 401");
}

#[tokio::test]
async fn use_is_counted_where_the_answer_was_yes_and_remembered_where_it_was_no() {
    let mut world = World::start();
    let token = world.put_key(1, |_| {});
    let headers = [READ_A, ("claviger-ip", "192.0.2.7"), ("user-agent", "wrk")];
    assert_eq!(outcome(&world, &token, &headers).await, "200");
    assert_eq!(outcome(&world, &token, &headers).await, "200");
    assert_eq!(
        outcome(&world, &token, &[("claviger-permission", "contacts:read"), headers[1]]).await,
        "403 insufficient_permission 403"
    );
    let uses = world.replica.drain_uses(10);
    assert_eq!(uses.len(), 1);
    assert_eq!((uses[0].count, uses[0].ip, uses[0].user_agent.as_deref()), (2, "192.0.2.7".parse().ok(), Some("wrk")));
    assert_eq!(uses[0].last_used_at, now());
    let denials = world.replica.drain_denials();
    assert_eq!((denials.len(), denials[0].key_id, denials[0].count), (1, uses[0].key_id, 1));
    let denial = Denial {
        at: now(),
        code: RejectCode::Decision(Code::InsufficientPermission),
        ip: uses[0].ip,
        user_agent: None,
    };
    assert_eq!(denials[0].latest, [denial]);
    let text = world.metrics.render(vec![]).unwrap();
    assert!(text.contains("claviger_decisions_total{code=\"allowed\"} 2"), "{text}");
    assert!(text.contains("claviger_decisions_total{code=\"insufficient_permission\"} 1"), "{text}");
}
