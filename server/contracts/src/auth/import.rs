//! Import of accounts from another installation, with their existing password hashes.

use super::acting::Acting;
use super::error::AuthError;
use crate::ServiceName;
use serde::{Deserialize, Serialize};
use tornado_shared::model::{Secret, UserId, Username};

/// Input of [`Import::import_account`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportAccount {
    /// The name.
    pub username: Username,
    /// The e-mail address.
    pub email: Option<String>,
    /// The password's Argon2id hash in PHC format, as the other installation stored it.
    pub password_hash: Secret,
    /// Maximum number of devices connected at once, 1 to 10.
    pub max_devices: u32,
    /// False: the account is suspended in the other installation, and is imported as suspended.
    pub is_active: bool,
}

/// Result of importing one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Imported {
    /// The account was created.
    Made {
        /// Its id on this server.
        id: UserId,
    },
    /// The name or the e-mail address already exists; nothing was written.
    Taken,
}

tornado_rpc::contract! {
    /// Import from another installation.
    trait Import, client ImportClient, error AuthError, callers ServiceName {
        /// Creates one account. Idempotent.
        import_account(Acting<ImportAccount>) -> Imported = POST "/v1/import/account", within 20, up to 8_192, for [];
    }
}
