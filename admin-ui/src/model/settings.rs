//! Settings, sign-ins, what is kept.

use serde::{Deserialize, Serialize};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Built in.
    Default,
    /// A file, by its path.
    File(String),
    /// An environment variable.
    Environment(String),
    /// Set by an operator in the console.
    Console,
}

/// An effective value. Secrets are only "set" or "not set".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// Its table in the configuration.
    pub table: String,
    /// Its key.
    pub key: String,
    /// The value, as the file writes it.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// An operator's sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// Its identifier.
    pub id: String,
    /// Browser and system, as far as they are known.
    pub agent: String,
    /// Address at sign-in.
    pub address: String,
    /// When.
    pub at: i64,
    /// Last use.
    pub latest_use: i64,
    /// It is the one of this page.
    pub is_current: bool,
}

/// The page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Effective values in the order of the example file.
    pub values: Vec<Value>,
    /// Operators: name, role, whether a second factor is set.
    pub operators: Vec<(String, super::Role, bool)>,
    /// The operator's own sign-ins.
    pub sign_ins: Vec<SignIn>,
    /// When they were read.
    pub as_of: i64,
}

/// What the server stores about people: from the schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Version of the server.
    pub version: String,
    /// Licence of the server.
    pub licence: String,
    /// Table, what it holds, how long it is kept.
    pub kept: Vec<(String, String, String)>,
}
