//! Peers as callers give and get them.

use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;
use tornado_shared::model::{PresharedKey, PublicKey, Transfer};

/// A peer as the interface is to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Whose it is.
    pub public_key: PublicKey,
    /// Mixed into handshakes, if any.
    pub preshared_key: Option<PresharedKey>,
    /// Allowed IPs: packets to these addresses go to it, and only those from them are taken of it.
    pub addresses: Vec<IpNet>,
    /// Where it is thought to be. Of no effect on a peer that is there already: what was learned is newer.
    pub endpoint: Option<SocketAddr>,
    /// Seconds after which it gets an empty packet when nothing else was sent. Of no effect on one that is there.
    pub keepalive: Option<u16>,
}

/// A peer as the interface has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whose it is.
    pub public_key: PublicKey,
    /// Where its packets last came from.
    pub endpoint: Option<SocketAddr>,
    /// Since the latest handshake; none when there is no session.
    pub handshake_age: Option<Duration>,
    /// Bytes since it was put: of inner packets as they come, of datagrams as they go.
    pub transfer: Transfer,
}
