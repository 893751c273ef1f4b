//! The list of members, and what the console says of a member.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::Response;
use claviger_core::role::BuiltIn;
use claviger_core::time::Timestamp;
use claviger_core::user::UserStatus;
use claviger_store::people::{KEYS_COUNTED_MAX, PersonRow};

use crate::console::failure::Failure;
use crate::console::keys::view;
use crate::console::pages::members::{MemberListPage, PersonFacts};
use crate::console::pages::shell::{Moment, Place, Status, Tone};
use crate::console::paging::{Forward, searched};
use crate::console::visit::Visit;
use crate::ops::people::list_people;

/// The list of members.
pub(in crate::console) async fn show_members(
    visit: Visit,
    query: Result<Query<Forward>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query.unwrap_or_default();
    let search = query.search();
    let pages = query.pages();
    let wanted = Some(search.as_str()).filter(|it| !it.is_empty());
    let found = list_people(&visit.app, &visit.caller, visit.organization_id(), wanted, pages.request()).await?;
    let now = visit.app.now();
    let page = MemberListPage {
        shell: visit.shell(Place::Settings),
        rows: found.items.iter().map(|it| facts(&visit, it, now)).collect(),
        is_first: pages.is_first(),
        pager: pages.pager(&searched(&search), found.items.len(), found.next.as_ref()),
        may_invite: may_invite(&visit),
        search,
    };
    Ok(visit.page(&page))
}

/// Whether the viewer is offered to invite people.
pub(super) fn may_invite(visit: &Visit) -> bool {
    let needed = ["claviger/users:create", "claviger/users:update", "claviger/members:create", "claviger/roles:read"];
    needed.into_iter().all(|it| visit.may_do(it))
}

/// What pages say of a member.
pub(super) fn facts(visit: &Visit, person: &PersonRow, now: Timestamp) -> PersonFacts {
    let (member, user) = (&person.row.member, &person.row.user);
    let role = person.row.role_name.as_str();
    let counted = view::grouped(person.own_keys);
    PersonFacts {
        id: member.id.to_string(),
        name: user.name.to_string(),
        email: user.email.as_ref().map(ToString::to_string),
        role: view::role_label(role),
        role_is_admin: role == BuiltIn::Admin.as_str(),
        extra: member.extra_permissions.to_texts(),
        status: status(person, now),
        signed_in: person.signed_in_at.map(Moment::new),
        own_keys: if person.own_keys == KEYS_COUNTED_MAX { format!("{counted} or more") } else { counted },
        link_until: person.link_until.map(Moment::new),
        has_password: person.has_password,
        service: user.service,
        active: user.status == UserStatus::Active,
        managed_elsewhere: user.organization_id != visit.organization_id(),
        is_viewer: user.id == visit.user.id,
    }
}

fn status(person: &PersonRow, now: Timestamp) -> Status {
    let user = &person.row.user;
    let (tone, words) = match person.link_until.filter(|it| now < *it) {
        _ if user.status == UserStatus::Disabled => (Tone::Paused, "Disabled".to_owned()),
        _ if user.service => (Tone::Good, "Service user".to_owned()),
        _ if person.has_password => (Tone::Good, "Active".to_owned()),
        Some(until) => (Tone::Turning, format!("Invited until {}", until.to_date_text())),
        None if user.email.is_some() => (Tone::Paused, "Not invited yet".to_owned()),
        None => (Tone::Good, "Does not sign in".to_owned()),
    };
    Status { tone, words }
}
