//! The identity store on any SQL engine: transactions that call the functions of the tables.

use super::model::{
    EnrollOutcome, Enrollee, FactorOwner, Hash, KeyOutcome, LoginOutcome, NewAudit, NewInvitation, NewLogin,
    OpenInvitation, OperatorChange, OperatorRow, Proof, PutOutcome, RefreshOutcome, RevokeReason, Standing,
    TokenRefresh, User, UserKey,
};
use super::proofs;
use super::tables::credentials::api_tokens;
use super::tables::{
    audit, devices, envelopes, families, invitations, operators, settings, setup, sign_ins, tls, users,
};
use crate::{Database, KnownSchema, PostgresLogin, StoreError, Write, postgres};
use sqlx::AnyConnection;
use std::path::Path;
use tornado_shared::model::{DeviceId, FamilyId, InvitationId, PublicKey, UnixSeconds, UserId};

/// Durable state of service `auth`. Every method is one statement or one transaction. A privileged act is written
/// together with its audit row, or not at all. Cheap to clone.
///
/// # Errors
/// Every method fails when the database is unavailable or contains an invalid value. A change with an audit row fails
/// with [`StoreError::Lapsed`] if its authority no longer holds.
#[derive(Clone, Debug)]
pub struct SqlIdentityStore {
    pub(super) db: Database,
}

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

    /// Creates or updates the tables in a PostgreSQL database. `owner` is the role that owns them. Tables that have an
    /// older schema are copied first; returns the schema with the copy.
    ///
    /// # Errors
    /// When the database is unavailable, has a newer schema, cannot be copied, or a migration fails.
    pub async fn migrate_postgres(owner: &PostgresLogin) -> Result<Option<String>, StoreError> {
        postgres::migrate(owner, KNOWN.name(), KNOWN.role(), &KNOWN.postgres()).await
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

    /// Begins a transaction with its audit row.
    pub(super) async fn begin_audited(&self, audit: &NewAudit) -> Result<Write, StoreError> {
        let mut tx = self.db.begin().await?;
        audit::append(&mut tx, audit).await?;
        Ok(tx)
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

/// Commits a login that was opened.
async fn finish_login(tx: Write, outcome: LoginOutcome) -> Result<LoginOutcome, StoreError> {
    match outcome {
        LoginOutcome::Opened(_) => tx.commit().await?,
        LoginOutcome::UserGone | LoginOutcome::NoDevice => tx.rollback().await?,
    }
    Ok(outcome)
}

#[expect(clippy::missing_errors_doc, reason = "the documentation of the type has the errors of all methods")]
impl SqlIdentityStore {
    /// True if there are no accounts, operators and invitations.
    pub async fn is_pristine(&self) -> Result<bool, StoreError> {
        let mut db = self.db.reader().await?;
        let used = users::any(&mut db).await? || operators::any(&mut db).await? || invitations::any(&mut db).await?;
        Ok(!used)
    }

    /// Finds an account that is not deleted.
    pub async fn find_user(&self, key: UserKey<'_>) -> Result<Option<User>, StoreError> {
        users::find(&mut *self.db.reader().await?, key).await
    }

    /// Replaces a password hash by another hash of the same password. Returns false if the stored hash has changed.
    pub async fn rehash_user(&self, user: UserId, old: &str, new: &str) -> Result<bool, StoreError> {
        self.db.written(async { users::rehash(&mut *self.db.writer().await?, user, old, new).await }).await
    }

    /// Writes a login: time of the latest login, device and token family. The device's earlier login is revoked.
    ///
    /// # Errors
    /// [`StoreError::Lapsed`] when the account's password or second factor differs from the proof.
    pub async fn log_in(&self, user: UserId, proof: &Proof, login: &NewLogin) -> Result<LoginOutcome, StoreError> {
        let mut tx = self.db.begin().await?;
        let outcome = write_login(&mut tx, user, Some(proof), login).await?;
        finish_login(tx, outcome).await
    }

    /// The same for a device that another person creates, with its audit row.
    pub async fn export_device(
        &self,
        user: UserId,
        login: &NewLogin,
        audit: &NewAudit,
    ) -> Result<LoginOutcome, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        let outcome = write_login(&mut tx, user, None, login).await?;
        finish_login(tx, outcome).await
    }

    /// Uses an invitation and writes account, device and login, all or nothing. Fails like [`Self::log_in`].
    pub async fn enroll(
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

    /// Everything that a token of this family must be checked against.
    pub async fn standing(&self, family: FamilyId) -> Result<Option<Standing>, StoreError> {
        families::standing(&mut *self.db.reader().await?, family).await
    }

    /// Uses a refresh token once. Of two concurrent uses, one rotates the token and the other revokes the family.
    pub async fn refresh(&self, refresh: &TokenRefresh) -> Result<RefreshOutcome, StoreError> {
        let mut tx = self.db.begin().await?;
        let outcome = families::refresh(&mut tx, refresh).await?;
        tx.commit().await?;
        Ok(outcome)
    }

    /// Revokes a login. Returns false if it was already revoked or does not exist.
    pub async fn revoke_family(
        &self,
        family: FamilyId,
        reason: RevokeReason,
        now: UnixSeconds,
    ) -> Result<bool, StoreError> {
        self.db.written(async { families::revoke(&mut *self.db.writer().await?, family, reason, now).await }).await
    }

    /// Sets the device's only WireGuard key.
    pub async fn set_wireguard_key(&self, device: DeviceId, key: &PublicKey) -> Result<KeyOutcome, StoreError> {
        self.db.written(async { devices::set_wireguard_key(&mut *self.db.writer().await?, device, key).await }).await
    }

    /// Keeps a login until it is revoked, even if its tokens expire. Returns false if it was already revoked.
    pub async fn keep_family(&self, family: FamilyId) -> Result<bool, StoreError> {
        self.db.written(async { families::keep(&mut *self.db.writer().await?, family).await }).await
    }

    /// Why a device may no longer have a session. `None` if it has a login, or if the store does not know the device.
    pub async fn ended(&self, device: DeviceId) -> Result<Option<RevokeReason>, StoreError> {
        families::ended(&mut *self.db.reader().await?, device).await
    }

    /// True if the account has a device with this key that is not removed.
    pub async fn has_device(&self, user: UserId, key: &[u8; 32]) -> Result<bool, StoreError> {
        Ok(devices::find_v2(&mut *self.db.reader().await?, user, key).await?.is_some())
    }

    /// Records an envelope's ephemeral key. Returns false if it was already used.
    pub async fn spend_envelope(&self, key_hash: &Hash, expires_at: UnixSeconds) -> Result<bool, StoreError> {
        self.db.written(async { envelopes::spend(&mut *self.db.writer().await?, key_hash, expires_at).await }).await
    }

    /// Stores an invitation.
    pub async fn create_invitation(&self, invitation: &NewInvitation, audit: &NewAudit) -> Result<(), StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        invitations::insert(&mut tx, invitation).await?;
        tx.commit().await
    }

    /// Finds an invitation that is neither used nor expired.
    pub async fn find_invitation(
        &self,
        code_hash: &Hash,
        now: UnixSeconds,
    ) -> Result<Option<OpenInvitation>, StoreError> {
        invitations::find(&mut *self.db.reader().await?, code_hash, now).await
    }

    /// Replaces the set-up code. Returns false if there is an operator.
    pub async fn put_setup_code(
        &self,
        code_hash: &Hash,
        expires_at: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        if operators::any(&mut tx).await? {
            return Ok(false);
        }
        setup::put(&mut tx, code_hash, expires_at).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Hash of the set-up code if it has not expired and there is no operator.
    pub async fn setup_code(&self, now: UnixSeconds) -> Result<Option<Hash>, StoreError> {
        let mut db = self.db.reader().await?;
        if operators::any(&mut db).await? {
            return Ok(None);
        }
        setup::get(&mut db, now).await
    }

    /// Uses the set-up code and creates the first operator. `None` if the code is used or expired, or if there is an
    /// operator.
    pub async fn redeem_setup(
        &self,
        code_hash: &Hash,
        operator: &OperatorChange,
        audit: &NewAudit,
    ) -> Result<Option<OperatorRow>, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        if operators::any(&mut tx).await? || !setup::take(&mut tx, code_hash, operator.now).await? {
            return Ok(None);
        }
        let PutOutcome::Put(row) = operators::put(&mut tx, operator).await? else { return Ok(None) };
        tx.commit().await?;
        Ok(Some(row))
    }

    /// Stores the certificate of the edge: SHA-256 of its SubjectPublicKeyInfo in lower-case hex.
    pub async fn attest_tls(&self, spki_sha256: &str, now: UnixSeconds) -> Result<(), StoreError> {
        self.db.written(async { tls::put(&mut *self.db.writer().await?, spki_sha256, now).await }).await
    }

    /// The stored certificate of the edge.
    pub async fn tls(&self) -> Result<Option<String>, StoreError> {
        tls::get(&mut *self.db.reader().await?).await
    }

    /// The value of a setting. `None`: it is not set.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        settings::get(&mut *self.db.reader().await?, name).await
    }

    /// Sets a setting, or removes it.
    pub async fn put_setting(&self, name: &str, value: Option<&str>, audit: &NewAudit) -> Result<(), StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        match value {
            Some(value) => settings::put(&mut tx, name, value, audit.at).await?,
            None => settings::remove(&mut tx, name).await?,
        }
        tx.commit().await
    }

    /// Deletes expired envelopes, token families, invitations, set-up codes and sign-ins, and API tokens that expired
    /// 30 days ago. Returns the number of rows.
    pub async fn prune(&self, now: UnixSeconds) -> Result<u64, StoreError> {
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
