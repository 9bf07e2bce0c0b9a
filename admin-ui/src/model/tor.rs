//! The tor lane and its Tor processes.

use super::{Condition, Values};
use crate::model::overview::Gate;
use serde::{Deserialize, Serialize};

/// Everything on the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tor {
    /// State of the lane.
    pub gate: Gate,
    /// Reason for the state, as the server names it.
    pub gate_reason: String,
    /// Since when, in seconds.
    pub since_s: Option<u64>,
    /// State of the lane in the kernel, while `wg` responds.
    pub applied: Option<Gate>,
    /// Devices with a session on it, if known.
    pub devices: Option<u64>,
    /// Whether Tor is to run.
    pub is_process_desired: bool,
    /// Whether the lane is to be open.
    pub is_lane_desired: bool,
    /// How the process is.
    pub process: Condition,
    /// Its state, as the server names it, and the reason.
    pub process_state: String,
    /// How long it has run.
    pub up_s: Option<u64>,
    /// Progress of the start in percent, and Tor's words for it.
    pub bootstrap: (u64, String),
    /// The latest probe.
    pub probe: Option<Probe>,
    /// Whether the canary is healthy, if known.
    pub is_canary_healthy: Option<bool>,
    /// Version of Tor, if it runs.
    pub version: Option<String>,
    /// Open streams.
    pub streams: u64,
    /// Bytes of the process since its start: read, written.
    pub traffic: (u64, u64),
    /// Circuits in use; none: they cannot be read.
    pub circuits: Option<Vec<Circuit>>,
    /// Exit relays by country, most first.
    pub exits: Vec<(String, u64)>,
    /// Tor processes of exit countries in use.
    pub countries: Vec<CountryTor>,
    /// Latest lines of Tor's log, newest first.
    pub log: Vec<String>,
    /// Open streams in the last hour.
    pub streams_course: Values,
    /// Progress of the start in percent, in the last hour.
    pub bootstrap_course: Values,
    /// When the values were read.
    pub as_of: i64,
}

/// A probe through Tor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Whether an exit responded.
    pub is_ok: bool,
    /// When it ended.
    pub at: i64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Country of the exit, or the reason of the failure.
    pub detail: String,
}

/// A circuit. Which device uses it is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// Number that Tor gave it.
    pub id: String,
    /// State.
    pub condition: Condition,
    /// Nickname and country of each relay, guard first.
    pub path: Vec<(String, Option<String>)>,
    /// Purpose, in Tor's words.
    pub purpose: String,
}

/// The Tor process of an exit country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountryTor {
    /// Two letters.
    pub country: String,
    /// How it is.
    pub condition: Condition,
    /// Progress of its start in percent.
    pub percent: u64,
    /// Whether a device has chosen the country.
    pub is_used: bool,
}
