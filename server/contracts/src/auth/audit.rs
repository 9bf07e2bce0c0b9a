//! The audit trail: who did what to whom, hash-chained so that nothing in it can be changed or cut off unnoticed.
//!
//! Each row holds SHA-256 over its canonical content and the row before. `auth` signs the newest row with a key of the
//! key directory and keeps that word outside the table.

use super::{Acting, AuthError};
use crate::ServiceName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tornado_rpc::{Done, NoInput};
use tornado_shared::model::{Secret, UnixSeconds};

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// Somebody was not allowed to do it.
    Refused,
    /// It was tried and did not work, or something was found broken.
    Failed,
}

impl Outcome {
    /// The word stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Input of [`Audit::append`]. `auth` adds who called and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppendAudit {
    /// Sign-in of the operator who acted. Absent: the calling service itself. No caller names another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Secret>,
    /// What was done: two words of `a-z`, `0-9`, `_` with a point between, for example `lane.canary_failed`.
    pub action: String,
    /// To what or whom, for example `lane:tor` or `device:UUID`; at most 128 characters.
    pub subject: String,
    /// How it ended.
    pub outcome: Outcome,
    /// More, at most 16 entries and 1 KiB. Never addresses of people, names they visit, keys or passwords: values that
    /// are IP addresses are refused.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
}

/// One row of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// 1, 2, 3, … without gaps.
    pub seq: i64,
    /// When.
    pub at: UnixSeconds,
    /// Who: `root`, `operator:NAME`, `user:NAME`, `service:NAME`.
    pub actor: String,
    /// What.
    pub action: String,
    /// To whom.
    pub subject: String,
    /// How it ended: `done`, `refused` or `failed`.
    pub outcome: String,
    /// More.
    pub details: BTreeMap<String, String>,
    /// SHA-256 of the row and its predecessor's hash, lower-case hex.
    pub hash: String,
}

/// Input of [`Audit::list`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AuditQuery {
    /// Only rows before this number; for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// Only acts that begin so, for example `user.`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Only acts of this actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Rows, newest first, 1 to 500.
    #[serde(default = "default_limit")]
    pub limit: u32,
}

const fn default_limit() -> u32 {
    50
}

/// What [`Audit::verify`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerdict {
    /// Rows looked at.
    pub rows: i64,
    /// Number of the newest row that was signed; 0: none yet.
    pub signed: i64,
    /// The first row that is not as it was written; `None`: the trail is whole.
    pub broken: Option<BrokenRow>,
}

/// Where a trail is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenRow {
    /// Number of the row.
    pub seq: i64,
    /// What is wrong with it.
    pub why: String,
}

tornado_rpc::contract! {
    /// The audit trail.
    trait Audit, client AuditClient, error AuthError, callers ServiceName {
        /// Writes a row. Called by the services for what they do or find; not repeated by itself when it fails.
        append(AppendAudit) -> Done = POST "/v1/audit", within 10, up to 8_192, for [Session, Wg, Tor, Admin];
        /// Rows, newest first.
        list(Acting<AuditQuery>) -> Vec<AuditRow> = POST "/v1/audit/list", within 15, up to 4_096, for [Admin];
        /// Checks every row and the signed word about the newest.
        verify(Acting<NoInput>) -> AuditVerdict = POST "/v1/audit/verify", within 120, up to 4_096, for [Admin];
    }
}
