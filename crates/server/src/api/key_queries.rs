//! Which keys are asked for: of a list in its query string, of bulk work in its body.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

use claviger_core::id::UserId;
use claviger_core::limits;
use claviger_core::name::Slug;
use claviger_core::reject::Reject;
use claviger_core::time::Timestamp;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::fields::{Field, all_fields, at, optional};
use super::numbers::within;
use super::page::PageQuery;
use super::words::{KeyStateWord, OriginWord};
use crate::ops::keys::{KeyFilter, KeyOrder, KeyPart, KeyQuery, KeySort};

const DAY: Duration = Duration::from_secs(86_400);

/// Orders of a list of keys.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeySortWord {
    #[default]
    CreatedAt,
    Name,
    ExpiresAt,
    LastUsedAt,
    Role,
    Api,
    Owner,
    MappedUser,
    State,
    Origin,
}

impl From<KeySortWord> for KeySort {
    fn from(it: KeySortWord) -> Self {
        match it {
            KeySortWord::CreatedAt => Self::Created,
            KeySortWord::Name => Self::Name,
            KeySortWord::ExpiresAt => Self::Expiry,
            KeySortWord::LastUsedAt => Self::LastUse,
            KeySortWord::Role => Self::Role,
            KeySortWord::Api => Self::Api,
            KeySortWord::Owner => Self::Owner,
            KeySortWord::MappedUser => Self::MappedUser,
            KeySortWord::State => Self::State,
            KeySortWord::Origin => Self::Origin,
        }
    }
}

/// Directions of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DirectionWord {
    Asc,
    Desc,
}

/// Which part of which keys is asked for, in which order.
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
    /// Of the active ones those that are blocked (`blocked` says why), or those that are not: which work. There is no asking it of another `state`.
    blocked: Option<bool>,
    /// Those whose name or description contains this, or whose access key it is; as much of that as lists show is enough. In a long list, names that begin with it come first.
    #[param(max_length = 80)]
    search: Option<String>,
    /// Those of this owner; `none` for those that belong to nobody.
    owner_id: Option<String>,
    /// Those mapped to this user; `none` for those mapped to nobody.
    mapped_user_id: Option<String>,
    /// Those of this role; `none` for those without a role of their own.
    role_id: Option<String>,
    /// Those of the api with this slug.
    api: Option<String>,
    /// Those that came to be like this.
    #[param(inline)]
    origin: Option<OriginWord>,
    /// Only personal ones, or only others.
    personal: Option<bool>,
    /// Only those that were never used.
    #[serde(default)]
    #[param(required = false, default = false)]
    never_used: bool,
    /// Only those that were not used for so many days; one that was never used counts from when it was made.
    #[param(minimum = 1, maximum = 3650)]
    unused_days: Option<u16>,
    /// Those made at this instant (RFC 3339) or later.
    #[param(value_type = Option<String>, format = DateTime)]
    created_from: Option<String>,
    /// Those made before this instant.
    #[param(value_type = Option<String>, format = DateTime)]
    created_before: Option<String>,
    /// Those that end at this instant or later.
    #[param(value_type = Option<String>, format = DateTime)]
    expires_from: Option<String>,
    /// Those that end before this instant; what never ends is not among them.
    #[param(value_type = Option<String>, format = DateTime)]
    expires_before: Option<String>,
    /// By what it is sorted; by `role` and `api` in the order of their names, by `owner` and `mapped_user` in that of their ids. Keys that
    /// have none of it come last in either direction; those without an end count as ending last, and those never used as used before all others.
    #[param(inline)]
    sort: Option<KeySortWord>,
    /// In which direction; by default `desc` for `created_at` and `last_used_at`, and `asc` for all else.
    #[param(inline)]
    direction: Option<DirectionWord>,
}

/// Which keys are meant; what is left out narrows nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyFilterBody {
    /// Those that look like this now; absent means all but revoked ones.
    state: Option<KeyStateWord>,
    /// Those whose name or description contains this, or whose access key it is; as much of that as lists show is enough.
    #[schema(max_length = 80)]
    search: Option<String>,
    /// Those of this owner; `none` for those that belong to nobody.
    owner_id: Option<String>,
    /// Those mapped to this user; `none` for those mapped to nobody.
    mapped_user_id: Option<String>,
    /// Those of this role; `none` for those without a role of their own.
    role_id: Option<String>,
    /// Those of the api with this slug.
    api: Option<String>,
    /// Those that came to be like this.
    origin: Option<OriginWord>,
    /// Only personal ones, or only others.
    personal: Option<bool>,
    /// Only those that were never used.
    #[serde(default)]
    #[schema(required = false, default = false)]
    never_used: bool,
    /// Only those that were not used for so many days; one that was never used counts from when it was made.
    #[schema(minimum = 1, maximum = 3650)]
    unused_days: Option<u16>,
    /// Those made at this instant (RFC 3339) or later.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_from: Option<String>,
    /// Those made before this instant.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_before: Option<String>,
    /// Those that end at this instant or later.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_from: Option<String>,
    /// Those that end before this instant; what never ends is not among them.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_before: Option<String>,
}

impl KeyListQuery {
    /// The query, which page of it, and the name of this list for its cursors.
    pub(super) fn read(self, now: Timestamp) -> Result<(KeyQuery, PageQuery, String), Reject> {
        let filter = KeyFilterBody {
            state: self.state,
            search: self.search,
            owner_id: self.owner_id,
            mapped_user_id: self.mapped_user_id,
            role_id: self.role_id,
            api: self.api,
            origin: self.origin,
            personal: self.personal,
            never_used: self.never_used,
            unused_days: self.unused_days,
            created_from: self.created_from,
            created_before: self.created_before,
            expires_from: self.expires_from,
            expires_before: self.expires_before,
        };
        let sort: KeySort = self.sort.unwrap_or_default().into();
        let descending = self.direction.map_or(sort.is_descending(), |it| it == DirectionWord::Desc);
        if self.blocked.is_some() && !matches!(self.state, None | Some(KeyStateWord::Active)) {
            return Err(Reject::field("blocked", "is asked of active keys only: leave out `state`"));
        }
        let query = KeyQuery { order: KeyOrder { sort, descending }, blocked: self.blocked, ..filter.read(now)? };
        let direction = if descending { "-" } else { "" };
        Ok((query, PageQuery { cursor: self.cursor, limit: self.limit }, format!("keys:{direction}{sort:?}")))
    }
}

impl KeyFilterBody {
    /// Whether it says nothing, and so finds every key that is not revoked.
    pub(super) fn is_empty(&self) -> bool {
        let is_blank = self.search.as_ref().is_none_or(|it| it.trim().is_empty());
        let Self { state, owner_id, mapped_user_id, role_id, api, origin, personal, unused_days, .. } = self;
        let texts = [owner_id, mapped_user_id, role_id, api];
        let instants = [&self.created_from, &self.created_before, &self.expires_from, &self.expires_before];
        is_blank
            && texts.into_iter().chain(instants).all(Option::is_none)
            && (state.is_none() && origin.is_none() && personal.is_none() && unused_days.is_none() && !self.never_used)
    }

    /// The query in the order of the list that says none; faults name the parameters.
    pub(super) fn read(self, now: Timestamp) -> Result<KeyQuery, Reject> {
        let mut without = BTreeSet::new();
        let owner_id: Field<Option<UserId>> = named("owner_id", self.owner_id, KeyPart::Owner, &mut without);
        let mapped_user_id = named("mapped_user_id", self.mapped_user_id, KeyPart::MappedUser, &mut without);
        let role_id = named("role_id", self.role_id, KeyPart::Role, &mut without);
        let api: Field<Option<Slug>> = optional("api", self.api.as_deref());
        let search = at(
            "search",
            match self.search {
                Some(it) if it.chars().count() > limits::NAME_CHARS_MAX => Err("is too long"),
                it => Ok(it.filter(|it| !it.trim().is_empty())),
            },
        );
        let since = |days: u16| within("unused_days", days).map(|()| now.saturating_sub(DAY * u32::from(days)));
        let unused_since = self.unused_days.map(since).transpose();
        let created_from = optional("created_from", self.created_from.as_deref());
        let created_before = optional("created_before", self.created_before.as_deref());
        let expires_from = optional("expires_from", self.expires_from.as_deref());
        let expires_before = optional("expires_before", self.expires_before.as_deref());
        let (owner_id, mapped_user_id, role_id, api, search) =
            all_fields!(owner_id, mapped_user_id, role_id, api, search)?;
        let (unused_since, created_from, created_before, expires_from, expires_before) =
            all_fields!(unused_since, created_from, created_before, expires_from, expires_before)?;
        let filter = KeyFilter {
            status: self.state.map(Into::into).into(),
            search,
            owner_id,
            mapped_user_id,
            role_id,
            api_id: None,
            never_used: self.never_used,
            unused_since,
            origin: self.origin.map(Into::into),
            personal: self.personal,
            created_from,
            created_before,
            expires_from,
            expires_before,
            // The rules of key health are the console's.
            health: None,
            without,
            seen_by: None,
        };
        Ok(KeyQuery { api, ..filter.into() })
    }
}

/// Who or what is named; the word for nobody and nothing goes into `without` instead.
fn named<T: FromStr<Err: ToString>>(
    parameter: &'static str,
    text: Option<String>,
    part: KeyPart,
    without: &mut BTreeSet<KeyPart>,
) -> Field<Option<T>> {
    match text.as_deref() {
        Some("none") => {
            without.insert(part);
            Ok(None)
        }
        text => optional(parameter, text),
    }
}
