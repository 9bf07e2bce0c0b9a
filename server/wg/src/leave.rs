//! Taking peers away in groups, as they are put: counters of very many peers are read once a group.

use crate::commit::Queue;
use crate::firewall::IsolationMap;
use crate::service::{PeerState, Service};
use std::collections::HashSet;
use std::net::IpAddr;
use tokio::sync::oneshot;
use tornado_contracts::wg::{Removed, WgError};
use tornado_rpc::Fault;
use tornado_shared::model::PublicKey;

/// So many in one step: each holds up an interface of this process with very many peers for milliseconds.
const STEP: usize = 16;

/// A key, and who waits for its end.
pub(crate) struct Leaving {
    key: PublicKey,
    answer: oneshot::Sender<Result<Removed, WgError>>,
}

/// Peers that nobody has begun to take away.
pub(crate) type Leave = Queue<Leaving>;

impl Service {
    /// Takes a peer away, alone or with others. Its running flows end with it, so that the next holder of its
    /// addresses inherits none.
    pub(crate) async fn remove(&self, key: &PublicKey) -> Result<Removed, WgError> {
        let (answer, result) = oneshot::channel();
        self.leaves.waiting().push(Leaving { key: *key, answer });
        let (mut old, mut done) = (Vec::new(), Vec::new());
        {
            let mut peers = self.peers.lock().await;
            // Empty when somebody before took ours along.
            let mut all = std::mem::take(&mut *self.leaves.waiting());
            while !all.is_empty() {
                let (step, later) = pick(all);
                done.extend(self.leave_step(&mut peers, step, &mut old).await);
                all = later;
            }
            // While no other peer can be put.
            self.flows.rest(&old);
        }
        if !old.is_empty() {
            self.flows.end_of(old).await;
        }
        for (leaving, result) in done {
            // Who hung up has no use for it.
            drop(leaving.answer.send(result));
        }
        result.await.unwrap_or_else(|_| Err(Fault::Internal("a step of peers ended early".into()).into()))
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

/// Each key once: who asks again is told that there was nothing any more.
fn pick(all: Vec<Leaving>) -> (Vec<Leaving>, Vec<Leaving>) {
    let (mut keys, mut step, mut later) = (HashSet::new(), Vec::new(), Vec::new());
    for leaving in all {
        if step.len() < STEP && keys.insert(leaving.key) { step.push(leaving) } else { later.push(leaving) }
    }
    (step, later)
}
