//! The server's keys: age, rotation and check. Key material never crosses this contract.

use super::acting::Acting;
use super::error::AuthError;
use crate::ServiceName;
use serde::{Deserialize, Serialize};
use tornado_rpc::NoInput;
use tornado_shared::model::UnixSeconds;

/// Purpose of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// Signs access tokens.
    Access,
    /// Signs refresh tokens.
    Refresh,
    /// Decrypts login envelopes of version 1.
    LoginV1,
    /// Decrypts login envelopes of version 2.
    LoginV2,
}

words!(KeyUse {
    Access = "access tokens",
    Refresh = "refresh tokens",
    LoginV1 = "login v1",
    LoginV2 = "login v2",
});

/// Phase in the life of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPhase {
    /// Published to every service, not in use yet.
    Next,
    /// Signs, or is offered to devices.
    Current,
    /// Verifies or decrypts what was made with it earlier.
    VerifyOnly,
}

words!(KeyPhase { Next = "next", Current = "current", VerifyOnly = "verify only" });

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Public id.
    pub id: String,
    /// Purpose.
    pub usage: KeyUse,
    /// Current phase.
    pub phase: KeyPhase,
    /// Creation time.
    pub created_at: UnixSeconds,
    /// Time from which the key is or was in use.
    pub active_from: UnixSeconds,
    /// Time of removal, after which everything made with it is invalid. `None`: the key has no successor yet.
    pub gone_at: Option<UnixSeconds>,
}

/// All keys and the next rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// The server's current time.
    pub now: UnixSeconds,
    /// The keys, grouped by purpose, newest first.
    pub keys: Vec<KeyInfo>,
    /// Time of the next scheduled rotation of the signing keys; `None`: rotation is manual.
    pub next_rotation: Option<UnixSeconds>,
    /// Seconds between publication and first use of a new key.
    pub lead: i64,
    /// True while a rotation is in progress.
    pub rotating: bool,
    /// SHA-256 of the TLS certificate's key, as attested by the server identity; lower-case hex.
    pub tls: Option<String>,
}

/// Result of a key check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCheck {
    /// Key files read.
    pub files: usize,
    /// Descriptions of the problems found.
    pub problems: Vec<String>,
}

tornado_rpc::contract! {
    /// Key management.
    trait KeyRing, client KeyRingClient, error AuthError, callers ServiceName {
        /// Ages and phases of the keys, and the next rotation.
        key_status(Acting<NoInput>) -> KeyStatus = POST "/v1/keyring", within 15, up to 4_096, for [Admin];
        /// Creates new signing and login keys. No login ends: the previous keys still verify what they signed.
        rotate_keys(Acting<NoInput>) -> KeyStatus = POST "/v1/keyring/rotate", within 15, up to 4_096, for [Admin];
        /// Reads every key file, signs and verifies with each key, and compares the result with the keys in memory.
        check_keys(Acting<NoInput>) -> KeyCheck = POST "/v1/keyring/check", within 15, up to 4_096, for [Admin];
    }
}
