//! A delivery with its attempts; sending it again, sending what failed again, and sending a test.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path};
use axum::response::Response;
use claviger_core::id::DeliveryId;
use claviger_core::time::Timestamp;
use serde::Deserialize;

use super::{crumbs, find, path_of, readable, rights, view};
use crate::console::failure::Failure;
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
    let page = DeliveryPage {
        shell: visit.shell(Place::Settings),
        crumbs: crumbs(&visit),
        webhook: view::webhook(&info),
        delivery: view::delivery(&found.row),
        due: found.row.due_at.map(Moment::new),
        ended: found.row.ended_at.map(Moment::new),
        attempts: found.attempts.iter().map(view::attempt).collect(),
        body: found.body,
        may_resend: webhook.is_sent() && rights(&visit, Some(&info)).update,
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

/// From which day on what failed is sent again.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::console) struct RecoverForm {
    since: String,
}

/// Has what failed since a day sent again.
pub(in crate::console) async fn recover(
    visit: Visit,
    Path((_, id)): Path<(String, String)>,
    form: Result<Form<RecoverForm>, FormRejection>,
) -> Result<Response, Failure> {
    let form = readable(form)?;
    let info = find(&visit, &id).await?;
    let id = info.row.webhook.id;
    let since: Timestamp = format!("{}T00:00:00Z", form.since.trim()).parse().map_err(|_| Failure::bad_form())?;
    let mut deliveries = 0;
    // So many at a time; what one round has sent again has not failed any more.
    loop {
        let Some(found) = recover_deliveries(&visit.app, &visit.caller, id, since, None).await?.fresh() else { break };
        deliveries += found.deliveries;
        if !found.has_more {
            break;
        }
    }
    Ok(visit.done(&path_of(id), &Notice::DeliveriesRecovered(deliveries)))
}
