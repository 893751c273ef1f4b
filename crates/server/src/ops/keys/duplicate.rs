//! Duplicating a key: its settings under another name, with a secret of its own.

use claviger_core::id::{KeyId, OrganizationId};
use claviger_core::key::Origin;
use claviger_core::name::Name;
use claviger_core::time::Timestamp;

use super::create::{create_key, first_free_name};
use super::{CreatedKey, NewKey, list};
use crate::app::App;
use crate::ops::caller::Caller;
use crate::ops::error::{Error, OpResult};
use crate::ops::idempotency::{Answer, Idempotency};

/// Copies that are counted through in names before somebody has to choose one.
const COPIES_NAMED: usize = 20;

/// What of a copy is said and not copied; absent is "as the key has it".
#[derive(Debug, Clone, Default)]
pub struct Copy {
    /// Its name; by default the key's with `copy` behind it.
    pub name: Option<Name>,
    /// When it ends.
    pub expires_at: Option<Option<Timestamp>>,
}

/// Makes a key with the settings of another one. Where it is stored is not copied, since the new secret is nowhere yet; nor is it ever a
/// personal key.
///
/// # Errors
/// As [`create_key`], since that is what it does; and the caller has to be allowed to read the key.
pub async fn duplicate_key(
    app: &App,
    caller: &Caller,
    organization_id: OrganizationId,
    key_id: KeyId,
    copy: Copy,
    origin: Origin,
    idempotency: Option<Idempotency<CreatedKey>>,
) -> OpResult<Answer<CreatedKey>> {
    // Asked first, so that who may not make keys learns nothing of this one.
    caller.authorize_keys(app, organization_id, "create")?;
    let (tenant, whose) = caller.authorize_keys(app, organization_id, "read")?;
    let new = {
        let mut reader = app.store().read().await?;
        let key = list::find_visible(&mut reader, &tenant, whose, key_id).await?;
        let api = reader.find_api(&tenant, key.api_id).await?;
        let api = api.ok_or_else(|| Error::Internal(format!("{key_id} has no api")))?;
        let name = match copy.name {
            Some(name) => name,
            None => {
                let numbered = (2..=COPIES_NAMED).map(|number| key.name.with_suffix(&format!(" copy {number}")));
                let names = [key.name.with_suffix(" copy")].into_iter().chain(numbered).collect();
                first_free_name(&mut reader, &tenant, api.id, names).await?
            }
        };
        NewKey {
            name,
            description: key.description,
            api: Some(api.slug),
            role_id: key.role_id,
            scopes: key.scopes,
            owner_id: Some(key.owner_id),
            mapped_user_id: Some(key.mapped_user_id),
            expires_at: Some(copy.expires_at.unwrap_or(key.expires_at)),
            allowed_ips: key.allowed_ips,
            limits: key.limits,
            reach: key.reach,
            origin,
            stored_in: None,
            metadata: key.metadata,
        }
    };
    create_key(app, caller, organization_id, new, idempotency).await
}
