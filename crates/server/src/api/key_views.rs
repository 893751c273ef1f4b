//! What keys look like on the wire. Of these a secret stands in [`CreatedKeyView`] and in no other view.

use claviger_core::id::{KeyId, OrganizationId, RoleId, SecretId, UserId};
use claviger_core::key::{Key, Metadata};
use claviger_core::permission::PermissionSet;
use claviger_core::secret::{SecretState, Token};
use claviger_core::time::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::key_limits::KeyLimitsBody;
use super::words::{DecisionCodeWord, KeyStateWord, OriginWord, ReachWord, RevocationReasonWord};
use crate::ops::keys::{CreatedKey, KeyInfo, LastUse, SecretInfo};

/// A key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyView {
    /// Its identifier, the same through every rotation.
    #[schema(value_type = String, examples("key_01kapxb4q0e8mv5r3g2t9w7yzn"))]
    pub id: KeyId,
    /// The organization it stands in.
    #[schema(value_type = String)]
    pub organization_id: OrganizationId,
    /// The slug of the api it belongs to.
    #[schema(examples("default"))]
    pub api: String,
    /// Its name, unique among the live keys of its organization and api.
    #[schema(examples("Integration with CRM"))]
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its role; null means that it may do everything that its mapped user may, within its scopes.
    #[schema(required)]
    pub role: Option<KeyRoleView>,
    /// Its scopes; null means that they do not narrow it, so that its role and its mapped user alone are its bounds. With `[]` it may do nothing.
    #[schema(value_type = Option<Vec<String>>, required)]
    pub scopes: Option<PermissionSet>,
    /// The user it belongs to.
    #[schema(required)]
    pub owner: Option<KeyUserView>,
    /// The user whose rights it carries and whose name its actions bear.
    #[schema(required)]
    pub mapped_user: Option<KeyUserView>,
    /// When it ends; null means never.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub expires_at: Option<Timestamp>,
    /// The networks it may be used from; null means anywhere.
    #[schema(required)]
    pub allowed_ips: Option<Vec<String>>,
    /// How often it may be used, as far as it says that itself; null where all is as the policy says.
    #[schema(required)]
    pub limits: Option<KeyLimitsBody>,
    /// How far down the tree it reaches.
    pub reach: ReachWord,
    /// What it looks like now.
    pub state: KeyStateWord,
    /// Why requests with it are refused although it is active: what it hangs on refuses them, its organization, owner, mapped user or role.
    #[schema(required)]
    pub blocked: Option<DecisionCodeWord>,
    /// When and why it was revoked.
    #[schema(required)]
    pub revocation: Option<RevocationView>,
    /// How it came to be.
    pub origin: OriginWord,
    /// Whether it is the one behind a member's API Access toggle.
    pub personal: bool,
    /// Where its bearer keeps it.
    #[schema(required)]
    pub stored_in: Option<String>,
    /// The host's own data.
    #[schema(value_type = BTreeMap<String, Value>)]
    pub metadata: Metadata,
    /// What may be shown of its value in a list; an imported key has none.
    #[schema(required, examples("ck_7Fq2…"))]
    pub access_hint: Option<String>,
    /// Until when a replaced secret of it is still good, if one is; at the latest until the key expires.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub rotating_until: Option<Timestamp>,
    /// Its secrets that are not dead, newest first: their public parts. In the answer to a change of a rotation those that it has ended stand
    /// behind them, as `dead`. Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub secrets: Option<Vec<SecretView>>,
    /// The latest use of its current secret; null means never.
    #[schema(required)]
    pub last_use: Option<LastUseView>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The user who made it; null for the service itself.
    #[schema(value_type = Option<String>, required)]
    pub created_by: Option<UserId>,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// The role of a key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyRoleView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: RoleId,
    /// Its name; null where the role is no more.
    #[schema(required)]
    pub name: Option<String>,
}

/// A user that a key hangs on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyUserView {
    /// The user's identifier.
    #[schema(value_type = String)]
    pub id: UserId,
    /// The user's name; null where the user is no more.
    #[schema(required)]
    pub name: Option<String>,
}

/// When and why a key was revoked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevocationView {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Why.
    pub reason: RevocationReasonWord,
}

/// Where a secret stands in its life. Of dead ones only those are shown that have just been ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SecretStateWord {
    /// The one that rotation made last.
    Current,
    /// Replaced, but still accepted.
    Retiring,
    /// Accepted never again.
    Dead,
}

/// The public part of a secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: SecretId,
    /// Its public part, which is also `accessKey`; an imported one has none.
    #[schema(required)]
    pub access_key: Option<String>,
    /// Where it stands in its life.
    pub state: SecretStateWord,
    /// Until when a retiring one is accepted: until the end of its overlap, or until the key expires where that is sooner.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub retiring_until: Option<Timestamp>,
    /// When it was made or imported.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When another one took its place; null for the current one.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub replaced_at: Option<Timestamp>,
    /// Its last use; null means never.
    #[schema(required)]
    pub last_use: Option<LastUseView>,
}

/// When, from where and with what a secret was used last.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LastUseView {
    /// When; accurate to a minute.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// From where.
    #[schema(required)]
    pub ip: Option<String>,
    /// With what.
    #[schema(required)]
    pub user_agent: Option<String>,
}

/// A part of a list of keys.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KeyListView {
    /// The keys.
    pub data: Vec<KeyView>,
    /// What the next page is asked for with; null on the last one. Opaque.
    #[schema(required)]
    pub next_cursor: Option<String>,
    /// How many keys the query finds on all pages, or, where `total_is_exact` is false, how many at least: not all are looked at for
    /// counting.
    pub total: u64,
    /// Whether there are no more than `total`.
    pub total_is_exact: bool,
}

/// A key and its new secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CreatedKeyView {
    /// The key.
    pub key: KeyView,
    /// The secret, in this answer and in no other unless the policy `reveal` allows it. Null where a request is repeated with its Idempotency-Key, or where nothing was made.
    #[schema(required)]
    pub secret: Option<NewSecretView>,
    /// What to do with the secret, or why it is not there.
    pub secret_note: String,
}

/// A secret in clear: one credential in two spellings.
#[derive(Serialize, ToSchema)]
pub(super) struct NewSecretView {
    /// The whole of it, for `Authorization: Bearer` or `X-Api-Key`.
    pub token: String,
    /// Its first part, for `accessKey` or as the user of Basic.
    pub access_key: String,
    /// Its second part, for `secretKey` or as the password of Basic.
    pub secret_key: String,
}

impl std::fmt::Debug for NewSecretView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewSecretView(…)")
    }
}

impl From<&Token> for NewSecretView {
    fn from(token: &Token) -> Self {
        Self {
            token: token.expose().to_owned(),
            access_key: token.access_id().as_str().to_owned(),
            secret_key: token.expose_secret_part().to_owned(),
        }
    }
}

const TO_KEEP: &str = "Copy the secret now and keep it safe: it is shown again only to a person at the console, and only where the policy `reveal` allows that.";
const IS_THERE: &str =
    "The key was there already. Its secret was shown once, when it was made; regenerate it for a new one.";
const WAS_SHOWN: &str = "The secret was shown once, in the first answer to this Idempotency-Key.";

impl From<&CreatedKey> for CreatedKeyView {
    fn from(created: &CreatedKey) -> Self {
        let secret = Some(NewSecretView::from(&created.token));
        Self { key: KeyView::from(&created.info), secret, secret_note: note_of(created) }
    }
}

impl KeyView {
    /// The answer as it is kept for a repetition.
    pub(super) fn render(info: &KeyInfo) -> Value {
        serde_json::to_value(Self::from(info)).expect("a view is JSON")
    }

    /// The key as a list shows it, which does not look its secrets up.
    pub(super) fn listed(info: &KeyInfo) -> Self {
        Self { secrets: None, ..Self::from(info) }
    }
}

impl CreatedKeyView {
    /// A key that was to be made and is there already.
    pub(super) fn there(info: &KeyInfo) -> Self {
        Self { key: KeyView::from(info), secret: None, secret_note: IS_THERE.to_owned() }
    }

    /// The answer as it is kept for a repetition: without the secret.
    pub(super) fn render(created: &CreatedKey) -> Value {
        let view = Self { key: KeyView::from(&created.info), secret: None, secret_note: WAS_SHOWN.to_owned() };
        serde_json::to_value(view).expect("a view is JSON")
    }
}

impl From<&LastUse> for LastUseView {
    fn from(it: &LastUse) -> Self {
        Self { at: it.at, ip: it.ip.map(|ip| ip.to_string()), user_agent: it.user_agent.clone() }
    }
}

/// A state on the wire, and until when it lasts: no secret outlives its key.
pub(super) fn state_of(state: SecretState, key_expires_at: Option<Timestamp>) -> (SecretStateWord, Option<Timestamp>) {
    match state {
        SecretState::Current => (SecretStateWord::Current, None),
        SecretState::Retiring { until } => {
            (SecretStateWord::Retiring, Some(key_expires_at.map_or(until, |expiry| until.min(expiry))))
        }
        SecretState::Dead => (SecretStateWord::Dead, None),
    }
}

/// What to do with a new secret, and what becomes of the old one where the key expires before its overlap is over.
fn note_of(created: &CreatedKey) -> String {
    // As the key was changed just now.
    let (key, now) = (&created.info.key, created.info.key.updated_at);
    let ends_with_key = |it: &SecretInfo| key.old_until(&it.secret, now).filter(|until| until.with_key);
    match created.info.secrets.iter().find_map(ends_with_key) {
        Some(until) => format!(
            "{TO_KEEP} The old secret stops at {}, before its overlap is over: the key expires then, and so does the new one.",
            until.at
        ),
        None => TO_KEEP.to_owned(),
    }
}

impl SecretView {
    fn of(key: &Key, SecretInfo { secret, last_use }: &SecretInfo) -> Self {
        let (state, retiring_until) = state_of(secret.state, key.expires_at);
        Self {
            id: secret.id,
            access_key: secret.access_id.as_ref().map(ToString::to_string),
            state,
            retiring_until,
            created_at: secret.created_at,
            replaced_at: secret.replaced_at,
            last_use: last_use.as_ref().map(Into::into),
        }
    }
}

impl From<&KeyInfo> for KeyView {
    fn from(info: &KeyInfo) -> Self {
        let key: &Key = &info.key;
        let user = |id: Option<UserId>, name: Option<String>| id.map(|id| KeyUserView { id, name });
        let name = |it: &Option<claviger_core::name::Name>| it.as_ref().map(ToString::to_string);
        Self {
            id: key.id,
            organization_id: key.organization_id,
            api: info.api.to_string(),
            name: key.name.to_string(),
            description: key.description.to_string(),
            role: key.role_id.map(|id| KeyRoleView { id, name: name(&info.role_name) }),
            scopes: key.scopes.clone(),
            owner: user(key.owner_id, name(&info.owner_name)),
            mapped_user: user(key.mapped_user_id, name(&info.mapped_user_name)),
            expires_at: key.expires_at,
            allowed_ips: key.allowed_ips.as_ref().map(|it| it.to_texts()),
            limits: key.limits.set().map(Into::into),
            reach: key.reach.into(),
            state: info.state.into(),
            blocked: info.blocked.map(Into::into),
            revocation: key.revocation.map(|it| RevocationView { at: it.at, reason: it.reason.into() }),
            origin: key.origin.into(),
            personal: key.personal,
            stored_in: key.stored_in.as_ref().map(ToString::to_string),
            metadata: key.metadata.clone(),
            access_hint: info.access_hint.clone(),
            rotating_until: info.rotating_until,
            secrets: Some(info.secrets.iter().map(|it| SecretView::of(key, it)).collect()),
            last_use: info.last_use.as_ref().map(Into::into),
            created_at: key.created_at,
            created_by: key.created_by,
            updated_at: key.updated_at,
        }
    }
}
