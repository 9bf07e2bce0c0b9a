//! The audit trail.

use super::{Condition, Page};
use serde::{Deserialize, Serialize};

/// What the page shows: from its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Start of an action, as `user.`.
    pub text: Option<String>,
    /// Who, as `operator:NAME`.
    pub actor: Option<String>,
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
    /// Details, name and value.
    pub details: Vec<(String, String)>,
}

/// The trail, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The entries.
    pub page: Page<Entry>,
}
