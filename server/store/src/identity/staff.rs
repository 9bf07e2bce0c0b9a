//! Operators and their sign-ins: each change with its row of the audit trail, both or neither.

use super::operators::PutOutcome;
use super::sql::SqlIdentityStore;
use super::{FactorOwner, Hash, NewAudit, OperatorRow, Proof, audit, factors, operators, proofs, sign_ins};
use crate::StoreError;
use async_trait::async_trait;
use tornado_shared::model::{OperatorId, UnixSeconds, Username};
use uuid::Uuid;

/// An operator to be made or changed; what is absent stays.
#[derive(Clone)]
pub struct OperatorChange {
    /// Number, should one have to be made.
    pub id: OperatorId,
    /// The name.
    pub name: Username,
    /// Argon2id in PHC form. A new one ends all sign-ins.
    pub password_hash: Option<String>,
    /// `owner`, `operator` or `viewer`; `owner` for a new one when absent.
    pub role: Option<String>,
    /// Takes the second factor away.
    pub forget_totp: bool,
    /// Now.
    pub now: UnixSeconds,
}

/// A sign-in to be written.
#[derive(Clone)]
pub struct NewSignIn {
    /// Its number.
    pub id: Uuid,
    /// Whose.
    pub operator: OperatorId,
    /// SHA-256 of its token.
    pub token_hash: Hash,
    /// Now.
    pub now: UnixSeconds,
    /// When it lapses.
    pub expires_at: UnixSeconds,
}

/// A sign-in that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRow {
    /// Its number.
    pub id: Uuid,
    /// Whose.
    pub operator: Username,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it lapses.
    pub expires_at: UnixSeconds,
}

/// What became of removing an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoveOutcome {
    /// Gone, with all sign-ins.
    Removed,
    /// There is no such operator.
    Gone,
    /// There would be no owner left; nothing was written.
    LastOwner,
}

/// Operators.
#[async_trait]
pub trait OperatorStore: Send + Sync + 'static {
    /// Finds an operator.
    async fn find_operator(&self, name: &Username) -> Result<Option<OperatorRow>, StoreError>;
    /// All operators, by name.
    async fn list_operators(&self) -> Result<Vec<OperatorRow>, StoreError>;
    /// Makes an operator, or changes one.
    async fn put_operator(&self, change: &OperatorChange, audit: &NewAudit) -> Result<PutOutcome, StoreError>;
    /// Removes an operator.
    async fn remove_operator(&self, name: &Username, audit: &NewAudit) -> Result<RemoveOutcome, StoreError>;
    /// Writes a sign-in.
    ///
    /// # Errors
    /// [`StoreError::Lapsed`] when the operator is gone, or its password or second factor is not that of the proof.
    async fn open_sign_in(&self, new: &NewSignIn, proof: &Proof, audit: &NewAudit) -> Result<(), StoreError>;
    /// Whose sign-in this is, while it is good.
    async fn sign_in(&self, token_hash: &Hash, now: UnixSeconds) -> Result<Option<(Uuid, OperatorRow)>, StoreError>;
    /// All good sign-ins, newest first.
    async fn list_sign_ins(&self, now: UnixSeconds) -> Result<Vec<SignInRow>, StoreError>;
    /// Ends a sign-in. False: there is none.
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
