//! API tokens of operators. Each change is written together with its audit row, or not at all.

use super::model::{ApiTokenOutcome, ApiTokenRow, Hash, MAX_API_TOKENS, NewApiToken, NewAudit, OperatorRow};
use super::sql::SqlIdentityStore;
use super::tables::credentials::api_tokens;
use crate::StoreError;
use tornado_shared::model::UnixSeconds;
use uuid::Uuid;

/// API tokens.
#[expect(clippy::missing_errors_doc, reason = "the documentation of the type has the errors of all methods")]
impl SqlIdentityStore {
    /// Writes a token.
    pub async fn create_api_token(&self, new: &NewApiToken, audit: &NewAudit) -> Result<ApiTokenOutcome, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        if api_tokens::count_of(&mut tx, new.operator).await? >= MAX_API_TOKENS {
            return Ok(ApiTokenOutcome::TooMany);
        }
        if !api_tokens::insert(&mut tx, new).await? {
            return Ok(ApiTokenOutcome::NameTaken);
        }
        tx.commit().await?;
        Ok(ApiTokenOutcome::Created)
    }

    /// A token and its operator, even if the token has expired.
    pub async fn api_token(&self, token_hash: &Hash) -> Result<Option<(ApiTokenRow, OperatorRow)>, StoreError> {
        api_tokens::find(&mut *self.db.reader().await?, token_hash).await
    }

    /// All tokens, sorted by operator and name.
    pub async fn list_api_tokens(&self) -> Result<Vec<ApiTokenRow>, StoreError> {
        api_tokens::list(&mut *self.db.reader().await?).await
    }

    /// Records the use of a token.
    pub async fn touch_api_token(&self, id: Uuid, now: UnixSeconds) -> Result<(), StoreError> {
        self.db.written(async { api_tokens::touch(&mut *self.db.writer().await?, id, now).await }).await
    }

    /// Deletes a token. Returns false if it does not exist.
    pub async fn end_api_token(&self, id: Uuid, audit: &NewAudit) -> Result<bool, StoreError> {
        let mut tx = self.begin_audited(audit).await?;
        if !api_tokens::end(&mut tx, id).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }
}
