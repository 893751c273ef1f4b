use super::*;
use crate::fixtures::*;
use claviger_core::decision::{Check, KeyStanding, Reach};
use claviger_core::feed::KeyRecord;
use claviger_core::id::{MemberId, RoleId};
use claviger_core::name::KeyPrefix;
use claviger_core::network::IpAllowList;
use claviger_core::permission::PermissionSet;
use claviger_core::policy::OwnPolicy;
use claviger_core::secret::{SecretState, Token};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

fn organization_id(id: u128) -> OrganizationId {
    OrganizationId::from_u128(id)
}

fn newer<T>(mut record: T, version: impl FnOnce(&mut T) -> &mut u64) -> T {
    *version(&mut record) += 1;
    record
}

// S0.5: allowed lets non-admins use keys; back to not allowed, their existing keys stop, and allowed again they go on.
// S0.2: an admin's key works whatever the switch says.
#[test]
fn keys_of_non_admins_stop_and_go_with_their_role_s_api_access() {
    let mut world = World::new();
    world.tell([role(9, &["contacts:read"], true).into()]);
    world.member_with_key(10, 3, 9);
    world.member_with_key(11, 3, ADMIN);
    assert_eq!(world.code(10, "contacts:read"), None);
    for (version, api_access, expected) in [(2, false, Some(Code::ApiAccessDenied)), (3, true, None)] {
        let switched = claviger_core::feed::RoleRecord { version, ..role(9, &["contacts:read"], api_access) };
        let admins = claviger_core::feed::RoleRecord { version, ..role(ADMIN, &["*:*"], api_access) };
        world.tell([switched.into(), admins.into()]);
        assert_eq!(world.code(10, "contacts:read"), expected);
        assert_eq!(world.code(11, "contacts:read"), None, "admins have access whatever the switch says");
    }
}

// S1.19: an agency key reaches the agency and its locations, a location key only its location.
#[test]
fn a_key_reaches_its_subtree_only_if_it_says_so() {
    let mut world = World::new();
    world.tell([user(10).into(), member(10, 2, ADMIN).into(), member(10, 3, ADMIN).into()]);
    world.tell([
        KeyRecord { reach: Reach::Subtree, ..key(20, 2, Some(10)) }.into(),
        KeyRecord { reach: Reach::Organization, ..key(21, 2, Some(10)) }.into(),
        KeyRecord { reach: Reach::Subtree, ..key(22, 3, Some(10)) }.into(),
    ]);
    let code = |number, organization: &str| world.code_at(number, About::Named(organization), "contacts:read");
    for (number, allowed) in [(20, vec![2, 3, 4]), (21, vec![2]), (22, vec![3])] {
        for organization in [ROOT, 2, 3, 4, 99] {
            let expected = (!allowed.contains(&organization)).then_some(Code::OutOfReach);
            assert_eq!(code(number, &format!("organization-{organization}")), expected, "{number} at {organization}");
            assert_eq!(code(number, &format!("host:{organization}")), expected);
            assert_eq!(code(number, &organization_id(organization).to_string()), expected);
            assert_eq!(world.code_at(number, About::Id(organization_id(organization)), "contacts:read"), expected);
        }
    }
}

// S2.12, S2.13: a key reaches what its mapped user may, a change of that user's permissions counts at once, and so does mapping it to
// another user.
#[test]
fn a_key_has_the_rights_of_its_mapped_user() {
    let mut world = World::new();
    world.tell([role(9, &["scorecards/A:read", "scorecards/A:update"], true).into()]);
    world.member_with_key(10, 3, 9);
    assert_eq!(world.code(10, "scorecards/A:update"), None);
    assert_eq!(world.code(10, "scorecards/B:update"), Some(Code::InsufficientPermission));
    let asked = [Asked::parse("scorecards:read").expect("a permission")];
    let list = Ask { permissions: &asked, ..GOOD };
    let elements = |world: &World| match world.verify(10, &list).decision().clone() {
        Decision::Allowed { elements } => elements.map(|it| it.into_iter().map(String::from).collect::<Vec<_>>()),
        Decision::Denied(code) => panic!("{code:?}"),
    };
    assert_eq!(elements(&world), Some(vec!["A".to_owned()]));

    let mut extended = member(10, 3, 9);
    extended.extra_permissions = permissions(&["scorecards/B:read"]);
    world.tell([newer(extended, |it| &mut it.version).into()]);
    assert_eq!(elements(&world), Some(vec!["A".to_owned(), "B".to_owned()]));
    assert_eq!(world.code(10, "scorecards/B:update"), Some(Code::InsufficientPermission));

    world.tell([user(11).into(), member(11, 3, ADMIN).into()]);
    world.tell([KeyRecord { mapped_user_id: Some(UserId::from_u128(11)), version: 2, ..key(10, 3, Some(10)) }.into()]);
    assert_eq!(world.code(10, "scorecards/B:update"), None);
    let verdict = world.verify(10, &GOOD);
    assert_eq!(verdict.facts().expect("found").mapped_user_name(), Some("User 11"));
}

// S2.12: the rights are the mapped user's where the request points to, and the nearest membership counts.
#[test]
fn rights_are_those_of_the_nearest_membership_at_the_place_asked_for() {
    let mut world = World::new();
    world.tell([role(9, &["contacts:read"], true).into(), user(10).into()]);
    world.tell([member(10, 2, ADMIN).into(), member(10, 3, 9).into(), member(10, ROOT, READONLY).into()]);
    world.tell([KeyRecord { reach: Reach::Subtree, ..key(10, 2, Some(10)) }.into()]);
    let code = |organization| world.code_at(10, About::Id(organization_id(organization)), "contacts:update");
    assert_eq!(code(2), None);
    assert_eq!(code(4), None, "the agency's membership reaches down");
    assert_eq!(code(3), Some(Code::InsufficientPermission), "the nearer one is narrower");
}

#[test]
fn a_mapped_user_who_has_left_takes_the_key_along() {
    let mut world = World::new();
    world.member_with_key(10, 3, ADMIN);
    world.gone(MemberId::from_u128(10 << 32 | 3));
    assert_eq!(world.code(10, "contacts:read"), Some(Code::ApiAccessDenied), "the owner is no admin any more");
    world.tell([KeyRecord { owner_id: None, version: 2, ..key(10, 3, Some(10)) }.into()]);
    assert_eq!(world.code(10, "contacts:read"), Some(Code::UserInactive));
    // A membership from above is still one.
    world.tell([member(10, 2, ADMIN).into()]);
    assert_eq!(world.code(10, "contacts:read"), None);
    world.tell([claviger_core::feed::UserRecord { active: false, version: 2, ..user(10) }.into()]);
    assert_eq!(world.code(10, "contacts:read"), Some(Code::UserInactive));
}

// S2.10 and R4: strictly before the instant it passes, at it and after it does not.
#[test]
fn expiry_and_the_end_of_an_overlap_are_exact() {
    let mut world = World::new();
    let (until, expiry) = (at(1000), at(2000));
    let secrets = vec![secret(10, SecretState::Retiring { until }), secret(11, SecretState::Current)];
    world.tell([KeyRecord {
        role_id: Some(RoleId::from_u128(ADMIN)),
        expires_at: Some(expiry),
        secrets,
        ..key(10, 3, None)
    }
    .into()]);
    let code = |number: u128, now: i64| {
        let now = Timestamp::from_micros(now).expect("in range");
        world.replica.verify_digest(&digest(number), &GOOD, now).decision().code()
    };
    for (number, end) in [(10, until), (11, expiry)] {
        for step in -1000..=1000 {
            let expected = (step >= 0).then_some(Code::Expired);
            assert_eq!(code(number, end.as_micros() + step), expected, "secret {number}, {step} µs from its end");
        }
    }
}

#[test]
fn every_refusal_has_its_code() {
    let mut world = World::new();
    let office = IpAllowList::parse(&["203.0.113.0/24"]).expect("a list");
    let admin = |id| KeyRecord { role_id: Some(RoleId::from_u128(ADMIN)), ..key(id, 3, None) };
    world.tell([
        admin(20).into(),
        KeyRecord { standing: KeyStanding::Inactive, ..admin(21) }.into(),
        KeyRecord { standing: KeyStanding::Revoked, ..admin(22) }.into(),
        KeyRecord { secrets: vec![secret(23, SecretState::Dead)], ..admin(23) }.into(),
        KeyRecord { scopes: Some(permissions(&["contacts:read"])), ..admin(24) }.into(),
        KeyRecord { scopes: Some(PermissionSet::nothing()), ..admin(25) }.into(),
        KeyRecord { allowed_ips: Some(office.clone()), ..admin(26) }.into(),
        KeyRecord { api_id: claviger_core::id::ApiId::from_u128(LOADER), ..admin(27) }.into(),
        key(28, 3, None).into(),
    ]);
    let table = [
        (20, None),
        (21, Some(Code::Inactive)),
        (22, Some(Code::Revoked)),
        (23, Some(Code::Revoked)),
        (24, Some(Code::InsufficientPermission)),
        (25, Some(Code::InsufficientPermission)),
        (26, Some(Code::IpNotAllowed)),
        (27, Some(Code::WrongApi)),
        (28, Some(Code::InsufficientPermission)),
        (29, Some(Code::NotFound)),
    ];
    for (number, expected) in table {
        assert_eq!(world.code(number, "contacts:update"), expected, "{number}");
    }
    assert_eq!(world.code(24, "contacts:read"), None);
    let from = |ip: &str| Ask { ip: ip.parse().ok(), ..GOOD };
    assert!(world.verify(26, &from("203.0.113.9")).is_allowed());
    assert!(!world.verify(26, &from("203.0.114.9")).is_allowed());
    let loader = |number, api| world.verify(number, &Ask { api, ..GOOD }).decision().code();
    assert_eq!(loader(27, Some("data-loader")), None);
    assert_eq!(loader(20, Some("data-loader")), Some(Code::WrongApi));
    assert_eq!(loader(20, Some("unheard-of")), Some(Code::WrongApi));
    assert_eq!(loader(20, None), None);
    world.tell([newer(organization(3, Some(2)), |it| &mut it.version).into()]);
    let mut agency = newer(organization(2, Some(ROOT)), |it| &mut it.version);
    agency.suspended = true;
    world.tell([agency.into()]);
    assert_eq!(world.code(20, "contacts:update"), Some(Code::OrganizationSuspended), "suspended from above");
}

#[test]
fn a_wrong_checksum_is_malformed_and_a_right_one_unknown() {
    let world = World::new();
    let code = |prefix: &str, spoil: bool| {
        let prefix = KeyPrefix::parse(prefix).expect("a prefix");
        let mut token = Token::generate(&prefix, &mut ChaCha20Rng::seed_from_u64(1)).expose().to_owned();
        if spoil {
            token.pop();
            token.push('x');
        }
        let presented = Presented::token(token.as_bytes()).expect("a token");
        world.replica.verify(&presented, &GOOD, at(100)).decision().code()
    };
    assert_eq!(code("ck", true), Some(Code::Malformed));
    assert_eq!(code("dl", true), Some(Code::Malformed));
    assert_eq!(code("ck", false), Some(Code::NotFound));
    assert_eq!(code("other", true), Some(Code::NotFound), "nobody's prefix: perhaps an imported key");
}

// S2.24, S2.25: both parts as one pair, swapped they are nothing.
#[test]
fn a_pair_opens_the_same_key_as_its_token() {
    let mut world = World::new();
    let prefix = KeyPrefix::parse("ck").expect("a prefix");
    let token = Token::generate(&prefix, &mut ChaCha20Rng::seed_from_u64(1));
    let mut record = KeyRecord { role_id: Some(RoleId::from_u128(ADMIN)), ..key(10, 3, None) };
    record.secrets[0].digest = token.digest();
    world.tell([record.into()]);
    let (access, secret) = (token.access_id(), token.expose_secret_part());
    let code = |presented: Result<Presented<'_>, _>| {
        world.replica.verify(&presented.expect("in bounds"), &GOOD, at(100)).decision().code()
    };
    assert_eq!(code(Presented::token(token.expose().as_bytes())), None);
    assert_eq!(code(Presented::pair(access.as_str().as_bytes(), secret.as_bytes())), None);
    let swapped = code(Presented::pair(secret.as_bytes(), access.as_str().as_bytes()));
    assert_eq!(swapped, Some(Code::NotFound));
    assert_eq!(code(Presented::token(access.as_str().as_bytes())), Some(Code::NotFound));
}

// S9: policy decides what becomes of a key in a query string.
#[test]
fn a_key_in_a_query_string_is_a_matter_of_policy() {
    let mut world = World::new();
    world.tell([KeyRecord { role_id: Some(RoleId::from_u128(ADMIN)), ..key(10, 3, None) }.into()]);
    let policies = [
        (QueryStringKeys::Warn, true, true),
        (QueryStringKeys::Allow, true, false),
        (QueryStringKeys::Deny, false, false),
    ];
    for ((policy, allowed, warns), version) in policies.into_iter().zip(2..) {
        let policy = OwnPolicy { query_string_keys: Some(policy), ..OwnPolicy::default() };
        world.tell([claviger_core::feed::OrganizationRecord { policy, version, ..organization(2, Some(ROOT)) }.into()]);
        let judge = |query: &str, header: &str| {
            let mut sources = crate::credential::Sources::new();
            sources.query(query);
            sources.header("X-Api-Key", header.as_bytes());
            let presented = sources.extract().expect("one credential").expect("a credential");
            let verdict = world.replica.verify(&presented, &GOOD, at(100));
            (verdict.is_allowed(), verdict.warns_of_query(), verdict.refusal())
        };
        let refusal = (!allowed).then_some(RejectCode::QueryStringKeyDenied);
        let in_query = format!("api_key={}", token(10));
        assert_eq!(judge(&in_query, &token(10)), (allowed, warns, refusal));
        assert_eq!(judge("", &token(10)), (true, false, None), "a header is nobody's concern");
        let unknown = judge("api_key=unknown", "unknown");
        assert_eq!(unknown, (false, false, Some(RejectCode::Decision(Code::NotFound))));
    }
}

#[test]
fn facts_are_told_whenever_the_digest_was_found() {
    let mut world = World::new();
    world.member_with_key(10, 2, ADMIN);
    let metadata = Some(r#"{"plan":"gold"}"#.to_owned());
    let told = KeyRecord {
        metadata: metadata.clone(),
        reach: Reach::Subtree,
        expires_at: Some(at(50)),
        version: 2,
        ..key(10, 2, Some(10))
    };
    world.tell([told.into()]);
    let ask = Ask { organization: About::Named("organization-3"), ..GOOD };
    let verdict = world.verify(10, &ask);
    assert_eq!(verdict.decision().code(), Some(Code::Expired));
    let facts = verdict.facts().expect("found");
    assert_eq!((facts.key_id(), facts.secret_id().as_u128()), (KeyId::from_u128(10), 10));
    assert_eq!((facts.key_name().as_str(), facts.metadata_json()), ("Key 10", metadata));
    assert_eq!((facts.expires_at(), facts.api_slug().as_deref()), (Some(at(50)), Some("default")));
    assert_eq!((facts.organization_slug(), facts.organization_external_id()), (Some("organization-3"), Some("host:3")));
    assert_eq!(facts.key_organization_id(), organization_id(2));
    let mapped = (facts.mapped_user_id(), facts.mapped_user_external_id(), facts.mapped_user_name());
    assert_eq!(mapped, (Some(UserId::from_u128(10)), Some("user:10"), Some("User 10")));
    assert_eq!((facts.role_name(), facts.permissions()), (Some("role 1"), permissions(&["*:*"])));
    let above = world.verify(10, &Ask { organization: About::Named("organization-1"), ..GOOD });
    let told = above.facts().expect("found").organization_id();
    assert_eq!(told, organization_id(2), "what is out of reach is not told of");
    assert!(world.verify(11, &GOOD).facts().is_none());
    assert!(!format!("{verdict:?} {facts:?} {:?}", world.replica).contains("imported"));
}

#[test]
fn what_is_not_known_denies_and_never_widens() {
    type Spoil = (&'static str, fn(&mut World), Option<Code>);
    let spoils: [Spoil; 8] = [
        ("nothing", |_| {}, None),
        ("the key's role", |it| it.gone(RoleId::from_u128(8)), Some(Code::InsufficientPermission)),
        ("the member's role", |it| it.gone(RoleId::from_u128(9)), Some(Code::ApiAccessDenied)),
        ("the user", |it| it.gone(UserId::from_u128(10)), Some(Code::ApiAccessDenied)),
        ("the organization", |it| it.gone(organization_id(3)), Some(Code::OutOfReach)),
        ("one above", |it| it.gone(organization_id(2)), Some(Code::OutOfReach)),
        ("the api", |it| it.gone(api_entity()), Some(Code::WrongApi)),
        ("the key", |it| it.gone(KeyId::from_u128(10)), Some(Code::Revoked)),
    ];
    for (what, spoil, expected) in spoils {
        let mut world = full_world();
        spoil(&mut world);
        assert_eq!(world.code(10, "contacts:read"), expected, "{what}");
    }
    // The same where they were never told of, and where nothing in particular is asked.
    let mut world = World::new();
    for (id, role) in [(20, Some(77)), (21, None)] {
        world.tell([KeyRecord { role_id: role.map(RoleId::from_u128), ..key(id, 3, None) }.into()]);
        assert_eq!(world.verify(id, &GOOD).decision().code(), Some(Code::InsufficientPermission));
    }
    world.tell([KeyRecord { owner_id: None, ..key(22, 3, Some(78)) }.into(), key(23, 79, None).into()]);
    assert_eq!(world.verify(22, &GOOD).decision().code(), Some(Code::UserInactive));
    assert_eq!(world.verify(23, &GOOD).decision().code(), Some(Code::OutOfReach));
}

fn api_entity() -> claviger_core::event::Entity {
    claviger_core::event::Entity { kind: claviger_core::event::EntityKind::Api, id: DEFAULT }
}

/// A key with a role of its own, mapped to a member.
fn full_world() -> World {
    let mut world = World::new();
    world.tell([role(8, &["*:*"], false).into(), role(9, &["contacts:*"], true).into()]);
    world.member_with_key(10, 3, 9);
    world.tell([KeyRecord { role_id: Some(RoleId::from_u128(8)), version: 2, ..key(10, 3, Some(10)) }.into()]);
    world
}

#[test]
fn what_cannot_be_read_makes_the_answer_stale_until_it_can() {
    let spoils: [(&str, claviger_core::event::Entity); 6] = [
        ("the key's role", RoleId::from_u128(8).into()),
        ("the member's role", RoleId::from_u128(9).into()),
        ("the user", UserId::from_u128(10).into()),
        ("the membership", MemberId::from_u128(10 << 32 | 3).into()),
        ("one above", organization_id(2).into()),
        ("the key", KeyId::from_u128(10).into()),
    ];
    for (what, entity) in spoils {
        let mut world = full_world();
        world.member_with_key(11, ROOT, ADMIN);
        world.unreadable(entity);
        assert_eq!(world.code(10, "contacts:read"), Some(Code::Stale), "{what}");
        assert_eq!(world.code(11, "contacts:read"), None, "{what} is nothing to others");
        assert_eq!(world.replica.counts().unreadable, 1);
        world.tell([role(8, &["*:*"], false).into(), user(10).into(), key(10, 3, Some(10)).into()]);
        assert_eq!(world.code(10, "contacts:read"), Some(Code::Stale), "what was read before is no news");
        let version = 9;
        world.tell([
            claviger_core::feed::RoleRecord { version, ..role(8, &["*:*"], false) }.into(),
            claviger_core::feed::RoleRecord { version, ..role(9, &["contacts:*"], true) }.into(),
            claviger_core::feed::UserRecord { version, ..user(10) }.into(),
            claviger_core::feed::MemberRecord { version, ..member(10, 3, 9) }.into(),
            claviger_core::feed::OrganizationRecord { version, ..organization(2, Some(ROOT)) }.into(),
            KeyRecord { version, ..key(10, 3, Some(10)) }.into(),
        ]);
        assert_eq!((world.code(10, "contacts:read"), world.replica.counts().unreadable), (None, 0), "{what}");
    }
}

#[test]
fn past_its_age_it_says_stale_to_everyone_but_the_mistyped() {
    use std::sync::atomic::{AtomicU64, Ordering};
    static UPTIME: AtomicU64 = AtomicU64::new(1000);
    let (replica, writer) = Replica::new([7; 32], Box::new(|| Duration::from_secs(UPTIME.load(Ordering::Relaxed))));
    let mut world = World { replica, writer };
    assert_eq!(world.code(10, "contacts:read"), Some(Code::Stale), "nothing is loaded yet");
    assert!(!world.replica.is_ready());
    let session = world.replica.authorize_user(UserId::from_u128(10), organization_id(3), &[], at(100));
    assert_eq!(session.expect_err("not ready").code, RejectCode::Decision(Code::Stale));
    world.load(World::base());
    world.member_with_key(10, 3, ADMIN);
    let strict = OwnPolicy { max_stale_secs: Some(60), ..OwnPolicy::default() };
    world.tell([
        claviger_core::feed::OrganizationRecord { policy: strict, version: 2, ..organization(4, Some(2)) }.into()
    ]);
    world.member_with_key(11, 4, ADMIN);
    let day = 24 * 60 * 60;
    for (age, ten, eleven, unknown) in [
        (0, None, None, Code::NotFound),
        (60, None, None, Code::NotFound),
        (61, None, Some(Code::Stale), Code::NotFound),
        (day, None, Some(Code::Stale), Code::NotFound),
        (day + 1, Some(Code::Stale), Some(Code::Stale), Code::Stale),
    ] {
        UPTIME.store(1000 + age, Ordering::Relaxed);
        assert_eq!(world.replica.age(), Duration::from_secs(age));
        let codes = [10, 11, 12].map(|it| world.code(it, "contacts:read"));
        assert_eq!(codes, [ten, eleven, Some(unknown)], "{age} s without news");
    }
    // It says nothing of the key, and would push out what does.
    let ask = Ask { organization: About::Own, api: Some(DEFAULT_API), permissions: &[], ip: None };
    let verdict = world.replica.verify_digest(&digest(11), &ask, at(100));
    let code = verdict.refusal().expect("stale");
    verdict.record_denial(code, at(100), None, None);
    assert_eq!((code, world.replica.drain_denials()), (RejectCode::Decision(Code::Stale), vec![]));
    verdict.record_denial(RejectCode::Decision(Code::Expired), at(100), None, None);
    assert_eq!(world.replica.drain_denials().len(), 1);
    world.replica.heard(Duration::from_secs(5));
    assert_eq!((world.replica.age(), world.code(11, "contacts:read")), (Duration::from_secs(5), None));
}

#[test]
fn a_caller_is_authorized_where_its_key_reaches() {
    let mut world = World::new();
    world.member_with_key(10, 3, ADMIN);
    world.tell([KeyRecord { api_id: claviger_core::id::ApiId::from_u128(LOADER), ..key(11, 3, Some(10)) }.into()]);
    let asked = [Asked::parse("claviger/keys:create").expect("a permission")];
    let authorize = |number, organization| {
        world.replica.authorize(
            &Credential::of_secret(digest(number)),
            organization_id(organization),
            &asked,
            None,
            at(100),
        )
    };
    let tenant = authorize(10, 3).expect("authorized");
    assert_eq!(tenant.organization_id(), organization_id(3));
    assert_eq!(*tenant.actor(), Actor::key(KeyId::from_u128(10), Some(UserId::from_u128(10))));
    assert_eq!(*tenant.rights(), permissions(&["*:*"]));
    for organization in [2, 4, 99] {
        assert_eq!(authorize(10, organization).expect_err("another's"), Reject::not_found());
    }
    assert_eq!(authorize(11, 3).expect_err("a loader key").code, RejectCode::Decision(Code::WrongApi));
    assert_eq!(authorize(12, 3).expect_err("unknown"), Reject::unauthenticated());
}

#[test]
fn a_session_is_authorized_where_its_user_is_a_member() {
    let mut world = World::new();
    world.tell([user(10).into(), member(10, 2, ADMIN).into(), member(10, 4, MEMBER).into(), user(11).into()]);
    let office = IpAllowList::parse(&["203.0.113.0/24"]).ok();
    world.tell([claviger_core::feed::OrganizationRecord {
        allowed_ips: office,
        version: 2,
        ..organization(3, Some(2))
    }
    .into()]);
    let asked = [Asked::parse("claviger/keys:create").expect("a permission")];
    let authorize = |world: &World, user, organization| {
        world.replica.authorize_user(UserId::from_u128(user), organization_id(organization), &asked, at(100))
    };
    assert_eq!(*authorize(&world, 10, 3).expect("a member from above").actor(), Actor::session(UserId::from_u128(10)));
    let refused = authorize(&world, 10, 4).expect_err("the nearest membership is narrower");
    assert_eq!(refused.code, RejectCode::Decision(Code::InsufficientPermission));
    for (user, organization) in [(10, ROOT), (10, 99), (11, 3), (12, 3)] {
        assert_eq!(authorize(&world, user, organization).expect_err("no member"), Reject::not_found());
    }
    world.tell([claviger_core::feed::UserRecord { active: false, version: 2, ..user(10) }.into()]);
    assert_eq!(authorize(&world, 10, 3).expect_err("disabled").code, RejectCode::Decision(Code::UserInactive));
}

#[test]
fn a_trace_names_every_check() {
    let mut world = World::new();
    world.member_with_key(10, 3, ADMIN);
    let token = token(10);
    let presented = Presented::token(token.as_bytes()).expect("a token");
    let (verdict, trace) = world.replica.explain(&presented, &Ask { api: Some("data-loader"), ..GOOD }, at(100));
    assert_eq!(verdict.decision().code(), Some(Code::WrongApi));
    let denied: Vec<_> = trace.iter().filter(|it| it.denied.is_some()).map(|it| it.check).collect();
    assert_eq!((trace.len(), denied), (14, vec![Check::Api]));
    assert!(world.replica.drain_uses(10).is_empty(), "asking counts as no use");
}

// S6: whatever is presented, the answer is one of the codes and nothing panics.
#[test]
fn any_bytes_get_an_answer() {
    let world = World::new();
    proptest!(|(token in proptest::collection::vec(any::<u8>(), 1..200), reference in "\\PC{0,40}")| {
        let presented = Presented::token(&token).expect("in bounds");
        let ask = Ask { organization: About::Named(&reference), ..GOOD };
        let code = world.replica.verify(&presented, &ask, at(100)).decision().code();
        prop_assert!(matches!(code, Some(Code::NotFound | Code::Malformed)));
    });
}
