//! Configuration of service `session`.

use crate::machine::Timers;
use serde::{Deserialize, Serialize};
use tornado_shared::model::{LanePools, PoolError, Slot};

/// Settings; every time in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// This gateway's name among those that share a database.
    pub node_id: String,
    /// Address pools of both lanes.
    pub pools: LanePools,
    /// A device sends a heartbeat each half of it; without one for this long it may be offline.
    pub heartbeat_ttl: u32,
    /// A WireGuard handshake younger than this is a sign of life too. WireGuard renews keys after 120 s
    /// of traffic and gives up after 180 s (the protocol's REJECT_AFTER_TIME).
    pub handshake_ttl: u32,
    /// An offline session is closed (`expired`) and its addresses are released after this long. Ten
    /// minutes carry a device through a tunnel, a lift or a short sleep; abandoned ones do not hoard addresses.
    pub offline_grace: u32,
    /// A session ends after this long whatever happens: 15 days.
    pub hard_ttl: u32,
    /// A released slot rests this long before another device gets it.
    pub quarantine: u32,
    /// Deadlines are looked at, and lanes compared with sessions, this often.
    pub sweep_interval: u32,
    /// The interfaces' counters are read this often; less often when reading is slow.
    pub stats_interval: u32,
    /// Signs of life and counters are written to disk this often.
    pub checkpoint_interval: u32,
    /// Connections that ended longer ago are dropped from the history: 90 days. Totals of accounts stay.
    pub history_days: u32,
    /// How often within a minute a device may have new circuits, by a new identity or another exit country.
    pub identity_changes: u32,
    /// Exit countries that the devices of one account may use at the same time, at least 1. Each needs a separate Tor,
    /// of which there are `[tor] max_countries` for all accounts.
    pub exit_countries: u32,
    /// Longest pause between attempts, milliseconds, while service `wg` does not respond. A restart of it is noticed by the
    /// end of a response that it holds.
    pub wg_poll_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            node_id: "main".into(),
            pools: LanePools::default(),
            heartbeat_ttl: 90,
            handshake_ttl: 180,
            offline_grace: 600,
            hard_ttl: 15 * 86_400,
            quarantine: 300,
            sweep_interval: 10,
            stats_interval: 2,
            checkpoint_interval: 30,
            history_days: 90,
            identity_changes: 20,
            exit_countries: 3,
            wg_poll_ms: 200,
        }
    }
}

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The address pools.
    #[error(transparent)]
    Pools(#[from] PoolError),
    /// A number out of its bounds.
    #[error("session.{field} must be {bounds}")]
    Bounds {
        /// The setting.
        field: &'static str,
        /// What it may be.
        bounds: &'static str,
    },
}

impl Config {
    /// Refuses what cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.pools.validate()?;
        let year = 366 * 86_400;
        let bounds = [
            ("node_id", (1..=64).contains(&self.node_id.len()), "1 to 64 characters long"),
            ("heartbeat_ttl", (2..=86_400).contains(&self.heartbeat_ttl), "2 to 86400 seconds"),
            ("handshake_ttl", self.handshake_ttl <= 86_400, "at most 86400 seconds"),
            ("offline_grace", self.offline_grace <= year, "at most a year"),
            ("hard_ttl", (self.heartbeat_ttl..=year).contains(&self.hard_ttl), "heartbeat_ttl to a year"),
            ("quarantine", self.quarantine <= year, "at most a year"),
            ("sweep_interval", (1..=300).contains(&self.sweep_interval), "1 to 300 seconds"),
            ("stats_interval", (1..=300).contains(&self.stats_interval), "1 to 300 seconds"),
            ("checkpoint_interval", (1..=300).contains(&self.checkpoint_interval), "1 to 300 seconds"),
            ("history_days", (1..=36_600).contains(&self.history_days), "1 to 36600 days"),
            ("identity_changes", (1..=10_000).contains(&self.identity_changes), "1 to 10000 a minute"),
            ("exit_countries", (1..=64).contains(&self.exit_countries), "1 to 64"),
            ("wg_poll_ms", (10..=10_000).contains(&self.wg_poll_ms), "10 to 10000 milliseconds"),
        ];
        match bounds.into_iter().find(|(_, good, _)| !good) {
            Some((field, _, bounds)) => Err(ConfigError::Bounds { field, bounds }),
            None => Ok(()),
        }
    }

    /// The timers of the state machine.
    #[must_use]
    pub fn timers(&self) -> Timers {
        Timers {
            // Three times the longest connect, so that none is given up while it works.
            connecting: 30,
            heartbeat_ttl: self.heartbeat_ttl.into(),
            handshake_ttl: self.handshake_ttl.into(),
            offline_grace: self.offline_grace.into(),
            hard_ttl: self.hard_ttl.into(),
        }
    }

    /// First and last slot that devices may have.
    #[must_use]
    pub fn slots(&self) -> (Slot, Slot) {
        (Slot::FIRST, self.pools.last_device_slot())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_hold_and_nonsense_is_refused() {
        assert_eq!(Config::default().validate(), Ok(()));
        let wrong = Config { sweep_interval: 0, ..Config::default() };
        assert_eq!(wrong.validate(), Err(ConfigError::Bounds { field: "sweep_interval", bounds: "1 to 300 seconds" }));
    }
}
