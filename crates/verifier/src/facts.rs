//! What is known of a key that was found, for answers and headers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use claviger_core::decision::{self, Code, Grant, KeyStanding};
use claviger_core::feed::{OrganizationRecord, UserRecord};
use claviger_core::id::{KeyId, OrganizationId, SecretId, UserId};
use claviger_core::permission::PermissionSet;
use claviger_core::reject::Ended;
use claviger_core::secret::SecretState;
use claviger_core::time::Timestamp;

use crate::cells::here;
use crate::resolve::{Bearer, Resolved};
use crate::state::State;
use crate::text::Text;
use crate::tokens::Proven;
use crate::verify::Credential;

/// What is known of a key that was found.
#[derive(Clone, Copy)]
pub struct Facts<'v> {
    state: &'v State,
    found: &'v Resolved,
}

impl<'v> Facts<'v> {
    pub(crate) const fn new(state: &'v State, found: &'v Resolved) -> Self {
        Self { state, found }
    }

    /// The key.
    pub fn key_id(&self) -> KeyId {
        KeyId::from_u128(self.found.hit.held.key_id)
    }

    /// Which of its secrets was presented.
    pub fn secret_id(&self) -> SecretId {
        SecretId::from_u128(self.found.hit.held.secret_id)
    }

    /// What has ended of what was presented, where that is why it was denied by this code and the key lives, so that something else of this key may
    /// be good.
    pub fn ended(&self, code: Code, now: Timestamp) -> Option<Ended> {
        let (held, token) = (&self.found.hit.held, self.found.token.as_ref());
        let of_secret = if token.is_some() { Ended::SecretOfToken } else { Ended::Secret };
        match code {
            _ if held.standing != KeyStanding::Active => None,
            Code::Revoked if held.state == SecretState::Dead => Some(of_secret),
            Code::Revoked => token.map(|_| Ended::SignIn),
            Code::Expired => match held.state {
                SecretState::Retiring { until } if until <= now => Some(of_secret),
                _ if held.expires_at.is_some_and(|it| it <= now) => None,
                _ => token.map(Bearer::ended),
            },
            _ => None,
        }
    }

    /// What is left of the credential, to decide about it again.
    pub fn credential(&self) -> Credential {
        Credential {
            digest: self.found.hit.held.digest,
            token: self.found.token.as_ref().map(|it| Arc::clone(&it.proven)),
        }
    }

    /// The access token that was presented, where it was not the secret itself.
    pub fn token(&self) -> Option<&'v Proven> {
        self.found.token.as_ref().map(|it| &*it.proven)
    }

    /// The key's name.
    pub fn key_name(&self) -> String {
        self.state.text(self.found.hit.at, Text::Name).unwrap_or_default()
    }

    /// The host's own data on it, as JSON text.
    pub fn metadata_json(&self) -> Option<String> {
        self.state.text(self.found.hit.at, Text::Metadata).filter(|it| !it.is_empty())
    }

    /// When it ends.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.found.hit.held.expires_at
    }

    /// When what was presented stops being accepted: with the key, or sooner, where a rotation has replaced the secret, or with the access token.
    pub fn secret_ends_at(&self) -> Option<Timestamp> {
        let retires_at = match self.found.hit.held.state {
            SecretState::Retiring { until } => Some(until),
            SecretState::Current | SecretState::Dead => None,
        };
        let token_ends_at = self.found.token.as_ref().map(|it| it.expires_at);
        self.expires_at().into_iter().chain(retires_at).chain(token_ends_at).min()
    }

    /// The slug of the api it belongs to.
    pub fn api_slug(&self) -> Option<String> {
        self.state.apis.load().slug(self.found.hit.held.api).map(Into::into)
    }

    /// The organization it stands in.
    pub fn key_organization_id(&self) -> OrganizationId {
        self.id_of(self.found.hit.held.organization)
    }

    fn id_of(&self, organization: u32) -> OrganizationId {
        let id = self.state.organizations.id(organization);
        OrganizationId::from_u128(id.expect("an entry names an organization by the number it was given"))
    }

    fn grant(&self) -> Grant<'_> {
        self.found.grant(Duration::ZERO)
    }

    /// The organization the request is about; the key's own where that is out of reach.
    ///
    /// Asked of the reach and not of the decision: a key that has expired learns no more of others than one that has not.
    fn organization_number(&self) -> u32 {
        let is_in_reach = || decision::is_in_reach(&self.grant(), &self.found.request(None, &[], None));
        let asked = self.found.aim.spot().filter(|_| is_in_reach());
        asked.unwrap_or(&self.found.organization).at
    }

    fn organization(&self) -> Option<&'v OrganizationRecord> {
        let load = || self.state.organizations.load(self.organization_number());
        here(self.found.organization_names.get_or_init(load)).map(|it| &*it.record)
    }

    /// The organization the request is about; the key's own where that is out of reach.
    pub fn organization_id(&self) -> OrganizationId {
        self.id_of(self.organization_number())
    }

    /// Its slug; absent when the organization is not held.
    pub fn organization_slug(&self) -> Option<&'v str> {
        self.organization().map(|it| it.slug.as_str())
    }

    /// Its external id.
    pub fn organization_external_id(&self) -> Option<&'v str> {
        self.organization()?.external_id.as_deref()
    }

    fn mapped_user(&self) -> Option<&'v UserRecord> {
        let at = self.found.mapped_user.as_ref()?.at;
        here(self.found.user_names.get_or_init(|| self.state.users.load(at)))?.record()
    }

    /// The user whose rights the key carries.
    pub fn mapped_user_id(&self) -> Option<UserId> {
        self.state.users.id(self.found.hit.held.mapped_user).map(UserId::from_u128)
    }

    /// The user's external id.
    pub fn mapped_user_external_id(&self) -> Option<&'v str> {
        self.mapped_user()?.external_id.as_deref()
    }

    /// The user's name.
    pub fn mapped_user_name(&self) -> Option<&'v str> {
        self.mapped_user().map(|it| it.name.as_str())
    }

    /// The name of the key's role, or of the mapped user's at the organization where the key has none.
    pub fn role_name(&self) -> Option<&'v str> {
        let role = match &self.found.role {
            Some(own) => here(own),
            None => self.found.mapped_user.as_ref()?.role(),
        };
        role.map(|it| it.name.as_str())
    }

    /// Everything the key may do there: role, scopes and the mapped user's rights together. Computed on demand.
    pub fn permissions(&self) -> PermissionSet {
        decision::rights(&self.grant())
    }
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("key_id", &self.key_id()).field("secret_id", &self.secret_id()).finish()
    }
}
