//! Contract of service `wg`: both lanes, their peers, their firewall.

use crate::{ServiceName, Treatment};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tornado_rpc::{Done, Fault, NoInput, ServiceError};
use tornado_shared::model::{CountryCode, Lane, LaneAddresses, PresharedKey, PublicKey, Transfer, UnixSeconds, UserId};

/// A number for the circuits of one session: Tor sees the session's flows under an address made of it, and never
/// lets two addresses share a circuit. Given out by `session`, 1 to [`Isolation::LAST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Isolation(u32);

/// A number outside 1 to [`Isolation::LAST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an isolation number is 1 to {}", Isolation::LAST)]
pub struct NotIsolation;

impl Isolation {
    /// The last that a session may have: 22 bits, less the canary's.
    pub const LAST: u32 = (1 << 22) - 2;
    /// The leak canary's.
    pub const CANARY: Self = Self(Self::LAST + 1);

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Isolation {
    type Error = NotIsolation;
    fn try_from(number: u32) -> Result<Self, NotIsolation> {
        if (1..=Self::LAST).contains(&number) { Ok(Self(number)) } else { Err(NotIsolation) }
    }
}

impl From<Isolation> for u32 {
    fn from(isolation: Isolation) -> Self {
        isolation.0
    }
}

/// One device on both lanes: what `wg` is asked to program. Same key on both, an address pair on each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSpec {
    /// The device's WireGuard key.
    pub public_key: PublicKey,
    /// Its part on the direct lane.
    pub direct: PeerLane,
    /// Its part on the tor lane.
    pub tor: PeerLane,
    /// Its number on the tor lane. Another number is a new identity for all flows that begin from then on.
    pub isolation: Isolation,
    /// The country in which it leaves Tor; none: that of the lane. While that country's Tor is not among those of
    /// [`SetTorLane`] the device is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<CountryCode>,
    /// Whose device it is: flows are counted by account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<UserId>,
}

impl PeerSpec {
    /// The part on a lane.
    #[must_use]
    pub const fn on(&self, lane: Lane) -> &PeerLane {
        match lane {
            Lane::Direct => &self.direct,
            Lane::Tor => &self.tor,
        }
    }
}

/// A peer's part on one lane. Allowed IPs are exactly these two addresses, /32 and /128.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerLane {
    /// Addresses of the device.
    pub addresses: LaneAddresses,
    /// Preshared key; clients of login envelope v1 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preshared_key: Option<PresharedKey>,
}

/// Input of [`Wg::remove_peer`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemovePeer {
    /// The device's key.
    pub public_key: PublicKey,
}

/// The devices of an account that is treated otherwise than most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The account; once.
    pub user_id: UserId,
    /// How.
    pub treatment: Treatment,
    /// Its devices: addresses on the direct lane and on the tor lane.
    pub devices: Vec<(LaneAddresses, LaneAddresses)>,
}

/// Input of [`Wg::set_groups`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetGroups {
    /// All there are; devices that are in none are treated as usual.
    pub groups: Vec<Group>,
}

/// What a removed peer had moved on each lane since it was added. Zero when there was none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Counters of the direct lane.
    pub direct: Transfer,
    /// Counters of the tor lane.
    pub tor: Transfer,
}

/// Input of [`Wg::sync_peers`]: the complete wanted set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncPeers {
    /// Every peer that should exist; all others go.
    pub peers: Vec<PeerSpec>,
}

/// What a sync changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    /// Peers programmed anew or changed.
    pub put: usize,
    /// Peers taken away.
    pub removed: usize,
    /// Peers left as they were.
    pub kept: usize,
}

/// The server's end of the lanes: what a device needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneEnd {
    /// Which lane.
    pub lane: Lane,
    /// The interface's name.
    pub interface: String,
    /// The server's key on this lane; persistent.
    pub public_key: PublicKey,
    /// UDP port.
    pub port: u16,
    /// Inner MTU in bytes.
    pub mtu: u16,
    /// Where devices ask for names on this lane, port 53; none: the lane has no resolver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<LaneAddresses>,
    /// Whether this end speaks IPv6. Without it devices are not offered the resolver's IPv6 address.
    #[serde(default = "yes")]
    pub ipv6: bool,
    /// True while the interface exists and is programmed; false while `wg` is putting it back.
    pub up: bool,
}

const fn yes() -> bool {
    true
}

/// Which implementation moves the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The kernel's WireGuard, programmed over netlink.
    Kernel,
    /// WireGuard inside this process over a TUN device.
    Userspace,
}

/// State of the tor lane. A switch between any two is one transaction that also cuts the flows of the former.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum TorLane {
    /// Nothing passes.
    Closed,
    /// TCP to port 80 reaches the page that explains, all else is refused fast.
    Maintenance {
        /// TCP port of the page on the lane's own addresses.
        page_port: u16,
    },
    /// TCP goes to Tor's TransPort, DNS to its DNSPort, all else is refused fast.
    Open {
        /// TCP port on the lane's own addresses.
        trans_port: u16,
        /// UDP port on the lane's own addresses.
        dns_port: u16,
        /// TCP port of SOCKS5 on the lane's own addresses, which devices may call by that address.
        socks_port: u16,
    },
}

/// Ports of a Tor process on the lane's own addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorPorts {
    /// TCP port that takes any connection.
    pub trans_port: u16,
    /// UDP port that answers names.
    pub dns_port: u16,
    /// TCP port of SOCKS5. Devices call the lane's own SOCKS port and are brought here.
    pub socks_port: u16,
}

/// Where devices that chose a country are sent while the lane is open: to the Tor of that country, if it is ready.
pub type TorExits = BTreeMap<CountryCode, TorPorts>;

/// Input of [`Wg::set_tor_lane`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetTorLane {
    /// The state for all devices. `Closed` and `Maintenance` win over every country.
    #[serde(flatten)]
    pub lane: TorLane,
    /// Countries whose Tor is ready. Devices of any other country are refused fast.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exits: TorExits,
}

impl From<TorLane> for SetTorLane {
    fn from(lane: TorLane) -> Self {
        Self { lane, exits: TorExits::new() }
    }
}

/// Why the tor lane is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TorLaneReason {
    /// Closed: nobody asked for anything since the start of `wg`.
    Start,
    /// As [`Wg::set_tor_lane`] asked last.
    Asked,
    /// Closed: the leak canary raised an alarm. Ends by itself, back to what was asked last, when the rules were
    /// verified and one round of the canary was clean.
    LeakAlarm,
    /// Closed: a switch failed in a way that left the state in the kernel unknown.
    SwitchFailed,
}

/// What an alarm was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmCause {
    /// Packets of the canary were about to leave.
    Leak,
    /// Somebody changed or took away rules of ours: the firewall's, the routing's or the canary's own.
    Changed,
    /// The lane is up, but packets of the canary did not arrive in it.
    Blind,
}

/// The leak canary: a device of the server's own on the tor lane, whose packets must not leave the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryStatus {
    /// When the latest round ended.
    pub last_run: Option<UnixSeconds>,
    /// When the latest alarm was raised.
    pub last_leak: Option<UnixSeconds>,
    /// What it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<AlarmCause>,
    /// Alarms since the start of `wg`.
    pub alarms: u64,
    /// The latest round ran, its packets were seen to enter the lane, and none left. False before the first.
    pub healthy: bool,
}

/// A device that was refused flows, or lost some, in the last minutes because it had more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crowding {
    /// The device's key.
    pub public_key: PublicKey,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<UserId>,
    /// When this began.
    pub since: UnixSeconds,
    /// When it was refused last.
    pub last: UnixSeconds,
    /// Flows that were ended to leave room for others.
    pub ended: u64,
}

/// The state of service `wg`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WgStatus {
    /// Changes with each start of the service: a new value means "sync me".
    pub boot_id: uuid::Uuid,
    /// Changes with `synced`, the lanes being up, the firewall, the state of the tor lane and the canary's alarms: what
    /// [`Wg::next_status`] waits for.
    #[serde(default)]
    pub revision: u64,
    /// True once a sync has been applied since the start.
    pub synced: bool,
    /// Who moves the packets.
    pub backend: Backend,
    /// Both lanes.
    pub lanes: Vec<LaneEnd>,
    /// Number of peers on both lanes.
    pub peers: usize,
    /// True when the firewall in the kernel was read back and equals the policy.
    pub firewall_verified: bool,
    /// State of the tor lane in the kernel.
    pub tor_lane: TorLane,
    /// Countries that are open besides, in the kernel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tor_exits: TorExits,
    /// Why.
    pub tor_lane_reason: TorLaneReason,
    /// The leak canary.
    pub canary: CanaryStatus,
    /// Devices that have more flows than they may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crowding: Vec<Crowding>,
}

/// Input of [`Wg::next_status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownStatus {
    /// [`WgStatus::boot_id`] of the status that the caller has.
    pub boot_id: uuid::Uuid,
    /// Its [`WgStatus::revision`].
    pub revision: u64,
    /// Milliseconds for which the response is held at most; 10,000 is the limit.
    pub hold_ms: u64,
}

impl KnownStatus {
    /// Waits for what follows `status`, as long as is possible.
    #[must_use]
    pub const fn of(status: &WgStatus) -> Self {
        Self { boot_id: status.boot_id, revision: status.revision, hold_ms: 10_000 }
    }
}

/// One peer on one lane, as the interface sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// The device's key.
    pub public_key: PublicKey,
    /// Which lane.
    pub lane: Lane,
    /// Where its packets last came from. An address of a person: never logged above DEBUG.
    pub endpoint: Option<SocketAddr>,
    /// When the latest handshake ended.
    pub latest_handshake: Option<UnixSeconds>,
    /// Counters since the peer was added.
    pub transfer: Transfer,
}

/// What `wg` can answer besides success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum WgError {
    /// A lane refused the peer; the other lane was undone.
    #[error("the {lane} lane could not be programmed ({detail}); both lanes were left as before")]
    LaneFailed {
        /// The lane that refused.
        lane: Lane,
        /// What it said.
        detail: String,
    },
    /// Another peer already holds one of these addresses.
    #[error("an address of this peer belongs to another peer")]
    AddressInUse,
    /// The tor lane stays closed until the alarm is over; what was asked is remembered and done then.
    #[error("the tor lane is held closed after a leak alarm; it follows by itself when all is clean")]
    LaneHeld,
    /// The tor lane could not be switched; it is closed.
    #[error("the tor lane could not be switched ({0}); it is being closed")]
    SwitchFailed(String),
    /// The first sync has not come yet, so the wanted set is not known.
    #[error("the lanes are starting; try again in a moment")]
    NotSynced,
    /// The call failed on its way.
    #[error(transparent)]
    #[serde(rename = "mesh")]
    Fault(Fault),
}

impl From<Fault> for WgError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl ServiceError for WgError {
    fn status(&self) -> u16 {
        match self {
            Self::LaneFailed { .. } | Self::NotSynced | Self::LaneHeld | Self::SwitchFailed(_) => 503,
            Self::AddressInUse => 409,
            Self::Fault(fault) => fault.status(),
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::LaneFailed { .. } => "data_plane_unavailable",
            Self::NotSynced => "not_synced",
            Self::LaneHeld => "tor_lane_held",
            Self::SwitchFailed(_) => "tor_lane_switch_failed",
            Self::AddressInUse => "address_in_use",
            Self::Fault(fault) => fault.code(),
        }
    }
}

tornado_rpc::contract! {
    /// Programs both lanes. Every mutating method is idempotent and all-or-nothing over the lanes.
    trait Wg, client WgClient, error WgError, callers ServiceName {
        /// Adds or changes a peer on both lanes. If the second lane fails the first is put back.
        put_peer(PeerSpec) -> Done = PUT "/v1/peers", within 10, up to 16_384, for [Session];
        /// Takes a peer off both lanes and returns its last counters.
        remove_peer(RemovePeer) -> Removed = DELETE "/v1/peers", within 10, up to 16_384, for [Session];
        /// Makes the peers exactly these. Sent after each start of either side.
        sync_peers(SyncPeers) -> SyncReport = PUT "/v1/sync", within 30, up to 64 * 1024 * 1024, for [Session];
        /// Makes the groups exactly these, whether or not their devices are peers. Sent before the peers.
        set_groups(SetGroups) -> Done = PUT "/v1/groups", within 10, up to 16 * 1024 * 1024, for [Session];
        /// Every peer of both lanes with counters.
        peers(NoInput) -> Vec<PeerStatus> = GET "/v1/peers", within 10, up to 0, for [Session];
        /// Switches the tor lane, whose state is `Closed` at every start of the service. One transaction; flows
        /// of the former state are cut. The answer comes when the kernel has it.
        set_tor_lane(SetTorLane) -> Done = PUT "/v1/tor-lane", within 5, up to 65_536, for [Tor];
        /// The lanes themselves, as soon as they are not as the caller knows them, or after the time it names.
        next_status(KnownStatus) -> WgStatus = GET "/v1/status/next", within 20, up to 0, for [Session, ClientApi, Tor];
        /// The lanes themselves.
        status(NoInput) -> WgStatus = GET "/v1/status", within 10, up to 0, for [Session, Admin, ClientApi, Tor];
    }
}
