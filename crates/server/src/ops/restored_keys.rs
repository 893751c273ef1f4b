//! Which keys a restore has changed, for its closing words: those first that want something done.

use claviger_core::id::KeyId;
use claviger_core::limits::RESTORED_KEYS_NAMED;
use claviger_core::time::Timestamp;
use serde::Serialize;

/// What became of a key; the more there is to do about it, the earlier it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Fate {
    /// None of the secrets that the backup knows is good any more, and the one that took their place is not in it.
    WithoutSecret,
    /// The last of those that the backup knows is good until then; the one that took its place is not in it.
    OldSecretUntil(Timestamp),
    /// It was switched off, or expires earlier.
    Narrowed,
    /// A secret ended that was old in the backup already.
    OldSecretEnded,
    /// It was revoked.
    Revoked,
}

/// A key that a restore has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoredKey {
    /// The key.
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// The name of the organization that it stands in.
    pub organization: String,
    /// What became of it.
    pub fate: Fate,
}

/// The keys that a restore has changed, of which some are named: there may be any number of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RestoredKeys {
    named: Vec<RestoredKey>,
    count: u64,
}

impl RestoredKeys {
    /// Counts a key, and says whether it is among those to name as far as is known yet.
    pub fn count(&mut self, fate: Fate) -> bool {
        self.count += 1;
        self.named.len() < RESTORED_KEYS_NAMED || self.named.last().is_some_and(|it| fate < it.fate)
    }

    /// Names a key that was counted.
    pub fn name(&mut self, key: RestoredKey) {
        let place = self.named.partition_point(|it| it.fate <= key.fate);
        self.named.insert(place, key);
        self.named.truncate(RESTORED_KEYS_NAMED);
    }

    /// Those that are named, in the order in which something is to be done about them.
    pub fn named(&self) -> &[RestoredKey] {
        &self.named
    }

    /// How many there are besides.
    pub fn others(&self) -> u64 {
        self.count.saturating_sub(self.named.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_that_want_something_done_are_named_however_many_others_there_are() {
        let at = |minute: i64| Timestamp::from_micros(minute * 60_000_000).expect("an instant");
        let mut keys = RestoredKeys::default();
        let fates = (0..100_u128).map(|it| match it {
            7 => Fate::OldSecretUntil(at(9)),
            50 => Fate::Narrowed,
            70 => Fate::OldSecretUntil(at(5)),
            99 => Fate::WithoutSecret,
            _ => Fate::Revoked,
        });
        for (number, fate) in (0..).zip(fates) {
            if keys.count(fate) {
                let (name, organization) = (format!("Key {number}"), "Acme".to_owned());
                keys.name(RestoredKey { id: KeyId::from_u128(number), name, organization, fate });
            }
        }
        let names: Vec<_> = keys.named().iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names[..6], ["Key 99", "Key 70", "Key 7", "Key 50", "Key 0", "Key 1"]);
        assert_eq!((names.len(), keys.others()), (20, 80));
    }
}
