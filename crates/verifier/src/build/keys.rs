//! Keys: entries, their texts and their narrowings.

use std::sync::atomic::Ordering;

use claviger_core::decision::KeyStanding;
use claviger_core::feed::KeyRecord;
use claviger_core::secret::SecretState;

use super::Build;
use crate::entry::{Held, NONE};
use crate::state::Hit;
use crate::text::Text;

impl Build {
    pub(super) fn put_key(&mut self, record: &KeyRecord) -> bool {
        let id = record.id.as_u128();
        if !self.gone_keys.is_empty() && self.gone_keys.contains(&id) {
            return false;
        }
        let before = self.entries_of(id);
        let held = before.first().map(|it| it.held);
        // Beyond 32 bits versions cannot be compared any more, and an update too many is better than a revocation too few.
        let is_news = |it: Held| record.version > u64::from(it.version) || record.version >= u64::from(u32::MAX);
        if !held.is_none_or(is_news) || before.is_empty() && record.secrets.is_empty() {
            return false;
        }
        let Some(common) = self.common(record, held) else {
            self.unreadable.insert(record.id.into());
            self.cannot_read_key(id);
            return false;
        };
        for hit in &before {
            let told = record.secrets.iter().find(|it| it.digest.matches(&hit.held.digest));
            // A secret that the record does not name any more is as dead as one that it calls dead; and dead ones stay so.
            let state = told.map_or(SecretState::Dead, |it| it.state);
            let state = if hit.held.state == SecretState::Dead { SecretState::Dead } else { state };
            self.write(hit.at, &Held { digest: hit.held.digest, secret_id: hit.held.secret_id, state, ..common });
        }
        let mut whole = true;
        let is_held = |digest| before.iter().any(|hit| hit.held.digest.matches(digest));
        for secret in record.secrets.iter().filter(|it| !is_held(&it.digest)) {
            let held = Held { digest: secret.digest, secret_id: secret.id.as_u128(), state: secret.state, ..common };
            whole &= self.add(&held);
        }
        if !whole {
            self.unreadable.insert(record.id.into());
        }
        match held {
            None => drop(self.state.keys.fetch_add(1, Ordering::Relaxed)),
            Some(held) => {
                if held.text != common.text {
                    self.state.texts.remove(&mut self.free_texts, held.text);
                }
                self.narrowings.give_back(&self.state, held.narrowing);
            }
        }
        whole
    }

    /// What all entries of a key have in common; absent when one of the tables is full or a text longer than any of ours may be.
    fn common(&mut self, record: &KeyRecord, before: Option<Held>) -> Option<Held> {
        let state = &self.state;
        let id = |it: Option<u128>, intern: &dyn Fn(u128) -> Option<u32>| it.map_or(Some(NONE), intern);
        let user = |id| state.users.intern(id);
        let organization = state.organizations.intern(record.organization_id.as_u128())?;
        let role = id(record.role_id.map(|it| it.as_u128()), &|id| state.roles.intern(id))?;
        let mapped_user = id(record.mapped_user_id.map(|it| it.as_u128()), &user)?;
        let owner = id(record.owner_id.map(|it| it.as_u128()), &user)?;
        let api = self.apis.intern(record.api_id.as_u128())?;
        let text = self.text(record, before.map_or(NONE, |it| it.text))?;
        let (scopes, allowed_ips) = (record.scopes.as_ref(), record.allowed_ips.as_ref());
        let narrowing = self.narrowings.take(&self.state, scopes, allowed_ips, record.limits)?;
        let was_revoked = before.is_some_and(|it| it.standing == KeyStanding::Revoked);
        Some(Held {
            digest: claviger_core::secret::Digest::from_bytes([0; 32]),
            key_id: record.id.as_u128(),
            secret_id: 0,
            // Nothing revives a revoked key, whatever a later version says.
            standing: if was_revoked { KeyStanding::Revoked } else { record.standing },
            state: SecretState::Dead,
            reach: record.reach,
            unreadable: false,
            api,
            organization,
            role,
            mapped_user,
            owner,
            expires_at: record.expires_at,
            text,
            narrowing,
            version: u32::try_from(record.version).unwrap_or(u32::MAX),
        })
    }

    /// The block of the key's texts: the one it has, if they are still the same.
    fn text(&mut self, record: &KeyRecord, before: u32) -> Option<u32> {
        let metadata = record.metadata.as_deref().unwrap_or_default();
        let texts = &self.state.texts;
        let is_same = |which, text: &str| texts.read(before, which) == text.as_bytes();
        if before != NONE && is_same(Text::Name, &record.name) && is_same(Text::Metadata, metadata) {
            return Some(before);
        }
        texts.insert(&mut self.free_texts, &record.name, metadata)
    }

    /// Adds an entry; says no when there is no room, or when another key has the same secret, which then stays that key's.
    fn add(&self, held: &Held) -> bool {
        let state = &self.state;
        if state.find(&held.digest).is_some() {
            return false;
        }
        let Some(at) = state.entries.grow(1) else {
            return false;
        };
        while state.used.len() <= at / 64 {
            if state.used.grow(1).is_none() {
                return false;
            }
        }
        self.write(at, held);
        state.by_digest.insert(state.seed.of_digest(held.digest.as_bytes()), at);
        state.by_key.insert(state.seed.of_id(held.key_id), at);
        true
    }

    fn write(&self, at: u32, held: &Held) {
        if let Some(entry) = self.state.entries.get(at) {
            entry.write(held);
        }
    }

    pub(super) fn gone_key(&mut self, id: u128) {
        self.gone_keys.insert(id);
        for hit in self.entries_of(id) {
            self.write(hit.at, &Held { standing: KeyStanding::Revoked, ..hit.held });
        }
    }

    pub(super) fn cannot_read_key(&self, id: u128) {
        for hit in self.entries_of(id) {
            self.write(hit.at, &Held { unreadable: true, ..hit.held });
        }
    }

    /// All entries of a key, one for each secret it ever told of.
    fn entries_of(&self, id: u128) -> Vec<Hit> {
        let state = &self.state;
        let mut found = Vec::new();
        state.by_key.find(state.seed.of_id(id), |at| {
            found.extend(state.again(at).filter(|hit| hit.held.key_id == id));
            None::<()>
        });
        found
    }
}
