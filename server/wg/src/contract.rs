//! The contract [`Wg`] over the service's state.

use crate::firewall::IsolationMap;
use crate::peers::isolation;
use crate::service::{Service, State};
use async_trait::async_trait;
use std::net::IpAddr;
use std::sync::Arc;
use tornado_mesh::wg::{
    PeerSpec, PeerStatus, RemovePeer, Removed, SetTorLane, SyncPeers, SyncReport, TorExits, Wg, WgError, WgStatus,
};
use tornado_mesh::{Done, NoInput};
use tornado_shared::model::Lane;

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
        peers.may_put(&spec)?;
        // The number first: a device that is up without one does not reach Tor.
        let (before, after) = (peers.isolation_of(&spec.public_key), isolation(&spec));
        let without = |all: &IsolationMap, kept: &IsolationMap| -> Vec<IpAddr> {
            all.keys().filter(|address| !kept.contains_key(address)).copied().collect()
        };
        if let Err(error) = self.0.firewall.isolate(after.clone(), Vec::new()).await {
            self.0.wake_firewall.notify_one();
            return Err(WgError::LaneFailed { lane: Lane::Tor, detail: error.to_string() });
        }
        let result = peers.put(lanes, spec).await;
        let (put, gone) = match result {
            Ok(()) => (IsolationMap::new(), without(&before, &after)),
            Err(_) => {
                self.0.wake.notify_one();
                let gone = without(&after, &before);
                (before, gone)
            }
        };
        self.0.tidy_isolation(put, gone).await;
        result.map(|()| Done {})
    }

    async fn remove_peer(&self, RemovePeer { public_key }: RemovePeer) -> Result<Removed, WgError> {
        let mut state = self.0.state.lock().await;
        let State { peers, lanes, endpoints, .. } = &mut *state;
        endpoints.forget(&public_key);
        let gone = peers.isolation_of(&public_key).into_keys().collect();
        let result = peers.remove(lanes, &public_key).await;
        self.0.tidy_isolation(IsolationMap::new(), gone).await;
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
        let wanted = state.peers.isolation();
        let gone = self.0.firewall.isolated().await.into_iter().filter(|a| !wanted.contains_key(a)).collect();
        self.0.tidy_isolation(wanted, gone).await;
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

    async fn set_tor_lane(&self, SetTorLane { lane, .. }: SetTorLane) -> Result<Done, WgError> {
        self.0.set_tor_lane(lane).await.map(|()| Done {})
    }

    async fn status(&self, _: NoInput) -> Result<WgStatus, WgError> {
        let state = self.0.state.lock().await;
        let mut lanes = Vec::new();
        for lane in Lane::ALL {
            let up = *state.up.of(lane) && state.lanes.of(lane).alive().await.is_ok();
            lanes.push(self.0.factory.end(lane, up));
        }
        Ok(WgStatus {
            boot_id: self.0.boot_id,
            synced: state.synced,
            backend: self.0.factory.backend(),
            lanes,
            peers: state.peers.len(),
            firewall_verified: state.firewall_verified,
            tor_lane: self.0.firewall.lane().await,
            tor_exits: TorExits::new(),
            tor_lane_reason: state.control.reason,
            canary: state.canary,
        })
    }
}
