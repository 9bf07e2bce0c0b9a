//! Users, devices, invitations, logins and operators: the data of service `auth`. The room [`tables`] has one file per
//! table.

mod accounts;
mod api_tokens;
pub mod chain;
mod factors;
mod model;
mod passkeys;
mod proofs;
mod sql;
mod staff;
mod tables;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod postgres_tests;
#[cfg(test)]
mod sqlite_tests;

pub use model::{
    ApiTokenOutcome, ApiTokenRow, AuditFilter, AuditHead, Authority, ChangeOutcome, DeviceClaim, DeviceRow,
    EnrollOutcome, Enrollee, Factor, FactorOwner, Hash, KeyOutcome, LoginOutcome, MAX_API_TOKENS, MAX_DEVICE_ROWS,
    MAX_PASSKEYS, NewApiToken, NewAudit, NewInvitation, NewLogin, NewSignIn, NewUser, OpenInvitation, OperatorChange,
    OperatorRow, PasskeyOutcome, PasskeyRow, Proof, PutOutcome, RefreshOutcome, RemoveOutcome, RevokeReason, SignInRow,
    Standing, StoredAudit, TokenRefresh, UsedPasskey, User, UserChange, UserFilter, UserKey,
};
pub use sql::SqlIdentityStore;
pub use tables::devices::{V1Choice, choose_v1};
