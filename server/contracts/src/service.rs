//! The names of the services.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A service: a process that `master` supervises. Also the role in which it calls other services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceName {
    /// Users, devices and logins.
    Auth,
    /// Sessions and leases.
    Session,
    /// WireGuard lanes and firewall.
    Wg,
    /// The Tor process.
    Tor,
    /// The direct lane's DNS resolver.
    Dns,
    /// The device API.
    ClientApi,
    /// The administration console.
    Admin,
    /// Logs and metrics.
    Telemetry,
}

impl ServiceName {
    /// All services, in start order.
    pub const ALL: [Self; 8] =
        [Self::Auth, Self::Session, Self::Wg, Self::Tor, Self::Dns, Self::ClientApi, Self::Admin, Self::Telemetry];

    /// Unix user of the process.
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
            Self::Telemetry => "tornado-telemetry",
        }
    }
}

// Name on the command line, and of the socket, the state directory and the subcommand.
words!(ServiceName {
    Auth = "auth",
    Session = "session",
    Wg = "wg",
    Tor = "tor",
    Dns = "dns",
    ClientApi = "client-api",
    Admin = "admin",
    Telemetry = "telemetry",
});

/// The name does not match a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown service '{0}'; services are {all}", all = ServiceName::ALL.map(ServiceName::as_str).join(", "))]
pub struct UnknownService(String);

impl FromStr for ServiceName {
    type Err = UnknownService;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|n| n.as_str() == s).ok_or_else(|| UnknownService(s.to_owned()))
    }
}
