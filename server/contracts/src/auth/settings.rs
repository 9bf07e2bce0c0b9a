//! Settings that operators change while the server runs. They take precedence over the configuration file.

use super::acting::Acting;
use super::error::AuthError;
use crate::ServiceName;
use serde::{Deserialize, Serialize};
use tornado_rpc::{Done, NoInput};

/// Name of the setting with the public name or address of the server, for invitations.
pub const HOST: &str = "server.host";

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its name, as in the configuration file: table and key.
    pub name: String,
    /// The value; `None`: the value of the configuration file counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

tornado_rpc::contract! {
    /// Settings that operators change while the server runs.
    trait ServerSettings, client ServerSettingsClient, error AuthError, callers ServiceName {
        /// All settings that can be changed. Right `settings.read`.
        list_settings(Acting<NoInput>) -> Vec<Setting> = POST "/v1/settings/list", within 10, up to 4_096, for [Admin];
        /// Changes a setting. Right `settings.write`.
        put_setting(Acting<Setting>) -> Done = PUT "/v1/settings", within 15, up to 8_192, for [Admin];
    }
}
