//! Writing down what ends, apart from the database: as soon as this node has heard of it, and from time to time how far that is done.

use std::time::Duration;

use crate::app::App;
use crate::ops::endings::EndingsLog;

/// Between two looks, where nothing rings.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After a failure; what could not be written is written then.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Writes until nothing changes any more, and once more then: what running requests end while the service stops belongs to it.
pub async fn keep_endings(app: App, mut log: EndingsLog) {
    let mut changes = app.follower().moves();
    loop {
        let pause = match log.write(&app, false).await {
            Ok(()) => LOOK_EVERY,
            Err(error) => {
                tracing::error!(%error, "what has ended is not written down, and a restore would not know of it; it is tried again");
                AGAIN_AFTER
            }
        };
        tokio::select! {
            () = app.stop_following().cancelled() => break,
            () = changes.next(), if pause == LOOK_EVERY => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    if let Err(error) = log.write(&app, true).await {
        tracing::error!(%error, "what has ended last is not written down");
    }
}
