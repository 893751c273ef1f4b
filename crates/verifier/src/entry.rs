//! The entry: what is held of one secret, in two cache lines of atomics behind a sequence lock.
//!
//! One writer makes the sequence odd, writes, and makes it even again; a reader copies everything and starts over when the sequence was odd or has
//! moved. Nobody waits but a reader of the very key that is being written, and only for these few stores.

use std::hint;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::thread;

use claviger_core::decision::{KeyStanding, Reach};
use claviger_core::secret::{Digest, SecretState};
use claviger_core::time::Timestamp;

/// Stands for "no role", "no owner" and the like; never for one that is not known.
pub(crate) const NONE: u32 = u32::MAX;

/// What is held of one secret. The first line is what the decision reads of an unremarkable key.
#[repr(C, align(128))]
#[derive(Default)]
pub(crate) struct Entry {
    sequence: AtomicU32,
    flags: AtomicU32,
    digest: [AtomicU64; 4],
    organization: AtomicU32,
    role: AtomicU32,
    mapped_user: AtomicU32,
    owner: AtomicU32,
    expires_at: AtomicU64,

    retires_at: AtomicU64,
    key_id: [AtomicU64; 2],
    secret_id: [AtomicU64; 2],
    text: AtomicU32,
    narrowing: AtomicU32,
    version: AtomicU32,
    /// Uses since the last drain. Not under the sequence lock, like the next: readers of requests write them.
    pub(crate) uses: AtomicU32,
    /// The latest use: milliseconds since 1970 in the upper 48 bits, its origin in the lower 16.
    pub(crate) last_use: AtomicU64,
}

const _: () = assert!(size_of::<Entry>() == 128);

/// One consistent copy of an entry.
#[derive(Clone, Copy)]
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

/// Says "never" where an instant could stand.
const NEVER: u64 = u64::MAX;

fn pack_instant(at: Option<Timestamp>) -> u64 {
    at.map_or(NEVER, |at| at.as_micros() as u64)
}

fn unpack_instant(packed: u64) -> Option<Timestamp> {
    i64::try_from(packed).ok().and_then(|it| Timestamp::from_micros(it).ok())
}

impl Held {
    fn flags(&self) -> u32 {
        let standing = match self.standing {
            KeyStanding::Active => 0,
            KeyStanding::Inactive => 1,
            KeyStanding::Revoked => 2,
        };
        let state = match self.state {
            SecretState::Current => 0,
            SecretState::Retiring { .. } => 1,
            SecretState::Dead => 2,
        };
        let reach = u32::from(self.reach == Reach::Subtree);
        standing | state << 2 | reach << 4 | u32::from(self.unreadable) << 5 | u32::from(self.api) << 16
    }
}

impl Entry {
    /// A consistent copy and the sequence it was read at.
    pub(crate) fn read(&self) -> (Held, u32) {
        let mut tries = 0_u32;
        loop {
            let sequence = self.sequence.load(Ordering::Acquire);
            if sequence.is_multiple_of(2) {
                let held = self.copy();
                if self.is_still(sequence) {
                    return (held, sequence);
                }
            }
            // The writer may have been put aside in the middle by the scheduler; spinning on would keep it from the core.
            tries += 1;
            if tries.is_multiple_of(64) { thread::yield_now() } else { hint::spin_loop() }
        }
    }

    /// Whether nothing was written since: whatever was found through a copy of that sequence belonged to it.
    pub(crate) fn is_still(&self, sequence: u32) -> bool {
        fence(Ordering::Acquire);
        self.sequence.load(Ordering::Relaxed) == sequence
    }

    fn copy(&self) -> Held {
        let narrow = |it: &AtomicU32| it.load(Ordering::Relaxed);
        let wide = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let double = |[low, high]: &[AtomicU64; 2]| u128::from(wide(low)) | u128::from(wide(high)) << 64;
        let flags = narrow(&self.flags);
        let mut digest = [0; 32];
        for (place, word) in digest.as_chunks_mut::<8>().0.iter_mut().zip(&self.digest) {
            *place = wide(word).to_le_bytes();
        }
        Held {
            digest: Digest::from_bytes(digest),
            key_id: double(&self.key_id),
            secret_id: double(&self.secret_id),
            standing: match flags & 3 {
                0 => KeyStanding::Active,
                1 => KeyStanding::Inactive,
                _ => KeyStanding::Revoked,
            },
            state: match flags >> 2 & 3 {
                0 => SecretState::Current,
                1 => SecretState::Retiring { until: unpack_instant(wide(&self.retires_at)).unwrap_or(Timestamp::MIN) },
                _ => SecretState::Dead,
            },
            reach: if flags & 1 << 4 == 0 { Reach::Organization } else { Reach::Subtree },
            unreadable: flags & 1 << 5 != 0,
            api: (flags >> 16) as u16,
            organization: narrow(&self.organization),
            role: narrow(&self.role),
            mapped_user: narrow(&self.mapped_user),
            owner: narrow(&self.owner),
            expires_at: unpack_instant(wide(&self.expires_at)),
            text: narrow(&self.text),
            narrowing: narrow(&self.narrowing),
            version: narrow(&self.version),
        }
    }

    /// Writes everything but the use. For the one writer.
    pub(crate) fn write(&self, held: &Held) {
        let narrow = |place: &AtomicU32, value: u32| place.store(value, Ordering::Relaxed);
        let wide = |place: &AtomicU64, value: u64| place.store(value, Ordering::Relaxed);
        let double = |[low, high]: &[AtomicU64; 2], value: u128| {
            wide(low, value as u64);
            wide(high, (value >> 64) as u64);
        };
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // No store below may be seen before the odd sequence.
        fence(Ordering::Release);
        narrow(&self.flags, held.flags());
        for (word, bytes) in self.digest.iter().zip(held.digest.as_bytes().as_chunks::<8>().0) {
            wide(word, u64::from_le_bytes(*bytes));
        }
        narrow(&self.organization, held.organization);
        narrow(&self.role, held.role);
        narrow(&self.mapped_user, held.mapped_user);
        narrow(&self.owner, held.owner);
        wide(&self.expires_at, pack_instant(held.expires_at));
        let until = if let SecretState::Retiring { until } = held.state { Some(until) } else { None };
        wide(&self.retires_at, pack_instant(until));
        double(&self.key_id, held.key_id);
        double(&self.secret_id, held.secret_id);
        narrow(&self.text, held.text);
        narrow(&self.narrowing, held.narrowing);
        narrow(&self.version, held.version);
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
