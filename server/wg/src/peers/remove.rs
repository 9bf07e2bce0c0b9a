//! Removes peers in batches, as `add` adds them: with very many peers, the counters are read once per batch.

use super::queue::{Queue, Waiting};
use super::registry::{Desired, Registry};
use crate::model::AssignmentMap;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use tornado_contracts::wg::{Removed, WgError};
use tornado_shared::model::PublicKey;

/// Peers per step. A step blocks a userspace interface with very many peers for milliseconds.
const STEP: usize = 16;

type Removal = Waiting<PublicKey, Removed>;

pub(crate) struct Removals {
    registry: Arc<Registry>,
    queue: Queue<PublicKey, Removed>,
}

impl Removals {
    pub(crate) const fn new(registry: Arc<Registry>) -> Self {
        Self { registry, queue: Queue::new() }
    }

    /// Removes a peer, alone or in a batch. Its tracked flows end with it, so that the next holder of its addresses
    /// inherits none.
    pub(crate) async fn remove_peer(&self, key: PublicKey) -> Result<Removed, WgError> {
        let pending = self.queue.push(key);
        let (mut old, mut done) = (Vec::new(), Vec::new());
        {
            let mut desired = self.registry.lock().await;
            let mut all = self.queue.take();
            while !all.is_empty() {
                let (step, later) = split(all);
                done.extend(self.step(&mut desired, step, &mut old).await);
                all = later;
            }
            // The lock on the peers is still held, so no other peer can be added.
            self.registry.flows().reserve(&old);
        }
        if !old.is_empty() {
            self.registry.flows().end_all(old).await;
        }
        for (removal, result) in done {
            removal.finish(result);
        }
        pending.await
    }

    async fn step(
        &self,
        desired: &mut Desired,
        step: Vec<Removal>,
        old: &mut Vec<IpAddr>,
    ) -> Vec<(Removal, Result<Removed, WgError>)> {
        let (Desired { peers, endpoints }, shared) = (desired, self.registry.shared());
        let keys: Vec<PublicKey> = step.iter().map(|removal| removal.item).collect();
        for key in &keys {
            endpoints.remove(key);
        }
        let assignments: AssignmentMap = keys.iter().flat_map(|key| peers.set().assignments_of(key)).collect();
        old.extend(keys.iter().flat_map(|key| peers.set().addresses_of(key)));
        let interfaces = shared.status.interfaces().await;
        let result = peers.remove_all(&interfaces, &keys).await;
        self.registry.end_connections(&assignments);
        self.registry.assign(AssignmentMap::new(), assignments.into_keys().collect()).await;
        shared.status.lock().await.peers = peers.set().len();
        match result {
            Ok(removed) => step.into_iter().zip(removed.into_iter().map(Ok)).collect(),
            Err(error) => {
                shared.wakes.check_interfaces();
                step.into_iter().map(|removal| (removal, Err(error.clone()))).collect()
            }
        }
    }
}

/// Splits off one step in which each key occurs once. A duplicate goes into a later step and finds nothing to remove.
fn split(all: Vec<Removal>) -> (Vec<Removal>, Vec<Removal>) {
    let (mut keys, mut step, mut later) = (HashSet::new(), Vec::new(), Vec::new());
    for removal in all {
        if step.len() < STEP && keys.insert(removal.item) { step.push(removal) } else { later.push(removal) }
    }
    (step, later)
}
