//! Others' errors as this contract's.

use tornado_mesh::MeshFault;
use tornado_mesh::auth::AuthError;
use tornado_mesh::session::SessionError;
use tornado_mesh::wg::WgError;
use tornado_store::StoreError;

/// The store failed: the caller may try again, the log says what happened.
pub(crate) fn store(error: &StoreError) -> SessionError {
    tracing::error!(%error, "the session database failed");
    SessionError::Mesh(MeshFault::StoreUnavailable("the session database failed; try again in a moment".into()))
}

pub(crate) fn wg(error: WgError) -> SessionError {
    match error {
        WgError::Mesh(MeshFault::Forbidden(detail)) => SessionError::Mesh(MeshFault::Internal(detail)),
        other @ (WgError::LaneFailed { .. }
        | WgError::AddressInUse
        | WgError::NotSynced
        | WgError::LaneHeld
        | WgError::SwitchFailed(_)
        | WgError::Mesh(_)) => SessionError::DataPlane(other.to_string()),
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
        AuthError::Mesh(fault) => SessionError::Mesh(fault),
        AuthError::Busy { .. } => SessionError::Mesh(MeshFault::Unavailable(error.to_string())),
        AuthError::InvalidEnvelope
        | AuthError::ClockSkew { .. }
        | AuthError::UnknownLoginKey
        | AuthError::InvalidFields(_)
        | AuthError::InvalidCredentials
        | AuthError::TooManyAttempts { .. }
        | AuthError::MaxDevices
        | AuthError::InvalidInvitation
        | AuthError::NameTaken
        | AuthError::TotpRequired
        | AuthError::TotpInvalid
        | AuthError::NotFound(_)
        | AuthError::LastOwner
        | AuthError::NotAllowed
        | AuthError::SignedOut
        | AuthError::InvalidSetupCode => SessionError::Mesh(MeshFault::Internal(format!(
            "service auth gave an answer that has no place here: {error}"
        ))),
    }
}
