use super::*;
use proptest::prelude::*;
use std::sync::atomic::AtomicBool;

/// A copy whose every field says the same number, so that a torn read shows.
fn filled(number: u32) -> Held {
    let at = |it: u32| Timestamp::from_micros(i64::from(it)).expect("in range");
    Held {
        digest: Digest::from_bytes(std::array::from_fn(|i| number.to_le_bytes()[i % 4])),
        key_id: u128::from(number) << 64 | u128::from(number),
        secret_id: u128::from(number) << 64 | u128::from(number),
        standing: [KeyStanding::Active, KeyStanding::Inactive, KeyStanding::Revoked][number as usize % 3],
        state: [SecretState::Current, SecretState::Retiring { until: at(number) }, SecretState::Dead]
            [number as usize % 3],
        reach: [Reach::Organization, Reach::Subtree][number as usize % 2],
        unreadable: number.is_multiple_of(5),
        api: number as u16,
        organization: number,
        role: number,
        mapped_user: number,
        owner: number,
        expires_at: Some(at(number)),
        text: number,
        narrowing: number,
        version: number,
    }
}

fn assert_whole(held: &Held) {
    let expected = filled(held.version);
    assert!(held.digest.matches(&expected.digest), "the digest is torn");
    assert_eq!(held.flags(), expected.flags());
    assert_eq!((held.key_id, held.secret_id), (expected.key_id, expected.secret_id));
    let fields = [held.organization, held.role, held.mapped_user, held.owner, held.text, held.narrowing];
    assert_eq!(fields, [held.version; 6]);
    assert_eq!((held.expires_at, held.state), (expected.expires_at, expected.state));
}

proptest! {
    #[test]
    fn what_is_written_is_read(number: u32) {
        let entry = Entry::default();
        entry.write(&filled(number));
        assert_whole(&entry.read().0);
    }
}

#[test]
fn an_absent_instant_stays_absent() {
    let entry = Entry::default();
    entry.write(&Held { expires_at: None, ..filled(1) });
    assert_eq!(entry.read().0.expires_at, None);
}

#[test]
fn no_reader_ever_sees_half_a_write() {
    let entry = Entry::default();
    entry.write(&filled(0));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (mut reads, mut last) = (0_u32, 0);
                    while !stop.load(Ordering::Relaxed) || reads == 0 {
                        let (held, _) = entry.read();
                        assert_whole(&held);
                        assert!(held.version >= last, "an older copy came after a newer one");
                        last = held.version;
                        reads += 1;
                    }
                    last
                })
            })
            .collect();
        for number in 1..200_000 {
            entry.write(&filled(number));
        }
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().expect("a reader panicked") > 0, "a reader saw nothing but the first copy");
        }
    });
}
