//! What is allowed, as data.

use super::admission::Admission;
use crate::{Config, Error};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tornado_contracts::wg::Isolation;
use tornado_shared::model::{Lane, LaneAddresses, LanePool};

/// One lane's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneRules {
    /// The interface's name.
    pub(crate) interface: String,
    /// Addresses of its devices.
    pub(crate) pool: LanePool,
    /// The server's own addresses on it.
    pub(crate) gateway: LaneAddresses,
}

/// Everything the ruleset depends on.
///
/// The invariants: devices reach neither each other nor the server, but for echo and the device API on the
/// direct lane and its resolver; beyond it they reach the internet and no network of the server's; the tor lane is never forwarded; no packet leaves or enters the host elsewhere with an
/// address of a lane. What other interfaces do among themselves is not touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The table's name in family `inet`.
    pub(crate) table: String,
    /// Direct lane.
    pub(crate) direct: LaneRules,
    /// Tor lane.
    pub(crate) tor: LaneRules,
    /// The addresses under which Tor sees devices. Tor keeps clients of different addresses apart.
    pub(crate) isolation: LanePool,
    /// The canary's addresses on the tor lane; no device ever has them.
    pub(crate) canary: LaneAddresses,
    /// Whether service `dns` listens on the direct lane.
    pub(crate) dns: bool,
    /// TCP port of the device API.
    pub(crate) api_port: u16,
    /// UDP port of the tor lane, which the canary calls on loopback.
    pub(crate) tor_port: u16,
    /// Users of the server who reach Tor's ports; never empty.
    pub(crate) local_users: BTreeSet<u32>,
    /// How many flows a device may have.
    pub(crate) admission: Admission,
    /// Networks besides the internet that devices of the direct lane may reach.
    pub(crate) allow_networks: Vec<IpNet>,
    /// Inner MTU of both lanes, bytes.
    pub(crate) mtu: u16,
}

impl Policy {
    /// The policy of a configuration.
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            table: config.table.clone(),
            direct: lane_rules(config, Lane::Direct)?,
            tor: lane_rules(config, Lane::Tor)?,
            isolation: config.isolation,
            canary: config.canary()?,
            dns: config.dns,
            api_port: config.api_port,
            tor_port: config.tor_port,
            local_users: [0].into(),
            admission: Admission { flows: config.max_flows, with_timeouts: true },
            allow_networks: config.allow_networks.clone(),
            mtu: config.mtu,
        })
    }

    /// Under which address Tor sees a device.
    #[must_use]
    pub(crate) fn seen_as(&self, device: IpAddr, isolation: Isolation) -> IpAddr {
        let number = isolation.number();
        match device {
            IpAddr::V4(_) => Ipv4Addr::from(u32::from(self.isolation.v4.network()) | number).into(),
            IpAddr::V6(_) => Ipv6Addr::from(u128::from(self.isolation.v6.network()) | u128::from(number)).into(),
        }
    }

    /// Largest TCP segments that fit into the lanes: MTU less the headers of IP and TCP without options.
    #[must_use]
    pub(crate) const fn max_segments(&self) -> (u16, u16) {
        (self.mtu.saturating_sub(20 + 20), self.mtu.saturating_sub(40 + 20))
    }
}

fn lane_rules(config: &Config, lane: Lane) -> Result<LaneRules, Error> {
    let pool = *config.pools.of(lane);
    let gateway = config.gateway(lane)?;
    Ok(LaneRules { interface: config.interface(lane).to_owned(), pool, gateway })
}
