//! What a person chooses about the window.

use crate::Lane;
use serde::{Deserialize, Serialize};

/// Light or dark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the system.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

/// A language of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// German.
    De,
    /// Spanish.
    Es,
    /// Persian.
    Fa,
}

/// The preferences. Fields that an older file lacks have their defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Preferences {
    /// Light or dark.
    pub theme: Theme,
    /// The language; `None` for that of the system, or English.
    pub language: Option<Language>,
    /// Connects on the lane that was used last when the program starts.
    pub connect_at_start: bool,
    /// Starts hidden in the tray when the person logs in to this machine.
    pub start_at_login: bool,
    /// Disconnects when the program is quit. Otherwise the tunnel stays.
    pub disconnect_at_quit: bool,
    /// The lane of the latest tunnel. The program sets it; the window's value is ignored.
    pub last_lane: Option<Lane>,
}

/// What the window receives when it opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The preferences.
    pub preferences: Preferences,
    /// Language of the system; `None` for one that the window does not have.
    pub system_language: Option<Language>,
    /// Proposed name of this device, from the machine's host name; empty if that is unusable.
    pub device: String,
    /// Version of the program.
    pub version: String,
    /// An invitation link that the program was started with.
    pub invitation: Option<String>,
}

/// The words of the tray's menu, in the language of the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrayWords {
    /// The states by name.
    pub connected: String,
    /// Not connected.
    pub disconnected: String,
    /// A tunnel is being set up, switched or removed.
    pub pending: String,
    /// All traffic is blocked.
    pub blocked: String,
    /// The server does not respond over the tunnel.
    pub silent: String,
    /// The helper does not respond.
    pub absent: String,
    /// Connects.
    pub connect: String,
    /// Disconnects.
    pub disconnect: String,
    /// Name of the direct lane.
    pub direct: String,
    /// Name of the tor lane.
    pub tor: String,
    /// Requests new circuits.
    pub new_identity: String,
    /// Shows the window.
    pub show: String,
    /// Ends the program.
    pub quit: String,
}

impl Default for TrayWords {
    /// In English, until the window has sent its own.
    fn default() -> Self {
        let own = |text: &str| text.to_owned();
        Self {
            connected: own("Connected"),
            disconnected: own("Not connected"),
            pending: own("Under way"),
            blocked: own("Blocked"),
            silent: own("No response"),
            absent: own("The helper does not respond"),
            connect: own("Connect"),
            disconnect: own("Disconnect"),
            direct: own("Direct"),
            tor: own("Tor"),
            new_identity: own("New identity"),
            show: own("Show window"),
            quit: own("Quit"),
        }
    }
}
