//! Changing what a member is called, and the e-mail address that the member signs in with.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::name::{Email, Name};
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::user::User;
use serde::Deserialize;

use super::change::find;
use super::list::facts;
use crate::console::entrance::{keep, refused};
use crate::console::failure::Failure;
use crate::console::pages::form::{FormErrors, typed};
use crate::console::pages::members::EditMemberPage;
use crate::console::pages::shell::{Notice, Place};
use crate::console::visit::Visit;
use crate::ops::users::{UserPatch, update_user};

/// The form of a member's user.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct EditForm {
    version: String,
    name: String,
    email: String,
}

/// Shows the form with what the member is called now.
pub(in crate::console) async fn show_edit(
    visit: Visit,
    Path((_, member_id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    visit.caller.authorize(&visit.app, visit.organization_id(), "claviger/users:update")?;
    let (person, _) = find(&visit, &member_id).await?;
    let user = &person.row.user;
    Ok(visit.page(&page(&visit, &member_id, &present(user), FormErrors::default()).await?))
}

/// The form as it stands for what a user is called now.
fn present(user: &User) -> EditForm {
    EditForm {
        version: user.version.to_string(),
        name: user.name.to_string(),
        email: user.email.as_ref().map(ToString::to_string).unwrap_or_default(),
    }
}

/// Changes what the member is called.
pub(in crate::console) async fn edit(
    visit: Visit,
    Path((_, member_id)): Path<(String, String)>,
    form: Result<Form<EditForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(mut form) = form.map_err(|_| Failure::bad_form())?;
    let (person, _) = find(&visit, &member_id).await?;
    let user = &person.row.user;
    let mut errors = FormErrors::default();
    let name = keep(&mut errors, "name", "The name", Name::parse(&form.name));
    // Who never signs in has no address, and need not get one.
    let email = match form.email.trim() {
        "" if user.email.is_none() => Some(None),
        text => keep(&mut errors, "email", "The e-mail", Email::parse(text)).map(Some),
    };
    if let (Some(name), Some(email)) = (name, email) {
        let version = form.version.parse().unwrap_or(user.version);
        let patch = UserPatch {
            name: Some(name).filter(|it| *it != user.name),
            email: Some(email).filter(|it| *it != user.email),
            ..UserPatch::default()
        };
        match update_user(&visit.app, &visit.caller, visit.organization_id(), user.id, patch, Some(version)).await {
            Ok(user) => {
                let notice = Notice::UserUpdated(user.name.to_string());
                return Ok(visit.done(&format!("/members/{}", person.row.member.id), &notice));
            }
            Err(error) => complain(&mut errors, error.into_reject())?,
        }
    }
    if errors.is_outdated() {
        let now = present(user);
        errors.compare([("Name", form.name.clone(), now.name), ("E-mail", form.email.clone(), now.email)]);
        form.version = now.version;
    }
    Ok(refused(visit.page(&page(&visit, &member_id, &form, errors).await?)))
}

async fn page(visit: &Visit, member_id: &str, form: &EditForm, errors: FormErrors) -> Result<EditMemberPage, Failure> {
    let (person, _) = find(visit, member_id).await?;
    Ok(EditMemberPage {
        shell: visit.shell(Place::Settings),
        person: facts(visit, &person, visit.app.now()),
        version: typed(&form.version),
        name: typed(&form.name),
        email: typed(&form.email),
        errors,
    })
}

/// Puts a refusal of the operation beside the field it is about.
fn complain(errors: &mut FormErrors, reject: Reject) -> Result<(), Failure> {
    match reject.code {
        RejectCode::NameTaken => errors.add("email", reject.detail),
        RejectCode::GrantExceedsOwn => errors.add_general(format!("{} Ask an administrator.", reject.detail)),
        RejectCode::VersionMismatch => errors.add_outdated(),
        RejectCode::StateConflict => errors.add_general(reject.detail),
        RejectCode::InvalidField => {
            errors.add_fields(&reject.fields, &[("/email", "email", "The e-mail"), ("/name", "name", "The name")]);
        }
        _ => return Err(reject.into()),
    }
    Ok(())
}
