//! Data Loader: the keys for loading data in bulk, one for each user, in a place of their own.

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::api::DATA_LOADER_API;
use claviger_core::id::{MemberId, UserId};
use claviger_core::key::KeyPatch;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::role::BuiltIn;
use claviger_core::user::UserStatus;
use claviger_store::people::PersonRow;
use serde::Deserialize;

use super::entrance::refused;
use super::failure::Failure;
use super::keys::choices::{KEEP, Lifetimes, read_end};
use super::keys::rights::rights_to;
use super::keys::{secrets, view};
use super::menu::Section;
use super::pages::data_loader::{DataLoaderPage, LoaderKeyPage, LoaderQuestion, LoaderUserView};
use super::pages::form::{FormErrors, typed};
use super::pages::key_list::KeyRowView;
use super::pages::secrets::Made;
use super::pages::settings::Crumb;
use super::pages::shell::{Notice, Place};
use super::pages::snippets::send_key_along;
use super::paging::{Forward, searched};
use super::visit::Visit;
use crate::ops::keys::{KeyInfo, KeysOfUsers, create_key_for_user, find_keys_of_users, update_key};
use crate::ops::people::{get_person, list_people};

/// Where the page stands within the organization.
pub(super) const PATH: &str = "/integrations/data-loader";
/// What it is called.
pub(super) const TITLE: &str = "Data Loader";
/// What it needs: it names all users, and the keys that they have.
pub(super) const NEEDS: &[&str] = &["claviger/keys:read", "claviger/members:read"];

type MemberPath = Path<(String, String)>;

/// Lists the users, each with the key or the way to one.
pub(super) async fn show(visit: Visit, query: Result<Query<Forward>, QueryRejection>) -> Result<Response, Failure> {
    let Query(query) = query.unwrap_or_default();
    let search = query.search();
    let pages = query.pages();
    let wanted = Some(search.as_str()).filter(|it| !it.is_empty());
    let people = list_people(&visit.app, &visit.caller, visit.organization_id(), wanted, pages.request()).await?;
    let user_ids: Vec<_> = people.items.iter().map(|it| it.row.user.id).collect();
    let found = find(&visit, &user_ids).await?;
    let page = DataLoaderPage {
        shell: visit.shell(Place::Settings),
        crumbs: Section::Integrations.crumbs_below(),
        tabs: Section::Integrations.tabs(&visit),
        rows: people.items.iter().map(|it| user(&visit, it, key_of(&found, it))).collect(),
        is_first: pages.is_first(),
        pager: pages.pager(&searched(&search), people.items.len(), people.next.as_ref()),
        search,
        snippets: send_key_along(None),
        documentation: visit.documentation(DATA_LOADER_API).await,
    };
    Ok(visit.page(&page))
}

async fn find(visit: &Visit, user_ids: &[UserId]) -> Result<KeysOfUsers, Failure> {
    let place = visit.organization_id();
    Ok(find_keys_of_users(&visit.app, &visit.caller, place, DATA_LOADER_API, user_ids).await?)
}

fn key_of<'a>(found: &'a KeysOfUsers, person: &PersonRow) -> Option<&'a KeyInfo> {
    found.keys.iter().find(|it| it.key.mapped_user_id == Some(person.row.user.id))
}

fn user(visit: &Visit, person: &PersonRow, key: Option<&KeyInfo>) -> LoaderUserView {
    let user = &person.row.user;
    let now = visit.app.now();
    let disabled = user.status == UserStatus::Disabled;
    LoaderUserView {
        member_id: person.row.member.id.to_string(),
        name: user.name.to_string(),
        email: user.email.as_ref().map(ToString::to_string),
        disabled,
        key: key.map(|it| KeyRowView { may: rights_to(visit, it), ..view::row(it, now) }),
        may_give: !disabled && may_give(visit, user.id),
    }
}

/// Whether the viewer is offered to give this user a key; the operation has the last word.
fn may_give(visit: &Visit, user_id: UserId) -> bool {
    let policy = visit.app.replica().policy(visit.organization_id());
    let is_for_admins = policy.is_none_or(|it| it.admin_only_mapping) && user_id != visit.user.id;
    visit.may_do("claviger/keys:create") && visit.has_api_access() && (!is_for_admins || visit.is_admin())
}

/// The user of a membership in a path, and what is known of that user's key.
struct Loader {
    person: PersonRow,
    key: Option<KeyInfo>,
    lifetimes: Lifetimes,
}

impl Loader {
    async fn find(visit: &Visit, member: &str) -> Result<Self, Failure> {
        let member_id: MemberId = member.parse().map_err(|_| Failure::not_found())?;
        let (person, _) = get_person(&visit.app, &visit.caller, visit.organization_id(), member_id).await?;
        let found = find(visit, &[person.row.user.id]).await?;
        let lifetimes = Lifetimes::of(visit).by_default(found.expiry_days_default);
        Ok(Self { key: found.keys.into_iter().next(), person, lifetimes })
    }

    fn page(&self, visit: &Visit, question: LoaderQuestion, form: &LoaderForm, errors: FormErrors) -> LoaderKeyPage {
        let now = visit.app.now();
        let present = match question {
            LoaderQuestion::Give { .. } => None,
            LoaderQuestion::Extend { .. } => self.key.as_ref().map(|it| it.key.expires_at),
        };
        LoaderKeyPage {
            shell: visit.shell(Place::Settings),
            crumbs: below(),
            question,
            member_id: self.person.row.member.id.to_string(),
            name: self.person.row.user.name.to_string(),
            expiries: self.lifetimes.choices(present, &form.expires, now),
            expires_on: typed(&form.expires_on),
            latest: self.lifetimes.last_day(now),
            errors,
        }
    }

    fn giving(&self, once: String) -> LoaderQuestion {
        let role = self.person.row.role_name.as_str();
        let role_is_admin = role == BuiltIn::Admin.as_str();
        LoaderQuestion::Give { once, role: view::role_label(role), role_is_admin }
    }
}

fn below() -> Vec<Crumb> {
    let mut crumbs = Section::Integrations.crumbs_below();
    crumbs.push(Crumb { path: PATH, label: TITLE });
    crumbs
}

/// The form as it is sent; empty fields and missing ones are the same.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct LoaderForm {
    once: String,
    version: String,
    expires: String,
    expires_on: String,
}

/// Asks before a user gets a key.
pub(super) async fn show_new(visit: Visit, Path((_, member)): MemberPath) -> Result<Response, Failure> {
    let loader = Loader::find(&visit, &member).await?;
    visit.require("create")?;
    if loader.key.is_some() {
        let detail = "This user has a Data Loader key already, and there is one for each.";
        return Err(Reject::new(RejectCode::UserHasKey, detail).into());
    }
    let days = loader.lifetimes.days_default().map(|it| it.to_string());
    let form = LoaderForm { expires: days.unwrap_or_default(), ..LoaderForm::default() };
    let question = loader.giving(secrets::new_once(&visit.app));
    Ok(visit.page(&loader.page(&visit, question, &form, FormErrors::default())))
}

/// Gives a user a key, and answers with it.
pub(super) async fn create(
    visit: Visit,
    Path((_, member)): MemberPath,
    form: Result<Form<LoaderForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let loader = Loader::find(&visit, &member).await?;
    let mut errors = FormErrors::default();
    let ends = read_end((&form.expires, &form.expires_on), loader.lifetimes, visit.app.now(), &mut errors);
    if errors.is_empty() {
        let user_id = loader.person.row.user.id;
        let once = secrets::idempotency("load", &form.once, [&member, &form.expires, &form.expires_on]);
        let place = visit.organization_id();
        let made =
            create_key_for_user(&visit.app, &visit.caller, place, DATA_LOADER_API, user_id, ends, Some(once)).await;
        match made {
            Ok(answer) => return secrets::show_new(&visit, answer, below(), PATH, Made::Key).await,
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    let question = loader.giving(typed(&form.once));
    Ok(refused(visit.page(&loader.page(&visit, question, &form, errors))))
}

/// Asks until when a user's key is good.
pub(super) async fn show_edit(visit: Visit, Path((_, member)): MemberPath) -> Result<Response, Failure> {
    let loader = Loader::find(&visit, &member).await?;
    let info = loader.key.as_ref().ok_or_else(Failure::no_key_held)?;
    visit.require_to("update", &info.key)?;
    let form = LoaderForm { expires: KEEP.to_owned(), ..LoaderForm::default() };
    let question = LoaderQuestion::Extend { version: info.key.version.to_string() };
    Ok(visit.page(&loader.page(&visit, question, &form, FormErrors::default())))
}

/// Changes until when a user's key is good, and nothing else of it.
pub(super) async fn edit(
    visit: Visit,
    Path((_, member)): MemberPath,
    form: Result<Form<LoaderForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let loader = Loader::find(&visit, &member).await?;
    let info = loader.key.as_ref().ok_or_else(Failure::no_key_held)?;
    let version = form.version.parse().map_err(|_| Failure::bad_form())?;
    let mut errors = FormErrors::default();
    let ends = read_end((&form.expires, &form.expires_on), loader.lifetimes, visit.app.now(), &mut errors);
    if errors.is_empty() {
        let patch = KeyPatch { expires_at: ends.filter(|it| *it != info.key.expires_at), ..KeyPatch::default() };
        let place = visit.organization_id();
        match update_key(&visit.app, &visit.caller, place, info.key.id, patch, Some(version)).await {
            Ok(changed) => return Ok(visit.done(PATH, &Notice::KeyUpdated(changed.key.name.to_string()))),
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    // What is saved from here on takes the place of what is shown as the present.
    let question = LoaderQuestion::Extend { version: info.key.version.to_string() };
    Ok(refused(visit.page(&loader.page(&visit, question, &form, errors))))
}

/// Puts a refusal of the operation beside the field it is about.
fn complain(errors: &mut FormErrors, reject: Reject) -> Result<(), Failure> {
    match reject.code {
        RejectCode::VersionMismatch => errors.add_outdated(),
        RejectCode::InvalidField
        | RejectCode::PolicyDenied
        | RejectCode::GrantExceedsOwn
        | RejectCode::LimitReached
        | RejectCode::UserHasKey
        | RejectCode::NameTaken
        | RejectCode::StateConflict => {
            errors.add_fields(&reject.fields, &[("/expires_at", "expires", "The expiry")]);
            if reject.fields.is_empty() {
                errors.add_general(reject.detail);
            }
        }
        _ => return Err(reject.into()),
    }
    Ok(())
}
