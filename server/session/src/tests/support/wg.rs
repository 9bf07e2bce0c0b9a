//! A fake of service `wg`. It follows the contract.

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use std::collections::{HashMap, HashSet};
use tornado_contracts::wg::*;
use tornado_rpc::{Done, Fault, NoInput};
use tornado_shared::model::*;

/// A peer on the fake lanes.
#[derive(Debug, Clone)]
pub(in crate::tests) struct Peer {
    pub spec: PeerSpec,
    pub count: Removed,
    pub handshake: Option<UnixSeconds>,
    pub endpoint: Option<std::net::SocketAddr>,
}

#[derive(Default)]
pub(in crate::tests) struct Lanes {
    pub boot_id: uuid::Uuid,
    pub synced: bool,
    pub peers: HashMap<PublicKey, Peer>,
    /// Every call fails.
    pub down: bool,
    /// Number of puts that will fail on the second lane.
    pub failing_puts: u32,
    pub syncs: u32,
    pub groups: Vec<Group>,
    pub failing_groups: bool,
    pub tor_lane: Option<TorLane>,
    pub tor_exits: TorExits,
}

#[derive(Default)]
pub(in crate::tests) struct FakeWg(pub Mutex<Lanes>);

impl FakeWg {
    /// Restarts the process; userspace peers are lost.
    pub fn restart(&self) {
        let mut lanes = self.0.lock();
        let syncs = lanes.syncs;
        *lanes = Lanes { boot_id: uuid::Uuid::new_v4(), syncs, ..Lanes::default() };
    }

    pub fn has(&self, key: PublicKey) -> bool {
        self.0.lock().peers.contains_key(&key)
    }

    pub fn keys(&self) -> HashSet<PublicKey> {
        self.0.lock().peers.keys().copied().collect()
    }

    pub fn moves(&self, key: PublicKey, direct: u64, tor: u64) {
        let mut lanes = self.0.lock();
        let count = &mut lanes.peers.get_mut(&key).unwrap().count;
        count.direct.rx_bytes += direct;
        count.direct.tx_bytes += 10 * direct;
        count.tor.rx_bytes += tor;
        count.tor.tx_bytes += 10 * tor;
    }

    fn here(&self) -> Result<MutexGuard<'_, Lanes>, WgError> {
        let lanes = self.0.lock();
        if lanes.down { Err(Fault::Unavailable("down".into()).into()) } else { Ok(lanes) }
    }
}

fn end(lane: Lane) -> LaneEnd {
    let status = serde_json::json!({
        "lane": lane, "interface": "wg", "port": 51820, "mtu": 1420, "up": true,
        "public_key": PrivateKey::from_bytes([7; 32]).public_key(),
    });
    serde_json::from_value(status).unwrap()
}

#[async_trait]
impl Wg for FakeWg {
    async fn put_peer(&self, spec: PeerSpec) -> Result<Done, WgError> {
        // Yields, so that calls of different devices overlap.
        tokio::task::yield_now().await;
        let mut lanes = self.here()?;
        if !lanes.synced {
            return Err(WgError::NotSynced);
        }
        if lanes.failing_puts > 0 {
            lanes.failing_puts -= 1;
            return Err(WgError::LaneFailed { lane: Lane::Tor, detail: "no such device".into() });
        }
        let taken = |peer: &Peer| {
            peer.spec.public_key != spec.public_key && peer.spec.direct.addresses == spec.direct.addresses
        };
        if lanes.peers.values().any(taken) {
            return Err(WgError::AddressInUse);
        }
        let fresh = Peer { spec: spec.clone(), count: Removed::default(), handshake: None, endpoint: None };
        let key = spec.public_key;
        lanes.peers.entry(key).or_insert(fresh).spec = spec;
        Ok(Done {})
    }

    async fn remove_peer(&self, input: RemovePeer) -> Result<Removed, WgError> {
        tokio::task::yield_now().await;
        Ok(self.here()?.peers.remove(&input.public_key).map(|peer| peer.count).unwrap_or_default())
    }

    async fn sync_peers(&self, input: SyncPeers) -> Result<SyncReport, WgError> {
        let mut lanes = self.here()?;
        let mut desired = HashMap::new();
        for spec in input.peers {
            let fresh = Peer { spec: spec.clone(), count: Removed::default(), handshake: None, endpoint: None };
            let mut peer = lanes.peers.remove(&spec.public_key).unwrap_or(fresh);
            peer.spec = spec.clone();
            desired.insert(spec.public_key, peer);
        }
        let removed = lanes.peers.len();
        lanes.peers = desired;
        lanes.synced = true;
        lanes.syncs += 1;
        Ok(SyncReport { put: lanes.peers.len(), removed, kept: 0 })
    }

    async fn set_groups(&self, input: SetGroups) -> Result<Done, WgError> {
        let mut lanes = self.here()?;
        if lanes.failing_groups {
            return Err(Fault::Unavailable("no nft".into()).into());
        }
        lanes.groups = input.groups;
        Ok(Done {})
    }

    async fn peers(&self, _: NoInput) -> Result<Vec<PeerStatus>, WgError> {
        let lanes = self.here()?;
        let status = |peer: &Peer, lane| PeerStatus {
            public_key: peer.spec.public_key,
            lane,
            endpoint: peer.endpoint,
            latest_handshake: peer.handshake,
            transfer: match lane {
                Lane::Direct => peer.count.direct,
                Lane::Tor => peer.count.tor,
            },
        };
        Ok(lanes.peers.values().flat_map(|peer| Lane::ALL.map(|lane| status(peer, lane))).collect())
    }

    async fn set_tor_lane(&self, _: SetTorLane) -> Result<Done, WgError> {
        Ok(Done {})
    }
    async fn next_status(&self, known: KnownStatus) -> Result<WgStatus, WgError> {
        drop(self.here()?);
        tokio::time::sleep(std::time::Duration::from_millis(known.hold_ms)).await;
        self.status(NoInput {}).await
    }
    async fn status(&self, _: NoInput) -> Result<WgStatus, WgError> {
        let lanes = self.here()?;
        Ok(WgStatus {
            boot_id: lanes.boot_id,
            revision: 0,
            synced: lanes.synced,
            backend: Backend::Userspace,
            lanes: Lane::ALL.map(end).to_vec(),
            peers: lanes.peers.len(),
            firewall_verified: true,
            tor_lane: lanes.tor_lane.unwrap_or(TorLane::Closed),
            tor_exits: lanes.tor_exits.clone(),
            tor_lane_reason: TorLaneReason::Start,
            canary: CanaryStatus::default(),
            over_flow_limit: Vec::new(),
        })
    }
}
