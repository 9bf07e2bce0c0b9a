//! Tables `second_factors` and `recovery_codes`.

use super::model::{Factor, FactorOwner, Hash, NewAudit};
use super::proofs;
use super::sql::SqlIdentityStore;
use crate::StoreError;
use crate::statement::columns::flag;
use crate::statement::{changes_one, execute, first, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::UnixSeconds;

/// Second factors. A change also fails with [`StoreError::Lapsed`] if the verified password is no longer stored.
#[expect(clippy::missing_errors_doc, reason = "the documentation of the type has the errors of all methods")]
impl SqlIdentityStore {
    /// Stores an unconfirmed secret and replaces an earlier unconfirmed one. `verified` is the stored hash that the
    /// owner's password was verified against. Returns false if the owner has a confirmed factor.
    pub async fn offer_factor(
        &self,
        owner: FactorOwner,
        verified: &str,
        sealed: &[u8],
        now: UnixSeconds,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        proofs::password(&mut tx, owner, verified).await?;
        let query = "INSERT INTO second_factors
                         (owner_kind, owner_id, sealed_secret, confirmed, last_step, created_at)
                     VALUES ($1, $2, $3, 0, 0, $4)
                     ON CONFLICT (owner_kind, owner_id) DO UPDATE
                     SET sealed_secret = excluded.sealed_secret, created_at = excluded.created_at
                     WHERE second_factors.confirmed = 0";
        let offered = changes_one(&mut tx, query, values![owner.kind(), owner.id(), sealed, now]).await?;
        tx.commit().await?;
        Ok(offered)
    }

    /// The factor, confirmed or not.
    pub async fn factor(&self, owner: FactorOwner) -> Result<Option<Factor>, StoreError> {
        let query = "SELECT sealed_secret, confirmed FROM second_factors WHERE owner_kind = $1 AND owner_id = $2";
        let read = |row: &AnyRow| {
            Ok(Factor { sealed_secret: row.try_get("sealed_secret")?, confirmed: flag(row, "confirmed")? })
        };
        first(&mut *self.db.reader().await?, query, values![owner.kind(), owner.id()], read).await
    }

    /// Confirms the factor with this encrypted secret and stores its recovery codes. Returns false if there is no such
    /// unconfirmed factor.
    pub async fn confirm_factor(
        &self,
        owner: FactorOwner,
        sealed: &[u8],
        step: i64,
        codes: &[Hash],
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        let confirm = "UPDATE second_factors SET confirmed = 1, last_step = $1
                       WHERE owner_kind = $2 AND owner_id = $3 AND confirmed = 0 AND sealed_secret = $4";
        if !changes_one(&mut tx, confirm, values![step, owner.kind(), owner.id(), sealed]).await? {
            return Ok(false);
        }
        for code in codes {
            let insert = "INSERT INTO recovery_codes (owner_kind, owner_id, code_hash) VALUES ($1, $2, $3)";
            execute(&mut tx, insert, values![owner.kind(), owner.id(), code]).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Consumes a time step of a confirmed factor and all earlier ones. Returns false if it was already consumed.
    pub async fn use_step(&self, owner: FactorOwner, step: i64) -> Result<bool, StoreError> {
        let query = "UPDATE second_factors SET last_step = $1
                     WHERE owner_kind = $2 AND owner_id = $3 AND confirmed = 1 AND last_step < $1";
        let values = values![step, owner.kind(), owner.id()];
        self.db.written(async { changes_one(&mut *self.db.writer().await?, query, values).await }).await
    }

    /// Consumes a recovery code. Returns false if it is unknown or was already used.
    pub async fn use_recovery(
        &self,
        owner: FactorOwner,
        code: &Hash,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        let query = "UPDATE recovery_codes SET used_at = $1
                     WHERE owner_kind = $2 AND owner_id = $3 AND code_hash = $4 AND used_at IS NULL";
        if !changes_one(&mut tx, query, values![now, owner.kind(), owner.id(), code]).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Removes a factor; `verified` as in [`Self::offer_factor`]. Returns false if there was none.
    pub async fn remove_factor(
        &self,
        owner: FactorOwner,
        verified: &str,
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        proofs::password(&mut tx, owner, verified).await?;
        if !drop_factor(&mut tx, owner).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}

pub(super) async fn drop_factor(db: &mut AnyConnection, owner: FactorOwner) -> Result<bool, StoreError> {
    let codes = "DELETE FROM recovery_codes WHERE owner_kind = $1 AND owner_id = $2";
    execute(db, codes, values![owner.kind(), owner.id()]).await?;
    let factor = "DELETE FROM second_factors WHERE owner_kind = $1 AND owner_id = $2";
    changes_one(db, factor, values![owner.kind(), owner.id()]).await
}
