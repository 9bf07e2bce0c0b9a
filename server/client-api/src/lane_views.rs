//! The lanes, as reported to devices. Pure.

use tornado_contracts::wg::{LaneEnd, WgStatus};
use tornado_shared::api::LaneView;

/// The view of each lane.
pub fn views(status: &WgStatus) -> Vec<LaneView> {
    let view = |end: &LaneEnd| {
        let state = status.lane_state(end.lane);
        LaneView { lane: end.lane, state, port: end.port, server_pubkey: end.public_key }
    };
    status.lanes.iter().map(view).collect()
}
