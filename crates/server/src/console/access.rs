//! The reader's own API access: the toggle, the one key behind it, and the keys that others made for the reader.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Query};
use axum::response::Response;
use claviger_core::api::DEFAULT_API;
use claviger_core::decision::KeyStanding;
use claviger_core::key::RevocationReason;
use claviger_core::limits;
use claviger_core::policy::Reveal;
use claviger_core::reject::{Reject, RejectCode};
use serde::Deserialize;

use super::failure::Failure;
use super::keys::rights::offers_to;
use super::keys::{secrets, view};
use super::menu::Section;
use super::pages::access::{ApiAccessPage, AskPage, MappedKeyView, MappedKeysPage};
use super::pages::form::FormErrors;
use super::pages::secrets::Made;
use super::pages::settings::Crumb;
use super::pages::shell::{Moment, Notice, Place};
use super::paging::{Forward, forward};
use super::visit::Visit;
use super::webhooks;
use crate::ops::idempotency::Answer;
use crate::ops::keys::usage::with_uses_here;
use crate::ops::keys::{
    ApiAccess, KeyFilter, KeyInfo, KeyStatus, Toggled, delete_personal_key, get_personal_access, list_keys,
    put_personal_key, rotate_personal_key,
};
use crate::ops::page::PageRequest;

/// Where the page is, within the organization.
pub(super) const PATH: &str = "/profile/api-access";

/// Shows the reader's own API access.
pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    let access = get_personal_access(&visit.app, &visit.caller, visit.organization_id()).await?;
    let now = visit.app.now();
    let hooks = match &access.key {
        Some(info) => webhooks::of_key(&visit, info.key.id).await?,
        None => Vec::new(),
    };
    let page = ApiAccessPage {
        webhooks: hooks.iter().map(|it| webhooks::view_of(&visit, it)).collect(),
        shell: visit.shell(Place::Elsewhere),
        crumbs: Section::Profile.crumbs_below(),
        is_admin: access.access == ApiAccess::Always,
        has_access: access.access != ApiAccess::NotAllowed,
        allowed: access.access != ApiAccess::NotAllowed && visit.may("create"),
        role: visit.organization.role_name.as_deref().map(view::role_label).unwrap_or_default(),
        may_activate: match &access.key {
            Some(it) => it.key.standing == KeyStanding::Inactive && offers_to(&visit, it).await?.switch,
            None => false,
        },
        ended: if access.key.is_none() { last_end(&visit).await? } else { None },
        hint: access.key.as_ref().and_then(|it| it.access_hint.clone()).unwrap_or_default(),
        key: access.key.as_ref().map(|it| view::facts(it, now)),
        shows: access.reveal != Reveal::Once,
        reveal: match access.reveal {
            Reveal::Once => "Policy shows a secret once, when it is made. If it is lost, regenerate the key.",
            Reveal::Owner | Reveal::OwnerAndAdmins => {
                "Policy lets you see the secret again: press Show. You may be asked for your password."
            }
        },
        documentation: visit.documentation(DEFAULT_API).await,
    };
    Ok(visit.page(&page))
}

/// How and when the reader's last personal key ended; absent where there was none.
async fn last_end(visit: &Visit) -> Result<Option<(&'static str, Moment)>, Failure> {
    let filter = KeyFilter {
        status: KeyStatus::Revoked,
        owner_id: Some(visit.user.id),
        personal: Some(true),
        ..KeyFilter::default()
    };
    let newest = PageRequest { after: None, limit: 1 };
    let found = list_keys(&visit.app, &visit.caller, visit.organization_id(), filter.into(), newest).await?;
    Ok(found.page.items.first().and_then(|it| it.key.revocation.as_ref()).map(|it| {
        let how = match it.reason {
            RevocationReason::PrivilegeWithdrawn => "was cleared by an administrator",
            RevocationReason::CessationOfOperation => "ended when you switched API access off",
            RevocationReason::KeyCompromise => "was revoked, since somebody else has, or may have, its secret",
            RevocationReason::Idle => "ended, since it was not used for as long as the policy allows",
            RevocationReason::Unspecified | RevocationReason::Superseded | RevocationReason::AffiliationChanged => {
                "was deleted"
            }
        };
        (how, Moment::new(it.at))
    }))
}

/// Switches API access on: makes the reader's key, and answers with it. Where there is one already, its secret is not shown again.
pub(super) async fn switch_on(visit: Visit) -> Result<Response, Failure> {
    match put_personal_key(&visit.app, &visit.caller, visit.organization_id(), visit.user.id).await? {
        Toggled::Made(created) => secrets::show_new(&visit, Answer::Fresh(created), below(), PATH, Made::Key).await,
        Toggled::There(_) => Ok(visit.done(PATH, &Notice::ApiAccessWasOn)),
    }
}

/// Asks before API access is switched off.
pub(super) async fn show_off(visit: Visit) -> Result<Response, Failure> {
    let consequence = "Your key is revoked: every existing link with it fails at once, and it never comes back. \
                       Switching API access on again makes another key.";
    ask(&visit, "Turn API access off", consequence, "/off", "Turn off", String::new()).await
}

/// Switches API access off: revokes the reader's key for ever.
pub(super) async fn switch_off(visit: Visit) -> Result<Response, Failure> {
    delete_personal_key(&visit.app, &visit.caller, visit.organization_id(), visit.user.id).await?;
    Ok(visit.done(PATH, &Notice::ApiAccessOff))
}

/// Asks before the reader's key is regenerated.
pub(super) async fn show_regenerate(visit: Visit) -> Result<Response, Failure> {
    let consequence =
        "Please note: every existing link with the old key fails at once. The new key is shown on the next page.";
    let once = secrets::new_once(&visit.app);
    ask(&visit, "Regenerate New Key", consequence, "/regenerate", "Regenerate New Key", once).await
}

/// The question as it is answered.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RegenerateForm {
    once: String,
}

/// Gives the reader's key a new secret, and answers with it.
pub(super) async fn regenerate(
    visit: Visit,
    form: Result<Form<RegenerateForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let (organization_id, user_id) = (visit.organization_id(), visit.user.id);
    let once = secrets::idempotency("regenerate", &form.once, [&user_id.to_string()]);
    let answer = rotate_personal_key(&visit.app, &visit.caller, organization_id, user_id, Some(once)).await?;
    secrets::show_new(&visit, answer, below(), PATH, Made::PersonalSecret).await
}

fn below() -> Vec<Crumb> {
    let mut crumbs = Section::Profile.crumbs_below();
    crumbs.push(Crumb { path: PATH, label: "API Access" });
    crumbs
}

async fn ask(
    visit: &Visit,
    title: &'static str,
    consequence: &'static str,
    action: &str,
    button: &'static str,
    once: String,
) -> Result<Response, Failure> {
    let access = get_personal_access(&visit.app, &visit.caller, visit.organization_id()).await?;
    let off = || Reject::new(RejectCode::StateConflict, "Your API access is off: there is no key.");
    let key: KeyInfo = with_uses_here(&visit.app, access.key.ok_or_else(off)?);
    Ok(visit.page(&AskPage {
        shell: visit.shell(Place::Elsewhere),
        crumbs: below(),
        title,
        whose: None,
        consequence,
        webhooks: match action {
            "/off" => webhooks::ending_with(visit, key.key.id).await?,
            _ => webhooks::pausing_with(visit, key.key.id).await?,
        },
        last_use: view::facts(&key, visit.app.now()).last_use,
        action: format!("{PATH}{action}"),
        button,
        once,
        back: PATH.to_owned(),
        // It is the reader's own key, and its page makes another one.
        must_confirm: false,
        errors: FormErrors::default(),
    }))
}

/// Lists the keys that are mapped to the reader and belong to somebody else.
pub(super) async fn show_mapped(visit: Visit, query: Query<Forward>) -> Result<Response, Failure> {
    let (is_first, request) = query.0.request(limits::PAGE_ITEMS_MAX);
    let me = visit.user.id;
    let filter = KeyFilter { mapped_user_id: Some(me), ..KeyFilter::default() };
    let found = list_keys(&visit.app, &visit.caller, visit.organization_id(), filter.into(), request).await?.page;
    let now = visit.app.now();
    let made_by_others = found.items.iter().filter(|it| it.key.owner_id != Some(me));
    let page = MappedKeysPage {
        shell: visit.shell(Place::Elsewhere),
        crumbs: Section::ProfileSecurity.crumbs_below(),
        rows: made_by_others
            .map(|it| MappedKeyView {
                row: view::row(it, now),
                api: view::type_label(it.api.as_str()),
                owner: it.owner_name.as_ref().map(ToString::to_string),
            })
            .collect(),
        is_first,
        next: forward(found.next),
    };
    Ok(visit.page(&page))
}
