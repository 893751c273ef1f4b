//! A delivery with its attempts; sending it again, sending what failed again, and sending a test.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::id::DeliveryId;
use claviger_core::time::Timestamp;
use claviger_core::webhook::delivery::DeliveryState;
use serde::Deserialize;

use super::{Narrowed, crumbs, find, path_of, readable, rights, view, webhook_page};
use crate::console::entrance::refused;
use crate::console::failure::Failure;
use crate::console::pages::form::{FormErrors, typed};
use crate::console::pages::shell::{Moment, Notice, Place};
use crate::console::pages::webhooks::DeliveryPage;
use crate::console::visit::Visit;
use crate::ops::webhooks::{get_delivery, recover_deliveries, resend_delivery, test_webhook};

type DeliveryPath = Path<(String, String, String)>;

/// Shows a delivery.
pub(in crate::console) async fn show_delivery(
    visit: Visit,
    Path((_, id, delivery)): DeliveryPath,
) -> Result<Response, Failure> {
    let info = find(&visit, &id).await?;
    let webhook = &info.row.webhook;
    let delivery_id: DeliveryId = delivery.parse().map_err(|_| Failure::not_found())?;
    let found = get_delivery(&visit.app, &visit.caller, webhook.id, delivery_id).await?;
    let mut delivery = view::delivery(&found.row);
    if found.row.state == DeliveryState::Failed && found.attempts.first().is_some_and(view::is_declined) {
        delivery.status.words = "Failed: the receiver gave it up".to_owned();
    }
    let page = DeliveryPage {
        shell: visit.shell(Place::Webhooks),
        crumbs: crumbs(&visit),
        webhook: view::webhook(&visit, &info),
        delivery,
        due: found.row.due_at.map(Moment::new),
        ended: found.row.ended_at.map(Moment::new),
        headers: found.body.is_some().then(|| view::headers(&found.row, &found.attempts)),
        attempts: found.attempts.iter().map(view::attempt).collect(),
        body: found.body,
        may_resend: webhook.is_sent() && !found.is_erased && rights(&visit, Some(&info)).update,
    };
    Ok(visit.page(&page))
}

/// Has a delivery sent again.
pub(in crate::console) async fn resend(
    visit: Visit,
    Path((_, id, delivery)): DeliveryPath,
) -> Result<Response, Failure> {
    let info = find(&visit, &id).await?;
    let id = info.row.webhook.id;
    let delivery_id: DeliveryId = delivery.parse().map_err(|_| Failure::not_found())?;
    resend_delivery(&visit.app, &visit.caller, id, delivery_id, None).await?;
    Ok(visit.done(&format!("{}/deliveries/{delivery_id}", path_of(id)), &Notice::DeliveryResent))
}

/// Sends a test.
pub(in crate::console) async fn send_test(
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let info = find(&visit, &id).await?;
    let id = info.row.webhook.id;
    let sent = test_webhook(&visit.app, &visit.caller, id, None).await?;
    let path = match sent.fresh() {
        Some(sent) => format!("{}/deliveries/{}", path_of(id), sent.row.id),
        None => path_of(id),
    };
    Ok(visit.done(&path, &Notice::TestSent))
}

/// From when on what failed is sent again.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct RecoverForm {
    since: String,
}

/// The instant that the form has: to the minute or the second in UTC, as browsers send it, or the first one of a day.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    ["T00:00:00Z", ":00Z", "Z"].iter().find_map(|end| format!("{text}{end}").parse().ok())
}

/// Has what failed since an instant sent again.
pub(in crate::console) async fn recover(
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
    form: Result<Form<RecoverForm>, FormRejection>,
) -> Result<Response, Failure> {
    let form = readable(form)?;
    let info = find(&visit, &id).await?;
    let id = info.row.webhook.id;
    let Some(since) = instant(&form.since) else {
        let mut errors = FormErrors::default();
        errors.add("since", "The time is needed, in UTC and as 2026-11-01T10:30.".to_owned());
        let page = webhook_page(&visit, &info, &Narrowed::default(), typed(&form.since), errors).await?;
        return Ok(refused(visit.page(&page)));
    };
    let found = recover_deliveries(&visit.app, &visit.caller, id, since, None).await?.fresh();
    let (deliveries, has_more) = found.map_or((0, false), |it| (it.deliveries, it.has_more));
    Ok(visit
        .done(&path_of(id), &Notice::DeliveriesRecovered(usize::try_from(deliveries).unwrap_or(usize::MAX), has_more)))
}
