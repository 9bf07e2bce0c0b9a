//! What is allowed, as data.

use crate::{Config, Error};
use tornado_shared::model::{Lane, LaneAddresses, LanePool, Slot};

/// State of the tor lane. The ruleset jumps to the state's own chains, so a change of state is one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TorLane {
    /// Nothing passes: Tor is not there yet.
    Closed,
}

/// One lane's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneRules {
    /// The interface's name.
    pub(crate) interface: String,
    /// Addresses of its devices.
    pub(crate) pool: LanePool,
    /// The server's own addresses on it.
    pub(crate) gateway: LaneAddresses,
}

/// Everything the ruleset depends on.
///
/// The invariants: devices reach neither each other nor the server, but for echo and the device API on the
/// direct lane; the tor lane is never forwarded; no packet leaves or enters the host elsewhere with an
/// address of a lane. What other interfaces do among themselves is not touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The table's name in family `inet`.
    pub(crate) table: String,
    /// Direct lane.
    pub(crate) direct: LaneRules,
    /// Tor lane.
    pub(crate) tor: LaneRules,
    /// State of the tor lane.
    pub(crate) tor_state: TorLane,
    /// TCP port of the device API.
    pub(crate) api_port: u16,
    /// Inner MTU of both lanes, bytes.
    pub(crate) mtu: u16,
}

impl Policy {
    /// The policy of a configuration, tor lane closed.
    pub(crate) fn of(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            table: config.table.clone(),
            direct: lane_rules(config, Lane::Direct)?,
            tor: lane_rules(config, Lane::Tor)?,
            tor_state: TorLane::Closed,
            api_port: config.api_port,
            mtu: config.mtu,
        })
    }

    /// Largest TCP segments that fit into the lanes: MTU less the headers of IP and TCP without options.
    #[must_use]
    pub(crate) const fn max_segments(&self) -> (u16, u16) {
        (self.mtu.saturating_sub(20 + 20), self.mtu.saturating_sub(40 + 20))
    }
}

fn lane_rules(config: &Config, lane: Lane) -> Result<LaneRules, Error> {
    let pool = *config.pools.of(lane);
    let gateway =
        pool.addresses(Slot::SERVER).ok_or_else(|| Error::Config(format!("the pool of the {lane} lane is empty")))?;
    Ok(LaneRules { interface: config.interface(lane).to_owned(), pool, gateway })
}
