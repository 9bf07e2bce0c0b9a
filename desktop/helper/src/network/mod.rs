//! Detects what may change the path to the server: changes of routes and addresses, and sleep by comparing clocks.

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use parking_lot::Mutex;
use platform::{clocks, watch_routes};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tornado_helper_api::Choice;
use tornado_tunnel::state::{Phase, View};

/// Changes within this time are handled together.
const SETTLE: Duration = Duration::from_millis(50);
/// How often the clocks are compared while a tunnel is desired.
const TICK: Duration = Duration::from_secs(1);
/// Minimum difference between the clock that counts sleep and the one that does not, from which the machine is taken to
/// have slept.
const SLEPT: Duration = Duration::from_secs(2);
/// A pause of this length counts as sleep even if both clocks advanced: a virtual machine or a process was suspended.
const SUSPENDED: Duration = Duration::from_secs(10);
/// Addresses that represent the default route. They are reserved for documentation (RFC 5737, RFC 3849), so no other
/// route matches them. No packet is ever sent to them.
const DEFAULT_ROUTE: [&str; 2] = ["192.0.2.1", "2001:db8::1"];

/// Reasons to choose the path to the server again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Routes or addresses changed.
    Network,
    /// The machine resumed from sleep.
    Woke,
}

impl From<Change> for Choice {
    fn from(change: Change) -> Self {
        match change {
            Change::Network => Self::NetworkChanged,
            Change::Woke => Self::Woke,
        }
    }
}

/// Publishes changes of the network.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    /// Increases with each change.
    number: watch::Sender<u64>,
    latest: watch::Sender<Option<Change>>,
    /// Addresses of the server whose routes are compared.
    targets: Arc<Mutex<BTreeSet<IpAddr>>>,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self { number: watch::Sender::new(0), latest: watch::Sender::new(None), targets: Arc::default() }
    }

    pub(crate) fn numbers(&self) -> watch::Receiver<u64> {
        self.number.subscribe()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Change>> {
        self.latest.subscribe()
    }

    /// Sets the addresses whose routes are compared.
    pub(crate) fn set_targets(&self, addresses: impl IntoIterator<Item = IpAddr>) {
        *self.targets.lock() = addresses.into_iter().collect();
    }

    fn announce(&self, change: Change) {
        tracing::info!(?change, "choosing the path to the server again");
        // The number changes first, so that subscribers of `latest` find old connections closed.
        self.number.send_modify(|number| *number += 1);
        self.latest.send_replace(Some(change));
    }

    /// Announces a change if the routes differ from `former`. Returns the current routes.
    async fn compare(&self, former: Routes) -> Routes {
        let routes = self.routes().await;
        if routes.differs(&former) {
            self.announce(Change::Network);
        }
        routes
    }

    async fn routes(&self) -> Routes {
        let targets = self.targets.lock().clone();
        let defaults = DEFAULT_ROUTE.iter().filter_map(|address| address.parse().ok());
        let mut routes = Routes::default();
        for target in defaults.chain(targets) {
            // Queries the routing table: connecting a UDP socket sends no packet.
            let socket = crate::server::marked_udp(SocketAddr::new(target, 9)).await;
            let from = socket.and_then(|socket| socket.local_addr()).ok();
            routes.0.insert(target, from.map(|from| from.ip()));
        }
        routes
    }
}

/// The source address with which this machine reaches each target.
#[derive(Debug, Default, PartialEq, Eq)]
struct Routes(BTreeMap<IpAddr, Option<IpAddr>>);

impl Routes {
    /// A target that `former` does not contain is not a change.
    fn differs(&self, former: &Self) -> bool {
        self.0.iter().any(|(target, from)| former.0.get(target).is_some_and(|before| before != from))
    }
}

/// Watches until `shutdown`. If a source of changes cannot be watched, only the timers notice those changes.
pub(crate) async fn watch(changes: Changes, tunnel: watch::Receiver<View>, shutdown: CancellationToken) {
    let routes = watch_routes(changes.clone());
    let sleep = watch_sleep(changes, tunnel, clocks);
    let both = async { tokio::join!(or_warn(routes, "network changes"), or_warn(sleep, "sleep")) };
    tokio::select! {
        _ = both => {}
        () = shutdown.cancelled() => {}
    }
}

async fn or_warn(watching: impl Future<Output = io::Result<()>>, what: &str) {
    if let Err(error) = watching.await {
        tracing::warn!(%error, "cannot watch for {what}; only timers detect it");
    }
}

/// `clocks` returns the two clocks that [`slept`] compares.
async fn watch_sleep(
    changes: Changes,
    mut tunnel: watch::Receiver<View>,
    clocks: impl Fn() -> io::Result<(Duration, Duration)>,
) -> io::Result<()> {
    // Without a tunnel there is nothing to restore quickly after sleep.
    while tunnel.wait_for(|view| view.phase != Phase::Disconnected).await.is_ok() {
        let mut last = clocks()?;
        while tunnel.borrow().phase != Phase::Disconnected {
            tokio::time::sleep(TICK).await;
            let now = clocks()?;
            if slept(now.0.saturating_sub(last.0), now.1.saturating_sub(last.1)) {
                changes.announce(Change::Woke);
            }
            last = now;
        }
    }
    Ok(())
}

/// Returns whether the machine slept. `with_sleep` is the time elapsed by the clock that counts sleep, `awake` by the
/// one that stops while the machine sleeps.
fn slept(with_sleep: Duration, awake: Duration) -> bool {
    with_sleep >= awake + SLEPT || with_sleep >= SUSPENDED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_is_distinguished_from_a_busy_machine() {
        let seconds = Duration::from_secs;
        assert!(slept(seconds(240), seconds(1)) && slept(seconds(3), seconds(1)));
        assert!(!slept(seconds(1), Duration::from_millis(990)) && !slept(seconds(2), seconds(1)));
        assert!(!slept(seconds(6), seconds(6)), "busy: both clocks advance");
        assert!(slept(seconds(600), seconds(600)), "halted");
    }

    #[tokio::test(start_paused = true)]
    async fn each_night_of_sixty_days_is_detected_once() {
        let (changes, begun) = (Changes::new(), tokio::time::Instant::now());
        let (_view, tunnel) = watch::channel(View::new(Phase::Connected));
        // Each leap of the simulated time is a night asleep; the rest is time awake.
        let clocks = || Ok((begun.elapsed(), Duration::from_secs(begun.elapsed().as_secs() % 60)));
        let watching = watch_sleep(changes.clone(), tunnel, clocks);
        tornado_endurance::sixty_days(3_600, watching).await;
        assert_eq!(*changes.numbers().borrow(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn sleep_is_not_watched_without_a_tunnel_for_sixty_days() {
        let (_view, tunnel) = watch::channel(View::new(Phase::Disconnected));
        let clocks = || -> io::Result<_> { unreachable!("the clocks are not read") };
        tornado_endurance::sixty_days(0, watch_sleep(Changes::new(), tunnel, clocks)).await;
    }

    #[test]
    fn only_a_known_route_can_change() {
        let routes = |list: &[(&str, Option<&str>)]| {
            let parse = |text: &str| text.parse::<IpAddr>().unwrap();
            Routes(list.iter().map(|(to, from)| (parse(to), from.map(parse))).collect())
        };
        let former = routes(&[("192.0.2.1", Some("10.0.0.2"))]);
        assert!(!routes(&[("192.0.2.1", Some("10.0.0.2")), ("192.0.2.9", None)]).differs(&former));
        assert!(routes(&[("192.0.2.1", None)]).differs(&former));
        assert!(routes(&[("192.0.2.1", Some("10.0.0.3"))]).differs(&former));
    }
}
