//! Decides which peers both lanes have. A change applies to both lanes or to neither, and an address has one owner.
//! Calls the OS only through [`Interface`].

mod batch;
mod both;

pub(crate) use batch::Pick;

use crate::backend::{BackendError, Interface, LanePeer};
use crate::endpoints::{Endpoints, LaneEndpoints};
use crate::firewall::{IsolationMap, Seat};
use crate::lane::PerLane;
use both::on_both;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use tornado_contracts::wg::{PeerSpec, SyncReport, WgError};
use tornado_rpc::Fault;
use tornado_runtime::trial::fault_point;
use tornado_shared::model::{Lane, LanePools, PublicKey, Slot};

pub(crate) type Interfaces = PerLane<Arc<dyn Interface>>;

/// Peers to call after a sync, by lane: those whose endpoint is the saved one.
pub(crate) type Calls = PerLane<Vec<PublicKey>>;

/// The desired set of peers.
pub(crate) struct Peers {
    pools: LanePools,
    servers: PerLane<PublicKey>,
    /// The leak canary: a peer of the tor lane that belongs to no device and is never listed.
    canary: Option<LanePeer>,
    wanted: HashMap<PublicKey, PeerSpec>,
    owners: HashMap<IpAddr, PublicKey>,
    /// Lanes that may differ from the desired set, because a rollback failed.
    doubtful: PerLane<bool>,
}

impl Peers {
    /// Creates an empty set. `servers` are the server's own keys.
    #[must_use]
    pub(crate) fn new(pools: LanePools, servers: PerLane<PublicKey>) -> Self {
        let (wanted, owners) = (HashMap::new(), HashMap::new());
        Self { pools, servers, canary: None, wanted, owners, doubtful: PerLane::default() }
    }

    /// Adds the leak canary as a peer of the tor lane.
    #[must_use]
    pub(crate) fn with_canary(self, canary: LanePeer) -> Self {
        Self { canary: Some(canary), ..self }
    }

    /// True for the key of the leak canary.
    #[must_use]
    pub(crate) fn is_canary(&self, key: &PublicKey) -> bool {
        self.canary.as_ref().is_some_and(|canary| canary.public_key == *key)
    }

    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.wanted.len()
    }

    /// True if the peer is in the desired set.
    #[must_use]
    pub(crate) fn contains(&self, key: &PublicKey) -> bool {
        self.wanted.contains_key(key)
    }

    /// True if a lane may differ from the desired set and needs [`Peers::repair`].
    #[must_use]
    pub(crate) const fn is_doubtful(&self, lane: Lane) -> bool {
        *self.doubtful.of(lane)
    }

    /// Isolation numbers of a peer by its addresses on the tor lane; empty for an unknown peer.
    #[must_use]
    pub(crate) fn isolation_of(&self, key: &PublicKey) -> IsolationMap {
        self.wanted.get(key).map(isolation).unwrap_or_default()
    }

    /// Isolation numbers of all peers.
    #[must_use]
    pub(crate) fn isolation(&self) -> IsolationMap {
        self.wanted.values().flat_map(isolation).collect()
    }

    /// The addresses of a peer on both lanes; empty for an unknown peer.
    #[must_use]
    pub(crate) fn addresses_of(&self, key: &PublicKey) -> Vec<IpAddr> {
        self.wanted.get(key).map(|spec| addresses(spec).to_vec()).unwrap_or_default()
    }

    /// The peer that owns an address.
    #[must_use]
    pub(crate) fn at(&self, address: &IpAddr) -> Option<&PeerSpec> {
        self.wanted.get(self.owners.get(address)?)
    }

    /// All addresses that have an owner.
    #[must_use]
    pub(crate) fn owned(&self) -> HashSet<IpAddr> {
        self.owners.keys().copied().collect()
    }

    /// Checks a peer without touching a lane. [`Peers::put_all`] requires peers that pass.
    pub(crate) fn may_put(&self, spec: &PeerSpec) -> Result<(), WgError> {
        self.check(spec)?;
        let taken = |address: &IpAddr| self.owners.get(address).is_some_and(|owner| *owner != spec.public_key);
        if addresses(spec).iter().any(taken) { Err(WgError::AddressInUse) } else { Ok(()) }
    }

    /// Makes `specs` the desired set and applies it to both lanes. If a lane fails, the former set is restored.
    pub(crate) async fn sync(
        &mut self,
        lanes: &Interfaces,
        specs: Vec<PeerSpec>,
        endpoints: &Endpoints,
    ) -> Result<(SyncReport, Calls), WgError> {
        let mut next = Self { canary: self.canary.clone(), ..Self::new(self.pools, self.servers) };
        for spec in specs {
            next.check(&spec)?;
            if next.contains(&spec.public_key) {
                return Err(Fault::Malformed("duplicate peer".into()).into());
            }
            if addresses(&spec).iter().any(|address| next.owners.contains_key(address)) {
                return Err(WgError::AddressInUse);
            }
            next.remember(spec);
        }
        let (mut put, mut removed, mut calls) = (HashSet::new(), HashSet::new(), Calls::default());
        let mut plans = PerLane::default();
        for lane in Lane::ALL {
            match next.plan(lanes, lane, Some(self), endpoints.of(lane)).await {
                Ok(plan) => *plans.of_mut(lane) = plan,
                Err(error) => return Err(lane_failed(lane, &error)),
            }
        }
        let done = on_both(lanes, |lane, interface| {
            let plan = plans.of(lane).clone();
            async move {
                let done = plan.carry_out(&*interface).await;
                fault_point("sync.lane");
                done
            }
        });
        for (lane, done) in done.await {
            if let Err(error) = done {
                for lane in Lane::ALL {
                    *self.doubtful.of_mut(lane) = true;
                    drop(self.repair(lanes, lane, endpoints).await);
                }
                return Err(lane_failed(lane, &error));
            }
            let plan = std::mem::take(plans.of_mut(lane));
            put.extend(plan.put.iter().map(|peer| peer.public_key));
            removed.extend(plan.removed);
            *calls.of_mut(lane) = plan.calls;
        }
        let report = SyncReport { put: put.len(), removed: removed.len(), kept: next.len() - put.len() };
        *self = next;
        Ok((report, calls))
    }

    /// Applies the desired set to a lane, whatever the lane holds. Returns the peers to call.
    pub(crate) async fn repair(
        &mut self,
        lanes: &Interfaces,
        lane: Lane,
        endpoints: &Endpoints,
    ) -> Result<Vec<PublicKey>, BackendError> {
        let plan = self.plan(lanes, lane, None, endpoints.of(lane)).await?;
        plan.carry_out(&**lanes.of(lane)).await?;
        *self.doubtful.of_mut(lane) = false;
        Ok(plan.calls)
    }

    /// Computes the changes that lead a lane to the desired set.
    async fn plan(
        &self,
        lanes: &Interfaces,
        lane: Lane,
        before: Option<&Self>,
        endpoints: &LaneEndpoints,
    ) -> Result<Plan, BackendError> {
        let present: HashSet<PublicKey> = lanes.of(lane).peers().await?.into_iter().map(|p| p.public_key).collect();
        let removed = present.iter().filter(|key| !self.contains(key) && !self.is_mine(key, lane)).copied().collect();
        let unchanged = |spec: &PeerSpec| {
            let known = before.filter(|b| !b.is_doubtful(lane)).and_then(|b| b.wanted.get(&spec.public_key));
            present.contains(&spec.public_key) && known.is_some_and(|known| known.on(lane) == spec.on(lane))
        };
        let changed = self.wanted.values().filter(|spec| !unchanged(spec));
        let put: Vec<_> = changed.map(|spec| lane_peer(spec, lane, endpoints.get(&spec.public_key).copied())).collect();
        let is_call = |peer: &&LanePeer| peer.endpoint.is_some() && !present.contains(&peer.public_key);
        let calls = put.iter().filter(is_call).map(|p| p.public_key).collect();
        let canary = self.canary.clone().filter(|canary| self.is_mine(&canary.public_key, lane));
        Ok(Plan { removed, canary, put, calls })
    }

    /// True for the canary on the tor lane.
    fn is_mine(&self, key: &PublicKey, lane: Lane) -> bool {
        lane == Lane::Tor && self.is_canary(key)
    }

    /// Rejects a spec that no correct caller sends.
    fn check(&self, spec: &PeerSpec) -> Result<(), WgError> {
        let refuse = |why: &str| Err(Fault::Malformed(why.into()).into());
        for lane in Lane::ALL {
            if spec.public_key == *self.servers.of(lane) {
                return refuse("the key is the server's own");
            }
            if self.is_canary(&spec.public_key) {
                return refuse("the key is the leak canary's");
            }
            let (pool, addresses) = (self.pools.of(lane), spec.on(lane).addresses);
            let slot4 = u32::from(addresses.v4).wrapping_sub(u32::from(pool.v4.network()));
            let is_device = |slot: u32| slot >= Slot::FIRST.0 && slot <= pool.last_slot().0;
            let canary = pool.addresses(self.pools.canary_slot());
            if !pool.v4.contains(&addresses.v4) || !is_device(slot4) {
                return refuse("an IPv4 address is outside its lane's pool");
            }
            if canary.is_some_and(|canary| canary.v4 == addresses.v4 || canary.v6 == addresses.v6) {
                return refuse("the address is the leak canary's");
            }
            let reserved = pool.addresses(Slot::SERVER).is_some_and(|server| server.v6 == addresses.v6);
            if !pool.v6.contains(&addresses.v6) || addresses.v6 == pool.v6.network() || reserved {
                return refuse("an IPv6 address is outside its lane's pool");
            }
        }
        Ok(())
    }

    fn remember(&mut self, spec: PeerSpec) {
        for address in addresses(&spec) {
            self.owners.insert(address, spec.public_key);
        }
        self.wanted.insert(spec.public_key, spec);
    }

    fn forget(&mut self, key: &PublicKey) {
        if let Some(old) = self.wanted.remove(key) {
            for address in addresses(&old) {
                self.owners.remove(&address);
            }
        }
    }
}

/// Changes to one lane.
#[derive(Clone, Default)]
struct Plan {
    removed: Vec<PublicKey>,
    canary: Option<LanePeer>,
    put: Vec<LanePeer>,
    /// Peers to call afterwards.
    calls: Vec<PublicKey>,
}

impl Plan {
    async fn carry_out(&self, interface: &dyn Interface) -> Result<(), BackendError> {
        interface.remove_peers(&self.removed).await?;
        if let Some(canary) = &self.canary {
            interface.put_peers(std::slice::from_ref(canary)).await?;
        }
        interface.put_peers(&self.put).await
    }
}

/// The addresses of a peer on both lanes.
pub(crate) fn addresses(spec: &PeerSpec) -> [IpAddr; 4] {
    let (d, t) = (spec.direct.addresses, spec.tor.addresses);
    [d.v4.into(), d.v6.into(), t.v4.into(), t.v6.into()]
}

/// The isolation number and exit of a device, by its addresses on the tor lane.
pub(crate) fn isolation(spec: &PeerSpec) -> IsolationMap {
    let seat = Seat { isolation: spec.isolation, exit: spec.exit };
    let addresses = spec.tor.addresses;
    [addresses.v4.into(), addresses.v6.into()].map(|address| (address, seat)).into()
}

fn lane_peer(spec: &PeerSpec, lane: Lane, endpoint: Option<std::net::SocketAddr>) -> LanePeer {
    let part = spec.on(lane);
    LanePeer {
        public_key: spec.public_key,
        addresses: part.addresses,
        preshared_key: part.preshared_key.clone(),
        endpoint,
    }
}

pub(crate) fn lane_failed(lane: Lane, error: &(impl std::fmt::Display + ?Sized)) -> WgError {
    WgError::LaneFailed { lane, detail: error.to_string() }
}

#[cfg(test)]
mod tests;
