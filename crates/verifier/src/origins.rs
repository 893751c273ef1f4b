//! Where uses come from: pairs of address and user agent, interned, so that an entry names the latest of its own in sixteen bits.

use std::net::IpAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::hash::Seed;

/// Bits of a number in its table; the other two of sixteen say which table.
const PLACE_BITS: u32 = 14;
const PLACES: usize = 1 << PLACE_BITS;
/// Places that are tried before a pair goes unrecorded: the answer to whoever fills the table with made-up user agents.
const PROBES: usize = 16;
/// Bytes that are kept of a user agent.
const USER_AGENT_BYTES_MAX: usize = 256;

/// Names a pair; zero is none.
pub(crate) type OriginNumber = u16;

/// A pair of address and user agent.
pub(crate) struct Origin {
    ip: Option<IpAddr>,
    user_agent: Option<Box<[u8]>>,
}

/// A table of pairs. It only fills up; a drain that finds it half full begins the next one.
pub(crate) struct Origins {
    generation: u16,
    places: Box<[OnceLock<Box<Origin>>]>,
    taken: AtomicU32,
}

impl Origin {
    fn is(&self, ip: Option<IpAddr>, user_agent: Option<&[u8]>) -> bool {
        self.ip == ip && self.user_agent.as_deref() == user_agent
    }

    pub(crate) const fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// As text that can be shown and logged: no control characters, no broken encoding.
    pub(crate) fn user_agent(&self) -> Option<Box<str>> {
        self.user_agent.as_deref().map(user_agent_text)
    }
}

/// What is kept of the name that a client gives itself.
pub(crate) fn user_agent_text(user_agent: &[u8]) -> Box<str> {
    let text = String::from_utf8_lossy(&user_agent[..user_agent.len().min(USER_AGENT_BYTES_MAX)]);
    text.chars().filter(|it| !it.is_control()).collect()
}

impl Origins {
    pub(crate) fn new(generation: u16) -> Self {
        Self {
            generation: generation % 4,
            places: (0..PLACES).map(|_| OnceLock::new()).collect(),
            taken: AtomicU32::new(0),
        }
    }

    pub(crate) const fn generation(&self) -> u16 {
        self.generation
    }

    pub(crate) fn is_half_full(&self) -> bool {
        self.taken.load(Ordering::Relaxed) as usize * 2 >= PLACES
    }

    /// The number of a pair, given now if it had none; zero when there is nothing to say or no place for it.
    /// `guess` is a number it may have: that of the latest use of the same secret.
    pub(crate) fn number(
        &self,
        seed: &Seed,
        ip: Option<IpAddr>,
        user_agent: Option<&[u8]>,
        guess: OriginNumber,
    ) -> OriginNumber {
        let user_agent = user_agent.map(|it| &it[..it.len().min(USER_AGENT_BYTES_MAX)]);
        if ip.is_none() && user_agent.is_none() {
            return 0;
        }
        if self.get(guess).is_some_and(|it| it.is(ip, user_agent)) {
            return guess;
        }
        let address = match ip {
            None => 0,
            Some(IpAddr::V4(it)) => u128::from(it.to_bits()) | 1 << 96,
            Some(IpAddr::V6(it)) => it.to_bits(),
        };
        let start = seed.of_id(address) ^ seed.of_bytes(user_agent.unwrap_or_default());
        for place in (0..PROBES).map(|step| (start as usize).wrapping_add(step) % PLACES).filter(|it| *it != 0) {
            let origin = self.places[place].get_or_init(|| {
                self.taken.fetch_add(1, Ordering::Relaxed);
                Box::new(Origin { ip, user_agent: user_agent.map(Into::into) })
            });
            if origin.is(ip, user_agent) {
                return self.generation << PLACE_BITS | place as OriginNumber;
            }
        }
        0
    }

    /// The pair of a number, if it is one of this table.
    pub(crate) fn get(&self, number: OriginNumber) -> Option<&Origin> {
        let place = usize::from(number) % PLACES;
        if place == 0 || number >> PLACE_BITS != self.generation {
            return None;
        }
        self.places[place].get().map(|it| &**it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_keeps_its_number_and_other_tables_do_not_know_it() {
        let (origins, next, seed) = (Origins::new(1), Origins::new(2), Seed::new([1; 32]));
        let ip = "203.0.113.7".parse().ok();
        let number = origins.number(&seed, ip, Some(b"curl/8"), 0);
        assert_ne!(number, 0);
        assert_eq!(origins.number(&seed, ip, Some(b"curl/8"), number), number);
        assert_eq!(origins.number(&seed, ip, Some(b"curl/8"), 0), number);
        assert_ne!(origins.number(&seed, ip, Some(b"curl/9"), number), number);
        assert_ne!(origins.number(&seed, None, Some(b"curl/8"), number), number);
        assert!(next.get(number).is_none());
        assert_eq!(origins.number(&seed, None, None, 0), 0);
    }

    #[test]
    fn what_is_shown_of_a_user_agent_is_short_clean_text() {
        let (origins, seed) = (Origins::new(0), Seed::new([1; 32]));
        let long = [b"a\tb\xff\x1b[31m".as_slice(), &[b'x'; 1000]].concat();
        let number = origins.number(&seed, None, Some(&long), 0);
        let shown = origins.get(number).and_then(Origin::user_agent).expect("a user agent");
        assert!(shown.starts_with("ab\u{fffd}[31mxxx") && shown.len() <= USER_AGENT_BYTES_MAX + 2, "{shown}");
    }

    #[test]
    fn a_flood_of_user_agents_fills_the_table_and_no_more() {
        let (origins, seed) = (Origins::new(0), Seed::new([1; 32]));
        let numbers: Vec<_> =
            (0..100_000_u32).map(|it| origins.number(&seed, None, Some(&it.to_le_bytes()), 0)).collect();
        assert!(origins.is_half_full());
        assert!(numbers.contains(&0), "some go unrecorded");
        for (it, number) in (0_u32..).zip(numbers).filter(|(_, number)| *number != 0) {
            assert!(origins.get(number).expect("recorded").is(None, Some(&it.to_le_bytes())));
        }
    }
}
