//! Configuration of the console: table `[admin]`.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where it listens and under which names it may be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// TCP address. The console speaks plain HTTP: keep it on loopback, behind a reverse proxy with TLS.
    pub listen: SocketAddr,
    /// Names besides loopback under which a reverse proxy offers the console, without port.
    pub hosts: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000), hosts: Vec::new() }
    }
}
