//! Configuration of the resolver of the direct lane.

use crate::Error;
use crate::upstream::Upstream;
use hickory_resolver::proto::rr::Name;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tornado_shared::model::LanePools;

/// Configuration of service `dns`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether the service resolves for devices. If off, devices use their own resolvers through the tunnel.
    pub enabled: bool,
    /// Upstream resolvers: `ADDRESS`, `ADDRESS:PORT` (IPv6 in brackets), or `tls://ADDRESS[:PORT]#NAME` for DNS over
    /// TLS (RFC 7858). Empty: the machine's resolvers.
    pub upstreams: Vec<String>,
    /// Whether DNSSEC signatures are validated (RFC 4035). The upstreams must support DNSSEC. Validation detects forged
    /// answers for signed names.
    pub dnssec: bool,
    /// File of DNSKEY records in zone-file format that replace the trust anchors of the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_anchor: Option<PathBuf>,
    /// Whether answers with private addresses are refused. Otherwise a website could reach the networks of devices and
    /// server through its own names (DNS rebinding).
    pub rebinding_protection: bool,
    /// Domains whose names may have private addresses.
    pub private_names: Vec<String>,
    /// Queries per second of a device, 1 to 10000. A burst may have four times as many.
    pub questions_per_second: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            upstreams: Vec::new(),
            dnssec: true,
            trust_anchor: None,
            rebinding_protection: true,
            private_names: Vec::new(),
            questions_per_second: 100,
        }
    }
}

/// What the server binary passes on from other tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wiring {
    /// Address pools of both lanes; the resolver listens on slot 1 of the direct one.
    pub pools: LanePools,
}

impl Config {
    /// Checks all values.
    ///
    /// # Errors
    ///
    /// Fails on the first invalid value.
    pub fn validate(&self) -> Result<(), Error> {
        drop(self.fixed_upstreams()?);
        drop(self.exceptions()?);
        if !(1..=10_000).contains(&self.questions_per_second) {
            return Err(Error::Config("questions_per_second must be 1 to 10000".into()));
        }
        Ok(())
    }

    /// The configured upstreams; empty: use the machine's.
    pub(crate) fn fixed_upstreams(&self) -> Result<Vec<Upstream>, Error> {
        self.upstreams.iter().map(|text| text.parse().map_err(Error::Config)).collect()
    }

    /// The domains whose names may have private addresses, fully qualified and in lower case.
    pub(crate) fn exceptions(&self) -> Result<Vec<Name>, Error> {
        let parse = |text: &String| {
            let bad = || Error::Config(format!("private_names: '{text}' is not a domain name"));
            let mut name = Name::from_ascii(text).map_err(|_| bad())?.to_lowercase();
            name.set_fqdn(true);
            // The root would include all names.
            if name.is_root() { Err(bad()) } else { Ok(name) }
        };
        self.private_names.iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused() {
        assert!(Config::default().validate().is_ok());
        for bad in [
            Config { upstreams: vec!["dns.example.org".into()], ..Config::default() },
            Config { private_names: vec![".".into()], ..Config::default() },
            Config { private_names: vec!["a b..".into()], ..Config::default() },
            Config { questions_per_second: 0, ..Config::default() },
        ] {
            assert!(bad.validate().is_err(), "{bad:?}");
        }
    }
}
