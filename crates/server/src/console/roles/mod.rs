//! The roles of an organization: the list, a role's page with its switch, and making, changing and deleting one.

mod catalogue;

use std::collections::BTreeSet;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query};
use axum::response::Response;
use claviger_core::id::RoleId;
use claviger_core::name::{Description, Name};
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::role::Role;
use serde::Deserialize;

use self::catalogue::offered;

use crate::console::entrance::{keep, refused};
use crate::console::failure::Failure;
use crate::console::keys::view;
use crate::console::pages::form::{Choice, FormErrors, entries, typed, typed_lines};
use crate::console::pages::roles::{DeleteRolePage, RoleFacts, RoleFormPage, RoleListPage, RolePage, Touched};
use crate::console::pages::shell::{Notice, Place, Status, Tone};
use crate::console::paging::Forward;
use crate::console::visit::Visit;
use crate::ops::role_preview::preview_role;
use crate::ops::roles::{NewRole, RoleInfo, RolePatch, create_role, delete_role, get_role, list_roles, update_role};

const ALLOWED: &str = "allowed";
const NOT_ALLOWED: &str = "not-allowed";

type RolePath = Path<(String, String)>;

/// The list of roles.
pub(super) async fn show_roles(
    visit: Visit,
    query: Result<Query<Forward>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query.unwrap_or_default();
    let pages = query.pages();
    let found = list_roles(&visit.app, &visit.caller, visit.organization_id(), pages.request()).await?;
    let page = RoleListPage {
        shell: visit.shell(Place::Settings),
        rows: found.items.iter().map(|it| facts(&visit, it)).collect(),
        pager: pages.pager(&[], found.items.len(), found.next.as_ref()),
        may_create: visit.may_do("claviger/roles:create"),
    };
    Ok(visit.page(&page))
}

fn facts(visit: &Visit, role: &Role) -> RoleFacts {
    let is_own = role.organization_id == visit.organization_id();
    let (tone, words) = match role.api_access {
        _ if role.is_admin() => (Tone::Good, "Always allowed"),
        true => (Tone::Good, "Allowed"),
        false => (Tone::Paused, "Not allowed"),
    };
    RoleFacts {
        id: role.id.to_string(),
        name: view::role_label(role.name.as_str()),
        description: role.description.to_string(),
        permissions: role.permissions.to_texts(),
        api_access: Status { tone, words: words.to_owned() },
        kind: match role.built_in {
            Some(_) => Some("Built-in"),
            None if !is_own => Some("From an organization above"),
            None => None,
        },
        is_admin: role.is_admin(),
        built_in: role.built_in.is_some(),
        is_own,
    }
}

async fn find(visit: &Visit, role_id: &str) -> Result<RoleInfo, Failure> {
    let role_id: RoleId = role_id.parse().map_err(|_| Failure::not_found())?;
    Ok(get_role(&visit.app, &visit.caller, visit.organization_id(), role_id).await?)
}

/// Shows a role, with the switch that lets its holders have keys.
pub(super) async fn show_role(visit: Visit, Path((_, role_id)): RolePath) -> Result<Response, Failure> {
    let page = role_page(&visit, &role_id, FormErrors::default()).await?;
    Ok(visit.page(&page))
}

async fn role_page(visit: &Visit, role_id: &str, errors: FormErrors) -> Result<RolePage, Failure> {
    let RoleInfo { role, .. } = find(visit, role_id).await?;
    let facts = facts(visit, &role);
    let may_change = visit.may_do("claviger/roles:update") && facts.is_own && !facts.is_admin;
    let turned = RolePatch { api_access: Some(!role.api_access), ..RolePatch::default() };
    // Who may not look at members and keys may still turn the switch, and is told nothing of them.
    let preview = preview_role(&visit.app, &visit.caller, visit.organization_id(), role.id, turned).await.ok();
    Ok(RolePage {
        shell: visit.shell(Place::Settings),
        version: role.version.to_string(),
        allowed: role.api_access,
        touched: preview.map(|it| Touched { members: it.member_count, keys: it.key_count, more: it.is_partial }),
        may_change,
        may_delete: visit.may_do("claviger/roles:delete") && facts.is_own && !facts.built_in,
        role: facts,
        errors,
    })
}

/// The switch of a role.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct AccessForm {
    api_access: String,
    version: String,
}

/// Lets the holders of a role have keys, or not.
pub(super) async fn set_api_access(
    visit: Visit,
    Path((_, role_id)): RolePath,
    form: Result<Form<AccessForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let RoleInfo { role, .. } = find(&visit, &role_id).await?;
    let mut errors = FormErrors::default();
    if let Some(api_access) = parse_access(&form.api_access, &mut errors) {
        let version = form.version.parse().unwrap_or(role.version);
        let patch = RolePatch { api_access: Some(api_access), ..RolePatch::default() };
        match update_role(&visit.app, &visit.caller, visit.organization_id(), role.id, patch, Some(version)).await {
            Ok(role) => return Ok(saved(&visit, &role)),
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    let page = role_page(&visit, &role_id, errors).await?;
    Ok(refused(visit.page(&page)))
}

fn saved(visit: &Visit, role: &Role) -> Response {
    visit.done(&format!("/roles/{}", role.id), &Notice::RoleSaved(view::role_label(role.name.as_str())))
}

fn parse_access(text: &str, errors: &mut FormErrors) -> Option<bool> {
    match text {
        ALLOWED => Some(true),
        NOT_ALLOWED => Some(false),
        _ => {
            errors.add("api_access", "Choose whether API access is allowed.");
            None
        }
    }
}

/// The form of a role.
#[derive(Default)]
struct RoleForm {
    version: String,
    name: String,
    description: String,
    /// Permissions that are ticked.
    ticked: Vec<String>,
    /// Others as typed, one a line.
    permissions: String,
    api_access: String,
}

/// The same as it is sent: several fields have one name.
type Sent = Result<Form<Vec<(String, String)>>, FormRejection>;

impl RoleForm {
    fn sent(sent: Sent) -> Result<Self, Failure> {
        let Form(pairs) = sent.map_err(|_| Failure::bad_form())?;
        let mut form = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "version" => form.version = value,
                "name" => form.name = value,
                "description" => form.description = value,
                "permission" => form.ticked.push(value),
                "permissions" => form.permissions = value,
                "api_access" => form.api_access = value,
                _ => {}
            }
        }
        Ok(form)
    }

    /// What it allows, ticked and typed.
    fn allowed(&self) -> Vec<&str> {
        self.ticked.iter().map(String::as_str).chain(entries(&self.permissions)).collect()
    }

    fn read(&self, errors: &mut FormErrors) -> Option<(Name, Description, PermissionSet)> {
        let name = keep(errors, "name", "The role's name", Name::parse(&self.name));
        let description = keep(errors, "description", "The description", Description::parse(&self.description));
        let permissions = PermissionSet::parse(&self.allowed());
        let permissions = permissions.map_err(|error| errors.add("permissions", format!("Here {error}."))).ok();
        Some((name?, description?, permissions?))
    }
}

/// Shows the empty form.
pub(super) async fn show_new_role(visit: Visit) -> Result<Response, Failure> {
    visit.caller.authorize(&visit.app, visit.organization_id(), "claviger/roles:create")?;
    Ok(visit.page(&form_page(&visit, None, &RoleForm::default(), FormErrors::default()).await))
}

/// Makes a role.
pub(super) async fn create(visit: Visit, sent: Sent) -> Result<Response, Failure> {
    let form = RoleForm::sent(sent)?;
    let mut errors = FormErrors::default();
    let read = form.read(&mut errors);
    let api_access = parse_access(&form.api_access, &mut errors);
    if let (Some((name, description, permissions)), Some(api_access)) = (read, api_access) {
        let new = NewRole { name, description, permissions, api_access };
        match create_role(&visit.app, &visit.caller, visit.organization_id(), new, None).await {
            Ok(answer) => {
                let role = answer.fresh().ok_or_else(Failure::not_found)?;
                let notice = Notice::RoleCreated(view::role_label(role.name.as_str()));
                return Ok(visit.done(&format!("/roles/{}", role.id), &notice));
            }
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    Ok(refused(visit.page(&form_page(&visit, None, &form, errors).await)))
}

/// Shows the form with a role's present values.
pub(super) async fn show_edit(visit: Visit, Path((_, role_id)): RolePath) -> Result<Response, Failure> {
    let RoleInfo { role, .. } = find(&visit, &role_id).await?;
    Ok(visit.page(&form_page(&visit, Some(&role), &present(&role), FormErrors::default()).await))
}

/// The form as it stands for what a role is now.
fn present(role: &Role) -> RoleForm {
    RoleForm {
        version: role.version.to_string(),
        name: role.name.to_string(),
        description: role.description.to_string(),
        ticked: role.permissions.to_texts(),
        ..RoleForm::default()
    }
}

/// Changes a role.
pub(super) async fn edit(visit: Visit, Path((_, role_id)): RolePath, sent: Sent) -> Result<Response, Failure> {
    let mut form = RoleForm::sent(sent)?;
    let RoleInfo { role, .. } = find(&visit, &role_id).await?;
    let mut errors = FormErrors::default();
    if let Some((name, description, permissions)) = form.read(&mut errors) {
        let version = form.version.parse().unwrap_or(role.version);
        let patch = RolePatch {
            name: Some(name),
            description: Some(description),
            permissions: Some(permissions),
            ..RolePatch::default()
        };
        match update_role(&visit.app, &visit.caller, visit.organization_id(), role.id, patch, Some(version)).await {
            Ok(role) => return Ok(saved(&visit, &role)),
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    if errors.is_outdated() {
        let now = present(&role);
        let listed = |form: &RoleForm| {
            form.allowed().into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
        };
        let permissions_now = listed(&now);
        errors.compare([
            ("Name", form.name.clone(), now.name),
            ("Description", form.description.clone(), now.description),
            ("Permissions", listed(&form), permissions_now),
        ]);
        form.version = now.version;
    }
    Ok(refused(visit.page(&form_page(&visit, Some(&role), &form, errors).await)))
}

async fn form_page(visit: &Visit, role: Option<&Role>, form: &RoleForm, errors: FormErrors) -> RoleFormPage {
    let ticked = form.ticked.iter().map(|it| typed(it)).collect();
    let (offered, others) = offered(visit, &ticked).await;
    let others = others.into_iter().map(|it| it + "\n").collect::<String>();
    let access = |value: &str, label, note| Choice::new(value, label, form.api_access == value).with_note(note);
    let mut api_access = Vec::new();
    if role.is_none() {
        api_access.push(access(NOT_ALLOWED, "Not allowed", "Whoever has the role can have no keys."));
        api_access.push(access(ALLOWED, "Allowed", "Whoever has the role can request and use keys."));
        if !api_access.iter().any(|it| it.chosen) {
            api_access[0].chosen = true;
        }
    }
    RoleFormPage {
        shell: visit.shell(Place::Settings),
        role: role.map(|it| facts(visit, it)),
        version: typed(&form.version),
        name: typed(&form.name),
        description: typed(&form.description),
        offered,
        permissions: typed_lines(&(others + &form.permissions)),
        api_access,
        errors,
    }
}

/// Asks before a role is deleted.
pub(super) async fn show_delete(visit: Visit, Path((_, role_id)): RolePath) -> Result<Response, Failure> {
    let RoleInfo { role, member_count, key_count } = find(&visit, &role_id).await?;
    let page = DeleteRolePage {
        shell: visit.shell(Place::Settings),
        role: facts(&visit, &role),
        members: member_count,
        keys: key_count,
    };
    Ok(visit.page(&page))
}

/// Deletes a role that nobody has.
pub(super) async fn delete(visit: Visit, Path((_, role_id)): RolePath) -> Result<Response, Failure> {
    let RoleInfo { role, .. } = find(&visit, &role_id).await?;
    delete_role(&visit.app, &visit.caller, visit.organization_id(), role.id).await?;
    Ok(visit.done("/roles", &Notice::RoleDeleted(view::role_label(role.name.as_str()))))
}

/// Puts a refusal of the operation beside the field it is about.
fn complain(errors: &mut FormErrors, reject: Reject) -> Result<(), Failure> {
    match reject.code {
        RejectCode::NameTaken => errors.add("name", "A role with this name exists already. Choose another name."),
        RejectCode::VersionMismatch => errors.add_outdated(),
        RejectCode::GrantExceedsOwn => errors.add("permissions", format!("{} Ask an administrator.", reject.detail)),
        RejectCode::StateConflict | RejectCode::LimitReached => errors.add_general(reject.detail),
        _ => return Err(reject.into()),
    }
    Ok(())
}
