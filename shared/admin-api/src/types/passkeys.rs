//! Passkeys (WebAuthn). Options and credentials have the JSON forms of WebAuthn Level 3, binary values in Base64url.

use super::{inputs, views};
use serde_json::Value;
use tornado_shared::model::Secret;
use uuid::Uuid;

views! {
    /// A passkey.
    pub struct PasskeyView {
        /// Its id.
        pub id: Uuid,
        /// The name that the operator chose.
        pub name: String,
        /// Creation time.
        pub created_at: i64,
        /// Latest use.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub used_at: Option<i64>,
    }

    /// A challenge for the authenticator; valid for 5 minutes, once.
    pub struct PasskeyChallenge {
        /// Its id.
        pub id: Uuid,
        /// Options of `navigator.credentials.create` or `get`.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        pub options: Value,
    }
}

inputs! {
    /// A new passkey.
    pub struct NewPasskey {
        /// Id of the challenge.
        pub id: Uuid,
        /// Name, 1 to 64 characters.
        pub name: String,
        /// The `PublicKeyCredential` that the browser created.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        pub credential: Value,
    }

    /// A passkey to remove.
    pub struct RemovePasskey {
        /// Its id.
        pub id: Uuid,
        /// The operator's password.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password))]
        pub password: Secret,
    }

    /// The answer of an authenticator.
    pub struct PasskeyAnswer {
        /// Id of the challenge.
        pub id: Uuid,
        /// The `PublicKeyCredential` that the browser returned.
        #[cfg_attr(feature = "openapi", schema(value_type = Object))]
        pub credential: Value,
    }
}
