//! Inputs and outputs of the methods. Times are seconds since 1970 (UTC) unless a field states otherwise.

mod common;
mod logs;
mod overview;
mod own;
mod passkeys;
mod server;
mod sessions;
mod system;
mod tokens;
mod tor;
mod users;

pub use common::*;
pub use logs::*;
pub use overview::*;
pub use own::*;
pub use passkeys::*;
pub use server::*;
pub use sessions::*;
pub use system::*;
pub use tokens::*;
pub use tor::*;
pub use users::*;

/// Declares outputs: they can be compared, so that the console redraws only what changed.
macro_rules! views {
    ($($item:item)+) => { $(
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        $item
    )+ };
}

/// Declares inputs. Unknown fields are rejected.
macro_rules! inputs {
    ($($item:item)+) => { $(
        #[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(deny_unknown_fields)]
        $item
    )+ };
}

/// Declares sets of words, in `snake_case` on the wire.
macro_rules! words {
    ($($item:item)+) => { $(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        $item
    )+ };
}

use {inputs, views, words};
