//! What crosses the socket.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use tornado_shared::api::{LaneState, OwnDevice, OwnUsage, TorView};
use tornado_shared::model::{DeviceId, DeviceName, Lane, Secret, SessionId, Transfer, UnixSeconds, Username};

/// Input of enrolment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enroll {
    /// The invitation link, `tornado://…`.
    pub link: Secret,
    /// Name of the account; needed when the invitation makes a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Username>,
    /// Password of the account, new or existing.
    pub password: Secret,
    /// Code of the authenticator, or a recovery code, when the account has a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Secret>,
    /// What the user calls this machine.
    pub device_name: DeviceName,
}

/// Input of a login. The server must be known from an enrolment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// `host` or `host:port`, should the enrolled server have moved. Its identity stays pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Account name or e-mail address; the enrolled account when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password.
    pub password: Secret,
    /// Code of the authenticator, or a recovery code, when the account has a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Secret>,
}

/// Input of connect.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// The lane to use.
    pub lane: Lane,
}

/// Input of a switch of lanes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchLane {
    /// The lane to use from now on.
    pub lane: Lane,
}

/// Input of an export: a new device of the account that is an ordinary WireGuard app.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The lane that its file is for.
    pub lane: Lane,
    /// What the user calls the device.
    pub device_name: DeviceName,
    /// Password of the account.
    pub password: Secret,
    /// Code of the authenticator, or a recovery code, when the account has a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Secret>,
}

/// The account's devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devices {
    /// Oldest first.
    pub devices: Vec<OwnDevice>,
    /// Which of them this is.
    pub own: DeviceId,
}

/// Input of a removal.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveDevice {
    /// Which device; its login and tunnel end.
    pub device_id: DeviceId,
}

/// A device that was made by an export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exported {
    /// Its number; an operator or its owner removes it by this.
    pub device_id: DeviceId,
    /// What the user calls it.
    pub device_name: DeviceName,
    /// The lane that its file is for.
    pub lane: Lane,
    /// The file, `wg-quick(8)`. Holds the private key, which is nowhere else.
    pub config: Secret,
}

/// Why the address of the server's end was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The tunnel was connected.
    Connect,
    /// Routes or addresses of this machine changed.
    NetworkChanged,
    /// This machine slept.
    Woke,
    /// The former address gave no answer over the lane.
    Silent,
    /// The device API could not be reached, and the server's name leads to other addresses.
    Moved,
}

/// Where the tunnel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TunnelState {
    /// No tunnel; traffic goes its usual way.
    Disconnected,
    /// On the way up; traffic still goes its usual way, unless it is held back.
    Connecting,
    /// Everything goes through the tunnel, and a handshake was seen.
    Connected,
    /// Everything goes through the old lane until the new one has shaken hands.
    Switching,
    /// On the way down.
    Disconnecting,
    /// All traffic is held back until a tunnel stands or somebody acts; `reason` says why.
    Blocked,
}

/// Who moves the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The kernel's WireGuard.
    Kernel,
    /// WireGuard inside the helper.
    Userspace,
}

/// Whether the server's device API answers. The tunnel works on without it for a while.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ControlPlane {
    /// Nothing was asked yet.
    #[default]
    Unknown,
    /// The latest call was answered.
    Reachable,
    /// The latest call failed; it is being tried again.
    Unreachable,
}

/// The latest trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable code.
    pub code: String,
    /// For people.
    pub detail: String,
    /// When it happened.
    pub at: UnixSeconds,
}

/// When and why the server's end was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// Why.
    pub why: Choice,
    /// When.
    pub at: UnixSeconds,
}

/// Everything that can be told about the tunnel. Holds no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Where the tunnel is.
    pub state: TunnelState,
    /// Why it is blocked.
    pub reason: Option<String>,
    /// The lane that carries the traffic, or will.
    pub lane: Option<Lane>,
    /// The lane that is being switched to.
    pub target: Option<Lane>,
    /// Whether the server lets anything pass on [`lane`](Self::lane), by its own latest word; none while there is no
    /// session or the server did not say. Asked at each connect, switch and heartbeat.
    #[serde(default)]
    pub lane_state: Option<LaneState>,
    /// Exit, circuit and chosen country of this device by the server's latest word; none on the direct lane, or while
    /// the server did not say.
    #[serde(default)]
    pub tor: Option<TorView>,
    /// What the account moved and what is left of its quota, as the server said within the last seconds; none while
    /// there is no session or the server did not say.
    #[serde(default)]
    pub usage: Option<OwnUsage>,
    /// The server's device API, `host:port`.
    pub server: Option<String>,
    /// The account.
    pub user: Option<String>,
    /// What the user calls this machine.
    pub device: Option<DeviceName>,
    /// True while there are tokens that the server has not declared over.
    pub logged_in: bool,
    /// The session.
    pub session: Option<SessionId>,
    /// The address of the server's end that carries the traffic.
    #[serde(default)]
    pub endpoint: Option<SocketAddr>,
    /// Why it was chosen, and when.
    #[serde(default)]
    pub chosen: Option<Chosen>,
    /// This device's addresses on the lane.
    pub addresses: Vec<IpAddr>,
    /// The lane's resolvers, the only ones that are asked while the tunnel is up. Empty: the lane has none, and this
    /// device's own settings stand.
    #[serde(default)]
    pub names: Vec<IpAddr>,
    /// True while nothing leaves this device but what it needs to reach the server: a tunnel is wanted and not there.
    #[serde(default)]
    pub held: bool,
    /// Since when traffic goes through the tunnel.
    pub since: Option<UnixSeconds>,
    /// True once the server answered over the lane.
    pub handshake_seen: bool,
    /// True when the latest handshake is too old to prove that the tunnel works.
    pub handshake_stale: bool,
    /// Seconds since the latest handshake.
    pub latest_handshake_age: Option<u64>,
    /// Bytes seen from this device: `rx` came from the server.
    pub transfer: Transfer,
    /// Who moves the packets.
    pub backend: Option<Backend>,
    /// True when a preshared key from the post-quantum login protects the tunnel.
    pub preshared: bool,
    /// Whether the device API answers.
    pub control: ControlPlane,
    /// The latest trouble since the last success.
    pub notice: Option<Notice>,
    /// The helper's version.
    pub version: String,
}
