//! A key's own page, and what one press does to it: switch on or off, delete.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::api::DATA_LOADER_API;
use claviger_core::key::{KeyState, RevocationReason};
use serde::Deserialize;

use super::copied::replaced_by;
use super::door::Door;
use super::form::find;
use super::limits;
use super::rights::{offers_to, rights_to};
use super::rotation::tracked;
use super::usage::{self, UsageQuery};
use super::view;
use super::viewing::viewing;
use crate::console::audit;
use crate::console::confirm::ConfirmForm;
use crate::console::data_loader;
use crate::console::entrance::held_back;
use crate::console::failure::Failure;
use crate::console::health;
use crate::console::notifications;
use crate::console::pages::form::FormErrors;
use crate::console::pages::keys::{DeleteKeyPage, KeyPage};
use crate::console::pages::shell::{Notice, Place};
use crate::console::visit::Visit;
use crate::console::webhooks;
use crate::ops::keys::usage::key_usage;
use crate::ops::keys::{KeyInfo, revoke_key, set_key_active};

/// The organization's slug and the key's id in a path.
type KeyPath = Path<(String, String)>;

/// A key's own page.
pub(in crate::console) async fn show_key(
    visit: Visit,
    Path((_, key_id)): KeyPath,
    query: Result<Query<UsageQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let info = find(&visit, &key_id).await?;
    let usage = key_usage(&visit.app, &visit.caller, visit.organization_id(), info.key.id).await?;
    let may = offers_to(&visit, &info).await?;
    // A stretch that nobody offered is none to complain about.
    let query = query.map(|it| it.0).unwrap_or_default();
    let now = visit.app.now();
    let page = KeyPage {
        ending: notifications::ending(&visit, Some(info.key.id)).await,
        replaced: replaced_by(&visit, &info, &query.replaces).await,
        shell: visit.shell(Place::Keys),
        key: view::facts(&info, now),
        limits: limits::words(&visit, &info),
        viewing: match info.state {
            KeyState::Revoked => None,
            _ => Some(viewing(&visit, &info).await?),
        },
        rotation: tracked(&visit, &info, may)?,
        secrets: info.secrets.iter().map(|it| view::secret(it, &info.key, now)).collect(),
        foreign: info.secrets.first().is_some_and(|it| it.secret.access_id.is_none()),
        usage: usage::view(&usage, &query, info.key.revocation.as_ref().map(|it| it.at), now),
        held_off: rights_to(&visit, &info).switch && !may.switch,
        may,
        health: health::lines(&visit, &info).await?,
        revisions: audit::latest(&visit, info.key.id.into()).await,
        may_read_history: visit.may_do("claviger/events:read"),
        snippets: view::snippets(&visit.site.base_url, info.api.as_str(), None),
        documentation: visit.documentation(info.api.as_str()).await,
        webhooks: webhooks::of_key(&visit, info.key.id).await?.iter().map(|it| webhooks::view_of(&visit, it)).collect(),
    };
    Ok(visit.page(&page))
}

/// Where the button was that switched a key.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct Pressed {
    /// Anything on the key's own page, which its reader stays on; empty in a row, which leads back to its list.
    on: String,
}

/// Switches a key off. Reversible, so nobody is asked first.
pub(in crate::console) async fn deactivate(visit: Visit, path: KeyPath, form: SwitchForm) -> Result<Response, Failure> {
    set_active(visit, path, form, false).await
}

/// Switches a key on again.
pub(in crate::console) async fn activate(visit: Visit, path: KeyPath, form: SwitchForm) -> Result<Response, Failure> {
    set_active(visit, path, form, true).await
}

/// The form of the switch; of a row it says nothing.
type SwitchForm = Result<Form<Pressed>, FormRejection>;

async fn set_active(
    visit: Visit,
    Path((_, key_id)): KeyPath,
    form: SwitchForm,
    active: bool,
) -> Result<Response, Failure> {
    let info = find(&visit, &key_id).await?;
    set_key_active(&visit.app, &visit.caller, visit.organization_id(), info.key.id, active, None, None).await?;
    let name = info.key.name.to_string();
    let notice = if active { Notice::KeyActivated(name) } else { Notice::KeyDeactivated(name) };
    let page = format!("/keys/{}", info.key.id);
    Ok(match form {
        Ok(Form(it)) if !it.on.is_empty() => visit.done(&format!("{page}{}", visit.kept("?")), &notice),
        _ => visit.done_back_or(&page, &notice),
    })
}

/// Asks before a key is deleted, with what there is to lose.
pub(in crate::console) async fn show_delete(visit: Visit, Path((_, key_id)): KeyPath) -> Result<Response, Failure> {
    let info = find(&visit, &key_id).await?;
    visit.require_to("delete", &info.key)?;
    if info.state == KeyState::Revoked {
        return Err(Failure::key_deleted());
    }
    let page = delete_page(&visit, &info, FormErrors::default()).await?;
    Ok(visit.page(&page))
}

async fn delete_page(visit: &Visit, info: &KeyInfo, errors: FormErrors) -> Result<DeleteKeyPage, Failure> {
    let usage = key_usage(&visit.app, &visit.caller, visit.organization_id(), info.key.id).await?;
    Ok(DeleteKeyPage {
        shell: visit.shell(Place::Keys),
        key: view::facts(info, visit.app.now()),
        last_day: usage::of_last_day(&usage),
        webhooks: webhooks::ending_with(visit, info.key.id).await?,
        must_confirm: visit.must_confirm([info]),
        errors,
    })
}

/// Deletes a key for ever.
pub(in crate::console) async fn delete(
    mut visit: Visit,
    Path((_, key_id)): KeyPath,
    form: Result<Form<ConfirmForm>, FormRejection>,
) -> Result<Response, Failure> {
    let info = find(&visit, &key_id).await?;
    // Before the password is asked for: nobody proves who they are to be refused then.
    visit.require_to("delete", &info.key)?;
    if visit.must_confirm([&info])
        && let Err(unconfirmed) = visit.confirm(form).await?
    {
        let page = delete_page(&visit, &info, unconfirmed.errors).await?;
        return Ok(held_back(visit.page(&page), unconfirmed.wait_secs));
    }
    let reason = RevocationReason::Unspecified;
    revoke_key(&visit.app, &visit.caller, visit.organization_id(), info.key.id, reason, None).await?;
    // Back to the list that it stood in: keys of the data loader have a place of their own.
    let list = if info.api.as_str() == DATA_LOADER_API { data_loader::PATH } else { Door::default().path() };
    Ok(visit.done_back_or(list, &Notice::KeyDeleted(info.key.name.to_string())))
}
