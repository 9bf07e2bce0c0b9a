//! The Tor state of one device: its exit, its circuit and the countries it may choose.

use crate::api::LaneState;
use crate::model::{CountryCode, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Response to `GET /v2/tor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorView {
    /// State of the lane, which is the same for all devices.
    pub lane: LaneState,
    /// The chosen exit country; `None` for any country.
    #[serde(default)]
    pub exit: Option<CountryCode>,
    /// True while traffic of this device is carried: the lane is open, and the path to the chosen country is ready.
    pub ready: bool,
    /// Why the device has to wait, as text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// Available countries, those with the most exits first; empty while Tor does not know its exits.
    pub countries: Vec<ExitOffer>,
    /// The circuit of this device's latest connection.
    #[serde(default)]
    pub path: Option<TorPath>,
    /// Why there is no circuit, as text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_path: Option<String>,
}

/// A country that can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitOffer {
    /// The country.
    pub country: CountryCode,
    /// Number of exits in the country.
    pub exits: u32,
}

/// A circuit that carried traffic of this device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorPath {
    /// The exit's address in the Tor directory, which is the address that servers see for most exits.
    #[serde(default)]
    pub exit_address: Option<IpAddr>,
    /// Country of that address.
    #[serde(default)]
    pub exit_country: Option<CountryCode>,
    /// The relays, guard first, exit last.
    pub hops: Vec<TorHop>,
    /// When the device's latest connection on this circuit began.
    pub since: UnixSeconds,
}

/// A relay of a circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorHop {
    /// The relay's position.
    pub role: TorHopRole,
    /// The relay's nickname.
    pub nickname: String,
    /// The relay's country, if Tor knows it.
    #[serde(default)]
    pub country: Option<CountryCode>,
}

/// A relay's position in a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TorHopRole {
    /// First relay; may be a bridge.
    Guard,
    /// Middle relay.
    Middle,
    /// Last relay.
    Exit,
}

/// Body of `PUT /v2/tor/exit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChooseExit {
    /// The country of this device's Tor exits from now on, also after a reconnect; `None` for any country.
    #[serde(deserialize_with = "Option::deserialize")]
    pub country: Option<CountryCode>,
}
