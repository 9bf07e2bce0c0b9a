//! Windows: notifications of the IP Helper API, and its two clocks.

use super::{Changes, SETTLE};
use std::io;
use std::time::Duration;
use tornado_windows::os::network::Watch;

pub(super) use tornado_windows::os::clocks;

/// How often routes are compared without a notification.
const INTERVAL: Duration = Duration::from_secs(10);

/// What a notification concerns is not used: the routes are compared after each batch.
pub(super) async fn watch_routes(changes: Changes) -> io::Result<()> {
    let watch = Watch::open()?;
    let mut former = changes.routes().await;
    loop {
        // At the end of the interval, the routes are compared as well.
        drop(tokio::time::timeout(INTERVAL, watch.changed()).await);
        tokio::time::sleep(SETTLE).await;
        former = changes.compare(former).await;
    }
}
