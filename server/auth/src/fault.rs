//! Conversion of failures of the store and of other services into the contract's error.

use tornado_contracts::auth::AuthError;
use tornado_rpc::Fault;
use tornado_store::{StoreError, Verified};

pub fn store(error: StoreError) -> AuthError {
    if let StoreError::Lapsed(what) = error {
        return match what {
            Verified::Credentials => AuthError::InvalidCredentials,
            Verified::SignIn => AuthError::SignedOut,
            Verified::ApiToken => AuthError::ApiTokenInvalid,
            Verified::Login => AuthError::Revoked,
        };
    }
    tracing::error!(%error, "identity store failed");
    AuthError::Fault(Fault::StoreUnavailable("the account store does not respond; try again in a moment".into()))
}

/// A right was revoked, but a session based on it is still open.
pub fn unsettled(error: &str) -> AuthError {
    tracing::warn!(error, "could not close the sessions of ended logins; retrying later");
    let text = "the change is saved, but service session does not respond; open tunnels close as soon as it does";
    AuthError::Fault(Fault::Unavailable(text.into()))
}

pub fn internal(detail: &str) -> AuthError {
    AuthError::Fault(Fault::Internal(detail.to_owned()))
}
