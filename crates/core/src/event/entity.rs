//! What events are about, and touch.

use std::fmt;
use std::str::FromStr;

use crate::id::{
    ApiId, EventId, EventTypeId, ImportId, KeyId, MemberId, OrganizationId, RoleId, SessionId, SharedSecretId,
    SignInId, SigningKeyId, UserId, WebhookId,
};

/// The kinds of things that events are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKind {
    /// An organization.
    Organization,
    /// A user.
    User,
    /// A membership.
    Member,
    /// A role.
    Role,
    /// An api.
    Api,
    /// A key, its secrets included.
    Key,
    /// An import.
    Import,
    /// A console session.
    Session,
    /// One version of an organization's shared secret.
    SharedSecret,
    /// A key that signs access tokens.
    SigningKey,
    /// A sign-in, of which access tokens come.
    SignIn,
    /// A webhook.
    Webhook,
    /// A type of a host's events.
    EventType,
    /// An event, which was erased: one of ours, or one that a host reported.
    Event,
}

impl EntityKind {
    pub(crate) const ALL: [Self; 14] = [
        Self::Organization,
        Self::User,
        Self::Member,
        Self::Role,
        Self::Api,
        Self::Key,
        Self::Import,
        Self::Session,
        Self::SharedSecret,
        Self::SigningKey,
        Self::SignIn,
        Self::Webhook,
        Self::EventType,
        Self::Event,
    ];

    /// The name on the wire and in storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::User => "user",
            Self::Member => "member",
            Self::Role => "role",
            Self::Api => "api",
            Self::Key => "key",
            Self::Import => "import",
            Self::Session => "session",
            Self::SharedSecret => "shared_secret",
            Self::SigningKey => "signing_key",
            Self::SignIn => "sign_in",
            Self::Webhook => "webhook",
            Self::EventType => "event_type",
            Self::Event => "event",
        }
    }

    /// Reads the name on the wire and in storage.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }
}

/// Names one thing that an event is about or touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity {
    /// Its kind.
    pub kind: EntityKind,
    /// The bits of its identifier.
    pub id: u128,
}

macro_rules! entities {
    ($($id:ident => $kind:ident),*) => {$(
        impl From<$id> for Entity {
            fn from(id: $id) -> Self {
                Self { kind: EntityKind::$kind, id: id.as_u128() }
            }
        }
    )*};
}
entities!(
    OrganizationId => Organization,
    UserId => User,
    MemberId => Member,
    RoleId => Role,
    ApiId => Api,
    KeyId => Key,
    ImportId => Import,
    SessionId => Session,
    SharedSecretId => SharedSecret,
    SigningKeyId => SigningKey,
    SignInId => SignIn,
    WebhookId => Webhook,
    EventTypeId => EventType,
    EventId => Event
);

/// The identifier with its kind in front, as it stands on the wire and in storage.
impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            EntityKind::Organization => OrganizationId::from_u128(self.id).fmt(f),
            EntityKind::User => UserId::from_u128(self.id).fmt(f),
            EntityKind::Member => MemberId::from_u128(self.id).fmt(f),
            EntityKind::Role => RoleId::from_u128(self.id).fmt(f),
            EntityKind::Api => ApiId::from_u128(self.id).fmt(f),
            EntityKind::Key => KeyId::from_u128(self.id).fmt(f),
            EntityKind::Import => ImportId::from_u128(self.id).fmt(f),
            EntityKind::Session => SessionId::from_u128(self.id).fmt(f),
            EntityKind::SharedSecret => SharedSecretId::from_u128(self.id).fmt(f),
            EntityKind::SigningKey => SigningKeyId::from_u128(self.id).fmt(f),
            EntityKind::SignIn => SignInId::from_u128(self.id).fmt(f),
            EntityKind::Webhook => WebhookId::from_u128(self.id).fmt(f),
            EntityKind::EventType => EventTypeId::from_u128(self.id).fmt(f),
            EntityKind::Event => EventId::from_u128(self.id).fmt(f),
        }
    }
}

/// The text is no identifier of anything that events are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no identifier of anything that changes, such as an organization, user, membership, role, api or key: `key_…`, `usr_…`"
)]
pub struct EntityError;

/// Reads an identifier of any kind of entity: its prefix says which.
impl FromStr for Entity {
    type Err = EntityError;

    fn from_str(text: &str) -> Result<Self, EntityError> {
        let entity = match text.split_once('_').map_or("", |(prefix, _)| prefix) {
            OrganizationId::PREFIX => text.parse::<OrganizationId>().map(Self::from),
            UserId::PREFIX => text.parse::<UserId>().map(Self::from),
            MemberId::PREFIX => text.parse::<MemberId>().map(Self::from),
            RoleId::PREFIX => text.parse::<RoleId>().map(Self::from),
            ApiId::PREFIX => text.parse::<ApiId>().map(Self::from),
            ImportId::PREFIX => text.parse::<ImportId>().map(Self::from),
            SessionId::PREFIX => text.parse::<SessionId>().map(Self::from),
            SharedSecretId::PREFIX => text.parse::<SharedSecretId>().map(Self::from),
            SigningKeyId::PREFIX => text.parse::<SigningKeyId>().map(Self::from),
            SignInId::PREFIX => text.parse::<SignInId>().map(Self::from),
            WebhookId::PREFIX => text.parse::<WebhookId>().map(Self::from),
            EventTypeId::PREFIX => text.parse::<EventTypeId>().map(Self::from),
            EventId::PREFIX => text.parse::<EventId>().map(Self::from),
            _ => text.parse::<KeyId>().map(Self::from),
        };
        entity.map_err(|_| EntityError)
    }
}
