//! Making tokens.

use std::time::Duration;

use claviger_core::access_token::{Claims, SignedToken, TokenKind};
use claviger_core::api::DEFAULT_API;
use claviger_core::id::{KeyId, OrganizationId, SecretId, SharedSecretId, SignInId, UserId};
use claviger_core::limits::{ACCESS_TOKEN_SECS, REFRESH_TOKEN_SECS};
use claviger_core::permission::{Permission, PermissionSet};
use claviger_core::reject::Reject;
use claviger_core::time::Timestamp;
use claviger_verifier::facts::Facts;
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

use super::signing_keys;
use crate::app::App;
use crate::ops::error::OpResult;

/// Tokens that were made for a key.
#[derive(Debug)]
pub struct Issued {
    /// To call with.
    pub access: SignedToken,
    /// Seconds for which it is good.
    pub access_secs: u64,
    /// To get another one with, and the seconds for which it is good; absent where the client can as well come again.
    pub refresh: Option<(SignedToken, u64)>,
    /// For whom it acts, for the client to read; absent where nobody asked.
    pub identity: Option<SignedToken>,
    /// The sign-in that they come from.
    pub sign_in_id: SignInId,
    /// Everything the access token may do.
    pub permissions: Vec<String>,
}

/// For whom and what tokens are made: taken from a verdict, which does not live as long.
#[derive(Debug)]
pub(super) struct Grantee {
    key_id: KeyId,
    key_name: String,
    user_id: Option<UserId>,
    user_name: Option<String>,
    api: String,
    organization_id: OrganizationId,
    organization_slug: Option<String>,
    secret_id: SecretId,
    ends_at: Option<Timestamp>,
    rights: PermissionSet,
}

impl Grantee {
    pub(super) fn new(facts: &Facts<'_>) -> Self {
        Self {
            key_id: facts.key_id(),
            key_name: facts.key_name(),
            user_id: facts.mapped_user_id(),
            user_name: facts.mapped_user_name().map(str::to_owned),
            api: facts.api_slug().unwrap_or_else(|| DEFAULT_API.to_owned()),
            organization_id: facts.organization_id(),
            organization_slug: facts.organization_slug().map(str::to_owned),
            secret_id: facts.secret_id(),
            ends_at: facts.secret_ends_at(),
            rights: facts.permissions(),
        }
    }

    /// Whether everything that a permission allows is the key's to do.
    pub(super) fn allows(&self, permission: &Permission) -> bool {
        permission.is_held_in(&self.rights)
    }
}

/// What is asked of the tokens.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The sign-in that they come from.
    pub(super) sign_in_id: SignInId,
    /// The shared secret that signed what they are made for, where one did.
    pub(super) shared_secret_id: Option<SharedSecretId>,
    /// When that ends, where it does; nobody is told that a token is good for longer than it.
    pub(super) ends_at: Option<Timestamp>,
    /// What narrows them.
    pub(super) scopes: Option<PermissionSet>,
    /// Until when they may be refreshed; absent where they may not.
    pub(super) refresh_until: Option<Timestamp>,
}

impl Wanted {
    /// A new sign-in that can be refreshed.
    pub(super) fn refreshable(app: &App, shared_secret_id: SharedSecretId, ends_at: Option<Timestamp>) -> Self {
        let now = app.now();
        let sign_in_id = SignInId::new(now, &mut *app.rng());
        let refresh_until = Some(now.saturating_add(Duration::from_secs(REFRESH_TOKEN_SECS)));
        Self { sign_in_id, shared_secret_id: Some(shared_secret_id), ends_at, scopes: None, refresh_until }
    }
}

#[derive(Serialize)]
struct Identity<'a> {
    #[serde(flatten)]
    claims: &'a Claims,
    name: &'a str,
    appname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shortname: Option<&'a str>,
}

/// Makes the tokens.
///
/// # Errors
/// [`claviger_core::reject::RejectCode::MasterKeyMissing`]; scopes of which the token would be too long; faults of the store.
pub(super) async fn issue(app: &App, who: &Grantee, wanted: Wanted) -> OpResult<Issued> {
    let signer = signing_keys::current(app).await?;
    let now = app.now();
    let ends = who.ends_at.into_iter().chain(wanted.ends_at).min();
    let (iat, ends) = (now.as_secs(), ends.map_or(i64::MAX, Timestamp::as_secs));
    let until = |secs: i64| secs.min(ends).max(iat);
    let config = app.config();
    let claims = |exp: i64| {
        let mut id = [0; 16];
        app.rng().fill_bytes(&mut id);
        Claims {
            iss: config.base_url(config.listen),
            sub: who.user_id.map_or_else(|| who.key_id.to_string(), |it| it.to_string()),
            aud: who.api.clone(),
            client_id: who.key_id,
            sid: wanted.sign_in_id,
            jti: BASE64URL_NOPAD.encode(&id),
            iat,
            exp,
            organization_id: who.organization_id,
            scope: wanted.scopes.as_ref().map(|it| it.to_texts().join(" ")),
            secret: who.secret_id,
            shared_secret: wanted.shared_secret_id,
        }
    };
    let sign = |kind, claims: &Claims| {
        signer.sign(kind, claims).map_err(|error| Reject::field("scope", format!("is too much: {error}")))
    };
    let left = |claims: &Claims| u64::try_from(claims.exp - iat).unwrap_or(0);
    let access = claims(until(iat + i64::try_from(ACCESS_TOKEN_SECS).unwrap_or(0)));
    let refresh = wanted.refresh_until.map(|it| claims(until(it.as_secs())));
    let identity = refresh.is_some().then(|| Identity {
        claims: &access,
        name: who.user_name.as_deref().unwrap_or(&who.key_name),
        appname: &who.key_name,
        shortname: who.organization_slug.as_deref(),
    });
    let permissions = match &wanted.scopes {
        Some(scopes) => who.rights.meet(scopes),
        None => who.rights.clone(),
    };
    Ok(Issued {
        access: sign(TokenKind::Access, &access)?,
        access_secs: left(&access),
        refresh: refresh.map(|it| sign(TokenKind::Refresh, &it).map(|token| (token, left(&it)))).transpose()?,
        identity: identity.and_then(|it| signer.sign(TokenKind::Identity, &it).ok()),
        sign_in_id: wanted.sign_in_id,
        permissions: permissions.to_texts(),
    })
}
