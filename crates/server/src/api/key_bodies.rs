//! What is said about keys in requests.

use std::time::Duration;

use claviger_core::key::{KeyPatch, Metadata, Origin};
use claviger_core::reject::Reject;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::fields::{
    Field, Object, all_fields, allow_list, metadata, nullable, optional, permissions, present, stored_in, text,
};
use super::key_limits::{KeyLimitsBody, key_limits};
use super::numbers::within;
use super::words::{ReachWord, RevocationReasonWord};
use crate::ops::keys::{Copy, NewKey, Overlap, RotationChange, RotationStep};

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Nightly export", "scopes": ["contacts:read"], "expires_at": "2030-01-01T00:00:00Z"}))]
pub(super) struct NewKeyBody {
    /// Its name, unique among the live keys of its organization and api; best that of the application that will use it.
    #[schema(min_length = 1, max_length = 80, examples("Integration with CRM"))]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 500)]
    description: String,
    /// The slug of its api.
    #[schema(default = "default")]
    api: Option<String>,
    /// Its role. Without one the key may do everything that its mapped user may, now and later, within its scopes.
    role_id: Option<String>,
    /// Its scopes, such as `contacts:read`: it never does anything beyond them. Left out or null they do not narrow it, and its role and its
    /// mapped user alone are its bounds; `[]` grants nothing at all.
    #[schema(max_items = 256)]
    scopes: Option<Vec<String>>,
    /// The user it belongs to; absent means the caller's. Null, for nobody, needs an admin.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    owner_id: Option<Option<String>>,
    /// The user whose rights it carries; absent means the caller's.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    mapped_user_id: Option<Option<String>>,
    /// When it ends (RFC 3339). Left out it never ends, unless its api says how long its keys live (`expiry_days_default`): those of the api
    /// `data-loader` then end in a year, or earlier where policy wants that. Null is never. Where the
    /// policy has `expiry_days_max`, a key that does not end within so many days is refused (403 `policy_denied`), so say when it does.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
    /// The addresses and networks it may be used from; absent means anywhere.
    #[schema(max_items = 100, examples("203.0.113.0/24"))]
    allowed_ips: Option<Vec<String>>,
    /// How often it may be used, where that is another thing than the policy says; only an admin lets it be used more often than that.
    #[schema(value_type = Option<KeyLimitsBody>)]
    limits: Option<Object<KeyLimitsBody>>,
    /// How far down the tree it reaches.
    #[schema(default = "organization")]
    reach: Option<ReachWord>,
    /// Where its bearer keeps it, in the bearer's words.
    #[schema(max_length = 120)]
    stored_in: Option<String>,
    /// The host's own data: an object of at most 4 kB.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    metadata: Option<Map<String, Value>>,
}

impl TryFrom<NewKeyBody> for NewKey {
    type Error = Reject;

    fn try_from(body: NewKeyBody) -> Result<Self, Reject> {
        let name = text("/name", &body.name);
        let description = text("/description", &body.description);
        let api = optional("/api", body.api.as_deref());
        let role_id = optional("/role_id", body.role_id.as_deref());
        let scopes = body.scopes.map(|it| permissions("/scopes", &it)).transpose();
        let owner_id = nullable("/owner_id", body.owner_id.as_ref());
        let mapped_user_id = nullable("/mapped_user_id", body.mapped_user_id.as_ref());
        let expires_at = nullable("/expires_at", body.expires_at.as_ref());
        let allowed_ips = body.allowed_ips.map(|it| allow_list("/allowed_ips", &it)).transpose();
        let limits = key_limits(body.limits);
        let stored_in = stored_in("/stored_in", body.stored_in.as_deref());
        let metadata: Field<Metadata> = metadata("/metadata", body.metadata.unwrap_or_default());
        let (
            name,
            description,
            api,
            role_id,
            scopes,
            owner_id,
            mapped_user_id,
            expires_at,
            allowed_ips,
            limits,
            stored_in,
            metadata,
        ) = all_fields!(
            name,
            description,
            api,
            role_id,
            scopes,
            owner_id,
            mapped_user_id,
            expires_at,
            allowed_ips,
            limits,
            stored_in,
            metadata
        )?;
        let reach = body.reach.unwrap_or(ReachWord::Organization).into();
        let origin = Origin::Api;
        Ok(Self {
            name,
            description,
            api,
            role_id,
            scopes,
            owner_id,
            mapped_user_id,
            expires_at,
            allowed_ips,
            limits,
            reach,
            origin,
            stored_in,
            metadata,
        })
    }
}

/// What is to be changed on a key (RFC 7396): what is left out stays, null takes away what can be absent. The secret never changes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyPatchBody {
    /// Its name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 80)]
    name: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 500)]
    description: Option<String>,
    /// Its role; null lets the key do everything that its mapped user may, within its scopes.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    role_id: Option<Option<String>>,
    /// Its scopes; null does not narrow it, so that its role and its mapped user alone are its bounds, and `[]` grants nothing at all.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>, max_items = 256)]
    scopes: Option<Option<Vec<String>>>,
    /// The user it belongs to; null, for nobody. Only an admin changes that, and never of a personal key. See `mapped_user_id` for what becomes
    /// of a kept copy of its secret.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    owner_id: Option<Option<String>>,
    /// The user whose rights it carries. Where policy shows secrets again (`reveal`), whoever becomes its mapped user or owner is shown this
    /// key's from then on, but only if the caller is too: otherwise the kept copy is destroyed, and nobody is until the key is rotated.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    mapped_user_id: Option<Option<String>>,
    /// When it ends (RFC 3339); null means never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
    /// The addresses and networks it may be used from; null means anywhere.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>, max_items = 100)]
    allowed_ips: Option<Option<Vec<String>>>,
    /// How often it may be used, as a whole: it replaces what was there. Null is as the policy says. Only an admin lets it be used more often than before.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<KeyLimitsBody>)]
    limits: Option<Option<Object<KeyLimitsBody>>>,
    /// How far down the tree it reaches.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = ReachWord, required = false)]
    reach: Option<ReachWord>,
    /// Where its bearer keeps it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 120)]
    stored_in: Option<Option<String>>,
    /// The host's own data as a whole: it replaces what was there. Null empties it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    metadata: Option<Option<Map<String, Value>>>,
}

impl TryFrom<KeyPatchBody> for KeyPatch {
    type Error = Reject;

    fn try_from(body: KeyPatchBody) -> Result<Self, Reject> {
        let name = optional("/name", body.name.as_deref());
        let description = optional("/description", body.description.as_deref());
        let role_id = nullable("/role_id", body.role_id.as_ref());
        let scopes = body.scopes.map(|it| it.map(|it| permissions("/scopes", &it)).transpose()).transpose();
        let owner_id = nullable("/owner_id", body.owner_id.as_ref());
        let mapped_user_id = nullable("/mapped_user_id", body.mapped_user_id.as_ref());
        let expires_at = nullable("/expires_at", body.expires_at.as_ref());
        let allowed_ips =
            body.allowed_ips.map(|it| it.map(|it| allow_list("/allowed_ips", &it)).transpose()).transpose();
        let limits = body.limits.map(key_limits).transpose();
        let stored_in = body.stored_in.map(|it| stored_in("/stored_in", it.as_deref())).transpose();
        let metadata = body.metadata.map(|it| metadata("/metadata", it.unwrap_or_default())).transpose();
        let (
            name,
            description,
            role_id,
            scopes,
            owner_id,
            mapped_user_id,
            expires_at,
            allowed_ips,
            limits,
            stored_in,
            metadata,
        ) = all_fields!(
            name,
            description,
            role_id,
            scopes,
            owner_id,
            mapped_user_id,
            expires_at,
            allowed_ips,
            limits,
            stored_in,
            metadata
        )?;
        let reach = body.reach.map(Into::into);
        Ok(Self {
            name,
            description,
            role_id,
            scopes,
            owner_id,
            mapped_user_id,
            expires_at,
            allowed_ips,
            limits,
            reach,
            stored_in,
            metadata,
        })
    }
}

/// How a secret is replaced.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateKeyBody {
    /// Seconds for which the old secret stays good; zero ends it at once, absent means as long as the policy says.
    #[schema(minimum = 0, maximum = 2_592_000)]
    overlap_secs: Option<u32>,
}

impl TryFrom<RotateKeyBody> for Overlap {
    type Error = Reject;

    fn try_from(body: RotateKeyBody) -> Result<Self, Reject> {
        let Some(secs) = body.overlap_secs else { return Ok(Self::Policy) };
        within("/overlap_secs", secs).map_err(|it| Reject::fields(vec![it]))?;
        Ok(Self::For(Duration::from_secs(secs.into())))
    }
}

/// Which old secrets end.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndRotationBody {
    /// Which one, as `secrets` has it; the others keep their time. Absent means all of them.
    secret_id: Option<String>,
}

impl TryFrom<EndRotationBody> for RotationStep {
    type Error = Reject;

    fn try_from(body: EndRotationBody) -> Result<Self, Reject> {
        Self::of(RotationChange::End, body.secret_id.as_deref())
    }
}

impl RotationStep {
    fn of(change: RotationChange, secret_id: Option<&str>) -> Result<Self, Reject> {
        let secret_id = optional("/secret_id", secret_id);
        let (secret_id,) = all_fields!(secret_id)?;
        Ok(Self { change, secret_id })
    }
}

/// Until when an old secret stays good.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtendRotationBody {
    /// When it stops (RFC 3339): later than it does now, and at most as long after it was replaced as policy lets an overlap be, which is 30 days
    /// unless it is locked. A key that expires before ends it all the same.
    #[schema(format = DateTime)]
    until: String,
    /// Which one, as `secrets` has it; absent means the one that was replaced last.
    secret_id: Option<String>,
}

impl TryFrom<ExtendRotationBody> for RotationStep {
    type Error = Reject;

    fn try_from(body: ExtendRotationBody) -> Result<Self, Reject> {
        let (until, secret_id) = (text("/until", &body.until), optional("/secret_id", body.secret_id.as_deref()));
        let (until, secret_id) = all_fields!(until, secret_id)?;
        Ok(Self { change: RotationChange::Extend { until }, secret_id })
    }
}

/// How a rotation is taken back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelRotationBody {
    /// Whether also where the new secret was used already: what uses it fails then.
    #[serde(default)]
    #[schema(default = false)]
    even_if_used: bool,
    /// Which old secret is the current one again, as `secrets` has it; absent means the one that was replaced last.
    secret_id: Option<String>,
}

impl TryFrom<CancelRotationBody> for RotationStep {
    type Error = Reject;

    fn try_from(body: CancelRotationBody) -> Result<Self, Reject> {
        Self::of(RotationChange::Cancel { even_if_used: body.even_if_used }, body.secret_id.as_deref())
    }
}

/// Why a key is revoked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeKeyBody {
    /// The reason; absent means `unspecified`.
    #[schema(default = "unspecified")]
    pub(super) reason: Option<RevocationReasonWord>,
}

/// What of a copy is said and not copied.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DuplicateKeyBody {
    /// Its name; absent means the key's with `copy` behind it, and a number where that is taken.
    #[schema(min_length = 1, max_length = 80)]
    name: Option<String>,
    /// When it ends (RFC 3339); absent means as the key does, null never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
}

impl TryFrom<DuplicateKeyBody> for Copy {
    type Error = Reject;

    fn try_from(body: DuplicateKeyBody) -> Result<Self, Reject> {
        let name = optional("/name", body.name.as_deref());
        let expires_at = nullable("/expires_at", body.expires_at.as_ref());
        let (name, expires_at) = all_fields!(name, expires_at)?;
        Ok(Self { name, expires_at })
    }
}
