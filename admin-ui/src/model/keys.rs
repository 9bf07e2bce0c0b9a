//! Keys and certificates.

use serde::{Deserialize, Serialize};

/// What a key is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Usage {
    /// Signs access tokens.
    Access,
    /// Signs refresh tokens.
    Refresh,
    /// Opens logins, first version.
    LoginV1,
    /// Opens logins, second version.
    LoginV2,
    /// Another, in the server's word.
    Other(String),
}

/// Part of a key's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Published, but not used yet.
    Next,
    /// Used.
    Current,
    /// Only checks what it signed before.
    VerifyOnly,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Public identifier.
    pub id: String,
    /// What it is for.
    pub usage: Usage,
    /// Part of its life.
    pub phase: Phase,
    /// When it was created.
    pub created_at: i64,
    /// Since when it is used.
    pub active_from: i64,
    /// When it is removed, if it has a successor.
    pub gone_at: Option<i64>,
}

/// The keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// In the order of the page.
    pub keys: Vec<Key>,
    /// When they are replaced on schedule; none: by hand only.
    pub next_rotation: Option<i64>,
    /// A rotation is in progress.
    pub is_rotating: bool,
    /// Digest of the certificate's key, which devices pin.
    pub tls: Option<String>,
    /// When they were read.
    pub as_of: i64,
}
