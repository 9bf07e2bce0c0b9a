//! Settings, sign-ins, what is kept.

use super::Role;
use serde::{Deserialize, Serialize};

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Built in.
    Default,
    /// The configuration file.
    File,
    /// Chosen at the first start of this server.
    Chosen,
    /// Set by an operator while the server runs.
    Operator,
}

/// An effective value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// Table and key.
    pub name: String,
    /// The value, as the file writes it; none: it is set, but not shown.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// The effective configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The file.
    pub file: String,
    /// The file has changed since the start; a restart applies it.
    pub is_changed: bool,
    /// All values.
    pub values: Vec<Value>,
}

/// An operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether a second factor is set.
    pub has_second_factor: bool,
}

/// A sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// Its identifier.
    pub id: String,
    /// Whose.
    pub operator: String,
    /// Address at sign-in; empty for the set-up link.
    pub address: String,
    /// When.
    pub at: i64,
    /// Last use.
    pub latest_use: i64,
    /// It is the one of this page.
    pub is_current: bool,
}

/// A passkey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was added.
    pub created_at: i64,
    /// Latest use.
    pub latest_use: Option<i64>,
}

/// An API token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its identifier.
    pub id: String,
    /// On whose behalf it acts.
    pub operator: String,
    /// Its name.
    pub name: String,
    /// Names of its rights.
    pub scopes: Vec<String>,
    /// When it expires.
    pub expires_at: i64,
    /// Latest use.
    pub latest_use: Option<i64>,
}

/// The page. A part that the role does not allow is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The effective configuration.
    pub configuration: Option<Configuration>,
    /// All operators.
    pub operators: Option<Vec<Operator>>,
    /// The operator's own sign-ins; for an owner, all.
    pub sign_ins: Vec<SignIn>,
    /// Whether the operator has an authenticator.
    pub has_second_factor: bool,
    /// The operator's passkeys; absent if they cannot be read.
    pub passkeys: Option<Vec<Passkey>>,
    /// The operator's API tokens; for an owner, all.
    pub tokens: Option<Vec<Token>>,
    /// When they were read.
    pub as_of: i64,
}

/// Version and licence, and how long the server keeps what is about people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Version of the server.
    pub version: String,
    /// Licence of the server.
    pub licence: String,
    /// Days for which past sessions are kept; none: the role may not read settings.
    pub history_days: Option<u64>,
    /// Days for which log lines are kept at most; none: as above.
    pub log_days: Option<u64>,
}
