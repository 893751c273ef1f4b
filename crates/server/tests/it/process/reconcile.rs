//! Compares what a client was told with what a data folder holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use claviger::app::{App, system_randomness};
use claviger::clock::SystemClock;
use claviger_core::event::{EventKind, Stream};
use claviger_core::id::KeyId;
use claviger_core::key::Origin;
use claviger_core::tenant::Tenant;
use claviger_store::keys::{KeyFilter, KeySort, KeyStatus};
use claviger_store::log::EventFilter;
use claviger_store::{Options, PageRequest, Store};
use claviger_verifier::credential::Presented;
use claviger_verifier::verify::{About, Ask};

use crate::app::{config, now};

/// A key that a client was told of.
#[derive(Debug, Clone)]
pub(super) struct Acknowledged {
    pub(super) key_id: KeyId,
    pub(super) name: String,
    /// The token; absent where the first answer was cut off and the repetition did not show it again.
    pub(super) token: Option<String>,
}

/// What a data folder holds.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Every key with its name, how it came to be, and how many secrets of it are live.
    keys: BTreeMap<KeyId, (String, Origin, usize)>,
    /// The keys of which an event says that they were made, each as often as one says so.
    created: Vec<KeyId>,
    /// The places of all events in the log.
    places: BTreeSet<u64>,
    /// Where the log ends.
    head: u64,
    /// The acknowledged tokens that a verifier lets pass.
    good: BTreeSet<String>,
}

impl Facts {
    /// Reads them as the next start would.
    pub(super) async fn read(folder: &Path, acknowledged: &[Acknowledged]) -> Self {
        let store = Store::open(folder, Options::default(), system_randomness()()).await.unwrap();
        let app = App::start(config(), store, Arc::new(SystemClock), system_randomness());
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
            for row in page.rows {
                let secrets = reader.find_live_secrets(&tenant, row.key.id).await.unwrap().len();
                facts.keys.insert(row.key.id, (row.key.name.to_string(), row.key.origin, secrets));
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
                if event.kind == EventKind::KeyCreated {
                    facts.created.push(KeyId::from_u128(event.entity.id));
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
        for Acknowledged { key_id, name, token } in acknowledged {
            match self.keys.get(key_id) {
                None => found.push(format!("lost: {key_id} was acknowledged and is not there")),
                Some((stored, ..)) if stored != name => found.push(format!("{key_id} is {stored} and not {name}")),
                Some(_) => {}
            }
            if token.as_ref().is_some_and(|it| !self.good.contains(it)) {
                found.push(format!("lost: the token of {key_id} is not accepted"));
            }
            if !ids.insert(key_id) {
                found.push(format!("{key_id} was acknowledged to two requests"));
            }
        }
        let mut names = BTreeSet::new();
        for (id, (name, origin, secrets)) in &self.keys {
            // The first key stands in the event of the installation.
            let events = self.created.iter().filter(|it| *it == id).count();
            if *origin != Origin::Setup && events != 1 {
                found.push(format!("{id} has {events} events that say it was made"));
            }
            if *secrets != 1 {
                found.push(format!("half made: {id} has {secrets} live secrets"));
            }
            if !names.insert(name) {
                found.push(format!("duplicate: {name} was made twice"));
            }
        }
        let orphans = self.created.iter().filter(|it| !self.keys.contains_key(it));
        found.extend(orphans.map(|it| format!("an event says that {it} was made, and it is not there")));
        let gaps = (1..=self.head).filter(|it| !self.places.contains(it));
        found.extend(gaps.map(|it| format!("the log has a gap at {it}")));
        found.extend(self.places.range(self.head + 1..).map(|it| format!("{it} stands behind the end of the log")));
        found
    }

    /// How many keys there are.
    pub(super) fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// Forgets a key as a lost write would have.
    pub(super) fn lose_key(&mut self, id: KeyId) {
        self.keys.remove(&id);
    }

    /// Forgets the event of a key, or one place of the log.
    pub(super) fn lose_event(&mut self, id: KeyId) {
        self.created.retain(|it| *it != id);
    }

    /// Forgets a place of the log.
    pub(super) fn lose_place(&mut self, seq: u64) {
        self.places.remove(&seq);
    }

    /// Leaves a key half made.
    pub(super) fn lose_secret(&mut self, id: KeyId) {
        if let Some((_, _, secrets)) = self.keys.get_mut(&id) {
            *secrets = 0;
        }
    }
}
