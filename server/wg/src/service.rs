//! The service: one state behind one lock, the contract over it, and the watch that keeps it true.

use crate::Error;
use crate::backend::{Absent, Interface};
use crate::endpoints::Endpoints;
use crate::firewall::Firewall;
use crate::interfaces::Factory;
use crate::lane::PerLane;
use crate::peers::{Interfaces, Peers};
use crate::sysctl;
use async_trait::async_trait;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_mesh::wg::{PeerSpec, PeerStatus, RemovePeer, Removed, SyncPeers, SyncReport, Wg, WgError, WgStatus};
use tornado_mesh::{Done, NoInput, ReadySetter};
use tornado_shared::model::{Lane, PublicKey};

/// How often the interfaces are looked at and endpoints are written down.
const WATCH: Duration = Duration::from_secs(1);
/// The watch takes at most this part of the time: looking at very many peers takes long.
const WATCH_SHARE: u32 = 20;
/// How often the ruleset is read back.
const VERIFY: Duration = Duration::from_secs(10);

/// Service `wg`.
pub(crate) struct Service {
    factory: Factory,
    firewall: Firewall,
    boot_id: uuid::Uuid,
    state: Mutex<State>,
    ready: ReadySetter,
    /// Wakes the watch before its time.
    wake: Notify,
    /// Handshakes that are being started.
    calls: TaskTracker,
}

struct State {
    peers: Peers,
    lanes: Interfaces,
    up: PerLane<bool>,
    endpoints: Endpoints,
    synced: bool,
    firewall_verified: bool,
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
            complaint: PerLane::default(),
        };
        let service = Self {
            factory,
            firewall,
            boot_id: uuid::Uuid::new_v4(),
            state: Mutex::new(state),
            ready,
            wake: Notify::new(),
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
        self.factory.netlink().prohibit(&self.factory.config().tor, sysctl::has_ipv6()).await?;
        sysctl::enable_forwarding()?;
        for lane in Lane::ALL {
            *state.lanes.of_mut(lane) = self.factory.open(lane).await?;
            *state.up.of_mut(lane) = true;
        }
        Ok(())
    }

    /// Takes interfaces, rules and table away, in this order: at no moment is there an interface without policy.
    pub(crate) async fn stop(&self) {
        self.ready.not_ready("stopping");
        self.calls.close();
        let state = self.state.lock().await;
        for lane in Lane::ALL {
            state.lanes.of(lane).close().await;
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
        let mut pause = WATCH;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
            let started = Instant::now();
            self.look(&mut *self.state.lock().await).await;
            pause = WATCH.max(started.elapsed() * WATCH_SHARE);
        }
    }

    /// Reads the ruleset back until `shutdown`; a changed one is replaced.
    pub(crate) async fn watch_firewall(&self, shutdown: &CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
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
            self.state.lock().await.firewall_verified = verified;
        }
    }

    async fn look(&self, state: &mut State) {
        for lane in Lane::ALL {
            if let Err(error) = state.lanes.of(lane).alive().await {
                self.restore(state, lane, &error.to_string()).await;
            } else if state.peers.is_doubtful(lane) {
                self.repair(state, lane).await;
            }
            self.note_endpoints(state, lane).await;
        }
        // Before the first sync the peers of the former life are not known to be gone.
        if state.synced
            && let Err(error) = state.endpoints.save()
        {
            tracing::warn!(%error, "endpoints could not be written; a restart will wait for the devices");
        }
    }

    async fn restore(&self, state: &mut State, lane: Lane, why: &str) {
        if *state.up.of(lane) {
            tracing::error!(%lane, %why, "a lane's interface was taken away; making it anew");
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

    async fn note_endpoints(&self, state: &mut State, lane: Lane) {
        if !state.synced {
            return;
        }
        let Ok(seen) = state.lanes.of(lane).peers().await else { return };
        let seen = seen.into_iter().filter_map(|p| Some((p.public_key, p.endpoint?)));
        state.endpoints.update(lane, seen, |key| state.peers.contains(key));
    }

    /// Starts handshakes from our side, so that traffic flows before the devices notice anything.
    fn call(&self, state: &State, lane: Lane, keys: Vec<PublicKey>) {
        if keys.is_empty() {
            return;
        }
        let interface = state.lanes.of(lane).clone();
        self.calls.spawn(async move { interface.kick(&keys).await });
    }

    fn tell_readiness(&self, state: &State) {
        if !state.synced {
            self.ready.not_ready("waiting for the first sync of the peers");
        } else if state.up == (PerLane { direct: true, tor: true }) {
            self.ready.ready();
        } else {
            self.ready.not_ready("a lane's interface was taken away and is being made anew");
        }
    }
}

/// The contract over the shared service.
pub(crate) struct Contract(pub(crate) Arc<Service>);

#[async_trait]
impl Wg for Contract {
    async fn put_peer(&self, spec: PeerSpec) -> Result<Done, WgError> {
        let mut state = self.0.state.lock().await;
        if !state.synced {
            return Err(WgError::NotSynced);
        }
        let State { peers, lanes, .. } = &mut *state;
        let result = peers.put(lanes, spec).await;
        if result.is_err() {
            self.0.wake.notify_one();
        }
        result.map(|()| Done {})
    }

    async fn remove_peer(&self, RemovePeer { public_key }: RemovePeer) -> Result<Removed, WgError> {
        let mut state = self.0.state.lock().await;
        let State { peers, lanes, endpoints, .. } = &mut *state;
        endpoints.forget(&public_key);
        let result = peers.remove(lanes, &public_key).await;
        if result.is_err() {
            self.0.wake.notify_one();
        }
        result
    }

    async fn sync_peers(&self, SyncPeers { peers: specs }: SyncPeers) -> Result<SyncReport, WgError> {
        let mut state = self.0.state.lock().await;
        let State { peers, lanes, endpoints, .. } = &mut *state;
        let (report, calls) = match peers.sync(lanes, specs, endpoints).await {
            Ok(done) => done,
            Err(error) => {
                self.0.wake.notify_one();
                return Err(error);
            }
        };
        state.synced = true;
        for lane in Lane::ALL {
            self.0.call(&state, lane, calls.of(lane).clone());
            let State { peers, endpoints, .. } = &mut *state;
            endpoints.update(lane, [], |key| peers.contains(key));
        }
        self.0.tell_readiness(&state);
        Ok(report)
    }

    async fn peers(&self, _: NoInput) -> Result<Vec<PeerStatus>, WgError> {
        let lanes = self.0.state.lock().await.lanes.clone();
        let mut all = Vec::new();
        for lane in Lane::ALL {
            // A lane that is being made anew has no peers to show; `status` says that it is down.
            for peer in lanes.of(lane).peers().await.unwrap_or_default() {
                all.push(PeerStatus {
                    public_key: peer.public_key,
                    lane,
                    endpoint: peer.endpoint,
                    latest_handshake: peer.latest_handshake,
                    transfer: peer.transfer,
                });
            }
        }
        Ok(all)
    }

    async fn status(&self, _: NoInput) -> Result<WgStatus, WgError> {
        let state = self.0.state.lock().await;
        Ok(WgStatus {
            boot_id: self.0.boot_id,
            synced: state.synced,
            backend: self.0.factory.backend(),
            lanes: Lane::ALL.map(|lane| self.0.factory.end(lane, *state.up.of(lane))).to_vec(),
            peers: state.peers.len(),
            firewall_verified: state.firewall_verified,
        })
    }
}
