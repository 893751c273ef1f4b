//! Compares what a client was told with what a data folder holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use claviger::app::{App, system_randomness};
use claviger::clock::SystemClock;
use claviger_core::decision::KeyStanding;
use claviger_core::event::{EntityKind, Stream};
use claviger_core::id::KeyId;
use claviger_core::key::Origin;
use claviger_core::tenant::Tenant;
use claviger_store::PageRequest;
use claviger_store::keys::{KeyFilter, KeySort, KeyStatus};
use claviger_store::log::EventFilter;
use claviger_verifier::credential::Presented;
use claviger_verifier::verify::{About, Ask};

use super::Data;
use crate::app::{config, master_key, now};

/// What was done to a key after it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Renamed,
    Deactivated,
    Rotated,
    Revoked,
}

/// A key that a client was told of, as it has to be now.
#[derive(Debug, Clone)]
pub(super) struct Acknowledged {
    pub(super) key_id: KeyId,
    pub(super) name: String,
    /// The newest token; absent where the first answer was cut off and the repetition did not show it again.
    pub(super) token: Option<String>,
    pub(super) change: Option<Change>,
}

/// A key as it is written down.
#[derive(Debug)]
struct Stored {
    name: String,
    origin: Origin,
    standing: KeyStanding,
    version: u64,
    live_secrets: usize,
}

/// What a data folder holds.
#[derive(Debug, Default)]
pub(super) struct Facts {
    keys: BTreeMap<KeyId, Stored>,
    /// The key of every event about a key.
    told: Vec<KeyId>,
    /// The places of all events in the log.
    places: BTreeSet<u64>,
    /// Where the log ends.
    head: u64,
    /// The acknowledged tokens that a verifier lets pass.
    good: BTreeSet<String>,
}

impl Facts {
    /// Reads them as the next start would.
    pub(super) async fn read(data: &Data, acknowledged: &[Acknowledged]) -> Self {
        let app = App::start(config(), data.open().await, Arc::new(SystemClock), system_randomness(), master_key());
        app.follower().ready().await;
        let mut facts = Self::default();
        let ask = Ask { organization: About::Own, api: None, permissions: &[], ip: None };
        for token in acknowledged.iter().filter_map(|it| it.token.as_ref()) {
            if app.replica().verify(&Presented::token(token.as_bytes()).unwrap(), &ask, now()).is_allowed() {
                facts.good.insert(token.clone());
            }
        }
        let mut reader = app.store().read().await.unwrap();
        let root = reader.find_installation_unchecked().await.unwrap().unwrap().root_organization_id;
        let tenant = Tenant::system(root, "test");
        let filter = KeyFilter { status: KeyStatus::Any, ..KeyFilter::default() };
        let mut request = PageRequest::first(100);
        loop {
            let page = reader.page_keys(&tenant, &filter, KeySort::Created, &request, now()).await.unwrap();
            for key in page.rows.into_iter().map(|it| it.key) {
                let live_secrets = reader.find_live_secrets(&tenant, key.id).await.unwrap().len();
                let (name, origin, standing) = (key.name.to_string(), key.origin, key.standing);
                facts.keys.insert(key.id, Stored { name, origin, standing, version: key.version, live_secrets });
            }
            request.after = page.next;
            if request.after.is_none() {
                break;
            }
        }
        loop {
            let page = reader.page_events(&tenant, &EventFilter::default(), &request).await.unwrap();
            for event in page.rows {
                facts.places.insert(event.position.seq);
                if event.entity.kind == EntityKind::Key {
                    facts.told.push(KeyId::from_u128(event.entity.id));
                }
            }
            request.after = page.next;
            if request.after.is_none() {
                break;
            }
        }
        facts.head = reader.head(Stream::Change).await.unwrap().seq;
        drop(reader);
        app.shut_down().await;
        facts
    }

    /// Everything that must not be.
    pub(super) fn violations(&self, acknowledged: &[Acknowledged]) -> Vec<String> {
        let mut found = Vec::new();
        let mut ids = BTreeSet::new();
        for it in acknowledged {
            found.extend(self.lost(it));
            if !ids.insert(it.key_id) {
                found.push(format!("{} was acknowledged to two requests", it.key_id));
            }
        }
        let mut names = BTreeSet::new();
        for (id, key) in &self.keys {
            // The first key stands in the event of the installation.
            let events = self.told.iter().filter(|it| *it == id).count() as u64;
            if key.origin != Origin::Setup && events != key.version {
                found.push(format!("{id} has version {} and {events} events", key.version));
            }
            // A revoked key keeps its secret, so that its bearer is still told apart from a stranger.
            if key.live_secrets != 1 {
                found.push(format!("half made: {id} is {:?} with {} live secrets", key.standing, key.live_secrets));
            }
            if !names.insert(&key.name) {
                found.push(format!("duplicate: {} was made twice", key.name));
            }
        }
        let orphans = self.told.iter().filter(|it| !self.keys.contains_key(it));
        found.extend(orphans.map(|it| format!("an event tells of {it}, and it is not there")));
        let gaps = (1..=self.head).filter(|it| !self.places.contains(it));
        found.extend(gaps.map(|it| format!("the log has a gap at {it}")));
        found.extend(self.places.range(self.head + 1..).map(|it| format!("{it} stands behind the end of the log")));
        found
    }

    /// What of one key was acknowledged and is not so.
    fn lost(&self, it: &Acknowledged) -> Option<String> {
        let Acknowledged { key_id, name, token, change } = it;
        let Some(stored) = self.keys.get(key_id) else {
            return Some(format!("lost: {key_id} was acknowledged and is not there"));
        };
        let standing = match change {
            Some(Change::Deactivated) => KeyStanding::Inactive,
            Some(Change::Revoked) => KeyStanding::Revoked,
            None | Some(Change::Renamed | Change::Rotated) => KeyStanding::Active,
        };
        let is_good = token.as_ref().map(|it| self.good.contains(it));
        if stored.name != *name {
            Some(format!("lost: {key_id} is {} and not {name}", stored.name))
        } else if stored.standing != standing {
            Some(format!("lost: {key_id} is {:?} and not {standing:?}", stored.standing))
        } else if is_good.is_some_and(|it| it != (standing == KeyStanding::Active)) {
            Some(format!("lost: {key_id} is {standing:?}, and whether its token is good: {is_good:?}"))
        } else {
            None
        }
    }

    /// How many keys there are.
    pub(super) fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// Forgets a key as a lost write would have.
    pub(super) fn lose_key(&mut self, id: KeyId) {
        self.keys.remove(&id);
    }

    /// Forgets an event of a key.
    pub(super) fn lose_event(&mut self, id: KeyId) {
        if let Some(index) = self.told.iter().position(|it| *it == id) {
            self.told.remove(index);
        }
    }

    /// Forgets a place of the log.
    pub(super) fn lose_place(&mut self, seq: u64) {
        self.places.remove(&seq);
    }

    /// Leaves a key half made.
    pub(super) fn lose_secret(&mut self, id: KeyId) {
        if let Some(key) = self.keys.get_mut(&id) {
            key.live_secrets = 0;
        }
    }

    /// Forgets that a key was revoked.
    pub(super) fn undo(&mut self, id: KeyId) {
        if let Some(key) = self.keys.get_mut(&id) {
            key.standing = KeyStanding::Active;
        }
    }
}
