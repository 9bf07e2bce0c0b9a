//! The contract [`Wg`] on top of the service.

use crate::service::Service;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::{
    KnownStatus, PeerSpec, PeerStatus, RemovePeer, Removed, SetGroups, SetTorLane, SyncPeers, SyncReport, Wg, WgError,
    WgStatus,
};
use tornado_rpc::{Done, Fault, NoInput};
use tornado_shared::model::Lane;

/// The shared service, and the token that ends held responses.
pub(crate) struct Contract(pub(crate) Arc<Service>, pub(crate) CancellationToken);

#[async_trait]
impl Wg for Contract {
    async fn put_peer(&self, spec: PeerSpec) -> Result<Done, WgError> {
        self.0.put(spec).await.map(|()| Done {})
    }

    async fn remove_peer(&self, RemovePeer { public_key }: RemovePeer) -> Result<Removed, WgError> {
        self.0.remove(&public_key).await
    }

    async fn sync_peers(&self, SyncPeers { peers }: SyncPeers) -> Result<SyncReport, WgError> {
        self.0.sync(peers).await
    }

    async fn set_groups(&self, wanted: SetGroups) -> Result<Done, WgError> {
        let refused = |why: &str| Fault::Malformed(why.into());
        let groups = self.0.firewall.groups_of(&wanted).map_err(refused)?;
        if let Err(error) = self.0.firewall.set_groups(groups).await {
            self.0.wake_firewall.notify_one();
            return Err(Fault::Unavailable(format!("cannot apply rates and peer groups: {error}")).into());
        }
        Ok(Done {})
    }

    async fn peers(&self, _: NoInput) -> Result<Vec<PeerStatus>, WgError> {
        let lanes = self.0.lanes().await;
        let canary = self.0.canary.peer().public_key;
        let mut all = Vec::new();
        for lane in Lane::ALL {
            // A lane that is being recreated has no peers to list; `status` reports it as down.
            for peer in lanes.of(lane).peers().await.unwrap_or_default() {
                if peer.public_key == canary {
                    continue;
                }
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

    async fn set_tor_lane(&self, wish: SetTorLane) -> Result<Done, WgError> {
        self.0.set_tor_lane(wish).await.map(|()| Done {})
    }

    async fn next_status(&self, known: KnownStatus) -> Result<WgStatus, WgError> {
        if known.boot_id == self.0.boot_id {
            let hold = Duration::from_millis(known.hold_ms);
            self.0.state.changed(known.revision, hold, &self.1).await;
        }
        self.status(NoInput {}).await
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
            revision: self.0.state.revision(),
            synced: state.synced,
            backend: self.0.factory.backend(),
            lanes,
            peers: state.peers,
            firewall_verified: state.firewall_verified,
            tor_lane: state.tor_lane.lane,
            tor_exits: state.tor_lane.exits.clone(),
            tor_lane_reason: state.control.reason,
            canary: state.canary,
            crowding: self.0.crowd.list(),
        })
    }
}
