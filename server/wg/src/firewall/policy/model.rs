//! The policy as data.

use super::super::chain::Family;
use super::admission::Admission;
use crate::config::Settings;
use crate::error::Error;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tornado_contracts::wg::Isolation;
use tornado_shared::model::{Lane, LaneAddresses, LanePool};

/// The part of one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneRules {
    pub(crate) interface: String,
    /// Addresses of its devices.
    pub(crate) pool: LanePool,
    /// The server's own addresses on it.
    pub(crate) gateway: LaneAddresses,
}

/// All input of the ruleset that comes from the configuration.
///
/// Invariants:
///
/// - Devices reach neither each other, except within a peer group, nor the server, except for ping and, on the direct
///   lane, the device API and the resolver.
/// - On the direct lane devices reach the internet, but none of the server's networks unless it is allowed.
/// - The tor lane is never forwarded.
/// - No packet with an address of a lane enters or leaves the host on any other interface.
///
/// Traffic between other interfaces is not affected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The table's name in family `inet`.
    pub(crate) table: String,
    pub(crate) direct: LaneRules,
    pub(crate) tor: LaneRules,
    /// The canary's addresses on the tor lane; no device has them.
    pub(crate) canary: LaneAddresses,
    /// Whether service `dns` listens on the direct lane.
    pub(crate) dns: bool,
    /// TCP port of the device API.
    pub(crate) api_port: u16,
    /// UDP port of the tor lane, which the canary uses over loopback.
    pub(crate) tor_port: u16,
    /// Users of the server that may connect to Tor's ports; never empty.
    pub(crate) local_users: BTreeSet<u32>,
    /// Limits of a device's flows.
    pub(crate) admission: Admission,
    /// Networks outside the internet that devices of the direct lane may reach.
    pub(crate) allow_networks: Vec<IpNet>,
    /// Inner MTU of both lanes, in bytes.
    pub(crate) mtu: u16,
}

impl Policy {
    pub(crate) fn of(config: &Settings) -> Result<Self, Error> {
        Ok(Self {
            table: config.own.table.clone(),
            direct: lane_rules(config, Lane::Direct)?,
            tor: lane_rules(config, Lane::Tor)?,
            canary: config.canary()?,
            dns: config.wiring.dns,
            api_port: config.wiring.api_port,
            tor_port: config.wiring.lanes.tor_port,
            local_users: [0].into(),
            admission: Admission { flows: config.wiring.lanes.max_flows, with_timeouts: true },
            allow_networks: config.wiring.lanes.allow_networks.clone(),
            mtu: config.wiring.lanes.mtu,
        })
    }

    /// The isolation address of a device: the address by which Tor sees it.
    #[must_use]
    pub(crate) fn isolation_address(&self, device: IpAddr, isolation: Isolation) -> IpAddr {
        let number = isolation.number();
        match device {
            IpAddr::V4(_) => Ipv4Addr::from(u32::from(Isolation::POOL.v4.network()) | number).into(),
            IpAddr::V6(_) => Ipv6Addr::from(u128::from(Isolation::POOL.v6.network()) | u128::from(number)).into(),
        }
    }

    /// An nft set of both lanes' interfaces.
    pub(crate) fn lanes(&self) -> String {
        format!("{{ \"{}\", \"{}\" }}", self.direct.interface, self.tor.interface)
    }

    /// The pools of both lanes, as an anonymous set.
    pub(crate) fn pools(&self, family: Family) -> String {
        format!("{{ {}, {} }}", family.net(&self.direct.pool), family.net(&self.tor.pool))
    }

    /// An nft set of both lanes' interfaces and loopback.
    pub(crate) fn lanes_and_loopback(&self) -> String {
        format!("{{ \"lo\", \"{}\", \"{}\" }}", self.direct.interface, self.tor.interface)
    }

    /// Largest TCP segments for IPv4 and IPv6: the MTU minus the headers of IP and TCP without options.
    #[must_use]
    pub(crate) const fn max_segments(&self) -> (u16, u16) {
        (self.mtu.saturating_sub(20 + 20), self.mtu.saturating_sub(40 + 20))
    }
}

fn lane_rules(config: &Settings, lane: Lane) -> Result<LaneRules, Error> {
    let pool = *config.wiring.lanes.pools.of(lane);
    let gateway = config.gateway(lane)?;
    Ok(LaneRules { interface: config.interface(lane).to_owned(), pool, gateway })
}
