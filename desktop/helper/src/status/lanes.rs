//! States of the lanes as the server reported them.

use tornado_helper_api::{ControlPlane, Status};
use tornado_shared::api::{LaneState, Lanes};
use tornado_shared::model::Lane;

/// The latest reported state of each lane.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LaneStates {
    direct: Option<LaneState>,
    tor: Option<LaneState>,
}

impl From<&Lanes> for LaneStates {
    fn from(lanes: &Lanes) -> Self {
        let on = |lane| lanes.lanes.iter().find(|view| view.lane == lane).map(|view| view.state);
        Self { direct: on(Lane::Direct), tor: on(Lane::Tor) }
    }
}

impl LaneStates {
    /// The state of the lane that carries the traffic. `None` if the server is unreachable, because the lane may have
    /// changed since.
    pub(crate) fn current(self, status: &Status) -> Option<LaneState> {
        if status.session.is_none() || status.control == ControlPlane::Unreachable {
            return None;
        }
        status.lane?.of(self.direct, self.tor)
    }
}
