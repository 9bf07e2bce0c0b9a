//! The audit trail as service `auth` uses it.

use super::sql::SqlIdentityStore;
use super::{Hash, audit};
use crate::StoreError;
use async_trait::async_trait;
use tornado_shared::model::{FamilyId, UnixSeconds};
use uuid::Uuid;

/// A row to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// When.
    pub at: UnixSeconds,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To whom.
    pub subject: String,
    /// `done`, `refused` or `failed`.
    pub outcome: String,
    /// A JSON object of texts, its keys in order.
    pub details: String,
    /// Checked in the transaction that writes the row; not stored.
    pub authority: Authority,
}

/// What an actor's right to an act rests on. It was checked before the act, and is checked again in the transaction that
/// writes it: minutes of hashing or waiting may lie between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Authority {
    /// The caller's own: root or a service.
    #[default]
    Caller,
    /// An operator's sign-in, and the role it was authorised for.
    SignIn {
        /// Its number.
        id: Uuid,
        /// `owner`, `operator` or `viewer`.
        role: String,
    },
    /// A device's login.
    Login(FamilyId),
}

/// A row as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAudit {
    /// 1, 2, 3, … without gaps.
    pub seq: i64,
    /// What the hash covers, besides number and predecessor.
    pub content: NewAudit,
    /// See [`row_hash`](super::chain::row_hash).
    pub hash: Hash,
}

/// The newest row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// Its number; 0: there is none.
    pub seq: i64,
    /// Its hash.
    pub hash: Hash,
}

/// Which rows to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only rows before this number.
    pub before: i64,
    /// Only acts that begin so; empty: all.
    pub action: String,
    /// Only this actor's; empty: all.
    pub actor: String,
    /// Most rows.
    pub limit: i64,
}

/// The audit trail.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Appends a row that belongs to no other change.
    async fn append_audit(&self, row: &NewAudit) -> Result<(), StoreError>;
    /// Rows, newest first.
    async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<StoredAudit>, StoreError>;
    /// Rows after a number, oldest first.
    async fn audit_after(&self, seq: i64, limit: i64) -> Result<Vec<StoredAudit>, StoreError>;
    /// One row.
    async fn audit_row(&self, seq: i64) -> Result<Option<StoredAudit>, StoreError>;
    /// The newest row, by the head's word.
    async fn audit_head(&self) -> Result<AuditHead, StoreError>;
}

#[async_trait]
impl AuditStore for SqlIdentityStore {
    async fn append_audit(&self, row: &NewAudit) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, row).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<StoredAudit>, StoreError> {
        audit::list(&mut *self.reader().await?, filter).await
    }

    async fn audit_after(&self, seq: i64, limit: i64) -> Result<Vec<StoredAudit>, StoreError> {
        audit::after(&mut *self.reader().await?, seq, limit).await
    }

    async fn audit_row(&self, seq: i64) -> Result<Option<StoredAudit>, StoreError> {
        audit::row(&mut *self.reader().await?, seq).await
    }

    async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        audit::head(&mut *self.reader().await?).await
    }
}
