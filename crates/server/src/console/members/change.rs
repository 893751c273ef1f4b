//! A member's own page, and what is done from there without a form: links, disabling, removing.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::{IntoResponse, Response};
use claviger_core::id::MemberId;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::user::{User, UserStatus};
use claviger_store::links::LinkPurpose;
use claviger_store::people::{KEYS_COUNTED_MAX, KeysOfMember, PersonRow};
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::list::facts;
use crate::console::audit;
use crate::console::failure::Failure;
use crate::console::keys::secrets::{new_once, once_of};
use crate::console::pages::members::{LinkMadePage, MemberPage, RemoveMemberPage, RemovedMemberPage};
use crate::console::pages::shell::{Moment, Notice, Place};
use crate::console::visit::Visit;
use crate::ops::idempotency::Idempotency;
use crate::ops::links::{SignInLink, create_sign_in_link, delete_sign_in_link};
use crate::ops::members::delete_member;
use crate::ops::people::{get_person, is_last_admin};
use crate::ops::users::{UserPatch, update_user};

type MemberPath = Path<(String, String)>;

/// A member of the organization by the id in a path.
pub(super) async fn find(visit: &Visit, member_id: &str) -> Result<(PersonRow, KeysOfMember), Failure> {
    let member_id: MemberId = member_id.parse().map_err(|_| Failure::not_found())?;
    Ok(get_person(&visit.app, &visit.caller, visit.organization_id(), member_id).await?)
}

async fn is_last(visit: &Visit, person: &PersonRow) -> Result<bool, Failure> {
    Ok(is_last_admin(&visit.app, &visit.caller, visit.organization_id(), person.row.member.id).await?)
}

/// Shows a member.
pub(in crate::console) async fn show_member(
    visit: Visit,
    Path((_, member_id)): MemberPath,
) -> Result<Response, Failure> {
    let (person, _) = match find(&visit, &member_id).await {
        Err(Failure::Page { status: StatusCode::NOT_FOUND, .. }) => return show_removed(&visit, &member_id).await,
        found => found?,
    };
    let last_admin = is_last(&visit, &person).await?;
    let person = facts(&visit, &person, visit.app.now());
    let page = MemberPage {
        shell: visit.shell(Place::Settings),
        last_admin,
        may_change: visit.may_do("claviger/members:update") && visit.may_do("claviger/roles:read"),
        may_remove: visit.may_do("claviger/members:delete"),
        may_change_user: visit.may_do("claviger/users:update") && !person.managed_elsewhere,
        once: new_once(&visit.app),
        person,
    };
    Ok(visit.page(&page))
}

/// What is left of a member who was removed, for whoever may look at what happened here; to others there is nothing.
async fn show_removed(visit: &Visit, member_id: &str) -> Result<Response, Failure> {
    let member_id: MemberId = member_id.parse().map_err(|_| Failure::not_found())?;
    let happened = audit::latest(visit, member_id.into()).await;
    let removal = happened.first().cloned().ok_or_else(Failure::not_found)?;
    let page =
        RemovedMemberPage { shell: visit.shell(Place::Settings), member_id: member_id.to_string(), removal, happened };
    Ok((StatusCode::GONE, visit.page(&page)).into_response())
}

/// The button that makes a link, as it is sent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct LinkForm {
    once: String,
}

/// Makes a link by which the member sets a password, and answers with it. A page that is loaded again makes no other one, which would end the one
/// that was shown.
pub(in crate::console) async fn make_link(
    visit: Visit,
    Path((_, member_id)): MemberPath,
    form: Result<Form<LinkForm>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let (person, _) = find(&visit, &member_id).await?;
    let user = &person.row.user;
    let (key, fingerprint) = once_of("link", &form.once, [&user.id.to_string()]);
    // Nothing of the link is kept.
    let once = Idempotency { key, fingerprint, status: 200, render: |_| Value::Null, headers: |_| HeaderMap::new() };
    let once = Some(once).filter(|_| !form.once.is_empty());
    let made = create_sign_in_link(&visit.app, &visit.caller, visit.organization_id(), user.id, once).await?;
    match made.fresh() {
        Some(link) => Ok(show_link(&visit, &person.row.member.id.to_string(), user, &link)),
        None => Ok(visit.done(&format!("/members/{member_id}"), &Notice::LinkWasShown(user.name.to_string()))),
    }
}

/// The page that shows a link.
pub(super) fn show_link(visit: &Visit, member_id: &str, user: &User, link: &SignInLink) -> Response {
    visit.page(&LinkMadePage {
        shell: visit.shell(Place::Settings),
        member_id: member_id.to_owned(),
        name: user.name.to_string(),
        email: user.email.as_ref().map(ToString::to_string).unwrap_or_default(),
        link: format!("{}/link/{}", visit.site.base_url, link.token.expose_secret()),
        until: Moment::new(link.expires_at),
        invites: link.purpose == LinkPurpose::Invitation,
    })
}

/// Takes the member's link back.
pub(in crate::console) async fn withdraw_link(
    visit: Visit,
    Path((_, member_id)): MemberPath,
) -> Result<Response, Failure> {
    let (person, _) = find(&visit, &member_id).await?;
    let user = &person.row.user;
    delete_sign_in_link(&visit.app, &visit.caller, visit.organization_id(), user.id).await?;
    Ok(visit.done(&format!("/members/{member_id}"), &Notice::LinkWithdrawn(user.name.to_string())))
}

/// Switches the user off.
pub(in crate::console) async fn disable(visit: Visit, path: MemberPath) -> Result<Response, Failure> {
    set_status(visit, path, UserStatus::Disabled).await
}

/// Switches the user on again.
pub(in crate::console) async fn enable(visit: Visit, path: MemberPath) -> Result<Response, Failure> {
    set_status(visit, path, UserStatus::Active).await
}

async fn set_status(visit: Visit, Path((_, member_id)): MemberPath, status: UserStatus) -> Result<Response, Failure> {
    let (person, _) = find(&visit, &member_id).await?;
    let user = &person.row.user;
    let patch = UserPatch { status: Some(status), ..UserPatch::default() };
    update_user(&visit.app, &visit.caller, visit.organization_id(), user.id, patch, None).await?;
    let name = user.name.to_string();
    let notice = match status {
        UserStatus::Active => Notice::UserEnabled(name),
        UserStatus::Disabled => Notice::UserDisabled(name),
    };
    Ok(visit.done(&format!("/members/{member_id}"), &notice))
}

/// Asks before a member is removed, and says what becomes of keys.
pub(in crate::console) async fn show_remove(
    visit: Visit,
    Path((_, member_id)): MemberPath,
) -> Result<Response, Failure> {
    visit.caller.authorize(&visit.app, visit.organization_id(), "claviger/members:delete")?;
    let (person, KeysOfMember { personal, owned, mapped }) = find(&visit, &member_id).await?;
    if is_last(&visit, &person).await? {
        return Err(
            Reject::new(RejectCode::StateConflict, "This is the last administrator; make another one first.").into()
        );
    }
    let page = RemoveMemberPage {
        shell: visit.shell(Place::Settings),
        person: facts(&visit, &person, visit.app.now()),
        personal,
        owned,
        mapped,
        more: [personal + owned, mapped].contains(&KEYS_COUNTED_MAX),
    };
    Ok(visit.page(&page))
}

/// Removes a member from the organization.
pub(in crate::console) async fn remove(visit: Visit, Path((_, member_id)): MemberPath) -> Result<Response, Failure> {
    let (person, _) = find(&visit, &member_id).await?;
    delete_member(&visit.app, &visit.caller, visit.organization_id(), person.row.member.id).await?;
    // Who left by their own hand may have nothing to look at here any more; the start finds what is left.
    let rest = if person.row.user.id == visit.user.id { "" } else { "/members" };
    Ok(visit.done(rest, &Notice::MemberRemoved(person.row.user.name.to_string())))
}
