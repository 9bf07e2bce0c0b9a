//! Watches the lanes' interfaces and recreates a removed one with its peers.

use super::registry::{Desired, Registry};
use crate::interfaces::{Absent, BackendError, Factory};
use crate::model::PerLane;
use crate::pace;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_shared::model::Lane;

/// Interval of the rounds.
const INTERVAL: Duration = Duration::from_secs(1);
/// An interface is checked without a notification in every fifth round.
const ROUNDS_WITHOUT_NOTICE: u32 = 5;

pub(crate) struct Reconciler {
    pub(crate) factory: Arc<Factory>,
    pub(crate) registry: Arc<Registry>,
}

/// The latest error per lane, so that a repeated error is logged once.
type LastErrors = PerLane<Option<String>>;

impl Reconciler {
    /// Watches the interfaces until `shutdown` and recreates a removed one with its peers. If the kernel `notifies` of
    /// changes, a round checks the interfaces only after a change and in every fifth round; otherwise in every round.
    pub(crate) async fn watch(self, notifies: bool, shutdown: CancellationToken) {
        let wakes = &self.registry.shared().wakes;
        let (mut quiet, mut errors) = (0, LastErrors::default());
        while pace::again(&shutdown, &wakes.interfaces, INTERVAL).await {
            quiet += 1;
            if !notifies || quiet >= ROUNDS_WITHOUT_NOTICE || wakes.take_changed_links() {
                quiet = 0;
                self.check(&mut *self.registry.lock().await, &mut errors).await;
            }
        }
    }

    async fn check(&self, desired: &mut Desired, errors: &mut LastErrors) {
        let interfaces = self.registry.shared().status.interfaces().await;
        for lane in Lane::ALL {
            match interfaces.of(lane).alive().await {
                Ok(()) if desired.peers.needs_repair(lane) => {
                    self.registry.shared().wakes.note_changed_links();
                    self.repair(desired, lane).await;
                }
                Ok(()) => {}
                Err(BackendError::Gone(_)) => self.recreate(desired, lane, errors.of_mut(lane)).await,
                // An unknown state is no reason to cut running tunnels.
                Err(error) => tracing::warn!(%lane, %error, "could not check a lane's interface"),
            }
        }
    }

    async fn recreate(&self, desired: &mut Desired, lane: Lane, last_error: &mut Option<String>) {
        let shared = self.registry.shared();
        // Retry in every round until the interface is back.
        shared.wakes.note_changed_links();
        let old = {
            let mut state = shared.status.lock().await;
            if *state.up.of(lane) {
                tracing::error!(%lane, "a lane's interface was removed; recreating it");
            }
            *state.up.of_mut(lane) = false;
            shared.status.report_readiness(&state);
            let absent = Arc::new(Absent(self.factory.config().interface(lane).to_owned()));
            std::mem::replace(state.interfaces.of_mut(lane), absent)
        };
        old.close().await;
        match self.factory.open(lane).await {
            Ok(interface) => {
                {
                    let mut state = shared.status.lock().await;
                    *state.interfaces.of_mut(lane) = interface;
                    *state.up.of_mut(lane) = true;
                }
                *last_error = None;
                self.repair(desired, lane).await;
                tracing::info!(%lane, "recreated the lane's interface");
            }
            Err(error) => {
                let text = Some(error.to_string());
                if *last_error != text {
                    tracing::error!(%lane, %error, "could not create the lane's interface; retrying");
                    *last_error = text;
                }
            }
        }
        shared.status.report_readiness(&*shared.status.lock().await);
    }

    async fn repair(&self, desired: &mut Desired, lane: Lane) {
        let (interfaces, synced) = {
            let state = self.registry.shared().status.lock().await;
            (state.interfaces.clone(), state.synced)
        };
        if !synced {
            return;
        }
        match desired.peers.repair(&interfaces, lane, &desired.endpoints).await {
            Ok(keys) => self.registry.start_handshakes(&interfaces, lane, keys),
            Err(error) => tracing::warn!(%lane, %error, "could not restore the lane's peers; retrying"),
        }
    }
}
