//! The methods of the contract [`Wg`].

use super::Service;
use async_trait::async_trait;
use std::time::Duration;
use tornado_contracts::wg::{
    KnownStatus, PeerSpec, PeerStatus, RemovePeer, Removed, SetGroups, SetTorLane, SyncPeers, SyncReport, Wg, WgError,
    WgStatus,
};
use tornado_rpc::{Done, Fault, NoInput};
use tornado_shared::model::Lane;

#[async_trait]
impl Wg for Service {
    async fn put_peer(&self, spec: PeerSpec) -> Result<Done, WgError> {
        self.additions.put_peer(spec).await.map(|()| Done {})
    }

    async fn remove_peer(&self, RemovePeer { public_key }: RemovePeer) -> Result<Removed, WgError> {
        self.removals.remove_peer(public_key).await
    }

    async fn sync_peers(&self, SyncPeers { peers }: SyncPeers) -> Result<SyncReport, WgError> {
        self.registry.sync_peers(peers).await
    }

    async fn set_groups(&self, request: SetGroups) -> Result<Done, WgError> {
        let firewall = &self.shared.firewall;
        let groups = firewall.groups_of(&request).map_err(|why| Fault::Malformed(why.into()))?;
        if let Err(error) = firewall.set_groups(groups).await {
            self.shared.wakes.firewall.notify_one();
            return Err(Fault::Unavailable(format!("cannot apply rates and peer groups: {error}")).into());
        }
        Ok(Done {})
    }

    async fn peers(&self, _: NoInput) -> Result<Vec<PeerStatus>, WgError> {
        Ok(self.registry.peers(self.canary_device.peer().public_key).await)
    }

    async fn set_tor_lane(&self, desired: SetTorLane) -> Result<Done, WgError> {
        self.tor_lane.set_tor_lane(desired).await.map(|()| Done {})
    }

    async fn next_status(&self, known: KnownStatus) -> Result<WgStatus, WgError> {
        if known.boot_id == self.boot_id {
            let hold = Duration::from_millis(known.hold_ms);
            self.shared.status.changed(known.revision, hold, &self.stopping).await;
        }
        self.status(NoInput {}).await
    }

    async fn status(&self, _: NoInput) -> Result<WgStatus, WgError> {
        let state = self.shared.status.lock().await;
        let mut lanes = Vec::new();
        for lane in Lane::ALL {
            let up = *state.up.of(lane) && state.interfaces.of(lane).alive().await.is_ok();
            lanes.push(self.factory.end(lane, up));
        }
        Ok(WgStatus {
            boot_id: self.boot_id,
            revision: self.shared.status.revision(),
            synced: state.synced,
            backend: self.factory.backend(),
            lanes,
            peers: state.peers,
            firewall_verified: state.firewall_verified,
            tor_lane: state.tor_lane.actual().lane,
            tor_exits: state.tor_lane.actual().exits.clone(),
            tor_lane_reason: state.tor_lane.reason(),
            canary: state.canary,
            over_flow_limit: self.flow_limit.list(),
        })
    }
}
