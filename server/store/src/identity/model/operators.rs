//! Operators and their sign-ins.

use super::hash::Hash;
use std::fmt;
use tornado_shared::model::{OperatorId, UnixSeconds, Username};
use uuid::Uuid;

/// A stored operator.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorRow {
    /// Id.
    pub id: OperatorId,
    /// Name.
    pub name: Username,
    /// Password hash: Argon2id in PHC format.
    pub password_hash: String,
    /// `owner`, `operator` or `viewer`.
    pub role: String,
    /// Time of creation.
    pub created_at: UnixSeconds,
}

impl fmt::Debug for OperatorRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorRow").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Outcome of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOutcome {
    /// The change was written.
    Put(OperatorRow),
    /// A new operator needs a password; nothing was written.
    NeedsPassword,
    /// No owner would be left; nothing was written.
    LastOwner,
    /// The operator does not exist.
    Gone,
}

/// Creates or changes an operator. `None` keeps the current value.
#[derive(Clone)]
pub struct OperatorChange {
    /// Id, if the operator is new.
    pub id: OperatorId,
    /// Name; also the key.
    pub name: Username,
    /// Hash of a new password: Argon2id in PHC format. Ends all sign-ins.
    pub password_hash: Option<String>,
    /// `owner`, `operator` or `viewer`; a new operator is an `owner` by default.
    pub role: Option<String>,
    /// Removes the second factor, passkeys and API tokens.
    pub forget_totp: bool,
    /// Current time.
    pub now: UnixSeconds,
}

/// A sign-in to write.
#[derive(Clone)]
pub struct NewSignIn {
    /// Id.
    pub id: Uuid,
    /// Operator who signs in.
    pub operator: OperatorId,
    /// SHA-256 of its token.
    pub token_hash: Hash,
    /// Current time.
    pub now: UnixSeconds,
    /// Time at which it expires.
    pub expires_at: UnixSeconds,
    /// Address of the operator; empty if unknown.
    pub address: String,
}

/// A sign-in that has not expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRow {
    /// Id.
    pub id: Uuid,
    /// Name of the operator.
    pub operator: Username,
    /// Time of creation.
    pub created_at: UnixSeconds,
    /// Time at which it expires.
    pub expires_at: UnixSeconds,
    /// Latest use, to the minute.
    pub used_at: UnixSeconds,
    /// Address of the operator; empty if unknown.
    pub address: String,
}

/// Outcome of removing an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoveOutcome {
    /// Removed, with all sign-ins.
    Removed,
    /// The operator does not exist.
    Gone,
    /// No owner would be left; nothing was written.
    LastOwner,
}
