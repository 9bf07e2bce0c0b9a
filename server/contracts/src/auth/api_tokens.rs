//! API tokens, with which programs use the admin API on behalf of an operator.
//!
//! A token stands in [`Acting::operator`] in place of a sign-in. It has the rights that both its scopes and the
//! operator's current role include. It cannot change sign-ins, second factors, operators or tokens, and has no right
//! that requires a confirmation of the password.

use super::acting::Acting;
use super::error::AuthError;
use crate::ServiceName;
use serde::{Deserialize, Serialize};
use tornado_rpc::{Done, NoInput};
use tornado_shared::model::{Secret, UnixSeconds, Username};
use uuid::Uuid;

/// Begin of every API token. A sign-in token never has it.
pub const PREFIX: &str = "tornado_";

/// Input of [`ApiTokens::create_api_token`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateApiToken {
    /// Name: 1 to 40 letters, digits, `-` and `_`; unique for the operator. It is part of the actor in the audit trail.
    pub name: String,
    /// Names of rights, for example `users.read`; the operator must have each.
    pub scopes: Vec<String>,
    /// Seconds until it expires, 1 hour to 365 days.
    pub lifetime: i64,
}

/// An API token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    /// Its id.
    pub id: Uuid,
    /// The operator on whose behalf it acts.
    pub operator: Username,
    /// The name.
    pub name: String,
    /// Names of rights.
    pub scopes: Vec<String>,
    /// Creation time.
    pub created_at: UnixSeconds,
    /// Expiry time. Expired tokens are listed for 30 days.
    pub expires_at: UnixSeconds,
    /// Latest use, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<UnixSeconds>,
}

/// A new API token. Only this response contains the token; the store holds a hash of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreatedApiToken {
    /// The token.
    pub token: Secret,
    /// The rest.
    pub view: ApiToken,
}

/// Identifies an API token.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct ApiTokenRef {
    /// Its id.
    pub id: Uuid,
}

tornado_rpc::contract! {
    /// API tokens of operators.
    trait ApiTokens, client ApiTokensClient, error AuthError, callers ServiceName {
        /// Creates a token of the operator. Requires a recent confirmation of the password.
        create_api_token(Acting<CreateApiToken>) -> CreatedApiToken = POST "/v1/api-tokens", within 15, up to 8_192, for [Admin];
        /// The operator's own tokens; for an owner, all tokens.
        list_api_tokens(Acting<NoInput>) -> Vec<ApiToken> = POST "/v1/api-tokens/list", within 15, up to 4_096, for [Admin];
        /// Ends a token: an operator its own, an owner any.
        revoke_api_token(Acting<ApiTokenRef>) -> Done = DELETE "/v1/api-tokens", within 15, up to 4_096, for [Admin];
    }
}
