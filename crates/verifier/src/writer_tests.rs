use super::*;
use crate::fixtures::*;
use crate::verify::About;
use claviger_core::decision::{Code, KeyStanding, Reach};
use claviger_core::event::Entity;
use claviger_core::feed::{KeyRecord, MemberRecord, OrganizationRecord, RoleRecord, UserRecord};
use claviger_core::id::{KeyId, OrganizationId, RoleId, UserId};
use claviger_core::limits::TREE_LEVELS_MAX;
use claviger_core::policy::{OwnPolicy, Reveal, Setting};
use claviger_core::secret::SecretState;
use proptest::prelude::*;

fn frame(epoch: u64, from: u64, to: u64, changes: Vec<Change>) -> Frame {
    Frame { from: Position { epoch, seq: from }, to: Position { epoch, seq: to }, changes }
}

#[test]
fn a_frame_that_leaves_something_out_is_refused_whole() {
    let mut world = World::new();
    world.member_with_key(10, 3, ADMIN);
    let seq = world.writer.position().expect("loaded").seq;
    let revoked = || vec![Change::Gone(KeyId::from_u128(10).into())];
    for gap in [frame(1, seq + 1, seq + 2, revoked()), frame(2, seq, seq + 1, revoked()), frame(0, 0, 1, revoked())] {
        let refused = world.writer.apply(&gap).expect_err("a gap");
        assert_eq!((refused.at, refused.from), (world.replica.position(), gap.from));
        assert_eq!(world.code(10, "contacts:read"), None, "nothing of it was applied");
    }
    // One that overlaps leaves nothing out, and one that is old says nothing new.
    world.writer.apply(&frame(1, seq - 1, seq + 5, revoked())).expect("no gap");
    assert_eq!(world.replica.position(), Some(Position { epoch: 1, seq: seq + 5 }));
    assert_eq!(world.code(10, "contacts:read"), Some(Code::Revoked));
    world.writer.apply(&frame(1, 0, 1, vec![Told::from(key(10, 3, Some(10))).0])).expect("no gap");
    assert_eq!(world.replica.position(), Some(Position { epoch: 1, seq: seq + 5 }));
    assert_eq!(world.code(10, "contacts:read"), Some(Code::Revoked));
}

#[test]
fn a_load_takes_the_place_of_everything_at_once() {
    let mut world = World::new();
    world.member_with_key(10, 3, ADMIN);
    world.member_with_key(11, 3, ADMIN);
    world.writer.begin_load(0);
    world.writer.load([Told::from(key(99, 3, None)).0]);
    assert_eq!(world.code(10, "contacts:read"), None, "it answers from the old tables meanwhile");
    assert_eq!(world.code(99, "contacts:read"), Some(Code::NotFound));
    world.writer.begin_load(0);
    let mut rows = World::base();
    // After a restore the rows are older than what was held, and some are missing.
    rows.extend([Told::from(key(10, 3, Some(10))).0, Told::from(user(10)).0, Told::from(member(10, 3, ADMIN)).0]);
    world.writer.load(rows);
    world.writer.finish_load(Position { epoch: 2, seq: 1 });
    assert_eq!(world.replica.position(), Some(Position { epoch: 2, seq: 1 }));
    assert_eq!(world.code(10, "contacts:read"), None);
    assert_eq!(world.code(11, "contacts:read"), Some(Code::NotFound), "it is not in the restored rows");
    assert_eq!(world.code(99, "contacts:read"), Some(Code::NotFound), "the load that was given up left nothing");
}

#[test]
fn an_organization_s_settings_reach_all_below_at_once() {
    let mut world = World::new();
    let policy = |world: &World, id| world.replica.policy(OrganizationId::from_u128(id)).expect("held");
    let told = |id, parent, policy, version| OrganizationRecord { policy, version, ..organization(id, parent) };
    let own = |reveal| OwnPolicy { reveal: Some(reveal), ..OwnPolicy::default() };
    world.tell([told(3, Some(2), own(Reveal::OwnerAndAdmins), 2).into()]);
    assert_eq!(policy(&world, 3).reveal, Reveal::OwnerAndAdmins);
    let locked = OwnPolicy { locked: [Setting::Reveal].into(), ..own(Reveal::Owner) };
    world.tell([told(ROOT, None, locked, 2).into()]);
    assert_eq!([2, 3, 4].map(|id| policy(&world, id).reveal), [Reveal::Owner; 3]);
    let path = |world: &World, id| world.replica.path(OrganizationId::from_u128(id)).len();
    assert_eq!([ROOT, 2, 3, 4, 99].map(|id| path(&world, id)), [1, 2, 3, 3, 0]);
    // Under another parent, everything moves along.
    world.tell([organization(5, Some(ROOT)).into(), told(2, Some(5), OwnPolicy::default(), 2).into()]);
    assert_eq!([2, 3, 5].map(|id| path(&world, id)), [3, 4, 2]);
}

#[test]
fn a_tree_too_deep_or_in_a_ring_reaches_nothing() {
    let mut world = World::new();
    let levels = TREE_LEVELS_MAX as u128;
    for level in 0..=levels {
        world.tell([organization(100 + level, level.checked_sub(1).map(|it| 100 + it)).into()]);
    }
    let path = |world: &World, id| world.replica.path(OrganizationId::from_u128(id)).len();
    assert_eq!((path(&world, 100 + levels - 1), path(&world, 100 + levels)), (TREE_LEVELS_MAX, 0));
    world.tell([OrganizationRecord { version: 2, ..organization(100, Some(103)) }.into()]);
    assert_eq!([100, 101, 103, 105].map(|id| path(&world, id)), [0; 4]);
    world.tell([OrganizationRecord { version: 3, ..organization(100, None) }.into()]);
    assert_eq!([100, 101, 103, 105].map(|id| path(&world, id)), [1, 2, 4, 6]);
}

#[test]
fn an_organization_is_found_by_what_it_is_called_now() {
    let mut world = World::new();
    let find = |world: &World, name: &str| world.replica.find_organization(name).map(|it| it.as_u128());
    world.tell([OrganizationRecord { slug: "acme".into(), version: 2, ..organization(3, Some(2)) }.into()]);
    assert_eq!(["acme", "organization-3", "host:3"].map(|it| find(&world, it)), [Some(3), None, Some(3)]);
    // A slug goes before an external id of the same text.
    world
        .tell([OrganizationRecord { external_id: Some("acme".into()), version: 2, ..organization(4, Some(2)) }.into()]);
    assert_eq!(find(&world, "acme"), Some(3));
    world.gone(OrganizationId::from_u128(3));
    assert_eq!(["acme", "host:3"].map(|it| find(&world, it)), [Some(4), None]);
    assert_eq!(find(&world, "org_00000000000000000000000002"), Some(2));
}

#[test]
fn a_secret_of_another_key_stays_that_key_s() {
    let mut world = World::new();
    world.member_with_key(10, 3, ADMIN);
    world.member_with_key(11, 4, ADMIN);
    let mut thief = KeyRecord { version: 2, ..key(11, 4, Some(11)) };
    thief.secrets.push(secret(10, SecretState::Current));
    world.tell([thief.into()]);
    let verdict = world.verify(10, &GOOD);
    assert_eq!(verdict.facts().expect("found").key_id(), KeyId::from_u128(10));
    assert_eq!((world.code(11, "contacts:read"), world.replica.counts().unreadable), (None, 1), "an alarm is raised");
}

#[test]
fn what_has_ended_never_comes_back() {
    let mut world = World::new();
    world.member_with_key(10, 3, ADMIN);
    let told = |version, standing, state| KeyRecord {
        version,
        standing,
        secrets: vec![secret(10, state), secret(11, SecretState::Current)],
        ..key(10, 3, Some(10))
    };
    world.tell([told(2, KeyStanding::Active, SecretState::Dead).into()]);
    world.tell([told(3, KeyStanding::Active, SecretState::Current).into()]);
    assert_eq!([10, 11].map(|it| world.code(it, "contacts:read")), [Some(Code::Revoked), None], "a dead secret");
    world.tell([
        KeyRecord { version: 4, secrets: vec![secret(12, SecretState::Current)], ..key(10, 3, Some(10)) }.into()
    ]);
    assert_eq!(
        [11, 12].map(|it| world.code(it, "contacts:read")),
        [Some(Code::Revoked), None],
        "one not named any more"
    );
    world.tell([told(5, KeyStanding::Revoked, SecretState::Dead).into()]);
    world.tell([told(6, KeyStanding::Active, SecretState::Dead).into()]);
    assert_eq!(world.code(11, "contacts:read"), Some(Code::Revoked), "a revoked key");
    world.gone(KeyId::from_u128(30));
    world.tell([key(30, 3, Some(10)).into()]);
    assert_eq!(world.code(30, "contacts:read"), Some(Code::NotFound), "one that was gone before it was told of");
    for entity in [Entity::from(RoleId::from_u128(ADMIN)), UserId::from_u128(10).into(), KeyId::from_u128(10).into()] {
        world.gone(entity);
    }
    let version = 9;
    world.tell([
        KeyRecord { version, ..key(10, 3, Some(10)) }.into(),
        RoleRecord { version, ..role(ADMIN, &["*:*"], true) }.into(),
        UserRecord { version, ..user(10) }.into(),
        KeyRecord { role_id: Some(RoleId::from_u128(ADMIN)), ..key(20, 3, None) }.into(),
        key(21, 3, Some(10)).into(),
    ]);
    let codes = [10, 20, 21].map(|it| world.code(it, "contacts:read"));
    assert_eq!(codes, [Some(Code::Revoked), Some(Code::InsufficientPermission), Some(Code::ApiAccessDenied)]);
}

/// One version of one of a few things, made of a number: the same number is the same record.
fn version_of(thing: u128, version: u64, dice: u64) -> Told {
    let pick = |from: u32, count: u64| u128::from(dice >> from & 0xff) % u128::from(count);
    let revoked_from = 3 + thing as u64 % 4;
    match thing {
        0..=4 => {
            let parent = [None, Some(1), Some(2), Some(3), Some(2)][pick(0, 5) as usize].filter(|it| *it < 5 + thing);
            let slug = format!("organization-{}-{}", 5 + thing, version % 3);
            let policy = OwnPolicy { max_stale_secs: Some(60 + pick(8, 4) as u32), ..OwnPolicy::default() };
            let suspended = pick(16, 8) == 0;
            OrganizationRecord { slug, policy, suspended, version, ..organization(5 + thing, parent) }.into()
        }
        5..=7 => {
            let texts: [&[&str]; 4] = [&["*:*"], &["contacts:read"], &[], &["contacts/7:read", "contacts:update"]];
            RoleRecord { version, ..role(thing, texts[pick(0, 4) as usize], pick(8, 3) != 0) }.into()
        }
        8..=10 => UserRecord { active: pick(0, 5) != 0, version, ..user(thing) }.into(),
        11..=16 => {
            let (user, organization) = (8 + (thing - 11) % 3, [1, 2, 5, 6, 7][(thing - 11) as usize % 5]);
            MemberRecord { version, ..member(user, organization, [1, 5, 6, 7][pick(0, 4) as usize]) }.into()
        }
        _ => {
            let user = |from| [None, Some(8), Some(9), Some(10)][pick(from, 4) as usize].map(UserId::from_u128);
            let state = match version {
                1 | 2 => SecretState::Current,
                3 | 4 => SecretState::Retiring { until: at(if thing.is_multiple_of(2) { 50 } else { 150 }) },
                _ => SecretState::Dead,
            };
            let mut record = KeyRecord {
                role_id: [None, Some(1), Some(5), Some(7)][pick(0, 4) as usize].map(RoleId::from_u128),
                mapped_user_id: user(8),
                owner_id: user(16),
                reach: [Reach::Organization, Reach::Subtree][pick(24, 2) as usize],
                scopes: [None, Some(permissions(&["contacts:*"])), Some(permissions(&["contacts/7:*"]))]
                    [pick(32, 3) as usize]
                    .clone(),
                standing: if version >= revoked_from { KeyStanding::Revoked } else { KeyStanding::Active },
                name: "x".repeat(pick(40, 30) as usize),
                metadata: (pick(48, 2) == 0).then(|| format!(r#"{{"version":{version}}}"#)),
                secrets: vec![secret(thing, state)],
                version,
                ..key(thing, [3, 5, 6, 7][pick(56, 4) as usize], None)
            };
            if version >= 3 {
                record.secrets.push(secret(thing + 100, SecretState::Current));
            }
            record.into()
        }
    }
}

const THINGS: u128 = 23;

/// Everything that can be asked of a replica about these things.
fn answers(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for number in (17..THINGS).flat_map(|it| [it, it + 100]) {
        for organization in [About::Own, About::Named("organization-3"), About::Named("host:6"), About::Named("host:7")]
        {
            for permission in ["contacts:read", "contacts/7:read", "contacts:update"] {
                all.push(format!("{number} {organization:?} {:?}", world.code_at(number, organization, permission)));
            }
        }
        let verdict = world.verify(number, &GOOD);
        all.extend(verdict.facts().map(|it| {
            let texts = (it.key_name(), it.metadata_json(), it.role_name(), it.organization_slug());
            format!("{:?} {texts:?} {:?} {:?}", it.key_id(), it.mapped_user_name(), it.permissions())
        }));
    }
    for id in (1..10).map(OrganizationId::from_u128) {
        all.push(format!("{:?} {:?}", world.replica.path(id), world.replica.policy(id)));
        for user in (8..11).map(UserId::from_u128) {
            all.push(format!("{:?}", world.replica.membership_at(user, id)));
        }
    }
    for version in 0..3 {
        let find = |it| world.replica.find_organization(&format!("organization-{it}-{version}"));
        all.push(format!("{:?}", [5, 6, 7, 8, 9].map(find)));
    }
    all.extend((8..11).map(|user| format!("{:?}", world.replica.memberships(UserId::from_u128(user)))));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever the order, the repetitions and the cut between load and log: in the end it answers as if it had been told the last versions only.
    #[test]
    fn the_order_of_what_it_is_told_makes_no_difference(
        told in proptest::collection::vec((0..THINGS, 1_u64..7, any::<u64>()), 1..150),
        order in any::<u64>(),
        cut in 0_usize..100,
        gone in proptest::collection::btree_set(0..THINGS, 0..3),
    ) {
        let mut by_version = std::collections::BTreeMap::new();
        for (thing, version, dice) in told {
            by_version.entry((thing, version)).or_insert(dice);
        }
        let change = |(thing, version), dice| version_of(thing, version, dice).0;
        let entity = |thing| match version_of(thing, 1, 0).0 {
            Change::Put(record) => record.entity(),
            Change::Gone(entity) | Change::Unreadable(entity) => entity,
        };
        // Every version once or twice, and the ends among them, in an order drawn from the number.
        let mut stream: Vec<(u64, Change)> = Vec::new();
        let mut dice = order | 1;
        let mut next = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            dice >> 20
        };
        for (key, value) in &by_version {
            for _ in 0..=next() % 2 {
                stream.push((next(), change(*key, *value)));
            }
        }
        stream.extend(gone.iter().map(|thing| (next(), Change::Gone(entity(*thing)))));
        stream.sort_by_key(|it| it.0);
        let mut stream: Vec<_> = stream.into_iter().map(|it| it.1).collect();
        let logged = stream.split_off(cut.min(stream.len()));

        let mut shuffled = World::new();
        shuffled.load(World::base().into_iter().chain(stream).collect());
        for (from, change) in (0..).zip(logged) {
            shuffled.writer.apply(&frame(1, from, from + 1, vec![change])).expect("no gap");
        }

        let last: std::collections::BTreeMap<_, _> = by_version.iter().map(|(key, dice)| (key.0, (key.1, *dice))).collect();
        let mut direct = World::new();
        let rows = last.iter().filter(|it| !gone.contains(it.0)).map(|(thing, (version, dice))| change((*thing, *version), *dice));
        let ended = gone.iter().map(|thing| Change::Gone(entity(*thing)));
        direct.load(World::base().into_iter().chain(rows).chain(ended).collect());

        // A key that is gone is still told from one that never was: only where it was told of before its end.
        let dead_or_unknown = |it: &String| gone.iter().any(|thing| it.starts_with(&format!("{thing} ")) || it.starts_with(&format!("{} ", thing + 100)) || it.starts_with(&format!("{:?} ", KeyId::from_u128(*thing))));
        let keep = |all: Vec<String>| all.into_iter().filter(|it| !dead_or_unknown(it)).collect::<Vec<_>>();
        prop_assert_eq!(keep(answers(&shuffled)), keep(answers(&direct)));
        for thing in gone.iter().filter(|it| **it >= 17) {
            for number in [*thing, thing + 100] {
                prop_assert!(shuffled.code(number, "contacts:read").is_some());
            }
        }
    }
}
