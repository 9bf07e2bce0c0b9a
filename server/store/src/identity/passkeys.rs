//! Passkeys of operators. Each change is written together with its audit row, or not at all.

use super::model::{MAX_PASSKEYS, NewAudit, NewSignIn, OperatorRow, PasskeyOutcome, PasskeyRow, UsedPasskey};
use super::sql::SqlIdentityStore;
use super::tables::credentials::passkeys;
use super::tables::{operators, sign_ins};
use crate::{StoreError, Verified};
use tornado_shared::model::OperatorId;
use uuid::Uuid;

/// Passkeys. A change fails with [`StoreError::Lapsed`] also if the passkey no longer exists.
#[expect(clippy::missing_errors_doc, reason = "the documentation of the type has the errors of all methods")]
impl SqlIdentityStore {
    /// Adds a passkey.
    pub async fn add_passkey(&self, new: &PasskeyRow, audit: &NewAudit) -> Result<PasskeyOutcome, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
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

    /// An operator with its passkeys, oldest first. `None`: the operator does not exist.
    pub async fn operator_passkeys(
        &self,
        operator: OperatorId,
    ) -> Result<Option<(OperatorRow, Vec<PasskeyRow>)>, StoreError> {
        let mut db = self.db.reader().await?;
        let Some(row) = operators::find_by_id(&mut db, operator).await? else { return Ok(None) };
        let passkeys = passkeys::of(&mut db, operator).await?;
        Ok(Some((row, passkeys)))
    }

    /// Writes a sign-in by a passkey, and the passkey's new state.
    pub async fn sign_in_by_passkey(
        &self,
        new: &NewSignIn,
        used: &UsedPasskey,
        audit: &NewAudit,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        if !passkeys::used(&mut tx, used).await? {
            return Err(StoreError::Lapsed(Verified::Credentials));
        }
        sign_ins::insert(&mut tx, new).await?;
        tx.commit().await
    }

    /// Records that the operator of a sign-in used a passkey as confirmation, and the passkey's new state.
    pub async fn confirm_by_passkey(
        &self,
        sign_in: Uuid,
        used: &UsedPasskey,
        audit: &NewAudit,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        if !passkeys::used(&mut tx, used).await? {
            return Err(StoreError::Lapsed(Verified::Credentials));
        }
        if !sign_ins::confirm(&mut tx, sign_in, used.now).await? {
            return Err(StoreError::Lapsed(Verified::SignIn));
        }
        tx.commit().await
    }

    /// Removes a passkey. Returns false if the operator does not have it.
    pub async fn remove_passkey(&self, operator: OperatorId, id: Uuid, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        if !passkeys::remove(&mut tx, operator, id).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}
