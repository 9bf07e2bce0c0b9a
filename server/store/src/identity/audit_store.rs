//! Store of the audit trail for service `auth`.

use super::sql::SqlIdentityStore;
use super::{Hash, audit};
use crate::StoreError;
use async_trait::async_trait;
use tornado_shared::model::{FamilyId, UnixSeconds};
use uuid::Uuid;

/// A row to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    /// Time of the act.
    pub at: UnixSeconds,
    /// Who performed the act.
    pub actor: String,
    /// Name of the act.
    pub action: String,
    /// Target of the act.
    pub subject: String,
    /// `done`, `refused` or `failed`.
    pub outcome: String,
    /// A JSON object with text values, sorted by key.
    pub details: String,
    /// Checked again in the transaction that writes the row; not stored.
    pub authority: Authority,
}

/// The actor's right to an act. It is checked before the act and again in the transaction that writes it, because
/// hashing or waiting may take minutes in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Authority {
    /// The caller itself has the right: root or a service.
    #[default]
    Caller,
    /// An operator's sign-in with the role for which it was authorised.
    SignIn {
        /// Id of the sign-in.
        id: Uuid,
        /// `owner`, `operator` or `viewer`.
        role: String,
    },
    /// Login of a device.
    Login(FamilyId),
}

/// A stored row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAudit {
    /// Sequence number: 1, 2, 3, … without gaps.
    pub seq: i64,
    /// Content covered by the hash, in addition to the sequence number and the previous hash.
    pub content: NewAudit,
    /// See [`row_hash`](super::chain::row_hash).
    pub hash: Hash,
}

/// The latest row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// Sequence number; 0 if the trail is empty.
    pub seq: i64,
    /// Hash of the row.
    pub hash: Hash,
}

/// Filter and page of the audit trail, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only rows before this sequence number.
    pub before: i64,
    /// Only acts whose name starts with this text; empty for all.
    pub action: String,
    /// Only acts of this actor; empty for all.
    pub actor: String,
    /// Largest number of rows.
    pub limit: i64,
}

/// Store of the audit trail.
///
/// # Errors
/// Every method fails when the database is unavailable or contains an invalid value.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Appends a row that does not belong to another change.
    async fn append_audit(&self, row: &NewAudit) -> Result<(), StoreError>;
    /// Rows that match a filter, newest first.
    async fn list_audit(&self, filter: &AuditFilter) -> Result<Vec<StoredAudit>, StoreError>;
    /// Rows after a sequence number, oldest first.
    async fn audit_after(&self, seq: i64, limit: i64) -> Result<Vec<StoredAudit>, StoreError>;
    /// The row with this sequence number.
    async fn audit_row(&self, seq: i64) -> Result<Option<StoredAudit>, StoreError>;
    /// The latest row according to the head.
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
