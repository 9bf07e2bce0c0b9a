//! A [`crate::LaneSwitch`] that remembers what it was told.

use crate::lanes::{LaneSwitch, SeenLane, SwitchError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tornado_mesh::wg::{SetTorLane, TorExits, TorLane};
use uuid::Uuid;

/// Stands for service `wg` in tests.
#[derive(Debug)]
pub struct FakeSwitch(Mutex<State>);

#[derive(Debug)]
struct State {
    boot_id: Uuid,
    lane: TorLane,
    exits: TorExits,
    told: Vec<TorLane>,
    broken: bool,
}

impl Default for FakeSwitch {
    fn default() -> Self {
        Self(Mutex::new(State {
            boot_id: Uuid::new_v4(),
            lane: TorLane::Closed,
            exits: TorExits::new(),
            told: Vec::new(),
            broken: false,
        }))
    }
}

impl FakeSwitch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every state it was told, in order; not what concerns exit countries alone.
    #[must_use]
    pub fn told(&self) -> Vec<TorLane> {
        self.state().told.clone()
    }

    /// The state of its lane.
    #[must_use]
    pub fn lane(&self) -> TorLane {
        self.state().lane
    }

    /// Its exit countries.
    #[must_use]
    pub fn exits(&self) -> TorExits {
        self.state().exits.clone()
    }

    /// Another life, as after a restart: closed.
    pub fn restart(&self) {
        let mut state = self.state();
        state.boot_id = Uuid::new_v4();
        state.lane = TorLane::Closed;
        state.exits.clear();
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
    async fn set(&self, lane: &SetTorLane) -> Result<(), SwitchError> {
        let mut state = self.state();
        if state.broken {
            return Err(SwitchError("broken".into()));
        }
        if state.told.last() != Some(&lane.lane) || state.exits == lane.exits {
            state.told.push(lane.lane);
        }
        state.lane = lane.lane;
        state.exits.clone_from(&lane.exits);
        Ok(())
    }

    async fn look(&self) -> Result<SeenLane, SwitchError> {
        let state = self.state();
        if state.broken {
            return Err(SwitchError("broken".into()));
        }
        Ok(SeenLane { boot_id: state.boot_id, lane: state.lane, exits: state.exits.clone() })
    }
}
