//! Farewells: a receiver is told, once and by a `DELETE` of its address, that its webhook is sent nothing any more (Zapier pauses the Zap then).

use claviger_core::limits::FAREWELL_ATTEMPTS_MAX;
use claviger_core::tenant::Tenant;
use claviger_core::webhook::attempt::{Outcome, Verdict};
use claviger_core::webhook::target::TargetUrl;
use claviger_store::Hold;
use claviger_store::webhooks::sending::Farewell;

use super::attempt::signed;
use super::{JOB, Sender};
use crate::ops::error::OpResult;
use crate::ops::webhooks::signing_secrets;

/// Tells a receiver; where it does not hear, it is told again later, a few times.
///
/// # Errors
/// What any transaction can meet; it stays due.
pub async fn say_farewell(sender: &Sender, it: &Farewell) -> OpResult<()> {
    let app = &sender.app;
    let tenant = Tenant::system(it.organization_id, JOB);
    let leased = sender.transact(async |mut tx| {
        let now = tx.moment(app.now()).await?;
        let leased = tx.lease_farewell(&tenant, it.webhook_id, now, sender.lease_end(now.common)).await?;
        tx.commit_unaudited("a receiver is told that its webhook is no more").await?;
        Ok(leased)
    });
    if !leased.await? {
        return Ok(());
    }
    let (now, attempts) = (app.now(), it.attempts + 1);
    let again_at = match TargetUrl::parse(&it.target_url) {
        Ok(target) => {
            // As deliveries are: a receiver would be told by anybody else that it is to stop. They are kept until it has been told.
            let mut reader = app.store().read().await?;
            let secrets = signing_secrets(app, &mut reader, &tenant, it.webhook_id).await?;
            drop(reader);
            let headers = signed(&it.webhook_id.to_string(), now, &secrets, &[])?;
            let Some(answer) = sender.in_time(app.outgoing().delete(&target, headers, now)).await else {
                return Ok(());
            };
            match answer.outcome.judge(u32::try_from(attempts).unwrap_or(u32::MAX), app.now(), sender.jitter()) {
                Verdict::Retry { at } if attempts < FAREWELL_ATTEMPTS_MAX && !is_heard(&answer.outcome) => Some(at),
                _ => None,
            }
        }
        Err(_) => None,
    };
    sender
        .transact(async |mut tx| {
            // Beside whoever deletes it: one of the two takes its secrets away.
            tx.hold([Hold::alone(it.webhook_id)]).await?;
            tx.note_farewell(&tenant, it.webhook_id, attempts, again_at).await?;
            Ok(tx.commit_unaudited("a receiver was told, or will be").await?)
        })
        .await
}

/// Whether the receiver knows by now, or knows nothing of it.
fn is_heard(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered { status: 200..=299 | 404 | 405 | 410, .. })
}
