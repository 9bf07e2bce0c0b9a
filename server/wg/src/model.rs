//! Plain types that several modules share.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use tornado_contracts::wg::Isolation;
use tornado_shared::model::{CountryCode, Lane, LaneAddresses};

/// Mark on packets between devices of a peer group. The firewall sets it; the routing rules of the second layer match
/// it.
pub(crate) const PEER_GROUP_MARK: u32 = 0x7d0e_6e61;

/// How Tor treats the flows of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TorAssignment {
    /// Isolation number.
    pub(crate) isolation: Isolation,
    /// The exit country that the device chose.
    pub(crate) exit: Option<CountryCode>,
}

/// Assignments by each of the devices' addresses on the tor lane.
pub(crate) type AssignmentMap = BTreeMap<IpAddr, TorAssignment>;

/// A pair of values, one for each lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PerLane<T> {
    pub(crate) direct: T,
    pub(crate) tor: T,
}

impl<T> PerLane<T> {
    pub(crate) const fn of(&self, lane: Lane) -> &T {
        lane.of(&self.direct, &self.tor)
    }

    pub(crate) const fn of_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Direct => &mut self.direct,
            Lane::Tor => &mut self.tor,
        }
    }
}

/// These two addresses, as /32 and /128: a device's allowed IPs.
pub(crate) fn hosts(addresses: LaneAddresses) -> Vec<IpNet> {
    vec![IpAddr::V4(addresses.v4).into(), IpAddr::V6(addresses.v6).into()]
}
