//! Limits: what keys have used of their rates and quotas.
//!
//! A key that has a limit gets a bucket with its first request: 56 bytes, found without a lock, changed by compare-and-swap. A map behind a lock would
//! hold up whoever asks while its holder is put aside by the scheduler. Of one key never more passes than its limits say, however many threads ask;
//! across processes each counts for itself and learns of the others when it writes its quotas down.
//!
//! A bucket that says no more than a new one would is freed and given to another key. Whoever uses one holds it: it counts itself in, and then looks
//! whether the bucket is still its key's. Whoever frees one takes the identifier away, and then looks whether anybody holds it. So one of the two sees
//! the other, and what is held is never given away. To charge first and take it back where it was another's by then would lose charges: nobody can
//! tell whether the bucket was emptied, and charged by others, in between.
//!
//! Quotas are written down ahead: the database is told of what was used and of about twice what the last interval took besides. So a process that
//! is killed has used less than what stands there, and its successor lets through too little rather than too much. Where use begins or grows so fast
//! that it passes what is written, the bell rings for it to be written at once; what passes before that has happened is what a kill can forget.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use claviger_core::decision::Code;
use claviger_core::id::KeyId;
use claviger_core::key_limits::Limits;
use claviger_core::quota::{DayUse, day_of, end_of_day};
use claviger_core::rate::{Exhausted, Rate};
use claviger_core::time::Timestamp;

use crate::hash::Seed;
use crate::index::Index;
use crate::slab::Slab;

/// 4,096 buckets to a chunk: most installations need few.
const BUCKET_BITS: u32 = 12;
/// A word says of 64 buckets which have something to write down.
const CHANGED_BITS: u32 = 9;
const SHARDS: usize = 64;
/// Until it is worth asking again where there is no room for another bucket.
const NO_ROOM_WAIT: Duration = Duration::from_secs(1);

/// What a key's limits say to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Of its rate, where it has one.
    pub rate: Option<RateLeft>,
    /// Of its quota, where it has one.
    pub quota: Option<QuotaLeft>,
    /// Why it may not pass now, if it may not; then nothing was taken.
    pub refusal: Option<Refusal>,
}

/// What is left of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLeft {
    /// Of which.
    pub rate: Rate,
    /// How many more may come at this very moment.
    pub remaining: u32,
    /// Until nothing of it is used any more.
    pub full_in: Duration,
}

/// What is left of a day's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaLeft {
    /// Of how many.
    pub quota: u32,
    /// How many more may come today.
    pub remaining: u32,
    /// Until the day ends.
    pub resets_in: Duration,
}

/// Which limit is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// [`Code::RateLimited`] or [`Code::QuotaExceeded`].
    pub code: Code,
    /// How long until the request would pass; absent where it costs more than the limit ever lets through.
    pub wait: Option<Duration>,
}

impl Refusal {
    /// Whole seconds to wait, for `Retry-After`; a day where waiting never helps.
    pub fn wait_secs(&self) -> u64 {
        Exhausted { wait: self.wait }.wait_secs()
    }
}

/// What is to be written down of one key's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaNote {
    /// Of which key.
    pub key_id: KeyId,
    /// Of which day.
    pub day: u32,
    /// What is to be added to what stands there; below zero where less was used than was written ahead.
    pub add: i64,
    at: u32,
    /// What had been used when this was noted.
    seen: u64,
    /// What stood there, as far as is known here.
    before: u64,
}

/// What was used of one key's limits.
#[derive(Default)]
struct Bucket {
    id: [AtomicU64; 2],
    /// When the bucket of its rate is full again, in microseconds.
    full_at: AtomicU64,
    /// What was used of its quota; see [`DayUse::pack`].
    day_use: AtomicU64,
    /// How many requests use it at this moment.
    holders: AtomicU64,
    /// What stands in the database, and what had been used when it was written. Both are written by whoever writes quotas down.
    written: AtomicU64,
    seen: AtomicU64,
}

/// A bucket that is its key's as long as this lives.
struct Occupied<'a>(&'a Bucket);

/// What all keys have used.
pub struct Limiter {
    buckets: Slab<Bucket, BUCKET_BITS>,
    changed: Slab<AtomicU64, CHANGED_BITS>,
    by_key: Index,
    seed: Seed,
    /// Held by whoever makes or frees a bucket, since the tables have one writer at a time; the buckets that are free.
    making: Mutex<Vec<u32>>,
    bell: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

fn instant(micros: u64) -> Timestamp {
    i64::try_from(micros).ok().and_then(|it| Timestamp::from_micros(it).ok()).unwrap_or(Timestamp::MIN)
}

/// Changes a word by what `change` makes of it, or leaves it where that refuses.
fn change<E>(word: &AtomicU64, change: impl Fn(u64) -> Result<u64, E>) -> Result<u64, E> {
    let mut before = word.load(Relaxed);
    loop {
        let after = change(before)?;
        match word.compare_exchange_weak(before, after, SeqCst, Relaxed) {
            Ok(_) => return Ok(after),
            Err(newer) => before = newer,
        }
    }
}

/// Changes a word by what `by` makes of it.
fn update(word: &AtomicU64, by: impl Fn(u64) -> u64) {
    let mut before = word.load(Relaxed);
    while let Err(newer) = word.compare_exchange_weak(before, by(before), SeqCst, Relaxed) {
        before = newer;
    }
}

impl<'a> Occupied<'a> {
    /// Absent where the bucket is another's, or free.
    fn new(bucket: &'a Bucket, key_id: u128) -> Option<Self> {
        bucket.holders.fetch_add(1, SeqCst);
        let held = Self(bucket);
        (bucket.key_id() == key_id).then_some(held)
    }
}

impl Drop for Occupied<'_> {
    fn drop(&mut self) {
        self.0.holders.fetch_sub(1, SeqCst);
    }
}

impl Bucket {
    fn take_rate(&self, rate: &Rate, cost: u32, now: Timestamp) -> Result<(), Exhausted> {
        let take = |full_at| rate.admit(instant(full_at), cost, now).map(|it| it.full_at.as_micros() as u64);
        change(&self.full_at, take).map(drop)
    }

    fn put_back_rate(&self, rate: &Rate, cost: u32) {
        update(&self.full_at, |full_at| rate.put_back(instant(full_at), cost).as_micros() as u64);
    }

    fn take_quota(&self, quota: u32, cost: u32, now: Timestamp) -> Result<DayUse, Exhausted> {
        let take = |word| DayUse::unpack(word).take(quota, cost, now).map(DayUse::pack);
        change(&self.day_use, take).map(DayUse::unpack)
    }

    /// Whose it is; zero for one that is free.
    fn key_id(&self) -> u128 {
        u128::from(self.id[0].load(SeqCst)) | u128::from(self.id[1].load(SeqCst)) << 64
    }

    fn belongs_to(&self, key_id: u128) {
        self.id[0].store(key_id as u64, SeqCst);
        self.id[1].store((key_id >> 64) as u64, SeqCst);
    }

    /// Whether it says no more than a new one would. Of a clock that was put back nothing is concluded.
    fn is_idle(&self, now: Timestamp) -> bool {
        let today = day_of(now);
        let day_use = DayUse::unpack(self.day_use.load(SeqCst));
        let is_unused = day_use.day < today || (day_use.used == 0 && self.written(today) == 0);
        is_unused && instant(self.full_at.load(SeqCst)) <= now
    }

    /// What stands in the database of this day.
    fn written(&self, day: u32) -> u64 {
        let written = DayUse::unpack(self.written.load(Relaxed));
        if written.day == day { written.used } else { 0 }
    }
}

impl Admission {
    fn new(bucket: Option<&Bucket>, limits: &Limits, now: Timestamp) -> Self {
        let full_at = bucket.map_or(Timestamp::MIN, |it| instant(it.full_at.load(Relaxed)));
        let day_use = bucket.map_or(DayUse::default(), |it| DayUse::unpack(it.day_use.load(Relaxed)));
        let rate = limits.rate.map(|rate| RateLeft {
            rate,
            remaining: rate.left(full_at, now),
            // A clock that was put back may have left it further ahead than a bucket ever is.
            full_in: full_at.since(now).min(rate.period()),
        });
        let resets_in = end_of_day(now).since(now);
        let quota = limits.daily_quota.map(|quota| QuotaLeft { quota, remaining: day_use.left(quota, now), resets_in });
        Self { rate, quota, refusal: None }
    }

    fn refused(self, code: Code, exhausted: Exhausted) -> Self {
        Self { refusal: Some(Refusal { code, wait: exhausted.wait }), ..self }
    }
}

impl Limiter {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            buckets: Slab::new(),
            changed: Slab::new(),
            by_key: Index::new(SHARDS),
            seed,
            making: Mutex::default(),
            bell: OnceLock::new(),
        }
    }

    /// Calls `bell` whenever more was used of a quota than is written down. It has to return at once: requests wait for it.
    pub fn ring(&self, bell: Box<dyn Fn() + Send + Sync>) {
        // The first one stays: there is one that writes quotas down.
        drop(self.bell.set(bell));
    }

    /// How many keys have a bucket.
    pub fn len(&self) -> usize {
        // First, for whoever makes one takes it off the free ones and may make the table longer.
        let free = self.making();
        self.buckets.len() as usize - free.len()
    }

    /// Whether no key has one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes `cost` requests out of what a key may use, or nothing at all. Absent where it has no limits.
    pub(crate) fn admit(&self, key_id: u128, limits: &Limits, cost: u32, now: Timestamp) -> Option<Admission> {
        if limits.is_none() {
            return None;
        }
        loop {
            let Some(at) = self.find(key_id).or_else(|| self.make(&mut self.making(), key_id)) else {
                let exhausted = Exhausted { wait: Some(NO_ROOM_WAIT) };
                return Some(Admission::new(None, limits, now).refused(Code::RateLimited, exhausted));
            };
            // Freed since it was found: once at most for each time that somebody goes round to free some.
            let Some(held) = Occupied::new(self.buckets.get(at)?, key_id) else { continue };
            let taken = self.take(at, held.0, limits, cost, now);
            let admission = Admission::new(Some(held.0), limits, now);
            return Some(match taken {
                Ok(()) => admission,
                Err((code, exhausted)) => admission.refused(code, exhausted),
            });
        }
    }

    /// What [`Self::admit`] would answer; takes nothing.
    pub(crate) fn look(&self, key_id: u128, limits: &Limits, cost: u32, now: Timestamp) -> Option<Admission> {
        if limits.is_none() {
            return None;
        }
        let held = self.find(key_id).and_then(|at| Occupied::new(self.buckets.get(at)?, key_id));
        let bucket = held.as_ref().map(|it| it.0);
        let admission = Admission::new(bucket, limits, now);
        let full_at = bucket.map_or(Timestamp::MIN, |it| instant(it.full_at.load(Relaxed)));
        let day_use = bucket.map_or(DayUse::default(), |it| DayUse::unpack(it.day_use.load(Relaxed)));
        let rate = limits.rate.map(|it| it.admit(full_at, cost, now).map(drop));
        let quota = limits.daily_quota.map(|it| day_use.take(it, cost, now).map(drop));
        Some(match (quota, rate) {
            (Some(Err(exhausted)), _) => admission.refused(Code::QuotaExceeded, exhausted),
            (_, Some(Err(exhausted))) => admission.refused(Code::RateLimited, exhausted),
            _ => admission,
        })
    }

    fn take(
        &self,
        at: u32,
        bucket: &Bucket,
        limits: &Limits,
        cost: u32,
        now: Timestamp,
    ) -> Result<(), (Code, Exhausted)> {
        if let Some(quota) = limits.daily_quota {
            // Looked at first: whoever waits for tomorrow must not use up what lets others of the same key through.
            let looked = DayUse::unpack(bucket.day_use.load(Relaxed)).take(quota, cost, now);
            looked.map_err(|exhausted| (Code::QuotaExceeded, exhausted))?;
        }
        if let Some(rate) = &limits.rate {
            bucket.take_rate(rate, cost, now).map_err(|exhausted| (Code::RateLimited, exhausted))?;
        }
        let Some(quota) = limits.daily_quota else { return Ok(()) };
        let used = bucket.take_quota(quota, cost, now).map_err(|exhausted| {
            // Another request took the last of it in between.
            if let Some(rate) = &limits.rate {
                bucket.put_back_rate(rate, cost);
            }
            (Code::QuotaExceeded, exhausted)
        })?;
        self.note_change(at);
        if used.used > bucket.written(used.day)
            && let Some(bell) = self.bell.get()
        {
            bell();
        }
        Ok(())
    }

    /// The bit is only read where it is set already, as that of uses.
    fn note_change(&self, at: u32) {
        let Some(word) = self.changed.get(at / 64) else { return };
        let bit = 1 << (at % 64);
        if word.load(SeqCst) & bit == 0 {
            word.fetch_or(bit, SeqCst);
        }
    }

    fn find(&self, key_id: u128) -> Option<u32> {
        self.by_key.find(self.seed.of_id(key_id), |at| (self.buckets.get(at)?.key_id() == key_id).then_some(at))
    }

    fn making(&self) -> MutexGuard<'_, Vec<u32>> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bucket of a key that had none; absent when there is no room.
    fn make(&self, free: &mut Vec<u32>, key_id: u128) -> Option<u32> {
        // Somebody else may have made it meanwhile.
        if let Some(at) = self.find(key_id) {
            return Some(at);
        }
        let at = match free.pop() {
            Some(at) => at,
            None => self.buckets.grow(1)?,
        };
        while self.changed.len() <= at / 64 {
            self.changed.grow(1)?;
        }
        let bucket = self.buckets.get(at)?;
        for word in [&bucket.full_at, &bucket.day_use, &bucket.written, &bucket.seen] {
            word.store(0, SeqCst);
        }
        bucket.belongs_to(key_id);
        // Publishes the identifier with it: cells of the index are stored with release.
        self.by_key.insert(self.seed.of_id(key_id), at);
        Some(at)
    }

    /// Frees the buckets that say no more than new ones would, and says how many. For the one that writes quotas down, while it has no notes: a note
    /// names a bucket by its place. Looks at all buckets; only where one is freed somebody who makes another waits.
    pub fn free_idle(&self, now: Timestamp) -> usize {
        (0..self.buckets.len()).filter(|at| self.free(*at, now).is_some()).count()
    }

    fn free(&self, at: u32, now: Timestamp) -> Option<()> {
        let bucket = self.buckets.get(at)?;
        let is_idle = || !self.is_changed(at) && bucket.is_idle(now);
        if !is_idle() {
            return None;
        }
        let mut free = self.making();
        let key_id = bucket.key_id();
        if key_id == 0 {
            return None;
        }
        bucket.belongs_to(0);
        // Somebody who had found it before may use it now, or have charged it meanwhile.
        if bucket.holders.load(SeqCst) != 0 || !is_idle() {
            bucket.belongs_to(key_id);
            return None;
        }
        self.by_key.remove(self.seed.of_id(key_id), at);
        free.push(at);
        Some(())
    }

    fn is_changed(&self, at: u32) -> bool {
        self.changed.get(at / 64).is_some_and(|word| word.load(SeqCst) & 1 << (at % 64) != 0)
    }

    /// Notes what the database says was used of a key's quota before this process began.
    pub(crate) fn restore(&self, key_id: KeyId, day_use: DayUse) {
        let key_id = key_id.as_u128();
        // Held until it is noted: a bucket of which nothing is noted may be freed.
        let mut making = self.making();
        let Some(bucket) = self.make(&mut making, key_id).and_then(|at| self.buckets.get(at)) else { return };
        for word in [&bucket.day_use, &bucket.written, &bucket.seen] {
            word.store(day_use.pack(), SeqCst);
        }
    }

    /// What is to be written down of quotas. For the one that writes it down: it says [`Self::written`] of each afterwards, or [`Self::not_written`].
    /// `ahead` is whether to write more than was used, as always but at the end.
    pub fn drain(&self, ahead: bool) -> Vec<QuotaNote> {
        let mut notes = Vec::new();
        for number in 0..self.changed.len() {
            let Some(word) = self.changed.get(number) else { break };
            let mut bits = if word.load(Relaxed) == 0 { 0 } else { word.load(SeqCst) };
            while bits != 0 {
                let bit = bits.trailing_zeros();
                bits &= bits - 1;
                word.fetch_and(!(1 << bit), SeqCst);
                let at = number * 64 + bit;
                notes.extend(self.buckets.get(at).and_then(|bucket| note(at, bucket, ahead)));
            }
        }
        notes
    }

    /// It is written, and this is what stands there now: what other processes have added counts here from now on too.
    pub fn written(&self, note: &QuotaNote, total: u64) {
        let Some(bucket) = self.buckets.get(note.at) else { return };
        let expected = note.before.saturating_add_signed(note.add);
        // Below zero where another process has given back what it had written ahead, and was counted here as used.
        let others =
            i64::try_from(total).unwrap_or(i64::MAX).saturating_sub(i64::try_from(expected).unwrap_or(i64::MAX));
        if others != 0 {
            update(&bucket.day_use, |word| {
                let present = DayUse::unpack(word);
                let is_of_day = present.day == note.day;
                let used = if is_of_day { present.used.saturating_add_signed(others) } else { present.used };
                DayUse { used, ..present }.pack()
            });
        }
        let packed = |used| DayUse { day: note.day, used }.pack();
        let seen = note.seen.saturating_add_signed(others);
        bucket.seen.store(packed(seen), SeqCst);
        bucket.written.store(packed(total), SeqCst);
        // What was written ahead is looked at once more, and given back if nobody has used it.
        if total > seen {
            self.note_change(note.at);
        }
    }

    /// It could not be written, and is to be tried again.
    pub fn not_written(&self, notes: &[QuotaNote]) {
        notes.iter().for_each(|it| self.note_change(it.at));
    }
}

/// What is to be written of one bucket; absent where it stands there as it is.
fn note(at: u32, bucket: &Bucket, ahead: bool) -> Option<QuotaNote> {
    let present = DayUse::unpack(bucket.day_use.load(SeqCst));
    let seen = DayUse::unpack(bucket.seen.load(SeqCst));
    let seen = if seen.day == present.day { seen.used } else { 0 };
    let (before, since) = (bucket.written(present.day), present.used.saturating_sub(seen));
    // As much again as the last interval took, and again: use that doubles from one to the next is still covered.
    let wanted = if ahead { present.used.saturating_add(since.saturating_mul(2)) } else { present.used };
    let add = i64::try_from(wanted).ok()?.checked_sub(i64::try_from(before).ok()?)?;
    let key_id = KeyId::from_u128(bucket.key_id());
    (add != 0).then_some(QuotaNote { key_id, day: present.day, add, at, seen: present.used, before })
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("buckets", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "limiter_tests.rs"]
mod tests;
