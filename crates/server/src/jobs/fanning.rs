//! Fanning out: as soon as something has happened here, and from time to time, since what other nodes were told rings nobody.

use std::time::Duration;

use tokio::time::Instant;

use crate::app::App;
use crate::ops::webhooks::fan_out;

/// Between the beginnings of two rounds, at least. What happens alone is fanned out at once; of what happens by the hundred in a second, each would
/// else have a transaction of its own, for which the next change waits.
const GAP: Duration = Duration::from_millis(50);

/// Makes deliveries until the service stops. Where nobody rings it looks after every `pause`.
pub async fn keep_fanning_out(app: App, pause: Duration) {
    let mut changes = app.follower().moves();
    let mut began = Instant::now();
    loop {
        tokio::select! {
            () = app.stop().cancelled() => return,
            () = changes.next() => {}
            () = app.reported().notified() => {}
            () = tokio::time::sleep_until(began + pause) => {}
        }
        tokio::select! {
            () = app.stop().cancelled() => return,
            () = tokio::time::sleep_until(began + GAP) => {}
        }
        began = Instant::now();
        // However much there is, whoever stops the service does not wait for all of it.
        while !app.stop().is_cancelled() {
            match fan_out(&app).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(job = "webhooks", %error, "a job failed and is tried again");
                    break;
                }
            }
        }
    }
}
