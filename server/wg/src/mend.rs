//! Watches the interfaces: one that was taken away is made anew, with its peers.

use crate::backend::{Absent, BackendError};
use crate::pace;
use crate::service::{PeerState, Service};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_shared::model::Lane;

/// How often the interfaces are looked at when one of the host changed.
const WATCH: Duration = Duration::from_secs(1);
/// In one of so many rounds they are looked at without a notification.
const UNASKED: u32 = 5;

impl Service {
    /// Watches the interfaces until `shutdown`: one that was taken away is created again with its peers. Every round
    /// looks at them unless the kernel `notifies` of changes.
    pub(crate) async fn watch_lanes(&self, notifies: bool, shutdown: &CancellationToken) {
        let mut quiet = 0;
        while pace::again(shutdown, &self.wake, WATCH).await {
            quiet += 1;
            if !notifies || quiet >= UNASKED || self.has_changed_links.swap(false, Ordering::SeqCst) {
                quiet = 0;
                self.look(&mut *self.peers.lock().await).await;
            }
        }
    }

    /// Lets the lanes be looked at now.
    pub(crate) fn look_soon(&self) {
        self.has_changed_links.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    async fn look(&self, peers: &mut PeerState) {
        let lanes = self.lanes().await;
        for lane in Lane::ALL {
            match lanes.of(lane).alive().await {
                Ok(()) if peers.peers.is_doubtful(lane) => {
                    self.has_changed_links.store(true, Ordering::SeqCst);
                    self.repair(peers, lane).await;
                }
                Ok(()) => {}
                Err(BackendError::Gone(_)) => self.restore(peers, lane).await,
                // Not knowing is no reason to cut live tunnels.
                Err(error) => tracing::warn!(%lane, %error, "a lane could not be looked at"),
            }
        }
    }

    async fn restore(&self, peers: &mut PeerState, lane: Lane) {
        // Until it is back it is tried in each round.
        self.has_changed_links.store(true, Ordering::SeqCst);
        let old = {
            let mut state = self.state.lock().await;
            if *state.up.of(lane) {
                tracing::error!(%lane, "a lane's interface was taken away; making it anew");
            }
            *state.up.of_mut(lane) = false;
            self.tell_readiness(&state);
            let absent = Arc::new(Absent(self.factory.config().interface(lane).to_owned()));
            std::mem::replace(state.lanes.of_mut(lane), absent)
        };
        old.close().await;
        match self.factory.open(lane).await {
            Ok(interface) => {
                {
                    let mut state = self.state.lock().await;
                    *state.lanes.of_mut(lane) = interface;
                    *state.up.of_mut(lane) = true;
                }
                *peers.complaint.of_mut(lane) = None;
                self.repair(peers, lane).await;
                tracing::info!(%lane, "the lane's interface is back");
            }
            Err(error) => {
                let said = Some(error.to_string());
                if *peers.complaint.of(lane) != said {
                    tracing::error!(%lane, %error, "the lane's interface cannot be made; trying on");
                    *peers.complaint.of_mut(lane) = said;
                }
            }
        }
        self.tell_readiness(&*self.state.lock().await);
    }

    async fn repair(&self, state: &mut PeerState, lane: Lane) {
        let (lanes, synced) = {
            let state = self.state.lock().await;
            (state.lanes.clone(), state.synced)
        };
        if !synced {
            return;
        }
        match state.peers.repair(&lanes, lane, &state.endpoints).await {
            Ok(keys) => self.call(&lanes, lane, keys),
            Err(error) => tracing::warn!(%lane, %error, "the lane's peers could not be put back; trying on"),
        }
    }
}
