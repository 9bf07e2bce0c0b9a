//! The tunnel's state machine. Pure: events and the time go in, the next state and effects come out.
//!
//! ```text
//!   disconnected ──connect──▶ connecting ──handshake, routes──▶ connected ⇄ switching
//!        ▲                        │                                │            │
//!        └──────────────── disconnecting ◀────────────────────────┴────────────┘
//!                                                                     link lost │
//!                          connecting ◀──connect── blocked(reason) ◀───────────┘
//! ```
//!
//! *Blocked* holds all traffic back: it is entered by a tunnel that fell without being asked to, and by a start that
//! finds a tunnel wanted or cannot find out what is wanted. Only a handshake or somebody's wish for no tunnel ends it.
//!
//! Invariants, which the property test below checks: a slot is brought up only while it is down; routes lead
//! only into a slot that is up; whatever happened, a torn-down tunnel leaves nothing.

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

/// How long a first handshake may take.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(4);

/// When a link that was not answered is made anew. One lost datagram must not fail a connect, and WireGuard itself
/// tries again only after 5 s (whitepaper §6.1, Rekey-Timeout).
pub const RETRY_AFTER: Duration = Duration::from_millis(1500);

/// Pauses after which the next of several endpoints is tried, while each in turn gives no answer. The first is short:
/// that a whole family carries no UDP is common. Later ones leave a slow path its time.
pub const NEXT_AFTER: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_millis(700), Duration::from_millis(900), Duration::from_millis(900)];

/// A handshake older than this is no sign of life: WireGuard rejects its keys after 180 s
/// (whitepaper §6.1, Reject-After-Time); the rest is the time a new one may take.
pub const STALE_AFTER: Duration = Duration::from_secs(195);

/// Where the tunnel is.
#[derive(Debug)]
pub enum State {
    /// Nothing is up.
    Disconnected(Disconnected),
    /// A link is being brought up; no route leads into it yet, and traffic is held back.
    Connecting(Connecting),
    /// Everything goes through the tunnel.
    Connected(Connected),
    /// Everything goes through the old tunnel while a new one is brought up.
    Switching(Box<Switching>),
    /// Everything of ours is being taken away.
    Disconnecting(Disconnecting),
    /// All traffic is held back.
    Blocked(Blocked),
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// Somebody wants a tunnel, or the same one with other parameters.
    Connect(Box<Plan>),
    /// Somebody wants the other lane of the same session.
    Switch(Lane),
    /// Somebody wants no tunnel.
    Disconnect,
    /// All traffic is to be held back.
    Block(Box<Hold>),
    /// The reason for the block is gone.
    Unblock,
    /// Answer to [`Effect::Up`].
    LinkUp(Slot, Result<Backend, String>),
    /// Answer to [`Effect::Route`].
    Routed(Slot, Result<(), String>),
    /// Answer to [`Effect::Hold`].
    Held(Result<(), String>),
    /// Answer to [`Effect::TearDown`].
    TornDown(Result<(), String>),
    /// Another program changed what holds, and it could not be put back.
    Disturbed(String),
    /// What a link says of itself; an error means that it is gone.
    Observed(Slot, Result<Observation, String>),
    /// The time named by [`State::poll_timeout`] has come.
    Timeout,
}

/// What is to be done, in this order.
#[derive(Debug)]
pub enum Effect {
    /// Bring a link up. Nothing is routed into it.
    Up(Box<Link>),
    /// Make the routing exactly this, which leads into that slot.
    Route(Slot, Box<Routing>),
    /// Make the routing exactly this, which leads nowhere.
    Hold(Box<Routing>),
    /// Take a link away that nothing is routed into.
    Remove(Slot),
    /// Take everything of ours away, known or found.
    TearDown,
}

/// Why a tunnel did not come up, or went down by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server never answered over the lane.
    #[error("no handshake over the {0} lane within 4 seconds; the network may block UDP, or the lane is down")]
    NoHandshake(Lane),
    /// The interface could not be made, or is gone.
    #[error("the network interface failed: {0}")]
    Link(String),
    /// The routes could not be set.
    #[error("the routes could not be set: {0}")]
    Routing(String),
}

/// A state and what is to be done to be in it.
pub type Next = (State, Vec<Effect>);

impl State {
    /// Where every tunnel starts: taking away what an earlier life may have left, or holding traffic back.
    #[must_use]
    pub fn start(hold: Option<Hold>) -> Next {
        match hold {
            None => Disconnecting::enter(disconnecting::Then::Rest(None)),
            Some(hold) => Blocked::enter(hold, None),
        }
    }

    /// Takes an event at a time.
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

    /// Which links are to be observed, and how often.
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

    /// What can be told about it.
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
    /// On the way up.
    Connecting,
    /// Up.
    Connected,
    /// Up, with another on the way.
    Switching,
    /// On the way down.
    Disconnecting,
    /// All traffic is held back.
    Blocked,
}

impl Phase {
    /// True when nothing will change by itself soon.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        match self {
            Self::Disconnected | Self::Connected | Self::Blocked => true,
            Self::Connecting | Self::Switching | Self::Disconnecting => false,
        }
    }
}

/// A state for showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Where it is.
    pub phase: Phase,
    /// The lane that carries traffic, or will.
    pub lane: Option<Lane>,
    /// The lane that is being switched to.
    pub target: Option<Lane>,
    /// Since when it carries traffic.
    pub since: Option<Instant>,
    /// Latest word of the link.
    pub observed: Observation,
    /// True when the latest handshake is too old to be a sign of life.
    pub stale: bool,
    /// Who moves the packets.
    pub backend: Option<Backend>,
    /// The server's end of the lane that carries traffic.
    pub endpoint: Option<SocketAddr>,
    /// This device's addresses on the lane that carries traffic.
    pub addresses: Vec<IpAddr>,
    /// The only resolvers that are asked; empty: the device's own settings stand.
    pub names: Vec<IpAddr>,
    /// True while nothing leaves this device but what the tunnel itself needs.
    pub held: bool,
    /// True when a preshared key protects it.
    pub preshared: bool,
    /// Why the latest attempt failed.
    pub failure: Option<Failure>,
    /// What another program did to the tunnel since the latest connect, for people.
    pub disturbed: Option<String>,
    /// How often such a thing was found.
    pub disturbances: u64,
    /// Why it is blocked.
    pub blocked: Option<BlockedReason>,
}

impl View {
    /// A phase of which nothing else is known.
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
