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

/// The page. A part that the role does not allow is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The effective configuration.
    pub configuration: Option<Configuration>,
    /// All operators.
    pub operators: Option<Vec<Operator>>,
    /// The operator's own sign-ins; for an owner, all.
    pub sign_ins: Vec<SignIn>,
    /// When they were read.
    pub as_of: i64,
}

/// Version and licence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Version of the server.
    pub version: String,
    /// Licence of the server.
    pub licence: String,
}
