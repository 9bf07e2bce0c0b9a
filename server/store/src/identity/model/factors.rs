//! Second factors.

use tornado_shared::model::{OperatorId, UserId};

/// Owner of a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorOwner {
    /// A user.
    User(UserId),
    /// An operator.
    Operator(OperatorId),
}

impl FactorOwner {
    /// The stored name of the kind.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Operator(_) => "operator",
        }
    }

    /// Id of the owner.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::User(id) => id.to_string(),
            Self::Operator(id) => id.to_string(),
        }
    }
}

/// A stored second factor.
#[derive(Clone, PartialEq, Eq)]
pub struct Factor {
    /// Secret, encrypted by the caller.
    pub sealed_secret: Vec<u8>,
    /// False until a first code was correct.
    pub confirmed: bool,
}
