//! The server itself: configuration, address, backup.

use super::{inputs, views, words};
use tornado_shared::model::Secret;

words! {
    /// Where a value of the configuration comes from.
    pub enum SettingOrigin {
        /// The default of this version.
        Default,
        /// The configuration file.
        File,
        /// Chosen at the first start of this server.
        Chosen,
        /// Set by an operator while the server runs.
        Operator,
    }

    /// Reachability as far as the server's address shows it. Only a device elsewhere can test whether packets arrive.
    pub enum Reach {
        /// A name; where it leads is not known.
        Name,
        /// An address of the public Internet.
        Public,
        /// A private address: devices elsewhere need a forwarded port and the router's public address.
        Private,
        /// There is no address.
        Missing,
    }
}

views! {
    /// The configuration in effect.
    pub struct SettingsView {
        /// The configuration file.
        pub file: String,
        /// True if the file has changed since the console started; a restart applies it.
        pub is_changed: bool,
        /// All values, sorted by name.
        pub settings: Vec<SettingView>,
    }

    /// A value of the configuration.
    pub struct SettingView {
        /// Table and key, for example `auth.sign_in_lifetime`.
        pub name: String,
        /// The value, as in the file. Absent: it is set, but not shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub value: Option<String>,
        /// Where the value comes from.
        pub origin: SettingOrigin,
        /// True if `put_setting` can change it.
        #[serde(default)]
        pub is_changeable: bool,
    }

    /// How devices reach the server.
    pub struct ServerView {
        /// Version.
        pub version: String,
        /// The public name or address that an operator set, or that is configured as `[server] host`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub host: Option<String>,
        /// Address of the interface with the default route.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub found_address: Option<String>,
        /// Port of the device API.
        pub port: u16,
        /// What is known of the name or address that invitations contain by default.
        pub reach: Reach,
    }
}

inputs! {
    /// Input of `POST /api/v1/setup`: the first operator.
    pub struct SetUp {
        /// The one-time code of the set-up link.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub code: Secret,
        /// The operator's name.
        pub name: String,
        /// The password, at least 10 characters.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password))]
        pub password: Secret,
    }

    /// A changed setting.
    pub struct PutSetting {
        /// Its name.
        pub name: String,
        /// The value; absent: the value of the configuration file counts.
        #[serde(default)]
        pub value: Option<String>,
    }

    /// Input of `POST /api/v1/backup`.
    pub struct CreateBackup {
        /// Passphrase with which the file is sealed, 10 to 1,024 characters without line breaks.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password))]
        pub passphrase: Secret,
    }
}
