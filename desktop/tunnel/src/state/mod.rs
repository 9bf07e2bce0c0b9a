//! The tunnel's state machine. Pure: it takes events and the time, and returns the next state and effects.
//!
//! ```text
//!   disconnected ──connect──▶ connecting ──handshake, routes──▶ connected ⇄ switching
//!        ▲                        │                                │            │
//!        └──────────────── disconnecting ◀────────────────────────┴────────────┘
//!                                                                     link lost │
//!                          connecting ◀──connect── blocked(reason) ◀───────────┘
//! ```
//!
//! *Blocked* means lockdown. The machine enters it when a tunnel goes down without a request, and at startup if a
//! tunnel is desired or the desired state is unknown. Only a handshake or a disconnect request ends it.
//!
//! Invariants, which the property test below checks: a slot is brought up only while it is down; routes lead only into
//! a slot that is up; after any sequence of events, a disconnected tunnel leaves nothing in the kernel.

mod blocked;
mod connected;
mod connecting;
mod disconnected;
mod disconnecting;
mod switching;
#[cfg(test)]
mod tests;

use crate::plan::{Backend, Link, Observation, Plan, Slot};
use crate::policy::Routing;
pub use blocked::{Blocked, BlockedReason, Hold};
pub use connected::Connected;
pub use connecting::Connecting;
pub use disconnected::Disconnected;
pub use disconnecting::Disconnecting;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
pub use switching::Switching;
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

/// A handshake older than this does not prove that the peer is alive: WireGuard rejects its keys after 180 s
/// (whitepaper §6.1, Reject-After-Time), and a new handshake gets the remaining 15 s.
pub const STALE_AFTER: Duration = Duration::from_secs(195);

/// State of the tunnel.
#[derive(Debug)]
pub enum State {
    /// Nothing is up.
    Disconnected(Disconnected),
    /// A link is being set up. Traffic is not routed into it yet, and is blocked.
    Connecting(Connecting),
    /// All traffic goes through the tunnel.
    Connected(Connected),
    /// All traffic goes through the old link while a new one is set up.
    Switching(Box<Switching>),
    /// Everything of ours is being removed.
    Disconnecting(Disconnecting),
    /// All traffic is blocked.
    Blocked(Blocked),
}

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
    Block(Box<Hold>),
    /// The reason for the lockdown no longer exists.
    Unblock,
    /// Result of [`Effect::Up`].
    LinkUp(Slot, Result<Backend, String>),
    /// Result of [`Effect::Route`].
    Routed(Slot, Result<(), String>),
    /// Result of [`Effect::Hold`].
    Held(Result<(), String>),
    /// Result of [`Effect::TearDown`].
    TornDown(Result<(), String>),
    /// Another program changed the configuration, and it could not be restored.
    Disturbed(String),
    /// State and counters of a link; an error means that the link does not exist.
    Observed(Slot, Result<Observation, String>),
    /// The time returned by [`State::poll_timeout`] was reached.
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
    Hold(Box<Routing>),
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

/// A state, and the effects that lead to it.
pub type Next = (State, Vec<Effect>);

impl State {
    /// The state at startup: removing what an earlier process may have left, or entering lockdown.
    #[must_use]
    pub fn start(hold: Option<Hold>) -> Next {
        match hold {
            None => Disconnecting::enter(disconnecting::Then::Rest(None)),
            Some(hold) => Blocked::enter(hold, None),
        }
    }

    /// Handles an event that occurred at `now`.
    #[must_use]
    pub fn handle(self, event: Event, now: Instant) -> Next {
        match self {
            Self::Disconnected(state) => state.handle(event),
            Self::Connecting(state) => state.handle(event, now),
            Self::Connected(state) => state.handle(event),
            Self::Switching(state) => state.handle(event, now),
            Self::Disconnecting(state) => state.handle(event),
            Self::Blocked(state) => state.handle(event),
        }
    }

    /// When [`Event::Timeout`] is due.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Connecting(state) => state.deadline(),
            Self::Switching(state) => state.deadline(),
            Self::Disconnected(_) | Self::Connected(_) | Self::Disconnecting(_) | Self::Blocked(_) => None,
        }
    }

    /// Links to observe, and the interval between observations.
    #[must_use]
    pub fn poll_links(&self) -> (Vec<Slot>, Duration) {
        const HURRY: Duration = Duration::from_millis(50);
        const CALM: Duration = Duration::from_secs(1);
        match self {
            Self::Connecting(state) => (state.shaking().into_iter().collect(), HURRY),
            Self::Connected(state) => (vec![state.slot], CALM),
            Self::Switching(state) => (std::iter::once(state.old.slot).chain(state.shaking()).collect(), HURRY),
            Self::Disconnected(_) | Self::Disconnecting(_) | Self::Blocked(_) => (Vec::new(), CALM),
        }
    }

    /// The state as published.
    #[must_use]
    pub fn view(&self) -> View {
        match self {
            Self::Disconnected(state) => View { failure: state.failure.clone(), ..View::new(Phase::Disconnected) },
            Self::Connecting(state) => {
                View { lane: Some(state.plan.lane), held: state.is_held(), ..View::new(Phase::Connecting) }
            }
            Self::Connected(state) => state.view(Phase::Connected),
            Self::Switching(state) => {
                View { failure: None, target: Some(state.plan.lane), ..state.old.view(Phase::Switching) }
            }
            Self::Disconnecting(_) => View::new(Phase::Disconnecting),
            Self::Blocked(state) => state.view(),
        }
    }
}

/// The states by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is up.
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub held: bool,
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
    pub const fn new(phase: Phase) -> Self {
        Self {
            phase,
            lane: None,
            target: None,
            since: None,
            observed: Observation {
                handshake_age: None,
                transfer: tornado_shared::model::Transfer { rx_bytes: 0, tx_bytes: 0 },
                no_network: false,
            },
            stale: false,
            backend: None,
            endpoint: None,
            addresses: Vec::new(),
            names: Vec::new(),
            held: false,
            preshared: false,
            failure: None,
            disturbed: None,
            disturbances: 0,
            blocked: None,
        }
    }
}
