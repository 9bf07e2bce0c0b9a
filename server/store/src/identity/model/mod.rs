//! Rows and outcomes of the identity store.

mod api_tokens;
mod audit;
mod factors;
mod hash;
mod logins;
mod operators;
mod passkeys;
mod reason;
mod users;

pub use api_tokens::{ApiTokenOutcome, ApiTokenRow, MAX_API_TOKENS, NewApiToken};
pub use audit::{AuditFilter, AuditHead, Authority, NewAudit, StoredAudit};
pub use factors::{Factor, FactorOwner};
pub use hash::Hash;
pub use logins::{
    DeviceClaim, EnrollOutcome, Enrollee, KeyOutcome, LoginOutcome, NewInvitation, NewLogin, OpenInvitation, Proof,
    RefreshOutcome, Standing, TokenRefresh,
};
pub use operators::{NewSignIn, OperatorChange, OperatorRow, PutOutcome, RemoveOutcome, SignInRow};
pub use passkeys::{MAX_PASSKEYS, PasskeyOutcome, PasskeyRow, UsedPasskey};
pub use reason::RevokeReason;
pub use users::{ChangeOutcome, DeviceRow, NewUser, User, UserChange, UserFilter, UserKey};

/// Largest number of devices of one account, connected or not.
pub const MAX_DEVICE_ROWS: i64 = 50;
