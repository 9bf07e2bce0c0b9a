//! API tokens, for programs: `Authorization: Bearer TOKEN` in place of the cookie and the CSRF token.

use super::{inputs, views};
use tornado_shared::model::Secret;
use uuid::Uuid;

views! {
    /// An API token, without its secret.
    pub struct ApiTokenView {
        /// Its id.
        pub id: Uuid,
        /// Name of the operator on whose behalf it acts.
        pub operator: String,
        /// Its name. In the audit trail, its actions have the actor `operator:OPERATOR/NAME`.
        pub name: String,
        /// Names of its rights. It has those that the operator's role includes, too.
        pub scopes: Vec<String>,
        /// Creation time.
        pub created_at: i64,
        /// Expiry time. Expired tokens are listed for 30 days.
        pub expires_at: i64,
        /// Latest use, to the minute; absent: never used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub used_at: Option<i64>,
    }
}

inputs! {
    /// A new API token.
    pub struct CreateApiToken {
        /// Name: 1 to 40 letters, digits, `-` and `_`; unique for the operator.
        pub name: String,
        /// Names of rights, for example `users.read`; the operator must have each. Rights on sign-ins, operators, API
        /// tokens and those that require a confirmation of the password are not possible.
        pub scopes: Vec<String>,
        /// Seconds until it expires, 1 hour to 365 days; default 90 days.
        #[serde(default)]
        pub lifetime: Option<i64>,
    }

    /// A new API token. Only this answer contains it.
    pub struct CreatedApiToken {
        /// The token.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub token: Secret,
        /// Its id.
        pub id: Uuid,
        /// Names of its rights.
        pub scopes: Vec<String>,
        /// Expiry time.
        pub expires_at: i64,
    }
}
