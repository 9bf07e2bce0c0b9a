//! Conversion of internal errors into the contract's error.

use crate::guard::RetryAfter;
use crate::keys::KeysError;
use crate::password::{HashError, PolicyError};
use crate::seal::SealError;
use tornado_contracts::auth::AuthError;
use tornado_rpc::Fault;
use tornado_store::{StoreError, Verified};

/// Retry time for a login that met a full queue, seconds.
const BUSY_RETRY: u64 = 3;

pub(super) fn store(error: StoreError) -> AuthError {
    if let StoreError::Lapsed(what) = error {
        return match what {
            Verified::Credentials => AuthError::InvalidCredentials,
            Verified::SignIn => AuthError::SignedOut,
            Verified::Login => AuthError::Revoked,
        };
    }
    tracing::error!(%error, "identity store failed");
    AuthError::Fault(Fault::StoreUnavailable("the account store does not respond; try again in a moment".into()))
}

pub(super) fn hash(error: HashError) -> AuthError {
    match error {
        HashError::Busy => AuthError::Busy { retry_after: BUSY_RETRY },
        HashError::TooLong => AuthError::InvalidFields(error.to_string()),
        HashError::Refused(_) => {
            tracing::error!(%error, "password hashing failed");
            internal("cannot check a password")
        }
    }
}

pub(super) fn policy(error: PolicyError) -> AuthError {
    AuthError::InvalidFields(error.to_string())
}

pub(super) const fn guard(RetryAfter(retry_after): RetryAfter) -> AuthError {
    AuthError::TooManyAttempts { retry_after }
}

pub(super) fn keys(error: KeysError) -> AuthError {
    tracing::error!(%error, "key directory failed");
    AuthError::Fault(Fault::Unavailable("cannot use the key directory; see the log".into()))
}

/// A right was revoked, but a session based on it is still open.
pub(super) fn unsettled(error: &str) -> AuthError {
    tracing::warn!(error, "could not close the sessions of ended logins; retrying later");
    let text = "the change is saved, but service session does not respond; open tunnels close as soon as it does";
    AuthError::Fault(Fault::Unavailable(text.into()))
}

pub(super) fn seal(error: SealError) -> AuthError {
    tracing::error!(%error, "at-rest key operation failed");
    internal("cannot use a stored secret")
}

pub(super) fn internal(detail: &str) -> AuthError {
    AuthError::Fault(Fault::Internal(detail.to_owned()))
}
