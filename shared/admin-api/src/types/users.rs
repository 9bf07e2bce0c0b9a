//! Accounts, devices and invitations.

use super::{Bytes, inputs, views};
use tornado_shared::model::Secret;
use uuid::Uuid;

views! {
    /// An account.
    pub struct UserView {
        /// Its id.
        pub id: Uuid,
        /// Its name.
        pub username: String,
        /// Its e-mail address.
        pub email: Option<String>,
        /// False while suspended.
        pub is_active: bool,
        /// Maximum number of devices connected at once.
        pub max_devices: u32,
        /// Bytes per month; absent: unlimited.
        pub month_quota: Option<u64>,
        /// Download limit, bytes per second; absent: unlimited.
        pub download_rate: Option<u64>,
        /// Upload limit, bytes per second; absent: unlimited.
        pub upload_rate: Option<u64>,
        /// True: its devices may reach each other on the direct lane.
        pub peer_group: bool,
        /// True when a login requires an authenticator code.
        pub has_totp: bool,
        /// Creation time.
        pub created_at: i64,
        /// Latest login.
        pub last_login_at: Option<i64>,
    }

    /// A device.
    pub struct DeviceView {
        /// Its id.
        pub id: Uuid,
        /// Id of the account.
        pub user_id: Uuid,
        /// The name that the user chose.
        pub name: String,
        /// True while the device has a valid login.
        pub logged_in: bool,
        /// Creation time.
        pub created_at: i64,
        /// Latest login.
        pub last_login_at: i64,
    }

    /// Transfer of an account, both directions seen from the server.
    #[derive(Copy, Eq)]
    pub struct UsageView {
        /// Number of sessions since the creation of the account.
        pub sessions: u64,
        /// Since the creation of the account.
        pub total: LaneBytes,
        /// Since midnight (UTC).
        pub today: LaneBytes,
        /// Since the start of the month (UTC).
        pub month: LaneBytes,
        /// The monthly quota; absent: unlimited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub quota: Option<QuotaView>,
    }

    /// Transfer of an account on one day.
    #[derive(Copy, Eq)]
    pub struct DayUsageView {
        /// Start of the day (UTC).
        pub day: i64,
        /// On the direct lane.
        pub direct: Bytes,
        /// On the tor lane.
        pub tor: Bytes,
    }

    /// Bytes on each lane.
    #[derive(Copy, Default, Eq)]
    pub struct LaneBytes {
        /// On the direct lane.
        pub direct: Bytes,
        /// On the tor lane.
        pub tor: Bytes,
    }

    /// A monthly quota, on both lanes and in both directions together.
    #[derive(Copy, Eq)]
    pub struct QuotaView {
        /// Bytes per month.
        pub bytes: u64,
        /// Bytes used this month.
        pub used: u64,
        /// Start of the next month (UTC).
        pub renews_at: i64,
    }
}

inputs! {
    /// Filters of the accounts.
    #[derive(Default)]
    pub struct UsersQuery {
        /// Substring of name or e-mail address.
        #[serde(default)]
        pub search: Option<String>,
        /// Only active or only suspended accounts.
        #[serde(default)]
        pub active: Option<bool>,
        /// `next` of the page before.
        #[serde(default)]
        pub cursor: Option<String>,
        /// Largest number of items, 1 to 500; default 100.
        #[serde(default)]
        pub limit: Option<u32>,
    }

    /// Days of usage.
    pub struct UsageDaysQuery {
        /// Name or id of the account.
        pub user: String,
        /// Number of days including today, 1 to 366; default 30. The server keeps days as long as ended sessions.
        #[serde(default)]
        pub days: Option<u32>,
    }

    /// A new account.
    pub struct CreateUser {
        /// The name.
        pub username: String,
        /// The e-mail address.
        #[serde(default)]
        pub email: Option<String>,
        /// The password, at least 10 characters.
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password))]
        pub password: Secret,
        /// Maximum number of devices connected at once, 1 to 10.
        pub max_devices: u32,
    }

    /// Changes of an account. Absent fields stay as they are.
    pub struct UpdateUser {
        /// Name or id of the account.
        pub user: String,
        /// A new name.
        #[serde(default)]
        pub username: Option<String>,
        /// A new e-mail address; empty removes it.
        #[serde(default)]
        pub email: Option<String>,
        /// Maximum number of devices connected at once, 1 to 10. Excess sessions end, newest first.
        #[serde(default)]
        pub max_devices: Option<u32>,
        /// Bytes per month; 0: unlimited.
        #[serde(default)]
        pub month_quota: Option<u64>,
        /// Download limit, bytes per second; 0: unlimited.
        #[serde(default)]
        pub download_rate: Option<u64>,
        /// Upload limit, bytes per second; 0: unlimited.
        #[serde(default)]
        pub upload_rate: Option<u64>,
        /// True: its devices may reach each other on the direct lane.
        #[serde(default)]
        pub peer_group: Option<bool>,
        /// A new password. Ends every login of the account.
        #[serde(default)]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
        pub password: Option<Secret>,
        /// False suspends the account: its logins and sessions end. True reactivates it.
        #[serde(default)]
        pub active: Option<bool>,
        /// True removes the authenticator of a user who lost it.
        #[serde(default)]
        pub forget_totp: bool,
    }

    /// A new invitation.
    pub struct CreateInvitation {
        /// The account that gets another device; absent: the guest creates an account.
        #[serde(default)]
        pub username: Option<String>,
        /// Maximum number of devices of the new account, 1 to 10; default 3.
        #[serde(default)]
        pub max_devices: Option<u32>,
        /// Seconds until it expires, at most 30 days; default 7 days.
        #[serde(default)]
        pub lifetime: Option<i64>,
        /// Host for the link; default: the server's public address.
        #[serde(default)]
        pub host: Option<String>,
    }

    /// A new invitation. Only this answer contains the link.
    pub struct InvitationView {
        /// Its id.
        pub id: Uuid,
        /// `tornado://…`.
        #[cfg_attr(feature = "openapi", schema(value_type = String))]
        pub link: Secret,
        /// The link as a QR code, an SVG image. Absent if the link is too long.
        pub qr_svg: Option<String>,
        /// Expiry time.
        pub expires_at: i64,
    }
}
