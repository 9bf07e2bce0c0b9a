//! The identity store on any SQL engine: transactions that call the functions of the tables.

use super::model::{
    EnrollOutcome, Enrollee, FactorOwner, Hash, KeyOutcome, LoginOutcome, NewAudit, NewInvitation, NewLogin,
    OpenInvitation, OperatorChange, OperatorRow, Proof, PutOutcome, RefreshOutcome, RevokeReason, Standing,
    TokenRefresh, User, UserKey,
};
use super::tables::credentials::api_tokens;
use super::tables::{
    audit, devices, envelopes, families, invitations, operators, settings, setup, sign_ins, tls, users,
};
use super::{IdentityStore, proofs};
use crate::{Database, KnownSchema, PostgresLogin, StoreError, Write, postgres};
use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection};
use std::path::Path;
use tornado_shared::model::{DeviceId, FamilyId, InvitationId, PublicKey, UnixSeconds, UserId};

/// [`IdentityStore`] on a [`Database`].
#[derive(Clone, Debug)]
pub struct SqlIdentityStore {
    db: Database,
}

/// PostgreSQL role of the service; see `installers/postgres/roles.sql`.
const ROLE: &str = "tornado_auth";

const KNOWN: KnownSchema = KnownSchema::Identity;

impl SqlIdentityStore {
    /// Opens the SQLite file at `path`; creates it if it does not exist.
    ///
    /// # Errors
    /// See [`Database::open_sqlite`].
    pub async fn open_sqlite(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { db: Database::open_sqlite(path, &KNOWN.sqlite()).await? })
    }

    /// Opens the tables in a PostgreSQL database. Does not create them; see [`SqlIdentityStore::migrate_postgres`].
    ///
    /// # Errors
    /// When the database is unavailable, rejects the login, or has another schema version.
    pub async fn open_postgres(login: &PostgresLogin) -> Result<Self, StoreError> {
        Ok(Self { db: Database::open_postgres(login, KNOWN.name(), &KNOWN.postgres()).await? })
    }

    /// Creates or updates the tables in a PostgreSQL database. `owner` is the role that owns them.
    ///
    /// # Errors
    /// When the database is unavailable or a migration fails.
    pub async fn migrate_postgres(owner: &PostgresLogin) -> Result<(), StoreError> {
        postgres::migrate(owner, KNOWN.name(), ROLE, &KNOWN.postgres()).await
    }

    /// Waits for running statements and closes the database.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// The underlying database.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.db
    }

    pub(super) async fn reader(&self) -> Result<PoolConnection<Any>, StoreError> {
        self.db.reader().await
    }

    pub(super) async fn begin(&self) -> Result<Write, StoreError> {
        self.db.begin().await
    }

    /// Runs a single statement on [`Self::writer`] and waits until its result is durable.
    pub(super) async fn written<T>(
        &self,
        statement: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.db.written(statement).await
    }

    pub(super) async fn writer(&self) -> Result<PoolConnection<Any>, StoreError> {
        self.db.writer().await
    }
}

/// Writes device and login if the account may log in. The caller commits only [`LoginOutcome::Opened`]. Locks the
/// account's row first: a concurrent change of the password either is complete by then, or waits and finds this login.
async fn write_login(
    db: &mut AnyConnection,
    user: UserId,
    proof: Option<&Proof>,
    login: &NewLogin,
) -> Result<LoginOutcome, StoreError> {
    if !users::touch_login(db, user, login.now).await? {
        return Ok(LoginOutcome::UserGone);
    }
    if let Some(proof) = proof {
        proofs::check(db, FactorOwner::User(user), proof).await?;
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

    async fn find_user(&self, key: UserKey<'_>) -> Result<Option<User>, StoreError> {
        users::find(&mut *self.reader().await?, key).await
    }

    async fn rehash_user(&self, user: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
        self.written(async { users::rehash(&mut *self.writer().await?, user, old, new).await }).await
    }

    async fn log_in(&self, user: UserId, proof: &Proof, login: &NewLogin) -> Result<LoginOutcome, StoreError> {
        let mut tx = self.db.begin().await?;
        let outcome = write_login(&mut tx, user, Some(proof), login).await?;
        match outcome {
            LoginOutcome::Opened(_) => tx.commit().await?,
            LoginOutcome::UserGone | LoginOutcome::NoDevice => tx.rollback().await?,
        }
        Ok(outcome)
    }

    async fn export_device(
        &self,
        user: UserId,
        login: &NewLogin,
        audit: &NewAudit,
    ) -> Result<LoginOutcome, StoreError> {
        let mut tx = self.db.begin().await?;
        audit::append(&mut tx, audit).await?;
        let outcome = write_login(&mut tx, user, None, login).await?;
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
        let (user, proof) = match who {
            Enrollee::New(new) if users::insert(&mut tx, new, login.now).await? => (new.id, None),
            Enrollee::New(_) => return Ok(EnrollOutcome::NameTaken),
            Enrollee::Existing(id, proof) => (*id, Some(proof)),
        };
        match write_login(&mut tx, user, proof, login).await? {
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

    async fn refresh(&self, refresh: &TokenRefresh) -> Result<RefreshOutcome, StoreError> {
        let mut tx = self.db.begin().await?;
        let outcome = families::refresh(&mut tx, refresh).await?;
        tx.commit().await?;
        Ok(outcome)
    }

    async fn revoke_family(
        &self,
        family: FamilyId,
        reason: RevokeReason,
        now: UnixSeconds,
    ) -> Result<bool, StoreError> {
        self.written(async { families::revoke(&mut *self.writer().await?, family, reason, now).await }).await
    }

    async fn set_wireguard_key(&self, device: DeviceId, key: &PublicKey) -> Result<KeyOutcome, StoreError> {
        self.written(async { devices::set_wireguard_key(&mut *self.writer().await?, device, key).await }).await
    }

    async fn keep_family(&self, family: FamilyId) -> Result<bool, StoreError> {
        self.written(async { families::keep(&mut *self.writer().await?, family).await }).await
    }

    async fn ended(&self, device: DeviceId) -> Result<Option<RevokeReason>, StoreError> {
        families::ended(&mut *self.reader().await?, device).await
    }

    async fn has_device(&self, user: UserId, key: &[u8; 32]) -> Result<bool, StoreError> {
        Ok(devices::find_v2(&mut *self.reader().await?, user, key).await?.is_some())
    }

    async fn spend_envelope(&self, key_hash: &Hash, expires_at: UnixSeconds) -> Result<bool, StoreError> {
        self.written(async { envelopes::spend(&mut *self.writer().await?, key_hash, expires_at).await }).await
    }

    async fn create_invitation(&self, invitation: &NewInvitation, audit: &NewAudit) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        invitations::insert(&mut tx, invitation).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn find_invitation(&self, code_hash: &Hash, now: UnixSeconds) -> Result<Option<OpenInvitation>, StoreError> {
        invitations::find(&mut *self.reader().await?, code_hash, now).await
    }

    async fn put_setup_code(
        &self,
        code_hash: &Hash,
        expires_at: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
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

    async fn redeem_setup(
        &self,
        code_hash: &Hash,
        operator: &OperatorChange,
        audit: &NewAudit,
    ) -> Result<Option<OperatorRow>, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        if operators::any(&mut tx).await? || !setup::take(&mut tx, code_hash, operator.now).await? {
            return Ok(None);
        }
        let PutOutcome::Put(row) = operators::put(&mut tx, operator).await? else { return Ok(None) };
        tx.commit().await?;
        Ok(Some(row))
    }

    async fn attest_tls(&self, spki_sha256: &str, now: UnixSeconds) -> Result<(), StoreError> {
        self.written(async { tls::put(&mut *self.writer().await?, spki_sha256, now).await }).await
    }

    async fn tls(&self) -> Result<Option<String>, StoreError> {
        tls::get(&mut *self.reader().await?).await
    }

    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        settings::get(&mut *self.reader().await?, name).await
    }

    async fn put_setting(&self, name: &str, value: Option<&str>, audit: &NewAudit) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        match value {
            Some(value) => settings::put(&mut tx, name, value, audit.at).await?,
            None => settings::remove(&mut tx, name).await?,
        }
        tx.commit().await?;
        Ok(())
    }

    async fn prune(&self, now: UnixSeconds) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let rows = envelopes::prune(&mut tx, now).await?
            + families::prune(&mut tx, now).await?
            + invitations::prune(&mut tx, now).await?
            + setup::prune(&mut tx, now).await?
            + sign_ins::prune(&mut tx, now).await?
            + api_tokens::prune(&mut tx, now).await?;
        tx.commit().await?;
        Ok(rows)
    }
}
