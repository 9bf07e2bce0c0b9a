//! API tokens of operators.

use super::Hash;
use tornado_shared::model::{OperatorId, UnixSeconds, Username};
use uuid::Uuid;

/// Maximum number of API tokens of an operator, including expired ones.
pub const MAX_API_TOKENS: i64 = 50;

/// A token to write.
#[derive(Clone)]
pub struct NewApiToken {
    /// Id.
    pub id: Uuid,
    /// Operator on whose behalf it acts.
    pub operator: OperatorId,
    /// Name, unique for the operator.
    pub name: String,
    /// SHA-256 of the token.
    pub token_hash: Hash,
    /// Names of rights, separated by spaces.
    pub scopes: String,
    /// Current time.
    pub now: UnixSeconds,
    /// Time at which it expires.
    pub expires_at: UnixSeconds,
}

/// A stored token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiTokenRow {
    /// Id.
    pub id: Uuid,
    /// Name of the operator on whose behalf it acts.
    pub operator: Username,
    /// Name.
    pub name: String,
    /// Names of rights, separated by spaces.
    pub scopes: String,
    /// Time of creation.
    pub created_at: UnixSeconds,
    /// Time at which it expires.
    pub expires_at: UnixSeconds,
    /// Latest use, to the minute. `None`: never used.
    pub used_at: Option<UnixSeconds>,
}

/// Outcome of writing a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiTokenOutcome {
    /// The token was written.
    Created,
    /// The operator has a token with this name; nothing was written.
    NameTaken,
    /// The operator has [`MAX_API_TOKENS`]; nothing was written.
    TooMany,
}
