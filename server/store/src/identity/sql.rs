//! The store over any SQL engine: transactions around the tables' functions.

use super::{
    EnrollOutcome, Enrollee, Hash, IdentityStore, KeyOutcome, LoginOutcome, NewInvitation, NewLogin, NewOperator,
    NewUser, OpenInvitation, OperatorRow, RevokeReason, RotateOutcome, Rotation, Standing, User, UserKey, devices,
    envelopes, families, invitations, operators, setup, tls, users,
};
use crate::{Database, StoreError};
use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection};
use std::path::Path;
use tornado_shared::model::{DeviceId, FamilyId, InvitationId, PublicKey, UnixSeconds, UserId};

/// [`IdentityStore`] over a [`Database`].
#[derive(Clone, Debug)]
pub struct SqlIdentityStore {
    db: Database,
}

impl SqlIdentityStore {
    /// Opens the SQLite file at `path`, made when missing.
    pub async fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        let mut migrations: Migrator = sqlx::migrate!("migrations/identity/sqlite");
        // A table of its own, because other owners' tables may live in the same PostgreSQL database.
        migrations.dangerous_set_table_name("identity_migrations");
        Ok(Self { db: Database::open_sqlite(path, &migrations).await? })
    }

    /// Waits for running statements and closes the database.
    pub async fn close(&self) {
        self.db.close().await;
    }

    async fn reader(&self) -> Result<PoolConnection<Any>, StoreError> {
        Ok(self.db.reader().acquire().await?)
    }

    async fn writer(&self) -> Result<PoolConnection<Any>, StoreError> {
        Ok(self.db.writer().acquire().await?)
    }
}

/// Device and login, when the account may. The caller commits only [`LoginOutcome::Opened`].
async fn write_login(db: &mut AnyConnection, user: UserId, login: &NewLogin) -> Result<LoginOutcome, StoreError> {
    if !users::touch_login(db, user, login.now).await? {
        return Ok(LoginOutcome::UserGone);
    }
    let Some(device) = devices::claim(db, user, login).await? else {
        return Ok(LoginOutcome::NoDevice);
    };
    families::open(db, user, device, login).await?;
    Ok(LoginOutcome::Opened(device))
}

#[async_trait]
impl IdentityStore for SqlIdentityStore {
    async fn is_pristine(&self) -> Result<bool, StoreError> {
        let mut db = self.reader().await?;
        let used = users::any(&mut db).await? || operators::any(&mut db).await? || invitations::any(&mut db).await?;
        Ok(!used)
    }

    async fn create_user(&self, user: &NewUser, now: UnixSeconds) -> Result<bool, StoreError> {
        users::insert(&mut *self.writer().await?, user, now).await
    }

    async fn find_user(&self, key: UserKey<'_>) -> Result<Option<User>, StoreError> {
        users::find(&mut *self.reader().await?, key).await
    }

    async fn rehash_user(&self, user: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
        users::rehash(&mut *self.writer().await?, user, old, new).await
    }

    async fn set_user_active(&self, user: UserId, active: bool, now: UnixSeconds) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let found = users::set_active(&mut tx, user, active).await?;
        if found && !active {
            families::revoke_user(&mut tx, user, RevokeReason::Suspended, now).await?;
        }
        tx.commit().await?;
        Ok(found)
    }

    async fn delete_user(&self, user: UserId, now: UnixSeconds) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let found = users::mark_deleted(&mut tx, user, now).await?;
        if found {
            families::revoke_user(&mut tx, user, RevokeReason::Deleted, now).await?;
            devices::remove_all(&mut tx, user, now).await?;
        }
        tx.commit().await?;
        Ok(found)
    }

    async fn log_in(&self, user: UserId, login: &NewLogin) -> Result<LoginOutcome, StoreError> {
        let mut tx = self.db.begin().await?;
        let outcome = write_login(&mut tx, user, login).await?;
        match outcome {
            LoginOutcome::Opened(_) => tx.commit().await?,
            LoginOutcome::UserGone | LoginOutcome::NoDevice => tx.rollback().await?,
        }
        Ok(outcome)
    }

    async fn enroll(
        &self,
        invitation: InvitationId,
        who: &Enrollee,
        login: &NewLogin,
    ) -> Result<EnrollOutcome, StoreError> {
        let mut tx = self.db.begin().await?;
        if !invitations::use_up(&mut tx, invitation, login.now).await? {
            return Ok(EnrollOutcome::InvalidInvitation);
        }
        let user = match who {
            Enrollee::New(new) if users::insert(&mut tx, new, login.now).await? => new.id,
            Enrollee::New(_) => return Ok(EnrollOutcome::NameTaken),
            Enrollee::Existing(id) => *id,
        };
        match write_login(&mut tx, user, login).await? {
            LoginOutcome::Opened(device) => {
                tx.commit().await?;
                Ok(EnrollOutcome::Enrolled(device))
            }
            LoginOutcome::UserGone => Ok(EnrollOutcome::UserGone),
            LoginOutcome::NoDevice => Ok(EnrollOutcome::NoDevice),
        }
    }

    async fn standing(&self, family: FamilyId) -> Result<Option<Standing>, StoreError> {
        families::standing(&mut *self.reader().await?, family).await
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<RotateOutcome, StoreError> {
        let mut tx = self.db.begin().await?;
        let outcome = families::rotate(&mut tx, rotation).await?;
        tx.commit().await?;
        Ok(outcome)
    }

    async fn revoke_family(
        &self,
        family: FamilyId,
        reason: RevokeReason,
        now: UnixSeconds,
    ) -> Result<bool, StoreError> {
        families::revoke(&mut *self.writer().await?, family, reason, now).await
    }

    async fn set_wireguard_key(&self, device: DeviceId, key: &PublicKey) -> Result<KeyOutcome, StoreError> {
        devices::set_wireguard_key(&mut *self.writer().await?, device, key).await
    }

    async fn ended(&self, device: DeviceId) -> Result<Option<RevokeReason>, StoreError> {
        families::ended(&mut *self.reader().await?, device).await
    }

    async fn remove_device(&self, device: DeviceId, now: UnixSeconds) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let found = devices::remove(&mut tx, device, now).await?;
        if found {
            families::revoke_device(&mut tx, device, RevokeReason::DeviceRemoved, now).await?;
        }
        tx.commit().await?;
        Ok(found)
    }

    async fn spend_envelope(&self, key_hash: &Hash, expires_at: UnixSeconds) -> Result<bool, StoreError> {
        envelopes::spend(&mut *self.writer().await?, key_hash, expires_at).await
    }

    async fn create_invitation(&self, invitation: &NewInvitation) -> Result<(), StoreError> {
        invitations::insert(&mut *self.writer().await?, invitation).await
    }

    async fn find_invitation(&self, code_hash: &Hash, now: UnixSeconds) -> Result<Option<OpenInvitation>, StoreError> {
        invitations::find(&mut *self.reader().await?, code_hash, now).await
    }

    async fn put_operator(&self, operator: &NewOperator) -> Result<OperatorRow, StoreError> {
        let mut tx = self.db.begin().await?;
        let row = operators::put(&mut tx, operator).await?;
        tx.commit().await?;
        Ok(row)
    }

    async fn put_setup_code(&self, code_hash: &Hash, expires_at: UnixSeconds) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        if operators::any(&mut tx).await? {
            return Ok(false);
        }
        setup::put(&mut tx, code_hash, expires_at).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn setup_code(&self, now: UnixSeconds) -> Result<Option<Hash>, StoreError> {
        let mut db = self.reader().await?;
        if operators::any(&mut db).await? {
            return Ok(None);
        }
        setup::get(&mut db, now).await
    }

    async fn redeem_setup(&self, code_hash: &Hash, operator: &NewOperator) -> Result<Option<OperatorRow>, StoreError> {
        let mut tx = self.db.begin().await?;
        if operators::any(&mut tx).await? || !setup::take(&mut tx, code_hash, operator.now).await? {
            return Ok(None);
        }
        let row = operators::put(&mut tx, operator).await?;
        tx.commit().await?;
        Ok(Some(row))
    }

    async fn put_tls(&self, spki_sha256: &str, now: UnixSeconds) -> Result<(), StoreError> {
        tls::put(&mut *self.writer().await?, spki_sha256, now).await
    }

    async fn tls(&self) -> Result<Option<String>, StoreError> {
        tls::get(&mut *self.reader().await?).await
    }

    async fn prune(&self, now: UnixSeconds) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let rows = envelopes::prune(&mut tx, now).await?
            + families::prune(&mut tx, now).await?
            + invitations::prune(&mut tx, now).await?
            + setup::prune(&mut tx, now).await?;
        tx.commit().await?;
        Ok(rows)
    }
}
