//! Devices, logins, refresh tokens and invitations.

use super::hash::Hash;
use super::reason::RevokeReason;
use super::users::{NewUser, User};
use std::fmt;
use tornado_shared::model::{DeviceId, DeviceName, FamilyId, InvitationId, PublicKey, UnixSeconds, UserId};
use uuid::Uuid;

/// The device of a login.
#[derive(Debug, Clone)]
pub enum DeviceClaim {
    /// The account's device with this Ed25519 key; created if it does not exist.
    V2 {
        /// Ed25519 public key of the device.
        key: [u8; 32],
        /// Name, if the device is new.
        name: DeviceName,
    },
    /// One of the account's v1 devices that is not in `live`; see [`choose_v1`](crate::identity::choose_v1).
    V1 {
        /// Devices of the account with a live session.
        live: Vec<DeviceId>,
        /// Name, if the device is new.
        name: DeviceName,
    },
}

/// A login to write: device, token family and time, all or nothing.
#[derive(Clone)]
pub struct NewLogin {
    /// Id of the device, if a new one is created.
    pub new_device: DeviceId,
    /// The device.
    pub device: DeviceClaim,
    /// Id of the token family.
    pub family: FamilyId,
    /// Id of its first refresh token.
    pub refresh_jti: Uuid,
    /// Export secret of the login, encrypted by the caller. `None` for envelope v1.
    pub sealed_export: Option<Vec<u8>>,
    /// Current time.
    pub now: UnixSeconds,
    /// Time at which the first refresh token expires.
    pub expires_at: UnixSeconds,
}

/// What the login was verified against. It is compared again in the transaction that writes the login.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    /// The stored hash that the password was verified against.
    pub password_hash: String,
    /// Encrypted secret of the confirmed second factor that a code was checked against. `None` if there was no factor.
    pub factor: Option<Vec<u8>>,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").field("has_factor", &self.factor.is_some()).finish_non_exhaustive()
    }
}

/// Outcome of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginOutcome {
    /// The login was written for this device.
    Opened(DeviceId),
    /// The account is suspended or deleted; nothing was written.
    UserGone,
    /// No device is available; nothing was written.
    NoDevice,
}

/// The account that enrols.
#[derive(Clone)]
pub enum Enrollee {
    /// A new account.
    New(NewUser),
    /// The account that the invitation is bound to, with the owner's proof.
    Existing(UserId, Proof),
}

/// Outcome of an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrollOutcome {
    /// Account, device and login were written, and the invitation was used.
    Enrolled(DeviceId),
    /// The invitation is used or expired; nothing was written.
    InvalidInvitation,
    /// The name is taken; nothing was written, and the invitation stays valid.
    NameTaken,
    /// The bound account is suspended or deleted; nothing was written.
    UserGone,
    /// The account has too many devices; nothing was written.
    NoDevice,
}

/// Everything that a token must be checked against, read at one point in time.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Account of the login.
    pub user: User,
    /// True if the account is deleted.
    pub user_deleted: bool,
    /// Device of the login.
    pub device: DeviceId,
    /// Name that the user chose.
    pub device_name: DeviceName,
    /// True if the device is removed.
    pub device_removed: bool,
    /// Current WireGuard key of the device.
    pub wireguard_key: Option<PublicKey>,
    /// Export secret of the login, encrypted.
    pub sealed_export: Option<Vec<u8>>,
    /// Time at which the current refresh token expires.
    pub expires_at: UnixSeconds,
    /// Reason of the revocation, if the login is revoked.
    pub revoked: Option<RevokeReason>,
}

/// One use of a refresh token.
#[derive(Debug, Clone, Copy)]
pub struct TokenRefresh {
    /// Token family.
    pub family: FamilyId,
    /// Id of the presented token.
    pub spent: Uuid,
    /// SHA-256 of the client's idempotency key; the same key again repeats the refresh.
    pub idempotency_key: Option<[u8; 32]>,
    /// Id of the next token.
    pub next: Uuid,
    /// Current time.
    pub now: UnixSeconds,
    /// Time at which the next token expires.
    pub expires_at: UnixSeconds,
    /// Time at which the presented token expires. Set if a restored backup may be older than the token: a token that
    /// outlives everything in the database about its family then counts as the current one.
    pub newer: Option<UnixSeconds>,
}

/// Outcome of the use of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// The next token is the current one, also after a repetition of the latest refresh.
    Refreshed,
    /// The token was already used; the family was revoked.
    Reused,
    /// The family is revoked, expired or unknown, or its user or device is suspended, deleted or removed.
    Refused,
}

/// Outcome of setting a WireGuard key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOutcome {
    /// The key is the device's only one now.
    Set,
    /// Another device has the key.
    InUse,
    /// The device is removed.
    DeviceGone,
}

/// An invitation to create.
#[derive(Clone)]
pub struct NewInvitation {
    /// Id.
    pub id: InvitationId,
    /// Hash of its code.
    pub code_hash: Hash,
    /// Account to which it adds a device; `None` if it creates an account.
    pub user: Option<UserId>,
    /// Device limit of the account that it creates.
    pub max_devices: u32,
    /// Current time.
    pub now: UnixSeconds,
    /// Time at which it expires.
    pub expires_at: UnixSeconds,
}

/// An invitation that is neither used nor expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenInvitation {
    /// Id.
    pub id: InvitationId,
    /// Account to which it adds a device; `None` if it creates an account.
    pub user: Option<UserId>,
    /// Device limit of the account that it creates.
    pub max_devices: u32,
}
