//! Putting peers in groups: who comes while a step runs goes into the next one together with all others that came.
//! A step is one transaction of nftables and one call of each interface, however many peers it has.

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

/// So many in one step: a step of a userspace interface holds up its packets.
const STEP: usize = 250;

/// A peer, and who waits for it.
pub(crate) struct Waiting {
    spec: PeerSpec,
    answer: oneshot::Sender<Result<(), WgError>>,
}

/// Changes that nobody has begun to make.
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
    /// Puts a peer, alone or with others.
    pub(crate) async fn put(&self, spec: PeerSpec) -> Result<(), WgError> {
        if !self.flows.wait_for(&addresses(&spec)).await {
            return Err(resting());
        }
        let (answer, result) = oneshot::channel();
        self.puts.waiting().push(Waiting { spec, answer });
        let mut old = Vec::new();
        {
            let mut peers = self.peers.lock().await;
            // Empty when somebody before took ours along.
            let mut all = std::mem::take(&mut *self.puts.waiting());
            while !all.is_empty() {
                let mut left = Vec::new();
                all = self.step(&mut peers, all, &mut left).await;
                // Before the next step, which must not give them to another peer.
                self.flows.rest(&left);
                old.extend(left);
            }
        }
        if !old.is_empty() {
            self.flows.end_of(old).await;
        }
        result.await.unwrap_or_else(|_| Err(Fault::Internal("a step of peers ended early".into()).into()))
    }

    /// One step. Returns those for whom there was no place; `old` gets addresses that changed hands or were left.
    async fn step(&self, state: &mut PeerState, all: Vec<Waiting>, old: &mut Vec<IpAddr>) -> Vec<Waiting> {
        let (mut step, mut later) = (Vec::new(), Vec::new());
        let synced = self.state.lock().await.synced;
        let picks = state.peers.pick(all.iter().map(|w| &w.spec), STEP);
        for (waiting, pick) in all.into_iter().zip(picks) {
            match pick {
                _ if !synced => drop(waiting.answer.send(Err(WgError::NotSynced))),
                // They may have begun to rest while this one waited.
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
                // Who hung up has no use for it.
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
        // The number first: a device that is up without one does not reach Tor.
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

/// What a device is answered whose addresses are not free of their former holder.
fn resting() -> WgError {
    Fault::Unavailable("flows of the former holder of an address are still being ended".into()).into()
}

/// The seats of devices that are sent to another Tor now: flows to the former one get no answer any more.
fn moved(before: &IsolationMap, after: &IsolationMap) -> IsolationMap {
    let has_moved = |(address, seat): &(&IpAddr, &Seat)| after.get(*address).is_some_and(|new| new.exit != seat.exit);
    before.iter().filter(has_moved).map(|(address, seat)| (*address, *seat)).collect()
}
