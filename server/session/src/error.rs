//! Converts errors of other components to errors of this contract.

use tornado_contracts::auth::AuthError;
use tornado_contracts::session::SessionError;
use tornado_contracts::wg::WgError;
use tornado_rpc::Fault;
use tornado_store::StoreError;

/// The store failed. The log contains the cause; the caller may retry.
pub(crate) fn store(error: StoreError) -> SessionError {
    tracing::error!(%error, "session database failed");
    SessionError::Fault(Fault::StoreUnavailable("the session database failed; try again in a moment".into()))
}

pub(crate) fn wg(error: WgError) -> SessionError {
    match error {
        WgError::Fault(Fault::Forbidden(detail)) => SessionError::Fault(Fault::Internal(detail)),
        other @ (WgError::LaneFailed { .. }
        | WgError::AddressInUse
        | WgError::NotSynced
        | WgError::LaneHeld
        | WgError::SwitchFailed(_)
        | WgError::Fault(_)) => SessionError::DataPlane(other.to_string()),
    }
}

pub(crate) fn auth(error: AuthError) -> SessionError {
    match error {
        AuthError::Token(error) => SessionError::Token(error),
        AuthError::Revoked
        | AuthError::UserInactive
        | AuthError::RefreshExpired
        | AuthError::RefreshInvalid
        | AuthError::RefreshReused => SessionError::Revoked,
        AuthError::KeyInUse => SessionError::KeyInUse,
        AuthError::Fault(fault) => SessionError::Fault(fault),
        AuthError::Busy { .. } => SessionError::Fault(Fault::Unavailable(error.to_string())),
        AuthError::InvalidEnvelope
        | AuthError::ClockSkew { .. }
        | AuthError::UnknownLoginKey
        | AuthError::InvalidFields(_)
        | AuthError::InvalidCredentials
        | AuthError::SignInRefused { .. }
        | AuthError::TooManyAttempts { .. }
        | AuthError::MaxDevices
        | AuthError::InvalidInvitation
        | AuthError::NameTaken
        | AuthError::TotpRequired
        | AuthError::TotpInvalid
        | AuthError::NotFound(_)
        | AuthError::LastOwner
        | AuthError::NotAllowed
        | AuthError::ConfirmationRequired
        | AuthError::PasskeyRefused
        | AuthError::ApiTokenInvalid
        | AuthError::ApiTokenExpired
        | AuthError::OutOfScope
        | AuthError::SignedOut
        | AuthError::InvalidSetupCode => {
            SessionError::Fault(Fault::Internal(format!("unexpected error from service auth: {error}")))
        }
    }
}
