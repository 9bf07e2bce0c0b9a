//! Routing rules, routes and addresses besides those of the lanes' interfaces.

mod fallback;
mod rule;
mod tor_paths;

use crate::config::Settings;
use crate::error::Error;
use crate::host::netlink::{Netlink, NetlinkError};
use crate::host::sysctl;
use fallback::Fallback;
use tor_paths::TorPaths;
use tornado_shared::model::Lane;

pub(crate) struct Routing {
    netlink: Netlink,
    fallback: Fallback,
    tor_paths: TorPaths,
}

impl Routing {
    pub(crate) fn new(netlink: Netlink, config: &Settings) -> Result<Self, Error> {
        let fallback = Fallback::of(config, sysctl::has_ipv6())?;
        Ok(Self { netlink, fallback, tor_paths: TorPaths::new(config.gateway(Lane::Tor)?) })
    }

    /// Adds all rules, routes and addresses, before the interfaces exist.
    pub(crate) async fn set_up(&self) -> Result<(), NetlinkError> {
        self.fallback.add_missing(&self.netlink).await?;
        // Those of an earlier process may belong to another configuration.
        self.tor_paths.remove_isolation_routes(&self.netlink).await?;
        self.tor_paths.add_gateway_addresses(&self.netlink).await?;
        self.tor_paths.add_isolation_routes(&self.netlink).await
    }

    /// Restores missing parts. Returns descriptions of what was missing in the second layer. Failures are logged.
    pub(crate) async fn restore(&self) -> Vec<&'static str> {
        let missing = self.fallback.add_missing(&self.netlink).await.unwrap_or_else(|error| {
            tracing::error!(%error, "could not restore rules and routes of the lanes");
            Vec::new()
        });
        if let Err(error) = self.tor_paths.add_isolation_routes(&self.netlink).await {
            tracing::error!(%error, "could not restore the return path to isolation addresses");
        }
        missing
    }

    /// Removes everything. Failures are logged.
    pub(crate) async fn remove(&self) {
        let removed = async {
            self.tor_paths.remove_gateway_addresses(&self.netlink).await?;
            self.tor_paths.remove_isolation_routes(&self.netlink).await
        };
        if let Err(error) = removed.await {
            tracing::warn!(%error, "could not remove the addresses of the tor lane");
        }
        if let Err(error) = self.fallback.remove(&self.netlink).await {
            tracing::warn!(%error, "could not remove rules and routes of the lanes");
        }
    }
}
