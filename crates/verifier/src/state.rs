//! The tables that readers look into. One writer fills them; a load makes a fresh set beside the one in use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use claviger_core::feed::RoleRecord;
use claviger_core::id::OrganizationId;
use claviger_core::secret::Digest;

use crate::apis::Apis;
use crate::cells::{Cells, here};
use crate::entry::{Entry, Held, NONE};
use crate::hash::Seed;
use crate::held::{HotOrganization, HotUser, Narrowing, OrganizationCell, UserCell};
use crate::index::Index;
use crate::slab::Slab;
use crate::text::{Text, Texts};
use crate::tokens::{Ends, Proven, SigningKeys};
use crate::version_uses::VersionUses;

/// 16,384 entries, 2 MiB: large blocks of the allocator end on a boundary of 64 KiB behind a head of as much, which is little beside so many.
const ENTRY_BITS: u32 = 14;
/// A word says which of 64 entries were used; 32,768 of them to a chunk.
const USED_BITS: u32 = 9;
const NARROWING_BITS: u32 = 10;
/// Of ten million keys each shard holds 39,000, and grows within a millisecond.
const KEY_SHARDS: usize = 256;
const NAME_SHARDS: usize = 64;

pub(crate) struct State {
    pub(crate) seed: Seed,
    pub(crate) entries: Slab<Entry, ENTRY_BITS>,
    /// One bit for each entry: used since the last drain.
    pub(crate) used: Slab<AtomicU64, USED_BITS>,
    pub(crate) version_uses: VersionUses,
    pub(crate) by_digest: Index,
    pub(crate) by_key: Index,
    pub(crate) texts: Texts,
    pub(crate) narrowings: Slab<ArcSwapOption<Narrowing>, NARROWING_BITS>,
    pub(crate) organizations: Cells<HotOrganization, OrganizationCell>,
    /// By slug and by external id; what stands at the place says which.
    pub(crate) organization_names: Index,
    pub(crate) users: Cells<HotUser, UserCell>,
    pub(crate) roles: Cells<(), RoleRecord>,
    pub(crate) apis: ArcSwap<Apis>,
    pub(crate) signing_keys: SigningKeys,
    pub(crate) ended_sign_ins: Ends,
    pub(crate) ended_shared_secrets: Ends,
    pub(crate) keys: AtomicUsize,
    pub(crate) unreadable: AtomicUsize,
}

/// What stands at the place of a narrowing; absent where none was named.
pub(crate) type Narrowed = Option<Guard<Option<Arc<Narrowing>>>>;

/// An entry that was found.
#[derive(Clone, Copy)]
pub(crate) struct Hit {
    pub(crate) at: u32,
    pub(crate) held: Held,
    pub(crate) sequence: u32,
}

impl State {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            seed,
            entries: Slab::new(),
            used: Slab::new(),
            version_uses: VersionUses::new(seed),
            by_digest: Index::new(KEY_SHARDS),
            by_key: Index::new(KEY_SHARDS),
            texts: Texts::new(),
            narrowings: Slab::new(),
            organizations: Cells::new(seed),
            organization_names: Index::new(NAME_SHARDS),
            users: Cells::new(seed),
            roles: Cells::new(seed),
            apis: ArcSwap::new(Arc::default()),
            signing_keys: SigningKeys::default(),
            ended_sign_ins: Ends::new(),
            ended_shared_secrets: Ends::new(),
            keys: AtomicUsize::new(0),
            unreadable: AtomicUsize::new(0),
        }
    }

    /// Finds a secret. The whole digest is compared once, in constant time: fingerprints let another through once in two thousand million.
    pub(crate) fn find(&self, digest: &Digest) -> Option<Hit> {
        self.by_digest.find(self.seed.of_digest(digest.as_bytes()), |at| {
            let (held, sequence) = self.entries.get(at)?.read();
            held.digest.matches(digest).then_some(Hit { at, held, sequence })
        })
    }

    /// Finds the secret that a token was got with.
    pub(crate) fn find_of_token(&self, token: &Proven) -> Option<Hit> {
        self.find_secret(token.key_id().as_u128(), token.claims().secret.as_u128())
    }

    /// Finds one of the secrets of a key by its identifier.
    pub(crate) fn find_secret(&self, key_id: u128, secret_id: u128) -> Option<Hit> {
        self.by_key.find(self.seed.of_id(key_id), |at| {
            let is_it = |hit: &Hit| hit.held.key_id == key_id && hit.held.secret_id == secret_id;
            self.again(at).filter(is_it)
        })
    }

    /// Reads an entry that was found before once more.
    pub(crate) fn again(&self, at: u32) -> Option<Hit> {
        let (held, sequence) = self.entries.get(at)?.read();
        Some(Hit { at, held, sequence })
    }

    /// Whether the entry is as it was when it was found.
    pub(crate) fn is_still(&self, hit: &Hit) -> bool {
        self.entries.get(hit.at).is_some_and(|it| it.is_still(hit.sequence))
    }

    /// What stands at a place. Places are used again: it belonged to whoever named it if that has not been written meanwhile.
    pub(crate) fn narrowing(&self, at: u32) -> Narrowed {
        (at != NONE).then(|| self.narrowings.get(at).map_or_else(|| Guard::from_inner(None), |it| it.load()))
    }

    /// One of the secrets of a key.
    pub(crate) fn find_key(&self, key_id: u128) -> Option<Hit> {
        self.by_key.find(self.seed.of_id(key_id), |at| self.again(at).filter(|hit| hit.held.key_id == key_id))
    }

    /// A text of the key that an entry belongs to.
    pub(crate) fn text(&self, at: u32, which: Text) -> Option<String> {
        loop {
            let hit = self.again(at)?;
            let bytes = self.texts.read(hit.held.text, which);
            if self.is_still(&hit) {
                return String::from_utf8(bytes).ok();
            }
        }
    }

    /// The organization of this id, slug or external id, in this order.
    pub(crate) fn find_organization(&self, reference: &str) -> Option<u32> {
        if let Ok(id) = reference.parse::<OrganizationId>() {
            return self.organizations.find(id.as_u128());
        }
        let named = |is_it: fn(&OrganizationCell, &str) -> bool| {
            self.organization_names.find(self.seed.of_bytes(reference.as_bytes()), |at| {
                let cell = self.organizations.load(at);
                here(&cell).is_some_and(|it| is_it(it, reference)).then_some(at)
            })
        };
        named(|it, slug| it.record.slug == slug)
            .or_else(|| named(|it, external_id| it.record.external_id.as_deref() == Some(external_id)))
    }
}
