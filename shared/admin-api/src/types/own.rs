//! Operators, their sign-ins and second factors.

use super::{inputs, views, words};
use tornado_shared::model::Secret;
use uuid::Uuid;

words! {
    /// Role of an operator; each includes the rights of those before it.
    pub enum Role {
        /// Reads.
        Viewer,
        /// Administers users, devices, sessions and services.
        Operator,
        /// Also administers operators and keys.
        Owner,
    }
}

views! {
    /// An operator.
    pub struct OperatorView {
        /// Its id.
        pub id: Uuid,
        /// The name.
        pub name: String,
        /// The role.
        pub role: Role,
        /// True when a sign-in requires an authenticator code.
        pub has_totp: bool,
        /// Creation time.
        pub created_at: i64,
    }

    /// The signed-in operator.
    pub struct Standing {
        /// The operator.
        pub operator: OperatorView,
        /// Names of all granted rights. They decide which buttons are shown; access is decided elsewhere.
        pub rights: Vec<String>,
    }

    /// A new sign-in. The browser receives its token as a cookie.
    pub struct SignedIn {
        /// The operator.
        pub operator: OperatorView,
        /// Expiry time of the sign-in.
        pub expires_at: i64,
        /// Value for the header `X-CSRF-Token` of each request that changes something.
        pub csrf_token: String,
    }

    /// A sign-in.
    pub struct SignInView {
        /// Its id.
        pub id: Uuid,
        /// Name of the operator.
        pub operator: String,
        /// Creation time.
        pub created_at: i64,
        /// Expiry time.
        pub expires_at: i64,
        /// Latest use, to the minute.
        pub used_at: i64,
        /// Address from which the operator signed in; empty for sign-ins of the set-up link.
        pub address: String,
        /// True for the sign-in that makes the request.
        pub is_own: bool,
    }
}

inputs! {
    /// Input of `POST /api/v1/sign-in`.
    pub struct SignIn {
        /// The operator's name.
        pub name: String,
        /// The password.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password))]
        pub password: Secret,
        /// Authenticator code, or a recovery code. Required if the operator has an authenticator.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub code: Option<Secret>,
    }

    /// The operator's password, for confirmation.
    pub struct ConfirmPassword {
        /// The password.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password))]
        pub password: Secret,
    }

    /// The first code of an authenticator.
    pub struct TotpCode {
        /// Six digits.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub code: Secret,
    }

    /// A secret for an authenticator app (RFC 6238: SHA-1, 6 digits, 30 seconds).
    pub struct TotpOffer {
        /// Base32.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub secret: Secret,
        /// `otpauth://totp/…`, for a QR code.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub url: Secret,
    }

    /// Each code replaces one authenticator code, once.
    pub struct RecoveryCodes {
        /// The codes.
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
        pub codes: Vec<Secret>,
    }

    /// A new or changed operator. Absent fields stay as they are.
    pub struct PutOperator {
        /// The name.
        pub name: String,
        /// A password; required for a new operator. Ends all sign-ins of the operator.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub password: Option<Secret>,
        /// The role; required for a new operator.
        #[serde(default)]
        pub role: Option<Role>,
        /// True removes the operator's authenticator, recovery codes, passkeys and API tokens. The password remains.
        #[serde(default)]
        pub forget_totp: bool,
    }
}
