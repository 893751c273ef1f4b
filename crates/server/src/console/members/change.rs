//! A member's own page, and what is done from there without a form: links, disabling, removing.

use std::time::Duration;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::{IntoResponse, Response};
use claviger_core::decision::Code;
use claviger_core::id::MemberId;
use claviger_core::limits;
use claviger_core::reject::{Reject, RejectCode};
use claviger_core::user::{User, UserStatus};
use claviger_store::keys::KeyStatus;
use claviger_store::links::LinkPurpose;
use claviger_store::people::{KEYS_COUNTED_MAX, KeysOfMember, PersonRow};
use http::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use super::list::facts;
use crate::console::audit;
use crate::console::failure::Failure;
use crate::console::keys::list::is_about_sort;
use crate::console::keys::secrets::{new_once, once_of};
use crate::console::keys::view;
use crate::console::pages::members::{
    DisableMemberPage, LinkMadePage, MemberPage, RemoveMemberPage, RemovedMemberPage, StoppingKeys,
};
use crate::console::pages::shell::{Moment, Notice, Place};
use crate::console::visit::Visit;
use crate::ops::error::Error;
use crate::ops::idempotency::Idempotency;
use crate::ops::keys::{KeyFilter, KeyQuery, KeySort, count_keys, list_keys};
use crate::ops::links::{SignInLink, create_sign_in_link, delete_sign_in_link};
use crate::ops::members::delete_member;
use crate::ops::page::PageRequest;
use crate::ops::people::{get_person, is_last_admin};
use crate::ops::users::{UserPatch, update_user};

/// How far back uses count as those of now.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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
        may_read_history: visit.may_do("claviger/events:read"),
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

/// Stopping keys that are told by name.
const STOPPING_NAMED_MAX: usize = 10;

/// The keys here that work and act as a user.
fn acting_as(user: &User) -> KeyFilter {
    KeyFilter { status: KeyStatus::Active, mapped_user_id: Some(user.id), ..KeyFilter::default() }
}

/// What stops where the user is switched off; none for whoever may not look at keys.
async fn stopping_keys(visit: &Visit, user: &User) -> Result<Option<StoppingKeys>, Failure> {
    let all = PageRequest { after: None, limit: limits::PAGE_ITEMS_MAX };
    let list = async |order: KeySort| {
        let query = KeyQuery { order: order.into(), ..acting_as(user).into() };
        list_keys(&visit.app, &visit.caller, visit.organization_id(), query, all.clone()).await
    };
    let (found, sorted) = match list(KeySort::LastUse).await.map_err(Error::into_reject) {
        Err(reject) if reject.code == RejectCode::Decision(Code::InsufficientPermission) => return Ok(None),
        // Too many to say which was used last: the page does without it.
        Err(reject) if is_about_sort(&reject) => (list(KeySort::default()).await?, false),
        found => (found?, true),
    };
    let since = visit.app.now().saturating_sub(DAY);
    let items = &found.page.items;
    let lately = items.iter().filter(|it| it.last_use.as_ref().is_some_and(|it| it.at >= since)).count();
    let further = if lately == items.len() && found.page.next.is_some() { " or more" } else { "" };
    Ok(Some(StoppingKeys {
        count: found.total.count,
        counted: view::total(found.total),
        used_lately: sorted.then(|| format!("{lately}{further}")),
        named: items
            .iter()
            .take(STOPPING_NAMED_MAX)
            .map(|it| (it.key.id.to_string(), it.key.name.to_string()))
            .collect(),
        user_id: user.id.to_string(),
    }))
}

/// Asks before the user is switched off, and says which keys stop.
pub(in crate::console) async fn show_disable(
    visit: Visit,
    Path((_, member_id)): MemberPath,
) -> Result<Response, Failure> {
    let (person, _) = find(&visit, &member_id).await?;
    let user = &person.row.user;
    visit.caller.authorize(&visit.app, user.organization_id, "claviger/users:update")?;
    let refused = if is_last(&visit, &person).await? {
        Some("This is the last administrator; make another one first.")
    } else if user.status == UserStatus::Disabled {
        Some("This person is disabled already.")
    } else {
        None
    };
    if let Some(why) = refused {
        return Err(Reject::new(RejectCode::StateConflict, why).into());
    }
    let page = DisableMemberPage {
        shell: visit.shell(Place::Settings),
        keys: stopping_keys(&visit, user).await?,
        person: facts(&visit, &person, visit.app.now()),
    };
    Ok(visit.page(&page))
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
    // Those that work until now; whoever may not look at keys is told no number.
    let stopping = match status {
        UserStatus::Active => None,
        UserStatus::Disabled => {
            count_keys(&visit.app, &visit.caller, visit.organization_id(), acting_as(user).into()).await.ok()
        }
    };
    let patch = UserPatch { status: Some(status), ..UserPatch::default() };
    update_user(&visit.app, &visit.caller, visit.organization_id(), user.id, patch, None).await?;
    let name = user.name.to_string();
    let notice = match status {
        UserStatus::Active => Notice::UserEnabled(name),
        UserStatus::Disabled => {
            Notice::UserDisabled(name, stopping.filter(|it| it.count > 0).map(|it| (it.count, user.id.to_string())))
        }
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
