//! Removes peers in batches, as `commit` adds them: with very many peers, the counters are read once per batch.

use crate::commit::Queue;
use crate::firewall::IsolationMap;
use crate::service::{PeerState, Service};
use std::collections::HashSet;
use std::net::IpAddr;
use tokio::sync::oneshot;
use tornado_contracts::wg::{Removed, WgError};
use tornado_rpc::Fault;
use tornado_shared::model::PublicKey;

/// Peers per step. A step blocks a userspace interface with very many peers for milliseconds.
const STEP: usize = 16;

/// A key to remove and the channel of its caller.
pub(crate) struct Leaving {
    key: PublicKey,
    answer: oneshot::Sender<Result<Removed, WgError>>,
}

/// Peers whose removal has not started.
pub(crate) type Leave = Queue<Leaving>;

impl Service {
    /// Removes a peer, alone or in a batch. Its tracked flows end with it, so that the next holder of its addresses
    /// inherits none.
    pub(crate) async fn remove(&self, key: &PublicKey) -> Result<Removed, WgError> {
        let (answer, result) = oneshot::channel();
        self.leaves.waiting().push(Leaving { key: *key, answer });
        let (mut old, mut done) = (Vec::new(), Vec::new());
        {
            let mut peers = self.peers.lock().await;
            // Empty if an earlier caller has already taken this entry into its batch.
            let mut all = std::mem::take(&mut *self.leaves.waiting());
            while !all.is_empty() {
                let (step, later) = pick(all);
                done.extend(self.leave_step(&mut peers, step, &mut old).await);
                all = later;
            }
            // The lock on the peers is still held, so no other peer can be added.
            self.flows.rest(&old);
        }
        if !old.is_empty() {
            self.flows.end_of(old).await;
        }
        for (leaving, result) in done {
            // The receiver may be gone; then the result is not needed.
            drop(leaving.answer.send(result));
        }
        result
            .await
            .unwrap_or_else(|_| Err(Fault::Internal("the batch of peers was dropped before it finished".into()).into()))
    }

    async fn leave_step(
        &self,
        state: &mut PeerState,
        step: Vec<Leaving>,
        old: &mut Vec<IpAddr>,
    ) -> Vec<(Leaving, Result<Removed, WgError>)> {
        let PeerState { peers, endpoints, .. } = state;
        let keys: Vec<PublicKey> = step.iter().map(|leaving| leaving.key).collect();
        for key in &keys {
            endpoints.forget(key);
        }
        let isolation: IsolationMap = keys.iter().flat_map(|key| peers.isolation_of(key)).collect();
        old.extend(keys.iter().flat_map(|key| peers.addresses_of(key)));
        let lanes = self.lanes().await;
        let result = peers.remove_all(&lanes, &keys).await;
        self.end_connections(&isolation);
        self.tidy_isolation(IsolationMap::new(), isolation.into_keys().collect()).await;
        self.state.lock().await.peers = peers.len();
        match result {
            Ok(removed) => step.into_iter().zip(removed.into_iter().map(Ok)).collect(),
            Err(error) => {
                self.look_soon();
                step.into_iter().map(|leaving| (leaving, Err(error.clone()))).collect()
            }
        }
    }
}

/// Splits off one step in which each key occurs once. A duplicate goes into a later step and finds nothing to remove.
fn pick(all: Vec<Leaving>) -> (Vec<Leaving>, Vec<Leaving>) {
    let (mut keys, mut step, mut later) = (HashSet::new(), Vec::new(), Vec::new());
    for leaving in all {
        if step.len() < STEP && keys.insert(leaving.key) { step.push(leaving) } else { later.push(leaving) }
    }
    (step, later)
}
