//! Keys: identities with secrets, and every change one can go through.

mod revocation;

use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::api::Api;
use crate::decision::{KeyStanding, Reach};
use crate::id::{ApiId, KeyId, OrganizationId, RoleId, SecretId, UserId};
use crate::key_limits::KeyLimits;
use crate::limits;
use crate::name::{Description, Name};
use crate::network::IpAllowList;
use crate::permission::PermissionSet;
use crate::reject::{Reject, RejectCode};
use crate::secret::{AccessId, Digest, Secret, SecretState, Token};
use crate::time::Timestamp;

pub use revocation::{Revocation, RevocationReason};

/// How a key came to be. It makes no difference afterwards; the audit wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Through a form of the console.
    Form,
    /// Through the management API.
    Api,
    /// By a member's API Access toggle.
    Toggle,
    /// By an import.
    Import,
    /// At the first start of the service.
    Setup,
}

impl Origin {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Form, Self::Api, Self::Toggle, Self::Import, Self::Setup];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Api => "api",
            Self::Toggle => "toggle",
            Self::Import => "import",
            Self::Setup => "setup",
        }
    }

    /// Reads the name on the wire and in storage.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// The host's own data on a key: a JSON object of at most 4 kB.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Metadata(serde_json::Map<String, serde_json::Value>);

impl Metadata {
    /// Takes an object.
    ///
    /// # Errors
    /// Says so when it is larger than [`limits::METADATA_BYTES_MAX`].
    pub fn new(object: serde_json::Map<String, serde_json::Value>) -> Result<Self, String> {
        let metadata = Self(object);
        if metadata.to_json().len() > limits::METADATA_BYTES_MAX {
            return Err(format!("must be at most {} bytes of JSON", limits::METADATA_BYTES_MAX));
        }
        Ok(metadata)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As JSON text, for storage and for the replica.
    pub fn to_json(&self) -> String {
        serde_json::to_string(&self.0).expect("an object of JSON values is JSON")
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Deserialize::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// An identity with secrets. Its secrets stand beside it, see [`Secret`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its identifier, the same through every rotation.
    pub id: KeyId,
    /// The organization it stands in.
    pub organization_id: OrganizationId,
    /// The api it belongs to.
    pub api_id: ApiId,
    /// Its name, unique among the live keys of the organization and api.
    pub name: Name,
    /// What it is for.
    pub description: Description,
    /// Its role; absent means the mapped user's.
    pub role_id: Option<RoleId>,
    /// Its scopes; absent narrows nothing.
    pub scopes: Option<PermissionSet>,
    /// The user it belongs to.
    pub owner_id: Option<UserId>,
    /// The user whose rights it carries and whose name its actions bear.
    pub mapped_user_id: Option<UserId>,
    /// When it ends; absent never.
    pub expires_at: Option<Timestamp>,
    /// Where it may be used from; absent means anywhere.
    pub allowed_ips: Option<IpAllowList>,
    /// How often it may be used, as far as it says that itself.
    pub limits: KeyLimits,
    /// How far down the tree it reaches.
    pub reach: Reach,
    /// Whether it is switched on.
    pub standing: KeyStanding,
    /// When and why it was revoked, if it was.
    pub revocation: Option<Revocation>,
    /// How it came to be.
    pub origin: Origin,
    /// Whether it is the one behind a member's API Access toggle.
    pub personal: bool,
    /// Whether it is the only one that its mapped user can have of its api, see [`Api::one_key_per_user`].
    pub sole: bool,
    /// Where its bearer keeps it, in the bearer's words.
    pub stored_in: Option<Description>,
    /// The host's own data.
    pub metadata: Metadata,
    /// Counts its changes.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it; absent for the service itself.
    pub created_by: Option<UserId>,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What is asked for when a key is made; every value parsed, nothing yet decided.
#[derive(Debug, Clone)]
pub struct KeyDraft {
    /// See [`Key::name`].
    pub name: Name,
    /// See [`Key::description`].
    pub description: Description,
    /// See [`Key::role_id`].
    pub role_id: Option<RoleId>,
    /// See [`Key::scopes`].
    pub scopes: Option<PermissionSet>,
    /// See [`Key::owner_id`].
    pub owner_id: Option<UserId>,
    /// See [`Key::mapped_user_id`].
    pub mapped_user_id: Option<UserId>,
    /// See [`Key::expires_at`].
    pub expires_at: Option<Timestamp>,
    /// See [`Key::allowed_ips`].
    pub allowed_ips: Option<IpAllowList>,
    /// See [`Key::limits`].
    pub limits: KeyLimits,
    /// See [`Key::reach`].
    pub reach: Reach,
    /// See [`Key::origin`].
    pub origin: Origin,
    /// See [`Key::personal`].
    pub personal: bool,
    /// See [`Key::stored_in`].
    pub stored_in: Option<Description>,
    /// See [`Key::metadata`].
    pub metadata: Metadata,
    /// See [`Key::created_by`].
    pub created_by: Option<UserId>,
}

impl KeyDraft {
    /// A draft with a name and nothing else: no role, no user, so a key that allows nothing.
    pub fn named(name: Name, origin: Origin) -> Self {
        Self {
            name,
            description: Description::default(),
            role_id: None,
            scopes: None,
            owner_id: None,
            mapped_user_id: None,
            expires_at: None,
            allowed_ips: None,
            limits: KeyLimits::default(),
            reach: Reach::Organization,
            origin,
            personal: false,
            stored_in: None,
            metadata: Metadata::default(),
            created_by: None,
        }
    }

    /// Makes the key and its first secret. The token leaves in the answer and is not kept.
    ///
    /// # Errors
    /// Refuses an expiry that has passed, and nobody where the api's keys are made one for each user.
    pub fn mint<R: CryptoRng + ?Sized>(
        self,
        organization_id: OrganizationId,
        api: &Api,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<(Key, Secret, Token), Reject> {
        let key = self.into_key(organization_id, api, now, rng)?;
        let (secret, token) = new_secret(&key, api, now, rng);
        Ok((key, secret, token))
    }

    /// Makes a key for a digest that comes from elsewhere.
    ///
    /// # Errors
    /// As [`Self::mint`].
    pub fn import<R: CryptoRng + ?Sized>(
        self,
        organization_id: OrganizationId,
        api: &Api,
        digest: Digest,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<(Key, Secret), Reject> {
        let key = self.into_key(organization_id, api, now, rng)?;
        let secret = current_secret(&key, None, digest, now, rng);
        Ok((key, secret))
    }

    fn into_key<R: CryptoRng + ?Sized>(
        self,
        organization_id: OrganizationId,
        api: &Api,
        now: Timestamp,
        rng: &mut R,
    ) -> Result<Key, Reject> {
        refuse_past_expiry(self.expires_at, now)?;
        refuse_nobody(api.one_key_per_user, self.mapped_user_id)?;
        Ok(Key {
            id: KeyId::new(now, rng),
            organization_id,
            api_id: api.id,
            name: self.name,
            description: self.description,
            role_id: self.role_id,
            scopes: self.scopes,
            owner_id: self.owner_id,
            mapped_user_id: self.mapped_user_id,
            expires_at: self.expires_at,
            allowed_ips: self.allowed_ips,
            limits: self.limits,
            reach: self.reach,
            standing: KeyStanding::Active,
            revocation: None,
            origin: self.origin,
            personal: self.personal,
            sole: api.one_key_per_user,
            stored_in: self.stored_in,
            metadata: self.metadata,
            version: 1,
            created_at: now,
            created_by: self.created_by,
            updated_at: now,
        })
    }
}

/// Refuses a key of nobody's where each is some user's only one.
fn refuse_nobody(sole: bool, mapped_user_id: Option<UserId>) -> Result<(), Reject> {
    if sole && mapped_user_id.is_none() {
        let detail = "cannot be nobody: keys of this api are made one for each user";
        return Err(Reject::field("/mapped_user_id", detail));
    }
    Ok(())
}

/// Refuses an end that has come already.
///
/// # Errors
/// [`RejectCode::InvalidField`] at `/expires_at`.
pub fn refuse_past_expiry(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), Reject> {
    match expires_at {
        Some(at) if at <= now => Err(Reject::field("/expires_at", "must lie in the future")),
        _ => Ok(()),
    }
}

pub(crate) fn new_secret<R: CryptoRng + ?Sized>(key: &Key, api: &Api, now: Timestamp, rng: &mut R) -> (Secret, Token) {
    let token = Token::generate(&api.prefix, rng);
    let secret = current_secret(key, Some(token.access_id()), token.digest(), now, rng);
    (secret, token)
}

fn current_secret<R: CryptoRng + ?Sized>(
    key: &Key,
    access_id: Option<AccessId>,
    digest: Digest,
    now: Timestamp,
    rng: &mut R,
) -> Secret {
    Secret {
        id: SecretId::new(now, rng),
        key_id: key.id,
        access_id,
        digest,
        state: SecretState::Current,
        created_at: now,
        replaced_at: None,
    }
}

/// What is to be changed on a key. The outer `Option` is "leave as it is"; the inner one, where there is one, is the value's own absence.
#[derive(Debug, Clone, Default)]
pub struct KeyPatch {
    /// See [`Key::name`].
    pub name: Option<Name>,
    /// See [`Key::description`].
    pub description: Option<Description>,
    /// See [`Key::role_id`].
    pub role_id: Option<Option<RoleId>>,
    /// See [`Key::scopes`].
    pub scopes: Option<Option<PermissionSet>>,
    /// See [`Key::owner_id`].
    pub owner_id: Option<Option<UserId>>,
    /// See [`Key::mapped_user_id`].
    pub mapped_user_id: Option<Option<UserId>>,
    /// See [`Key::expires_at`].
    pub expires_at: Option<Option<Timestamp>>,
    /// See [`Key::allowed_ips`].
    pub allowed_ips: Option<Option<IpAllowList>>,
    /// See [`Key::limits`]; all of them together.
    pub limits: Option<KeyLimits>,
    /// See [`Key::reach`].
    pub reach: Option<Reach>,
    /// See [`Key::stored_in`].
    pub stored_in: Option<Option<Description>>,
    /// See [`Key::metadata`].
    pub metadata: Option<Metadata>,
}

/// What a key looks like from outside at an instant: computed, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// Good.
    Active,
    /// Switched off.
    Inactive,
    /// Past its time; a later date makes it good again.
    Expired,
    /// Gone for ever.
    Revoked,
}

impl KeyState {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// What a key looks like that stands so and ends then.
    pub fn of(standing: KeyStanding, expires_at: Option<Timestamp>, now: Timestamp) -> Self {
        match standing {
            KeyStanding::Revoked => Self::Revoked,
            _ if expires_at.is_some_and(|at| at <= now) => Self::Expired,
            KeyStanding::Inactive => Self::Inactive,
            KeyStanding::Active => Self::Active,
        }
    }
}

impl Key {
    /// What it looks like from outside.
    pub fn state(&self, now: Timestamp) -> KeyState {
        KeyState::of(self.standing, self.expires_at, now)
    }

    /// Changes what the patch names, and nothing of the secret.
    ///
    /// # Errors
    /// Refuses a revoked key and an expiry that has passed.
    pub fn update(&mut self, patch: KeyPatch, now: Timestamp) -> Result<(), Reject> {
        self.refuse_revoked()?;
        refuse_past_expiry(patch.expires_at.flatten(), now)?;
        if self.personal && patch.mapped_user_id.is_some_and(|it| it != self.mapped_user_id) {
            return Err(Reject::field("/mapped_user_id", "cannot be changed: a personal key acts for its user alone"));
        }
        if self.personal && patch.owner_id.is_some_and(|it| it != self.owner_id) {
            return Err(Reject::field("/owner_id", "cannot be changed: a personal key belongs to its user alone"));
        }
        refuse_nobody(self.sole, patch.mapped_user_id.unwrap_or(self.mapped_user_id))?;
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut self.name, patch.name);
        set(&mut self.description, patch.description);
        set(&mut self.role_id, patch.role_id);
        set(&mut self.scopes, patch.scopes);
        set(&mut self.owner_id, patch.owner_id);
        set(&mut self.mapped_user_id, patch.mapped_user_id);
        set(&mut self.expires_at, patch.expires_at);
        set(&mut self.allowed_ips, patch.allowed_ips);
        set(&mut self.limits, patch.limits);
        set(&mut self.reach, patch.reach);
        set(&mut self.stored_in, patch.stored_in);
        set(&mut self.metadata, patch.metadata);
        self.changed(now);
        Ok(())
    }

    /// Switches it on or off. Doing it twice is no error: the caller has what it wanted.
    ///
    /// # Errors
    /// Refuses a revoked key.
    pub fn set_active(&mut self, active: bool, now: Timestamp) -> Result<(), Reject> {
        self.refuse_revoked()?;
        self.standing = if active { KeyStanding::Active } else { KeyStanding::Inactive };
        self.changed(now);
        Ok(())
    }

    /// Takes its owner away, who has left: from now on it belongs to nobody.
    ///
    /// # Errors
    /// Refuses a revoked key.
    pub fn disown(&mut self, now: Timestamp) -> Result<(), Reject> {
        self.refuse_revoked()?;
        self.owner_id = None;
        self.changed(now);
        Ok(())
    }

    /// Revokes it for ever: the key becomes a tombstone that keeps its history and frees its name.
    ///
    /// # Errors
    /// Refuses a revoked key.
    pub fn revoke(&mut self, reason: RevocationReason, now: Timestamp) -> Result<(), Reject> {
        self.refuse_revoked()?;
        self.standing = KeyStanding::Revoked;
        self.revocation = Some(Revocation { at: now, reason });
        self.changed(now);
        Ok(())
    }

    pub(crate) fn refuse_revoked(&self) -> Result<(), Reject> {
        if self.standing == KeyStanding::Revoked {
            return Err(Reject::new(RejectCode::StateConflict, "The key is revoked and cannot be changed any more."));
        }
        Ok(())
    }

    pub(crate) fn changed(&mut self, now: Timestamp) {
        self.version += 1;
        self.updated_at = now;
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
