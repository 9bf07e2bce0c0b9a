//! Requests, responses and the status.

use crate::split::{Portal, Split};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use tornado_shared::api::{LaneState, OwnDevice, OwnUsage, TorView};
use tornado_shared::model::{
    Backend, DeviceId, DeviceName, Lane, LockdownMode, LockdownPolicy, Secret, SessionId, Transfer, UnixSeconds,
    Username,
};

/// Input of `enroll`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enroll {
    /// The invitation link, `tornado://…`.
    pub link: Secret,
    /// Name of the account; required if the invitation creates a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Username>,
    /// Password of the account, new or existing.
    pub password: Secret,
    /// Authenticator code or recovery code, if the account has a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Secret>,
    /// Name of this device.
    pub device_name: DeviceName,
}

/// Input of `login`. The device must be enrolled.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// New address of the enrolled server, `host` or `host:port`, if it has moved. Its identity stays pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Account name or e-mail address; the enrolled account if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password of the account.
    pub password: Secret,
    /// Authenticator code or recovery code, if the account has a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Secret>,
}

/// Input of `connect`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// The lane to use.
    pub lane: Lane,
}

/// Input of `switch_lane`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwitchLane {
    /// The lane to switch to.
    pub lane: Lane,
}

/// Input of `set_lockdown`. What is absent stays as it is.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetLockdown {
    /// When traffic is blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<LockdownMode>,
    /// Whether connected private networks may be reached outside the tunnel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lan: Option<bool>,
    /// Whether networks of containers and virtual machines on this device may be reached even if `lan` is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridges: Option<bool>,
}

/// Input of `export`: an exported device of the account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The lane of the configuration file.
    pub lane: Lane,
    /// Name of the exported device.
    pub device_name: DeviceName,
    /// Password of the account.
    pub password: Secret,
    /// Authenticator code or recovery code, if the account has a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Secret>,
}

/// The devices of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devices {
    /// Oldest first.
    pub devices: Vec<OwnDevice>,
    /// The ID of this device.
    pub own: DeviceId,
}

/// Input of `remove_device`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveDevice {
    /// The device to remove. Its login and its session end.
    pub device_id: DeviceId,
}

/// Result of `export`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exported {
    /// The device's ID; `remove_device` takes it.
    pub device_id: DeviceId,
    /// Name of the exported device.
    pub device_name: DeviceName,
    /// The lane of the configuration file.
    pub lane: Lane,
    /// The configuration file, `wg-quick(8)`. It contains the only copy of the private key.
    pub config: Secret,
}

/// The event that caused the choice of the endpoint in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The tunnel was connected.
    Connect,
    /// Routes or addresses of this machine changed.
    NetworkChanged,
    /// This machine resumed from sleep.
    Woke,
    /// The previous endpoint did not respond over the lane.
    Silent,
    /// The device API was unreachable, and the server's name resolves to other addresses.
    Moved,
}

/// State of the tunnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TunnelState {
    /// There is no tunnel; traffic takes its usual path.
    #[default]
    Disconnected,
    /// The tunnel is being set up. Traffic takes its usual path unless lockdown is active.
    Connecting,
    /// All traffic goes through the tunnel, and a handshake was seen.
    Connected,
    /// All traffic goes through the old lane until the new one has completed a handshake.
    Switching,
    /// The tunnel is being removed.
    Disconnecting,
    /// Lockdown: all traffic is blocked until a tunnel is up or the user acts. `reason` says why.
    Blocked,
}

/// Whether the server's device API is reachable. Without it the tunnel keeps working until the session expires.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ControlPlane {
    /// No call was made yet.
    #[default]
    Unknown,
    /// The latest call received a response.
    Reachable,
    /// The latest call failed; the helper retries.
    Unreachable,
}

/// The latest problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable code.
    pub code: String,
    /// Description for people.
    pub detail: String,
    /// Time at which the problem occurred.
    pub at: UnixSeconds,
}

/// When and why the endpoint in use was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The event that caused the choice.
    pub why: Choice,
    /// The time of the choice.
    pub at: UnixSeconds,
}

/// The state of the helper and its tunnel. It contains no secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// State of the tunnel.
    pub state: TunnelState,
    /// Why traffic is blocked, in state `blocked`.
    pub reason: Option<String>,
    /// The lane that carries the traffic, or will carry it once the tunnel is up.
    pub lane: Option<Lane>,
    /// The target of the lane switch in progress.
    pub target: Option<Lane>,
    /// The state of [`lane`](Self::lane) as the server reported it last; `None` while there is no session or the server
    /// did not report it. Queried at each connect, switch and heartbeat.
    #[serde(default)]
    pub lane_state: Option<LaneState>,
    /// Exit, circuit and chosen country of this device as the server reported them last; `None` on the direct lane, or
    /// while the server did not report them.
    #[serde(default)]
    pub tor: Option<TorView>,
    /// The account's usage and what is left of its quota, as the server reported them within the last seconds; `None`
    /// while there is no session or the server did not report them.
    #[serde(default)]
    pub usage: Option<OwnUsage>,
    /// Name of the profile in use; `None` if this device is not enrolled.
    #[serde(default)]
    pub profile: Option<String>,
    /// Address of the server's device API, `host:port`.
    pub server: Option<String>,
    /// Name of the account.
    pub user: Option<String>,
    /// Name of this device.
    pub device: Option<DeviceName>,
    /// True while the helper has tokens and the server has not ended the login.
    pub logged_in: bool,
    /// The session of the tunnel.
    pub session: Option<SessionId>,
    /// The WireGuard endpoint that carries the traffic.
    #[serde(default)]
    pub endpoint: Option<SocketAddr>,
    /// Why and when the endpoint was chosen.
    #[serde(default)]
    pub chosen: Option<Chosen>,
    /// This device's addresses on the lane.
    pub addresses: Vec<IpAddr>,
    /// The lane's DNS resolvers, the only ones that this machine queries while the tunnel is up. If empty, the lane
    /// offers none and this machine's own settings apply.
    #[serde(default)]
    pub names: Vec<IpAddr>,
    /// True while lockdown is active: no tunnel is up, and only the traffic needed to reach the server is allowed.
    #[serde(default)]
    pub lockdown: bool,
    /// The user's choices about traffic outside the tunnel.
    #[serde(default)]
    pub lockdown_policy: LockdownPolicy,
    /// Networks that are reached outside the tunnel.
    #[serde(default)]
    pub split: Split,
    /// True while programs are excluded: their traffic leaves outside the tunnel, also during lockdown.
    #[serde(default)]
    pub excluded: bool,
    /// The captive portal that can be reached now.
    #[serde(default)]
    pub portal: Option<Portal>,
    /// How often the helper restored firewall, rules, routes or addresses that another program had changed, since it
    /// started.
    #[serde(default)]
    pub restored: u64,
    /// Time since which traffic has gone through the tunnel.
    pub since: Option<UnixSeconds>,
    /// True once the server responded over the lane.
    pub handshake_seen: bool,
    /// True if the latest handshake is too old to prove that the tunnel works.
    pub handshake_stale: bool,
    /// Seconds since the latest handshake.
    pub latest_handshake_age: Option<u64>,
    /// Byte counters from this device's side: `rx` was received from the server.
    pub transfer: Transfer,
    /// The WireGuard implementation in use.
    pub backend: Option<Backend>,
    /// True if a preshared key from the post-quantum login protects the tunnel.
    pub preshared: bool,
    /// Whether the device API is reachable.
    pub control: ControlPlane,
    /// The latest problem since the last success.
    pub notice: Option<Notice>,
    /// Version of the helper.
    pub version: String,
}
