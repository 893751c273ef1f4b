//! Moving an organization below another one, with a look at what that would change.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::organization::Organization;
use claviger_core::policy::{Policy, QueryStringKeys, Reveal, Setting};
use claviger_core::reject::{Reject, RejectCode};
use serde::Deserialize;

use super::form::places;
use super::{OrganizationPath, authorize_from_above, find, found_row};
use crate::console::entrance::refused;
use crate::console::failure::Failure;
use crate::console::pages::form::FormErrors;
use crate::console::pages::shell::{Notice, Place};
use crate::console::pages::tree::{Harm, MovePage, MovePreview, MovedSetting};
use crate::console::policies::{setting_help, setting_label, setting_words};
use crate::console::visit::Visit;
use crate::ops::moves::move_organization;
use crate::ops::policies::{PolicyInfo, get_policy};

/// Where to.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct MoveForm {
    version: String,
    /// The id of the new parent; empty before one is chosen.
    parent: String,
    /// What is searched for among the places where it could stand.
    q: String,
}

/// Shows where an organization could stand and, once a place is chosen, what that would change.
pub(in crate::console) async fn show_move(
    visit: Visit,
    Path((_, id)): OrganizationPath,
    query: Result<Query<MoveForm>, QueryRejection>,
) -> Result<Response, Failure> {
    let organization = find(&visit, &id).await?;
    authorize_from_above(&visit, &organization)?;
    if organization.parent_id.is_none() {
        return Err(Reject::new(RejectCode::StateConflict, "The root stays where it is.").into());
    }
    let Query(form) = query.unwrap_or_default();
    let page = page(&visit, &organization, &form, FormErrors::default()).await?;
    Ok(visit.page(&page))
}

async fn page(
    visit: &Visit,
    organization: &Organization,
    form: &MoveForm,
    mut errors: FormErrors,
) -> Result<MovePage, Failure> {
    let present = organization.parent_id.map(|it| it.to_string()).unwrap_or_default();
    let chosen = if form.parent.is_empty() { &present } else { &form.parent };
    let mut preview = None;
    if !form.parent.is_empty() && form.parent != present {
        match find(visit, &form.parent).await {
            Ok(parent) => preview = Some(compare(visit, organization, &parent).await?),
            Err(_) => errors.add("parent", "Choose one of the list."),
        }
    }
    Ok(MovePage {
        shell: visit.shell(Place::Settings),
        row: found_row(visit, organization).await?,
        version: organization.version.to_string(),
        places: places(visit, chosen, &form.q, Some(organization.id)).await,
        preview,
        errors,
    })
}

/// What would hold otherwise below another parent.
async fn compare(visit: &Visit, it: &Organization, parent: &Organization) -> Result<MovePreview, Failure> {
    let present = get_policy(&visit.app, &visit.caller, it.id).await?;
    let above = get_policy(&visit.app, &visit.caller, parent.id).await?.effective;
    let then = above.inherit(&it.policy);
    let settings = Setting::ALL.into_iter().filter_map(|setting| moved(setting, &present, &above, &then));
    Ok(MovePreview { parent_id: parent.id.to_string(), parent: parent.name.to_string(), settings: settings.collect() })
}

/// A setting of which another value would hold, or which would be locked from above otherwise than it is.
fn moved(setting: Setting, present: &PolicyInfo, above: &Policy, then: &Policy) -> Option<MovedSetting> {
    let now = &present.effective;
    let (is_locked, will_be) = (present.inherited.locked.contains(&setting), above.locked.contains(&setting));
    let words = |policy: &Policy, is_locked: bool| {
        let words = setting_words(setting, policy);
        if is_locked { format!("{words}, locked from above") } else { words }
    };
    let (before, after) = (setting_words(setting, now), setting_words(setting, then));
    let (what, harm) = match (before == after, is_locked, will_be) {
        (true, false, true) if setting == Setting::Reveal && then.reveal == Reveal::Once => (
            "Every copy that is kept below to be shown again is destroyed, and no later change brings it back.",
            Harm::Destroys,
        ),
        (true, false, true) => ("Here and below it can only be made narrower from then on.", Harm::None),
        (true, true, false) => ("Here and below it can be chosen freely from then on.", Harm::None),
        (true, ..) => return None,
        (false, ..) => consequence(setting, now, then),
    };
    let (now, then) = (words(now, is_locked), words(then, will_be));
    Some(MovedSetting { label: setting_label(setting), now, then, what, harm })
}

/// What another value means for the keys of what is moved, and what harm that does.
fn consequence(setting: Setting, now: &Policy, then: &Policy) -> (&'static str, Harm) {
    let days = |it: Option<u16>| it.unwrap_or(u16::MAX);
    match setting {
        Setting::IdleDays if days(then.idle_days) < days(now.idle_days) => {
            ("Keys that were not used for so long stop working.", Harm::Stops)
        }
        Setting::IdleDays => ("Keys may go longer without a call.", Harm::None),
        Setting::QueryStringKeys if then.query_string_keys < now.query_string_keys => match then.query_string_keys {
            QueryStringKeys::Deny => ("Calls that carry a key in their address are refused.", Harm::Stops),
            _ => ("Calls that carry a key in their address get a warning with the answer.", Harm::None),
        },
        Setting::ExpiryDaysMax if days(then.expiry_days_max) < days(now.expiry_days_max) => {
            ("Keys that exist go on working. Every new one has to end within that time.", Harm::None)
        }
        Setting::MaxKeysPerUser if then.max_keys_per_user < now.max_keys_per_user => {
            ("Keys that exist go on working. Who owns that many creates no more.", Harm::None)
        }
        Setting::Reveal if then.reveal == Reveal::Once && now.reveal != Reveal::Once => (
            "Every copy that is kept to be shown again is destroyed, and no later change brings it back.",
            Harm::Destroys,
        ),
        // Only without the database, which is no reason to call keys stopped.
        Setting::MaxStaleSecs if then.max_stale_secs < now.max_stale_secs => {
            ("A node that has lost the database begins to refuse calls sooner.", Harm::None)
        }
        _ => (setting_help(setting), Harm::None),
    }
}

/// Moves an organization with all that is below it.
pub(in crate::console) async fn move_to(
    visit: Visit,
    Path((_, id)): OrganizationPath,
    form: Result<Form<MoveForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let organization = find(&visit, &id).await?;
    let mut errors = FormErrors::default();
    match find(&visit, &form.parent).await {
        Ok(parent) => {
            let version = form.version.parse().unwrap_or(organization.version);
            match move_organization(&visit.app, &visit.caller, organization.id, parent.id, Some(version), None).await {
                Ok(_) => {
                    let notice = Notice::OrganizationMoved(organization.name.to_string());
                    return Ok(visit.done(&format!("/tree/{}", organization.id), &notice));
                }
                Err(error) => {
                    let reject = error.into_reject();
                    match reject.code {
                        RejectCode::StateConflict
                        | RejectCode::LimitReached
                        | RejectCode::GrantExceedsOwn
                        | RejectCode::PolicyDenied => errors.add_general(reject.detail),
                        RejectCode::VersionMismatch => errors.add_general(
                            "Somebody changed this organization after you opened the page, so it was not moved. Look at it again.",
                        ),
                        _ => return Err(reject.into()),
                    }
                }
            }
        }
        Err(_) => errors.add("parent", "Choose one of the list."),
    }
    let page = page(&visit, &organization, &form, errors).await?;
    Ok(refused(visit.page(&page)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_refuses_calls_that_pass_now_is_said_to_stop_keys() {
        let now = Policy { idle_days: Some(90), reveal: Reveal::Owner, ..Policy::default() };
        let stale = |max_stale_secs| Policy { max_stale_secs, ..now.clone() };
        for (setting, then, harm) in [
            (Setting::IdleDays, Policy { idle_days: Some(30), ..now.clone() }, Harm::Stops),
            (Setting::IdleDays, Policy { idle_days: None, ..now.clone() }, Harm::None),
            (Setting::QueryStringKeys, Policy { query_string_keys: QueryStringKeys::Deny, ..now.clone() }, Harm::Stops),
            (Setting::QueryStringKeys, Policy { query_string_keys: QueryStringKeys::Allow, ..now.clone() }, Harm::None),
            (Setting::ExpiryDaysMax, Policy { expiry_days_max: Some(30), ..now.clone() }, Harm::None),
            (Setting::MaxKeysPerUser, Policy { max_keys_per_user: 1, ..now.clone() }, Harm::None),
            (Setting::Reveal, Policy { reveal: Reveal::Once, ..now.clone() }, Harm::Destroys),
            (Setting::Reveal, Policy { reveal: Reveal::OwnerAndAdmins, ..now.clone() }, Harm::None),
            (Setting::MaxStaleSecs, stale(now.max_stale_secs - 1), Harm::None),
        ] {
            let (what, found) = consequence(setting, &now, &then);
            assert_eq!(found, harm, "{setting:?}");
            assert!(what.ends_with('.'), "{what}");
        }
        let sooner = |then: &Policy| consequence(Setting::MaxStaleSecs, &now, then).0.contains("sooner");
        assert!(sooner(&stale(now.max_stale_secs - 1)) && !sooner(&stale(now.max_stale_secs + 1)));
    }
}
