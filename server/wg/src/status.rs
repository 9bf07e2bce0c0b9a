//! The state behind `status`, with a revision by which callers wait for a change.

use crate::interfaces::Interfaces;
use crate::model::PerLane;
use crate::tor_lane::LaneControl;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::{CanaryStatus, SetTorLane, TorLaneReason};
use tornado_runtime::ReadySetter;

/// Longest time that a response is held.
const LONGEST_HOLD: Duration = Duration::from_secs(10);

/// The state that `status` reports.
pub(crate) struct State {
    /// The current interfaces. Changed only by the holder of the peers' lock.
    pub(crate) interfaces: Interfaces,
    pub(crate) up: PerLane<bool>,
    pub(crate) synced: bool,
    /// Number of peers in the desired set.
    pub(crate) peers: usize,
    pub(crate) firewall_verified: bool,
    pub(crate) tor_lane: LaneControl,
    pub(crate) canary: CanaryStatus,
}

impl State {
    /// Both lanes are down, and the tor lane is closed.
    pub(crate) fn new(interfaces: Interfaces) -> Self {
        Self {
            interfaces,
            up: PerLane::default(),
            synced: false,
            peers: 0,
            firewall_verified: false,
            tor_lane: LaneControl::default(),
            canary: CanaryStatus::default(),
        }
    }
}

/// The locked state, never held while peers are changed. Its revision grows when a dropped guard changed something that
/// callers wait for.
pub(crate) struct Status {
    state: Mutex<State>,
    revision: watch::Sender<u64>,
    ready: ReadySetter,
}

/// The part of the state that callers wait for.
type Watched = (PerLane<bool>, bool, bool, SetTorLane, TorLaneReason, u64);

fn watched(state: &State) -> Watched {
    let lane = &state.tor_lane;
    let (actual, reason) = (lane.actual().clone(), lane.reason());
    (state.up, state.synced, state.firewall_verified, actual, reason, state.canary.alarms)
}

/// The locked state.
pub(crate) struct Guard<'a> {
    state: MutexGuard<'a, State>,
    revision: &'a watch::Sender<u64>,
    /// Taken before the first change through this guard.
    before: Option<Watched>,
}

impl Status {
    pub(crate) fn new(state: State, ready: ReadySetter) -> Self {
        Self { state: Mutex::new(state), revision: watch::Sender::new(0), ready }
    }

    pub(crate) async fn lock(&self) -> Guard<'_> {
        Guard { state: self.state.lock().await, revision: &self.revision, before: None }
    }

    /// Reads the state unless it is locked.
    pub(crate) fn try_read<T>(&self, read: impl FnOnce(&State) -> T) -> Option<T> {
        self.state.try_lock().ok().map(|state| read(&state))
    }

    /// The current interfaces of both lanes.
    pub(crate) async fn interfaces(&self) -> Interfaces {
        self.lock().await.interfaces.clone()
    }

    /// Sets the service's readiness from the state.
    pub(crate) fn report_readiness(&self, state: &State) {
        if !state.synced {
            self.ready.not_ready("waiting for the first sync of the peers");
        } else if state.up == (PerLane { direct: true, tor: true }) {
            self.ready.ready();
        } else {
            self.ready.not_ready("a lane's interface was removed and is being recreated");
        }
    }

    pub(crate) fn report_stopping(&self) {
        self.ready.not_ready("stopping");
    }

    pub(crate) fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    /// Waits until the revision differs from `known`, at most for `hold`, or until `stopping`.
    pub(crate) async fn changed(&self, known: u64, hold: Duration, stopping: &CancellationToken) {
        let mut revision = self.revision.subscribe();
        tokio::select! {
            _ = revision.wait_for(|now| *now != known) => {}
            () = tokio::time::sleep(hold.min(LONGEST_HOLD)) => {}
            () = stopping.cancelled() => {}
        }
    }
}

impl Deref for Guard<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Guard<'_> {
    fn deref_mut(&mut self) -> &mut State {
        if self.before.is_none() {
            self.before = Some(watched(&self.state));
        }
        &mut self.state
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.before.as_ref().is_some_and(|before| *before != watched(&self.state)) {
            self.revision.send_modify(|revision| *revision += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interfaces::{Absent, Interface};
    use std::sync::Arc;
    use tornado_runtime::Readiness;

    fn status() -> Status {
        let absent = || -> Arc<dyn Interface> { Arc::new(Absent("wg".into())) };
        Status::new(State::new(PerLane { direct: absent(), tor: absent() }), Readiness::new("starting").0)
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_caller_is_woken_by_a_relevant_change() {
        let (status, never) = (status(), CancellationToken::new());
        let hold = Duration::from_secs(3600);
        let began = tokio::time::Instant::now();
        let change = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            // Neither a read nor the number of peers counts as a change.
            assert!(!status.lock().await.synced);
            status.lock().await.peers = 7;
            tokio::time::sleep(Duration::from_secs(2)).await;
            status.lock().await.synced = true;
        };
        tokio::join!(status.changed(0, hold, &never), change);
        assert_eq!((began.elapsed(), status.revision()), (Duration::from_secs(4), 1));
        // A missed change is reported at once. Without a change the response is held for ten seconds at most, and not
        // at all during shutdown.
        status.changed(0, hold, &never).await;
        assert_eq!(began.elapsed(), Duration::from_secs(4));
        status.changed(1, hold, &never).await;
        assert_eq!(began.elapsed(), Duration::from_secs(14));
        never.cancel();
        status.changed(1, hold, &never).await;
        assert_eq!(began.elapsed(), Duration::from_secs(14));
    }
}
