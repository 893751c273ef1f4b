//! Inviting somebody, and giving a member another role.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::name::{Email, Name};
use claviger_core::permission::PermissionSet;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::role::{BuiltIn, Role};
use claviger_store::people::KEYS_COUNTED_MAX;
use serde::Deserialize;

use super::change::{find, show_link};
use super::list::{facts, may_invite};
use crate::console::entrance::{keep, refused};
use crate::console::failure::Failure;
use crate::console::keys::view::{self, grouped};
use crate::console::lines::complaint;
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
        roles: role_choices(visit, &form.role, None, None).await?,
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
    let lines = entries(text);
    let is_wrong = |it: &str| PermissionSet::parse(&[it]).is_err();
    let said = |error| format!("Here {}", complaint(&lines, &error, is_wrong));
    PermissionSet::parse(&lines).map_err(|error| errors.add("extra", said(error))).ok()
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
    mut errors: FormErrors,
) -> Result<MemberRolePage, Failure> {
    let (person, keys) = find(visit, member_id).await?;
    let member = &person.row.member;
    let present = (member.role_id.to_string(), person.row.role_name.to_string());
    let chosen = if form.role.is_empty() { &present.0 } else { &form.role };
    let membership = visit.app.replica().membership_at(person.row.user.id, visit.organization_id());
    let held = Held {
        is_allowed: membership.is_some_and(|it| it.is_admin || it.api_access),
        keys: keys.personal + keys.owned,
    };
    let roles = role_choices(visit, chosen, Some(&present), Some(held)).await?;
    let extra_now = member.extra_permissions.to_texts();
    let extra = form.extra.as_deref().map_or_else(|| extra_now.join("\n"), typed_lines);
    let label = |id: &str| roles.iter().find(|it| it.value == id).map_or_else(|| id.to_owned(), |it| it.label.clone());
    errors.compare([
        ("Role", label(chosen), label(&present.0)),
        ("Also allowed", entries(&extra).join(", "), extra_now.join(", ")),
    ]);
    Ok(MemberRolePage {
        shell: visit.shell(Place::Settings),
        version: member.version.to_string(),
        roles,
        extra,
        held: keys.personal + keys.owned,
        mapped: keys.mapped,
        more: [keys.personal + keys.owned, keys.mapped].contains(&KEYS_COUNTED_MAX),
        person: facts(visit, &person, visit.app.now()),
        errors,
    })
}

/// What hangs on whether the role of a member allows API access.
#[derive(Clone, Copy)]
struct Held {
    /// Whether the present one does.
    is_allowed: bool,
    /// Keys that belong to the member and that no other membership reaches.
    keys: u64,
}

impl Held {
    /// What giving this role does to API access and to the keys; empty where it does nothing.
    fn consequence(self, role: &Role) -> String {
        let allows = role.is_admin() || role.api_access;
        let keys = match self.keys {
            1 => "1 key that belongs to this person".to_owned(),
            KEYS_COUNTED_MAX => format!("{} or more keys that belong to this person", grouped(self.keys)),
            many => format!("{} keys that belong to this person", grouped(many)),
        };
        let verb = |one: &'static str, many: &'static str| if self.keys == 1 { one } else { many };
        match (self.is_allowed, allows, self.keys) {
            (true, true, _) | (false, false, _) => String::new(),
            (true, false, 0) => "Takes API access away.".to_owned(),
            (true, false, _) => format!("Takes API access away: {keys} {} working.", verb("stops", "stop")),
            (false, true, 0) => "Gives API access.".to_owned(),
            (false, true, _) => format!("Gives API access: {keys} {} working again.", verb("starts", "start")),
        }
    }
}

/// What the role of members is for.
const MEMBERS: &str = "The own profile, and keys that belong to oneself.";
/// What is said beside it of a role without API access, though its permissions speak of own keys.
const NOT_YET: &str = "API access is not yet allowed for this role: until it is, nobody with it has keys.";

/// The roles that the viewer may give, `member` chosen unless another is, and a present one that is none of them.
async fn role_choices(
    visit: &Visit,
    chosen: &str,
    present: Option<&(String, String)>,
    held: Option<Held>,
) -> Result<Vec<Choice>, Failure> {
    let roles = list_roles_to_give(&visit.app, &visit.caller, visit.organization_id()).await?;
    let choice = |role: &Role| {
        let id = role.id.to_string();
        let is_chosen = if chosen.is_empty() { role.built_in == Some(BuiltIn::Member) } else { id == chosen };
        let note = match role.built_in {
            Some(BuiltIn::Admin) => "Creates, changes and deletes everything.".to_owned(),
            Some(BuiltIn::Member) if role.api_access => MEMBERS.to_owned(),
            Some(BuiltIn::Member) => format!("{MEMBERS} {NOT_YET}"),
            None if !role.api_access => format!("{} {NOT_YET}", role.description).trim_start().to_owned(),
            Some(BuiltIn::Readonly) => "Reads everything, changes nothing.".to_owned(),
            None => role.description.to_string(),
        };
        let told = held.map(|it| it.consequence(role)).unwrap_or_default();
        let note = [note, told].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ");
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
