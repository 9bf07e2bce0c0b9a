//! The server's keys: their ages, their rotation, their check. Never the keys themselves.

use super::{Acting, AuthError};
use crate::ServiceName;
use serde::{Deserialize, Serialize};
use tornado_rpc::NoInput;
use tornado_shared::model::UnixSeconds;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// Signs access tokens.
    Access,
    /// Signs refresh tokens.
    Refresh,
    /// Opens login envelopes of version 1.
    LoginV1,
    /// Opens login envelopes of version 2.
    LoginV2,
}

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPhase {
    /// Published, so that all learn it, but not used yet.
    Next,
    /// Signs, or is offered to devices.
    Current,
    /// Only checks or opens what was made with it before.
    VerifyOnly,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Its number, public.
    pub id: String,
    /// What it is for.
    pub usage: KeyUse,
    /// Where it stands.
    pub phase: KeyPhase,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it is or was first used.
    pub active_from: UnixSeconds,
    /// When it is removed: nothing made with it is good any more. `None`: not before it has a successor.
    pub gone_at: Option<UnixSeconds>,
}

/// All keys and the next rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// The server's clock.
    pub now: UnixSeconds,
    /// The keys, by use, newest first.
    pub keys: Vec<KeyInfo>,
    /// When the signing keys are next rotated by themselves; `None`: never.
    pub next_rotation: Option<UnixSeconds>,
    /// Seconds for which a new key is published before it is used.
    pub lead: i64,
    /// True while a rotation is under way.
    pub rotating: bool,
    /// SHA-256 of the certificate's key, as attested by the identity; lower-case hex.
    pub tls: Option<String>,
}

/// What the check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCheck {
    /// Key files read.
    pub files: usize,
    /// What is wrong, in words; empty: nothing.
    pub problems: Vec<String>,
}

tornado_rpc::contract! {
    /// Keys.
    trait KeyRing, client KeyRingClient, error AuthError, callers ServiceName {
        /// Ages, phases, next rotation.
        status(Acting<NoInput>) -> KeyStatus = POST "/v1/keyring", within 15, up to 4_096, for [Admin];
        /// New signing and login keys. Nobody is logged out: the old ones check what they signed.
        rotate(Acting<NoInput>) -> KeyStatus = POST "/v1/keyring/rotate", within 15, up to 4_096, for [Admin];
        /// Reads every key file again, signs and checks with each, compares with what is in use.
        check(Acting<NoInput>) -> KeyCheck = POST "/v1/keyring/check", within 15, up to 4_096, for [Admin];
    }
}
