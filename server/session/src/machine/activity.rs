//! Timestamps of a session's activity, and the limits that apply to them.

use tornado_shared::model::UnixSeconds;

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
pub struct Activity {
    /// Start of the session.
    pub started_at: UnixSeconds,
    /// Latest heartbeat. The connect counts as a heartbeat.
    pub last_heartbeat: UnixSeconds,
    /// Latest WireGuard handshake on either lane.
    pub latest_handshake: Option<UnixSeconds>,
    /// Silence before this time does not count. Set after a restart of the service, which could not receive heartbeats
    /// while it was down, and after a jump of the clock.
    pub silence_from: UnixSeconds,
}

impl Activity {
    /// Activity of a session that starts now.
    #[must_use]
    #[cfg(test)]
    pub const fn first(now: UnixSeconds) -> Self {
        Self { started_at: now, last_heartbeat: now, latest_handshake: None, silence_from: now }
    }

    pub(super) const fn hard_end(&self, timers: &Timers) -> UnixSeconds {
        self.started_at.saturating_add(timers.hard_ttl)
    }

    /// Time at which silence takes the session offline.
    pub(super) fn silent_at(&self, timers: &Timers) -> UnixSeconds {
        let heartbeat = self.last_heartbeat.max(self.silence_from).saturating_add(timers.heartbeat_ttl);
        match self.latest_handshake {
            Some(handshake) => heartbeat.max(handshake.saturating_add(timers.handshake_ttl)),
            None => heartbeat,
        }
    }

    /// Timestamps never go back and are never in the future.
    pub(super) fn record_heartbeat(&mut self, now: UnixSeconds) {
        self.last_heartbeat = self.last_heartbeat.max(now);
    }

    /// Ignores a handshake from the future: it was recorded before the clock was set back, so its age is unknown.
    pub(super) fn record_handshake(&mut self, at: UnixSeconds, now: UnixSeconds) {
        if at <= now.saturating_add(SKEW) {
            self.latest_handshake = self.latest_handshake.max(Some(at.min(now)));
        }
    }

    /// Restarts the timers at `now`: no timestamp is in the future, and earlier silence does not count.
    #[must_use]
    pub fn restarted(self, now: UnixSeconds) -> Self {
        Self {
            started_at: self.started_at,
            last_heartbeat: self.last_heartbeat.min(now),
            latest_handshake: self.latest_handshake.map(|at| at.min(now)),
            silence_from: now,
        }
    }
}
