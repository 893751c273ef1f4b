//! What is said about keys in requests.

use std::time::Duration;

use claviger_core::id::UserId;
use claviger_core::key::{KeyPatch, Metadata, Origin};
use claviger_core::name::Slug;
use claviger_core::reject::Reject;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::fields::{
    Field, all_fields, allow_list, at, metadata, nullable, optional, permissions, present, stored_in, text,
};
use super::page::PageQuery;
use super::words::{KeyStateWord, ReachWord, RevocationReasonWord};
use crate::ops::keys::{KeyQuery, KeySort, NewKey, Overlap};

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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
    /// Its scopes, such as `contacts:read`: it never does anything beyond them. Without any, its role and its mapped user alone are its bounds.
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
    /// When it ends (RFC 3339); absent means as the policy says, null never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
    /// The addresses and networks it may be used from; absent means anywhere.
    #[schema(max_items = 100, examples("203.0.113.0/24"))]
    allowed_ips: Option<Vec<String>>,
    /// How far down the tree it reaches.
    #[schema(default = "organization")]
    reach: Option<ReachWord>,
    /// Where its bearer keeps it, in the bearer's words.
    #[schema(max_length = 120)]
    stored_in: Option<String>,
    /// The host's own data: an object of at most 4 kB.
    #[schema(value_type = Option<Object>)]
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
    /// Its scopes; null leaves its role and its mapped user alone as its bounds.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Vec<String>>, max_items = 256)]
    scopes: Option<Option<Vec<String>>>,
    /// The user whose rights it carries.
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
    #[schema(value_type = Option<Object>)]
    metadata: Option<Option<Map<String, Value>>>,
}

impl TryFrom<KeyPatchBody> for KeyPatch {
    type Error = Reject;

    fn try_from(body: KeyPatchBody) -> Result<Self, Reject> {
        let name = optional("/name", body.name.as_deref());
        let description = optional("/description", body.description.as_deref());
        let role_id = nullable("/role_id", body.role_id.as_ref());
        let scopes = body.scopes.map(|it| it.map(|it| permissions("/scopes", &it)).transpose()).transpose();
        let mapped_user_id = nullable("/mapped_user_id", body.mapped_user_id.as_ref());
        let expires_at = nullable("/expires_at", body.expires_at.as_ref());
        let allowed_ips =
            body.allowed_ips.map(|it| it.map(|it| allow_list("/allowed_ips", &it)).transpose()).transpose();
        let stored_in = body.stored_in.map(|it| stored_in("/stored_in", it.as_deref())).transpose();
        let metadata = body.metadata.map(|it| metadata("/metadata", it.unwrap_or_default())).transpose();
        let (name, description, role_id, scopes, mapped_user_id, expires_at, allowed_ips, stored_in, metadata) = all_fields!(
            name,
            description,
            role_id,
            scopes,
            mapped_user_id,
            expires_at,
            allowed_ips,
            stored_in,
            metadata
        )?;
        let reach = body.reach.map(Into::into);
        Ok(Self {
            name,
            description,
            role_id,
            scopes,
            mapped_user_id,
            expires_at,
            allowed_ips,
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

impl From<RotateKeyBody> for Overlap {
    fn from(body: RotateKeyBody) -> Self {
        body.overlap_secs.map_or(Self::Policy, |secs| Self::For(Duration::from_secs(secs.into())))
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

/// Orders of a list of keys.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeySortWord {
    /// Newest first.
    #[default]
    CreatedAt,
    /// By name.
    Name,
    /// Those that end first come first; those without an end come last.
    ExpiresAt,
}

impl From<KeySortWord> for KeySort {
    fn from(it: KeySortWord) -> Self {
        match it {
            KeySortWord::CreatedAt => Self::Created,
            KeySortWord::Name => Self::Name,
            KeySortWord::ExpiresAt => Self::Expiry,
        }
    }
}

/// Which keys are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct KeyListQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items wanted.
    #[param(minimum = 1, maximum = 100, default = 25)]
    limit: Option<u32>,
    /// Those that look like this now; absent means all but revoked ones.
    #[param(inline)]
    state: Option<KeyStateWord>,
    /// Those whose name contains this, or whose access key it is.
    #[param(max_length = 80)]
    search: Option<String>,
    /// Those of this owner.
    owner_id: Option<String>,
    /// Those mapped to this user.
    mapped_user_id: Option<String>,
    /// Those of this role.
    role_id: Option<String>,
    /// Those of the api with this slug.
    api: Option<String>,
    /// Only those that were never used.
    #[serde(default)]
    #[param(required = false, default = false)]
    never_used: bool,
    /// In which order.
    #[param(inline)]
    sort: Option<KeySortWord>,
}

impl KeyListQuery {
    /// The query, which page of it, and the name of this list for its cursors.
    pub(super) fn read(self) -> Result<(KeyQuery, PageQuery, String), Reject> {
        let owner_id: Field<Option<UserId>> = optional("owner_id", self.owner_id.as_deref());
        let mapped_user_id = optional("mapped_user_id", self.mapped_user_id.as_deref());
        let role_id = optional("role_id", self.role_id.as_deref());
        let api: Field<Option<Slug>> = optional("api", self.api.as_deref());
        let search = at(
            "search",
            match self.search {
                Some(it) if it.chars().count() > claviger_core::limits::NAME_CHARS_MAX => Err("is too long"),
                it => Ok(it.filter(|it| !it.trim().is_empty())),
            },
        );
        let (owner_id, mapped_user_id, role_id, api, search) =
            all_fields!(owner_id, mapped_user_id, role_id, api, search)?;
        let sort: KeySort = self.sort.unwrap_or_default().into();
        let state = self.state.map(Into::into);
        let list = format!("keys:{sort:?}");
        let query =
            KeyQuery { state, search, owner_id, mapped_user_id, role_id, api, never_used: self.never_used, sort };
        Ok((query, PageQuery { cursor: self.cursor, limit: self.limit }, list))
    }
}
