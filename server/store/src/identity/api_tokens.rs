//! API tokens of operators. Each change is written together with its audit row, or not at all.

use super::model::{ApiTokenOutcome, ApiTokenRow, Hash, MAX_API_TOKENS, NewApiToken, NewAudit, OperatorRow};
use super::sql::SqlIdentityStore;
use super::tables::audit;
use super::tables::credentials::api_tokens;
use crate::StoreError;
use async_trait::async_trait;
use tornado_shared::model::UnixSeconds;
use uuid::Uuid;

/// Store of API tokens.
///
/// # Errors
/// Every method fails when the database is unavailable or contains an invalid value.
/// A change fails with [`StoreError::Lapsed`] if its authority no longer holds.
#[async_trait]
pub trait ApiTokenStore: Send + Sync + 'static {
    /// Writes a token.
    async fn create_api_token(&self, new: &NewApiToken, audit: &NewAudit) -> Result<ApiTokenOutcome, StoreError>;
    /// A token and its operator, even if the token has expired.
    async fn api_token(&self, token_hash: &Hash) -> Result<Option<(ApiTokenRow, OperatorRow)>, StoreError>;
    /// All tokens, sorted by operator and name.
    async fn list_api_tokens(&self) -> Result<Vec<ApiTokenRow>, StoreError>;
    /// Records the use of a token.
    async fn touch_api_token(&self, id: Uuid, now: UnixSeconds) -> Result<(), StoreError>;
    /// Deletes a token. Returns false if it does not exist.
    async fn end_api_token(&self, id: Uuid, audit: &NewAudit) -> Result<bool, StoreError>;
}

#[async_trait]
impl ApiTokenStore for SqlIdentityStore {
    async fn create_api_token(&self, new: &NewApiToken, audit: &NewAudit) -> Result<ApiTokenOutcome, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        if api_tokens::count(&mut tx, new.operator).await? >= MAX_API_TOKENS {
            return Ok(ApiTokenOutcome::TooMany);
        }
        if !api_tokens::insert(&mut tx, new).await? {
            return Ok(ApiTokenOutcome::NameTaken);
        }
        tx.commit().await?;
        Ok(ApiTokenOutcome::Created)
    }

    async fn api_token(&self, token_hash: &Hash) -> Result<Option<(ApiTokenRow, OperatorRow)>, StoreError> {
        api_tokens::find(&mut *self.reader().await?, token_hash).await
    }

    async fn list_api_tokens(&self) -> Result<Vec<ApiTokenRow>, StoreError> {
        api_tokens::list(&mut *self.reader().await?).await
    }

    async fn touch_api_token(&self, id: Uuid, now: UnixSeconds) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        api_tokens::touch(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn end_api_token(&self, id: Uuid, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        audit::append(&mut tx, audit).await?;
        if !api_tokens::end(&mut tx, id).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}
