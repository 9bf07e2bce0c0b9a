//! Passkeys of operators. Each change is written together with its audit row, or not at all.

use super::model::{MAX_PASSKEYS, NewAudit, NewSignIn, OperatorRow, PasskeyOutcome, PasskeyRow, UsedPasskey};
use super::sql::SqlIdentityStore;
use super::tables::credentials::passkeys;
use super::tables::{audit, operators, sign_ins};
use crate::{StoreError, Verified};
use async_trait::async_trait;
use tornado_shared::model::OperatorId;
use uuid::Uuid;

/// Store of passkeys.
///
/// # Errors
/// Every method fails when the database is unavailable or contains an invalid value.
/// A change fails with [`StoreError::Lapsed`] if its authority no longer holds, or if the passkey no longer exists.
#[async_trait]
pub trait PasskeyStore: Send + Sync + 'static {
    /// Adds a passkey.
    async fn add_passkey(&self, new: &PasskeyRow, audit: &NewAudit) -> Result<PasskeyOutcome, StoreError>;
    /// An operator with its passkeys, oldest first. `None`: the operator does not exist.
    async fn operator_passkeys(
        &self,
        operator: OperatorId,
    ) -> Result<Option<(OperatorRow, Vec<PasskeyRow>)>, StoreError>;
    /// Writes a sign-in by a passkey, and the passkey's new state.
    async fn sign_in_by_passkey(&self, new: &NewSignIn, used: &UsedPasskey, audit: &NewAudit)
    -> Result<(), StoreError>;
    /// Records that the operator of a sign-in used a passkey as confirmation, and the passkey's new state.
    async fn confirm_by_passkey(&self, sign_in: Uuid, used: &UsedPasskey, audit: &NewAudit) -> Result<(), StoreError>;
    /// Removes a passkey. Returns false if the operator does not have it.
    async fn remove_passkey(&self, operator: OperatorId, id: Uuid, audit: &NewAudit) -> Result<bool, StoreError>;
}

#[async_trait]
impl PasskeyStore for SqlIdentityStore {
    async fn add_passkey(&self, new: &PasskeyRow, audit: &NewAudit) -> Result<PasskeyOutcome, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        let count = passkeys::of(&mut tx, new.operator).await?.len();
        if i64::try_from(count).is_ok_and(|count| count >= MAX_PASSKEYS) {
            return Ok(PasskeyOutcome::TooMany);
        }
        if !passkeys::insert(&mut tx, new).await? {
            return Ok(PasskeyOutcome::Known);
        }
        tx.commit().await?;
        Ok(PasskeyOutcome::Added)
    }

    async fn operator_passkeys(
        &self,
        operator: OperatorId,
    ) -> Result<Option<(OperatorRow, Vec<PasskeyRow>)>, StoreError> {
        let mut db = self.reader().await?;
        let Some(row) = operators::find_by_id(&mut db, operator).await? else { return Ok(None) };
        let passkeys = passkeys::of(&mut db, operator).await?;
        Ok(Some((row, passkeys)))
    }

    async fn sign_in_by_passkey(
        &self,
        new: &NewSignIn,
        used: &UsedPasskey,
        audit: &NewAudit,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        if !passkeys::used(&mut tx, used).await? {
            return Err(StoreError::Lapsed(Verified::Credentials));
        }
        sign_ins::insert(&mut tx, new).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn confirm_by_passkey(&self, sign_in: Uuid, used: &UsedPasskey, audit: &NewAudit) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        if !passkeys::used(&mut tx, used).await? {
            return Err(StoreError::Lapsed(Verified::Credentials));
        }
        if !sign_ins::confirm(&mut tx, sign_in, used.now).await? {
            return Err(StoreError::Lapsed(Verified::SignIn));
        }
        tx.commit().await?;
        Ok(())
    }

    async fn remove_passkey(&self, operator: OperatorId, id: Uuid, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        if !passkeys::remove(&mut tx, operator, id).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}
