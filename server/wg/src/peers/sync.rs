//! Replaces all peers, with everything that depends on a peer.

use super::registry::{Desired, Registry};
use std::collections::HashSet;
use std::net::IpAddr;
use tornado_contracts::wg::{PeerSpec, SyncReport, WgError};
use tornado_shared::model::{Lane, Slot};

impl Registry {
    /// Replaces the desired set of peers. `status` responds while this runs.
    pub(crate) async fn sync_peers(&self, specs: Vec<PeerSpec>) -> Result<SyncReport, WgError> {
        let shared = self.shared();
        let mut desired = self.lock().await;
        let Desired { peers, endpoints } = &mut *desired;
        let interfaces = shared.status.interfaces().await;
        let synced = peers.sync(&interfaces, specs, endpoints).await;
        let (report, handshakes) = synced.inspect_err(|_| shared.wakes.check_interfaces())?;
        let assignments = peers.set().assignments();
        let gone = shared.firewall.assigned().await.into_iter().filter(|a| !assignments.contains_key(a)).collect();
        self.assign(assignments, gone).await;
        self.end_unowned_flows(peers.set().owned()).await;
        for lane in Lane::ALL {
            self.start_handshakes(&interfaces, lane, handshakes.of(lane).clone());
            endpoints.update(lane, [], |key| peers.set().contains(key));
        }
        let mut state = shared.status.lock().await;
        state.synced = true;
        state.peers = peers.set().len();
        shared.status.report_readiness(&state);
        Ok(report)
    }

    /// Ends tracked flows of pool addresses without a peer: those of peers that this process or an earlier one removed.
    async fn end_unowned_flows(&self, owned: HashSet<IpAddr>) {
        let pools = *self.pools();
        let own = Lane::ALL.into_iter().flat_map(|lane| {
            let pool = *pools.of(lane);
            [Slot::SERVER, pools.canary_slot()].into_iter().filter_map(move |slot| pool.addresses(slot))
        });
        let own: Vec<IpAddr> = own.flat_map(|a| [IpAddr::V4(a.v4), IpAddr::V6(a.v6)]).collect();
        let in_pools = self.in_pools();
        self.flows().end_where(move |a| in_pools(a) && !owned.contains(&a) && !own.contains(&a)).await;
    }
}
