//! The entry: what is held of one secret, in two cache lines.

use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use claviger_core::decision::{KeyStanding, Reach};
use claviger_core::secret::{Digest, SecretState};
use claviger_core::time::Timestamp;

use crate::locked::{Locked, Words, pair, unpair};

/// Stands for "no role", "no owner" and the like; never for one that is not known.
pub(crate) const NONE: u32 = u32::MAX;

const WORDS: usize = 13;

/// What is held of one secret.
#[repr(C, align(128))]
#[derive(Default)]
pub(crate) struct Entry {
    held: Locked<WORDS>,
    /// The latest use: milliseconds since 1970 in the upper 48 bits, its origin in the lower 16. Not under the lock: those who verify write it.
    pub(crate) last_use: AtomicU64,
    /// Uses since the last drain.
    pub(crate) uses: AtomicU32,
    /// Beside the lock for want of room in it: a key never changes its api.
    api: AtomicU16,
}

const _: () = assert!(size_of::<Entry>() == 128);

/// One consistent copy of an entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) digest: Digest,
    pub(crate) key_id: u128,
    pub(crate) secret_id: u128,
    pub(crate) standing: KeyStanding,
    pub(crate) state: SecretState,
    pub(crate) reach: Reach,
    /// A newer record of the key cannot be read: it is denied until one can.
    pub(crate) unreadable: bool,
    pub(crate) api: u16,
    pub(crate) organization: u32,
    pub(crate) role: u32,
    pub(crate) mapped_user: u32,
    pub(crate) owner: u32,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) text: u32,
    pub(crate) narrowing: u32,
    pub(crate) version: u32,
}

/// An instant takes 58 bits until the year 9999; the six above it are free for other things.
const INSTANT_BITS: u32 = 58;
/// Says "never" where an instant could stand.
const NEVER: u64 = (1 << INSTANT_BITS) - 1;

const _: () = assert!((Timestamp::MAX.as_micros() as u64) < NEVER);

fn pack_instant(at: Option<Timestamp>) -> u64 {
    at.map_or(NEVER, |at| at.as_micros() as u64)
}

fn unpack_instant(word: u64) -> Option<Timestamp> {
    Timestamp::from_micros((word & NEVER) as i64).ok()
}

impl Held {
    fn pack(&self) -> Words<WORDS> {
        let standing = match self.standing {
            KeyStanding::Active => 0,
            KeyStanding::Inactive => 1,
            KeyStanding::Revoked => 2,
        };
        let (state, until) = match self.state {
            SecretState::Current => (0, None),
            SecretState::Retiring { until } => (1, Some(until)),
            SecretState::Dead => (2, None),
        };
        let flags =
            standing | state << 2 | u64::from(self.reach == Reach::Subtree) << 4 | u64::from(self.unreadable) << 5;
        let (digest, _) = self.digest.as_bytes().as_chunks::<8>();
        let [a, b, c, d] = std::array::from_fn(|at| u64::from_le_bytes(digest[at]));
        let words = [
            a,
            b,
            c,
            d,
            pack_instant(self.expires_at) | flags << INSTANT_BITS,
            pair(self.organization, self.role),
            pair(self.mapped_user, self.owner),
            pair(self.narrowing, self.text),
            pack_instant(until),
            self.key_id as u64,
            (self.key_id >> 64) as u64,
            self.secret_id as u64,
            (self.secret_id >> 64) as u64,
        ];
        Words { half: self.version, words }
    }

    fn unpack(Words { half, words }: Words<WORDS>, api: u16) -> Self {
        let [a, b, c, d, expires_at, place, users, cold, until, key_low, key_high, secret_low, secret_high] = words;
        let mut digest = [0; 32];
        for (bytes, word) in digest.as_chunks_mut::<8>().0.iter_mut().zip([a, b, c, d]) {
            *bytes = word.to_le_bytes();
        }
        let flags = expires_at >> INSTANT_BITS;
        let (organization, role) = unpair(place);
        let (mapped_user, owner) = unpair(users);
        let (narrowing, text) = unpair(cold);
        Self {
            digest: Digest::from_bytes(digest),
            key_id: u128::from(key_low) | u128::from(key_high) << 64,
            secret_id: u128::from(secret_low) | u128::from(secret_high) << 64,
            standing: match flags & 3 {
                0 => KeyStanding::Active,
                1 => KeyStanding::Inactive,
                _ => KeyStanding::Revoked,
            },
            state: match flags >> 2 & 3 {
                0 => SecretState::Current,
                1 => SecretState::Retiring { until: unpack_instant(until).unwrap_or(Timestamp::MIN) },
                _ => SecretState::Dead,
            },
            reach: if flags & 1 << 4 == 0 { Reach::Organization } else { Reach::Subtree },
            unreadable: flags & 1 << 5 != 0,
            api,
            organization,
            role,
            mapped_user,
            owner,
            expires_at: unpack_instant(expires_at),
            text,
            narrowing,
            version: half,
        }
    }
}

impl Entry {
    /// A consistent copy and the sequence it was read at.
    pub(crate) fn read(&self) -> (Held, u32) {
        let (words, sequence) = self.held.read();
        (Held::unpack(words, self.api.load(Ordering::Relaxed)), sequence)
    }

    /// Whether nothing was written since: whatever was found through a copy of that sequence belonged to it.
    pub(crate) fn is_still(&self, sequence: u32) -> bool {
        self.held.is_still(sequence)
    }

    /// Writes everything but the use. For the one writer.
    pub(crate) fn write(&self, held: &Held) {
        self.api.store(held.api, Ordering::Relaxed);
        self.held.write(&held.pack());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(numbers: [u32; 7], ids: [u128; 2], digest: [u8; 32], pick in 0_usize..9, api: u16, micros in 0..=Timestamp::MAX.as_micros()) {
            let at = Timestamp::from_micros(micros).expect("in range");
            let [organization, role, mapped_user, owner, text, narrowing, version] = numbers;
            let held = Held {
                digest: Digest::from_bytes(digest),
                key_id: ids[0],
                secret_id: ids[1],
                standing: [KeyStanding::Active, KeyStanding::Inactive, KeyStanding::Revoked][pick % 3],
                state: [SecretState::Current, SecretState::Retiring { until: at }, SecretState::Dead][pick / 3],
                reach: [Reach::Organization, Reach::Subtree][pick % 2],
                unreadable: pick > 4,
                api,
                organization,
                role,
                mapped_user,
                owner,
                expires_at: [None, Some(at), Some(Timestamp::MAX)][pick % 3],
                text,
                narrowing,
                version,
            };
            let entry = Entry::default();
            entry.write(&held);
            let read = entry.read().0;
            prop_assert!(read.digest.matches(&held.digest));
            prop_assert_eq!(format!("{read:?}"), format!("{held:?}"));
        }
    }
}
