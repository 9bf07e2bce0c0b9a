//! Configuration of the device API: table `[client_api]`.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use tornado_shared::invitation::DEFAULT_PORT;
use tornado_shared::model::LanePools;

/// Where it listens, how it proves itself, how much it takes from one caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// TCP addresses. `[::]` also takes IPv4.
    pub listen: Vec<SocketAddr>,
    /// PEM file of a certificate chain; without one the service makes its own.
    pub certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key.
    pub key: Option<PathBuf>,
    /// Seconds between two looks whether the certificate needs a successor, at least 1.
    pub certificate_look: u32,
    /// Public name or address of the server, written into the endpoints of lanes. Filled in from `[server] host`;
    /// absent: the machine's own address at the moment a device connects.
    #[serde(skip)]
    pub host: Option<String>,
    /// Addresses of the lanes' devices, which are never strangers. Filled in from `[lanes] pools`.
    #[serde(skip)]
    pub pools: LanePools,
    /// Connections at once, from everybody. A quarter is kept for devices: addresses of the lanes, and addresses from which
    /// a device proved itself since the start.
    pub connections: usize,
    /// Connections at once from one address (IPv6: one /64; twice as many from a /56, four times from a /48).
    pub connections_per_address: usize,
    /// Event streams of devices at once; a device that gets none learns at its next heartbeat.
    pub event_streams: usize,
    /// Seconds for a TLS handshake, and for a request's headers.
    pub handshake_seconds: u64,
    /// Seconds for a request's body.
    pub body_seconds: u64,
    /// Requests a minute that one address may make without being logged in.
    pub anonymous_per_minute: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), DEFAULT_PORT)],
            certificate: None,
            key: None,
            certificate_look: 600,
            host: None,
            pools: LanePools::default(),
            connections: 4096,
            connections_per_address: 256,
            event_streams: 1024,
            handshake_seconds: 10,
            body_seconds: 10,
            anonymous_per_minute: 120,
        }
    }
}
