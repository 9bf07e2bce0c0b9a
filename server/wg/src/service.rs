//! The service: one state behind one lock, its start and end, and the watch that keeps it true.

use crate::backend::{Absent, BackendError, Interface};
use crate::endpoints::Endpoints;
use crate::firewall::{Firewall, IsolationMap};
use crate::interfaces::Factory;
use crate::lane::PerLane;
use crate::peers::{Interfaces, Peers};
use crate::sysctl;
use crate::tor_lane::LaneControl;
use crate::{Error, NetlinkError};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_mesh::ReadySetter;
use tornado_mesh::wg::CanaryStatus;
use tornado_shared::model::{Lane, PublicKey};

/// How often the interfaces are looked at and endpoints are written down.
const WATCH: Duration = Duration::from_secs(1);
/// Noting endpoints takes at most this part of the time: looking at very many peers takes long.
const WATCH_SHARE: u32 = 20;
/// How often the ruleset is read back.
const VERIFY: Duration = Duration::from_secs(10);

/// Service `wg`.
pub(crate) struct Service {
    pub(crate) factory: Factory,
    pub(crate) firewall: Firewall,
    pub(crate) boot_id: uuid::Uuid,
    pub(crate) state: Mutex<State>,
    ready: ReadySetter,
    /// Wakes the watch before its time.
    pub(crate) wake: Notify,
    /// Wakes the watch of the firewall before its time.
    pub(crate) wake_firewall: Notify,
    /// Handshakes that are being started.
    calls: TaskTracker,
}

/// Everything that changes.
pub(crate) struct State {
    pub(crate) peers: Peers,
    pub(crate) lanes: Interfaces,
    pub(crate) up: PerLane<bool>,
    pub(crate) endpoints: Endpoints,
    pub(crate) synced: bool,
    pub(crate) firewall_verified: bool,
    pub(crate) control: LaneControl,
    pub(crate) canary: CanaryStatus,
    /// Said last about a lane that cannot be put back, so it is not said each second.
    complaint: PerLane<Option<String>>,
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
        let absent = |lane| -> Arc<dyn Interface> { Arc::new(Absent(factory.config().interface(lane).to_owned())) };
        let state = State {
            peers: Peers::new(factory.config().pools, factory.public_keys()),
            lanes: PerLane { direct: absent(Lane::Direct), tor: absent(Lane::Tor) },
            up: PerLane::default(),
            endpoints: Endpoints::load(state_dir),
            synced: false,
            firewall_verified: false,
            control: LaneControl::default(),
            canary: CanaryStatus::default(),
            complaint: PerLane::default(),
        };
        let service = Self {
            factory,
            firewall,
            boot_id: uuid::Uuid::new_v4(),
            state: Mutex::new(state),
            ready,
            wake: Notify::new(),
            wake_firewall: Notify::new(),
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
        self.firewall.apply().await?;
        state.firewall_verified = true;
        self.shut_tor_routing().await?;
        sysctl::enable_forwarding()?;
        self.anchor_tor().await?;
        for lane in Lane::ALL {
            *state.lanes.of_mut(lane) = self.factory.open(lane).await?;
            *state.up.of_mut(lane) = true;
        }
        Ok(())
    }

    /// The second layer of the tor lane, which holds without nftables.
    pub(crate) async fn shut_tor_routing(&self) -> Result<(), NetlinkError> {
        self.factory.netlink().prohibit(&self.factory.config().tor, sysctl::has_ipv6()).await
    }

    /// What Tor needs besides the interface, so that a loss of the interface does not end it.
    async fn anchor_tor(&self) -> Result<(), Error> {
        let (netlink, config, with_ipv6) = (self.factory.netlink(), self.factory.config(), sysctl::has_ipv6());
        let gateway = config.gateway(Lane::Tor)?;
        // Those of a former life may be of another configuration.
        netlink.unroute_isolation(&config.isolation, with_ipv6).await?;
        netlink.anchor(gateway, with_ipv6).await?;
        netlink.route_isolation(gateway, &config.isolation, with_ipv6).await?;
        Ok(())
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
        let tor = &self.factory.config().tor;
        if let Err(error) = self.factory.netlink().permit(tor, sysctl::has_ipv6()).await {
            tracing::warn!(%error, "the rule of the tor lane stays");
        }
        if let Err(error) = self.firewall.remove().await {
            tracing::warn!(%error, "the nftables table stays");
        }
    }

    /// Watches the interfaces until `shutdown`: one that was taken away is made anew with its peers.
    pub(crate) async fn watch_lanes(&self, shutdown: &CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(WATCH) => {}
            }
            self.look(&mut *self.state.lock().await).await;
        }
    }

    /// Writes down where the peers are until `shutdown`.
    pub(crate) async fn watch_endpoints(&self, shutdown: &CancellationToken) {
        let mut pause = WATCH;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            let started = Instant::now();
            self.note_endpoints().await;
            pause = WATCH.max(started.elapsed() * WATCH_SHARE);
        }
    }

    /// Reads the ruleset back until `shutdown`; a changed one is replaced.
    pub(crate) async fn watch_firewall(&self, shutdown: &CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.wake_firewall.notified() => {}
                () = tokio::time::sleep(VERIFY) => {}
            }
            let mut verified = self.firewall.verify().await;
            if !verified {
                tracing::warn!("the ruleset in the kernel was changed by somebody; putting the policy back");
                self.state.lock().await.firewall_verified = false;
                match self.firewall.apply().await {
                    Ok(()) => verified = true,
                    Err(error) => tracing::error!(%error, "the policy could not be put back"),
                }
            }
            if let Err(error) = self.shut_tor_routing().await {
                tracing::error!(%error, "the routing rule of the tor lane could not be put back");
            }
            self.state.lock().await.firewall_verified = verified;
        }
    }

    async fn look(&self, state: &mut State) {
        for lane in Lane::ALL {
            match state.lanes.of(lane).alive().await {
                Ok(()) if state.peers.is_doubtful(lane) => self.repair(state, lane).await,
                Ok(()) => {}
                Err(BackendError::Gone(_)) => self.restore(state, lane).await,
                // Not knowing is no reason to cut live tunnels.
                Err(error) => tracing::warn!(%lane, %error, "a lane could not be looked at"),
            }
        }
    }

    async fn note_endpoints(&self) {
        let lanes = self.state.lock().await.lanes.clone();
        let mut seen = PerLane::<Vec<(PublicKey, SocketAddr)>>::default();
        for lane in Lane::ALL {
            // Not under the lock: with very many peers this takes a while.
            let peers = lanes.of(lane).peers().await.unwrap_or_default();
            *seen.of_mut(lane) = peers.into_iter().filter_map(|p| Some((p.public_key, p.endpoint?))).collect();
        }
        let mut state = self.state.lock().await;
        let State { endpoints, peers, synced: true, .. } = &mut *state else {
            // Before the first sync it is not known which peers of the former life are gone.
            return;
        };
        for lane in Lane::ALL {
            endpoints.update(lane, std::mem::take(seen.of_mut(lane)), |key| peers.contains(key));
        }
        if let Err(error) = endpoints.save() {
            tracing::warn!(%error, "endpoints could not be written; after a restart the devices must call");
        }
    }

    async fn restore(&self, state: &mut State, lane: Lane) {
        if *state.up.of(lane) {
            tracing::error!(%lane, "a lane's interface was taken away; making it anew");
        }
        *state.up.of_mut(lane) = false;
        self.tell_readiness(state);
        state.lanes.of(lane).close().await;
        *state.lanes.of_mut(lane) = Arc::new(Absent(self.factory.config().interface(lane).to_owned()));
        match self.factory.open(lane).await {
            Ok(interface) => {
                *state.lanes.of_mut(lane) = interface;
                *state.up.of_mut(lane) = true;
                *state.complaint.of_mut(lane) = None;
                self.repair(state, lane).await;
                tracing::info!(%lane, "the lane's interface is back");
            }
            Err(error) => {
                let said = Some(error.to_string());
                if *state.complaint.of(lane) != said {
                    tracing::error!(%lane, %error, "the lane's interface cannot be made; trying on");
                    *state.complaint.of_mut(lane) = said;
                }
            }
        }
        self.tell_readiness(state);
    }

    async fn repair(&self, state: &mut State, lane: Lane) {
        if !state.synced {
            return;
        }
        match state.peers.repair(&state.lanes, lane, &state.endpoints).await {
            Ok(keys) => self.call(state, lane, keys),
            Err(error) => tracing::warn!(%lane, %error, "the lane's peers could not be put back; trying on"),
        }
    }

    /// Starts handshakes from our side, so that traffic flows before the devices notice anything.
    pub(crate) fn call(&self, state: &State, lane: Lane, keys: Vec<PublicKey>) {
        if keys.is_empty() {
            return;
        }
        let interface = state.lanes.of(lane).clone();
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
