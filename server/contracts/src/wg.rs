//! Contract of service `wg`: both lanes, their peers and their firewall.

use crate::{ServiceName, TrafficPolicy};
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tornado_rpc::{Done, Fault, NoInput};
use tornado_shared::api::LaneState;
pub use tornado_shared::model::Backend;
use tornado_shared::model::{
    CountryCode, Lane, LaneAddresses, LanePool, PresharedKey, PublicKey, Transfer, UnixSeconds, UserId,
};

/// Isolation number of one session. Tor sees the session's flows under an address derived from it, and never lets two
/// addresses share a circuit. Assigned by `session`, 1 to [`Isolation::LAST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Isolation(u32);

/// A number outside 1 to [`Isolation::LAST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an isolation number is 1 to {}", Isolation::LAST)]
pub struct NotIsolation;

impl Isolation {
    /// The largest number for sessions: 22 bits, minus the canary's number.
    pub const LAST: u32 = (1 << 22) - 2;
    /// Addresses by which Tor distinguishes sessions: the shared address space of RFC 6598 and a unique local prefix.
    /// They never leave the host, and other networks may use the same ranges.
    pub const POOL: LanePool = LanePool {
        v4: Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
        v6: Ipv6Net::new_assert(Ipv6Addr::new(0xfd74, 0x6f72, 0x6e61, 0x64, 0, 0, 0, 0), 64),
    };
    /// Isolation number of the leak canary.
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

/// One device on both lanes, with one key and one address pair per lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerSpec {
    /// The device's WireGuard key.
    pub public_key: PublicKey,
    /// Configuration on the direct lane.
    pub direct: PeerLane,
    /// Configuration on the tor lane.
    pub tor: PeerLane,
    /// Isolation number on the tor lane. A changed number is a new identity for all new flows.
    pub isolation: Isolation,
    /// Exit country; `None`: the lane's default. Traffic of the device is rejected while [`SetTorLane`] does not
    /// include the country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<CountryCode>,
    /// The device's account: flows are counted per account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<UserId>,
}

impl PeerSpec {
    /// The configuration on a lane.
    #[must_use]
    pub const fn on(&self, lane: Lane) -> &PeerLane {
        match lane {
            Lane::Direct => &self.direct,
            Lane::Tor => &self.tor,
        }
    }
}

/// A peer's configuration on one lane. Its allowed IPs are exactly these two addresses, /32 and /128.
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

/// The devices of an account whose traffic policy differs from the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The account; occurs once.
    pub user_id: UserId,
    /// Its traffic policy.
    pub traffic_policy: TrafficPolicy,
    /// Its devices: addresses on the direct lane and on the tor lane.
    pub devices: Vec<(LaneAddresses, LaneAddresses)>,
}

/// Input of [`Wg::set_groups`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetGroups {
    /// All groups; a device outside every group has the default policy.
    pub groups: Vec<Group>,
}

/// Transfer of a removed peer on each lane since it was added. Zero when the peer did not exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// Counters of the direct lane.
    pub direct: Transfer,
    /// Counters of the tor lane.
    pub tor: Transfer,
}

/// Input of [`Wg::sync_peers`]: the complete desired set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncPeers {
    /// All peers that should exist; others are removed.
    pub peers: Vec<PeerSpec>,
}

/// Changes made by a sync.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncReport {
    /// Peers added or changed.
    pub put: usize,
    /// Peers removed.
    pub removed: usize,
    /// Peers left unchanged.
    pub kept: usize,
}

/// The server's end of a lane, as a device needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneEnd {
    /// The lane.
    pub lane: Lane,
    /// The interface's name.
    pub interface: String,
    /// The server's key on this lane; persistent.
    pub public_key: PublicKey,
    /// UDP port.
    pub port: u16,
    /// Inner MTU in bytes.
    pub mtu: u16,
    /// Address of the lane's DNS resolver, port 53; `None`: the lane has no resolver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<LaneAddresses>,
    /// True when the server's end has IPv6. Otherwise devices do not receive the resolver's IPv6 address.
    #[serde(default = "yes")]
    pub ipv6: bool,
    /// True while the interface exists and is programmed; false while `wg` restores it.
    pub up: bool,
}

const fn yes() -> bool {
    true
}

/// State of the tor lane. A switch between two states is one transaction that also cuts the flows of the previous
/// state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum TorLane {
    /// All traffic is dropped.
    Closed,
    /// TCP to port 80 reaches the maintenance page; everything else is rejected immediately.
    Maintenance {
        /// TCP port of the page on the lane's own addresses.
        page_port: u16,
    },
    /// TCP goes to Tor's TransPort, DNS to its DNSPort; everything else is rejected immediately.
    Open {
        /// TCP port on the lane's own addresses.
        trans_port: u16,
        /// UDP port on the lane's own addresses.
        dns_port: u16,
        /// TCP port of the SOCKS5 proxy on the lane's own addresses, which devices may use directly.
        socks_port: u16,
    },
}

/// Ports of a Tor process on the lane's own addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorPorts {
    /// TCP port for any connection (TransPort).
    pub trans_port: u16,
    /// UDP port for DNS (DNSPort).
    pub dns_port: u16,
    /// TCP port of SOCKS5. Connections to the lane's own SOCKS port are redirected here.
    pub socks_port: u16,
}

/// Ports per exit country while the lane is open: traffic of a device goes to its country's Tor process, if ready.
pub type TorExits = BTreeMap<CountryCode, TorPorts>;

/// Input of [`Wg::set_tor_lane`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetTorLane {
    /// The state for all devices. `Closed` and `Maintenance` take precedence over every country.
    #[serde(flatten)]
    pub lane: TorLane,
    /// Countries whose Tor process is ready. Traffic of devices in other countries is rejected immediately.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exits: TorExits,
}

impl SetTorLane {
    /// Ports of the Tor process that carries a device's traffic; `exit` is the country that the device chose. `None`:
    /// the lane is not open, or the country's process is not ready.
    #[must_use]
    pub fn open_ports(&self, exit: Option<CountryCode>) -> Option<TorPorts> {
        match (self.lane, exit) {
            (TorLane::Closed | TorLane::Maintenance { .. }, _) => None,
            (TorLane::Open { .. }, Some(country)) => self.exits.get(&country).copied(),
            (TorLane::Open { trans_port, dns_port, socks_port }, None) => {
                Some(TorPorts { trans_port, dns_port, socks_port })
            }
        }
    }
}

impl From<TorLane> for SetTorLane {
    fn from(lane: TorLane) -> Self {
        Self { lane, exits: TorExits::new() }
    }
}

/// Reason for the tor lane's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TorLaneReason {
    /// Closed: no request has arrived since `wg` started.
    Start,
    /// As last requested by [`Wg::set_tor_lane`].
    Requested,
    /// Closed: the leak canary raised an alarm. Once the rules are verified and one canary round passes, `wg` applies
    /// the last requested state.
    LeakAlarm,
    /// Closed: a failed switch left the state in the kernel unknown.
    SwitchFailed,
}

/// Cause of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmCause {
    /// Packets of the canary were about to leave the server.
    Leak,
    /// Rules of the firewall, the routing or the canary were changed or removed from outside.
    Changed,
    /// The lane is up, but packets of the canary did not enter it.
    Blind,
}

/// The leak canary: the server's own device on the tor lane, whose packets must not leave the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryStatus {
    /// End time of the latest round.
    pub last_run: Option<UnixSeconds>,
    /// Time of the latest alarm.
    pub last_leak: Option<UnixSeconds>,
    /// Cause of the latest alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<AlarmCause>,
    /// Number of alarms since `wg` started.
    pub alarms: u64,
    /// True: the latest round ran, its packets entered the lane and none left. False before the first round.
    pub healthy: bool,
}

/// A device that recently exceeded its flow limit, so that flows were rejected or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverFlowLimit {
    /// The device's key.
    pub public_key: PublicKey,
    /// The device's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<UserId>,
    /// Start of the condition.
    pub since: UnixSeconds,
    /// Time of the latest rejection.
    pub last: UnixSeconds,
    /// Number of flows ended to make room for others.
    pub ended: u64,
}

/// The state of service `wg`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WgStatus {
    /// Changes with each start of the service: a new value requires a sync.
    pub boot_id: uuid::Uuid,
    /// Changes with `synced`, the lanes' `up` state, the firewall, the tor lane's state and the canary's alarms.
    /// [`Wg::next_status`] waits for a change of it.
    #[serde(default)]
    pub revision: u64,
    /// True once a sync has been applied since the start.
    pub synced: bool,
    /// WireGuard implementation in use.
    pub backend: Backend,
    /// Both lanes.
    pub lanes: Vec<LaneEnd>,
    /// Number of peers (each is on both lanes).
    pub peers: usize,
    /// True when the ruleset read back from the kernel equals the policy.
    pub firewall_verified: bool,
    /// State of the tor lane in the kernel.
    pub tor_lane: TorLane,
    /// Exit countries that are open in the kernel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tor_exits: TorExits,
    /// Reason for the tor lane's state.
    pub tor_lane_reason: TorLaneReason,
    /// The leak canary.
    pub canary: CanaryStatus,
    /// Devices that exceed their flow limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub over_flow_limit: Vec<OverFlowLimit>,
}

impl WgStatus {
    /// State of a lane as devices see it. The state in the kernel counts, not the desired state: a lane without its
    /// interface, its peers or a verified firewall is never open.
    #[must_use]
    pub fn lane_state(&self, lane: Lane) -> LaneState {
        let is_up = self.lanes.iter().any(|end| end.lane == lane && end.up);
        if !(is_up && self.synced && self.firewall_verified) {
            return LaneState::Closed;
        }
        match (lane, self.tor_lane) {
            (Lane::Direct, _) | (Lane::Tor, TorLane::Open { .. }) => LaneState::Open,
            (Lane::Tor, TorLane::Maintenance { .. }) => LaneState::Maintenance,
            (Lane::Tor, TorLane::Closed) => LaneState::Closed,
        }
    }
}

/// Input of [`Wg::next_status`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownStatus {
    /// [`WgStatus::boot_id`] of the status that the caller has.
    pub boot_id: uuid::Uuid,
    /// Its [`WgStatus::revision`].
    pub revision: u64,
    /// Maximum time that the response is held, milliseconds; at most 10,000.
    pub hold_ms: u64,
}

impl KnownStatus {
    /// Waits for the status after `status`, for the maximum hold time.
    #[must_use]
    pub const fn of(status: &WgStatus) -> Self {
        Self { boot_id: status.boot_id, revision: status.revision, hold_ms: 10_000 }
    }
}

/// One peer on one lane, as reported by the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// The device's key.
    pub public_key: PublicKey,
    /// The lane.
    pub lane: Lane,
    /// Source address of its latest packets. Personal data: never logged above DEBUG.
    pub endpoint: Option<SocketAddr>,
    /// Time of the latest handshake.
    pub latest_handshake: Option<UnixSeconds>,
    /// Transfer since the peer was added.
    pub transfer: Transfer,
}

/// Errors of service `wg`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum WgError {
    /// A lane rejected the peer; the change on the other lane was reverted.
    #[error("cannot program the {lane} lane: {detail}; both lanes are unchanged")]
    LaneFailed {
        /// The lane that rejected the peer.
        lane: Lane,
        /// The reason.
        detail: String,
    },
    /// Another peer already has one of these addresses.
    #[error("an address of this peer belongs to another peer")]
    AddressInUse,
    /// The tor lane stays closed until the alarm is over; the requested state is stored and applied then.
    #[error("the tor lane is closed by a leak alarm; the request takes effect when the alarm ends")]
    LaneHeld,
    /// The tor lane could not be switched; it is closed.
    #[error("cannot switch the tor lane: {0}; the lane is being closed")]
    SwitchFailed(String),
    /// The first sync has not arrived yet, so the desired set is unknown.
    #[error("the lanes are starting; try again in a moment")]
    NotSynced,
    /// The call itself failed.
    #[error(transparent)]
    Fault(Fault),
}

tornado_rpc::service_error! {
    WgError {
        Self::LaneFailed { .. } => 503, "data_plane_unavailable";
        Self::NotSynced => 503, "not_synced";
        Self::LaneHeld => 503, "tor_lane_held";
        Self::SwitchFailed(_) => 503, "tor_lane_switch_failed";
        Self::AddressInUse => 409, "address_in_use";
    }
}

tornado_rpc::contract! {
    /// Both lanes. Every mutating method is idempotent and changes both lanes or neither.
    trait Wg, client WgClient, error WgError, callers ServiceName {
        /// Adds or changes a peer on both lanes. If the second lane fails, the first is reverted.
        put_peer(PeerSpec) -> Done = PUT "/v1/peers", within 10, up to 16_384, for [Session];
        /// Removes a peer from both lanes and returns its final transfer.
        remove_peer(RemovePeer) -> Removed = DELETE "/v1/peers", within 10, up to 16_384, for [Session];
        /// Replaces the set of peers. Sent after each start of either service.
        sync_peers(SyncPeers) -> SyncReport = PUT "/v1/sync", within 30, up to 64 * 1024 * 1024, for [Session];
        /// Replaces the set of groups, whether or not their devices are peers. Sent before the peers.
        set_groups(SetGroups) -> Done = PUT "/v1/groups", within 10, up to 16 * 1024 * 1024, for [Session];
        /// All peers of both lanes, with transfer.
        peers(NoInput) -> Vec<PeerStatus> = GET "/v1/peers", within 10, up to 0, for [Session];
        /// Switches the tor lane in one transaction and cuts the flows of the previous state. The response follows once
        /// the kernel has applied it. The lane is `Closed` at every start of the service.
        set_tor_lane(SetTorLane) -> Done = PUT "/v1/tor-lane", within 5, up to 65_536, for [Tor];
        /// Waits until the status differs from the one that the caller names, or until the hold time is over.
        next_status(KnownStatus) -> WgStatus = GET "/v1/status/next", within 20, up to 0, for [Session, ClientApi, Tor];
        /// Current status.
        status(NoInput) -> WgStatus = GET "/v1/status", within 10, up to 0, for [Session, Admin, ClientApi, Tor];
    }
}
