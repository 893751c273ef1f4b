//! Erasing what an event tells, after a question that asks why.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::decision::Code;
use claviger_core::id::EventId;
use claviger_core::reject::{Reject, RejectCode};
use secrecy::SecretString;
use serde::Deserialize;

use super::words::kind_words;
use crate::console::entrance::{held_back, refused};
use crate::console::failure::Failure;
use crate::console::pages::audit::ErasePage;
use crate::console::pages::form::FormErrors;
use crate::console::pages::shell::{Notice, Place};
use crate::console::revisions;
use crate::console::visit::Visit;
use crate::ops::erasure::{ERASE, erase_event, reason};
use crate::ops::events::get_event;
use crate::ops::revisions::get_revision;

/// In which of the two histories an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console) enum History {
    /// What was changed here.
    Audit,
    /// What a host reports.
    Revisions,
}

/// Why, as it is sent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct EraseForm {
    reason: String,
    confirm: SecretString,
}

impl History {
    /// Where its list stands within the organization, and what that is called.
    const fn list(self) -> (&'static str, &'static str) {
        match self {
            Self::Audit => ("/audit", "Audit"),
            Self::Revisions => ("/revision-history", "Revision History"),
        }
    }
}

/// The event, and what it is called; refused where nothing of it can be erased.
async fn find(visit: &Visit, id: &str, history: History) -> Result<(EventId, String), Failure> {
    if !visit.may_do(ERASE) {
        return Err(Reject::from(Code::InsufficientPermission).into());
    }
    let id: EventId = id.parse().map_err(|_| Failure::not_found())?;
    let (app, caller, here) = (&visit.app, &visit.caller, visit.organization_id());
    let (what, tells) = match history {
        History::Audit => {
            let event = get_event(app, caller, here, id).await?;
            let tells = event.before.is_some() || event.after.is_some() || event.ip.is_some();
            (kind_words(event.kind), tells)
        }
        History::Revisions => {
            let revision = get_revision(app, caller, here, id).await?;
            let event = &revision.row.event;
            (revisions::words(&event.topic.event_type()), event.body.is_some() || revision.is_withheld)
        }
    };
    if !tells {
        return Err(Reject::new(RejectCode::StateConflict, "Nothing of what this event told is left.").into());
    }
    Ok((id, what))
}

fn page(visit: &Visit, (id, what): (EventId, String), history: History, asked: (String, FormErrors)) -> ErasePage {
    let (list, list_name) = history.list();
    ErasePage {
        shell: visit.shell(Place::Settings),
        what,
        list,
        list_name,
        event_path: format!("{list}/{id}"),
        must_confirm: visit.is_long_ago(),
        reason: asked.0,
        errors: asked.1,
    }
}

/// Asks why, and says what stays.
pub(in crate::console) async fn show(
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
    history: History,
) -> Result<Response, Failure> {
    let event = find(&visit, &id, history).await?;
    Ok(visit.page(&page(&visit, event, history, Default::default())))
}

/// Erases it.
pub(in crate::console) async fn erase(
    mut visit: Visit,
    Path((_, id)): Path<(String, String)>,
    form: Result<Form<EraseForm>, FormRejection>,
    history: History,
) -> Result<Response, Failure> {
    let Form(form) = form.map_err(|_| Failure::bad_form())?;
    let event = find(&visit, &id, history).await?;
    let why = match reason(&form.reason) {
        Ok(why) => why,
        Err(reject) => {
            let mut errors = FormErrors::default();
            let detail = reject.fields.first().map_or_else(String::new, |it| it.detail.clone());
            errors.add("reason", format!("The reason {detail}."));
            return Ok(refused(visit.page(&page(&visit, event, history, (form.reason, errors)))));
        }
    };
    if visit.is_long_ago()
        && let Err(unconfirmed) = visit.confirm_by(form.confirm).await?
    {
        let page = page(&visit, event, history, (form.reason, unconfirmed.errors));
        return Ok(held_back(visit.page(&page), unconfirmed.wait_secs));
    }
    let (list, _) = history.list();
    erase_event(&visit.app, &visit.caller, visit.organization_id(), event.0, why, None).await?;
    Ok(visit.done(&format!("{list}/{}", event.0), &Notice::EventErased))
}
