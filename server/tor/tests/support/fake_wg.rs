//! Service `wg` as far as service `tor` uses it: it records the states of the lane that it was set to.

use parking_lot::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::watch;
use tornado_contracts::wg::{
    Backend, CanaryStatus, KnownStatus, SetTorLane, TorExits, TorLane, TorLaneReason, WgError, WgStatus,
};
use tornado_e2e_support::WgCalls;
use tornado_rpc::{Done, Fault, NoInput};
use uuid::Uuid;

/// A test double of service `wg`.
#[derive(Debug)]
pub struct FakeWg {
    state: Mutex<State>,
    /// Increases with each change.
    revision: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    boot_id: Uuid,
    lane: SetTorLane,
    history: Vec<TorLane>,
    is_failing: bool,
}

impl Default for FakeWg {
    fn default() -> Self {
        let lane = TorLane::Closed.into();
        let state = State { boot_id: Uuid::new_v4(), lane, history: Vec::new(), is_failing: false };
        Self { state: Mutex::new(state), revision: watch::Sender::new(0) }
    }
}

impl FakeWg {
    /// The state; fails if every call should fail.
    fn state(&self) -> Result<MutexGuard<'_, State>, WgError> {
        let state = self.state.lock();
        if state.is_failing { Err(Fault::Unavailable("a test".into()).into()) } else { Ok(state) }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// Every lane state that was set, in order. Calls that changed only the exit countries are left out.
    pub fn history(&self) -> Vec<TorLane> {
        self.state.lock().history.clone()
    }

    /// The current state of the lane.
    pub fn lane(&self) -> TorLane {
        self.state.lock().lane.lane
    }

    /// The open exit countries.
    pub fn exits(&self) -> TorExits {
        self.state.lock().lane.exits.clone()
    }

    /// Simulates a restart: a new boot id and a closed lane.
    pub fn restart(&self) {
        self.change(|state| {
            state.boot_id = Uuid::new_v4();
            state.lane = TorLane::Closed.into();
        });
    }

    /// Simulates another caller that changes the lane.
    pub fn change_lane(&self, lane: TorLane) {
        self.change(|state| state.lane.lane = lane);
    }

    /// Makes every call fail, or work again.
    pub fn set_failing(&self, is_failing: bool) {
        self.change(|state| state.is_failing = is_failing);
    }
}

#[async_trait::async_trait]
impl WgCalls for FakeWg {
    async fn set_tor_lane(&self, desired: SetTorLane) -> Result<Done, WgError> {
        drop(self.state()?);
        self.change(|state| {
            if state.history.last() != Some(&desired.lane) || state.lane.exits == desired.exits {
                state.history.push(desired.lane);
            }
            state.lane = desired;
        });
        Ok(Done {})
    }

    async fn next_status(&self, known: KnownStatus) -> Result<WgStatus, WgError> {
        drop(self.state()?);
        let mut revision = self.revision.subscribe();
        let changed = revision.wait_for(|revision| *revision != known.revision);
        drop(tokio::time::timeout(Duration::from_millis(known.hold_ms), changed).await);
        self.status(NoInput {}).await
    }

    async fn status(&self, _: NoInput) -> Result<WgStatus, WgError> {
        let (state, revision) = (self.state()?, *self.revision.borrow());
        Ok(WgStatus {
            boot_id: state.boot_id,
            revision,
            synced: true,
            backend: Backend::Userspace,
            lanes: Vec::new(),
            peers: 0,
            firewall_verified: true,
            tor_lane: state.lane.lane,
            tor_exits: state.lane.exits.clone(),
            tor_lane_reason: TorLaneReason::Requested,
            canary: CanaryStatus::default(),
            over_flow_limit: Vec::new(),
        })
    }
}
