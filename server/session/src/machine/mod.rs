//! Life of a session as a pure state machine: `connecting → online ⇄ offline → closed`.
//!
//! Time is an argument; nothing here waits, calls or allocates. A transition consumes the old state and returns what
//! changed. [`Machine::poll_timeout`] returns when to call [`Machine::handle_timeout`] next. Deadlines are computed
//! from stored timestamps, so a restart loses none.

mod activity;
mod closed;
mod connecting;
mod offline;
mod online;
mod states;

#[cfg(test)]
mod tests;

pub use activity::{Activity, Timers};
pub use states::{Change, Closed, Connecting, Machine, Offline, Online, Step};

use tornado_shared::model::{CloseReason, SessionState, UnixSeconds};

impl Machine {
    /// A session that starts now.
    #[must_use]
    #[cfg(test)]
    pub const fn connect(now: UnixSeconds) -> Self {
        Self::Connecting(Connecting { activity: Activity::first(now) })
    }

    /// Restores a stored session. `offline_since` is used in state `Offline` only.
    #[must_use]
    pub fn restore(state: SessionState, activity: Activity, offline_since: Option<UnixSeconds>) -> Self {
        match state {
            SessionState::Connecting => Self::Connecting(Connecting { activity }),
            SessionState::Online => Self::Online(Online { activity }),
            SessionState::Offline => {
                Self::Offline(Offline { activity, since: offline_since.unwrap_or(activity.last_heartbeat) })
            }
            SessionState::Closed => Self::Closed(Closed { activity, reason: CloseReason::Failed }),
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
    pub const fn activity(&self) -> &Activity {
        match self {
            Self::Connecting(state) => &state.activity,
            Self::Online(state) => &state.activity,
            Self::Offline(state) => &state.activity,
            Self::Closed(state) => &state.activity,
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
            Self::Connecting(state) => Self::Connecting(Connecting { activity: state.activity.restarted(now) }),
            Self::Online(state) => Self::Online(Online { activity: state.activity.restarted(now) }),
            Self::Offline(state) => {
                Self::Offline(Offline { activity: state.activity.restarted(now), since: state.since.min(now) })
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
    pub fn recover_by_handshake(self, at: UnixSeconds, now: UnixSeconds, timers: &Timers) -> Self {
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
            Self::Online(state) => state.activity.silent_at(timers),
            Self::Offline(state) => state.expires_at(timers),
            Self::Closed(_) => return None,
        };
        Some(deadline.min(self.activity().hard_end(timers)))
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
            Self::Connecting(_) | Self::Online(_) | Self::Offline(_) => Closed::because(*self.activity(), reason),
        }
    }

    fn past_hard_end(&self, now: UnixSeconds, timers: &Timers) -> Option<Step> {
        match self {
            Self::Closed(_) => None,
            Self::Connecting(_) | Self::Online(_) | Self::Offline(_) => {
                (now >= self.activity().hard_end(timers)).then(|| self.close(CloseReason::HardLimit))
            }
        }
    }
}
