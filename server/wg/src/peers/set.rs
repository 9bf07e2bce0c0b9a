//! The desired set of peers. An address has one owner. Pure.

use super::endpoints::LaneEndpoints;
use super::spec::{addresses, assignments, lane_peer};
use crate::model::{AssignmentMap, PerLane};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use tornado_contracts::wg::{PeerSpec, WgError};
use tornado_packet_io::Peer;
use tornado_rpc::Fault;
use tornado_shared::model::{Lane, LanePools, PublicKey, Slot};

/// The desired set of peers.
pub(crate) struct PeerSet {
    pools: LanePools,
    servers: PerLane<PublicKey>,
    /// The leak canary: a peer of the tor lane that belongs to no device and is never listed.
    canary: Option<Peer>,
    specs: HashMap<PublicKey, PeerSpec>,
    owners: HashMap<IpAddr, PublicKey>,
}

impl PeerSet {
    /// Creates an empty set. `servers` are the server's own keys.
    #[must_use]
    pub(crate) fn new(pools: LanePools, servers: PerLane<PublicKey>) -> Self {
        let (specs, owners) = (HashMap::new(), HashMap::new());
        Self { pools, servers, canary: None, specs, owners }
    }

    /// Adds the leak canary as a peer of the tor lane.
    #[must_use]
    pub(crate) fn with_canary(self, canary: Peer) -> Self {
        Self { canary: Some(canary), ..self }
    }

    /// True for the key of the leak canary.
    #[must_use]
    pub(crate) fn is_canary(&self, key: &PublicKey) -> bool {
        self.canary.as_ref().is_some_and(|canary| canary.public_key == *key)
    }

    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.specs.len()
    }

    /// True if the peer is in the desired set.
    #[must_use]
    pub(crate) fn contains(&self, key: &PublicKey) -> bool {
        self.specs.contains_key(key)
    }

    /// Isolation numbers and exits of a peer by its addresses on the tor lane; empty for an unknown peer.
    #[must_use]
    pub(crate) fn assignments_of(&self, key: &PublicKey) -> AssignmentMap {
        self.specs.get(key).map(assignments).unwrap_or_default()
    }

    /// Isolation numbers and exits of all peers.
    #[must_use]
    pub(crate) fn assignments(&self) -> AssignmentMap {
        self.specs.values().flat_map(assignments).collect()
    }

    /// The addresses of a peer on both lanes; empty for an unknown peer.
    #[must_use]
    pub(crate) fn addresses_of(&self, key: &PublicKey) -> Vec<IpAddr> {
        self.specs.get(key).map(|spec| addresses(spec).to_vec()).unwrap_or_default()
    }

    pub(super) fn specs(&self) -> impl Iterator<Item = &PeerSpec> {
        self.specs.values()
    }

    #[must_use]
    pub(super) fn get(&self, key: &PublicKey) -> Option<&PeerSpec> {
        self.specs.get(key)
    }

    /// The peer that owns an address.
    #[must_use]
    pub(crate) fn at(&self, address: &IpAddr) -> Option<&PeerSpec> {
        self.specs.get(self.owners.get(address)?)
    }

    /// All addresses that have an owner.
    #[must_use]
    pub(crate) fn owned(&self) -> HashSet<IpAddr> {
        self.owners.keys().copied().collect()
    }

    /// Checks whether a peer can be added. `Peers::put_all` requires peers that pass.
    pub(crate) fn may_put(&self, spec: &PeerSpec) -> Result<(), WgError> {
        self.check(spec)?;
        let taken = |address: &IpAddr| self.owners.get(address).is_some_and(|owner| *owner != spec.public_key);
        if addresses(spec).iter().any(taken) { Err(WgError::AddressInUse) } else { Ok(()) }
    }

    /// An empty set with the same pools, servers and canary.
    #[must_use]
    pub(super) fn emptied(&self) -> Self {
        Self { canary: self.canary.clone(), ..Self::new(self.pools, self.servers) }
    }

    /// Adds a peer of a complete set, in which neither keys nor addresses may repeat.
    pub(super) fn insert_new(&mut self, spec: PeerSpec) -> Result<(), WgError> {
        self.check(&spec)?;
        if self.contains(&spec.public_key) {
            return Err(Fault::Malformed("duplicate peer".into()).into());
        }
        if addresses(&spec).iter().any(|address| self.owners.contains_key(address)) {
            return Err(WgError::AddressInUse);
        }
        self.insert(spec);
        Ok(())
    }

    /// Computes the changes that lead a lane with the peers `present` to this set. `before` is the set that the lane
    /// holds; `None`: what it holds is unknown.
    pub(super) fn plan(
        &self,
        lane: Lane,
        present: &HashSet<PublicKey>,
        before: Option<&Self>,
        endpoints: &LaneEndpoints,
    ) -> Plan {
        let removed = present.iter().filter(|key| !self.contains(key) && !self.is_mine(key, lane)).copied().collect();
        let unchanged = |spec: &PeerSpec| {
            let known = before.and_then(|before| before.get(&spec.public_key));
            present.contains(&spec.public_key) && known.is_some_and(|known| known.on(lane) == spec.on(lane))
        };
        let changed = self.specs().filter(|spec| !unchanged(spec));
        let put: Vec<_> = changed.map(|spec| lane_peer(spec, lane, endpoints.get(&spec.public_key).copied())).collect();
        let has_handshake = |peer: &&Peer| peer.endpoint.is_some() && !present.contains(&peer.public_key);
        let handshakes = put.iter().filter(has_handshake).map(|p| p.public_key).collect();
        let canary = self.canary.clone().filter(|canary| self.is_mine(&canary.public_key, lane));
        Plan { removed, canary, put, handshakes }
    }

    /// True for the canary on the tor lane.
    fn is_mine(&self, key: &PublicKey, lane: Lane) -> bool {
        lane == Lane::Tor && self.is_canary(key)
    }

    /// Selects the `specs` for one step: at most `most` of them, each key and each address once. Returns a verdict for
    /// each spec, in order.
    pub(crate) fn select<'a>(&self, specs: impl Iterator<Item = &'a PeerSpec>, most: usize) -> Vec<Selection> {
        let (mut keys, mut taken, mut count) = (HashSet::new(), HashSet::new(), 0);
        let one = |spec: &PeerSpec| {
            if count == most || keys.contains(&spec.public_key) || addresses(spec).iter().any(|a| taken.contains(a)) {
                return Selection::Defer;
            }
            if let Err(error) = self.may_put(spec) {
                return Selection::Reject(error);
            }
            count += 1;
            keys.insert(spec.public_key);
            taken.extend(addresses(spec));
            Selection::Include
        };
        specs.map(one).collect()
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

    /// Adds a peer that passed [`PeerSet::may_put`], or replaces it.
    pub(super) fn insert(&mut self, spec: PeerSpec) {
        for address in addresses(&spec) {
            self.owners.insert(address, spec.public_key);
        }
        self.specs.insert(spec.public_key, spec);
    }

    pub(super) fn remove(&mut self, key: &PublicKey) {
        if let Some(old) = self.specs.remove(key) {
            for address in addresses(&old) {
                self.owners.remove(&address);
            }
        }
    }
}

/// Changes to one lane.
#[derive(Clone, Default)]
pub(super) struct Plan {
    pub(super) removed: Vec<PublicKey>,
    pub(super) canary: Option<Peer>,
    pub(super) put: Vec<Peer>,
    /// Peers with which handshakes are started afterwards: those whose endpoint is the saved one.
    pub(super) handshakes: Vec<PublicKey>,
}

/// Verdict on one peer of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Goes into this step.
    Include,
    /// Goes into a later step.
    Defer,
    /// Is rejected.
    Reject(WgError),
}
