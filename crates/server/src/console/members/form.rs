//! Inviting somebody, and giving a member another role.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::name::{Email, Name};
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::role::{BuiltIn, Role};
use serde::Deserialize;

use super::change::{find, show_link};
use super::list::{facts, may_invite};
use crate::console::entrance::{keep, refused};
use crate::console::failure::Failure;
use crate::console::keys::view;
use crate::console::pages::form::{Choice, FormErrors, entries, typed, typed_lines};
use crate::console::pages::members::{InvitePage, MemberRolePage};
use crate::console::pages::shell::{Notice, Place};
use crate::console::visit::Visit;
use crate::ops::members::{MemberPatch, update_member};
use crate::ops::people::{NewInvitation, invite, list_roles_to_give};

/// The form that invites somebody.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct InviteForm {
    name: String,
    email: String,
    role: String,
}

/// Shows the empty form.
pub(in crate::console) async fn show_invite(visit: Visit) -> Result<Response, Failure> {
    if !may_invite(&visit) {
        return Err(Reject::from(claviger_core::decision::Code::InsufficientPermission).into());
    }
    let page = invite_page(&visit, &InviteForm::default(), FormErrors::default()).await?;
    Ok(visit.page(&page))
}

/// Makes the member and answers with the link: the one page that shows it.
pub(in crate::console) async fn create(
    visit: Visit,
    form: Result<Form<InviteForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let mut errors = FormErrors::default();
    let name = keep(&mut errors, "name", "The name", Name::parse(&form.name));
    let email = keep(&mut errors, "email", "The e-mail", Email::parse(&form.email));
    let role_id = form.role.parse().map_err(|_| errors.add("role", "Choose one of the list.")).ok();
    if let (Some(name), Some(email), Some(role_id)) = (name, email, role_id) {
        let new = NewInvitation { name, email, role_id };
        match invite(&visit.app, &visit.caller, visit.organization_id(), new).await {
            Ok(invited) => {
                let member_id = invited.member.id.to_string();
                return Ok(match &invited.link {
                    Some(link) => show_link(&visit, &member_id, &invited.user, link),
                    None => {
                        let name = invited.user.name.to_string();
                        visit.done(&format!("/members/{member_id}"), &Notice::MemberAdded(name))
                    }
                });
            }
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    let page = invite_page(&visit, &form, errors).await?;
    Ok(refused(visit.page(&page)))
}

async fn invite_page(visit: &Visit, form: &InviteForm, errors: FormErrors) -> Result<InvitePage, Failure> {
    Ok(InvitePage {
        shell: visit.shell(Place::Settings),
        name: typed(&form.name),
        email: typed(&form.email),
        roles: role_choices(visit, &form.role, None).await?,
        errors,
    })
}

/// The form that gives another role.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct RoleForm {
    role: String,
    /// Permissions, one a line; none where they were not sent.
    extra: Option<String>,
    version: String,
}

/// Permissions as they are typed, one a line.
fn read_extra(text: &str, errors: &mut FormErrors) -> Option<PermissionSet> {
    PermissionSet::parse(&entries(text)).map_err(|error| errors.add("extra", format!("Here {error}."))).ok()
}

/// Shows the form with a member's present role.
pub(in crate::console) async fn show_role(
    visit: Visit,
    Path((_, member_id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    visit.caller.authorize(&visit.app, visit.organization_id(), "claviger/members:update")?;
    let page = role_page(&visit, &member_id, &RoleForm::default(), FormErrors::default()).await?;
    Ok(visit.page(&page))
}

/// Gives a member another role.
pub(in crate::console) async fn set_role(
    visit: Visit,
    Path((_, member_id)): Path<(String, String)>,
    form: Result<Form<RoleForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let (person, _) = find(&visit, &member_id).await?;
    let member = &person.row.member;
    let version = form.version.parse().unwrap_or(member.version);
    let mut errors = FormErrors::default();
    let extra = match form.extra.as_deref() {
        Some(text) => read_extra(text, &mut errors),
        None => Some(member.extra_permissions.clone()),
    };
    let role_id = form.role.parse().map_err(|_| errors.add("role", "Choose one of the list.")).ok();
    if let (Some(role_id), Some(extra)) = (role_id, extra) {
        let patch = MemberPatch {
            role_id: Some(role_id),
            extra_permissions: Some(extra).filter(|it| *it != member.extra_permissions),
        };
        match update_member(&visit.app, &visit.caller, visit.organization_id(), member.id, patch, Some(version)).await {
            Ok(changed) => {
                let notice = Notice::MemberUpdated(changed.user.name.to_string());
                return Ok(visit.done(&format!("/members/{}", member.id), &notice));
            }
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    let page = role_page(&visit, &member_id, &form, errors).await?;
    Ok(refused(visit.page(&page)))
}

async fn role_page(
    visit: &Visit,
    member_id: &str,
    form: &RoleForm,
    errors: FormErrors,
) -> Result<MemberRolePage, Failure> {
    let (person, _) = find(visit, member_id).await?;
    let member = &person.row.member;
    let present = (member.role_id.to_string(), person.row.role_name.to_string());
    let chosen = if form.role.is_empty() { &present.0 } else { &form.role };
    Ok(MemberRolePage {
        shell: visit.shell(Place::Settings),
        version: member.version.to_string(),
        roles: role_choices(visit, chosen, Some(&present)).await?,
        extra: form.extra.as_deref().map_or_else(|| member.extra_permissions.to_texts().join("\n"), typed_lines),
        person: facts(visit, &person, visit.app.now()),
        errors,
    })
}

/// The roles that the viewer may give, `member` chosen unless another is, and a present one that is none of them.
async fn role_choices(visit: &Visit, chosen: &str, present: Option<&(String, String)>) -> Result<Vec<Choice>, Failure> {
    let roles = list_roles_to_give(&visit.app, &visit.caller, visit.organization_id()).await?;
    let choice = |role: &Role| {
        let id = role.id.to_string();
        let is_chosen = if chosen.is_empty() { role.built_in == Some(BuiltIn::Member) } else { id == chosen };
        let note = match role.built_in {
            Some(BuiltIn::Admin) => "Creates, changes and deletes everything.".to_owned(),
            Some(BuiltIn::Member) => "The own profile and own keys.".to_owned(),
            Some(BuiltIn::Readonly) => "Reads everything, changes nothing.".to_owned(),
            None => role.description.to_string(),
        };
        let mut choice = Choice::new(id, view::role_label(role.name.as_str()), is_chosen).with_note(note);
        choice.grave = role.is_admin();
        choice
    };
    let mut choices: Vec<_> = roles.iter().map(choice).collect();
    choices.sort_by_key(|it| it.grave);
    if let Some((id, name)) = present.filter(|it| !choices.iter().any(|choice| choice.value == it.0)) {
        choices.insert(0, Choice::new(id, view::role_label(name), id == chosen).with_note("As now."));
    }
    Ok(choices)
}

/// Puts a refusal of the operation beside the field it is about.
fn complain(errors: &mut FormErrors, reject: Reject) -> Result<(), Failure> {
    match reject.code {
        RejectCode::NameTaken => errors.add("email", reject.detail),
        RejectCode::GrantExceedsOwn => errors.add(
            "role",
            "This role allows, or the present one does, more than you may do yourself. Choose another, or ask an administrator.",
        ),
        RejectCode::VersionMismatch => errors.add_outdated(),
        RejectCode::StateConflict => errors.add_general(reject.detail),
        RejectCode::InvalidField => {
            errors.add_fields(&reject.fields, &[("/email", "email", "The e-mail"), ("/role_id", "role", "The role")]);
        }
        _ => return Err(reject.into()),
    }
    Ok(())
}
