//! WireGuard of one link: in the kernel, or in this process over a TUN device.

use crate::os::OsError;
use crate::plan::{KEEPALIVE, Link, Observation};
use crate::policy::MARK;
use ipnet::{Ipv4Net, Ipv6Net};
use std::io;
use tornado_packet_io::{KernelTunnel, Link as PacketLink, Peer, Settings, Status, Tunnel};

pub(super) enum WireGuard {
    /// The interface exists until its link is deleted.
    Kernel(KernelTunnel),
    /// Dropping it stops it.
    Userspace(Tunnel),
}

/// The key, the mark and the only peer.
fn settings(link: &Link) -> Settings {
    let lane = &link.lane;
    let peer = Peer {
        public_key: lane.peer,
        preshared_key: lane.preshared_key.clone(),
        addresses: vec![Ipv4Net::default().into(), Ipv6Net::default().into()],
        endpoint: Some(lane.endpoint),
        keepalive: Some(KEEPALIVE),
    };
    Settings { key: link.private_key.clone(), port: 0, mark: Some(MARK), peers: vec![peer] }
}

fn not_exchanged(error: io::Error) -> OsError {
    OsError::new("exchange messages with WireGuard in the kernel", error)
}

impl WireGuard {
    /// Configures the kernel's interface with this index. The persistent keepalive makes the kernel send the first
    /// handshake when the interface comes up.
    pub(super) async fn in_kernel(index: u32, link: &Link) -> Result<Self, OsError> {
        let kernel = KernelTunnel::connect(index).map_err(not_exchanged)?;
        kernel.start(settings(link)).await.map_err(not_exchanged)?;
        Ok(Self::Kernel(kernel))
    }

    /// Starts WireGuard on the TUN device and sends the first handshake message.
    pub(super) async fn in_userspace(tun: PacketLink, link: &Link) -> Result<Self, OsError> {
        let tunnel = tun.start(settings(link)).await.map_err(|e| OsError::new("start WireGuard", e))?;
        // The caller observes the link for the response.
        tunnel.start_handshakes(&[link.lane.peer]).await;
        Ok(Self::Userspace(tunnel))
    }

    pub(super) async fn observe(&self) -> Result<Observation, OsError> {
        let peers = match self {
            Self::Kernel(kernel) => kernel.peers().await.map_err(not_exchanged)?,
            Self::Userspace(tunnel) => tunnel.peers().await,
        };
        match (peers.first(), self) {
            (Some(Status { handshake_age, transfer, .. }), _) => {
                Ok(Observation { handshake_age: *handshake_age, transfer: *transfer, no_network: false })
            }
            (None, Self::Kernel(_)) => Ok(Observation::default()),
            (None, Self::Userspace(_)) => Err(OsError::new("observe the interface", "its peer does not exist")),
        }
    }

    pub(super) async fn stop(self) {
        match self {
            Self::Kernel(_) => {}
            Self::Userspace(tunnel) => tunnel.stop().await,
        }
    }
}
