//! Adds peers in batches: peers that arrive during a step go into the next step together. A step is one nftables
//! transaction and one call per interface, however many peers it has.

use crate::firewall::{IsolationMap, Seat};
use crate::peers::{Pick, addresses, isolation, lane_failed};
use crate::service::{PeerState, Service};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use tornado_contracts::wg::{PeerSpec, WgError};
use tornado_rpc::Fault;
use tornado_runtime::trial::fault_point;
use tornado_shared::model::Lane;

/// Peers per step. A step blocks the packets of a userspace interface.
const STEP: usize = 250;

/// A peer to add and the channel of its caller.
pub(crate) struct Waiting {
    spec: PeerSpec,
    answer: oneshot::Sender<Result<(), WgError>>,
}

/// Changes that have not started.
pub(crate) struct Queue<W>(Mutex<Vec<W>>);

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<W> Queue<W> {
    pub(crate) fn waiting(&self) -> MutexGuard<'_, Vec<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Adds or changes a peer, alone or in a batch.
    pub(crate) async fn put(&self, spec: PeerSpec) -> Result<(), WgError> {
        if !self.flows.wait_for(&addresses(&spec)).await {
            return Err(resting());
        }
        let (answer, result) = oneshot::channel();
        self.puts.waiting().push(Waiting { spec, answer });
        let mut old = Vec::new();
        {
            let mut peers = self.peers.lock().await;
            // Empty if an earlier caller has already taken this entry into its batch.
            let mut all = std::mem::take(&mut *self.puts.waiting());
            while !all.is_empty() {
                let mut left = Vec::new();
                all = self.step(&mut peers, all, &mut left).await;
                // Before the next step, which must not give these addresses to another peer.
                self.flows.rest(&left);
                old.extend(left);
            }
        }
        if !old.is_empty() {
            self.flows.end_of(old).await;
        }
        result
            .await
            .unwrap_or_else(|_| Err(Fault::Internal("the batch of peers was dropped before it finished".into()).into()))
    }

    /// Runs one step. Returns the peers left for later steps. Adds to `old` the addresses whose owner or Tor instance
    /// changed and those that became free.
    async fn step(&self, state: &mut PeerState, all: Vec<Waiting>, old: &mut Vec<IpAddr>) -> Vec<Waiting> {
        let (mut step, mut later) = (Vec::new(), Vec::new());
        let synced = self.state.lock().await.synced;
        let picks = state.peers.pick(all.iter().map(|w| &w.spec), STEP);
        for (waiting, pick) in all.into_iter().zip(picks) {
            match pick {
                _ if !synced => drop(waiting.answer.send(Err(WgError::NotSynced))),
                // The addresses may have been reserved while this peer waited.
                Pick::Now if self.flows.is_resting(&addresses(&waiting.spec)) => {
                    drop(waiting.answer.send(Err(resting())));
                }
                Pick::Now => step.push(waiting),
                Pick::Later => later.push(waiting),
                Pick::Never(error) => drop(waiting.answer.send(Err(error))),
            }
        }
        if !step.is_empty() {
            let specs: Vec<_> = step.iter().map(|w| w.spec.clone()).collect();
            let result = self.put_step(state, specs, old).await;
            for waiting in step {
                // The receiver may be gone; then the result is not needed.
                drop(waiting.answer.send(result.clone()));
            }
        }
        later
    }

    async fn put_step(
        &self,
        state: &mut PeerState,
        specs: Vec<PeerSpec>,
        old: &mut Vec<IpAddr>,
    ) -> Result<(), WgError> {
        let peers = &mut state.peers;
        // The isolation number goes first: without it, a device on an interface that is up cannot reach Tor.
        let before: IsolationMap = specs.iter().flat_map(|spec| peers.isolation_of(&spec.public_key)).collect();
        let after: IsolationMap = specs.iter().flat_map(isolation).collect();
        let without = |all: &IsolationMap, kept: &IsolationMap| -> Vec<IpAddr> {
            all.keys().filter(|address| !kept.contains_key(address)).copied().collect()
        };
        if let Err(error) = self.firewall.isolate(after.clone(), Vec::new()).await {
            self.wake_firewall.notify_one();
            return Err(lane_failed(Lane::Tor, &error));
        }
        let keys: Vec<_> = specs.iter().map(|spec| spec.public_key).collect();
        let left: Vec<IpAddr> = keys.iter().flat_map(|key| peers.addresses_of(key)).collect();
        let lanes = self.state.lock().await.lanes.clone();
        fault_point("put.isolated");
        let result = peers.put_all(&lanes, specs).await;
        fault_point("put.done");
        let (put, gone) = match result {
            Ok(()) => {
                let owned: Vec<IpAddr> = keys.iter().flat_map(|key| peers.addresses_of(key)).collect();
                old.extend(left.into_iter().filter(|address| !owned.contains(address)));
                let moved = moved(&before, &after);
                self.end_connections(&moved);
                old.extend(moved.into_keys());
                (IsolationMap::new(), without(&before, &after))
            }
            Err(_) => {
                self.look_soon();
                let gone = without(&after, &before);
                (before, gone)
            }
        };
        self.tidy_isolation(put, gone).await;
        self.state.lock().await.peers = state.peers.len();
        result
    }
}

/// The error for a peer whose addresses are still reserved for their former holder.
fn resting() -> WgError {
    Fault::Unavailable("cannot add the peer yet: flows of the former holder of an address are still being ended".into())
        .into()
}

/// The seats of devices that now use another Tor instance. Their flows to the former one get no more answers.
fn moved(before: &IsolationMap, after: &IsolationMap) -> IsolationMap {
    let has_moved = |(address, seat): &(&IpAddr, &Seat)| after.get(*address).is_some_and(|new| new.exit != seat.exit);
    before.iter().filter(has_moved).map(|(address, seat)| (*address, *seat)).collect()
}
