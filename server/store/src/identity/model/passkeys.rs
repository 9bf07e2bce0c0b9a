//! Passkeys of operators.

use tornado_shared::model::{OperatorId, UnixSeconds};
use uuid::Uuid;

/// Maximum number of passkeys of an operator.
pub const MAX_PASSKEYS: i64 = 10;

/// A stored passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyRow {
    /// Id.
    pub id: Uuid,
    /// The operator.
    pub operator: OperatorId,
    /// Name that the operator chose.
    pub name: String,
    /// Id of the credential, as the authenticator chose it.
    pub credential_id: Vec<u8>,
    /// Public key and counter, JSON.
    pub passkey: String,
    /// Time of creation.
    pub created_at: UnixSeconds,
    /// Latest use. `None`: never used.
    pub used_at: Option<UnixSeconds>,
}

/// A passkey that was just used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedPasskey {
    /// Id.
    pub id: Uuid,
    /// Public key and new counter, JSON.
    pub passkey: String,
    /// Current time.
    pub now: UnixSeconds,
}

/// Outcome of adding a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasskeyOutcome {
    /// Added.
    Added,
    /// The authenticator is already registered; nothing was written.
    Known,
    /// The operator has [`MAX_PASSKEYS`]; nothing was written.
    TooMany,
}
