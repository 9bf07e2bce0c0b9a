//! Detects changes that concern the tunnel: links, addresses, routes and rules (`rtnetlink(7)`), and our nftables
//! tables.

use super::firewall::TABLE;
use crate::os::OsError;
use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};
use netlink_sys::{AsyncSocket as _, AsyncSocketExt as _, TokioSocket};
use std::time::Duration;

/// `RTNLGRP_LINK`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV4_RULE`, `_IPV6_IFADDR`, `_IPV6_ROUTE`, `_IPV6_RULE`
/// (`linux/rtnetlink.h`).
const ROUTE_GROUPS: [u32; 7] = [1, 5, 7, 8, 9, 11, 19];
/// `NFNLGRP_NFTABLES` (`linux/netfilter/nfnetlink.h`).
const NFTABLES_GROUP: u32 = 7;
/// Changes come in bursts. Changes within this time are handled together.
const BURST: Duration = Duration::from_millis(5);
/// How often the firewall is checked if the kernel sends no notifications for its tables.
const INTERVAL: Duration = Duration::from_millis(900);
const DATAGRAM: usize = 32 * 1024;

/// Sockets that receive notifications of changes.
pub(super) struct Watch {
    route: TokioSocket,
    /// `None` if this kernel sends no notifications for its tables.
    nftables: Option<TokioSocket>,
    /// A change that was received but not reported yet; true if it may concern the firewall.
    pending: Option<bool>,
}

impl Watch {
    /// Opens the sockets in the calling thread's network namespace. Requires a Tokio runtime.
    pub(super) fn open() -> Result<Self, OsError> {
        let route =
            subscribe(NETLINK_ROUTE, &ROUTE_GROUPS).map_err(|e| OsError::new("subscribe to route changes", e))?;
        let nftables = subscribe(NETLINK_NETFILTER, &[NFTABLES_GROUP])
            .inspect_err(|error| tracing::warn!(%error, "cannot watch nftables; checking the firewall once a second"))
            .ok();
        Ok(Self { route, nftables, pending: None })
    }

    /// Waits for a change. Returns true if the change may concern the firewall.
    ///
    /// # Cancel safety
    /// A change that was received is reported by the next call.
    pub(super) async fn changed(&mut self) -> bool {
        if self.pending.is_none() {
            self.pending = Some(receive_change(&mut self.route, self.nftables.as_mut()).await);
        }
        let rest = async {
            loop {
                let firewall = receive_change(&mut self.route, self.nftables.as_mut()).await;
                self.pending = Some(firewall || self.pending == Some(true));
            }
        };
        let _ = tokio::time::timeout(BURST, rest).await;
        self.pending.take().unwrap_or(false)
    }
}

fn subscribe(protocol: isize, groups: &[u32]) -> std::io::Result<TokioSocket> {
    let mut socket = TokioSocket::new(protocol)?;
    socket.socket_mut().bind_auto()?;
    for group in groups {
        socket.socket_ref().add_membership(*group)?;
    }
    Ok(socket)
}

async fn receive_change(route: &mut TokioSocket, nftables: Option<&mut TokioSocket>) -> bool {
    let firewall = async {
        match nftables {
            Some(socket) => loop {
                match receive(socket).await {
                    Some(bytes) if !mentions(&bytes, TABLE.as_bytes()) => {}
                    // The message concerns our table, or messages were lost.
                    Some(_) | None => break,
                }
            },
            // Without notifications, the firewall is checked periodically.
            None => tokio::time::sleep(INTERVAL).await,
        }
    };
    tokio::select! {
        _ = receive(route) => false,
        () = firewall => true,
    }
}

/// Receives one datagram. Returns `None` if messages were lost (ENOBUFS, `netlink(7)`).
async fn receive(socket: &mut TokioSocket) -> Option<Vec<u8>> {
    let mut buffer = Vec::with_capacity(DATAGRAM);
    match socket.recv(&mut buffer).await {
        Ok(()) => Some(buffer),
        Err(error) => {
            tracing::debug!(%error, "netlink notifications were lost");
            // Another error may repeat at once, so wait. A loss must be reported before this future can be dropped, so
            // do not wait.
            if error.raw_os_error() != Some(libc::ENOBUFS) {
                tokio::time::sleep(BURST).await;
            }
            None
        }
    }
}

fn mentions(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
