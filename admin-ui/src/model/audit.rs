//! The audit trail.

use super::{Condition, Page};
use serde::{Deserialize, Serialize};

/// What the page shows: from its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Part of an actor, action or target.
    pub text: Option<String>,
    /// Where the part starts.
    pub cursor: Option<String>,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number in the chain.
    pub number: u64,
    /// When.
    pub at: i64,
    /// Operator, API token or service.
    pub actor: String,
    /// What was done, as the trail stores it.
    pub action: String,
    /// To what.
    pub target: String,
    /// How it went.
    pub outcome: Condition,
    /// Refusal or failure, in the server's words.
    pub detail: String,
}

/// The trail, with the verdict about its chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The entries, newest first.
    pub page: Page<Entry>,
    /// Whether the chain was intact, and when that was checked.
    pub verified: Option<(bool, i64)>,
}
