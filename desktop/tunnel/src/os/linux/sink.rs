//! An interface that discards its packets. Where everything is unreachable, our table leads to it while programs are
//! excluded: their first lookup of a route must succeed, and the firewall then selects another one.

use super::netlink::Netlink;
use crate::os::OsError;
use tornado_packet_io::{Link as PacketLink, Offload, TunNode};

/// Its MTU, bytes: the minimum of IPv6.
const MTU: u16 = 1280;

pub(super) struct Sink {
    name: String,
    /// The TUN device, from which no packet is read.
    link: Option<PacketLink>,
}

impl Sink {
    pub(super) fn new(interface_prefix: &str) -> Self {
        Self { name: format!("{interface_prefix}x"), link: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Opens the interface and returns its index. Without it, excluded programs find no route, which is safe.
    pub(super) async fn open(&mut self, netlink: &Netlink, tun_node: &TunNode) -> Option<u32> {
        if let (Some(_), Ok(Some(index))) = (&self.link, netlink.index(&self.name).await) {
            return Some(index);
        }
        self.link = None;
        let opened = async {
            let opened = PacketLink::open(&self.name, MTU, Offload::Off, tun_node).await;
            let link = opened.map_err(|e| OsError::new("create the TUN device", e))?;
            let index =
                netlink.index(&self.name).await?.ok_or_else(|| OsError::new("find the interface", &self.name))?;
            netlink.set_up(index, MTU).await?;
            Ok::<_, OsError>((link, index))
        };
        match opened.await {
            Ok((link, index)) => {
                self.link = Some(link);
                Some(index)
            }
            Err(error) => {
                tracing::warn!(%error, "excluded programs have no network until the tunnel is up");
                None
            }
        }
    }

    /// Removes the interface.
    pub(super) fn close(&mut self) {
        self.link = None;
    }
}
