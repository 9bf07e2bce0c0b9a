//! Watches the lanes' interfaces and recreates a removed one with its peers.

use crate::backend::{Absent, BackendError};
use crate::pace;
use crate::service::{PeerState, Service};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_shared::model::Lane;

/// Interval of the rounds.
const WATCH: Duration = Duration::from_secs(1);
/// An interface is checked without a notification in every fifth round.
const UNASKED: u32 = 5;

impl Service {
    /// Watches the interfaces until `shutdown` and recreates a removed one with its peers. If the kernel `notifies` of
    /// changes, a round checks the interfaces only after a change and in every fifth round; otherwise in every round.
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

    /// Requests a check of the interfaces now.
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
                // An unknown state is no reason to cut running tunnels.
                Err(error) => tracing::warn!(%lane, %error, "could not check a lane's interface"),
            }
        }
    }

    async fn restore(&self, peers: &mut PeerState, lane: Lane) {
        // Retry in every round until the interface is back.
        self.has_changed_links.store(true, Ordering::SeqCst);
        let old = {
            let mut state = self.state.lock().await;
            if *state.up.of(lane) {
                tracing::error!(%lane, "a lane's interface was removed; recreating it");
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
                tracing::info!(%lane, "recreated the lane's interface");
            }
            Err(error) => {
                let said = Some(error.to_string());
                if *peers.complaint.of(lane) != said {
                    tracing::error!(%lane, %error, "could not create the lane's interface; retrying");
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
            Err(error) => tracing::warn!(%lane, %error, "could not restore the lane's peers; retrying"),
        }
    }
}
