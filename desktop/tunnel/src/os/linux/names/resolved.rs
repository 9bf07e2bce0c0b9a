//! systemd-resolved over D-Bus (`org.freedesktop.resolve1(5)`).

use crate::os::OsError;
use std::net::IpAddr;
use std::time::Duration;
use zbus::Connection;

/// Timeout of all calls together.
const DEADLINE: Duration = Duration::from_secs(5);
/// Address families as the D-Bus interface expects them (`socket(2)`).
const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;

#[zbus::proxy(
    interface = "org.freedesktop.resolve1.Manager",
    default_service = "org.freedesktop.resolve1",
    default_path = "/org/freedesktop/resolve1",
    gen_blocking = false
)]
trait Manager {
    #[zbus(name = "SetLinkDNS")]
    fn set_link_dns(&self, index: i32, addresses: &[(i32, Vec<u8>)]) -> zbus::Result<()>;
    fn set_link_domains(&self, index: i32, domains: &[(&str, bool)]) -> zbus::Result<()>;
    fn set_link_default_route(&self, index: i32, enable: bool) -> zbus::Result<()>;
    #[zbus(name = "SetLinkDNSSEC")]
    fn set_link_dnssec(&self, index: i32, mode: &str) -> zbus::Result<()>;
    #[zbus(name = "SetLinkDNSOverTLS")]
    fn set_link_dns_over_tls(&self, index: i32, mode: &str) -> zbus::Result<()>;
    #[zbus(name = "SetLinkLLMNR")]
    fn set_link_llmnr(&self, index: i32, mode: &str) -> zbus::Result<()>;
    #[zbus(name = "SetLinkMulticastDNS")]
    fn set_link_multicast_dns(&self, index: i32, mode: &str) -> zbus::Result<()>;
    fn flush_caches(&self) -> zbus::Result<()>;
    fn revert_link(&self, index: i32) -> zbus::Result<()>;
}

/// Makes the link's resolvers responsible for all names. Other links keep their settings; the firewall blocks queries
/// that go to them because of a search domain.
pub(super) async fn set(index: u32, servers: &[IpAddr]) -> Result<(), OsError> {
    within(async { apply(&Connection::system().await?, index, servers).await }).await
}

/// Reverts the settings. The link, and its settings, may no longer exist.
pub(super) async fn revert(index: u32) {
    let reverted = within(async {
        let connection = Connection::system().await?;
        let manager = ManagerProxy::new(&connection).await?;
        manager.flush_caches().await?;
        manager.revert_link(number(index)).await
    });
    if let Err(error) = reverted.await {
        tracing::debug!(%error, "cannot revert the link's settings; they disappear with the link");
    }
}

async fn apply(connection: &Connection, index: u32, servers: &[IpAddr]) -> zbus::Result<()> {
    let manager = ManagerProxy::new(connection).await?;
    let index = number(index);
    let addresses: Vec<(i32, Vec<u8>)> = servers.iter().map(|server| bytes(*server)).collect();
    manager.set_link_dns(index, &addresses).await?;
    // "~.": this link is responsible for all names (systemd-resolved.service(8), "Protocols and routing").
    manager.set_link_domains(index, &[(".", true)]).await?;
    manager.set_link_default_route(index, true).await?;
    // Tor resolves without DNSSEC records and does not support DNS over TLS. The tunnel protects the queries.
    manager.set_link_dnssec(index, "no").await?;
    manager.set_link_dns_over_tls(index, "no").await?;
    manager.set_link_llmnr(index, "no").await?;
    manager.set_link_multicast_dns(index, "no").await?;
    manager.flush_caches().await
}

async fn within(calls: impl Future<Output = zbus::Result<()>>) -> Result<(), OsError> {
    let fail = |cause: String| OsError::new("set the resolvers with systemd-resolved", cause);
    match tokio::time::timeout(DEADLINE, calls).await {
        Ok(result) => result.map_err(|e| fail(e.to_string())),
        Err(_) => Err(fail(format!("it did not respond within {DEADLINE:?}"))),
    }
}

fn number(index: u32) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

fn bytes(server: IpAddr) -> (i32, Vec<u8>) {
    match server {
        IpAddr::V4(v4) => (AF_INET, v4.octets().into()),
        IpAddr::V6(v6) => (AF_INET6, v6.octets().into()),
    }
}

#[cfg(test)]
#[path = "resolved_tests.rs"]
mod tests;
