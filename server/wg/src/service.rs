//! The service: its shared state, start and shutdown.

use crate::alarms::Alarms;
use crate::backend::{Absent, Interface};
use crate::canary::CanaryDevice;
use crate::commit::{Queue, Waiting};
use crate::crowd::Crowd;
use crate::endpoints::Endpoints;
use crate::fallback::Fallback;
use crate::firewall::{Firewall, IsolationMap};
use crate::forwarding::Forwarding;
use crate::interfaces::Factory;
use crate::lane::PerLane;
use crate::leave::Leave;
use crate::netfilter::Flows;
use crate::peers::{Interfaces, Peers};
use crate::shown::Shown;
use crate::tor_lane::LaneControl;
use crate::{Error, keys, pace, sysctl};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_contracts::wg::{CanaryStatus, SetTorLane};
use tornado_runtime::ReadySetter;
use tornado_shared::model::{Lane, PublicKey};

/// Shortest interval at which endpoints are saved.
const WATCH: Duration = Duration::from_secs(1);
/// Saving endpoints takes at most 1/20 of the time, because listing very many peers is slow.
const WATCH_SHARE: u32 = 20;
/// Service `wg`.
pub(crate) struct Service {
    pub(crate) factory: Factory,
    pub(crate) firewall: Firewall,
    pub(crate) boot_id: uuid::Uuid,
    /// Held while peers are changed. Locked before `state` if both are needed.
    pub(crate) peers: Mutex<PeerState>,
    /// Never held while peers are changed.
    pub(crate) state: Shown,
    /// Peers that wait to be added.
    pub(crate) puts: Queue<Waiting>,
    /// Peers that wait to be removed.
    pub(crate) leaves: Leave,
    pub(crate) flows: Flows,
    pub(crate) crowd: Crowd,
    pub(crate) canary: CanaryDevice,
    pub(crate) alarms: Alarms,
    pub(crate) fallback: Fallback,
    pub(crate) forwarding: Forwarding,
    ready: ReadySetter,
    /// True if a link of the host may have changed since the last check of the lanes.
    pub(crate) has_changed_links: AtomicBool,
    /// Wakes the watch of the interfaces early.
    pub(crate) wake: Notify,
    /// Wakes the watch of the firewall early.
    pub(crate) wake_firewall: Notify,
    /// Wakes the watch of the host's interfaces early.
    pub(crate) wake_host: Notify,
    /// Wakes the canary early.
    pub(crate) wake_canary: Notify,
    /// Handshakes that are being started.
    calls: TaskTracker,
}

/// The desired peers.
pub(crate) struct PeerState {
    pub(crate) peers: Peers,
    pub(crate) endpoints: Endpoints,
    /// The latest error per lane, so that a repeated error is logged once.
    pub(crate) complaint: PerLane<Option<String>>,
}

/// The state that status reports, and the control of the tor lane.
pub(crate) struct State {
    /// Changed only by the holder of the `peers` lock.
    pub(crate) lanes: Interfaces,
    pub(crate) up: PerLane<bool>,
    pub(crate) synced: bool,
    /// Number of peers in the desired set.
    pub(crate) peers: usize,
    pub(crate) firewall_verified: bool,
    /// The tor lane's state in the kernel. Changed only by [`Service::switch`].
    pub(crate) tor_lane: SetTorLane,
    pub(crate) control: LaneControl,
    pub(crate) canary: CanaryStatus,
}

impl Service {
    /// Applies the firewall before the interfaces are created, so that no interface exists without a policy. If a step
    /// fails, everything is removed again.
    pub(crate) async fn start(
        factory: Factory,
        firewall: Firewall,
        state_dir: &Path,
        ready: ReadySetter,
    ) -> Result<Self, Error> {
        let config = factory.config();
        let absent = |lane| -> Arc<dyn Interface> { Arc::new(Absent(config.interface(lane).to_owned())) };
        let (key, server) = (keys::canary(state_dir)?, factory.public_keys());
        let canary = CanaryDevice::new(key, server.tor, config.port(Lane::Tor), config.canary()?);
        let fallback = Fallback::of(config, sysctl::has_ipv6())?;
        let peers = PeerState {
            peers: Peers::new(config.pools, server).with_canary(canary.peer()),
            endpoints: Endpoints::load(state_dir),
            complaint: PerLane::default(),
        };
        let state = State {
            lanes: PerLane { direct: absent(Lane::Direct), tor: absent(Lane::Tor) },
            up: PerLane::default(),
            synced: false,
            peers: 0,
            firewall_verified: false,
            tor_lane: firewall.state(),
            control: LaneControl::default(),
            canary: CanaryStatus::default(),
        };
        let service = Self {
            factory,
            firewall,
            boot_id: uuid::Uuid::new_v4(),
            peers: Mutex::new(peers),
            state: Shown::new(state),
            puts: Queue::default(),
            leaves: Leave::default(),
            flows: Flows::default(),
            crowd: Crowd::default(),
            canary,
            alarms: Alarms::load(state_dir),
            fallback,
            forwarding: Forwarding::load(state_dir),
            ready,
            has_changed_links: AtomicBool::new(true),
            wake: Notify::new(),
            wake_firewall: Notify::new(),
            wake_host: Notify::new(),
            wake_canary: Notify::new(),
            calls: TaskTracker::new(),
        };
        match service.set_up().await {
            Ok(()) => Ok(service),
            Err(error) => {
                service.stop().await;
                Err(error)
            }
        }
    }

    async fn set_up(&self) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        let host = self.host().await?;
        self.forwarding.prepare(&host)?;
        let host = self.forwarding.strangers(host);
        self.firewall.set_host(host.clone()).await?;
        self.firewall.apply().await?;
        state.firewall_verified = true;
        self.factory.netlink().hold(&self.fallback).await?;
        self.anchor_tor().await?;
        for lane in Lane::ALL {
            *state.lanes.of_mut(lane) = self.factory.open(lane).await?;
            *state.up.of_mut(lane) = true;
        }
        self.forwarding.hold(&host, self.factory.lanes())?;
        state.lanes.tor.put_peers(&[self.canary.peer()]).await?;
        Ok(())
    }

    /// Sets up the addresses and routes that Tor needs even if the interface is missing.
    async fn anchor_tor(&self) -> Result<(), Error> {
        let (netlink, config, with_ipv6) = (self.factory.netlink(), self.factory.config(), sysctl::has_ipv6());
        // Those of an earlier process may belong to another configuration.
        netlink.unroute_isolation(&config.isolation, with_ipv6).await?;
        netlink.anchor(config.gateway(Lane::Tor)?, with_ipv6).await?;
        self.route_isolation().await
    }

    /// Adds the return path from Tor to devices.
    pub(crate) async fn route_isolation(&self) -> Result<(), Error> {
        let config = self.factory.config();
        let (gateway, with_ipv6) = (config.gateway(Lane::Tor)?, sysctl::has_ipv6());
        Ok(self.factory.netlink().route_isolation(gateway, &config.isolation, with_ipv6).await?)
    }

    async fn unanchor_tor(&self) -> Result<(), Error> {
        let config = self.factory.config();
        self.factory.netlink().unanchor(config.gateway(Lane::Tor)?).await?;
        self.factory.netlink().unroute_isolation(&config.isolation, sysctl::has_ipv6()).await?;
        Ok(())
    }

    /// Removes the interfaces, then rules and routes, then the table, so that no interface exists without a policy.
    pub(crate) async fn stop(&self) {
        self.ready.not_ready("stopping");
        self.calls.close();
        self.note_endpoints().await;
        let state = self.state.lock().await;
        for lane in Lane::ALL {
            state.lanes.of(lane).close().await;
        }
        if let Err(error) = self.unanchor_tor().await {
            tracing::warn!(%error, "could not remove the addresses of the tor lane");
        }
        if let Err(error) = self.factory.netlink().release(&self.fallback).await {
            tracing::warn!(%error, "could not remove rules and routes of the lanes");
        }
        if let Err(error) = self.firewall.remove().await {
            tracing::warn!(%error, "could not remove the nftables table");
        }
    }

    /// Saves the peers' endpoints at intervals until `shutdown`.
    pub(crate) async fn watch_endpoints(&self, shutdown: &CancellationToken) {
        // This watch is never woken early.
        let (wake, mut pause) = (Notify::new(), WATCH);
        while pace::again(shutdown, &wake, pause).await {
            let started = Instant::now();
            self.note_endpoints().await;
            pause = pace::pause(WATCH, started.elapsed(), WATCH_SHARE);
        }
    }

    /// The current interfaces of both lanes.
    pub(crate) async fn lanes(&self) -> Interfaces {
        self.state.lock().await.lanes.clone()
    }

    async fn note_endpoints(&self) {
        let lanes = self.lanes().await;
        let mut seen = PerLane::<Vec<(PublicKey, SocketAddr)>>::default();
        for lane in Lane::ALL {
            // Outside the lock, because listing very many peers takes a while.
            let peers = lanes.of(lane).peers().await.unwrap_or_default();
            *seen.of_mut(lane) = peers.into_iter().filter_map(|p| Some((p.public_key, p.endpoint?))).collect();
        }
        let mut peers = self.peers.lock().await;
        if !self.state.lock().await.synced {
            // Before the first sync it is not known which peers of an earlier process still exist.
            return;
        }
        let PeerState { endpoints, peers, .. } = &mut *peers;
        for lane in Lane::ALL {
            endpoints.update(lane, std::mem::take(seen.of_mut(lane)), |key| peers.contains(key));
        }
        if let Err(error) = endpoints.save() {
            tracing::warn!(%error, "could not save endpoints; after a restart devices have to start the handshakes");
        }
    }

    /// Starts handshakes from the server, so that traffic resumes before the devices notice an interruption.
    pub(crate) fn call(&self, lanes: &Interfaces, lane: Lane, keys: Vec<PublicKey>) {
        if keys.is_empty() {
            return;
        }
        let interface = lanes.of(lane).clone();
        self.calls.spawn(async move { interface.kick(&keys).await });
    }

    /// Changes the isolation maps. After a failure, requests a load of the whole table.
    pub(crate) async fn tidy_isolation(&self, put: IsolationMap, gone: Vec<IpAddr>) {
        if let Err(error) = self.firewall.isolate(put, gone).await {
            tracing::error!(%error, "could not change isolation numbers; loading the whole table");
            self.wake_firewall.notify_one();
        }
    }

    pub(crate) fn tell_readiness(&self, state: &State) {
        if !state.synced {
            self.ready.not_ready("waiting for the first sync of the peers");
        } else if state.up == (PerLane { direct: true, tor: true }) {
            self.ready.ready();
        } else {
            self.ready.not_ready("a lane's interface was removed and is being recreated");
        }
    }
}
