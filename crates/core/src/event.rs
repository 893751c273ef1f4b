//! Events: one for every change, committed with it. Audit, webhooks and every verifier's memory are readers of their log.

mod entity;

use serde::Serialize;
use serde_json::{Value, json};

use crate::api::{Api, DocumentHead};
use crate::id::OrganizationId;
use crate::key::Key;
use crate::member::Member;
use crate::organization::Organization;
use crate::role::Role;
use crate::tenant::{Actor, Tenant};
use crate::time::Timestamp;
use crate::user::User;

pub use entity::{Entity, EntityError, EntityKind};

/// The streams of the log. They are apart so that neither a noisy host nor an attacker delays a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Changes: gapless and replicated.
    Change,
    /// What hosts report.
    Host,
    /// Denied requests: bounded.
    Denied,
}

impl Stream {
    /// The name in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Host => "host",
            Self::Denied => "denied",
        }
    }

    /// Reads the name in storage.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Change, Self::Host, Self::Denied].into_iter().find(|it| it.as_str() == text)
    }
}

/// A position in a stream. A restore, or a head behind a cursor, starts a new epoch, and followers load everything again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
pub struct Position {
    /// Counts the lives of the log.
    #[n(0)]
    pub epoch: u64,
    /// Counts its events without a gap; zero is before the first.
    #[n(1)]
    pub seq: u64,
}

macro_rules! operations {
    ($(#[doc = $doc:literal] $name:ident = $text:literal,)*) => {
        /// What happened: a closed list, `entity.operation`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind { $(#[doc = $doc] $name,)* }
        impl EventKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// The name on the wire and in storage.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
            /// What happened, in a sentence: for the catalogue, and the same that stands in the code.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }.trim_start()
            }
            /// Reads the name on the wire and in storage.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text)
            }
        }
    };
}

operations! {
    /// The service was set up: root organization, its roles and apis, and the first admin.
    InstallationCreated = "installation.created",
    /// The first admin took the set-up link.
    InstallationClaimed = "installation.claimed",
    /// What seals secrets is wrapped by another master key.
    MasterKeyRotated = "installation.master_key_rotated",
    /// It was restored from a backup: what stands before this in the log is what the backup knew.
    InstallationRestored = "installation.restored",
    /// An organization was made.
    OrganizationCreated = "organization.created",
    /// An organization's facts or policy changed.
    OrganizationUpdated = "organization.updated",
    /// The policy of an organization changed, and nothing else of it.
    OrganizationPolicyUpdated = "organization.policy_updated",
    /// An organization got another parent.
    OrganizationMoved = "organization.moved",
    /// A user was made.
    UserCreated = "user.created",
    /// A user's facts or status changed.
    UserUpdated = "user.updated",
    /// A user became a member.
    MemberCreated = "member.created",
    /// A membership's role or extra permissions changed.
    MemberUpdated = "member.updated",
    /// A membership ended.
    MemberDeleted = "member.deleted",
    /// A role was made.
    RoleCreated = "role.created",
    /// A role's permissions or its API access changed.
    RoleUpdated = "role.updated",
    /// A role was deleted.
    RoleDeleted = "role.deleted",
    /// An api was made.
    ApiCreated = "api.created",
    /// An api's name, its versions, or where it looks for keys changed.
    ApiUpdated = "api.updated",
    /// An api was deleted.
    ApiDeleted = "api.deleted",
    /// The OpenAPI document of an api's version, or a guide to it, was put there.
    ApiDocumentPut = "api.document_put",
    /// The OpenAPI document of an api's version, or a guide to it, was taken away.
    ApiDocumentDeleted = "api.document_deleted",
    /// A key was made.
    KeyCreated = "key.created",
    /// A key's facts changed.
    KeyUpdated = "key.updated",
    /// A key was switched on.
    KeyActivated = "key.activated",
    /// A key was switched off.
    KeyDeactivated = "key.deactivated",
    /// A key got a new secret.
    KeyRotated = "key.rotated",
    /// The old secrets of a key ended before their time.
    KeyRotationEnded = "key.rotation_ended",
    /// The old secret of a key stays good for longer.
    KeyRotationExtended = "key.rotation_extended",
    /// The new secret of a key ended, and the old one is current again.
    KeyRotationCancelled = "key.rotation_cancelled",
    /// A key was revoked.
    KeyRevoked = "key.revoked",
    /// A key's secret was shown again.
    KeyRevealed = "key.revealed",
    /// A key's secret was reported as leaked, and policy leaves it good.
    KeyLeakReported = "key.leak_reported",
    /// Whom it concerns is told that a key ends soon for want of use.
    KeyIdleNoticed = "key.idle_noticed",
    /// Whom it concerns is told that a key expires soon.
    KeyExpiryNoticed = "key.expiry_noticed",
    /// The date passed until which a key was good.
    KeyExpired = "key.expired",
    /// The old secret of a key ends soon, and is used all the same.
    KeyOldSecretUsed = "key.old_secret_used",
    /// Somebody keeps a key that was about to end for want of use: it counts as used now.
    KeyKept = "key.kept",
    /// Keys were switched on together.
    KeysActivated = "keys.activated",
    /// Keys were switched off together.
    KeysDeactivated = "keys.deactivated",
    /// Keys were revoked together.
    KeysRevoked = "keys.revoked",
    /// Keys were given a later expiry together.
    KeysExtended = "keys.extended",
    /// A batch of keys was imported.
    KeysImported = "keys.imported",
    /// Keys of a user who left were revoked or lost their owner.
    KeysReleased = "keys.released",
    /// Somebody was made a member, and a user if need be, to be let in by a link.
    MemberInvited = "member.invited",
    /// A one-time link was made by which a user sets a password.
    UserLinkCreated = "user.link_created",
    /// The links by which a user could set a password were taken back.
    UserLinkDeleted = "user.link_deleted",
    /// A user set a password.
    UserPasswordSet = "user.password_set",
    /// Somebody signed in to the console.
    SessionCreated = "session.created",
    /// Somebody failed to sign in as a user. Only some of many failures are told.
    SessionRefused = "session.refused",
    /// Somebody at the console proved again who they are, before something grave, and goes on in a new session.
    SessionConfirmed = "session.confirmed",
    /// Somebody signed out.
    SessionEnded = "session.ended",
    /// A user ended their other sessions.
    SessionsEnded = "sessions.ended",
    /// An organization got its shared secret.
    SharedSecretCreated = "shared_secret.created",
    /// An organization got another shared secret in place of the one before.
    SharedSecretRotated = "shared_secret.rotated",
    /// Older shared secrets of an organization ended before their time.
    SharedSecretRotationEnded = "shared_secret.rotation_ended",
    /// An older shared secret of an organization stays good for longer.
    SharedSecretRotationExtended = "shared_secret.rotation_extended",
    /// An organization's shared secret was shown again.
    SharedSecretRevealed = "shared_secret.revealed",
    /// An organization's shared secret was deleted, and every older one with it.
    SharedSecretDeleted = "shared_secret.deleted",
    /// The first key was made that signs access tokens.
    SigningKeyCreated = "signing_key.created",
    /// Another key signs access tokens from now on.
    SigningKeyRotated = "signing_key.rotated",
    /// What a key has signed is good no more.
    SigningKeyRevoked = "signing_key.revoked",
    /// Keys of which nothing is good any more are published no longer.
    SigningKeyDeleted = "signing_key.deleted",
    /// The access tokens of a sign-in were taken back.
    SignInEnded = "sign_in.ended",
    /// A webhook was made.
    WebhookCreated = "webhook.created",
    /// A webhook's address or description changed.
    WebhookUpdated = "webhook.updated",
    /// A webhook was paused.
    WebhookPaused = "webhook.paused",
    /// A webhook goes on.
    WebhookPlayed = "webhook.played",
    /// A webhook was deleted.
    WebhookDeleted = "webhook.deleted",
    /// A webhook's deliveries are signed with another secret.
    WebhookSecretRotated = "webhook.secret_rotated",
    /// A webhook was sent a test.
    WebhookTested = "webhook.tested",
    /// Somebody had a delivery sent again.
    WebhookResent = "webhook.resent",
    /// Somebody had the deliveries sent again that had failed.
    WebhookRecovered = "webhook.recovered",
    /// A webhook was disabled, since its receiver failed for too long.
    WebhookDisabled = "webhook.disabled",
    /// A webhook's receiver said that it is gone.
    WebhookGone = "webhook.gone",
    /// A webhook ended with its key.
    WebhookEnded = "webhook.ended",
    /// Very many webhooks ended together with their keys.
    WebhooksEnded = "webhooks.ended",
    /// A type of a host's events was put into the catalogue.
    EventTypeCreated = "event_type.created",
    /// A type of a host's events changed in the catalogue.
    EventTypeUpdated = "event_type.updated",
    /// A type of a host's events was taken out of the catalogue.
    EventTypeDeleted = "event_type.deleted",
    /// What an event told was erased, and why.
    EventErased = "event.erased",
}

/// One change, as it is handed to the commit; the log gives it its position.
#[derive(Debug, Clone)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The version of this kind's body.
    pub v: u16,
    /// When.
    pub at: Timestamp,
    /// In which organization.
    pub organization_id: OrganizationId,
    /// Who did it.
    pub actor: Actor,
    /// What it is about.
    pub entity: Entity,
    /// Every replicated row it touched, the entity's own included: what a follower has to read again.
    pub touched: Vec<Entity>,
    /// What the entity looked like before; secrets never stand in it.
    pub before: Option<Value>,
    /// What it looks like now.
    pub after: Option<Value>,
}

impl Event {
    /// An event about one thing, which it touches.
    pub fn new(tenant: &Tenant, kind: EventKind, entity: impl Into<Entity>, at: Timestamp) -> Self {
        let entity = entity.into();
        Self {
            kind,
            v: 1,
            at,
            organization_id: tenant.organization_id(),
            actor: tenant.actor().clone(),
            entity,
            touched: vec![entity],
            before: None,
            after: None,
        }
    }

    /// Says what it looked like before.
    #[must_use]
    pub fn before<T: Audited>(mut self, thing: &T) -> Self {
        self.before = Some(thing.audit());
        self
    }

    /// Says what it looks like now.
    #[must_use]
    pub fn after<T: Audited>(mut self, thing: &T) -> Self {
        self.after = Some(thing.audit());
        self
    }

    /// Names further replicated rows that it touched.
    #[must_use]
    pub fn touching(mut self, more: impl IntoIterator<Item = Entity>) -> Self {
        self.touched.extend(more);
        self
    }
}

/// A thing with a form for the audit: every field that matters, no secret and no digest.
pub trait Audited {
    /// The form.
    fn audit(&self) -> Value;
}

fn text<T: ToString>(value: Option<&T>) -> Value {
    value.map_or(Value::Null, |it| Value::String(it.to_string()))
}

fn list(value: impl Serialize) -> Value {
    serde_json::to_value(value).expect("lists of text are JSON")
}

impl Audited for Key {
    fn audit(&self) -> Value {
        json!({
            "name": self.name.as_str(),
            "description": self.description.as_str(),
            "api_id": self.api_id.to_string(),
            "role_id": text(self.role_id.as_ref()),
            "scopes": list(&self.scopes),
            "owner_id": text(self.owner_id.as_ref()),
            "mapped_user_id": text(self.mapped_user_id.as_ref()),
            "expires_at": text(self.expires_at.as_ref()),
            "allowed_ips": list(&self.allowed_ips),
            "limits": list(self.limits.set()),
            "reach": self.reach.as_str(),
            "standing": self.standing.as_str(),
            "revocation_reason": self.revocation.map(|it| it.reason.as_str()),
            "origin": self.origin.as_str(),
            "personal": self.personal,
            "stored_in": text(self.stored_in.as_ref()),
            "metadata": list(&self.metadata),
        })
    }
}

impl Audited for Role {
    fn audit(&self) -> Value {
        json!({
            "name": self.name.as_str(),
            "description": self.description.as_str(),
            "built_in": self.built_in.map(crate::role::BuiltIn::as_str),
            "permissions": list(&self.permissions),
            "api_access": self.api_access,
        })
    }
}

impl Audited for Api {
    fn audit(&self) -> Value {
        json!({
            "name": self.name.as_str(),
            "slug": self.slug.as_str(),
            "key_prefix": self.prefix.as_str(),
            "key_locations": list(&self.key_locations),
            "versions": list(&self.versions),
            "one_key_per_user": self.one_key_per_user,
            "expiry_days_default": self.expiry_days_default,
        })
    }
}

/// An api, and what was said of it that goes with this change.
#[derive(Debug, Clone, Copy)]
pub struct DocumentedApi<'a> {
    /// The api.
    pub api: &'a Api,
    /// The documents that go; mostly there are none.
    pub documents: &'a [DocumentHead],
}

impl Audited for DocumentedApi<'_> {
    fn audit(&self) -> Value {
        let mut form = self.api.audit();
        if !self.documents.is_empty() {
            form["documents"] = self.documents.iter().map(Audited::audit).collect();
        }
        form
    }
}

/// Without its text: that may be long, and stands in the table.
impl Audited for DocumentHead {
    fn audit(&self) -> Value {
        json!({
            "api_version": self.api_version.as_str(),
            "guide": text(self.guide.as_ref()),
            "title": self.title.as_str(),
            "position": self.position,
            "bytes": self.bytes,
            "version": self.version,
        })
    }
}

impl Audited for Organization {
    fn audit(&self) -> Value {
        json!({
            "name": self.name.as_str(),
            "slug": self.slug.as_str(),
            "parent_id": text(self.parent_id.as_ref()),
            "external_id": text(self.external_id.as_ref()),
            "status": self.status.as_str(),
            "policy": list(&self.policy),
            "allowed_ips": list(&self.allowed_ips),
        })
    }
}

impl Audited for User {
    fn audit(&self) -> Value {
        json!({
            "name": self.name.as_str(),
            "email": text(self.email.as_ref()),
            "external_id": text(self.external_id.as_ref()),
            "service": self.service,
            "status": self.status.as_str(),
        })
    }
}

impl Audited for Member {
    fn audit(&self) -> Value {
        json!({
            "user_id": self.user_id.to_string(),
            "role_id": self.role_id.to_string(),
            "extra_permissions": list(&self.extra_permissions),
        })
    }
}

/// A body made for one event only, such as the range of an import.
impl Audited for Value {
    fn audit(&self) -> Value {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_from_its_name() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(*kind));
            assert!(kind.meaning().ends_with('.') && !kind.meaning().starts_with(' '), "{}", kind.as_str());
        }
        assert_eq!(EventKind::parse("key.exploded"), None);
    }

    #[test]
    fn every_entity_reads_back_from_its_text() {
        for kind in EntityKind::ALL {
            let entity = Entity { kind, id: 0x0190_0000_0000_7000_8000_0000_0000_0001 };
            assert_eq!(entity.to_string().parse(), Ok(entity));
        }
        assert!("sec_01h45ytscbebyvny4gc8cr8ma2".parse::<Entity>().is_err());
        assert!("".parse::<Entity>().is_err());
    }
}
