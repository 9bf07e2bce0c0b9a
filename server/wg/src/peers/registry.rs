//! The desired peers under one lock, and the effects that follow a change of them.

use super::both_lanes::Peers;
use super::endpoints::Endpoints;
use super::set::PeerSet;
use crate::interfaces::Interfaces;
use crate::model::{AssignmentMap, PerLane};
use crate::netfilter::Flows;
use crate::pace;
use crate::shared::Shared;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_contracts::wg::PeerStatus;
use tornado_runtime::clock::wall_clock;
use tornado_shared::model::{Lane, LanePools, PublicKey, UnixSeconds};

/// Shortest interval at which endpoints are saved.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);
/// Saving endpoints takes at most 1/20 of the time, because listing very many peers is slow.
const SAVE_SHARE: u32 = 20;

pub(crate) struct Registry {
    /// Held while peers are changed. Locked before the status if both are needed.
    desired: Mutex<Desired>,
    pools: LanePools,
    shared: Shared,
    flows: Flows,
    /// Handshakes that are being started.
    handshakes: TaskTracker,
}

/// The desired peers and their endpoints.
pub(crate) struct Desired {
    pub(crate) peers: Peers,
    pub(super) endpoints: Endpoints,
}

impl Registry {
    pub(crate) fn new(set: PeerSet, endpoints: Endpoints, pools: LanePools, shared: Shared) -> Self {
        let desired = Mutex::new(Desired { peers: Peers::new(set), endpoints });
        Self { desired, pools, shared, flows: Flows::default(), handshakes: TaskTracker::new() }
    }

    pub(crate) async fn lock(&self) -> MutexGuard<'_, Desired> {
        self.desired.lock().await
    }

    pub(super) const fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) const fn flows(&self) -> &Flows {
        &self.flows
    }

    pub(super) const fn pools(&self) -> &LanePools {
        &self.pools
    }

    /// Returns a predicate that is true for addresses of the pools.
    pub(crate) fn in_pools(&self) -> impl Fn(IpAddr) -> bool + Send + Sync + use<> {
        let pools = self.pools;
        move |address: IpAddr| match address {
            IpAddr::V4(a) => Lane::ALL.into_iter().any(|lane| pools.of(lane).v4.contains(&a)),
            IpAddr::V6(a) => Lane::ALL.into_iter().any(|lane| pools.of(lane).v6.contains(&a)),
        }
    }

    /// The peers of both interfaces, except the canary.
    pub(crate) async fn peers(&self, canary: PublicKey) -> Vec<PeerStatus> {
        let interfaces = self.shared.status.interfaces().await;
        let (mut all, now) = (Vec::new(), wall_clock());
        for lane in Lane::ALL {
            // A lane that is being recreated has no peers to list; `status` reports it as down.
            for peer in interfaces.of(lane).peers().await.unwrap_or_default() {
                if peer.public_key == canary {
                    continue;
                }
                all.push(PeerStatus {
                    public_key: peer.public_key,
                    lane,
                    endpoint: peer.endpoint,
                    latest_handshake: peer.handshake_age.and_then(|age| unix(now.checked_sub(age)?)),
                    transfer: peer.transfer,
                });
            }
        }
        all
    }

    /// Starts handshakes from the server, so that traffic resumes before the devices notice an interruption.
    pub(super) fn start_handshakes(&self, interfaces: &Interfaces, lane: Lane, keys: Vec<PublicKey>) {
        if keys.is_empty() {
            return;
        }
        let interface = interfaces.of(lane).clone();
        self.handshakes.spawn(async move { interface.start_handshakes(&keys).await });
    }

    /// Changes the isolation maps. After a failure, requests a load of the whole table.
    pub(super) async fn assign(&self, put: AssignmentMap, gone: Vec<IpAddr>) {
        if let Err(error) = self.shared.firewall.assign(put, gone).await {
            tracing::error!(%error, "could not change isolation numbers; loading the whole table");
            self.shared.wakes.firewall.notify_one();
        }
    }

    /// Resets the connections between Tor and removed devices, so that Tor transfers no more data for them.
    pub(super) fn end_connections(&self, removed: &AssignmentMap) {
        let address =
            |(device, assignment): (&IpAddr, &_)| self.shared.firewall.isolation_address(*device, *assignment);
        let addresses: Vec<IpAddr> = removed.iter().map(address).collect();
        if addresses.is_empty() {
            return;
        }
        match tornado_sockets::end_tcp_between(|_, remote| addresses.contains(&remote.ip())) {
            Ok(ended) => tracing::debug!(ended, "reset the connections of a device to Tor"),
            Err(error) => tracing::warn!(%error, "could not reset the connections of a device to Tor"),
        }
    }

    /// Saves the peers' endpoints at intervals until `shutdown`.
    pub(crate) async fn watch_endpoints(&self, shutdown: &CancellationToken) {
        // This watch is never woken early.
        let (wake, mut pause) = (Notify::new(), SAVE_INTERVAL);
        while pace::again(shutdown, &wake, pause).await {
            let started = Instant::now();
            self.save_endpoints().await;
            pause = pace::pause(SAVE_INTERVAL, started.elapsed(), SAVE_SHARE);
        }
    }

    /// Starts no more handshakes and saves the endpoints.
    pub(crate) async fn close(&self) {
        self.handshakes.close();
        self.save_endpoints().await;
    }

    async fn save_endpoints(&self) {
        let interfaces = self.shared.status.interfaces().await;
        let mut reported = PerLane::<Vec<(PublicKey, SocketAddr)>>::default();
        for lane in Lane::ALL {
            // Outside the lock, because listing very many peers takes a while.
            let peers = interfaces.of(lane).peers().await.unwrap_or_default();
            *reported.of_mut(lane) = peers.into_iter().filter_map(|p| Some((p.public_key, p.endpoint?))).collect();
        }
        let mut desired = self.lock().await;
        if !self.shared.status.lock().await.synced {
            // Before the first sync it is not known which peers of an earlier process still exist.
            return;
        }
        let Desired { endpoints, peers } = &mut *desired;
        for lane in Lane::ALL {
            endpoints.update(lane, std::mem::take(reported.of_mut(lane)), |key| peers.set().contains(key));
        }
        if let Err(error) = endpoints.save() {
            tracing::warn!(%error, "could not save endpoints; after a restart devices have to start the handshakes");
        }
    }
}

fn unix(at: SystemTime) -> Option<UnixSeconds> {
    UnixSeconds::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
