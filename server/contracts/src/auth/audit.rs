//! The audit trail: a hash-chained record of privileged actions, in which a changed or removed row is detected.
//!
//! Each row holds SHA-256 over its canonical content and the hash of the previous row. `auth` signs the newest row with
//! a key from the key directory and stores the signature outside the table.

use super::acting::Acting;
use super::error::AuthError;
use crate::ServiceName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tornado_rpc::{Done, NoInput};
use tornado_shared::model::{Secret, UnixSeconds};

/// Result of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The action succeeded.
    Done,
    /// The actor lacked the right.
    Refused,
    /// The action failed, or a check found a fault.
    Failed,
}

words!(Outcome { Done = "done", Refused = "refused", Failed = "failed" });

/// Input of [`Audit::append`]. `auth` adds the caller and the time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppendAudit {
    /// Sign-in token of the operator who acted. Absent: the calling service itself. A caller cannot name another
    /// service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Secret>,
    /// The action: two words of `a-z`, `0-9`, `_`, separated by a dot, for example `lane.canary_failed`.
    pub action: String,
    /// The object of the action, for example `lane:tor` or `device:UUID`; at most 128 characters.
    pub subject: String,
    /// Result of the action.
    pub outcome: Outcome,
    /// Details, at most 16 entries and 1 KiB. Never client addresses, visited names, keys or passwords. Values that are
    /// IP addresses are rejected.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
}

/// One row of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Sequence number: 1, 2, 3, … without gaps.
    pub seq: i64,
    /// Time of the action.
    pub at: UnixSeconds,
    /// The actor: `root`, `operator:NAME`, `user:NAME`, `service:NAME`.
    pub actor: String,
    /// The action, as in [`AppendAudit::action`].
    pub action: String,
    /// The object of the action.
    pub subject: String,
    /// Result: `done`, `refused` or `failed`.
    pub outcome: String,
    /// Details.
    pub details: BTreeMap<String, String>,
    /// SHA-256 over the row and the previous row's hash, lower-case hex.
    pub hash: String,
}

/// Input of [`Audit::list_audit`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AuditQuery {
    /// Only rows before this sequence number; for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// Only actions with this prefix, for example `user.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Only actions of this actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Maximum number of rows, newest first, 1 to 500.
    #[serde(default = "crate::number::<50>")]
    pub limit: u32,
}

/// Result of [`Audit::verify_audit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerdict {
    /// Number of rows checked.
    pub rows: i64,
    /// Sequence number of the newest signed row; 0: no row is signed yet.
    pub signed: i64,
    /// The first row that was altered; `None`: the trail is intact.
    pub broken: Option<BrokenRow>,
}

/// The position of a fault in the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenRow {
    /// Sequence number of the row.
    pub seq: i64,
    /// Description of the fault.
    pub why: String,
}

tornado_rpc::contract! {
    /// The audit trail.
    trait Audit, client AuditClient, error AuthError, callers ServiceName {
        /// Appends a row about an action or finding of the calling service. Not retried automatically on failure.
        append(AppendAudit) -> Done = POST "/v1/audit", within 10, up to 8_192, for [Session, Wg, Tor, Admin, Telemetry];
        /// Rows, newest first.
        list_audit(Acting<AuditQuery>) -> Vec<AuditRow> = POST "/v1/audit/list", within 15, up to 4_096, for [Admin];
        /// Checks every row, and the signature of the newest row.
        verify_audit(Acting<NoInput>) -> AuditVerdict = POST "/v1/audit/verify", within 120, up to 4_096, for [Admin];
    }
}
