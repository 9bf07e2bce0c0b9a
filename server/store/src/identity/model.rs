//! Rows and outcomes of the identity store.

use std::fmt;
use tornado_shared::model::{
    DeviceId, DeviceName, FamilyId, InvitationId, OperatorId, PublicKey, UnixSeconds, UserId, Username,
};
use uuid::Uuid;

/// Most devices that one account may have, connected or not.
pub const MAX_DEVICE_ROWS: i64 = 50;

/// SHA-256 of something that is not stored itself.
pub type Hash = [u8; 32];

/// How to find an account. Names and addresses are separate: one account's name is never compared with
/// another's address.
#[derive(Debug, Clone, Copy)]
pub enum UserKey<'a> {
    /// By number.
    Id(UserId),
    /// By name.
    Name(&'a Username),
    /// By e-mail address, lower case.
    Email(&'a str),
}

/// A live account, suspended or not.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub id: UserId,
    /// Its name.
    pub username: Username,
    /// Its e-mail address, lower case.
    pub email: Option<String>,
    /// Argon2id in PHC form.
    pub password_hash: String,
    /// False while suspended.
    pub is_active: bool,
    /// Devices that may be connected at once.
    pub max_devices: u32,
    /// Bytes that it may move in a calendar month, both ways together; none: as many as it likes.
    pub month_quota: Option<u64>,
    /// Bytes a second to its devices together; none: as many as there are.
    pub download_rate: Option<u64>,
    /// Bytes a second from its devices together; none: as many as there are.
    pub upload_rate: Option<u64>,
    /// Its devices may reach each other.
    pub together: bool,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// Latest login.
    pub last_login_at: Option<UnixSeconds>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("is_active", &self.is_active).finish_non_exhaustive()
    }
}

/// An account to be made.
#[derive(Clone)]
pub struct NewUser {
    /// Its number.
    pub id: UserId,
    /// Its name.
    pub username: Username,
    /// Its e-mail address; stored in lower case.
    pub email: Option<String>,
    /// Argon2id in PHC form.
    pub password_hash: String,
    /// Devices that may be connected at once.
    pub max_devices: u32,
}

/// Which generation of client a device runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// The original's: no key of its own.
    V1,
    /// Ours: knows itself by an Ed25519 key.
    V2,
}

/// With which device somebody logs in.
#[derive(Debug, Clone)]
pub enum DeviceClaim {
    /// The one with this Ed25519 key; made when the account has none such.
    V2 {
        /// The device's stable public key.
        key: [u8; 32],
        /// What the user calls it, when it is new.
        name: DeviceName,
    },
    /// Any of the account's v1 devices that is not in `live`; see [`choose_v1`](super::choose_v1).
    V1 {
        /// The account's devices with a live session.
        live: Vec<DeviceId>,
        /// What to call it, when it is new.
        name: DeviceName,
    },
}

/// A login to be written: device, token family, time, all or nothing.
#[derive(Clone)]
pub struct NewLogin {
    /// Number of a device, should one have to be made.
    pub new_device: DeviceId,
    /// Which device it is.
    pub device: DeviceClaim,
    /// Number of the token family.
    pub family: FamilyId,
    /// Number of its first refresh token.
    pub refresh_jti: Uuid,
    /// The login's export secret, sealed by the caller. None for envelope v1.
    pub sealed_export: Option<Vec<u8>>,
    /// Now.
    pub now: UnixSeconds,
    /// When the first refresh token expires.
    pub expires_at: UnixSeconds,
}

/// What a login rests on: verified before it is written, and compared again in the transaction that writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    /// The stored hash that the password was verified against.
    pub password_hash: String,
    /// Sealed secret of the confirmed second factor that a code was checked against. None: there was no such factor.
    pub factor: Option<Vec<u8>>,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").field("has_factor", &self.factor.is_some()).finish_non_exhaustive()
    }
}

/// What became of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginOutcome {
    /// It is written; this is the device.
    Opened(DeviceId),
    /// The account was suspended or deleted meanwhile; nothing was written.
    UserGone,
    /// No device is to be had; nothing was written.
    NoDevice,
}

/// Who enrols.
#[derive(Clone)]
pub enum Enrollee {
    /// Somebody new.
    New(NewUser),
    /// The account that the invitation is bound to, and what its owner proved.
    Existing(UserId, Proof),
}

/// What became of an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrollOutcome {
    /// Account, device and login are written and the invitation is used up.
    Enrolled(DeviceId),
    /// The invitation is used or lapsed; nothing was written.
    InvalidInvitation,
    /// The name is taken; nothing was written, the invitation is still good.
    NameTaken,
    /// The bound account is suspended or deleted; nothing was written.
    UserGone,
    /// The account has too many devices; nothing was written.
    NoDevice,
}

/// Everything a token has to be checked against, read at one instant.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The account.
    pub user: User,
    /// True once the account is deleted.
    pub user_deleted: bool,
    /// The device.
    pub device: DeviceId,
    /// What the user calls it.
    pub device_name: DeviceName,
    /// True once it is removed.
    pub device_removed: bool,
    /// Its current WireGuard key.
    pub wireguard_key: Option<PublicKey>,
    /// The login's export secret, sealed.
    pub sealed_export: Option<Vec<u8>>,
    /// When the current refresh token expires.
    pub expires_at: UnixSeconds,
    /// Why the login was ended, if it was.
    pub revoked: Option<RevokeReason>,
}

/// One use of a refresh token.
#[derive(Debug, Clone, Copy)]
pub struct Rotation {
    /// The chain.
    pub family: FamilyId,
    /// The token presented.
    pub spent: Uuid,
    /// SHA-256 of the client's number for this trade; the same one again repeats the trade.
    pub attempt: Option<[u8; 32]>,
    /// Its successor.
    pub next: Uuid,
    /// Now.
    pub now: UnixSeconds,
    /// When the successor expires.
    pub expires_at: UnixSeconds,
    /// When the token presented expires, where this database may be older than the token because a backup was restored:
    /// one that outlives all the database knows of its chain is then taken for the current one.
    pub newer: Option<UnixSeconds>,
}

/// What became of a refresh token's use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotateOutcome {
    /// The successor is the current one now; so also when the latest trade was repeated.
    Rotated,
    /// It was spent before: the family is revoked now.
    Reused,
    /// Family revoked, lapsed or unknown, or its user or device is gone or suspended.
    Refused,
}

/// Why a login was ended. Stored.
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
    /// An operator ended it.
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

    /// The word stored.
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

    pub(super) fn from_stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}

/// What became of a WireGuard key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOutcome {
    /// It is the device's only key now.
    Set,
    /// It is another device's.
    InUse,
    /// The device was removed.
    DeviceGone,
}

/// An invitation to be made.
#[derive(Clone)]
pub struct NewInvitation {
    /// Its number.
    pub id: InvitationId,
    /// Hash of its code.
    pub code_hash: Hash,
    /// The account it adds a device to.
    pub user: Option<UserId>,
    /// For the account it makes.
    pub max_devices: u32,
    /// Now.
    pub now: UnixSeconds,
    /// When it lapses.
    pub expires_at: UnixSeconds,
}

/// An invitation that can still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenInvitation {
    /// Its number.
    pub id: InvitationId,
    /// The account it adds a device to.
    pub user: Option<UserId>,
    /// For the account it makes.
    pub max_devices: u32,
}

/// An operator.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorRow {
    /// Number.
    pub id: OperatorId,
    /// The name.
    pub name: Username,
    /// Argon2id in PHC form.
    pub password_hash: String,
    /// `owner`, `operator` or `viewer`.
    pub role: String,
    /// When it was made.
    pub created_at: UnixSeconds,
}

impl fmt::Debug for OperatorRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorRow").field("id", &self.id).finish_non_exhaustive()
    }
}
