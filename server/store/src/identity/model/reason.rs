//! Reasons of revocations.

use std::str::FromStr;

/// Why a login was revoked. Stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokeReason {
    /// The user logged out.
    Logout,
    /// A refresh token was used twice.
    Reused,
    /// The same device logged in again.
    Replaced,
    /// The device was removed.
    DeviceRemoved,
    /// The account was suspended.
    Suspended,
    /// The account was deleted.
    Deleted,
    /// The password was changed.
    PasswordChanged,
    /// An operator revoked the login.
    Revoked,
}

impl RevokeReason {
    const ALL: [Self; 8] = [
        Self::Logout,
        Self::Reused,
        Self::Replaced,
        Self::DeviceRemoved,
        Self::Suspended,
        Self::Deleted,
        Self::PasswordChanged,
        Self::Revoked,
    ];

    /// Stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Reused => "reused",
            Self::Replaced => "replaced",
            Self::DeviceRemoved => "device_removed",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
            Self::PasswordChanged => "password_changed",
            Self::Revoked => "revoked",
        }
    }
}

impl FromStr for RevokeReason {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word).ok_or(())
    }
}
