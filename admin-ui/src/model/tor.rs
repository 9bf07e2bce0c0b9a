//! The tor lane and its Tor processes.

use super::Condition;
use crate::model::overview::{Event, Gate};
use serde::{Deserialize, Serialize};

/// Everything on the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tor {
    /// State of the lane.
    pub gate: Gate,
    /// Since when, in seconds.
    pub since_s: Option<u64>,
    /// Devices with a session on it.
    pub devices: u64,
    /// Whether Tor is to run.
    pub is_process_desired: bool,
    /// Whether the lane is to be open.
    pub is_lane_desired: bool,
    /// Desired and actual state, one after the other.
    pub states: Vec<DesiredActual>,
    /// Progress of the start in percent, and Tor's words for it.
    pub bootstrap: (u64, String),
    /// Circuits in use.
    pub circuits: Vec<Circuit>,
    /// Exit relays by country, most first.
    pub exits: Vec<(String, u64)>,
    /// Latest lines of Tor's log, newest first.
    pub log: Vec<Event>,
    /// When the values were read.
    pub as_of: i64,
}

/// Something that is requested, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredActual {
    /// What.
    pub name: String,
    /// The desired state, in the server's words.
    pub desired: String,
    /// The actual state, in the server's words.
    pub actual: String,
    /// Whether they agree.
    pub condition: Condition,
}

/// A circuit. Which device uses it is not shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// Number that Tor gave it.
    pub id: String,
    /// State.
    pub condition: Condition,
    /// Countries of guard, middle and exit.
    pub countries: Vec<String>,
    /// Purpose, in Tor's words.
    pub purpose: String,
    /// Age in seconds.
    pub age_s: u64,
}
