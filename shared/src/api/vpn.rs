//! Connecting, heartbeats, lanes.

use crate::model::{Lane, PublicKey, SessionId, SessionState, Transfer, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Body of `POST /vpn/initiate`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Initiate {
    /// The device's WireGuard key, made for this connection.
    pub public_key: PublicKey,
}

/// One lane as offered to a device. `ip`, `endpoint`, `server_pubkey` are the original's fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneOffer {
    /// The device's IPv4 address on the lane.
    pub ip: Ipv4Addr,
    /// `host:port` of the server's end.
    pub endpoint: String,
    /// The server's key on this lane.
    pub server_pubkey: PublicKey,
    /// The device's IPv6 address on the lane.
    pub ip6: Ipv6Addr,
    /// UDP port alone, for clients that keep the host they logged in to.
    pub port: u16,
    /// Inner MTU.
    pub mtu: u16,
    /// Resolver to use on this lane; none: the lane has none, keep the device's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Ipv4Addr>,
    /// The same resolver's IPv6 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns6: Option<Ipv6Addr>,
}

/// Times of a session, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTimes {
    /// A heartbeat is due within this; send one each half of it.
    pub heartbeat_ttl: u64,
    /// The session ends after this whatever happens.
    pub hard_ttl: u64,
}

/// Answer to `POST /vpn/initiate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initiated {
    /// `success`.
    pub status: String,
    /// Direct lane.
    pub vpn: LaneOffer,
    /// Tor lane.
    pub tor: LaneOffer,
    /// Times.
    pub session: SessionTimes,
    /// The session.
    pub session_id: SessionId,
    /// True when both lanes use the preshared keys derived from the login.
    pub preshared: bool,
}

/// `{"status": "ok"}` and its kin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusWord {
    /// One word.
    pub status: String,
}

/// Answer to a heartbeat: `ok` or `reconnected`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatStatus {
    /// What it did.
    pub status: HeartbeatWord,
}

/// The two words of a heartbeat's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeartbeatWord {
    /// Online and stays so.
    Ok,
    /// Was offline; is back.
    Reconnected,
}

/// Answer to `POST /v2/session/disconnect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disconnected {
    /// The session that ended; none when there was none.
    pub session_id: Option<SessionId>,
}

/// Part of `GET /v2/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// The session.
    pub session_id: SessionId,
    /// Its state.
    pub state: SessionState,
    /// When it began.
    pub started_at: UnixSeconds,
    /// Bytes on the direct lane, seen from the server.
    pub direct: Transfer,
    /// Bytes on the tor lane, seen from the server.
    pub tor: Transfer,
}

/// One lane in `GET /v2/lanes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneView {
    /// Which.
    pub lane: Lane,
    /// `open`, `maintenance` or `closed`.
    pub state: LaneState,
    /// UDP port.
    pub port: u16,
    /// The server's key.
    pub server_pubkey: PublicKey,
}

/// Whether a lane carries traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaneState {
    /// Carries traffic.
    Open,
    /// Carries nothing for now: web pages over plain HTTP are answered with a notice, all else is refused.
    Maintenance,
    /// Carries nothing; what is sent into it is refused.
    Closed,
}

/// Answer to `GET /v2/lanes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lanes {
    /// All lanes.
    pub lanes: Vec<LaneView>,
    /// Public name or address under which the server offers its lanes now, to be remembered beside the enrolled one;
    /// none: not known at this moment, or an older server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}
