//! Configuration of service `tor`.

pub(crate) mod validate;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;
use tornado_contracts::wg::TorPorts;
use tornado_shared::model::{CountryCode, LanePools, Slot};

/// A pluggable transport (pt-spec): a program that disguises the traffic between Tor and bridges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transport {
    /// Its name in bridge lines, for example `obfs4`.
    pub name: String,
    /// Absolute path of the program.
    pub program: PathBuf,
}

/// The active probe. The lane opens only after a probe has succeeded; further probes follow while it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Probe {
    /// A name that an exit resolves, or `host:port` to which an exit connects.
    pub target: String,
    /// Milliseconds between two probes, 200 to 600000.
    pub interval_ms: u64,
    /// Milliseconds until an attempt counts as failed, 200 to 10000. A failed attempt is repeated once on a new
    /// circuit.
    pub deadline_ms: u64,
}

impl Default for Probe {
    fn default() -> Self {
        Self { target: "www.torproject.org".into(), interval_ms: 10_000, deadline_ms: 5_000 }
    }
}

impl Probe {
    pub(crate) const fn interval(&self) -> Duration {
        Duration::from_millis(self.interval_ms)
    }

    pub(crate) const fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// How long a successful probe is valid, counted from its start.
    pub(crate) const fn proves(&self) -> Duration {
        Duration::from_millis(2 * self.interval_ms + 3 * self.deadline_ms)
    }

    /// Host and, if the probe makes a connection, port.
    pub(crate) fn parts(&self) -> (&str, Option<u16>) {
        match self.target.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()),
            None => (&self.target, None),
        }
    }
}

/// Table `[tor]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Path of the program, or its name in the system's program directories.
    pub binary: PathBuf,
    /// TCP port (TransPort) to which the lane's connections are redirected.
    pub trans_port: u16,
    /// UDP port (DNSPort) to which the lane's DNS queries are redirected.
    pub dns_port: u16,
    /// TCP port of the SOCKS5 proxy on the lane's addresses.
    pub socks_port: u16,
    /// TCP port of the maintenance page.
    pub page_port: u16,
    /// IPv4 addresses that Tor assigns to `.onion` names.
    pub virtual_v4: Ipv4Net,
    /// IPv6 addresses that Tor assigns to `.onion` names.
    pub virtual_v6: Ipv6Net,
    /// Bridge lines. If there are any, Tor enters the network only through them.
    pub bridges: Vec<String>,
    /// Programs of the transports that the bridge lines use.
    pub transports: Vec<Transport>,
    /// Countries whose exits may be used, two letters each. Empty: all countries.
    pub exit_countries: Vec<String>,
    /// Confines Tor with its system call filter. Ignored if a bridge needs a transport program.
    pub sandbox: bool,
    /// Maximum number of exit countries in use at the same time, 0 to 64. Each has its own Tor process.
    pub max_countries: u8,
    /// First port of the exit countries. Each takes three on the lane's addresses: TransPort, DNSPort, SOCKS.
    pub country_port: u16,
    /// Seconds for which the Tor process of a country keeps running after the last device has left it.
    pub country_linger: u32,
    /// A file with further torrc lines, for private Tor networks. It is read at each start of Tor.
    pub extra_torrc: Option<PathBuf>,
    /// The active probe.
    pub probe: Probe,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            binary: "tor".into(),
            trans_port: 9040,
            dns_port: 9053,
            socks_port: 9050,
            page_port: 9041,
            virtual_v4: Ipv4Net::new_assert(Ipv4Addr::new(10, 192, 0, 0), 10),
            virtual_v6: Ipv6Net::new_assert(Ipv6Addr::new(0xfd74, 0x6f72, 0x6f6e, 0, 0, 0, 0, 0), 48),
            bridges: Vec::new(),
            transports: vec![Transport { name: "obfs4".into(), program: "/usr/bin/obfs4proxy".into() }],
            exit_countries: Vec::new(),
            sandbox: true,
            max_countries: 8,
            country_port: 9100,
            country_linger: 300,
            extra_torrc: None,
            probe: Probe::default(),
        }
    }
}

impl Config {
    /// The ports of the Tor process.
    pub(crate) const fn ports(&self) -> TorPorts {
        TorPorts { trans_port: self.trans_port, dns_port: self.dns_port, socks_port: self.socks_port }
    }

    /// The configuration for the Tor process of an exit country. `slot` counts from 0 and selects its ports.
    #[must_use]
    pub(crate) fn of_country(&self, country: CountryCode, slot: u8) -> Self {
        let first = self.country_port.saturating_add(3 * u16::from(slot));
        Self {
            trans_port: first,
            dns_port: first.saturating_add(1),
            socks_port: first.saturating_add(2),
            exit_countries: vec![country.to_string()],
            ..self.clone()
        }
    }

    /// Returns true if the operator allows exits in this country.
    pub(crate) fn allows_exit(&self, country: CountryCode) -> bool {
        self.exit_countries.is_empty() || self.exit_countries.iter().any(|c| c.parse() == Ok(country))
    }

    /// The transports that bridge lines use.
    pub(crate) fn used_transports(&self) -> impl Iterator<Item = &Transport> {
        let names = |line: &str, name: &str| line.split(' ').next() == Some(name);
        self.transports.iter().filter(move |t| self.bridges.iter().any(|line| names(line, &t.name)))
    }
}

/// What does not come from the table `[tor]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiring {
    /// Addresses on which Tor and the maintenance page listen.
    pub listen: Vec<IpAddr>,
    /// Unix user of the Tor process if this service runs as root, as in tests. Tor never runs as root.
    pub user: Option<String>,
}

impl Wiring {
    /// Listens on slot 1 of the tor lane's pool.
    #[must_use]
    pub fn new(pools: &LanePools) -> Self {
        let server = pools.tor.addresses(Slot::SERVER);
        Self { listen: server.map(|pair| vec![pair.v4.into(), pair.v6.into()]).unwrap_or_default(), user: None }
    }

    /// Drops IPv6 addresses, for a machine without IPv6.
    pub(crate) fn retain_ipv4(&mut self) {
        self.listen.retain(IpAddr::is_ipv4);
    }
}

impl Default for Wiring {
    fn default() -> Self {
        Self::new(&LanePools::default())
    }
}

/// Configuration and wiring of one Tor process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) own: Config,
    pub(crate) wiring: Wiring,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        assert!(Config::default().validate().is_ok());
        let mut wiring = Wiring::default();
        assert!(wiring.validate().is_ok() && wiring.listen.len() == 2);
        wiring.retain_ipv4();
        assert_eq!(wiring.listen, [Ipv4Addr::new(10, 9, 0, 1)]);
    }
}
