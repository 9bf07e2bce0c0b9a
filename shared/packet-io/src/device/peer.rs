//! Peers as callers set and read them.

use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;
use tornado_shared::model::{PresharedKey, PublicKey, Transfer};

/// Configuration of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Public key of the peer.
    pub public_key: PublicKey,
    /// Preshared key, mixed into handshakes.
    pub preshared_key: Option<PresharedKey>,
    /// Allowed IPs: packets to these addresses go to this peer, and it may send only from them.
    pub addresses: Vec<IpNet>,
    /// Initial endpoint. Ignored for an existing peer, whose learned endpoint is newer.
    pub endpoint: Option<SocketAddr>,
    /// Interval of the persistent keepalive, seconds. Ignored for an existing peer.
    pub keepalive: Option<u16>,
}

/// State of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Public key of the peer.
    pub public_key: PublicKey,
    /// Source address of the peer's latest authenticated packet.
    pub endpoint: Option<SocketAddr>,
    /// Time since the latest handshake; `None` without a session.
    pub handshake_age: Option<Duration>,
    /// Bytes since the peer was added: of inner packets when received, of datagrams when sent.
    pub transfer: Transfer,
}
