//! The tor lane of one device: where it leaves Tor, by which relays, and where it may wish to.

use crate::api::LaneState;
use crate::model::{CountryCode, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Answer to `GET /v2/tor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorView {
    /// The lane as it is for every device.
    pub lane: LaneState,
    /// Where this device wishes to leave Tor; none: anywhere.
    #[serde(default)]
    pub exit: Option<CountryCode>,
    /// True while what this device sends is carried: the lane is open, and so is the way to the chosen country.
    pub ready: bool,
    /// Why it is not, in plain words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// Countries to choose from, the widest first; empty while Tor does not know.
    pub countries: Vec<ExitOffer>,
    /// How this device's latest connection went through Tor.
    #[serde(default)]
    pub path: Option<TorPath>,
    /// Why there is none, in plain words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_path: Option<String>,
}

/// A country that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitOffer {
    /// Which.
    pub country: CountryCode,
    /// Number of exits there.
    pub exits: u32,
}

/// A circuit that carried something of this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorPath {
    /// The exit's address in the network's directory; most exits are seen by servers under it.
    #[serde(default)]
    pub exit_address: Option<IpAddr>,
    /// Country of that address.
    #[serde(default)]
    pub exit_country: Option<CountryCode>,
    /// The relays, guard first, exit last.
    pub hops: Vec<TorHop>,
    /// When the latest connection of the device began on it.
    pub since: UnixSeconds,
}

/// A relay of a circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorHop {
    /// Its place.
    pub role: TorHopRole,
    /// Its name for itself.
    pub nickname: String,
    /// Where it is, when Tor knows.
    #[serde(default)]
    pub country: Option<CountryCode>,
}

/// A relay's place in a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TorHopRole {
    /// First; a bridge is one too.
    Guard,
    /// Between.
    Middle,
    /// Last.
    Exit,
}

/// Body of `PUT /v2/tor/exit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChooseExit {
    /// Where this device wishes to leave Tor from now on, also after it connected anew; none: anywhere.
    #[serde(deserialize_with = "Option::deserialize")]
    pub country: Option<CountryCode>,
}
