//! What the window and its program exchange: the view of the helper's status, requests, failures, preferences.
//!
//! The window renders a [`View`] and sends requests. It names no endpoint, file or command, and receives no secret but
//! that of a new second factor, which it shows once. The program (`desktop/gui`) converts to and from the helper's
//! contract. No I/O; also builds for wasm32.

#![forbid(unsafe_code)]

mod account;
mod preferences;
mod protection;
mod request;
mod view;

pub use account::{FactorOffer, Profile, Qr, Redaction};
pub use preferences::{Language, Preferences, Start, Theme, TrayWords};
pub use protection::{Lockdown, LockdownChange, LockdownMode, Portal};
pub use request::{Enrol, Failure, Invitation, SignIn};
pub use view::{
    Account, Control, Exit, Helper, LaneCondition, Notice, Offer, Phase, Place, Quota, Relay, Tunnel, View,
};

use serde::{Deserialize, Serialize};

/// A path choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Out through the server's uplink.
    Direct,
    /// Out through the Tor network.
    Tor,
}
