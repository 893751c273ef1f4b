//! What the reader has to know: the list behind the bell, what can be done about each, and how to be told.

use std::collections::BTreeSet;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use claviger_core::id::{KeyId, NotificationId};
use claviger_core::notification::{Channels, Notification, NotificationKind, NotificationState};
use claviger_store::notifications::NotificationRow;
use serde::Deserialize;

use super::failure::Failure;
use super::keys::rights::rights_to;
use super::pages::notifications::{
    Action, ChoiceRow, ChoicesPage, Ending, NotificationView, NotificationsPage, Whither,
};
use super::pages::shell::{Moment, Notice, Place};
use super::paging::Pages;
use super::visit::Visit;
use crate::ops::keys::{get_key, keep_key};
use crate::ops::notifications::words::{label, sentence};
use crate::ops::notifications::{
    find_notification, list_choices, list_ending, list_notifications, put_choices, read_all, set_notification_state,
};

/// Where the list is, within an organization.
pub(super) const PATH: &str = "/notifications";

/// What the address says: which ones, and where the list goes on.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ListQuery {
    show: String,
    after: String,
    trail: String,
    at: String,
    rows: String,
}

/// The list behind the bell.
pub(super) async fn show_list(
    visit: Visit,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query.map_err(|_| Failure::not_found())?;
    let only_unread = match query.show.as_str() {
        "" | "all" => false,
        "unread" => true,
        _ => return Err(Failure::not_found()),
    };
    let pages = Pages::read(&query.after, &query.trail, &query.at, &query.rows);
    let is_first = pages.is_first();
    let found = list_notifications(&visit.app, &visit.caller, only_unread, pages.request()).await?;
    let narrowed = [("show", if only_unread { "unread" } else { "all" }.to_owned())];
    let mut rows = Vec::with_capacity(found.items.len());
    for row in &found.items {
        rows.push(view(&visit, row).await);
    }
    let page = NotificationsPage {
        only_unread,
        is_first,
        newest: found.items.first().map(|it| it.notification.id.to_string()).filter(|_| is_first),
        rows,
        pager: pages.pager(&narrowed, found.items.len(), found.next.as_ref()),
        shell: visit.shell(Place::Elsewhere),
    };
    Ok(visit.page(&page))
}

fn key_of(row: &NotificationRow) -> Option<KeyId> {
    row.notification.subject_id.parse().ok()
}

/// The page of what it is about.
fn subject_path(row: &NotificationRow) -> String {
    let within = |rest: String| format!("/o/{}{rest}", row.organization_slug);
    match row.notification.kind {
        NotificationKind::WebhookDisabled => within(format!("/webhooks/{}", row.notification.subject_id)),
        NotificationKind::OwnerGone => within("/members".to_owned()),
        _ => within(format!("/keys/{}", row.notification.subject_id)),
    }
}

/// What it is about, where the button leads that opens it.
fn subject_word(kind: NotificationKind) -> &'static str {
    match kind {
        NotificationKind::WebhookDisabled => "Open webhook",
        NotificationKind::OwnerGone => "Open members",
        _ => "Open key",
    }
}

/// What the button says that puts one away. It changes nothing: of a key that is about to end it says that this is left to happen.
fn dismiss_word(it: &Notification) -> &'static str {
    let stands = matches!(it.state, NotificationState::Unread | NotificationState::Read);
    match it.kind {
        NotificationKind::KeyIdle | NotificationKind::KeyIdleAgain if stands => "Let it be deleted",
        NotificationKind::KeyExpiring | NotificationKind::KeyExpiringAgain if stands => "Let it expire",
        _ => "Dismiss",
    }
}

const fn post(label: &'static str, what: &'static str) -> Action {
    Action { label, to: Whither::Post(what) }
}

/// What the reader can do about what a notification warns of, the chief thing first.
async fn remedies(visit: &Visit, row: &NotificationRow) -> Vec<Action> {
    use NotificationKind::{KeyExpiring, KeyExpiringAgain, KeyIdle, KeyIdleAgain, KeyLeaked, OldSecretUsed};
    let it = &row.notification;
    let warns = matches!(it.kind, KeyIdle | KeyIdleAgain | KeyExpiring | KeyExpiringAgain | KeyLeaked | OldSecretUsed);
    let stands = matches!(it.state, NotificationState::Unread | NotificationState::Read);
    let Some(key_id) = key_of(row).filter(|_| warns && stands) else { return vec![] };
    // Whoever may not look at the key any more, or finds it gone, can do nothing either.
    let Ok(info) = get_key(&visit.app, &visit.caller, it.organization_id, key_id).await else { return vec![] };
    let (may, key) = (rights_to(visit, &info), subject_path(row));
    let way =
        |is_open: bool, rest: &str, label| is_open.then(|| Action { label, to: Whither::Page(format!("{key}{rest}")) });
    let rotate = way(may.rotate, "/rotate", "Rotate");
    let ways = match it.kind {
        KeyIdle | KeyIdleAgain => [may.switch.then_some(post("Keep", "keep")), rotate],
        KeyExpiring | KeyExpiringAgain => [way(may.edit, "/edit", "Extend"), rotate],
        KeyLeaked => [rotate, way(may.delete, "/delete", "Delete")],
        _ => [way(true, "#rotation", "See rotation"), None],
    };
    ways.into_iter().flatten().collect()
}

async fn view(visit: &Visit, row: &NotificationRow) -> NotificationView {
    let it = &row.notification;
    let mut actions = remedies(visit, row).await;
    // A notice of a webhook is taken back when that is deleted: then there is no page to open.
    let is_there = (it.kind, it.state) != (NotificationKind::WebhookDisabled, NotificationState::Withdrawn);
    actions.extend(is_there.then(|| post(subject_word(it.kind), "open")));
    actions.push(post(dismiss_word(it), "dismiss"));
    NotificationView {
        id: it.id.to_string(),
        sentence: sentence(it),
        organization: row.organization_name.to_string(),
        at: Moment::new(it.created_at),
        unread: it.state == NotificationState::Unread,
        withdrawn: it.state == NotificationState::Withdrawn,
        actions,
    }
}

/// What ends within a day and concerns the reader, for the banner; of one key only, where the page is that key's.
pub(super) async fn ending(visit: &Visit, key_id: Option<KeyId>) -> Vec<Ending> {
    let found = list_ending(&visit.app, &visit.caller, key_id).await.unwrap_or_default();
    found.iter().map(|it| Ending { sentence: sentence(&it.notification), href: subject_path(it) }).collect()
}

type NotificationPath = Path<(String, String)>;

fn id_of(text: &str) -> Result<NotificationId, Failure> {
    text.parse().map_err(|_| Failure::not_found())
}

/// Marks one as read, and leads to what it is about.
pub(super) async fn open(visit: Visit, Path((_, id)): NotificationPath) -> Result<Response, Failure> {
    let row = set_notification_state(&visit.app, &visit.caller, id_of(&id)?, NotificationState::Read).await?;
    Ok(Redirect::to(&subject_path(&row)).into_response())
}

/// Which list a button was pressed in, to lead back there.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Shown {
    show: String,
}

/// The list again in which it was pressed.
fn list_of(form: Result<Form<Shown>, FormRejection>) -> String {
    match form {
        Ok(Form(Shown { show })) if show == "unread" => format!("{PATH}?show=unread"),
        _ => PATH.to_owned(),
    }
}

/// Puts one away.
pub(super) async fn dismiss(
    visit: Visit,
    Path((_, id)): NotificationPath,
    form: Result<Form<Shown>, FormRejection>,
) -> Result<Response, Failure> {
    set_notification_state(&visit.app, &visit.caller, id_of(&id)?, NotificationState::Dismissed).await?;
    Ok(visit.done(&list_of(form), &Notice::NotificationDismissed))
}

/// Keeps the key that one is about.
pub(super) async fn keep(
    visit: Visit,
    Path((_, id)): NotificationPath,
    form: Result<Form<Shown>, FormRejection>,
) -> Result<Response, Failure> {
    let id = id_of(&id)?;
    let row = find_notification(&visit.app, &visit.caller, id).await?;
    let key_id = key_of(&row).ok_or_else(Failure::not_found)?;
    keep_key(&visit.app, &visit.caller, row.notification.organization_id, key_id).await?;
    // Only now: who is refused has still to look at it. What was taken back stays so.
    set_notification_state(&visit.app, &visit.caller, id, NotificationState::Read).await?;
    Ok(visit.done(&list_of(form), &Notice::KeyKept(row.notification.facts.name)))
}

/// Up to where the reader has seen the list.
#[derive(Deserialize)]
pub(super) struct Until {
    newest: String,
}

/// Marks all as read that the reader was shown, and all before.
pub(super) async fn mark_all_read(visit: Visit, form: Result<Form<Until>, FormRejection>) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    read_all(&visit.app, &visit.caller, id_of(&form.newest)?).await?;
    Ok(visit.done(PATH, &Notice::NotificationsRead))
}

/// How the reader is told of what.
pub(super) async fn show_choices(visit: Visit) -> Result<Response, Failure> {
    let choices = list_choices(&visit.app, &visit.caller).await?;
    let row = |(kind, channels): (NotificationKind, Channels)| ChoiceRow {
        name: kind.as_str(),
        label: label(kind),
        in_app: channels.in_app,
        mail: channels.mail,
    };
    let page = ChoicesPage {
        rows: choices.into_iter().map(row).collect(),
        sends_mail: visit.app.config().sends_mail(),
        shell: visit.shell(Place::Elsewhere),
    };
    Ok(visit.page(&page))
}

/// Changes how the reader is told: what is ticked is wanted, what is not is not.
pub(super) async fn save_choices(
    visit: Visit,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let ticked: BTreeSet<_> = form.into_iter().collect();
    let has = |channel: &str, kind: NotificationKind| ticked.contains(&(channel.to_owned(), kind.as_str().to_owned()));
    let choice = |kind: &NotificationKind| (*kind, Channels { in_app: has("in_app", *kind), mail: has("mail", *kind) });
    put_choices(&visit.app, &visit.caller, NotificationKind::ALL.iter().map(choice).collect()).await?;
    Ok(visit.done("/profile/notifications", &Notice::ChoicesSaved))
}
