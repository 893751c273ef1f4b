//! Hashing for the indexes, seeded per process.
//!
//! Digests are uniform already, but tenants choose them: an import brings any 32 bytes, and a table that hashed without a secret seed, or
//! only a part of them, could be driven into one long probe. SipHash would do too, at four times the cost of these multiplications.

/// The secret of one process's tables.
#[derive(Clone, Copy)]
pub(crate) struct Seed([u64; 4]);

impl Seed {
    /// Any bytes do: words that are alike, as in tests, would make weak factors, so each is stirred first (SplitMix64's finalizer).
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        let mut state = 0_u64;
        Self(words(&bytes).map(|word| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = word ^ state;
            word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^ word >> 31
        }))
    }

    /// Of 32 bytes: a digest.
    pub(crate) fn of_digest(&self, digest: &[u8; 32]) -> u64 {
        let [a, b, c, d] = words(digest);
        self.mix(fold(a ^ self.0[0], b ^ self.0[1]), fold(c ^ self.0[2], d ^ self.0[3]))
    }

    /// Of an identifier's bits.
    pub(crate) fn of_id(&self, id: u128) -> u64 {
        self.mix(id as u64, (id >> 64) as u64)
    }

    /// Of a text of any length.
    pub(crate) fn of_bytes(&self, bytes: &[u8]) -> u64 {
        let mut state = bytes.len() as u64;
        for chunk in bytes.chunks(16) {
            let mut padded = [0; 16];
            padded[..chunk.len()].copy_from_slice(chunk);
            state = self.mix(state, self.of_id(u128::from_le_bytes(padded)));
        }
        state
    }

    fn mix(&self, a: u64, b: u64) -> u64 {
        fold(fold(a ^ self.0[0], b ^ self.0[1]) ^ self.0[2], self.0[3] | 1)
    }
}

/// Multiplies to 128 bits and folds the halves: each bit of the result hangs on nearly all bits of both factors.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

fn words(bytes: &[u8; 32]) -> [u64; 4] {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|at| u64::from_le_bytes(words[at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn digests_that_differ_in_one_place_only_are_spread() {
        let seed = Seed::new([7; 32]);
        for place in 0..32 {
            let hashes: HashSet<_> = (0..=255_u8)
                .map(|byte| {
                    let mut digest = [0; 32];
                    digest[place] = byte;
                    seed.of_digest(&digest) >> 40
                })
                .collect();
            assert!(hashes.len() > 250, "byte {place} leaves {} of 256 apart", hashes.len());
        }
    }

    #[test]
    fn texts_of_other_lengths_and_seeds_hash_apart() {
        let seed = Seed::new([7; 32]);
        assert_ne!(seed.of_bytes(b"acme"), seed.of_bytes(b"acme\0"));
        assert_ne!(seed.of_bytes(b"acme"), Seed::new([8; 32]).of_bytes(b"acme"));
        assert_eq!(seed.of_bytes(b"a text longer than a chunk"), seed.of_bytes(b"a text longer than a chunk"));
    }
}
