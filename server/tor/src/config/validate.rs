//! Rejects configurations that cannot work.

use super::{Config, Wiring};
use crate::error::Error;
use crate::process::bridge;

/// Maximum length of a configured text that is written to torrc, in bytes.
const MAX_LINE: usize = 1024;

impl Config {
    /// Rejects values that cannot work and texts that would have a second meaning in torrc.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] for the first such value.
    pub fn validate(&self) -> Result<(), Error> {
        let refuse = |why: String| Err(Error::Config(why));
        let ports = [self.trans_port, self.socks_port, self.page_port];
        if ports.contains(&0) || self.dns_port == 0 {
            return refuse("ports must not be 0".into());
        }
        if ports[0] == ports[1] || ports[0] == ports[2] || ports[1] == ports[2] {
            return refuse("trans_port, socks_port and page_port must differ".into());
        }
        if self.virtual_v4.prefix_len() > 16 || self.virtual_v6.prefix_len() > 104 {
            return refuse("virtual_v4 must be /16 or wider, virtual_v6 /104 or wider".into());
        }
        for (line, number) in self.bridges.iter().zip(1..) {
            // The message leaves out the line, because a bridge that becomes known can be blocked.
            let bridge = bridge::parse(line).map_err(|why| Error::Config(format!("bridge {number}: {why}")))?;
            if let Some(name) = bridge.transport.filter(|name| self.transports.iter().all(|t| t.name != *name)) {
                return refuse(format!("bridge {number}: tor.transports has no program for transport {name}"));
            }
        }
        for transport in &self.transports {
            let name = &transport.name;
            if !bridge::is_transport(name) {
                return refuse(format!("'{name}' is not a valid name of a transport"));
            }
            if !transport.program.is_absolute() || !is_path(&transport.program) {
                return refuse(format!("the program of transport {name} must be an absolute path without spaces"));
            }
        }
        if let Some(bad) = self.exit_countries.iter().find(|c| !is_country(c)) {
            return refuse(format!("'{}' is not a country code", bad.escape_debug()));
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
                Err(Error::Config(format!("port {port} is in the range of the exit countries, {first} to {}", end - 1)))
            }
            None if first == 0 || end > 65_536 => {
                Err(Error::Config("country_port is too high or 0: it needs 3 * max_countries ports above it".into()))
            }
            None => Ok(()),
        }
    }
}

impl Wiring {
    /// Rejects addresses to listen on that cannot work.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Config`] if there are none, or for the first such address.
    pub fn validate(&self) -> Result<(), Error> {
        if self.listen.is_empty() {
            return Err(Error::Config("the pool of the tor lane is empty".into()));
        }
        match self.listen.iter().find(|address| address.is_unspecified() || address.is_multicast()) {
            Some(address) => Err(Error::Config(format!("{address} is not an address to listen on"))),
            None => Ok(()),
        }
    }
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.chars().all(|c| c.is_ascii_alphabetic())
}

/// Returns true for a plain torrc value: no line end, comment, quote or continuation (torrc(5)).
fn is_line(text: &str) -> bool {
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !"#\"\\".contains(c);
    !text.is_empty() && text.len() <= MAX_LINE && text.trim() == text && text.chars().all(plain)
}

/// Returns true for a path that needs no quoting in torrc.
pub(crate) fn is_path(path: &std::path::Path) -> bool {
    path.to_str().is_some_and(|text| is_line(text) && !text.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Probe, Transport};

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
