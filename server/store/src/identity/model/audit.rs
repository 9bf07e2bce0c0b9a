//! Rows of the audit trail.

use super::hash::Hash;
use tornado_shared::model::{FamilyId, UnixSeconds};
use uuid::Uuid;

/// A row to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// Time of the act.
    pub at: UnixSeconds,
    /// Who performed the act.
    pub actor: String,
    /// Name of the act.
    pub action: String,
    /// Target of the act.
    pub subject: String,
    /// `done`, `refused` or `failed`.
    pub outcome: String,
    /// A JSON object with text values, sorted by key.
    pub details: String,
    /// Checked again in the transaction that writes the row; not stored.
    pub authority: Authority,
}

/// The actor's right to an act. It is checked before the act and again in the transaction that writes it, because
/// hashing or waiting may take minutes in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Authority {
    /// The caller itself has the right: root or a service.
    #[default]
    Caller,
    /// An operator's sign-in with the role for which it was authorised.
    SignIn {
        /// Id of the sign-in.
        id: Uuid,
        /// `owner`, `operator` or `viewer`.
        role: String,
    },
    /// An operator's API token with the role for which it was authorised.
    ApiToken {
        /// Id of the token.
        id: Uuid,
        /// `owner`, `operator` or `viewer`.
        role: String,
    },
    /// Login of a device.
    Login(FamilyId),
}

/// A stored row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAudit {
    /// Sequence number: 1, 2, 3, … without gaps.
    pub seq: i64,
    /// Content covered by the hash, in addition to the sequence number and the previous hash.
    pub content: NewAudit,
    /// See [`row_hash`](crate::identity::chain::row_hash).
    pub hash: Hash,
}

/// The latest row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// Sequence number; 0 if the trail is empty.
    pub seq: i64,
    /// Hash of the row.
    pub hash: Hash,
}

/// Filter and page of the audit trail, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only rows before this sequence number.
    pub before: i64,
    /// Only acts whose name starts with this text; empty for all.
    pub action: String,
    /// Only acts of this actor; empty for all.
    pub actor: String,
    /// Largest number of rows.
    pub limit: i64,
}
