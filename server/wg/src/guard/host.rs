//! Adapts firewall and forwarding to the host's interfaces, which can change at any time.

use crate::error::Error;
use crate::host::{Forwarding, HostInterfaces, uplinks};
use crate::interfaces::Factory;
use crate::pace::{self, DEBOUNCE, interval};
use crate::shared::Shared;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(crate) struct HostWatch {
    shared: Shared,
    factory: Arc<Factory>,
    forwarding: Forwarding,
}

impl HostWatch {
    pub(crate) const fn new(shared: Shared, factory: Arc<Factory>, forwarding: Forwarding) -> Self {
        Self { shared, factory, forwarding }
    }

    /// Adapts to changes of the host after a notification and at intervals, until `shutdown`. Separate from the watch
    /// of the rules, because this work can take long while other programs change interfaces.
    pub(crate) async fn watch(&self, notifies: bool, shutdown: &CancellationToken) {
        while pace::again(shutdown, &self.shared.wakes.host, interval(notifies)).await {
            self.adapt().await;
            tokio::time::sleep(DEBOUNCE).await;
        }
    }

    async fn adapt(&self) {
        let adapted = async {
            let (host, changed) = self.adapt_firewall().await?;
            for key in self.enable_forwarding(&host)? {
                tracing::warn!(key, "another program disabled forwarding; enabled it again");
            }
            Ok::<_, Error>(changed.then_some(host))
        };
        match adapted.await {
            Ok(None) => {}
            Ok(Some(host)) => {
                tracing::info!(ipv4 = ?host.uplinks4, ipv6 = ?host.uplinks6, "the uplinks changed");
            }
            Err(error) => {
                tracing::error!(%error, "could not adapt to the host's uplinks");
                // A failed change leaves the table unknown, so the whole table is loaded.
                self.shared.wakes.firewall.notify_one();
            }
        }
    }

    /// Allows forwarding only through the host's current uplinks. Returns the host's interfaces, and whether they have
    /// changed.
    pub(crate) async fn adapt_firewall(&self) -> Result<(HostInterfaces, bool), Error> {
        let host = uplinks(self.factory.netlink(), self.factory.lanes()).await?;
        self.forwarding.prepare(&host)?;
        let host = self.forwarding.with_forwarding(host);
        let changed = self.shared.firewall.set_host(host.clone()).await?;
        Ok((host, changed))
    }

    /// Enables forwarding. Returns the settings that another program has disabled.
    pub(crate) fn enable_forwarding(&self, host: &HostInterfaces) -> Result<Vec<String>, Error> {
        self.forwarding.enable(host, self.factory.lanes())
    }
}
