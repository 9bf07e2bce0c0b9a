//! What an operator can set for Tor.

use crate::{Error, bridge};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;
use tornado_shared::model::{CountryCode, LanePool, LanePools, Slot};

/// Longest line of the configuration that may reach torrc, bytes.
const MAX_LINE: usize = 1024;

/// A pluggable transport (pt-spec): a program that carries Tor to bridges in disguise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transport {
    /// Its name in bridge lines, for example `obfs4`.
    pub name: String,
    /// Absolute path of the program.
    pub program: PathBuf,
}

/// The active probe that must go through before the lane opens, and again and again while it is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Probe {
    /// A name that an exit resolves, or `host:port` that an exit connects to and leaves.
    pub target: String,
    /// Milliseconds between two probes.
    pub interval_ms: u64,
    /// Milliseconds until one counts as failed. A failed one is tried once more on a new circuit.
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

    /// How long a probe that went through proves anything.
    pub(crate) const fn proves(&self) -> Duration {
        Duration::from_millis(2 * self.interval_ms + 3 * self.deadline_ms)
    }

    /// Host and, for a connect, port.
    pub(crate) fn parts(&self) -> (&str, Option<u16>) {
        match self.target.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()),
            None => (&self.target, None),
        }
    }
}

/// Configuration of service `tor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address pools of both lanes; slot 1 of the tor lane's is where Tor and the page listen.
    pub pools: LanePools,
    /// Listen on these addresses instead.
    pub listen: Vec<IpAddr>,
    /// The program, or its name in the system's directories.
    pub binary: PathBuf,
    /// Unix user of the Tor process where this service itself is root, as in tests. Tor never runs as root.
    pub user: Option<String>,
    /// TCP port that takes the lane's connections.
    pub trans_port: u16,
    /// UDP port that takes the lane's DNS.
    pub dns_port: u16,
    /// TCP port of SOCKS5 on the lane's addresses.
    pub socks_port: u16,
    /// TCP port of the maintenance page.
    pub page_port: u16,
    /// Addresses that stand for `.onion` names.
    pub virtual_v4: Ipv4Net,
    /// The same in IPv6.
    pub virtual_v6: Ipv6Net,
    /// Bridge lines as their owners give them; when there are any, nothing else is used to enter the network.
    pub bridges: Vec<String>,
    /// Programs for the transports that the bridge lines name.
    pub transports: Vec<Transport>,
    /// Countries to leave the network in, two letters each; empty means all.
    pub exit_countries: Vec<String>,
    /// Let Tor shut itself into a system call filter. Off by itself where bridges need a transport's program.
    pub sandbox: bool,
    /// Exit countries that devices may use at the same time: each has a Tor of its own, 0 to 64.
    pub max_countries: u8,
    /// First of their ports, three for each on the lane's addresses: TransPort, DNSPort, SOCKS.
    pub country_port: u16,
    /// Seconds for which a country's Tor runs on after the last device left it.
    pub country_linger: u32,
    /// The addresses under which Tor sees devices; those of service `wg`.
    pub isolation: LanePool,
    /// A file of further torrc lines, for private Tor networks. Read at each start of Tor.
    pub extra_torrc: Option<PathBuf>,
    /// The active probe.
    pub probe: Probe,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            pools: LanePools::default(),
            listen: Vec::new(),
            binary: "tor".into(),
            user: None,
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
            isolation: LanePool {
                v4: Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
                v6: Ipv6Net::new_assert(Ipv6Addr::new(0xfd74, 0x6f72, 0x6e61, 0x64, 0, 0, 0, 0), 64),
            },
            extra_torrc: None,
            probe: Probe::default(),
        }
    }
}

impl Config {
    /// Where Tor and the page listen.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        if !self.listen.is_empty() {
            return self.listen.clone();
        }
        let server = self.pools.tor.addresses(Slot::SERVER);
        server.map(|pair| vec![pair.v4.into(), pair.v6.into()]).unwrap_or_default()
    }

    /// The same for a machine without IPv6.
    pub(crate) fn of_ipv4(self) -> Self {
        let listen = self.addresses().into_iter().filter(IpAddr::is_ipv4).collect();
        Self { listen, ..self }
    }

    /// The same for the Tor of one exit country, in the `slot`-th place from 0.
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

    /// True when the operator lets devices leave there.
    pub(crate) fn allows_exit(&self, country: CountryCode) -> bool {
        self.exit_countries.is_empty() || self.exit_countries.iter().any(|c| c.parse() == Ok(country))
    }

    fn validate_countries(&self) -> Result<(), Error> {
        if self.max_countries > 64 {
            return Err(Error::Config("max_countries must be 0 to 64".into()));
        }
        let (first, end) =
            (u32::from(self.country_port), u32::from(self.country_port) + 3 * u32::from(self.max_countries));
        let own = [self.trans_port, self.dns_port, self.socks_port, self.page_port];
        let overlap = own.into_iter().find(|port| (first..end).contains(&u32::from(*port)));
        match overlap {
            Some(port) => {
                Err(Error::Config(format!("port {port} is one of the exit countries', {first} to {}", end - 1)))
            }
            None if first == 0 || end > 65_536 => {
                Err(Error::Config("country_port leaves no room for its ports".into()))
            }
            None => Ok(()),
        }
    }

    /// The transports that bridge lines really use.
    pub(crate) fn used_transports(&self) -> impl Iterator<Item = &Transport> {
        let names = |line: &str, name: &str| line.split(' ').next() == Some(name);
        self.transports.iter().filter(move |t| self.bridges.iter().any(|line| names(line, &t.name)))
    }

    /// Refuses what could not work, and every text that would mean something else inside torrc.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |why: String| Err(Error::Config(why));
        let ports = [self.trans_port, self.socks_port, self.page_port];
        if ports.contains(&0) || self.dns_port == 0 {
            return refuse("every port must be given".into());
        }
        if ports[0] == ports[1] || ports[0] == ports[2] || ports[1] == ports[2] {
            return refuse("trans_port, socks_port and page_port must differ".into());
        }
        if self.addresses().is_empty() {
            return refuse("the pool of the tor lane is empty".into());
        }
        if let Some(address) = self.addresses().iter().find(|a| a.is_unspecified() || a.is_multicast()) {
            return refuse(format!("{address} is no address to listen on"));
        }
        if self.virtual_v4.prefix_len() > 16 || self.virtual_v6.prefix_len() > 104 {
            return refuse("virtual_v4 must be /16 or wider, virtual_v6 /104 or wider".into());
        }
        for (line, number) in self.bridges.iter().zip(1..) {
            // Without the line itself: who knows a bridge can have it blocked.
            let bridge = bridge::parse(line).map_err(|why| Error::Config(format!("bridge {number}: {why}")))?;
            if let Some(name) = bridge.transport.filter(|name| self.transports.iter().all(|t| t.name != *name)) {
                return refuse(format!(
                    "bridge {number}: no program is set for its transport {name} in tor.transports"
                ));
            }
        }
        for transport in &self.transports {
            let name = &transport.name;
            if !bridge::is_transport(name) {
                return refuse(format!("'{name}' is no name of a transport"));
            }
            if !transport.program.is_absolute() || !is_path(&transport.program) {
                return refuse(format!("the program of transport {name} must be an absolute path without spaces"));
            }
        }
        if let Some(bad) = self.exit_countries.iter().find(|c| !is_country(c)) {
            return refuse(format!("'{}' is no country code", bad.escape_debug()));
        }
        if let Some(path) = &self.extra_torrc
            && !path.is_absolute()
        {
            return refuse("extra_torrc must be an absolute path".into());
        }
        self.validate_countries()?;
        self.validate_probe()
    }

    fn validate_probe(&self) -> Result<(), Error> {
        let (host, port) = self.probe.parts();
        let is_name = host.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-');
        if host.is_empty() || host.len() > 253 || !is_name || (self.probe.target.contains(':') && port.is_none()) {
            return Err(Error::Config("probe.target must be a name, or a name or IPv4 address with a port".into()));
        }
        if !(200..=600_000).contains(&self.probe.interval_ms) || !(200..=10_000).contains(&self.probe.deadline_ms) {
            return Err(Error::Config(
                "probe.interval_ms must be 200 to 600000, probe.deadline_ms 200 to 10000".into(),
            ));
        }
        Ok(())
    }
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.chars().all(|c| c.is_ascii_alphabetic())
}

/// One plain torrc value: no line end, comment, quote or continuation in it (torrc(5)).
fn is_line(text: &str) -> bool {
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !"#\"\\".contains(c);
    !text.is_empty() && text.len() <= MAX_LINE && text.trim() == text && text.chars().all(plain)
}

/// A path that torrc takes as it is.
pub(crate) fn is_path(path: &std::path::Path) -> bool {
    path.to_str().is_some_and(|text| is_line(text) && !text.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid() {
        assert!(Config::default().validate().is_ok());
        assert_eq!(Config::default().addresses()[0].to_string(), "10.9.0.1");
        assert_eq!(Config::default().of_ipv4().addresses(), [Ipv4Addr::new(10, 9, 0, 1)]);
    }

    #[test]
    fn texts_cannot_carry_torrc_lines() {
        let bridge = |line: &str| Config { bridges: vec![line.into()], ..Config::default() };
        assert!(bridge("192.0.2.1:443 0123456789012345678901234567890123456789").validate().is_ok());
        for bad in ["", " x", "192.0.2.1:443\nControlPort 9051", "192.0.2.1:443 # b", "snowflake 192.0.2.3:80"] {
            let error = bridge(bad).validate().unwrap_err().to_string();
            assert!(error.contains("bridge 1: ") && !error.contains("192.0.2."), "{bad:?}: {error}");
        }
        for bad in ["", "d", "deu", "d\n", "??", "d}"] {
            let config = Config { exit_countries: vec![bad.into()], ..Config::default() };
            assert!(config.validate().is_err(), "{bad:?}");
        }
        for bad in ["", "a b", "a\nb", "a:b", "a:99999", "[::1]:80", "a:1:2"] {
            let probe = Probe { target: bad.into(), ..Probe::default() };
            assert!(Config { probe, ..Config::default() }.validate().is_err(), "{bad:?}");
        }
        let transport = |name: &str, program: &str| Config {
            transports: vec![Transport { name: name.into(), program: program.into() }],
            ..Config::default()
        };
        assert!(transport("obfs4", "/usr/bin/obfs4proxy").validate().is_ok());
        assert!(transport("obfs4", "obfs4proxy").validate().is_err());
        assert!(transport("obfs4", "/usr/bin/x\nExitNodes {us}").validate().is_err());
        assert!(transport("ob fs", "/usr/bin/x").validate().is_err());
    }
}
