//! The service: one state behind one lock, its start and end, and the watch that keeps it true.

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

/// How often endpoints are written down.
const WATCH: Duration = Duration::from_secs(1);
/// Noting endpoints takes at most this part of the time: looking at very many peers takes long.
const WATCH_SHARE: u32 = 20;
/// Service `wg`.
pub(crate) struct Service {
    pub(crate) factory: Factory,
    pub(crate) firewall: Firewall,
    pub(crate) boot_id: uuid::Uuid,
    /// Held for as long as peers are programmed. Locked before `state` where both are.
    pub(crate) peers: Mutex<PeerState>,
    /// Never held while peers are programmed.
    pub(crate) state: Shown,
    /// Peers that wait to be put.
    pub(crate) puts: Queue<Waiting>,
    /// Peers that wait to be taken away.
    pub(crate) leaves: Leave,
    pub(crate) flows: Flows,
    pub(crate) crowd: Crowd,
    pub(crate) canary: CanaryDevice,
    pub(crate) alarms: Alarms,
    pub(crate) fallback: Fallback,
    pub(crate) forwarding: Forwarding,
    ready: ReadySetter,
    /// An interface of the host may be another since the lanes were last looked at.
    pub(crate) has_changed_links: AtomicBool,
    /// Wakes the watch before its time.
    pub(crate) wake: Notify,
    /// Wakes the watch of the firewall before its time.
    pub(crate) wake_firewall: Notify,
    /// Wakes the watch of the host's interfaces before its time.
    pub(crate) wake_host: Notify,
    /// Wakes the canary before its time.
    pub(crate) wake_canary: Notify,
    /// Handshakes that are being started.
    calls: TaskTracker,
}

/// The wanted peers.
pub(crate) struct PeerState {
    pub(crate) peers: Peers,
    pub(crate) endpoints: Endpoints,
    /// Said last about a lane that cannot be put back, so it is not said each second.
    pub(crate) complaint: PerLane<Option<String>>,
}

/// What status tells, and the lane's control.
pub(crate) struct State {
    /// Changed only by who holds the peers.
    pub(crate) lanes: Interfaces,
    pub(crate) up: PerLane<bool>,
    pub(crate) synced: bool,
    /// How many are wanted.
    pub(crate) peers: usize,
    pub(crate) firewall_verified: bool,
    /// The tor lane in the kernel. Changed only by [`Service::switch`].
    pub(crate) tor_lane: SetTorLane,
    pub(crate) control: LaneControl,
    pub(crate) canary: CanaryStatus,
}

impl Service {
    /// Puts the firewall in place, then the interfaces: there is no moment without policy.
    /// When a part fails everything is taken back.
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

    /// What Tor needs besides the interface, so that a loss of the interface does not end it.
    async fn anchor_tor(&self) -> Result<(), Error> {
        let (netlink, config, with_ipv6) = (self.factory.netlink(), self.factory.config(), sysctl::has_ipv6());
        // Those of a former life may be of another configuration.
        netlink.unroute_isolation(&config.isolation, with_ipv6).await?;
        netlink.anchor(config.gateway(Lane::Tor)?, with_ipv6).await?;
        self.route_isolation().await
    }

    /// The way back from Tor to devices.
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

    /// Takes interfaces, rules and table away, in this order: at no moment is there an interface without policy.
    pub(crate) async fn stop(&self) {
        self.ready.not_ready("stopping");
        self.calls.close();
        self.note_endpoints().await;
        let state = self.state.lock().await;
        for lane in Lane::ALL {
            state.lanes.of(lane).close().await;
        }
        if let Err(error) = self.unanchor_tor().await {
            tracing::warn!(%error, "addresses of the tor lane stay");
        }
        if let Err(error) = self.factory.netlink().release(&self.fallback).await {
            tracing::warn!(%error, "rules and routes of the lanes stay");
        }
        if let Err(error) = self.firewall.remove().await {
            tracing::warn!(%error, "the nftables table stays");
        }
    }

    /// Writes down where the peers are until `shutdown`.
    pub(crate) async fn watch_endpoints(&self, shutdown: &CancellationToken) {
        // Nothing wakes it before its time.
        let (wake, mut pause) = (Notify::new(), WATCH);
        while pace::again(shutdown, &wake, pause).await {
            let started = Instant::now();
            self.note_endpoints().await;
            pause = pace::pause(WATCH, started.elapsed(), WATCH_SHARE);
        }
    }

    /// Both interfaces as they are now.
    pub(crate) async fn lanes(&self) -> Interfaces {
        self.state.lock().await.lanes.clone()
    }

    async fn note_endpoints(&self) {
        let lanes = self.lanes().await;
        let mut seen = PerLane::<Vec<(PublicKey, SocketAddr)>>::default();
        for lane in Lane::ALL {
            // Not under the lock: with very many peers this takes a while.
            let peers = lanes.of(lane).peers().await.unwrap_or_default();
            *seen.of_mut(lane) = peers.into_iter().filter_map(|p| Some((p.public_key, p.endpoint?))).collect();
        }
        let mut peers = self.peers.lock().await;
        if !self.state.lock().await.synced {
            // Before the first sync it is not known which peers of the former life are gone.
            return;
        }
        let PeerState { endpoints, peers, .. } = &mut *peers;
        for lane in Lane::ALL {
            endpoints.update(lane, std::mem::take(seen.of_mut(lane)), |key| peers.contains(key));
        }
        if let Err(error) = endpoints.save() {
            tracing::warn!(%error, "endpoints could not be written; after a restart the devices must call");
        }
    }

    /// Starts handshakes from our side, so that traffic flows before the devices notice anything.
    pub(crate) fn call(&self, lanes: &Interfaces, lane: Lane, keys: Vec<PublicKey>) {
        if keys.is_empty() {
            return;
        }
        let interface = lanes.of(lane).clone();
        self.calls.spawn(async move { interface.kick(&keys).await });
    }

    /// Changes the isolation maps. When that fails they are put right with the whole table, soon.
    pub(crate) async fn tidy_isolation(&self, put: IsolationMap, gone: Vec<IpAddr>) {
        if let Err(error) = self.firewall.isolate(put, gone).await {
            tracing::error!(%error, "isolation numbers could not be changed; loading the whole table again");
            self.wake_firewall.notify_one();
        }
    }

    pub(crate) fn tell_readiness(&self, state: &State) {
        if !state.synced {
            self.ready.not_ready("waiting for the first sync of the peers");
        } else if state.up == (PerLane { direct: true, tor: true }) {
            self.ready.ready();
        } else {
            self.ready.not_ready("a lane's interface was taken away and is being made anew");
        }
    }
}
