//! Parts of a peer's specification.

use crate::model::{AssignmentMap, TorAssignment, hosts};
use std::net::{IpAddr, SocketAddr};
use tornado_contracts::wg::PeerSpec;
use tornado_packet_io::Peer;
use tornado_shared::model::Lane;

/// The addresses of a peer on both lanes.
pub(super) fn addresses(spec: &PeerSpec) -> [IpAddr; 4] {
    let (d, t) = (spec.direct.addresses, spec.tor.addresses);
    [d.v4.into(), d.v6.into(), t.v4.into(), t.v6.into()]
}

/// The isolation number and exit of a device, by its addresses on the tor lane.
pub(super) fn assignments(spec: &PeerSpec) -> AssignmentMap {
    let assignment = TorAssignment { isolation: spec.isolation, exit: spec.exit };
    let addresses = spec.tor.addresses;
    [addresses.v4.into(), addresses.v6.into()].map(|address| (address, assignment)).into()
}

/// The peer as it is configured on one lane.
pub(super) fn lane_peer(spec: &PeerSpec, lane: Lane, endpoint: Option<SocketAddr>) -> Peer {
    let part = spec.on(lane);
    Peer {
        public_key: spec.public_key,
        addresses: hosts(part.addresses),
        preshared_key: part.preshared_key.clone(),
        endpoint,
        keepalive: None,
    }
}
