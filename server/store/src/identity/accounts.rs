//! Changing accounts: each change with its row of the audit trail, both or neither.

use super::sql::SqlIdentityStore;
use super::{NewAudit, NewUser, RevokeReason, User, audit, devices, factors, families, proofs, users};
use crate::StoreError;
use async_trait::async_trait;
use tornado_shared::model::{DeviceId, DeviceName, FamilyId, UnixSeconds, UserId, Username};

/// What changes about an account; what is absent stays.
#[derive(Clone, Default)]
pub struct UserChange {
    /// A new name.
    pub username: Option<Username>,
    /// A new e-mail address, or none.
    pub email: Option<Option<String>>,
    /// Devices that may be connected at once.
    pub max_devices: Option<u32>,
    /// Another quota of bytes a month, or none.
    pub month_quota: Option<Option<u64>>,
    /// Another rate of bytes a second to its devices, or none.
    pub download_rate: Option<Option<u64>>,
    /// Another rate of bytes a second from its devices, or none.
    pub upload_rate: Option<Option<u64>>,
    /// Whether its devices may reach each other.
    pub together: Option<bool>,
    /// Argon2id of a new password, in PHC form.
    pub password_hash: Option<String>,
    /// False suspends, true lets in again.
    pub active: Option<bool>,
    /// Takes the second factor away.
    pub forget_totp: bool,
    /// Why the account's logins end, if they do.
    pub end_logins: Option<RevokeReason>,
    /// A login that goes on when the others end.
    pub keep: Option<FamilyId>,
    /// The stored hash that the owner's password was verified against; the change needs it to be stored still.
    pub verified: Option<String>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It is written. These devices have no login any more.
    Changed(Vec<DeviceId>),
    /// The name or the address is taken; nothing was written.
    Taken,
    /// There is no such account.
    Gone,
}

/// A device as its owner and operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Its number.
    pub id: DeviceId,
    /// Whose.
    pub user: UserId,
    /// What the user calls it.
    pub name: DeviceName,
    /// False for clients of the original.
    pub has_key: bool,
    /// True while somebody is logged in with it.
    pub logged_in: bool,
    /// When it was first seen.
    pub created_at: UnixSeconds,
    /// Latest login.
    pub last_login_at: UnixSeconds,
}

/// Which accounts to list, by name.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Part of the name or address, as typed.
    pub search: String,
    /// Only active or only suspended ones.
    pub active: Option<bool>,
    /// Only names after this one; empty: from the first.
    pub after: String,
    /// Most rows.
    pub limit: i64,
}

/// Accounts and devices, as operators and owners change them.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// Makes an account. False: the name or the address is taken.
    async fn add_user(&self, user: &NewUser, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError>;
    /// Makes an account of another installation, suspended if it was. False: the name or the address is taken.
    async fn import_user(
        &self,
        user: &NewUser,
        is_active: bool,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError>;
    /// Changes an account and ends logins.
    async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        now: UnixSeconds,
        audit: &[NewAudit],
    ) -> Result<ChangeOutcome, StoreError>;
    /// Deletes an account: its name is free, its logins are ended, its devices removed. Returns those; `None`: there is
    /// no such account.
    async fn erase_user(
        &self,
        user: UserId,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<Option<Vec<DeviceId>>, StoreError>;
    /// Removes a device and ends its login. False: there is none.
    async fn take_device(&self, device: DeviceId, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError>;
    /// Accounts with a rate or with devices that may reach each other.
    async fn treated_users(&self) -> Result<Vec<User>, StoreError>;
    /// A page of accounts and how many match in all.
    async fn list_users(&self, filter: &UserFilter) -> Result<(Vec<User>, u64), StoreError>;
    /// An account's devices that are not removed, oldest first.
    async fn list_devices(&self, user: UserId, now: UnixSeconds) -> Result<Vec<DeviceRow>, StoreError>;
    /// A device that is not removed, and its account.
    async fn find_device(&self, device: DeviceId, now: UnixSeconds) -> Result<Option<DeviceRow>, StoreError>;
    /// Gives a device another name. False: there is none.
    async fn rename_device(&self, device: DeviceId, name: &DeviceName) -> Result<bool, StoreError>;
}

#[async_trait]
impl AccountStore for SqlIdentityStore {
    async fn add_user(&self, user: &NewUser, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError> {
        self.import_user(user, true, now, audit).await
    }

    async fn import_user(
        &self,
        user: &NewUser,
        is_active: bool,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        if !users::insert(&mut tx, user, now).await? {
            return Ok(false);
        }
        if !is_active {
            let suspended = UserChange { active: Some(false), ..UserChange::default() };
            match users::change(&mut tx, user.id, &suspended).await? {
                users::Changed::Yes => {}
                users::Changed::Taken | users::Changed::Gone => return Ok(false),
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        now: UnixSeconds,
        audit: &[NewAudit],
    ) -> Result<ChangeOutcome, StoreError> {
        let mut tx = self.begin().await?;
        for row in audit {
            audit::append(&mut tx, row).await?;
        }
        if let Some(hash) = &change.verified {
            proofs::password(&mut tx, super::FactorOwner::User(user), hash).await?;
        }
        match users::change(&mut tx, user, change).await? {
            users::Changed::Yes => {}
            users::Changed::Taken => return Ok(ChangeOutcome::Taken),
            users::Changed::Gone => return Ok(ChangeOutcome::Gone),
        }
        if change.forget_totp {
            factors::drop_factor(&mut tx, super::FactorOwner::User(user)).await?;
        }
        let mut ended = Vec::new();
        if let Some(reason) = change.end_logins {
            let kept = families::revoke_user(&mut tx, user, reason, change.keep, now).await?;
            ended = devices::ids(&mut tx, user).await?;
            ended.retain(|device| Some(*device) != kept);
        }
        tx.commit().await?;
        Ok(ChangeOutcome::Changed(ended))
    }

    async fn erase_user(
        &self,
        user: UserId,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<Option<Vec<DeviceId>>, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        if !users::mark_deleted(&mut tx, user, now).await? {
            return Ok(None);
        }
        let ended = devices::ids(&mut tx, user).await?;
        families::revoke_user(&mut tx, user, RevokeReason::Deleted, None, now).await?;
        devices::remove_all(&mut tx, user, now).await?;
        factors::drop_factor(&mut tx, super::FactorOwner::User(user)).await?;
        tx.commit().await?;
        Ok(Some(ended))
    }

    async fn take_device(&self, device: DeviceId, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        if !devices::remove(&mut tx, device, now).await? {
            return Ok(false);
        }
        families::revoke_device(&mut tx, device, RevokeReason::DeviceRemoved, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn treated_users(&self) -> Result<Vec<User>, StoreError> {
        users::treated(&mut *self.reader().await?).await
    }

    async fn list_users(&self, filter: &UserFilter) -> Result<(Vec<User>, u64), StoreError> {
        users::list(&mut *self.reader().await?, filter).await
    }

    async fn list_devices(&self, user: UserId, now: UnixSeconds) -> Result<Vec<DeviceRow>, StoreError> {
        devices::list(&mut *self.reader().await?, &user.to_string(), "", now).await
    }

    async fn find_device(&self, device: DeviceId, now: UnixSeconds) -> Result<Option<DeviceRow>, StoreError> {
        Ok(devices::list(&mut *self.reader().await?, "", &device.to_string(), now).await?.pop())
    }

    async fn rename_device(&self, device: DeviceId, name: &DeviceName) -> Result<bool, StoreError> {
        self.written(async { devices::rename(&mut *self.writer().await?, device, name).await }).await
    }
}
