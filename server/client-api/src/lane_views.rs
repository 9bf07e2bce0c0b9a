//! The lanes, as reported to devices. Pure.

use tornado_contracts::wg::{LaneEnd, TorLane, WgStatus};
use tornado_shared::api::{LaneState, LaneView};
use tornado_shared::model::Lane;

/// The view of each lane.
pub fn views(status: &WgStatus) -> Vec<LaneView> {
    status.lanes.iter().map(|end| view(end, status)).collect()
}

fn view(end: &LaneEnd, status: &WgStatus) -> LaneView {
    LaneView { lane: end.lane, state: state(end, status), port: end.port, server_pubkey: end.public_key }
}

/// The state in the kernel counts, not the desired state. A lane without its interface, its peers or a verified
/// firewall is never reported as open.
const fn state(end: &LaneEnd, status: &WgStatus) -> LaneState {
    if !(end.up && status.synced && status.firewall_verified) {
        return LaneState::Closed;
    }
    match (end.lane, status.tor_lane) {
        (Lane::Direct, _) | (Lane::Tor, TorLane::Open { .. }) => LaneState::Open,
        (Lane::Tor, TorLane::Maintenance { .. }) => LaneState::Maintenance,
        (Lane::Tor, TorLane::Closed) => LaneState::Closed,
    }
}
