//! Operators, their sign-ins and the audit trail. Each change is written together with its audit row, or not at all.

use super::model::{
    AuditFilter, AuditHead, FactorOwner, Hash, NewAudit, NewSignIn, OperatorChange, OperatorRow, Proof, PutOutcome,
    RemoveOutcome, SignInRow, StoredAudit,
};
use super::sql::SqlIdentityStore;
use super::tables::credentials::{api_tokens, passkeys};
use super::tables::{audit, operators, sign_ins};
use super::{factors, proofs};
use crate::StoreError;
use tornado_shared::model::{UnixSeconds, Username};
use uuid::Uuid;

/// Operators, their sign-ins and the audit trail.
#[expect(clippy::missing_errors_doc, reason = "the documentation of the type has the errors of all methods")]
impl SqlIdentityStore {
    /// Finds an operator by name.
    pub async fn find_operator(&self, name: &Username) -> Result<Option<OperatorRow>, StoreError> {
        operators::find(&mut *self.db.reader().await?, name).await
    }

    /// All operators, sorted by name.
    pub async fn list_operators(&self) -> Result<Vec<OperatorRow>, StoreError> {
        operators::list(&mut *self.db.reader().await?).await
    }

    /// Creates or changes an operator.
    pub async fn put_operator(&self, change: &OperatorChange, audit: &NewAudit) -> Result<PutOutcome, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        let outcome = operators::put(&mut tx, change).await?;
        let PutOutcome::Put(row) = &outcome else { return Ok(outcome) };
        if change.password_hash.is_some() {
            sign_ins::end_all(&mut tx, row.id).await?;
        }
        if change.forget_totp {
            factors::drop_factor(&mut tx, FactorOwner::Operator(row.id)).await?;
            // An earlier holder of the password could have created these, and a new password does not end them.
            passkeys::remove_all(&mut tx, row.id).await?;
            api_tokens::end_all(&mut tx, row.id).await?;
        }
        tx.commit().await?;
        Ok(outcome)
    }

    /// Removes an operator.
    pub async fn remove_operator(&self, name: &Username, audit: &NewAudit) -> Result<RemoveOutcome, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
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

    /// Writes a sign-in.
    ///
    /// # Errors
    /// [`StoreError::Lapsed`] when the operator does not exist, or when its password or second factor differs from the
    /// proof.
    pub async fn open_sign_in(&self, new: &NewSignIn, proof: &Proof, audit: &NewAudit) -> Result<(), StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        proofs::check(&mut tx, FactorOwner::Operator(new.operator), proof).await?;
        sign_ins::insert(&mut tx, new).await?;
        tx.commit().await
    }

    /// Sign-in and operator of a token, unless the sign-in has expired.
    pub async fn sign_in(
        &self,
        token_hash: &Hash,
        now: UnixSeconds,
    ) -> Result<Option<(Uuid, OperatorRow)>, StoreError> {
        sign_ins::find(&mut *self.db.reader().await?, token_hash, now).await
    }

    /// All sign-ins that have not expired, newest first.
    pub async fn list_sign_ins(&self, now: UnixSeconds) -> Result<Vec<SignInRow>, StoreError> {
        sign_ins::list(&mut *self.db.reader().await?, now).await
    }

    /// Records the use of a sign-in.
    pub async fn touch_sign_in(&self, id: Uuid, now: UnixSeconds) -> Result<(), StoreError> {
        self.db.written(async { sign_ins::touch(&mut *self.db.writer().await?, id, now).await }).await
    }

    /// Records that the operator of a sign-in confirmed the password. Returns false if the sign-in does not exist.
    pub async fn confirm_sign_in(&self, id: Uuid, now: UnixSeconds, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        if !sign_ins::confirm(&mut tx, id, now).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Time of the latest confirmation. `None`: the sign-in does not exist.
    pub async fn sign_in_confirmed_at(&self, id: Uuid) -> Result<Option<UnixSeconds>, StoreError> {
        sign_ins::confirmed_at(&mut *self.db.reader().await?, id).await
    }

    /// Ends a sign-in. Returns false if it does not exist.
    pub async fn end_sign_in(&self, id: Uuid, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        if !sign_ins::end(&mut tx, id).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Appends a row that does not belong to another change.
    pub async fn append_audit(&self, row: &NewAudit) -> Result<(), StoreError> {
        self.begin_audited(row).await?.commit().await
    }

    /// Rows that match a filter, newest first.
    pub async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<StoredAudit>, StoreError> {
        audit::list(&mut *self.db.reader().await?, filter).await
    }

    /// Rows after a sequence number, oldest first.
    pub async fn audit_after(&self, seq: i64, limit: i64) -> Result<Vec<StoredAudit>, StoreError> {
        audit::after(&mut *self.db.reader().await?, seq, limit).await
    }

    /// The row with this sequence number.
    pub async fn audit_row(&self, seq: i64) -> Result<Option<StoredAudit>, StoreError> {
        audit::row(&mut *self.db.reader().await?, seq).await
    }

    /// The latest row according to the head.
    pub async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        audit::head(&mut *self.db.reader().await?).await
    }
}
