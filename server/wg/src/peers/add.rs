//! Adds peers in batches: peers that arrive during a step go into the next step together. A step is one nftables
//! transaction and one call per interface, however many peers it has.

use super::both_lanes::lane_failed;
use super::queue::{Queue, Waiting};
use super::registry::{Desired, Registry};
use super::set::Selection;
use super::spec::{addresses, assignments};
use crate::model::{AssignmentMap, TorAssignment};
use crate::shared::Shared;
use std::net::IpAddr;
use std::sync::Arc;
use tornado_contracts::wg::{PeerSpec, WgError};
use tornado_rpc::Fault;
use tornado_runtime::trial::fault_point;
use tornado_shared::model::Lane;

/// Peers per step. A step blocks the packets of a userspace interface.
const STEP: usize = 250;

type Addition = Waiting<PeerSpec, ()>;

pub(crate) struct Additions {
    registry: Arc<Registry>,
    queue: Queue<PeerSpec, ()>,
}

impl Additions {
    pub(crate) const fn new(registry: Arc<Registry>) -> Self {
        Self { registry, queue: Queue::new() }
    }

    /// Adds or changes a peer, alone or in a batch.
    pub(crate) async fn put_peer(&self, spec: PeerSpec) -> Result<(), WgError> {
        let flows = self.registry.flows();
        if !flows.wait_for(&addresses(&spec)).await {
            return Err(reserved());
        }
        let pending = self.queue.push(spec);
        let mut old = Vec::new();
        {
            let mut desired = self.registry.lock().await;
            let mut all = self.queue.take();
            while !all.is_empty() {
                let mut left = Vec::new();
                all = self.step(&mut desired, all, &mut left).await;
                // Before the next step, which must not give these addresses to another peer.
                flows.reserve(&left);
                old.extend(left);
            }
        }
        if !old.is_empty() {
            flows.end_all(old).await;
        }
        pending.await
    }

    /// Runs one step. Returns the peers left for later steps. Adds to `old` the addresses whose owner or Tor instance
    /// changed and those that became free.
    async fn step(&self, desired: &mut Desired, all: Vec<Addition>, old: &mut Vec<IpAddr>) -> Vec<Addition> {
        let (mut step, mut later) = (Vec::new(), Vec::new());
        let synced = self.registry.shared().status.lock().await.synced;
        let selections = desired.peers.set().select(all.iter().map(|waiting| &waiting.item), STEP);
        for (waiting, selection) in all.into_iter().zip(selections) {
            match selection {
                _ if !synced => waiting.finish(Err(WgError::NotSynced)),
                // The addresses may have been reserved while this peer waited.
                Selection::Include if self.registry.flows().is_reserved(&addresses(&waiting.item)) => {
                    waiting.finish(Err(reserved()));
                }
                Selection::Include => step.push(waiting),
                Selection::Defer => later.push(waiting),
                Selection::Reject(error) => waiting.finish(Err(error)),
            }
        }
        if !step.is_empty() {
            let specs: Vec<_> = step.iter().map(|waiting| waiting.item.clone()).collect();
            let result = self.put_step(desired, specs, old).await;
            for waiting in step {
                waiting.finish(result.clone());
            }
        }
        later
    }

    async fn put_step(
        &self,
        desired: &mut Desired,
        specs: Vec<PeerSpec>,
        old: &mut Vec<IpAddr>,
    ) -> Result<(), WgError> {
        let (peers, Shared { firewall, status, wakes }) = (&mut desired.peers, self.registry.shared());
        // The isolation number goes first: without it, a device on an interface that is up cannot reach Tor.
        let before: AssignmentMap =
            specs.iter().flat_map(|spec| peers.set().assignments_of(&spec.public_key)).collect();
        let after: AssignmentMap = specs.iter().flat_map(assignments).collect();
        let without = |all: &AssignmentMap, kept: &AssignmentMap| -> Vec<IpAddr> {
            all.keys().filter(|address| !kept.contains_key(address)).copied().collect()
        };
        if let Err(error) = firewall.assign(after.clone(), Vec::new()).await {
            wakes.firewall.notify_one();
            return Err(lane_failed(Lane::Tor, &error));
        }
        let keys: Vec<_> = specs.iter().map(|spec| spec.public_key).collect();
        let left: Vec<IpAddr> = keys.iter().flat_map(|key| peers.set().addresses_of(key)).collect();
        let interfaces = status.interfaces().await;
        fault_point("put.isolated");
        let result = peers.put_all(&interfaces, specs).await;
        fault_point("put.done");
        let (put, gone) = match result {
            Ok(()) => {
                let owned: Vec<IpAddr> = keys.iter().flat_map(|key| peers.set().addresses_of(key)).collect();
                old.extend(left.into_iter().filter(|address| !owned.contains(address)));
                let moved = moved(&before, &after);
                self.registry.end_connections(&moved);
                old.extend(moved.into_keys());
                (AssignmentMap::new(), without(&before, &after))
            }
            Err(_) => {
                wakes.check_interfaces();
                let gone = without(&after, &before);
                (before, gone)
            }
        };
        self.registry.assign(put, gone).await;
        status.lock().await.peers = peers.set().len();
        result
    }
}

/// The error for a peer whose addresses are still reserved for their former holder.
fn reserved() -> WgError {
    Fault::Unavailable("cannot add the peer yet: flows of the former holder of an address are still being ended".into())
        .into()
}

/// The assignments of devices that now use another Tor instance. Their flows to the former one get no more responses.
fn moved(before: &AssignmentMap, after: &AssignmentMap) -> AssignmentMap {
    let has_moved =
        |(address, former): &(&IpAddr, &TorAssignment)| after.get(*address).is_some_and(|new| new.exit != former.exit);
    before.iter().filter(has_moved).map(|(address, former)| (*address, *former)).collect()
}
