//! Store of the audit trail for service `auth`.

use super::model::{AuditFilter, AuditHead, NewAudit, StoredAudit};
use super::sql::SqlIdentityStore;
use super::tables::audit;
use crate::StoreError;
use async_trait::async_trait;

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
