//! The life of a session as a pure state machine: `connecting → online ⇄ offline → closed`.
//!
//! Time is an argument; nothing here waits, calls or allocates. A transition consumes the old state and
//! says what changed. Whoever drives it asks [`Machine::poll_timeout`] when to call
//! [`Machine::handle_timeout`] next. Every deadline is computed from stored instants, so a restart in
//! between loses none.

mod closed;
mod connecting;
mod offline;
mod online;

#[cfg(test)]
mod tests;

pub use closed::Closed;
pub use connecting::Connecting;
pub use offline::Offline;
pub use online::Online;

use tornado_shared::model::{CloseReason, SessionState, UnixSeconds};

/// Clocks of two processes, read one after the other, may differ by so many seconds.
const SKEW: i64 = 5;

/// How long things may take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// Programming the lanes; what takes longer was given up half-way.
    pub connecting: i64,
    /// Online without a heartbeat.
    pub heartbeat_ttl: i64,
    /// Online without a handshake.
    pub handshake_ttl: i64,
    /// Offline before the session is closed.
    pub offline_grace: i64,
    /// Whole life, whatever happens.
    pub hard_ttl: i64,
}

impl Timers {
    /// The same for a session that lives until somebody ends it.
    #[must_use]
    pub const fn endless(self) -> Self {
        Self { offline_grace: i64::MAX, hard_ttl: i64::MAX, ..self }
    }
}

/// Signs of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs {
    /// When the session was made.
    pub started_at: UnixSeconds,
    /// Latest heartbeat; the connect counts as one.
    pub last_heartbeat: UnixSeconds,
    /// Latest WireGuard handshake on either lane.
    pub latest_handshake: Option<UnixSeconds>,
    /// No silence before this instant counts. Set after a restart of the service, which could not hear heartbeats
    /// while it was away, and after a jump of the clock: neither is a fault of the device.
    pub heard_from: UnixSeconds,
}

impl Signs {
    /// Signs of a session that starts now.
    #[must_use]
    pub const fn first(now: UnixSeconds) -> Self {
        Self { started_at: now, last_heartbeat: now, latest_handshake: None, heard_from: now }
    }

    fn hard_end(&self, timers: &Timers) -> UnixSeconds {
        self.started_at.saturating_add(timers.hard_ttl)
    }

    /// When silence makes the session offline.
    fn silent_at(&self, timers: &Timers) -> UnixSeconds {
        let heartbeat = self.last_heartbeat.max(self.heard_from).saturating_add(timers.heartbeat_ttl);
        match self.latest_handshake {
            Some(handshake) => heartbeat.max(handshake.saturating_add(timers.handshake_ttl)),
            None => heartbeat,
        }
    }

    /// Instants never go back, and none lies in the future.
    fn hear_heartbeat(&mut self, now: UnixSeconds) {
        self.last_heartbeat = self.last_heartbeat.max(now);
    }

    /// One from the future was noted before the clock was set back: nobody knows how old it is.
    fn hear_handshake(&mut self, at: UnixSeconds, now: UnixSeconds) {
        if at <= now.saturating_add(SKEW) {
            self.latest_handshake = self.latest_handshake.max(Some(at.min(now)));
        }
    }

    /// As known from `now` on: no instant lies in the future, and no silence before counts.
    #[must_use]
    pub fn anew(self, now: UnixSeconds) -> Self {
        Self {
            started_at: self.started_at,
            last_heartbeat: self.last_heartbeat.min(now),
            latest_handshake: self.latest_handshake.map(|at| at.min(now)),
            heard_from: now,
        }
    }
}

/// What a transition changed, for events and for the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Online for the first time.
    Created,
    /// No sign of life: the peers go.
    WentOffline,
    /// A sign of life after that: the peers are back.
    Recovered,
    /// Over.
    Closed(CloseReason),
}

/// A session in one of its states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// Addresses are leased, peers are being programmed.
    Connecting(Connecting),
    /// Alive.
    Online(Online),
    /// Silent; lease and session are kept for the grace time.
    Offline(Offline),
    /// Over.
    Closed(Closed),
}

/// A state after a step, and what the step changed.
pub type Step = (Machine, Option<Change>);

impl Machine {
    /// A session that starts now.
    #[must_use]
    pub const fn connect(now: UnixSeconds) -> Self {
        Self::Connecting(Connecting { signs: Signs::first(now) })
    }

    /// A session as it was stored. `offline_since` counts in state `Offline` only.
    #[must_use]
    pub fn restore(state: SessionState, signs: Signs, offline_since: Option<UnixSeconds>) -> Self {
        match state {
            SessionState::Connecting => Self::Connecting(Connecting { signs }),
            SessionState::Online => Self::Online(Online { signs }),
            SessionState::Offline => {
                Self::Offline(Offline { signs, since: offline_since.unwrap_or(signs.last_heartbeat) })
            }
            SessionState::Closed => Self::Closed(Closed { signs, reason: CloseReason::Failed }),
        }
    }

    /// The visible state.
    #[must_use]
    pub const fn state(&self) -> SessionState {
        match self {
            Self::Connecting(_) => SessionState::Connecting,
            Self::Online(_) => SessionState::Online,
            Self::Offline(_) => SessionState::Offline,
            Self::Closed(_) => SessionState::Closed,
        }
    }

    /// Signs of life so far.
    #[must_use]
    pub const fn signs(&self) -> &Signs {
        match self {
            Self::Connecting(state) => &state.signs,
            Self::Online(state) => &state.signs,
            Self::Offline(state) => &state.signs,
            Self::Closed(state) => &state.signs,
        }
    }

    /// Since when it is offline.
    #[must_use]
    pub const fn offline_since(&self) -> Option<UnixSeconds> {
        match self {
            Self::Offline(state) => Some(state.since),
            Self::Connecting(_) | Self::Online(_) | Self::Closed(_) => None,
        }
    }

    /// The clock jumped, to `now`. Durations that it measured are void; the hard end stays.
    #[must_use]
    pub fn clock_jumped(self, now: UnixSeconds) -> Self {
        match self {
            Self::Connecting(state) => Self::Connecting(Connecting { signs: state.signs.anew(now) }),
            Self::Online(state) => Self::Online(Online { signs: state.signs.anew(now) }),
            Self::Offline(state) => {
                Self::Offline(Offline { signs: state.signs.anew(now), since: state.since.min(now) })
            }
            Self::Closed(_) => self,
        }
    }

    /// Both lanes carry the peer now.
    #[must_use]
    pub fn programmed(self) -> Step {
        match self {
            Self::Connecting(state) => state.programmed(),
            Self::Online(_) | Self::Offline(_) | Self::Closed(_) => (self, None),
        }
    }

    /// A heartbeat came.
    #[must_use]
    pub fn heartbeat(self, now: UnixSeconds, timers: &Timers) -> Step {
        if let Some(over) = self.past_hard_end(now, timers) {
            return over;
        }
        match self {
            Self::Connecting(_) | Self::Closed(_) => (self, None),
            Self::Online(state) => state.heartbeat(now),
            Self::Offline(state) => state.heartbeat(now),
        }
    }

    /// An interface reports a handshake that ended at `at`. Only an online session has peers, so
    /// news for any other is late and changes nothing.
    #[must_use]
    pub fn handshake(self, at: UnixSeconds, now: UnixSeconds) -> Self {
        match self {
            Self::Online(state) => state.handshake(at, now),
            Self::Connecting(_) | Self::Offline(_) | Self::Closed(_) => self,
        }
    }

    /// The same for a device whose peers stay while it is silent: a young handshake brings it back.
    #[must_use]
    pub fn back_by_handshake(self, at: UnixSeconds, now: UnixSeconds, timers: &Timers) -> Self {
        match self {
            Self::Offline(state) => state.handshake(at, now, timers),
            Self::Connecting(_) | Self::Online(_) | Self::Closed(_) => self,
        }
    }

    /// When [`Machine::handle_timeout`] has something to do. `None`: never.
    #[must_use]
    pub fn poll_timeout(&self, timers: &Timers) -> Option<UnixSeconds> {
        let deadline = match self {
            Self::Connecting(state) => state.deadline(timers),
            Self::Online(state) => state.signs.silent_at(timers),
            Self::Offline(state) => state.expires_at(timers),
            Self::Closed(_) => return None,
        };
        Some(deadline.min(self.signs().hard_end(timers)))
    }

    /// Does what is due at `now`; one step at a time, so call it until nothing changes.
    #[must_use]
    pub fn handle_timeout(self, now: UnixSeconds, timers: &Timers) -> Step {
        if let Some(over) = self.past_hard_end(now, timers) {
            return over;
        }
        match self {
            Self::Connecting(state) => state.handle_timeout(now, timers),
            Self::Online(state) => state.handle_timeout(now, timers),
            Self::Offline(state) => state.handle_timeout(now, timers),
            Self::Closed(_) => (self, None),
        }
    }

    /// Ends it. The first reason stays.
    #[must_use]
    pub fn close(self, reason: CloseReason) -> Step {
        match self {
            Self::Closed(_) => (self, None),
            Self::Connecting(_) | Self::Online(_) | Self::Offline(_) => Closed::because(*self.signs(), reason),
        }
    }

    fn past_hard_end(&self, now: UnixSeconds, timers: &Timers) -> Option<Step> {
        match self {
            Self::Closed(_) => None,
            Self::Connecting(_) | Self::Online(_) | Self::Offline(_) => {
                (now >= self.signs().hard_end(timers)).then(|| self.close(CloseReason::HardLimit))
            }
        }
    }
}
