//! The services that are compiled in. Only this file decides what `master` may run.

use tornado_contracts::ServiceName;

/// Capabilities that a service keeps when it drops its rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capabilities {
    /// None.
    Nothing,
    /// `CAP_NET_ADMIN`: interfaces, routes and nftables (capabilities(7)).
    NetAdmin,
    /// `CAP_NET_BIND_SERVICE`: ports below 1024.
    NetBindService,
}

impl Capabilities {
    /// The capability's number in `linux/capability.h`.
    #[must_use]
    pub const fn number(self) -> Option<u32> {
        match self {
            Self::Nothing => None,
            Self::NetAdmin => Some(tornado_rights::NET_ADMIN),
            Self::NetBindService => Some(tornado_rights::NET_BIND_SERVICE),
        }
    }
}

/// One service, started as `tornadod service NAME`.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Name, also the argument of `tornadod service`.
    pub name: ServiceName,
    /// Capabilities that it keeps.
    pub capabilities: Capabilities,
    /// Services that must be ready before it starts.
    pub needs: &'static [ServiceName],
}

/// The table row of a service.
#[must_use]
pub const fn service(name: ServiceName) -> Service {
    use ServiceName::{Admin, Auth, ClientApi, Dns, Session, Telemetry, Tor, Wg};
    let (capabilities, needs): (Capabilities, &[ServiceName]) = match name {
        Auth => (Capabilities::Nothing, &[]),
        Session => (Capabilities::Nothing, &[Auth]),
        Wg => (Capabilities::NetAdmin, &[Session]),
        Tor => (Capabilities::Nothing, &[Wg]),
        Dns => (Capabilities::NetBindService, &[Wg]),
        ClientApi => (Capabilities::Nothing, &[Auth, Session, Wg]),
        Admin => (Capabilities::Nothing, &[Auth]),
        // It asks `auth` about operators, but reads logs while `auth` is down.
        Telemetry => (Capabilities::Nothing, &[]),
    };
    Service { name, capabilities, needs }
}

/// The services that need `name`.
pub fn dependents(name: ServiceName) -> impl Iterator<Item = ServiceName> {
    ServiceName::ALL.into_iter().filter(move |other| service(*other).needs.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_start_before_their_dependents() {
        for (index, name) in ServiceName::ALL.into_iter().enumerate() {
            for need in service(name).needs {
                assert!(ServiceName::ALL[..index].contains(need), "{name} needs {need}, which starts later");
            }
        }
    }

    #[test]
    fn two_services_keep_one_capability_and_none_runs_as_root() {
        for name in ServiceName::ALL {
            let row = service(name);
            assert_ne!(name.unix_user(), "root");
            let wanted = match name {
                ServiceName::Wg => Some(12),
                ServiceName::Dns => Some(10),
                ServiceName::Auth
                | ServiceName::Session
                | ServiceName::Tor
                | ServiceName::ClientApi
                | ServiceName::Admin
                | ServiceName::Telemetry => None,
            };
            assert_eq!(row.capabilities.number(), wanted, "{name}");
        }
    }
}
