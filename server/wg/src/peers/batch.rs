//! Changes many peers in one step, so that devices that connect at the same time share the cost.

use super::both::on_both;
use super::{Interfaces, Peers, addresses, lane_failed, lane_peer};
use crate::backend::BackendError;
use std::collections::HashSet;
use tornado_contracts::wg::{PeerSpec, Removed, WgError};
use tornado_rpc::Fault;
use tornado_runtime::trial::fault_point;
use tornado_shared::model::{Lane, PublicKey};

impl Peers {
    /// Selects the `specs` for one step: at most `most` of them, each key and each address once. Returns a verdict for
    /// each spec, in order.
    pub(crate) fn pick<'a>(&self, specs: impl Iterator<Item = &'a PeerSpec>, most: usize) -> Vec<Pick> {
        let (mut keys, mut taken, mut count) = (HashSet::new(), HashSet::new(), 0);
        let one = |spec: &PeerSpec| {
            if count == most || keys.contains(&spec.public_key) || addresses(spec).iter().any(|a| taken.contains(a)) {
                return Pick::Later;
            }
            if let Err(error) = self.may_put(spec) {
                return Pick::Never(error);
            }
            count += 1;
            keys.insert(spec.public_key);
            taken.extend(addresses(spec));
            Pick::Now
        };
        specs.map(one).collect()
    }

    /// Adds peers selected by [`Peers::pick`] to both lanes. If one lane fails, both are restored.
    pub(crate) async fn put_all(&mut self, lanes: &Interfaces, specs: Vec<PeerSpec>) -> Result<(), WgError> {
        let done = on_both(lanes, |lane, interface| {
            let peers: Vec<_> = specs.iter().map(|spec| lane_peer(spec, lane, None)).collect();
            async move {
                fault_point("put.lane");
                interface.put_peers(&peers).await
            }
        });
        if let Some((lane, Err(error))) = done.await.into_iter().find(|(_, done)| done.is_err()) {
            self.undo(lanes, &specs).await;
            return Err(lane_failed(lane, &error));
        }
        for spec in specs {
            self.forget(&spec.public_key);
            self.remember(spec);
        }
        Ok(())
    }

    /// Removes peers from both lanes. `keys` must not contain duplicates. Returns their counters in the same order.
    ///
    /// The peers are gone from the desired set even if a lane fails; a later repair of that lane removes them from it.
    pub(crate) async fn remove_all(&mut self, lanes: &Interfaces, keys: &[PublicKey]) -> Result<Vec<Removed>, WgError> {
        let mut removed = vec![Removed::default(); keys.len()];
        let (places, mine): (Vec<_>, Vec<_>) =
            keys.iter().copied().enumerate().filter(|(_, key)| !self.is_canary(key)).unzip();
        for key in &mine {
            self.forget(key);
        }
        if mine.is_empty() {
            return Ok(removed);
        }
        let done = on_both(lanes, |_, interface| {
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
                    *self.doubtful.of_mut(lane) = true;
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
    async fn undo(&mut self, lanes: &Interfaces, specs: &[PeerSpec]) {
        let (known, new): (Vec<_>, Vec<_>) = specs.iter().partition(|spec| self.contains(&spec.public_key));
        let known: Vec<_> = known.iter().filter_map(|spec| self.wanted.get(&spec.public_key)).collect();
        let new: Vec<PublicKey> = new.iter().map(|spec| spec.public_key).collect();
        for lane in Lane::ALL {
            let (interface, doubtful) = (lanes.of(lane), self.doubtful.of_mut(lane));
            let before: Vec<_> = known.iter().map(|spec| lane_peer(spec, lane, None)).collect();
            let undone = async {
                if !before.is_empty() {
                    interface.put_peers(&before).await?;
                }
                if !new.is_empty() {
                    interface.remove_peers(&new).await?;
                }
                Ok::<_, crate::BackendError>(())
            };
            if let Err(error) = undone.await {
                tracing::warn!(%lane, %error, "could not restore a lane after a failed change; repairing it later");
                *doubtful = true;
            }
        }
    }
}

/// Verdict on one peer of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Goes into this step.
    Now,
    /// Goes into a later step.
    Later,
    /// Is rejected.
    Never(WgError),
}
