//! Accounts and their devices, as listed and changed.

use super::reason::RevokeReason;
use std::fmt;
use tornado_shared::model::{DeviceId, DeviceName, FamilyId, UnixSeconds, UserId, Username};

/// Key to find an account. Names and addresses are separate, so a name never matches another account's address.
#[derive(Debug, Clone, Copy)]
pub enum UserKey<'a> {
    /// By id.
    Id(UserId),
    /// By name.
    Name(&'a Username),
    /// By e-mail address, lower case.
    Email(&'a str),
}

/// An account that is not deleted.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Id.
    pub id: UserId,
    /// Name.
    pub username: Username,
    /// E-mail address, lower case.
    pub email: Option<String>,
    /// Password hash: Argon2id in PHC format.
    pub password_hash: String,
    /// False if the account is suspended.
    pub is_active: bool,
    /// Number of devices that may be connected at once.
    pub max_devices: u32,
    /// Quota in bytes per calendar month, both directions together; `None` for no quota.
    pub month_quota: Option<u64>,
    /// Rate limit in bytes per second towards all its devices together; `None` for no limit.
    pub download_rate: Option<u64>,
    /// Rate limit in bytes per second from all its devices together; `None` for no limit.
    pub upload_rate: Option<u64>,
    /// True if its devices may reach each other.
    pub together: bool,
    /// Time of creation.
    pub created_at: UnixSeconds,
    /// Time of the latest login.
    pub last_login_at: Option<UnixSeconds>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("is_active", &self.is_active).finish_non_exhaustive()
    }
}

/// An account to create.
#[derive(Clone)]
pub struct NewUser {
    /// Id.
    pub id: UserId,
    /// Name.
    pub username: Username,
    /// E-mail address; stored in lower case.
    pub email: Option<String>,
    /// Password hash: Argon2id in PHC format.
    pub password_hash: String,
    /// Number of devices that may be connected at once.
    pub max_devices: u32,
}

/// Changes of an account. `None` keeps the current value.
#[derive(Clone, Default)]
pub struct UserChange {
    /// New name.
    pub username: Option<Username>,
    /// New e-mail address, or `Some(None)` to remove it.
    pub email: Option<Option<String>>,
    /// Number of devices that may be connected at once.
    pub max_devices: Option<u32>,
    /// Quota in bytes per month, or `Some(None)` to remove it.
    pub month_quota: Option<Option<u64>>,
    /// Rate limit towards its devices in bytes per second, or `Some(None)` to remove it.
    pub download_rate: Option<Option<u64>>,
    /// Rate limit from its devices in bytes per second, or `Some(None)` to remove it.
    pub upload_rate: Option<Option<u64>>,
    /// Whether its devices may reach each other.
    pub together: Option<bool>,
    /// Hash of a new password: Argon2id in PHC format.
    pub password_hash: Option<String>,
    /// False suspends the account, true reactivates it.
    pub active: Option<bool>,
    /// Removes the second factor.
    pub forget_totp: bool,
    /// Revokes the account's logins for this reason.
    pub end_logins: Option<RevokeReason>,
    /// A login that is kept when the others are revoked.
    pub keep: Option<FamilyId>,
    /// The stored hash that the owner's password was verified against. The change fails if it is no longer stored.
    pub verified: Option<String>,
}

/// Outcome of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// The change was written. The logins of these devices were revoked.
    Changed(Vec<DeviceId>),
    /// Name or address is taken; nothing was written.
    Taken,
    /// The account does not exist.
    Gone,
}

/// A device as shown to its owner and to operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Id.
    pub id: DeviceId,
    /// Account of the device.
    pub user: UserId,
    /// Name that the user chose.
    pub name: DeviceName,
    /// False for clients of the original, which have no device key.
    pub has_key: bool,
    /// True if the device has a login.
    pub logged_in: bool,
    /// Time of its first login.
    pub created_at: UnixSeconds,
    /// Time of its latest login.
    pub last_login_at: UnixSeconds,
}

/// Filter and page of a list of accounts. Lists are sorted by name.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Part of the name or address, as typed.
    pub search: String,
    /// Only active or only suspended accounts.
    pub active: Option<bool>,
    /// Only names after this one; empty for the first page.
    pub after: String,
    /// Largest number of rows.
    pub limit: i64,
}
