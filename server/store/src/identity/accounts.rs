//! Changes of accounts. Each change is written together with its audit row, or not at all.

use super::model::{
    ChangeOutcome, DeviceRow, FactorOwner, NewAudit, NewUser, RevokeReason, User, UserChange, UserFilter,
};
use super::sql::SqlIdentityStore;
use super::tables::{audit, devices, families, users};
use super::{factors, proofs};
use crate::StoreError;
use async_trait::async_trait;
use tornado_shared::model::{DeviceId, DeviceName, UnixSeconds, UserId};

/// Changes of accounts and devices by operators and owners.
///
/// # Errors
/// Every method fails when the database is unavailable or contains an invalid value.
/// A change with an audit row fails with [`StoreError::Lapsed`] if its authority no longer holds.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// Creates an account. Returns false if name or address is taken.
    async fn create_user(&self, user: &NewUser, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError>;
    /// Creates an account from another installation and keeps its suspension. Returns false if name or address is
    /// taken.
    async fn import_account(
        &self,
        user: &NewUser,
        is_active: bool,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError>;
    /// Changes an account and revokes logins.
    ///
    /// # Errors
    /// [`StoreError::Lapsed`] when the verified password is no longer stored.
    async fn update_user(
        &self,
        user: UserId,
        change: &UserChange,
        now: UnixSeconds,
        audit: &[NewAudit],
    ) -> Result<ChangeOutcome, StoreError>;
    /// Deletes an account, revokes its logins, removes its devices and frees its name. Returns the devices, or `None`
    /// if the account does not exist.
    async fn delete_user(
        &self,
        user: UserId,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<Option<Vec<DeviceId>>, StoreError>;
    /// Removes a device and revokes its login. Returns false if it does not exist.
    async fn remove_device(&self, device: DeviceId, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError>;
    /// Accounts with a rate limit, or with devices that may reach each other.
    async fn treated_users(&self) -> Result<Vec<User>, StoreError>;
    /// A page of accounts, and the number of all matching accounts.
    async fn list_users(&self, filter: &UserFilter) -> Result<(Vec<User>, u64), StoreError>;
    /// Devices of an account that are not removed, oldest first.
    async fn list_devices(&self, user: UserId, now: UnixSeconds) -> Result<Vec<DeviceRow>, StoreError>;
    /// A device that is not removed.
    async fn find_device(&self, device: DeviceId, now: UnixSeconds) -> Result<Option<DeviceRow>, StoreError>;
    /// Renames a device. Returns false if it does not exist.
    async fn rename_device(&self, device: DeviceId, name: &DeviceName) -> Result<bool, StoreError>;
}

#[async_trait]
impl AccountStore for SqlIdentityStore {
    async fn create_user(&self, user: &NewUser, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError> {
        self.import_account(user, true, now, audit).await
    }

    async fn import_account(
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

    async fn update_user(
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
            proofs::password(&mut tx, FactorOwner::User(user), hash).await?;
        }
        match users::change(&mut tx, user, change).await? {
            users::Changed::Yes => {}
            users::Changed::Taken => return Ok(ChangeOutcome::Taken),
            users::Changed::Gone => return Ok(ChangeOutcome::Gone),
        }
        if change.forget_totp {
            factors::drop_factor(&mut tx, FactorOwner::User(user)).await?;
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

    async fn delete_user(
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
        factors::drop_factor(&mut tx, FactorOwner::User(user)).await?;
        tx.commit().await?;
        Ok(Some(ended))
    }

    async fn remove_device(&self, device: DeviceId, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError> {
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
