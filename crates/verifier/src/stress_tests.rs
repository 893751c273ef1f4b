//! Readers against the writer: what a reader sees is always one version of a key with all it hangs on, and never an old one after a newer one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use claviger_core::decision::Code;
use claviger_core::feed::KeyRecord;
use claviger_core::id::RoleId;
use claviger_core::permission::Asked;
use proptest::prelude::*;

use crate::fixtures::*;
use crate::replica::{Counts, Replica};
use crate::verify::Ask;

/// Runs `read` on three threads until `write` is done, at least once each.
fn race(replica: &Arc<Replica>, read: impl Fn(&Replica) + Sync, write: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        read(replica);
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                })
            })
            .collect();
        write();
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().expect("a reader panicked");
        }
    });
}

#[test]
fn a_reader_sees_one_version_of_a_key_and_never_two() {
    let mut world = World::new();
    world.tell([role(8, &["a:read"], false).into(), role(9, &["b:read"], false).into()]);
    // Two forms of one key that have nothing in common: whatever mixes them allows nothing, or has a text of its own.
    let form = |version: u64| {
        let (role, scopes, name) =
            if version.is_multiple_of(2) { (8, "a:*", "a".repeat(9)) } else { (9, "b:*", "b".repeat(30)) };
        KeyRecord {
            role_id: Some(RoleId::from_u128(role)),
            scopes: Some(permissions(&[scopes, &format!("x{version}:read")])),
            metadata: (version.is_multiple_of(3)).then(|| format!("{{\"{name}\":1}}")),
            name,
            version,
            ..key(10, 3, None)
        }
    };
    world.tell([form(1).into()]);
    let replica = Arc::clone(&world.replica);
    let read = |replica: &Replica| {
        for (permission, role) in [("a:read", "role 8"), ("b:read", "role 9")] {
            let asked = [Asked::parse(permission).expect("a permission")];
            let verdict = replica.verify_digest(&digest(10), &Ask { permissions: &asked, ..GOOD }, at(100));
            let facts = verdict.facts().expect("the key is always there");
            let fits = facts.role_name() == Some(role);
            assert_eq!(verdict.is_allowed(), fits, "{:?} {:?}", verdict.decision(), facts.role_name());
            assert_eq!(
                facts.permissions(),
                permissions(&[if facts.role_name() == Some("role 8") { "a:read" } else { "b:read" }])
            );
            let name = facts.key_name();
            assert!(name == "a".repeat(9) || name == "b".repeat(30), "{name}");
            let metadata = facts.metadata_json().unwrap_or_default();
            assert!([0, 15, 36].contains(&metadata.len()), "{metadata}");
        }
    };
    race(&replica, read, || {
        for version in 2..12_000 {
            // A neighbour takes and gives back blocks of the same sizes.
            let other = KeyRecord { name: "c".repeat((version as usize % 4) * 9), version, ..key(11, 3, None) };
            world.tell([form(version).into(), other.into()]);
        }
    });
}

#[test]
fn a_reader_sees_one_version_of_a_membership_and_never_two() {
    for others in [0, 5] {
        let mut world = World::new();
        world.tell([role(8, &["a:read"], true).into(), role(9, &["b:read"], true).into()]);
        world.member_with_key(10, 3, 8);
        // With more memberships than three they are looked up elsewhere.
        for other in 0..others {
            world.tell([organization(50 + other, Some(ROOT)).into(), member(10, 50 + other, ADMIN).into()]);
        }
        let form = |version: u64| {
            let (role, extra) = if version.is_multiple_of(2) { (8, "x:read") } else { (9, "y:read") };
            let extra_permissions = permissions(&[extra]);
            claviger_core::feed::MemberRecord { extra_permissions, version, ..member(10, 3, role) }
        };
        world.tell([form(2).into()]);
        let forms = [permissions(&["a:read", "x:read"]), permissions(&["b:read", "y:read"])];
        let replica = Arc::clone(&world.replica);
        let read = |replica: &Replica| {
            let verdict = replica.verify_digest(&digest(10), &GOOD, at(100));
            let permissions = verdict.facts().expect("the key is always there").permissions();
            assert!(forms.contains(&permissions), "{permissions:?}");
        };
        race(&replica, read, || {
            for version in 3..12_000 {
                // A neighbour takes the place that was just given back.
                let extra_permissions = permissions(&[&format!("z{version}:read")]);
                let other = claviger_core::feed::MemberRecord { extra_permissions, version, ..member(11, 3, 9) };
                world.tell([form(version).into(), other.into()]);
            }
        });
    }
}

#[test]
fn what_was_told_is_seen_by_everybody_and_stays_seen_while_tables_grow() {
    let mut world = World::new();
    let (told, revoked) = (AtomicU64::new(0), AtomicU64::new(0));
    let replica = Arc::clone(&world.replica);
    let admin = |number: u64, version| KeyRecord {
        role_id: Some(RoleId::from_u128(ADMIN)),
        version,
        ..key(u128::from(number) + 100, 3, None)
    };
    let turn = AtomicU64::new(0);
    let read = |replica: &Replica| {
        // Read before asking: whatever was told by then has to be seen, and whatever was revoked by then denied.
        let (told, revoked) = (told.load(Ordering::Acquire), revoked.load(Ordering::Acquire));
        if told == 0 {
            return;
        }
        let number = turn.fetch_add(7_919, Ordering::Relaxed) % told;
        let code = replica.verify_digest(&digest(u128::from(number) + 100), &GOOD, at(100)).decision().code();
        let expected: &[Option<Code>] =
            if number < revoked { &[Some(Code::Revoked)] } else { &[None, Some(Code::Revoked)] };
        assert!(expected.contains(&code), "{number} of {told}, revoked {revoked}: {code:?}");
    };
    race(&replica, read, || {
        for number in 0..15_000_u64 {
            world.tell([admin(number, 1).into()]);
            told.store(number + 1, Ordering::Release);
            if number % 3 == 2 {
                let next = number / 3;
                let ended = claviger_core::decision::KeyStanding::Revoked;
                world.tell([KeyRecord { standing: ended, ..admin(next, 2) }.into()]);
                revoked.store(next + 1, Ordering::Release);
                // A record that was delayed comes last and changes nothing.
                world.tell([admin(next, 1).into()]);
            }
        }
    });
    assert_eq!(replica.counts().keys, 15_000);
}

#[test]
fn a_load_in_the_middle_is_not_noticed() {
    let mut world = World::new();
    let rows = || {
        let keys = (0..500)
            .map(|it| Told::from(KeyRecord { role_id: Some(RoleId::from_u128(ADMIN)), ..key(100 + it, 3, None) }).0);
        World::base().into_iter().chain(keys).collect::<Vec<_>>()
    };
    world.load(rows());
    let replica = Arc::clone(&world.replica);
    let turn = AtomicU64::new(0);
    let read = |replica: &Replica| {
        let number = u128::from(turn.fetch_add(1, Ordering::Relaxed) % 500);
        let verdict = replica.verify_digest(&digest(100 + number), &GOOD, at(100));
        assert!(verdict.is_allowed(), "{:?}", verdict.decision());
    };
    race(&replica, read, || (0..15).for_each(|_| world.load(rows())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// However many versions come, the space that texts and narrowings take stays that of one.
    #[test]
    fn memory_is_used_again(lens in proptest::collection::vec(0_usize..300, 1..20)) {
        let mut world = World::new();
        let tell = |world: &mut World, version: u64| {
            for (number, len) in (10..).zip(&lens) {
                let name = "x".repeat((len + version as usize) % 300);
                let scopes = Some(permissions(&[&format!("a{version}:read")]));
                world.tell([KeyRecord { name, scopes, version, ..key(number, 3, None) }.into()]);
            }
        };
        (1..301).for_each(|version| tell(&mut world, version));
        let before = world.replica.counts();
        (301..601).for_each(|version| tell(&mut world, version));
        let after = world.replica.counts();
        // The places that texts leave fit the next ones now better and now worse, by a place for each key. Not to use them again would take
        // three hundred.
        prop_assert!(after.text_bytes <= before.text_bytes + lens.len() * 400, "{after:?} {before:?}");
        prop_assert_eq!(Counts { text_bytes: before.text_bytes, ..after }, before);
        prop_assert!(world.replica.state.load().narrowings.len() <= lens.len() as u32 + 1);
    }
}
