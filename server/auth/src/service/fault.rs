//! The one place that turns failures of the parts into the contract's error.

use crate::guard::RetryAfter;
use crate::keys::KeysError;
use crate::password::{HashError, PolicyError};
use crate::seal::SealError;
use tornado_contracts::auth::AuthError;
use tornado_rpc::Fault;
use tornado_store::{StoreError, Verified};

/// Seconds after which a login that met a full queue may come back.
const BUSY_RETRY: u64 = 3;

pub(super) fn store(error: StoreError) -> AuthError {
    if let StoreError::Lapsed(what) = error {
        return match what {
            Verified::Credentials => AuthError::InvalidCredentials,
            Verified::SignIn => AuthError::SignedOut,
            Verified::Login => AuthError::Revoked,
        };
    }
    tracing::error!(%error, "the identity store failed");
    AuthError::Fault(Fault::StoreUnavailable("the account store does not answer; try again in a moment".into()))
}

pub(super) fn hash(error: HashError) -> AuthError {
    match error {
        HashError::Busy => AuthError::Busy { retry_after: BUSY_RETRY },
        HashError::TooLong => AuthError::InvalidFields(error.to_string()),
        HashError::Refused(_) => {
            tracing::error!(%error, "a password hash failed");
            internal("a password could not be checked")
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
    tracing::error!(%error, "the key directory failed");
    AuthError::Fault(Fault::Unavailable("the key directory cannot be used now; see the log".into()))
}

/// A right was taken away, a session that it held is still open.
pub(super) fn unsettled(error: &str) -> AuthError {
    tracing::warn!(error, "the sessions of ended logins are still to be closed");
    let text = "it is written; service session does not answer, and open tunnels are closed as soon as it does";
    AuthError::Fault(Fault::Unavailable(text.into()))
}

pub(super) fn seal(error: SealError) -> AuthError {
    tracing::error!(%error, "at-rest key");
    internal("a stored secret could not be used")
}

pub(super) fn internal(detail: &str) -> AuthError {
    AuthError::Fault(Fault::Internal(detail.to_owned()))
}
