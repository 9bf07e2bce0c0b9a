//! A [`crate::LaneSwitch`] that remembers what it was told.

use crate::lanes::{LaneSwitch, SeenLane, SwitchError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tornado_mesh::wg::TorLane;
use uuid::Uuid;

/// Stands for service `wg` in tests.
#[derive(Debug)]
pub struct FakeSwitch(Mutex<State>);

#[derive(Debug)]
struct State {
    boot_id: Uuid,
    lane: TorLane,
    told: Vec<TorLane>,
    broken: bool,
}

impl Default for FakeSwitch {
    fn default() -> Self {
        Self(Mutex::new(State { boot_id: Uuid::new_v4(), lane: TorLane::Closed, told: Vec::new(), broken: false }))
    }
}

impl FakeSwitch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything it was told, in order.
    #[must_use]
    pub fn told(&self) -> Vec<TorLane> {
        self.state().told.clone()
    }

    /// The state of its lane.
    #[must_use]
    pub fn lane(&self) -> TorLane {
        self.state().lane
    }

    /// Another life, as after a restart: closed.
    pub fn restart(&self) {
        let mut state = self.state();
        state.boot_id = Uuid::new_v4();
        state.lane = TorLane::Closed;
    }

    /// Somebody else changes the lane.
    pub fn meddle(&self, lane: TorLane) {
        self.state().lane = lane;
    }

    /// From now on it fails, or works again.
    pub fn break_down(&self, broken: bool) {
        self.state().broken = broken;
    }
}

#[async_trait::async_trait]
impl LaneSwitch for FakeSwitch {
    async fn set(&self, lane: TorLane) -> Result<(), SwitchError> {
        let mut state = self.state();
        if state.broken {
            return Err(SwitchError("broken".into()));
        }
        state.told.push(lane);
        state.lane = lane;
        Ok(())
    }

    async fn look(&self) -> Result<SeenLane, SwitchError> {
        let state = self.state();
        if state.broken {
            return Err(SwitchError("broken".into()));
        }
        Ok(SeenLane { boot_id: state.boot_id, lane: state.lane })
    }
}
