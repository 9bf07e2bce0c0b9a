//! Operators and their sign-ins. Each change is written together with its audit row, or not at all.

use super::model::{
    FactorOwner, Hash, NewAudit, NewSignIn, OperatorChange, OperatorRow, Proof, PutOutcome, RemoveOutcome, SignInRow,
};
use super::sql::SqlIdentityStore;
use super::tables::credentials::{api_tokens, passkeys};
use super::tables::{audit, operators, sign_ins};
use super::{factors, proofs};
use crate::StoreError;
use async_trait::async_trait;
use tornado_shared::model::{UnixSeconds, Username};
use uuid::Uuid;

/// Store of operators and their sign-ins.
///
/// # Errors
/// Every method fails when the database is unavailable or contains an invalid value.
/// A change fails with [`StoreError::Lapsed`] if its authority no longer holds.
#[async_trait]
pub trait OperatorStore: Send + Sync + 'static {
    /// Finds an operator by name.
    async fn find_operator(&self, name: &Username) -> Result<Option<OperatorRow>, StoreError>;
    /// All operators, sorted by name.
    async fn list_operators(&self) -> Result<Vec<OperatorRow>, StoreError>;
    /// Creates or changes an operator.
    async fn put_operator(&self, change: &OperatorChange, audit: &NewAudit) -> Result<PutOutcome, StoreError>;
    /// Removes an operator.
    async fn remove_operator(&self, name: &Username, audit: &NewAudit) -> Result<RemoveOutcome, StoreError>;
    /// Writes a sign-in.
    ///
    /// # Errors
    /// [`StoreError::Lapsed`] when the operator does not exist, or when its password or second factor differs from the
    /// proof.
    async fn open_sign_in(&self, new: &NewSignIn, proof: &Proof, audit: &NewAudit) -> Result<(), StoreError>;
    /// Sign-in and operator of a token, unless the sign-in has expired.
    async fn sign_in(&self, token_hash: &Hash, now: UnixSeconds) -> Result<Option<(Uuid, OperatorRow)>, StoreError>;
    /// All sign-ins that have not expired, newest first.
    async fn list_sign_ins(&self, now: UnixSeconds) -> Result<Vec<SignInRow>, StoreError>;
    /// Records the use of a sign-in.
    async fn touch_sign_in(&self, id: Uuid, now: UnixSeconds) -> Result<(), StoreError>;
    /// Records that the operator of a sign-in confirmed the password. Returns false if the sign-in does not exist.
    async fn confirm_sign_in(&self, id: Uuid, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError>;
    /// Time of the latest confirmation. `None`: the sign-in does not exist.
    async fn sign_in_confirmed_at(&self, id: Uuid) -> Result<Option<UnixSeconds>, StoreError>;
    /// Ends a sign-in. Returns false if it does not exist.
    async fn end_sign_in(&self, id: Uuid, audit: &NewAudit) -> Result<bool, StoreError>;
}

#[async_trait]
impl OperatorStore for SqlIdentityStore {
    async fn find_operator(&self, name: &Username) -> Result<Option<OperatorRow>, StoreError> {
        operators::find(&mut *self.reader().await?, name).await
    }

    async fn list_operators(&self) -> Result<Vec<OperatorRow>, StoreError> {
        operators::list(&mut *self.reader().await?).await
    }

    async fn put_operator(&self, change: &OperatorChange, audit: &NewAudit) -> Result<PutOutcome, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        let outcome = operators::put(&mut tx, change).await?;
        let PutOutcome::Put(row) = &outcome else { return Ok(outcome) };
        if change.password_hash.is_some() {
            sign_ins::end_all(&mut tx, row.id).await?;
        }
        if change.forget_totp {
            factors::drop_factor(&mut tx, FactorOwner::Operator(row.id)).await?;
        }
        tx.commit().await?;
        Ok(outcome)
    }

    async fn remove_operator(&self, name: &Username, audit: &NewAudit) -> Result<RemoveOutcome, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        let Some(row) = operators::find(&mut tx, name).await? else { return Ok(RemoveOutcome::Gone) };
        sign_ins::end_all(&mut tx, row.id).await?;
        api_tokens::end_all(&mut tx, row.id).await?;
        passkeys::remove_all(&mut tx, row.id).await?;
        factors::drop_factor(&mut tx, FactorOwner::Operator(row.id)).await?;
        if !operators::remove(&mut tx, row.id).await? {
            return Ok(RemoveOutcome::LastOwner);
        }
        tx.commit().await?;
        Ok(RemoveOutcome::Removed)
    }

    async fn open_sign_in(&self, new: &NewSignIn, proof: &Proof, audit: &NewAudit) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        proofs::check(&mut tx, FactorOwner::Operator(new.operator), proof).await?;
        sign_ins::insert(&mut tx, new).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn sign_in(&self, token_hash: &Hash, now: UnixSeconds) -> Result<Option<(Uuid, OperatorRow)>, StoreError> {
        sign_ins::find(&mut *self.reader().await?, token_hash, now).await
    }

    async fn list_sign_ins(&self, now: UnixSeconds) -> Result<Vec<SignInRow>, StoreError> {
        sign_ins::list(&mut *self.reader().await?, now).await
    }

    async fn touch_sign_in(&self, id: Uuid, now: UnixSeconds) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sign_ins::touch(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn confirm_sign_in(&self, id: Uuid, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        if !sign_ins::confirm(&mut tx, id, now).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn sign_in_confirmed_at(&self, id: Uuid) -> Result<Option<UnixSeconds>, StoreError> {
        sign_ins::confirmed_at(&mut *self.reader().await?, id).await
    }

    async fn end_sign_in(&self, id: Uuid, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        if !sign_ins::end(&mut tx, id).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}
