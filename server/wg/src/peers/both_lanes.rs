//! Applies the desired peers to both lanes. A change applies to both lanes or to neither.

use super::endpoints::{Endpoints, LaneEndpoints};
use super::set::{PeerSet, Plan};
use super::spec::lane_peer;
use crate::interfaces::{BackendError, Interface, Interfaces};
use crate::model::PerLane;
use std::collections::HashSet;
use std::sync::Arc;
use tornado_contracts::wg::{PeerSpec, Removed, SyncReport, WgError};
use tornado_rpc::{Fault, RequestId};
use tornado_runtime::trial::fault_point;
use tornado_shared::model::{Lane, PublicKey};

/// Peers with which handshakes are started after a sync, by lane.
pub(super) type Handshakes = PerLane<Vec<PublicKey>>;

/// The desired peers, and what is known about the peers of the lanes.
pub(crate) struct Peers {
    set: PeerSet,
    /// Lanes that may differ from the desired set, because a rollback failed.
    needs_repair: PerLane<bool>,
}

impl Peers {
    pub(super) fn new(set: PeerSet) -> Self {
        Self { set, needs_repair: PerLane::default() }
    }

    pub(crate) const fn set(&self) -> &PeerSet {
        &self.set
    }

    /// True if a lane may differ from the desired set and needs [`Peers::repair`].
    pub(super) const fn needs_repair(&self, lane: Lane) -> bool {
        *self.needs_repair.of(lane)
    }

    /// Adds peers selected by [`PeerSet::select`] to both lanes. If one lane fails, both are restored.
    pub(super) async fn put_all(&mut self, interfaces: &Interfaces, specs: Vec<PeerSpec>) -> Result<(), WgError> {
        let done = on_both(interfaces, |lane, interface| {
            let peers: Vec<_> = specs.iter().map(|spec| lane_peer(spec, lane, None)).collect();
            async move {
                fault_point("put.lane");
                interface.put_peers(&peers).await
            }
        });
        if let Some((lane, Err(error))) = done.await.into_iter().find(|(_, done)| done.is_err()) {
            self.undo(interfaces, &specs).await;
            return Err(lane_failed(lane, &error));
        }
        for spec in specs {
            self.set.remove(&spec.public_key);
            self.set.insert(spec);
        }
        Ok(())
    }

    /// Removes peers from both lanes. `keys` must not contain duplicates. Returns their counters in the same order.
    ///
    /// The peers are gone from the desired set even if a lane fails; a later repair of that lane removes them from it.
    pub(super) async fn remove_all(
        &mut self,
        interfaces: &Interfaces,
        keys: &[PublicKey],
    ) -> Result<Vec<Removed>, WgError> {
        let mut removed = vec![Removed::default(); keys.len()];
        let (places, mine): (Vec<_>, Vec<_>) =
            keys.iter().copied().enumerate().filter(|(_, key)| !self.set.is_canary(key)).unzip();
        for key in &mine {
            self.set.remove(key);
        }
        if mine.is_empty() {
            return Ok(removed);
        }
        let done = on_both(interfaces, |_, interface| {
            let keys = mine.clone();
            async move {
                fault_point("remove.lane");
                interface.remove_peers(&keys).await
            }
        });
        let mut failed = None;
        for (lane, done) in done.await {
            match done {
                Ok(counters) => {
                    for (place, transfer) in places.iter().zip(counters) {
                        let Some(one) = removed.get_mut(*place) else { continue };
                        match lane {
                            Lane::Direct => one.direct = transfer,
                            Lane::Tor => one.tor = transfer,
                        }
                    }
                }
                // An interface that does not exist has no peers. It will be recreated from the desired set.
                Err(BackendError::Gone(_)) => {}
                Err(error) => {
                    *self.needs_repair.of_mut(lane) = true;
                    failed = Some(error);
                }
            }
        }
        match failed {
            None => Ok(removed),
            Some(error) => Err(Fault::Unavailable(format!("cannot remove the peer: {error}")).into()),
        }
    }

    /// Restores the peers as they were before a failed change.
    async fn undo(&mut self, interfaces: &Interfaces, specs: &[PeerSpec]) {
        let (known, new): (Vec<_>, Vec<_>) = specs.iter().partition(|spec| self.set.contains(&spec.public_key));
        let known: Vec<_> = known.iter().filter_map(|spec| self.set.get(&spec.public_key)).collect();
        let new: Vec<PublicKey> = new.iter().map(|spec| spec.public_key).collect();
        for lane in Lane::ALL {
            let interface = interfaces.of(lane);
            let before: Vec<_> = known.iter().map(|spec| lane_peer(spec, lane, None)).collect();
            let undone = async {
                if !before.is_empty() {
                    interface.put_peers(&before).await?;
                }
                if !new.is_empty() {
                    interface.remove_peers(&new).await?;
                }
                Ok::<_, BackendError>(())
            };
            if let Err(error) = undone.await {
                tracing::warn!(%lane, %error, "could not restore a lane after a failed change; repairing it later");
                *self.needs_repair.of_mut(lane) = true;
            }
        }
    }

    /// Makes `specs` the desired set and applies it to both lanes. If a lane fails, the former set is restored.
    pub(super) async fn sync(
        &mut self,
        interfaces: &Interfaces,
        specs: Vec<PeerSpec>,
        endpoints: &Endpoints,
    ) -> Result<(SyncReport, Handshakes), WgError> {
        let mut next = self.set.emptied();
        for spec in specs {
            next.insert_new(spec)?;
        }
        let (mut put, mut removed, mut handshakes) = (HashSet::new(), HashSet::new(), Handshakes::default());
        let mut plans = PerLane::default();
        for lane in Lane::ALL {
            let before = (!self.needs_repair(lane)).then_some(&self.set);
            match plan(interfaces, lane, &next, before, endpoints.of(lane)).await {
                Ok(plan) => *plans.of_mut(lane) = plan,
                Err(error) => return Err(lane_failed(lane, &error)),
            }
        }
        let done = on_both(interfaces, |lane, interface| {
            let plan = plans.of(lane).clone();
            async move {
                let done = apply(&plan, &*interface).await;
                fault_point("sync.lane");
                done
            }
        });
        for (lane, done) in done.await {
            if let Err(error) = done {
                for lane in Lane::ALL {
                    *self.needs_repair.of_mut(lane) = true;
                    drop(self.repair(interfaces, lane, endpoints).await);
                }
                return Err(lane_failed(lane, &error));
            }
            let plan = std::mem::take(plans.of_mut(lane));
            put.extend(plan.put.iter().map(|peer| peer.public_key));
            removed.extend(plan.removed);
            *handshakes.of_mut(lane) = plan.handshakes;
        }
        let report = SyncReport { put: put.len(), removed: removed.len(), kept: next.len() - put.len() };
        *self = Self::new(next);
        Ok((report, handshakes))
    }

    /// Applies the desired set to a lane, whatever the lane holds. Returns the peers with which handshakes are to be
    /// started.
    pub(super) async fn repair(
        &mut self,
        interfaces: &Interfaces,
        lane: Lane,
        endpoints: &Endpoints,
    ) -> Result<Vec<PublicKey>, BackendError> {
        let plan = plan(interfaces, lane, &self.set, None, endpoints.of(lane)).await?;
        apply(&plan, &**interfaces.of(lane)).await?;
        *self.needs_repair.of_mut(lane) = false;
        Ok(plan.handshakes)
    }
}

async fn plan(
    interfaces: &Interfaces,
    lane: Lane,
    set: &PeerSet,
    before: Option<&PeerSet>,
    endpoints: &LaneEndpoints,
) -> Result<Plan, BackendError> {
    let present = interfaces.of(lane).peers().await?.into_iter().map(|peer| peer.public_key).collect();
    Ok(set.plan(lane, &present, before, endpoints))
}

async fn apply(plan: &Plan, interface: &dyn Interface) -> Result<(), BackendError> {
    interface.remove_peers(&plan.removed).await?;
    if let Some(canary) = &plan.canary {
        interface.put_peers(std::slice::from_ref(canary)).await?;
    }
    interface.put_peers(&plan.put).await
}

/// Runs `work` for each lane in its own task, because each userspace interface can use its own processor. Waits for
/// both and returns the results in the order of [`Lane::ALL`].
async fn on_both<T, F>(
    interfaces: &Interfaces,
    work: impl Fn(Lane, Arc<dyn Interface>) -> F,
) -> Vec<(Lane, Result<T, BackendError>)>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BackendError>> + Send + 'static,
{
    let running = Lane::ALL.map(|lane| {
        let work = work(lane, interfaces.of(lane).clone());
        (lane, tokio::spawn(RequestId::inherit(work)))
    });
    let mut done = Vec::new();
    for (lane, task) in running {
        let ended = |error: tokio::task::JoinError| {
            let interface = format!("the {lane} lane");
            Err(BackendError::Refused { interface, detail: format!("a task failed: {error}") })
        };
        done.push((lane, task.await.unwrap_or_else(ended)));
    }
    done
}

/// The error for a lane that could not be changed.
pub(super) fn lane_failed(lane: Lane, error: &(impl std::fmt::Display + ?Sized)) -> WgError {
    WgError::LaneFailed { lane, detail: error.to_string() }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
