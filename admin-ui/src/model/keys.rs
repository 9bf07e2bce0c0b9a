//! Keys and certificates.

use super::Condition;
use serde::{Deserialize, Serialize};

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// What it is for, in the server's words.
    pub name: String,
    /// How it is.
    pub condition: Condition,
    /// Fingerprint: the public half or its digest.
    pub fingerprint: String,
    /// Since when it is used.
    pub since: i64,
    /// When it is replaced on schedule.
    pub rotates_at: Option<i64>,
    /// Until when the one before is still accepted.
    pub overlap_until: Option<i64>,
}

/// The keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// In the order of the page.
    pub keys: Vec<Key>,
    /// When they were read.
    pub as_of: i64,
}
