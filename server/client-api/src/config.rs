//! Configuration of the device API: table `[client_api]`.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use tornado_shared::invitation::DEFAULT_PORT;
use tornado_shared::model::LanePools;

/// Listening addresses, certificate, and limits per caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// TCP addresses to listen on. `[::]` also accepts IPv4.
    pub listen: Vec<SocketAddr>,
    /// PEM file of a certificate chain; without one the service creates its own certificate.
    pub certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key.
    pub key: Option<PathBuf>,
    /// Seconds between two checks whether the certificate needs a successor, at least 1.
    pub certificate_look: u32,
    /// Maximum number of concurrent connections. A quarter is reserved for known addresses: those of the lanes, and
    /// those from which a device authenticated since the start.
    pub connections: usize,
    /// Maximum number of concurrent connections from one address (IPv6: one /64; twice as many from a /56, four times
    /// from a /48).
    pub connections_per_address: usize,
    /// Maximum number of concurrent event streams; a device without one gets the state with its next heartbeat.
    pub event_streams: usize,
    /// Maximum number of requests per minute from one address without a login.
    pub anonymous_per_minute: u32,
}

/// What the server binary passes on from other tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wiring {
    /// Public name or address of the server, used in the lanes' endpoints. `None`: the machine's own address at the
    /// time of a connect.
    pub host: Option<String>,
    /// Address pools of the lanes; their addresses always count as known.
    pub pools: LanePools,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), DEFAULT_PORT)],
            certificate: None,
            key: None,
            certificate_look: 600,
            connections: 4096,
            connections_per_address: 256,
            event_streams: 1024,
            anonymous_per_minute: 120,
        }
    }
}
