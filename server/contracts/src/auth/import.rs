//! Accounts of another installation, with the passwords their owners know.

use super::{Acting, AuthError};
use crate::ServiceName;
use serde::{Deserialize, Serialize};
use tornado_shared::model::{Secret, UserId, Username};

/// Input of [`Import::account`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportAccount {
    /// The name.
    pub username: Username,
    /// The e-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// Argon2id of the password, in PHC form, as the other installation stored it.
    pub password_hash: Secret,
    /// Devices that may be connected at once, 1 to 10.
    pub max_devices: u32,
    /// False: suspended there and here.
    pub is_active: bool,
}

/// What became of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Imported {
    /// It is here now.
    Made {
        /// Its number here.
        id: UserId,
    },
    /// The name or the address was here already; nothing was written.
    Taken,
}

tornado_rpc::contract! {
    /// Moving in from another installation.
    trait Import, client ImportClient, error AuthError, callers ServiceName {
        /// Makes one account. Doing it again changes nothing.
        account(Acting<ImportAccount>) -> Imported = POST "/v1/import/account", within 20, up to 8_192, for [];
    }
}
