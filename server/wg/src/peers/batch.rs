//! Many peers in one step: devices that connect at the same time share the cost.

use super::{Interfaces, Peers, addresses, lane_failed, lane_peer};
use std::collections::HashSet;
use tornado_mesh::wg::{PeerSpec, WgError};
use tornado_shared::model::{Lane, PublicKey};

impl Peers {
    /// Picks those of `specs` that can be put in one step, at most `most`: each key and each address once. Says for
    /// each place in `specs` whether it goes now, later, or never.
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

    /// Programs peers that [`Peers::pick`] picked on both lanes; if one lane refuses, both are put back.
    pub(crate) async fn put_all(&mut self, lanes: &Interfaces, specs: Vec<PeerSpec>) -> Result<(), WgError> {
        for lane in Lane::ALL {
            tornado_mesh::trial::fault_point("put.lane");
            let peers: Vec<_> = specs.iter().map(|spec| lane_peer(spec, lane, None)).collect();
            if let Err(error) = lanes.of(lane).put_peers(&peers).await {
                self.undo(lanes, lane, &specs).await;
                return Err(lane_failed(lane, &error));
            }
        }
        for spec in specs {
            self.forget(&spec.public_key);
            self.remember(spec);
        }
        Ok(())
    }

    /// Puts back what was before on the lane that failed and those before it.
    async fn undo(&mut self, lanes: &Interfaces, failed: Lane, specs: &[PeerSpec]) {
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
                tracing::warn!(%lane, %error, "a lane could not be put back at once; it will be repaired");
                *doubtful = true;
            }
            if lane == failed {
                break;
            }
        }
    }
}

/// What is done with one of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pick {
    /// In this step.
    Now,
    /// In a step after this one.
    Later,
    /// Not at all.
    Never(WgError),
}
