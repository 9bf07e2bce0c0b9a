//! What the pages show: plain values, filled by the server, without a decision of the console in them.
//!
//! Times are seconds since 1970, in UTC. Ages and spans are in seconds and come from the server, so that server and
//! browser render the same. A value that is not known is `None`, never 0.

pub mod act;
pub mod audit;
pub mod keys;
pub mod logs;
pub mod overview;
pub mod sessions;
pub mod set_up;
pub mod settings;
pub mod tor;
pub mod users;

use serde::{Deserialize, Serialize};
pub use tornado_ui::chart::Values;
pub use tornado_ui::state::{Condition, Lane};

/// Why a page has no content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The sign-in has ended or was revoked.
    SignedOut,
    /// The operator's role does not allow it.
    Forbidden,
    /// A service did not respond.
    Unavailable {
        /// Which service or database.
        part: String,
        /// Code of the problem, for a report.
        code: String,
        /// Number of the request, for a report.
        request: String,
    },
    /// It does not exist, or no longer.
    NotFound,
    /// The operator sent too many requests.
    TooMany,
    /// The browser cannot reach the server.
    Unreachable,
}

impl Fault {
    /// Whether it may go by itself, so that values from before are better than none.
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable | Self::Unavailable { .. } | Self::TooMany)
    }
}

/// The signed-in operator, and what the frame of the console shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewer {
    /// The operator's name.
    pub name: String,
    /// The operator's role.
    pub role: Role,
    /// Public name of the server.
    pub host: String,
    /// Version of the server.
    pub version: String,
    /// How long the server has run.
    pub up_s: u64,
    /// Sessions, if `session` responds.
    pub sessions: Option<u64>,
    /// Users, if `auth` responds.
    pub users: Option<u64>,
    /// Services that are not as desired.
    pub services_not_ready: u64,
    /// Names of all rights. They decide which buttons are shown; access is decided by the server.
    pub rights: Vec<String>,
    /// Value that the server requires with each change.
    pub csrf: String,
}

/// What an operator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Owner,
    /// Everything but operators and keys.
    Operator,
    /// Read.
    Viewer,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Position of the first row in the list with its filters, from 0, if known.
    pub offset: Option<u64>,
    /// Rows of the list with its filters, if known.
    pub matching: Option<u64>,
    /// Cursor of the next part.
    pub next: Option<String>,
    /// Cursor of the part before; empty for the first part.
    pub before: Option<String>,
    /// When the rows were read.
    pub as_of: i64,
}
