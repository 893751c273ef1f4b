//! The master keys that a node holds: one, or several while one takes the place of another.

use crate::sealing::{MasterKey, MasterKeyId};

/// Master keys, the first of which is the one to wrap with; the others open what they have wrapped before.
#[derive(Debug)]
pub struct MasterKeys {
    first: MasterKey,
    others: Vec<MasterKey>,
}

impl MasterKeys {
    /// Puts them together. Absent where one stands there twice: whoever wrote that meant something else.
    pub fn new(first: MasterKey, others: Vec<MasterKey>) -> Option<Self> {
        let keys = Self { first, others };
        let ids: Vec<_> = keys.iter().map(MasterKey::id).collect();
        let is_twice = |at: usize| ids[..at].contains(&ids[at]);
        (!(0..ids.len()).any(is_twice)).then_some(keys)
    }

    /// The one to wrap with.
    pub const fn first(&self) -> &MasterKey {
        &self.first
    }

    /// The one of this name.
    pub fn find(&self, id: MasterKeyId) -> Option<&MasterKey> {
        self.iter().find(|it| it.id() == id)
    }

    /// All of them in a row, the first at the beginning.
    pub fn into_vec(self) -> Vec<MasterKey> {
        let mut keys = self.others;
        keys.insert(0, self.first);
        keys
    }

    /// All of them, the first at the beginning.
    pub fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl From<MasterKey> for MasterKeys {
    fn from(first: MasterKey) -> Self {
        Self { first, others: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;

    #[test]
    fn the_first_wraps_and_each_is_found_by_its_name() {
        let key = |seed| MasterKey::generate(&mut ChaCha20Rng::seed_from_u64(seed));
        let keys = MasterKeys::new(key(1), vec![key(2)]).expect("two keys");
        assert_eq!(keys.first().id(), key(1).id());
        assert_eq!(keys.find(key(2).id()).map(MasterKey::expose), Some(key(2).expose()));
        assert!(keys.find(key(3).id()).is_none());
        assert!(MasterKeys::new(key(1), vec![key(2), key(1)]).is_none(), "one of them twice");
    }
}
