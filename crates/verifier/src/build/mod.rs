//! The writer's side of the tables: what only it needs to know, and how each record changes them.

mod keys;
mod members;
mod narrowings;
mod organizations;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use claviger_core::event::{Entity, EntityKind};
use claviger_core::feed::{ApiRecord, Change, Record, RoleRecord};

use crate::apis::ApiBook;
use crate::cells::Known;
use crate::hash::Seed;
use crate::held::UserCell;
use crate::state::State;
use crate::text::FreeBlocks;
use members::MemberState;
use narrowings::NarrowingBook;

/// The tables with the writer's books.
pub(crate) struct Build {
    state: Arc<State>,
    /// Until it ends, what follows from ancestors and memberships is not worked out, since rows come in any order.
    loading: bool,
    apis: ApiBook,
    narrowings: NarrowingBook,
    free_texts: FreeBlocks,
    /// Keys that are no more.
    gone_keys: HashSet<u128>,
    members: HashMap<u128, MemberState>,
    /// Users to be published at the end of the load.
    drafts: HashMap<u32, UserCell>,
    /// The organizations directly below each.
    children: HashMap<u32, Vec<u32>>,
    /// What could not be read and has not been since.
    unreadable: HashSet<Entity>,
}

impl Build {
    /// The books of tables that nobody has written into.
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self {
            state,
            loading: true,
            apis: ApiBook::default(),
            narrowings: NarrowingBook::default(),
            free_texts: FreeBlocks::default(),
            gone_keys: HashSet::new(),
            members: HashMap::new(),
            drafts: HashMap::new(),
            children: HashMap::new(),
            unreadable: HashSet::new(),
        }
    }

    /// An empty table with room for about so many keys.
    pub(crate) fn fresh(seed: Seed, keys: usize) -> Self {
        let state = State::new(seed);
        state.by_digest.reserve(keys);
        state.by_key.reserve(keys);
        Self::new(Arc::new(state))
    }

    pub(crate) const fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Takes one change.
    pub(crate) fn take(&mut self, change: &Change) {
        match change {
            Change::Put(record) => {
                if self.put(record) && !self.unreadable.is_empty() {
                    self.unreadable.remove(&record.entity());
                }
            }
            Change::Gone(entity) => {
                self.gone(*entity);
                self.unreadable.remove(entity);
            }
            Change::Unreadable(entity) => {
                self.unreadable.insert(*entity);
                self.cannot_read(*entity);
            }
        }
        self.state.unreadable.store(self.unreadable.len(), Ordering::Relaxed);
    }

    /// Ends the load: works out what was put off.
    pub(crate) fn finish(&mut self) {
        self.loading = false;
        self.publish_drafts();
        self.derive_all();
    }

    /// Says whether the record was newer than what is held, and is held now entirely.
    fn put(&mut self, record: &Record) -> bool {
        match record {
            Record::Organization(it) => self.put_organization(it),
            Record::User(it) => self.put_user(it),
            Record::Role(it) => self.put_role(it),
            Record::Member(it) => self.put_member(it),
            Record::Api(it) => self.put_api(it),
            Record::Key(it) => self.put_key(it),
            Record::SigningKey(it) => self.state.signing_keys.put(it),
            Record::EndedSignIn(it) => self.state.ended_sign_ins.put(it.id.as_u128(), it.into()),
            Record::EndedSharedSecret(it) => self.state.ended_shared_secrets.put(it.id.as_u128(), it.into()),
        }
    }

    fn gone(&mut self, entity: Entity) {
        match entity.kind {
            EntityKind::Organization => self.end_organization(entity.id, Known::Gone),
            EntityKind::User => self.end_user(entity.id, Known::Gone),
            EntityKind::Role => {
                if let Some(at) = self.state.roles.intern(entity.id) {
                    self.state.roles.publish(at, Known::Gone);
                }
            }
            EntityKind::Member => self.gone_member(entity.id),
            EntityKind::Api => self.end_api(entity.id, Known::Gone),
            EntityKind::Key => self.gone_key(entity.id),
            EntityKind::SigningKey => self.state.signing_keys.remove(entity.id),
            EntityKind::SignIn => self.state.ended_sign_ins.remove(entity.id),
            EntityKind::SharedSecret => self.state.ended_shared_secrets.remove(entity.id),
            EntityKind::Import
            | EntityKind::Session
            | EntityKind::Webhook
            | EntityKind::EventType
            | EntityKind::Event => {}
        }
    }

    fn cannot_read(&mut self, entity: Entity) {
        let id = entity.id;
        match entity.kind {
            EntityKind::Organization => {
                let version = version(self.organization(id).as_deref(), |it| it.record.version);
                self.end_organization(id, Known::Unreadable(version));
            }
            EntityKind::User => self.cannot_read_user(id),
            EntityKind::Role => {
                if let Some(at) = self.state.roles.intern(id)
                    && !matches!(self.state.roles.load(at).as_deref(), Some(Known::Gone))
                {
                    let version = version(self.state.roles.load(at).as_deref(), |it| it.version);
                    self.state.roles.publish(at, Known::Unreadable(version));
                }
            }
            EntityKind::Member => self.cannot_read_member(id),
            EntityKind::Api => {
                let version = self.apis.intern(id).map(|it| version(self.apis.known(it), |it| it.version));
                self.end_api(id, Known::Unreadable(version.unwrap_or_default()));
            }
            EntityKind::Key => self.cannot_read_key(id),
            // What cannot be checked is not taken.
            EntityKind::SigningKey => self.state.signing_keys.remove(id),
            EntityKind::SignIn => self.state.ended_sign_ins.cannot_read(id),
            EntityKind::SharedSecret => self.state.ended_shared_secrets.cannot_read(id),
            EntityKind::Import
            | EntityKind::Session
            | EntityKind::Webhook
            | EntityKind::EventType
            | EntityKind::Event => {}
        }
    }

    fn put_role(&self, record: &RoleRecord) -> bool {
        let Some(at) = self.state.roles.intern(record.id.as_u128()) else {
            return false;
        };
        let newer = is_newer(self.state.roles.load(at).as_deref(), |it| it.version, record.version);
        if newer {
            self.state.roles.publish(at, Known::Here(record.clone()));
        }
        newer
    }

    fn put_api(&mut self, record: &ApiRecord) -> bool {
        let Some(at) = self.apis.intern(record.id.as_u128()) else {
            return false;
        };
        let newer = is_newer(self.apis.known(at), |it| it.version, record.version);
        if newer {
            self.apis.put(at, Known::Here(record.clone()));
            self.state.apis.store(Arc::new(self.apis.publish()));
        }
        newer
    }

    fn end_api(&mut self, id: u128, known: Known<ApiRecord>) {
        if let Some(at) = self.apis.intern(id)
            && !matches!(self.apis.known(at), Some(Known::Gone))
        {
            self.apis.put(at, known);
            self.state.apis.store(Arc::new(self.apis.publish()));
        }
    }
}

/// Whether a record of this version is news: what is gone stays gone, and what could not be read is read again only when it has changed.
fn is_newer<T>(known: Option<&Known<T>>, version_of: impl Fn(&T) -> u64, version: u64) -> bool {
    match known {
        None => true,
        Some(Known::Here(it)) => version > version_of(it),
        Some(Known::Unreadable(before)) => version > *before,
        Some(Known::Gone) => false,
    }
}

/// The last version that could be read.
fn version<T>(known: Option<&Known<T>>, version_of: impl Fn(&T) -> u64) -> u64 {
    match known {
        Some(Known::Here(it)) => version_of(it),
        Some(Known::Unreadable(before)) => *before,
        None | Some(Known::Gone) => 0,
    }
}
