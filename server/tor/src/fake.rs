//! A [`crate::LaneSwitch`] that records the states it was set to.

use crate::lanes::{LaneSwitch, SeenLane, SwitchError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tornado_contracts::wg::{SetTorLane, TorExits, TorLane};
use uuid::Uuid;

/// A test double of service `wg`.
#[derive(Debug)]
pub struct FakeSwitch {
    state: Mutex<State>,
    /// Increases with each change.
    revision: watch::Sender<u64>,
}

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
        let state = State {
            boot_id: Uuid::new_v4(),
            lane: TorLane::Closed,
            exits: TorExits::new(),
            told: Vec::new(),
            broken: false,
        };
        Self { state: Mutex::new(state), revision: watch::Sender::new(0) }
    }
}

impl FakeSwitch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// Every lane state that was set, in order. Calls that changed only the exit countries are left out.
    #[must_use]
    pub fn told(&self) -> Vec<TorLane> {
        self.state().told.clone()
    }

    /// The current state of the lane.
    #[must_use]
    pub fn lane(&self) -> TorLane {
        self.state().lane
    }

    /// The open exit countries.
    #[must_use]
    pub fn exits(&self) -> TorExits {
        self.state().exits.clone()
    }

    /// Simulates a restart: a new boot id and a closed lane.
    pub fn restart(&self) {
        self.change(|state| {
            state.boot_id = Uuid::new_v4();
            state.lane = TorLane::Closed;
            state.exits.clear();
        });
    }

    /// Simulates another caller that changes the lane.
    pub fn meddle(&self, lane: TorLane) {
        self.change(|state| state.lane = lane);
    }

    /// Makes every call fail, or work again.
    pub fn break_down(&self, broken: bool) {
        self.change(|state| state.broken = broken);
    }
}

#[async_trait::async_trait]
impl LaneSwitch for FakeSwitch {
    async fn set(&self, lane: &SetTorLane) -> Result<(), SwitchError> {
        if self.state().broken {
            return Err(SwitchError("broken".into()));
        }
        self.change(|state| state.set(lane));
        Ok(())
    }

    async fn look(&self) -> Result<SeenLane, SwitchError> {
        let (state, revision) = (self.state(), *self.revision.borrow());
        if state.broken {
            return Err(SwitchError("broken".into()));
        }
        Ok(SeenLane { boot_id: state.boot_id, lane: state.lane, exits: state.exits.clone(), revision })
    }

    async fn changed(&self, seen: &SeenLane) {
        if self.state().broken {
            return tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut revision = self.revision.subscribe();
        drop(tokio::time::timeout(Duration::from_secs(5), revision.wait_for(|now| *now != seen.revision)).await);
    }
}

impl State {
    fn set(&mut self, lane: &SetTorLane) {
        if self.told.last() != Some(&lane.lane) || self.exits == lane.exits {
            self.told.push(lane.lane);
        }
        self.lane = lane.lane;
        self.exits.clone_from(&lane.exits);
    }
}
