//! Configuration of service `session`.

use crate::machine::Timers;
use serde::{Deserialize, Serialize};

/// A WireGuard handshake younger than this also keeps a session online, in seconds. WireGuard renews keys after 120 s
/// of traffic and drops them after 180 s (REJECT_AFTER_TIME).
const HANDSHAKE_TTL: i64 = 180;

/// Settings of service `session`. Times are in seconds unless noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of this gateway among those that share a database.
    pub node_id: String,
    /// Without a heartbeat for this long, a session may go offline. Devices send one every half of this time.
    pub heartbeat_ttl: u32,
    /// An offline session is closed (`expired`) and its addresses are released after this long. Ten minutes let a
    /// device survive a dead spot or a short sleep, and abandoned sessions do not hold addresses for long.
    pub offline_grace: u32,
    /// Longest life of a session; 15 days by default.
    pub hard_ttl: u32,
    /// Rest time of a released slot before another device receives it.
    pub quarantine: u32,
    /// Interval of the sweep: deadlines, and the comparison of lanes and sessions.
    pub sweep_interval: u32,
    /// Interval between readings of the interface counters; longer if a reading is slow.
    pub stats_interval: u32,
    /// Interval at which activity and counters are written to the database.
    pub checkpoint_interval: u32,
    /// Days for which ended connections and the usage of each day are kept; 90 by default. Totals of accounts stay
    /// permanently.
    pub history_days: u32,
    /// How many times per minute a device may request new circuits, through a new identity or another exit country.
    pub identity_changes: u32,
    /// Exit countries that the devices of one account may use at the same time, at least 1. Each one needs a separate
    /// Tor process; `[tor] max_countries` limits them for all accounts together.
    pub exit_countries: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            node_id: "main".into(),
            heartbeat_ttl: 90,
            offline_grace: 600,
            hard_ttl: 15 * 86_400,
            quarantine: 300,
            sweep_interval: 10,
            stats_interval: 2,
            checkpoint_interval: 30,
            history_days: 90,
            identity_changes: 20,
            exit_countries: 3,
        }
    }
}

/// A setting is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("session.{field} must be {bounds}")]
pub struct ConfigError {
    field: &'static str,
    bounds: &'static str,
}

impl Config {
    /// Checks the ranges.
    ///
    /// # Errors
    /// When a setting is invalid.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let year = 366 * 86_400;
        let bounds = [
            ("node_id", (1..=64).contains(&self.node_id.len()), "1 to 64 characters long"),
            ("heartbeat_ttl", (2..=86_400).contains(&self.heartbeat_ttl), "2 to 86400 seconds"),
            ("offline_grace", self.offline_grace <= year, "at most a year"),
            ("hard_ttl", (self.heartbeat_ttl..=year).contains(&self.hard_ttl), "heartbeat_ttl to a year"),
            ("quarantine", self.quarantine <= year, "at most a year"),
            ("sweep_interval", (1..=300).contains(&self.sweep_interval), "1 to 300 seconds"),
            ("stats_interval", (1..=300).contains(&self.stats_interval), "1 to 300 seconds"),
            ("checkpoint_interval", (1..=300).contains(&self.checkpoint_interval), "1 to 300 seconds"),
            ("history_days", (1..=36_600).contains(&self.history_days), "1 to 36600 days"),
            ("identity_changes", (1..=10_000).contains(&self.identity_changes), "1 to 10000 a minute"),
            ("exit_countries", (1..=64).contains(&self.exit_countries), "1 to 64"),
        ];
        match bounds.into_iter().find(|(_, good, _)| !good) {
            Some((field, _, bounds)) => Err(ConfigError { field, bounds }),
            None => Ok(()),
        }
    }

    /// The timers of the state machine.
    #[must_use]
    pub fn timers(&self) -> Timers {
        Timers {
            // Three times the longest connect, so that no connect in progress is given up.
            connecting: 30,
            heartbeat_ttl: self.heartbeat_ttl.into(),
            handshake_ttl: HANDSHAKE_TTL,
            offline_grace: self.offline_grace.into(),
            hard_ttl: self.hard_ttl.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_values_out_of_range_are_rejected() {
        assert_eq!(Config::default().validate(), Ok(()));
        let wrong = Config { sweep_interval: 0, ..Config::default() };
        assert_eq!(wrong.validate(), Err(ConfigError { field: "sweep_interval", bounds: "1 to 300 seconds" }));
    }
}
