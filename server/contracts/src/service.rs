//! The names of the services.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A service: a process that `master` supervises. Also the role in which it calls others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceName {
    /// Identity.
    Auth,
    /// Sessions.
    Session,
    /// Lanes.
    Wg,
    /// Tor.
    Tor,
    /// The resolver of the direct lane.
    Dns,
    /// The devices' API.
    ClientApi,
    /// The console.
    Admin,
}

impl ServiceName {
    /// All of them, in the order of their start.
    pub const ALL: [Self; 7] =
        [Self::Auth, Self::Session, Self::Wg, Self::Tor, Self::Dns, Self::ClientApi, Self::Admin];

    /// The word used on the command line, for the socket, the state directory and the sub-command.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Session => "session",
            Self::Wg => "wg",
            Self::Tor => "tor",
            Self::Dns => "dns",
            Self::ClientApi => "client-api",
            Self::Admin => "admin",
        }
    }

    /// The Unix user it runs as.
    #[must_use]
    pub const fn unix_user(self) -> &'static str {
        match self {
            Self::Auth => "tornado-auth",
            Self::Session => "tornado-session",
            Self::Wg => "tornado-wg",
            Self::Tor => "tornado-tor",
            Self::Dns => "tornado-dns",
            Self::ClientApi => "tornado-api",
            Self::Admin => "tornado-admin",
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No service has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no service is called '{0}'; there are {all}", all = ServiceName::ALL.map(ServiceName::as_str).join(", "))]
pub struct UnknownService(String);

impl FromStr for ServiceName {
    type Err = UnknownService;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|n| n.as_str() == s).ok_or_else(|| UnknownService(s.to_owned()))
    }
}
