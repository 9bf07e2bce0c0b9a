//! Operators: roles, sign-ins, second factor.

use super::{Acting, AuthError, Operator};
use crate::ServiceName;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use tornado_rpc::{Done, NoInput};
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::{Secret, UnixSeconds, Username};
use uuid::Uuid;

/// How far an operator's rights reach; each holds those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatorRole {
    /// Looks.
    Viewer,
    /// Administers users, devices, sessions and services.
    Operator,
    /// Also operators, keys and the audit trail's check.
    Owner,
}

impl OperatorRole {
    /// The word stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for OperatorRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OperatorRole {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let all = [Self::Viewer, Self::Operator, Self::Owner];
        all.into_iter().find(|role| role.as_str() == s).ok_or("must be owner, operator or viewer")
    }
}

/// Input of [`Operators::sign_in`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The name.
    pub name: Username,
    /// The password.
    pub password: Secret,
    /// Code of the authenticator, or a recovery code.
    #[serde(default)]
    pub code: Option<Secret>,
    /// Where it came from; counted by the guard, never logged above DEBUG.
    pub client_ip: IpAddr,
}

/// A sign-in that was made. The token is in here and nowhere else: the store keeps a hash.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignedIn {
    /// Opaque; good until `expires_at`, sign-out or revocation.
    pub token: Secret,
    /// When it lapses.
    pub expires_at: UnixSeconds,
    /// Who.
    pub operator: Operator,
}

/// An operator's sign-in, without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInView {
    /// Its number.
    pub id: Uuid,
    /// Whose.
    pub operator: Username,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it lapses.
    pub expires_at: UnixSeconds,
    /// True for the one that asks.
    pub is_own: bool,
}

/// Which sign-in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignInRef {
    /// Its number.
    pub id: Uuid,
}

/// Input of [`Operators::put`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PutOperatorRole {
    /// The name.
    pub name: Username,
    /// A password; needed for a new operator. A new one ends all sign-ins.
    #[serde(default)]
    pub password: Option<Secret>,
    /// The role; `owner` for a new operator when absent.
    #[serde(default)]
    pub role: Option<OperatorRole>,
    /// True takes the second factor away, for somebody who lost it.
    #[serde(default)]
    pub forget_totp: bool,
}

/// Which operator.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OperatorRef {
    /// The name.
    pub name: Username,
}

/// Who asks and what the role allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Who.
    pub operator: Operator,
    /// Words of everything that is allowed, for example `users.write`; for the console's buttons, not for its checks.
    pub allowed: Vec<String>,
}

/// Asks for the password again before the second factor changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reaffirm {
    /// The operator's password.
    pub password: Secret,
}

/// A first code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConfirmTotp {
    /// Six digits of the authenticator.
    pub code: Secret,
}

/// What an operator wants to do elsewhere; `auth` says whether the role allows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MayI {
    /// A word of the authorisation table, for example `sessions.close`.
    pub act: String,
}

tornado_rpc::contract! {
    /// Operators. Every method but `sign_in` needs a sign-in, or root.
    trait Operators, client OperatorsClient, error AuthError, callers ServiceName {
        /// Name, password and, where there is one, the second factor.
        sign_in(SignIn) -> SignedIn = POST "/v1/sign-in", within 20, up to 4_096, for [Admin];
        /// Ends the sign-in that asks.
        sign_out(Acting<NoInput>) -> Done = POST "/v1/sign-out", within 15, up to 4_096, for [Admin];
        /// Who asks, and what the role allows.
        whoami(Acting<NoInput>) -> Standing = POST "/v1/operators/me", within 15, up to 4_096, for [Admin];
        /// May this operator do that? Answers with who it is, for services that act on an operator's word.
        check(Acting<MayI>) -> Operator = POST "/v1/operators/check", within 15, up to 4_096, for [Session, Wg, Tor, Admin];
        /// All operators.
        list(Acting<NoInput>) -> Vec<Operator> = POST "/v1/operators/list", within 15, up to 4_096, for [Admin];
        /// Makes an operator, or changes one. The last owner stays one.
        put(Acting<PutOperatorRole>) -> Operator = PUT "/v1/operators/role", within 20, up to 4_096, for [Admin];
        /// Removes an operator and ends all sign-ins. The last owner stays.
        remove(Acting<OperatorRef>) -> Done = DELETE "/v1/operators", within 15, up to 4_096, for [Admin];
        /// Sign-ins: the own ones, for owners all.
        sign_ins(Acting<NoInput>) -> Vec<SignInView> = POST "/v1/sign-ins", within 15, up to 4_096, for [Admin];
        /// Ends a sign-in.
        revoke_sign_in(Acting<SignInRef>) -> Done = DELETE "/v1/sign-ins", within 15, up to 4_096, for [Admin];
        /// Makes a secret for an authenticator. Nothing is asked for until it is confirmed.
        begin_totp(Acting<Reaffirm>) -> TotpOffer = POST "/v1/operators/totp", within 20, up to 4_096, for [Admin];
        /// Confirms it with a first code. The recovery codes are shown only now.
        confirm_totp(Acting<ConfirmTotp>) -> RecoveryCodes = PUT "/v1/operators/totp", within 15, up to 4_096, for [Admin];
        /// Takes the own second factor away.
        end_totp(Acting<Reaffirm>) -> Done = DELETE "/v1/operators/totp", within 20, up to 4_096, for [Admin];
    }
}
