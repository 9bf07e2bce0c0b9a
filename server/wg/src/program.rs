//! Replaces all peers, with everything that depends on a peer.

use crate::firewall::IsolationMap;
use crate::service::{PeerState, Service};
use std::net::IpAddr;
use tornado_contracts::wg::{PeerSpec, SyncReport, WgError};
use tornado_shared::model::{Lane, Slot};

impl Service {
    /// Replaces the desired set of peers. `status` responds while this runs.
    pub(crate) async fn sync(&self, specs: Vec<PeerSpec>) -> Result<SyncReport, WgError> {
        let mut guard = self.peers.lock().await;
        let PeerState { peers, endpoints, .. } = &mut *guard;
        let lanes = self.lanes().await;
        let (report, calls) = match peers.sync(&lanes, specs, endpoints).await {
            Ok(done) => done,
            Err(error) => {
                self.look_soon();
                return Err(error);
            }
        };
        let wanted = peers.isolation();
        let gone = self.firewall.isolated().await.into_iter().filter(|a| !wanted.contains_key(a)).collect();
        self.tidy_isolation(wanted, gone).await;
        self.end_flows_of_nobody(peers.owned()).await;
        for lane in Lane::ALL {
            self.call(&lanes, lane, calls.of(lane).clone());
            endpoints.update(lane, [], |key| peers.contains(key));
        }
        let mut state = self.state.lock().await;
        state.synced = true;
        state.peers = peers.len();
        self.tell_readiness(&state);
        Ok(report)
    }

    /// Ends tracked flows of pool addresses without a peer: those of peers that this process or an earlier one removed.
    async fn end_flows_of_nobody(&self, owned: std::collections::HashSet<IpAddr>) {
        let pools = self.factory.config().pools;
        let own = Lane::ALL.into_iter().flat_map(|lane| {
            let pool = *pools.of(lane);
            [Slot::SERVER, pools.canary_slot()].into_iter().filter_map(move |slot| pool.addresses(slot))
        });
        let own: Vec<IpAddr> = own.flat_map(|a| [IpAddr::V4(a.v4), IpAddr::V6(a.v6)]).collect();
        let in_pools = self.in_pools();
        self.flows.end_where(move |a| in_pools(a) && !owned.contains(&a) && !own.contains(&a)).await;
    }

    /// Returns a predicate that is true for addresses of the pools.
    pub(crate) fn in_pools(&self) -> impl Fn(IpAddr) -> bool + Send + Sync + use<> {
        let pools = self.factory.config().pools;
        move |address: IpAddr| match address {
            IpAddr::V4(a) => Lane::ALL.into_iter().any(|lane| pools.of(lane).v4.contains(&a)),
            IpAddr::V6(a) => Lane::ALL.into_iter().any(|lane| pools.of(lane).v6.contains(&a)),
        }
    }

    /// Resets the connections between Tor and removed devices, so that Tor transfers no more data for them.
    pub(crate) fn end_connections(&self, isolation: &IsolationMap) {
        let seen: Vec<IpAddr> =
            isolation.iter().map(|(device, number)| self.firewall.seen_as(*device, *number)).collect();
        if seen.is_empty() {
            return;
        }
        match tornado_sockets::end_tcp_between(|_, remote| seen.contains(&remote.ip())) {
            Ok(ended) => tracing::debug!(ended, "reset the connections of a device to Tor"),
            Err(error) => tracing::warn!(%error, "could not reset the connections of a device to Tor"),
        }
    }
}
