//! What the window shows.

use crate::Lane;
use crate::protection::{Lockdown, Portal};
use serde::{Deserialize, Serialize};

/// Whether the helper responds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Helper {
    /// No response yet.
    #[default]
    Waiting,
    /// The rest of the view is its status.
    Running,
    /// It does not run, or the connection to it was lost. The text says why.
    Absent(String),
    /// This user may not use it. The text says why.
    Forbidden(String),
}

/// The enrolled account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Name of its profile.
    pub profile: String,
    /// The server's name or address, without the port.
    pub server: String,
    /// Name of the account.
    pub user: String,
    /// Name of this device.
    pub device: String,
    /// The sign-in is valid as far as the helper knows.
    pub is_signed_in: bool,
}

/// State of the tunnel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// There is no tunnel.
    #[default]
    Disconnected,
    /// The tunnel is being set up.
    Connecting,
    /// A handshake was seen, and traffic goes through the tunnel.
    Connected,
    /// Traffic goes through the old lane until the new one works.
    Switching,
    /// The tunnel is being removed.
    Disconnecting,
    /// All traffic is blocked.
    Blocked,
}

/// A lane as the server reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneCondition {
    /// It carries traffic.
    Open,
    /// Closed by an operator for now.
    Maintenance,
    /// It carries no traffic.
    Closed,
}

/// Whether the server's device API responds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// No call yet.
    #[default]
    Unknown,
    /// The latest call received a response.
    Reachable,
    /// The latest call failed.
    Unreachable,
}

/// A relay's position in a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The first relay.
    Guard,
    /// A relay in the middle.
    Middle,
    /// The last relay.
    Exit,
}

/// A relay of the circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// Its position.
    pub place: Place,
    /// Its nickname.
    pub name: String,
    /// Its country, two letters, if known.
    pub country: Option<String>,
}

/// An exit country that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Two letters.
    pub country: String,
    /// Number of exits.
    pub exits: u32,
}

/// Exit and circuit of this device on the tor lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The chosen country; `None` for any.
    pub country: Option<String>,
    /// True while traffic of this device is carried.
    pub is_ready: bool,
    /// Why the device has to wait, in English.
    pub waiting_for: Option<String>,
    /// Available countries, those with the most exits first.
    pub offers: Vec<Offer>,
    /// The circuit of the latest connection, guard first; empty if there was none.
    pub relays: Vec<Relay>,
    /// Address that servers see for most exits.
    pub address: Option<String>,
}

/// Usage of the account's monthly quota, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// The quota.
    pub limit: u64,
    /// What is left of it.
    pub left: u64,
    /// Start of the next month, seconds since 1970.
    pub renews_at: i64,
}

/// The latest problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Stable code.
    pub code: String,
    /// Description in English.
    pub detail: String,
    /// Seconds since 1970.
    pub at: i64,
}

/// The tunnel and what the server reports about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel {
    /// Its state.
    pub phase: Phase,
    /// Why traffic is blocked, in English.
    pub reason: Option<String>,
    /// The lane that carries the traffic, or will carry it.
    pub lane: Option<Lane>,
    /// The target of a switch in progress.
    pub target: Option<Lane>,
    /// State of the lane; `None` if the server did not report it.
    pub condition: Option<LaneCondition>,
    /// Exit and circuit on the tor lane.
    pub exit: Option<Exit>,
    /// The server's address and port that carry the traffic.
    pub endpoint: Option<String>,
    /// This device's addresses on the lane.
    pub addresses: Vec<String>,
    /// The only resolvers that this machine queries; empty if its own settings apply.
    pub resolvers: Vec<String>,
    /// True while the kill switch blocks traffic outside of the tunnel.
    pub is_locked: bool,
    /// Traffic has gone through the tunnel since this time, seconds since 1970.
    pub since: Option<i64>,
    /// Seconds since the latest handshake; `None` before the first one.
    pub handshake_age: Option<u64>,
    /// The latest handshake is too old to prove that the tunnel works.
    pub is_silent: bool,
    /// Bytes received since the tunnel is up.
    pub received: u64,
    /// Bytes sent since the tunnel is up.
    pub sent: u64,
    /// A post-quantum preshared key protects the tunnel.
    pub has_preshared_key: bool,
}

/// What the window shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Whether the helper responds. If it does not, the rest is the last status received.
    pub helper: Helper,
    /// The enrolled account; `None` if this device is not enrolled.
    pub account: Option<Account>,
    /// The tunnel.
    pub tunnel: Tunnel,
    /// The choices about traffic outside the tunnel.
    pub lockdown: Lockdown,
    /// Networks that are reached outside the tunnel.
    pub excluded: Vec<String>,
    /// The captive portal that can be reached now.
    pub portal: Option<Portal>,
    /// The account's quota, if it has one and the server reported it.
    pub quota: Option<Quota>,
    /// Bytes that the account transferred this month, if the server reported it.
    pub month: Option<u64>,
    /// Whether the server's device API responds.
    pub control: Control,
    /// The latest problem.
    pub notice: Option<Notice>,
    /// The clock of this machine, seconds since 1970, when the view was made.
    pub now: i64,
}

impl View {
    /// Returns true if the status is one that the helper sent just now.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.helper == Helper::Running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_survives_the_way_to_the_window() {
        let view = View {
            helper: Helper::Absent("no socket".into()),
            account: Some(Account {
                profile: "default".into(),
                server: "vpn.example.net".into(),
                user: "ada".into(),
                device: "laptop".into(),
                is_signed_in: true,
            }),
            tunnel: Tunnel { phase: Phase::Switching, target: Some(Lane::Tor), ..Tunnel::default() },
            quota: Some(Quota { limit: 10, left: 3, renews_at: 0 }),
            ..View::default()
        };
        let text = serde_json::to_string(&view).unwrap();
        assert_eq!(serde_json::from_str::<View>(&text).unwrap(), view);
        assert!(!view.is_current());
    }
}
