//! Changes of accounts. Each change is written together with its audit row, or not at all.

use super::model::{
    ChangeOutcome, DeviceRow, FactorOwner, NewAudit, NewUser, RevokeReason, User, UserChange, UserFilter,
};
use super::sql::SqlIdentityStore;
use super::tables::{audit, devices, families, users};
use super::{factors, proofs};
use crate::StoreError;
use tornado_shared::model::{DeviceId, DeviceName, UnixSeconds, UserId};

/// Changes of accounts and devices by operators and owners.
#[expect(clippy::missing_errors_doc, reason = "the documentation of the type has the errors of all methods")]
impl SqlIdentityStore {
    /// Creates an account. Returns false if name or address is taken.
    pub async fn create_user(&self, user: &NewUser, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError> {
        self.import_account(user, true, now, audit).await
    }

    /// Creates an account from another installation and keeps its suspension. Returns false if name or address is
    /// taken.
    pub async fn import_account(
        &self,
        user: &NewUser,
        is_active: bool,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        if !users::insert(&mut tx, user, now).await? {
            return Ok(false);
        }
        if !is_active {
            let suspended = UserChange { active: Some(false), ..UserChange::default() };
            match users::change(&mut tx, user.id, &suspended).await? {
                ChangeOutcome::Changed(_) => {}
                ChangeOutcome::Taken | ChangeOutcome::Gone => return Ok(false),
            }
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Changes an account and revokes logins.
    ///
    /// # Errors
    /// [`StoreError::Lapsed`] when the verified password is no longer stored.
    pub async fn update_user(
        &self,
        user: UserId,
        change: &UserChange,
        now: UnixSeconds,
        audit: &[NewAudit],
    ) -> Result<ChangeOutcome, StoreError> {
        let mut tx = self.db.begin().await?;
        for row in audit {
            audit::append(&mut tx, row).await?;
        }
        if let Some(hash) = &change.verified {
            proofs::password(&mut tx, FactorOwner::User(user), hash).await?;
        }
        let mut outcome = users::change(&mut tx, user, change).await?;
        let ChangeOutcome::Changed(ended) = &mut outcome else { return Ok(outcome) };
        if change.forget_totp {
            factors::drop_factor(&mut tx, FactorOwner::User(user)).await?;
        }
        if let Some(reason) = change.end_logins {
            let kept = families::revoke_user(&mut tx, user, reason, change.keep, now).await?;
            *ended = devices::ids(&mut tx, user).await?;
            ended.retain(|device| Some(*device) != kept);
        }
        tx.commit().await?;
        Ok(outcome)
    }

    /// Deletes an account, revokes its logins, removes its devices and frees its name. Returns the devices, or `None`
    /// if the account does not exist.
    pub async fn delete_user(
        &self,
        user: UserId,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<Option<Vec<DeviceId>>, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
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

    /// Removes a device and revokes its login. Returns false if it does not exist.
    pub async fn remove_device(
        &self,
        device: DeviceId,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        if !devices::remove(&mut tx, device, now).await? {
            return Ok(false);
        }
        families::revoke_device(&mut tx, device, RevokeReason::DeviceRemoved, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Accounts with a rate limit, or with devices that may reach each other.
    pub async fn treated_users(&self) -> Result<Vec<User>, StoreError> {
        users::treated(&mut *self.db.reader().await?).await
    }

    /// A page of accounts, and the number of all matching accounts.
    pub async fn list_users(&self, filter: &UserFilter) -> Result<(Vec<User>, u64), StoreError> {
        users::list(&mut *self.db.reader().await?, filter).await
    }

    /// Devices of an account that are not removed, oldest first.
    pub async fn list_devices(&self, user: UserId, now: UnixSeconds) -> Result<Vec<DeviceRow>, StoreError> {
        devices::list(&mut *self.db.reader().await?, &user.to_string(), "", now).await
    }

    /// A device that is not removed.
    pub async fn find_device(&self, device: DeviceId, now: UnixSeconds) -> Result<Option<DeviceRow>, StoreError> {
        Ok(devices::list(&mut *self.db.reader().await?, "", &device.to_string(), now).await?.pop())
    }

    /// Renames a device. Returns false if it does not exist.
    pub async fn rename_device(&self, device: DeviceId, name: &DeviceName) -> Result<bool, StoreError> {
        self.db.written(async { devices::rename(&mut *self.db.writer().await?, device, name).await }).await
    }
}
