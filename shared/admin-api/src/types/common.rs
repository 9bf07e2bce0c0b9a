//! Types that several methods use.

use super::{inputs, views};
use uuid::Uuid;

views! {
    /// Output of methods that return nothing.
    #[derive(Copy, Default, Eq)]
    pub struct Done {}

    /// Bytes in each direction, seen from the server.
    #[derive(Copy, Default, Eq)]
    pub struct Bytes {
        /// Received from the device.
        pub received: u64,
        /// Sent to the device.
        pub sent: u64,
    }
}

/// One page.
// The derive of utoipa does not support parameters of types inside another macro.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// Value of `cursor` for the next page; absent: this is the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> List<T> {
    /// A list without further pages.
    #[must_use]
    pub const fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

inputs! {
    /// Input of methods without parameters.
    #[derive(Copy, Default)]
    pub struct NoInput {}

    /// Names an object by its id.
    #[derive(Copy)]
    pub struct ById {
        /// The id.
        pub id: Uuid,
    }

    /// Names an object by its name.
    pub struct ByName {
        /// The name.
        pub name: String,
    }

    /// Names an account.
    pub struct ByUser {
        /// Name or id of the account.
        pub user: String,
    }

    /// Names a device.
    #[derive(Copy)]
    pub struct ByDevice {
        /// Id of the device.
        pub device_id: Uuid,
    }
}
