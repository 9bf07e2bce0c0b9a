//! Operators: roles, sign-ins, second factor.

use super::acting::Acting;
use super::error::AuthError;
use crate::ServiceName;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::str::FromStr;
use tornado_rpc::{Done, NoInput};
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::{OperatorId, Secret, UnixSeconds, Username};
use uuid::Uuid;

/// Role of an operator; each role includes the rights of the roles listed before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatorRole {
    /// Reads.
    Viewer,
    /// Administers users, devices, sessions and services.
    Operator,
    /// Also administers operators and keys, and verifies the audit trail.
    Owner,
}

words!(OperatorRole { Viewer = "viewer", Operator = "operator", Owner = "owner" });

impl FromStr for OperatorRole {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let all = [Self::Viewer, Self::Operator, Self::Owner];
        all.into_iter().find(|role| role.as_str() == s).ok_or("must be owner, operator or viewer")
    }
}

/// An operator, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Its id.
    pub id: OperatorId,
    /// The name.
    pub name: Username,
    /// The operator's role.
    pub role: OperatorRole,
    /// True when sign-in requires an authenticator code.
    pub totp: bool,
    /// Creation time.
    pub created_at: UnixSeconds,
}

/// Input of [`Operators::sign_in`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The name.
    pub name: Username,
    /// The password.
    pub password: Secret,
    /// Authenticator code, or a recovery code.
    pub code: Option<Secret>,
    /// Client address; used by the guard against guessing, never logged above DEBUG.
    pub client_ip: IpAddr,
}

/// A new sign-in. Only this response contains the token; the store holds a hash of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignedIn {
    /// Opaque token; valid until `expires_at`, sign-out or revocation.
    pub token: Secret,
    /// Expiry time.
    pub expires_at: UnixSeconds,
    /// The operator.
    pub operator: Operator,
}

/// An operator's sign-in, without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInView {
    /// Its id.
    pub id: Uuid,
    /// The operator's name.
    pub operator: Username,
    /// Creation time.
    pub created_at: UnixSeconds,
    /// Expiry time.
    pub expires_at: UnixSeconds,
    /// Latest use, to the minute.
    #[serde(default)]
    pub used_at: UnixSeconds,
    /// Address from which the operator signed in; empty for sign-ins of the set-up link.
    #[serde(default)]
    pub address: String,
    /// True for the sign-in that made the request.
    pub is_own: bool,
}

/// Identifies a sign-in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignInRef {
    /// Its id.
    pub id: Uuid,
}

/// Input of [`Operators::put_operator_role`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PutOperatorRole {
    /// The name.
    pub name: Username,
    /// A new password; required for a new operator. Changing it ends all sign-ins of the operator.
    pub password: Option<Secret>,
    /// The role; default for a new operator: `owner`.
    pub role: Option<OperatorRole>,
    /// True removes the authenticator, its recovery codes, all passkeys and all API tokens: what is left is the
    /// password.
    #[serde(default)]
    pub forget_totp: bool,
}

/// Identifies an operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OperatorRef {
    /// The name.
    pub name: Username,
}

/// The signed-in operator and the rights of its role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The operator.
    pub operator: Operator,
    /// Names of all granted rights, for example `users.write`. The console uses them to show or hide buttons, not for
    /// access control.
    pub allowed: Vec<String>,
}

/// Password confirmation, required before the second factor changes and for some rights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConfirmPassword {
    /// The operator's password.
    pub password: Secret,
}

/// First code of a new authenticator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConfirmTotp {
    /// Six digits from the authenticator.
    pub code: Secret,
}

/// Input of [`Operators::check`]: whether the operator's role grants a right in another service.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckRight {
    /// Name of a right in the authorisation table, for example `sessions.close`.
    pub act: String,
}

tornado_rpc::contract! {
    /// Operators. Every method except `sign_in` requires a sign-in, or root.
    trait Operators, client OperatorsClient, error AuthError, callers ServiceName {
        /// Signs in with name, password and, if set up, the second factor.
        sign_in(SignIn) -> SignedIn = POST "/v1/sign-in", within 20, up to 4_096, for [Admin];
        /// Ends the sign-in that made the request.
        sign_out(Acting<NoInput>) -> Done = POST "/v1/sign-out", within 15, up to 4_096, for [Admin];
        /// Confirms the password again. For five minutes, the sign-in has the rights that require a confirmation.
        confirm_sign_in(Acting<ConfirmPassword>) -> Done = POST "/v1/sign-in/confirm", within 20, up to 4_096, for [Admin];
        /// The signed-in operator and the rights of its role.
        whoami(Acting<NoInput>) -> Standing = POST "/v1/operators/me", within 15, up to 4_096, for [Admin];
        /// Checks a right and returns the operator, for services that act on an operator's behalf.
        check(Acting<CheckRight>) -> Operator = POST "/v1/operators/check", within 15, up to 4_096, for [Session, Wg, Tor, Admin, Telemetry];
        /// All operators.
        list_operators(Acting<NoInput>) -> Vec<Operator> = POST "/v1/operators/list", within 15, up to 4_096, for [Admin];
        /// Creates or changes an operator. Refuses to demote the last owner.
        put_operator_role(Acting<PutOperatorRole>) -> Operator = PUT "/v1/operators/role", within 20, up to 4_096, for [Admin];
        /// Removes an operator and ends its sign-ins. Refuses to remove the last owner.
        remove_operator(Acting<OperatorRef>) -> Done = DELETE "/v1/operators", within 15, up to 4_096, for [Admin];
        /// The operator's own sign-ins; for an owner, all sign-ins.
        list_sign_ins(Acting<NoInput>) -> Vec<SignInView> = POST "/v1/sign-ins", within 15, up to 4_096, for [Admin];
        /// Ends a sign-in.
        revoke_sign_in(Acting<SignInRef>) -> Done = DELETE "/v1/sign-ins", within 15, up to 4_096, for [Admin];
        /// Creates an authenticator secret. Sign-in does not require a code until the secret is confirmed.
        begin_totp(Acting<ConfirmPassword>) -> TotpOffer = POST "/v1/operators/totp", within 20, up to 4_096, for [Admin];
        /// Confirms the secret with a first code. The recovery codes are returned only here.
        confirm_totp(Acting<ConfirmTotp>) -> RecoveryCodes = PUT "/v1/operators/totp", within 15, up to 4_096, for [Admin];
        /// Removes the operator's own second factor.
        end_totp(Acting<ConfirmPassword>) -> Done = DELETE "/v1/operators/totp", within 20, up to 4_096, for [Admin];
    }
}
