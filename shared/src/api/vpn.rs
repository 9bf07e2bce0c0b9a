//! Connect, heartbeats and lanes.

use crate::model::{Lane, PublicKey, SessionId, SessionState, Transfer, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Body of `POST /vpn/initiate`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Initiate {
    /// The device's WireGuard key, generated for this session.
    pub public_key: PublicKey,
}

/// One lane as offered to a device. `ip`, `endpoint` and `server_pubkey` are fields of the original.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneOffer {
    /// The device's IPv4 address on the lane.
    pub ip: Ipv4Addr,
    /// The server's endpoint, `host:port`.
    pub endpoint: String,
    /// The server's key on this lane.
    pub server_pubkey: PublicKey,
    /// The device's IPv6 address on the lane.
    pub ip6: Ipv6Addr,
    /// The UDP port alone, for clients that keep the host they logged in to.
    pub port: u16,
    /// MTU of inner packets, bytes.
    pub mtu: u16,
    /// IPv4 address of this lane's resolver; if `None`, the device keeps its own resolvers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Ipv4Addr>,
    /// IPv6 address of the same resolver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns6: Option<Ipv6Addr>,
}

/// Time limits of a session, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTimes {
    /// Maximum time between heartbeats; send one every half of it.
    pub heartbeat_ttl: u64,
    /// Maximum duration of the session.
    pub hard_ttl: u64,
}

/// Response to `POST /vpn/initiate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initiated {
    /// Always `success`.
    pub status: String,
    /// Offer of the direct lane.
    pub vpn: LaneOffer,
    /// Offer of the tor lane.
    pub tor: LaneOffer,
    /// Time limits of the session.
    pub session: SessionTimes,
    /// ID of the session.
    pub session_id: SessionId,
    /// True if both lanes use the preshared keys derived from the login.
    pub preshared: bool,
}

/// `{"status": "ok"}` and similar responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusWord {
    /// The status.
    pub status: String,
}

/// Response to a heartbeat: `ok` or `reconnected`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatStatus {
    /// Effect of the heartbeat.
    pub status: HeartbeatWord,
}

/// Effects of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeartbeatWord {
    /// The session was online and stays online.
    Ok,
    /// The session was offline and is online again.
    Reconnected,
}

/// Response to `POST /v2/session/disconnect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disconnected {
    /// The session that ended; `None` if there was none.
    pub session_id: Option<SessionId>,
}

/// The session in the response to `GET /v2/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// ID of the session.
    pub session_id: SessionId,
    /// State of the session.
    pub state: SessionState,
    /// When the session began.
    pub started_at: UnixSeconds,
    /// Bytes on the direct lane, counted by the server.
    pub direct: Transfer,
    /// Bytes on the tor lane, counted by the server.
    pub tor: Transfer,
}

/// One lane in `GET /v2/lanes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneView {
    /// The lane.
    pub lane: Lane,
    /// `open`, `maintenance` or `closed`.
    pub state: LaneState,
    /// UDP port of the lane.
    pub port: u16,
    /// The server's public key on this lane.
    pub server_pubkey: PublicKey,
}

/// State of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaneState {
    /// The lane carries traffic.
    Open,
    /// The lane carries no traffic for now: plain HTTP requests get a notice page, all other traffic is rejected.
    Maintenance,
    /// The lane carries no traffic; all traffic into it is rejected.
    Closed,
}

/// Response to `GET /v2/lanes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lanes {
    /// All lanes.
    pub lanes: Vec<LaneView>,
    /// Public name or address at which the server offers its lanes now. Devices store it beside the enrolled one.
    /// `None` if it is not known now, or from an older server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// Response of `GET /v2/seen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Source address of the connection, as the server sees it.
    pub address: IpAddr,
}
