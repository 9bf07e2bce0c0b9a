//! Events, effects and the published state: data that all states share.

use crate::plan::{Backend, Link, Observation, Plan, Slot};
use crate::policy::{Outside, Routing};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tornado_shared::model::Lane;

/// Deadline of the first handshake.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(4);

/// When a link without a response is created again. One lost datagram must not fail a connect, and WireGuard itself
/// retries only after 5 s (whitepaper §6.1, Rekey-Timeout).
pub const RETRY_AFTER: Duration = Duration::from_millis(1500);

/// Delays before the next endpoint is tried, if there are several and none responds. The first is short, because
/// networks that block UDP for a whole address family are common. Later ones allow for a slow path.
pub const NEXT_AFTER: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_millis(700), Duration::from_millis(900), Duration::from_millis(900)];

/// When a lockdown that could not be applied is applied again.
pub const BLOCK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A handshake older than this does not prove that the peer is alive: WireGuard rejects its keys after 180 s
/// (whitepaper §6.1, Reject-After-Time), and a new handshake gets the remaining 15 s.
pub const STALE_AFTER: Duration = Duration::from_secs(195);

/// Events that the state machine handles.
#[derive(Debug)]
pub enum Event {
    /// A request to connect, or to change the parameters of the tunnel.
    Connect(Box<Plan>),
    /// A request to switch to another lane of the same session.
    Switch(Lane),
    /// A request to disconnect.
    Disconnect,
    /// A request for lockdown.
    Block(Box<Lockdown>),
    /// The reason for the lockdown no longer exists.
    Unblock,
    /// Result of [`Effect::Up`].
    LinkUp(Slot, Result<Backend, String>),
    /// Result of [`Effect::Route`].
    Routed(Slot, Result<(), String>),
    /// Result of [`Effect::LockDown`].
    LockedDown(Result<(), String>),
    /// Result of [`Effect::TearDown`].
    TornDown(Result<(), String>),
    /// Another program changed the configuration, and it could not be restored.
    Disturbed(String),
    /// State and counters of a link; an error means that the link does not exist.
    Observed(Slot, Result<Observation, String>),
    /// The time returned by [`State::poll_timeout`](super::State::poll_timeout) was reached.
    Timeout,
}

/// Actions for the operating system, to be executed in order.
#[derive(Debug)]
pub enum Effect {
    /// Create a link. Nothing is routed into it.
    Up(Box<Link>),
    /// Set the routing to exactly this, which leads into that slot.
    Route(Slot, Box<Routing>),
    /// Set the routing to exactly this, which blocks all traffic.
    LockDown(Box<Routing>),
    /// Remove a link that nothing is routed into.
    Remove(Slot),
    /// Remove everything of ours, including what an earlier process left.
    TearDown,
}

/// Reasons why a tunnel did not come up or went down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server did not respond over the lane.
    #[error("no handshake over the {0} lane within 4 seconds; the network may block UDP, or the lane is down")]
    NoHandshake(Lane),
    /// The interface could not be created, or it disappeared.
    #[error("network interface failure: {0}")]
    Link(String),
    /// Routing, the firewall or the resolvers could not be configured.
    #[error("routing failure: {0}")]
    Routing(String),
}

/// Reasons for a lockdown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockedReason {
    /// The stored login cannot be read, so the desired state is unknown.
    #[error("cannot read the stored state: {0}")]
    Store(String),
    /// The stored desired state cannot be read.
    #[error("cannot read the desired state of the tunnel: {0}; run `tornado connect` or `tornado disconnect`")]
    Unknown(String),
    /// A tunnel was desired when an earlier helper process ended.
    #[error("the helper stopped while a tunnel was up; all traffic is blocked until the tunnel is up again")]
    Interrupted,
    /// The tunnel's interface or routes were lost.
    #[error("the tunnel was lost; all traffic is blocked until it is up again")]
    Lost,
    /// The server ended the login, but the user did not disconnect.
    #[error(
        "the server ended this device's tunnel: {0}; all traffic is blocked until you log in again or run \
         `tornado disconnect`"
    )]
    Ended(String),
    /// The device is logged in but has no tunnel now, for example because the server rejected it.
    #[error(
        "this device has no tunnel now: {0}; all traffic is blocked until an automatic retry succeeds or you run \
         `tornado disconnect`"
    )]
    Denied(String),
    /// Routes or interfaces of an earlier tunnel could not be removed.
    #[error("cannot remove an earlier tunnel: {0}")]
    CleanUp(String),
    /// No tunnel is up, and the user chose the mode `always`.
    #[error("lockdown is set to `always` and no tunnel is up; run `tornado connect`, or `tornado lockdown off`")]
    Always,
}

/// A lockdown.
#[derive(Debug, Clone)]
pub struct Lockdown {
    /// The reason.
    pub reason: BlockedReason,
    /// Traffic to the server that is still allowed.
    pub outside: Vec<Outside>,
}

impl Lockdown {
    /// Lockdown because of the mode `always`. The helper's marked sockets may look for the server at the ports of the
    /// standing policy.
    pub(super) const fn always() -> Self {
        Self { reason: BlockedReason::Always, outside: Vec::new() }
    }
}

/// The link that carries all traffic.
#[derive(Debug)]
pub(super) struct ActiveLink {
    pub plan: Plan,
    pub slot: Slot,
    pub backend: Backend,
    pub observed: Observation,
    pub since: Instant,
    /// Why the latest attempt to switch failed.
    pub failure: Option<Failure>,
}

impl ActiveLink {
    pub(super) fn view(&self, phase: Phase) -> View {
        let lane = self.plan.on(self.plan.lane);
        View {
            lane: Some(self.plan.lane),
            since: Some(self.since),
            observed: self.observed,
            stale: self.observed.handshake_age.is_none_or(|age| age > STALE_AFTER),
            backend: Some(self.backend),
            endpoint: Some(lane.endpoint),
            addresses: lane.addresses.clone(),
            names: lane.dns.clone(),
            preshared: lane.preshared_key.is_some(),
            failure: self.failure.clone(),
            ..View::new(phase)
        }
    }
}

/// The states by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is up.
    #[default]
    Disconnected,
    /// A link is being set up.
    Connecting,
    /// Connected.
    Connected,
    /// Connected, with another link being set up.
    Switching,
    /// The tunnel is being removed.
    Disconnecting,
    /// All traffic is blocked.
    Blocked,
}

impl Phase {
    /// Returns true if the state does not change soon by itself.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Disconnected | Self::Connected | Self::Blocked => true,
            Self::Connecting | Self::Switching | Self::Disconnecting => false,
        }
    }
}

/// The published state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The current state.
    pub phase: Phase,
    /// The lane that carries traffic, or will carry it.
    pub lane: Option<Lane>,
    /// The target of the lane switch in progress.
    pub target: Option<Lane>,
    /// When the tunnel began to carry traffic.
    pub since: Option<Instant>,
    /// The latest observation of the link.
    pub observed: Observation,
    /// True if the latest handshake is too old to prove that the tunnel works.
    pub stale: bool,
    /// The WireGuard implementation in use.
    pub backend: Option<Backend>,
    /// The endpoint that carries the traffic.
    pub endpoint: Option<SocketAddr>,
    /// This device's addresses on the lane that carries the traffic.
    pub addresses: Vec<IpAddr>,
    /// The only resolvers in use. If empty, the device's own settings apply.
    pub names: Vec<IpAddr>,
    /// True while all traffic is blocked except what the tunnel itself needs.
    pub lockdown: bool,
    /// True if a preshared key protects the tunnel.
    pub preshared: bool,
    /// Why the latest attempt failed.
    pub failure: Option<Failure>,
    /// Description of another program's interference with the tunnel since the latest connect.
    pub disturbed: Option<String>,
    /// Number of interferences found.
    pub disturbances: u64,
    /// Why traffic is blocked, in phase `Blocked`.
    pub blocked: Option<BlockedReason>,
}

impl View {
    /// A view with only a phase.
    #[must_use]
    pub fn new(phase: Phase) -> Self {
        Self { phase, ..Self::default() }
    }
}
