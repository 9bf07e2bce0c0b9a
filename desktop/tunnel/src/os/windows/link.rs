//! One interface: a Wintun adapter with its addresses, and WireGuard in this process.

use super::settings::Settings;
use crate::os::OsError;
use crate::plan::{KEEPALIVE, Link, Observation, Slot};
use crate::policy::Family;
use ipnet::{Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tornado_packet_io::{Link as PacketLink, Peer, Settings as WireGuardSettings, Tunnel};
use tornado_windows::os::network::{add_address, configure, forget_tunnel, register_tunnel};
use tornado_windows::os::wintun::Adapter;

/// GUIDs of the two adapters. With fixed ones, Windows recognises the network instead of numbering new ones.
const GUIDS: [u128; 2] = [0x746f_726e_6164_4f02_9b3a_5e27_c1d8_0001, 0x746f_726e_6164_4f02_9b3a_5e27_c1d8_0002];

/// An interface that is up. Its adapter is removed on drop.
pub(super) struct Up {
    tunnel: Tunnel,
    luid: u64,
}

impl Up {
    /// Creates the adapter, sets its addresses, starts WireGuard and sends the first handshake message.
    pub(super) async fn create(settings: &Settings, name: String, link: &Link) -> Result<Self, OsError> {
        let guid = match link.slot {
            Slot::A => GUIDS[0],
            Slot::B => GUIDS[1],
        };
        let (directory, own) = (settings.directory.clone(), name.clone());
        // The driver takes up to seconds to create an adapter.
        let adapter = tokio::task::spawn_blocking(move || Adapter::create(&directory, &own, guid)).await;
        let adapter = adapter.map_err(|error| OsError::new("create the adapter", error))?;
        let adapter = adapter.map_err(|error| OsError::new("create the adapter", error))?;
        let luid = adapter.luid();
        register_tunnel(luid);
        let started = start(name, adapter, link).await;
        match started {
            Ok(tunnel) => Ok(Self { tunnel, luid }),
            Err(error) => {
                forget_tunnel(luid);
                Err(error)
            }
        }
    }

    pub(super) const fn luid(&self) -> u64 {
        self.luid
    }

    pub(super) async fn observe(&self) -> Result<Observation, OsError> {
        let peers = self.tunnel.peers().await;
        let peer = peers.first().ok_or_else(|| OsError::new("observe the interface", "its peer does not exist"))?;
        Ok(Observation { handshake_age: peer.handshake_age, transfer: peer.transfer, no_network: false })
    }

    pub(super) async fn stop(self) {
        self.tunnel.stop().await;
        forget_tunnel(self.luid);
    }
}

async fn start(name: String, adapter: Adapter, link: &Link) -> Result<Tunnel, OsError> {
    let (luid, lane) = (adapter.luid(), &link.lane);
    for family in Family::ALL {
        let any = match family {
            Family::V4 => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        let addresses = lane.addresses.iter().filter(|address| Family::of(**address) == family);
        let set =
            configure(luid, any, lane.mtu).and_then(|()| addresses.copied().try_for_each(|a| add_address(luid, a)));
        match set {
            Ok(()) => {}
            Err(error) if family == Family::V4 => return Err(OsError::new("set the address of the adapter", error)),
            // The firewall blocks IPv6 outside the tunnel.
            Err(error) => tracing::warn!(%error, "cannot set the IPv6 address; IPv6 is blocked while the tunnel is up"),
        }
    }
    let peer = Peer {
        public_key: lane.peer,
        preshared_key: lane.preshared_key.clone(),
        addresses: vec![Ipv4Net::default().into(), Ipv6Net::default().into()],
        endpoint: Some(lane.endpoint),
        keepalive: Some(KEEPALIVE),
    };
    // Windows has no marks: the sockets are bound to the interface that leads to the server.
    let settings = WireGuardSettings { key: link.private_key.clone(), port: 0, mark: None, peers: vec![peer] };
    let packets = PacketLink::open(&name, lane.mtu, adapter).map_err(|e| OsError::new("start WireGuard", e))?;
    let tunnel = packets.start(settings).await.map_err(|e| OsError::new("start WireGuard", e))?;
    // The caller observes the link for the response.
    tunnel.start_handshakes(&[lane.peer]).await;
    Ok(tunnel)
}
