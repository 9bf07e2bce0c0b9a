//! Configuration of the console: table `[admin]`.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Listening address and accepted host names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// TCP address to listen on. The console uses plain HTTP: keep it on loopback, behind a reverse proxy with TLS.
    pub listen: SocketAddr,
    /// Host names besides loopback under which a reverse proxy exposes the console, without port.
    pub hosts: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000), hosts: Vec::new() }
    }
}
