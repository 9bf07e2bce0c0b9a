//! What an operator can set for the resolver of the direct lane.

use crate::Error;
use crate::upstream::Upstream;
use hickory_resolver::proto::rr::Name;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tornado_shared::model::{LanePools, Slot};

/// Configuration of service `dns`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether devices are offered this resolver. Off: they keep their own, asked through the tunnel.
    pub enabled: bool,
    /// Whom to ask: `ADDRESS`, `ADDRESS:PORT` (IPv6 in brackets), or `tls://ADDRESS[:PORT]#NAME` for DNS over TLS
    /// (RFC 7858). Empty: the machine's own resolvers.
    pub upstreams: Vec<String>,
    /// Whether signatures are checked (RFC 4035). The upstreams must pass them on; then nobody between can lie
    /// about signed names.
    pub dnssec: bool,
    /// File of DNSKEY records to trust instead of the root's, in the form of a zone file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_anchor: Option<PathBuf>,
    /// Whether private addresses in answers are refused: a page in the internet could otherwise reach into the
    /// networks of devices and server by names of its own (DNS rebinding).
    pub rebinding_protection: bool,
    /// Names below which private addresses are welcome all the same.
    pub private_names: Vec<String>,
    /// Answers kept at most.
    pub cache_entries: u32,
    /// Questions a second that one device may ask for long; four times as many for a moment.
    pub questions_per_second: u32,
    /// Address pools of both lanes; slot 1 of the direct one is where the resolver listens.
    pub pools: LanePools,
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
            cache_entries: 16_384,
            questions_per_second: 100,
            pools: LanePools::default(),
        }
    }
}

impl Config {
    /// Refuses what could not work.
    pub fn validate(&self) -> Result<(), Error> {
        drop(self.fixed_upstreams()?);
        drop(self.exceptions()?);
        if !(128..=1_048_576).contains(&self.cache_entries) {
            return Err(Error::Config("cache_entries must be 128 to 1048576".into()));
        }
        if !(1..=10_000).contains(&self.questions_per_second) {
            return Err(Error::Config("questions_per_second must be 1 to 10000".into()));
        }
        if self.pools.direct.addresses(Slot::SERVER).is_none() {
            return Err(Error::Config("the pool of the direct lane is empty".into()));
        }
        Ok(())
    }

    /// The upstreams that are written down; none: the machine's.
    pub(crate) fn fixed_upstreams(&self) -> Result<Vec<Upstream>, Error> {
        self.upstreams.iter().map(|text| text.parse().map_err(Error::Config)).collect()
    }

    /// The names with private addresses.
    pub(crate) fn exceptions(&self) -> Result<Vec<Name>, Error> {
        let parse = |text: &String| {
            let bad = || Error::Config(format!("private_names: '{text}' is not a domain name"));
            let mut name = Name::from_ascii(text).map_err(|_| bad())?.to_lowercase();
            name.set_fqdn(true);
            // The root would be all names.
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
            Config { cache_entries: 0, ..Config::default() },
            Config { questions_per_second: 0, ..Config::default() },
        ] {
            assert!(bad.validate().is_err(), "{bad:?}");
        }
    }
}
