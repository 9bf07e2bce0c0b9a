//! Configuration of the lanes.

use crate::error::Error;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};
use tornado_packet_io::Offload;
use tornado_shared::model::{Lane, LaneAddresses, LanePool, LanePools, Slot};

/// Longest interface name: IFNAMSIZ minus the terminating zero, netdevice(7).
const MAX_NAME: usize = 15;
/// Minimum link MTU of IPv6 (RFC 8200 §5).
const MIN_MTU: u16 = 1280;
/// No path carries larger packets; a larger number is a typing error.
const MAX_MTU: u16 = 9000;

/// The WireGuard implementation that moves the packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendChoice {
    /// The kernel's WireGuard if available, otherwise userspace.
    #[default]
    Auto,
    /// The kernel's WireGuard only; the service fails without it.
    Kernel,
    /// Always userspace, inside this process.
    Userspace,
}

/// Configuration of service `wg`. Interface and table names are configurable so that several servers can share a test
/// machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Interface name of the direct lane.
    pub direct: String,
    /// Interface name of the tor lane.
    pub tor: String,
    /// UDP port of the direct lane.
    pub direct_port: u16,
    /// UDP port of the tor lane.
    pub tor_port: u16,
    /// Address pools of both lanes; slot 1 of each is the server.
    pub pools: LanePools,
    /// Addresses by which Tor distinguishes devices, a separate one for each session: a /10 (default: the shared
    /// address space of RFC 6598) and an IPv6 prefix of /104 or shorter. These addresses never leave the host, and
    /// other networks may use the same ranges.
    pub isolation: LanePool,
    /// Interval of the leak canary in seconds, 1 to 3600.
    pub canary_interval: u32,
    /// Inner MTU in bytes.
    pub mtu: u16,
    /// The WireGuard implementation that moves the packets.
    pub backend: BackendChoice,
    /// Whether the userspace implementation lets the kernel join and split packets. `off` is for kernels and network
    /// cards that handle this incorrectly; an offload that the kernel rejects is detected automatically.
    pub offload: Offload,
    /// Whether devices of the direct lane use the resolver at its gateway.
    pub dns: bool,
    /// Maximum number of concurrent flows for each address of a device, 64 to 1000000. A twentieth of it may start per
    /// second.
    pub max_flows: u32,
    /// Networks outside the internet that devices of the direct lane may reach: private ones, or those of the server
    /// itself.
    pub allow_networks: Vec<IpNet>,
    /// TCP port of the device API, the only port of the server that devices of the direct lane may reach.
    pub api_port: u16,
    /// Name of the nftables table in family `inet`.
    pub table: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            direct: "wg0".into(),
            tor: "wg1".into(),
            direct_port: 51820,
            tor_port: 51821,
            pools: LanePools::default(),
            isolation: LanePool {
                v4: Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
                v6: Ipv6Net::new_assert(Ipv6Addr::new(0xfd74, 0x6f72, 0x6e61, 0x64, 0, 0, 0, 0), 64),
            },
            canary_interval: 60,
            mtu: 1420,
            backend: BackendChoice::Auto,
            offload: Offload::Auto,
            dns: true,
            max_flows: 4096,
            allow_networks: Vec::new(),
            api_port: 4605,
            table: "tornado".into(),
        }
    }
}

impl Config {
    /// Interface name of a lane.
    #[must_use]
    pub fn interface(&self, lane: Lane) -> &str {
        lane.of(&self.direct, &self.tor)
    }

    /// UDP port of a lane.
    #[must_use]
    pub const fn port(&self, lane: Lane) -> u16 {
        lane.of(self.direct_port, self.tor_port)
    }

    /// The server's own addresses on a lane.
    ///
    /// # Errors
    ///
    /// Fails if the lane's pool has no address for the server.
    pub fn gateway(&self, lane: Lane) -> Result<LaneAddresses, Error> {
        let addresses = self.pools.of(lane).addresses(Slot::SERVER);
        addresses.ok_or_else(|| Error::Config(format!("the pool of the {lane} lane has no address for the server")))
    }

    /// The resolver of a lane, at its gateway: on the tor lane Tor's DNSPort, on the direct lane service `dns`, if
    /// enabled.
    #[must_use]
    pub fn resolver(&self, lane: Lane) -> Option<LaneAddresses> {
        match lane {
            Lane::Direct if !self.dns => None,
            Lane::Direct | Lane::Tor => self.gateway(lane).ok(),
        }
    }

    /// The leak canary's addresses on the tor lane.
    ///
    /// # Errors
    ///
    /// Fails if the pool has no slot for the canary.
    pub fn canary(&self) -> Result<LaneAddresses, Error> {
        let addresses = self.pools.tor.addresses(self.pools.canary_slot());
        addresses.ok_or_else(|| Error::Config("the pool of the tor lane has no address for the canary".into()))
    }

    /// Checks all values. Names must be safe to use inside a ruleset.
    ///
    /// # Errors
    ///
    /// Fails on the first invalid value.
    pub fn validate(&self) -> Result<(), Error> {
        for lane in Lane::ALL {
            let name = self.interface(lane);
            if !is_word(name, MAX_NAME) {
                return Err(Error::Config(format!("'{name}' is not a usable interface name")));
            }
            if self.port(lane) == 0 {
                return Err(Error::Config(format!("the {lane} lane needs a UDP port")));
            }
        }
        if self.direct == self.tor || self.direct_port == self.tor_port {
            return Err(Error::Config("the two lanes need different interfaces and ports".into()));
        }
        if !is_word(&self.table, 31) {
            return Err(Error::Config(format!("'{}' is not a usable nftables table name", self.table)));
        }
        if !(MIN_MTU..=MAX_MTU).contains(&self.mtu) {
            return Err(Error::Config(format!("the MTU must be between {MIN_MTU} and {MAX_MTU}")));
        }
        let isolation = &self.isolation;
        if isolation.v4.prefix_len() != 10 || isolation.v6.prefix_len() > 104 {
            return Err(Error::Config("the isolation addresses must be an IPv4 /10 and an IPv6 /104 or larger".into()));
        }
        for lane in Lane::ALL {
            let pool = self.pools.of(lane);
            if isolation.v4.contains(&pool.v4.network())
                || pool.v4.contains(&isolation.v4.network())
                || isolation.v6.contains(&pool.v6.network())
                || pool.v6.contains(&isolation.v6.network())
            {
                return Err(Error::Config(format!("the isolation addresses overlap the pool of the {lane} lane")));
            }
        }
        if !(64..=1_000_000).contains(&self.max_flows) {
            return Err(Error::Config("max_flows must be 64 to 1000000".into()));
        }
        if let Some(net) = self.allow_networks.iter().find(|net| net.trunc() != **net) {
            return Err(Error::Config(format!("{net} in allow_networks has host bits set; write {}", net.trunc())));
        }
        if !(1..=3600).contains(&self.canary_interval) {
            return Err(Error::Config("canary_interval must be 1 to 3600 seconds".into()));
        }
        self.pools.validate().map_err(|e| Error::Config(e.to_string()))
    }
}

fn is_word(text: &str, longest: usize) -> bool {
    text.len() <= longest
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        assert!(Config::default().validate().is_ok());
    }

    #[test]
    fn names_cannot_contain_rules() {
        for bad in ["", "wg0\"", "wg0; flush ruleset", "0wg", "a-name-that-is-too-long"] {
            let config = Config { direct: bad.into(), ..Config::default() };
            assert!(config.validate().is_err(), "{bad}");
        }
        assert!(Config { table: "t }".into(), ..Config::default() }.validate().is_err());
        assert!(Config { tor: "wg0".into(), ..Config::default() }.validate().is_err());
    }
}
