//! Keys: create, look at, change, switch on and off, rotate, revoke; and the personal key.

mod bulk;
mod change;
mod create;
mod duplicate;
mod for_user;
mod keep;
mod leak;
mod list;
mod personal;
mod reveal;
mod review;
mod rotate;
mod rotation;
pub(super) mod rules;
mod switching;
pub mod usage;

use std::net::IpAddr;
use std::time::Duration;

use claviger_core::decision::{Code, Reach};
use claviger_core::id::{RoleId, UserId};
use claviger_core::key::{Key, KeyState, Metadata, Origin};
use claviger_core::key_limits::KeyLimits;
use claviger_core::name::{Description, Name, Slug};
use claviger_core::network::IpAllowList;
use claviger_core::permission::PermissionSet;
use claviger_core::secret::{Secret, Token};
use claviger_core::time::Timestamp;

use super::page::Page;

pub use claviger_store::keys::{KeyFilter, KeyHealth, KeyOrder, KeyPart, KeySort, KeyStatus, KeyTotal, KeysBelow};

pub use bulk::{BulkChange, BulkOutcome, LeftOut, Selection, change_keys};
pub use change::{revoke_key, set_key_active, update_key};
pub use create::create_key;
pub use duplicate::{Copy, duplicate_key};
pub use for_user::{KeysOfUsers, create_key_for_user, find_keys_of_users};
pub use keep::keep_key;
pub use leak::{Leak, LeakOutcome, LeakReport, leak_action, report_found, report_leak};
pub use list::{
    count_keys, find_keys_below, get_key, get_key_health, list_keys, list_keys_from_above, page_keys,
    page_keys_from_above,
};
pub use personal::{
    ApiAccess, PersonalAccess, Toggled, clear_personal_key, delete_personal_key, find_possible_holder,
    get_personal_access, get_personal_key, put_personal_key, rotate_personal_key,
};
pub use reveal::{RevealedKey, RevealedSecret, check_reveal, hides_when_given, is_token_of, reveal_key};
pub use review::{PlaceToReview, ReviewBelow, review_below};
pub use rotate::{OverlapBounds, overlap_bounds, rotate_key};
pub use rotation::{OldSecret, Rotation, RotationChange, RotationStep, change_rotation, rotation_of};
pub use rules::is_about_owned_keys;
pub use switching::{find_off_by_others, is_off_by_another};

pub(super) use create::{policy_of, refuse_too_many};
pub(super) use keep::count_from_now;

/// What is asked for when a key is made. An outer `Option` is "as by default"; an inner one the value's own absence.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: Description,
    /// Its api; by default [`claviger_core::api::DEFAULT_API`].
    pub api: Option<Slug>,
    /// Its role; absent means the mapped user's.
    pub role_id: Option<RoleId>,
    /// Its scopes; absent narrows nothing.
    pub scopes: Option<PermissionSet>,
    /// Whom it belongs to; by default the creator. None at all only by an admin.
    pub owner_id: Option<Option<UserId>>,
    /// Whose rights it carries; by default the creator's.
    pub mapped_user_id: Option<Option<UserId>>,
    /// When it ends; by default never, or as policy says.
    pub expires_at: Option<Option<Timestamp>>,
    /// Where it may be used from; absent means anywhere.
    pub allowed_ips: Option<IpAllowList>,
    /// How often it may be used, where that is another thing than policy says.
    pub limits: KeyLimits,
    /// How far down the tree it reaches.
    pub reach: Reach,
    /// How it comes to be: [`Origin::Api`] or [`Origin::Form`].
    pub origin: Origin,
    /// Where its bearer keeps it.
    pub stored_in: Option<Description>,
    /// The host's own data.
    pub metadata: Metadata,
}

impl NewKey {
    /// A key with a name and every default.
    pub fn named(name: Name, origin: Origin) -> Self {
        Self {
            name,
            description: Description::default(),
            api: None,
            role_id: None,
            scopes: None,
            owner_id: None,
            mapped_user_id: None,
            expires_at: None,
            allowed_ips: None,
            limits: KeyLimits::default(),
            reach: Reach::Organization,
            origin,
            stored_in: None,
            metadata: Metadata::default(),
        }
    }
}

/// When, from where and with what a secret was used last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// When; accurate to a minute.
    pub at: Timestamp,
    /// From where.
    pub ip: Option<IpAddr>,
    /// With what.
    pub user_agent: Option<String>,
}

/// A secret and its last use.
#[derive(Debug, Clone)]
pub struct SecretInfo {
    /// The secret: its public part and its state, never the token.
    pub secret: Secret,
    /// Its last use; absent means never.
    pub last_use: Option<LastUse>,
}

/// A key with the names of what it hangs on.
#[derive(Debug, Clone)]
pub struct KeyInfo {
    /// The key.
    pub key: Key,
    /// What it looks like at the instant of the answer.
    pub state: KeyState,
    /// Why its requests are refused though it is active itself: its organization, its owner, its mapped user or its role.
    pub blocked: Option<Code>,
    /// The slug of its api.
    pub api: Slug,
    /// The name of its role.
    pub role_name: Option<Name>,
    /// The name of its owner.
    pub owner_name: Option<Name>,
    /// The name of its mapped user.
    pub mapped_user_name: Option<Name>,
    /// What may be shown of its value, `ck_7Fq2…`; an imported key has none.
    pub access_hint: Option<String>,
    /// The public half of its value, by which logs and hosts know it; an imported key has none.
    pub access_key: Option<String>,
    /// Until when a replaced secret of it is still good, if one is: with the key it ends at the latest.
    pub rotating_until: Option<Timestamp>,
    /// The latest use of any of its secrets; in lists only the instant.
    pub last_use: Option<LastUse>,
    /// Its secrets that are not dead, newest first, and behind them those that the change has ended whose answer this is; empty in lists.
    pub secrets: Vec<SecretInfo>,
}

/// A key with a new secret: the one answer that carries the token.
#[derive(Debug)]
pub struct CreatedKey {
    /// The key.
    pub info: KeyInfo,
    /// The token in clear.
    pub token: Token,
}

/// Which keys are asked for, in which order.
#[derive(Debug, Clone, Default)]
pub struct KeyQuery {
    /// Which; its api is said by `api`.
    pub filter: KeyFilter,
    /// Those of the api with this slug.
    pub api: Option<Slug>,
    /// Of the active ones, whatever the filter says of states, those that are blocked ([`KeyInfo::blocked`]), or those that are not.
    pub blocked: Option<bool>,
    /// In which order.
    pub order: KeyOrder,
}

impl From<KeyFilter> for KeyQuery {
    fn from(filter: KeyFilter) -> Self {
        Self { filter, ..Self::default() }
    }
}

/// A page of keys.
#[derive(Debug, Clone)]
pub struct KeyList {
    /// The page. It may hold fewer keys than were asked for, or none, and yet not be the last: one request looks at so many keys
    /// ([`claviger_core::limits::KEYS_EXAMINED_MAX`]) and no more.
    pub page: Page<KeyInfo>,
    /// How many keys the query finds in all, counted as far as it is cheap.
    pub total: KeyTotal,
}

/// How long the old secret stays good in a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// As long as policy says.
    #[default]
    Policy,
    /// This long; zero ends it at once.
    For(Duration),
}
