//! Life of a session as a pure state machine: `connecting → online ⇄ offline → closed`.
//!
//! Time is an argument; nothing here waits, calls or allocates. A transition consumes the old state and returns what
//! changed. [`Machine::poll_timeout`] tells the caller when to call [`Machine::handle_timeout`] next. Deadlines are
//! computed from stored timestamps, so a restart loses none.

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

/// Tolerated difference in seconds between clock readings of two processes.
const SKEW: i64 = 5;

/// Time limits in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// Time to add the peers; a longer connect counts as abandoned.
    pub connecting: i64,
    /// Time online after the last heartbeat.
    pub heartbeat_ttl: i64,
    /// Time online after the last handshake.
    pub handshake_ttl: i64,
    /// Time offline until the session is closed.
    pub offline_grace: i64,
    /// Longest life of a session.
    pub hard_ttl: i64,
}

impl Timers {
    /// The same limits for a session that ends only by an explicit close.
    #[must_use]
    pub const fn endless(self) -> Self {
        Self { offline_grace: i64::MAX, hard_ttl: i64::MAX, ..self }
    }
}

/// Timestamps of a session's activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signs {
    /// Start of the session.
    pub started_at: UnixSeconds,
    /// Latest heartbeat. The connect counts as a heartbeat.
    pub last_heartbeat: UnixSeconds,
    /// Latest WireGuard handshake on either lane.
    pub latest_handshake: Option<UnixSeconds>,
    /// Silence before this time does not count. Set after a restart of the service, which could not receive heartbeats
    /// while it was down, and after a jump of the clock.
    pub heard_from: UnixSeconds,
}

impl Signs {
    /// Activity of a session that starts now.
    #[must_use]
    pub const fn first(now: UnixSeconds) -> Self {
        Self { started_at: now, last_heartbeat: now, latest_handshake: None, heard_from: now }
    }

    fn hard_end(&self, timers: &Timers) -> UnixSeconds {
        self.started_at.saturating_add(timers.hard_ttl)
    }

    /// Time at which silence takes the session offline.
    fn silent_at(&self, timers: &Timers) -> UnixSeconds {
        let heartbeat = self.last_heartbeat.max(self.heard_from).saturating_add(timers.heartbeat_ttl);
        match self.latest_handshake {
            Some(handshake) => heartbeat.max(handshake.saturating_add(timers.handshake_ttl)),
            None => heartbeat,
        }
    }

    /// Timestamps never go back and are never in the future.
    fn hear_heartbeat(&mut self, now: UnixSeconds) {
        self.last_heartbeat = self.last_heartbeat.max(now);
    }

    /// Ignores a handshake from the future: it was recorded before the clock was set back, so its age is unknown.
    fn hear_handshake(&mut self, at: UnixSeconds, now: UnixSeconds) {
        if at <= now.saturating_add(SKEW) {
            self.latest_handshake = self.latest_handshake.max(Some(at.min(now)));
        }
    }

    /// Restarts the timers at `now`: no timestamp is in the future, and earlier silence does not count.
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

/// Change by a transition, for events and for the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Online for the first time.
    Created,
    /// No activity; the peers must be removed.
    WentOffline,
    /// Activity after that; the peers must be restored.
    Recovered,
    /// The session ended.
    Closed(CloseReason),
}

/// A session in one of its states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// Addresses are leased, and the peers are being added.
    Connecting(Connecting),
    /// Recent activity.
    Online(Online),
    /// No recent activity; lease and session are kept for the grace period.
    Offline(Offline),
    /// The session has ended.
    Closed(Closed),
}

/// The state after a transition, and its change.
pub type Step = (Machine, Option<Change>);

impl Machine {
    /// A session that starts now.
    #[must_use]
    pub const fn connect(now: UnixSeconds) -> Self {
        Self::Connecting(Connecting { signs: Signs::first(now) })
    }

    /// Restores a stored session. `offline_since` is used in state `Offline` only.
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

    /// The state without its data.
    #[must_use]
    pub const fn state(&self) -> SessionState {
        match self {
            Self::Connecting(_) => SessionState::Connecting,
            Self::Online(_) => SessionState::Online,
            Self::Offline(_) => SessionState::Offline,
            Self::Closed(_) => SessionState::Closed,
        }
    }

    /// Latest activity.
    #[must_use]
    pub const fn signs(&self) -> &Signs {
        match self {
            Self::Connecting(state) => &state.signs,
            Self::Online(state) => &state.signs,
            Self::Offline(state) => &state.signs,
            Self::Closed(state) => &state.signs,
        }
    }

    /// Start of the offline period.
    #[must_use]
    pub const fn offline_since(&self) -> Option<UnixSeconds> {
        match self {
            Self::Offline(state) => Some(state.since),
            Self::Connecting(_) | Self::Online(_) | Self::Closed(_) => None,
        }
    }

    /// Handles a jump of the clock to `now`. Durations measured across it are void; the hard limit stays.
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

    /// Both lanes now have the peer.
    #[must_use]
    pub fn programmed(self) -> Step {
        match self {
            Self::Connecting(state) => state.programmed(),
            Self::Online(_) | Self::Offline(_) | Self::Closed(_) => (self, None),
        }
    }

    /// Handles a heartbeat.
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

    /// Handles a handshake that completed at `at`. Only an online session has peers, so a report in any other state is
    /// late and changes nothing.
    #[must_use]
    pub fn handshake(self, at: UnixSeconds, now: UnixSeconds) -> Self {
        match self {
            Self::Online(state) => state.handshake(at, now),
            Self::Connecting(_) | Self::Offline(_) | Self::Closed(_) => self,
        }
    }

    /// The same for a device whose peers stay while it is silent: a recent handshake brings it back online.
    #[must_use]
    pub fn back_by_handshake(self, at: UnixSeconds, now: UnixSeconds, timers: &Timers) -> Self {
        match self {
            Self::Offline(state) => state.handshake(at, now, timers),
            Self::Connecting(_) | Self::Online(_) | Self::Closed(_) => self,
        }
    }

    /// Next time at which [`Machine::handle_timeout`] has work to do. `None`: never.
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

    /// Performs one transition that is due at `now`. Call it until nothing changes.
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

    /// Ends the session. A second call keeps the first reason.
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
