//! Linux: rtnetlink(7) and clock_gettime(2).

use super::{Changes, SETTLE, TICK};
use futures::{FutureExt as _, StreamExt as _};
use nix::time::{ClockId, clock_gettime};
use rtnetlink::{MulticastGroup, new_multicast_connection};
use std::io;
use std::time::Duration;

const GROUPS: [MulticastGroup; 5] = [
    MulticastGroup::Link,
    MulticastGroup::Ipv4Ifaddr,
    MulticastGroup::Ipv4Route,
    MulticastGroup::Ipv6Ifaddr,
    MulticastGroup::Ipv6Route,
];

/// The content of a message is not used: the routing table is read after each batch.
pub(super) async fn watch_routes(changes: Changes) -> io::Result<()> {
    let mut former = changes.routes().await;
    loop {
        let (connection, _handle, mut messages) = new_multicast_connection(&GROUPS)?;
        let connection = tokio::spawn(connection);
        while messages.next().await.is_some() {
            tokio::time::sleep(SETTLE).await;
            while let Some(Some(_)) = messages.next().now_or_never() {}
            former = changes.compare(former).await;
        }
        // The kernel ends the subscription if messages arrive faster than they are read.
        connection.abort();
        tokio::time::sleep(TICK).await;
        former = changes.compare(former).await;
    }
}

/// CLOCK_BOOTTIME, which counts sleep, and CLOCK_MONOTONIC, which does not.
pub(super) fn clocks() -> io::Result<(Duration, Duration)> {
    Ok((clock_gettime(ClockId::CLOCK_BOOTTIME)?.into(), clock_gettime(ClockId::CLOCK_MONOTONIC)?.into()))
}
