//! Tables `second_factors` and `recovery_codes`.

use super::model::{Factor, FactorOwner, Hash, NewAudit};
use super::proofs;
use super::sql::SqlIdentityStore;
use super::tables::audit;
use crate::StoreError;
use async_trait::async_trait;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::UnixSeconds;

/// Store of second factors.
///
/// # Errors
/// Every method fails when the database is unavailable or contains an invalid value.
/// A change fails with [`StoreError::Lapsed`] if the verified password or its authority no longer holds.
#[async_trait]
pub trait FactorStore: Send + Sync + 'static {
    /// Stores an unconfirmed secret and replaces an earlier unconfirmed one. `verified` is the stored hash that the
    /// owner's password was verified against. Returns false if the owner has a confirmed factor.
    async fn offer_factor(
        &self,
        owner: FactorOwner,
        verified: &str,
        sealed: &[u8],
        now: UnixSeconds,
    ) -> Result<bool, StoreError>;
    /// The factor, confirmed or not.
    async fn factor(&self, owner: FactorOwner) -> Result<Option<Factor>, StoreError>;
    /// Confirms the factor with this encrypted secret and stores its recovery codes. Returns false if there is no such
    /// unconfirmed factor.
    async fn confirm_factor(
        &self,
        owner: FactorOwner,
        sealed: &[u8],
        step: i64,
        codes: &[Hash],
        audit: &NewAudit,
    ) -> Result<bool, StoreError>;
    /// Consumes a time step of a confirmed factor and all earlier ones. Returns false if it was already consumed.
    async fn use_step(&self, owner: FactorOwner, step: i64) -> Result<bool, StoreError>;
    /// Consumes a recovery code. Returns false if it is unknown or was already used.
    async fn use_recovery(
        &self,
        owner: FactorOwner,
        code: &Hash,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError>;
    /// Removes a factor; `verified` as in [`Self::offer_factor`]. Returns false if there was none.
    async fn remove_factor(&self, owner: FactorOwner, verified: &str, audit: &NewAudit) -> Result<bool, StoreError>;
}

#[async_trait]
impl FactorStore for SqlIdentityStore {
    async fn offer_factor(
        &self,
        owner: FactorOwner,
        verified: &str,
        sealed: &[u8],
        now: UnixSeconds,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        proofs::password(&mut tx, owner, verified).await?;
        let offer = sqlx::query(
            "INSERT INTO second_factors (owner_kind, owner_id, sealed_secret, confirmed, last_step, created_at)
             VALUES ($1, $2, $3, 0, 0, $4)
             ON CONFLICT (owner_kind, owner_id) DO UPDATE
             SET sealed_secret = excluded.sealed_secret, created_at = excluded.created_at
             WHERE second_factors.confirmed = 0",
        )
        .bind(owner.kind())
        .bind(owner.id())
        .bind(sealed.to_vec())
        .bind(now)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(offer.rows_affected() == 1)
    }

    async fn factor(&self, owner: FactorOwner) -> Result<Option<Factor>, StoreError> {
        let row =
            sqlx::query("SELECT sealed_secret, confirmed FROM second_factors WHERE owner_kind = $1 AND owner_id = $2")
                .bind(owner.kind())
                .bind(owner.id())
                .fetch_optional(&mut *self.reader().await?)
                .await?;
        let Some(row) = row else { return Ok(None) };
        let confirmed: i64 = row.try_get("confirmed")?;
        Ok(Some(Factor { sealed_secret: row.try_get("sealed_secret")?, confirmed: confirmed != 0 }))
    }

    async fn confirm_factor(
        &self,
        owner: FactorOwner,
        sealed: &[u8],
        step: i64,
        codes: &[Hash],
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        let done = sqlx::query(
            "UPDATE second_factors SET confirmed = 1, last_step = $1
             WHERE owner_kind = $2 AND owner_id = $3 AND confirmed = 0 AND sealed_secret = $4",
        )
        .bind(step)
        .bind(owner.kind())
        .bind(owner.id())
        .bind(sealed.to_vec())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        for code in codes {
            sqlx::query("INSERT INTO recovery_codes (owner_kind, owner_id, code_hash) VALUES ($1, $2, $3)")
                .bind(owner.kind())
                .bind(owner.id())
                .bind(code.to_vec())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn use_step(&self, owner: FactorOwner, step: i64) -> Result<bool, StoreError> {
        let used = sqlx::query(
            "UPDATE second_factors SET last_step = $1
             WHERE owner_kind = $2 AND owner_id = $3 AND confirmed = 1 AND last_step < $1",
        )
        .bind(step)
        .bind(owner.kind())
        .bind(owner.id());
        self.written(async { Ok(used.execute(&mut *self.writer().await?).await?.rows_affected() == 1) }).await
    }

    async fn use_recovery(
        &self,
        owner: FactorOwner,
        code: &Hash,
        now: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        let done = sqlx::query(
            "UPDATE recovery_codes SET used_at = $1
             WHERE owner_kind = $2 AND owner_id = $3 AND code_hash = $4 AND used_at IS NULL",
        )
        .bind(now)
        .bind(owner.kind())
        .bind(owner.id())
        .bind(code.to_vec())
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() != 1 {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn remove_factor(&self, owner: FactorOwner, verified: &str, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        proofs::password(&mut tx, owner, verified).await?;
        if !drop_factor(&mut tx, owner).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}

pub(super) async fn drop_factor(db: &mut AnyConnection, owner: FactorOwner) -> Result<bool, StoreError> {
    sqlx::query("DELETE FROM recovery_codes WHERE owner_kind = $1 AND owner_id = $2")
        .bind(owner.kind())
        .bind(owner.id())
        .execute(&mut *db)
        .await?;
    let done = sqlx::query("DELETE FROM second_factors WHERE owner_kind = $1 AND owner_id = $2")
        .bind(owner.kind())
        .bind(owner.id())
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}
