//! The state behind `status`, with a revision by which callers wait for a change.

use crate::lane::PerLane;
use crate::service::State;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::{SetTorLane, TorLaneReason};

/// Longest time that a response is held.
const LONGEST_HOLD: Duration = Duration::from_secs(10);

/// The state. Its revision grows when a dropped guard changed something that callers wait for.
pub(crate) struct Shown {
    state: Mutex<State>,
    revision: watch::Sender<u64>,
}

/// The part of the state that callers wait for.
#[derive(PartialEq, Eq)]
struct Gist {
    up: PerLane<bool>,
    synced: bool,
    firewall_verified: bool,
    tor_lane: SetTorLane,
    reason: TorLaneReason,
    alarms: u64,
}

impl Gist {
    fn of(state: &State) -> Self {
        Self {
            up: state.up,
            synced: state.synced,
            firewall_verified: state.firewall_verified,
            tor_lane: state.tor_lane.clone(),
            reason: state.control.reason,
            alarms: state.canary.alarms,
        }
    }
}

/// The locked state.
pub(crate) struct Guard<'a> {
    state: MutexGuard<'a, State>,
    revision: &'a watch::Sender<u64>,
    /// Taken before the first change through this guard.
    before: Option<Gist>,
}

impl Shown {
    pub(crate) fn new(state: State) -> Self {
        Self { state: Mutex::new(state), revision: watch::Sender::new(0) }
    }

    pub(crate) async fn lock(&self) -> Guard<'_> {
        Guard { state: self.state.lock().await, revision: &self.revision, before: None }
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
            self.before = Some(Gist::of(&self.state));
        }
        &mut self.state
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.before.as_ref().is_some_and(|before| *before != Gist::of(&self.state)) {
            self.revision.send_modify(|revision| *revision += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{Absent, Interface};
    use crate::tor_lane::LaneControl;
    use std::sync::Arc;
    use tornado_contracts::wg::{CanaryStatus, TorLane};

    fn shown() -> Shown {
        let absent = || -> Arc<dyn Interface> { Arc::new(Absent("wg".into())) };
        Shown::new(State {
            lanes: PerLane { direct: absent(), tor: absent() },
            up: PerLane::default(),
            synced: false,
            peers: 0,
            firewall_verified: false,
            tor_lane: TorLane::Closed.into(),
            control: LaneControl::default(),
            canary: CanaryStatus::default(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_waits_is_woken_by_what_it_waits_for() {
        let (shown, never) = (shown(), CancellationToken::new());
        let hold = Duration::from_secs(3600);
        let began = tokio::time::Instant::now();
        let change = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            // Neither a read nor the number of peers counts as a change.
            assert!(!shown.lock().await.synced);
            shown.lock().await.peers = 7;
            tokio::time::sleep(Duration::from_secs(2)).await;
            shown.lock().await.synced = true;
        };
        tokio::join!(shown.changed(0, hold, &never), change);
        assert_eq!((began.elapsed(), shown.revision()), (Duration::from_secs(4), 1));
        // A missed change is reported at once. Without a change the response is held for ten seconds at most, and not
        // at all during shutdown.
        shown.changed(0, hold, &never).await;
        assert_eq!(began.elapsed(), Duration::from_secs(4));
        shown.changed(1, hold, &never).await;
        assert_eq!(began.elapsed(), Duration::from_secs(14));
        never.cancel();
        shown.changed(1, hold, &never).await;
        assert_eq!(began.elapsed(), Duration::from_secs(14));
    }
}
