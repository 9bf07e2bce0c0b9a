//! A local network in front of one device: a bridge with a NAT router, a neighbour, a DHCP server and router
//! advertisements. Tests can make the latter two hostile.
//!
//! ```text
//!   access ──dev1── router (NAT, forwarding) ──br0──┬── device1   192.168.50.100, 2001:db8:50::/64 by advertisement
//!                                                   └── neighbour 192.168.50.9
//! ```

mod advert;
mod dhcp;

use crate::lab::record;
use crate::lab::settle;
use crate::lab::topology;
use crate::process::command::{ip, ip_batch};
use crate::{HarnessError, Host, Lab, wait_for};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

pub use dhcp::{Lease, StaticRoute};

/// Address of the router and DHCP server.
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 1);
/// Address of an untrusted host in the same network.
pub const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 9);
/// Address that the DHCP server assigns to the device.
pub const LEASED: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 100);

/// A local network that the test controls completely. The lab removes it with its own hosts.
#[derive(Debug)]
pub struct Lan {
    router: Host,
    neighbour: Host,
    device: Host,
    dhcp: dhcp::Server,
}

impl Lan {
    /// Moves a device of a lab from its direct link into a local network, and requests an address for it.
    ///
    /// # Errors
    ///
    /// Fails if a system call fails, or the device gets no address.
    pub fn around(lab: &Lab, number: u16) -> Result<Self, HarnessError> {
        let host = |name: &str| Host::new(name, topology::namespace(lab.id(), name), &lab.dir());
        let (router, neighbour) = (host(&format!("router{number}")), host(&format!("neighbour{number}")));
        let device = lab.host(&format!("device{number}"))?.clone();
        {
            let _lock = record::lock()?;
            for (host, forwards) in [(&router, true), (&neighbour, false)] {
                std::fs::create_dir_all(host.dir()).map_err(HarnessError::file("create", host.dir()))?;
                ip(&["netns", "add", host.namespace()])?;
                host.enter(|| settle(forwards))??;
            }
            wire(lab, number, [&router, &neighbour, &device])?;
        }
        router.exec(&["nft", "add table ip nat; add chain ip nat out { type nat hook postrouting priority srcnat; }; add rule ip nat out oifname wan masquerade"])?;
        device.enter(|| learn_from_advertisements("eth0"))??;
        let dhcp = dhcp::Server::start(&router)?;
        let lan = Self { router, neighbour, device, dhcp };
        lan.renew(&[])?;
        wait_for("an address by router advertisement", Duration::from_secs(10), || {
            lan.advertise(&[])?;
            let addresses = lan.device.exec(&["ip", "-6", "addr", "show", "dev", "eth0", "scope", "global"])?.stdout;
            Ok((!addresses.trim().is_empty() && !addresses.contains("tentative")).then_some(()))
        })?;
        Ok(lan)
    }

    /// The router. Packets that leave the device in the clear appear on its `br0`.
    #[must_use]
    pub const fn router(&self) -> &Host {
        &self.router
    }

    /// Another host in the same network.
    #[must_use]
    pub const fn neighbour(&self) -> &Host {
        &self.neighbour
    }

    /// Renews the device's address with these routes (DHCP option 121, RFC 3442), which it installs as every DHCP
    /// client does.
    ///
    /// # Errors
    ///
    /// Fails if the server does not respond.
    pub fn renew(&self, routes: &[StaticRoute]) -> Result<Lease, HarnessError> {
        self.dhcp.offer(routes);
        let lease = dhcp::ask(&self.device)?;
        let mut lines = vec![
            format!("addr replace {}/24 dev eth0", lease.address),
            format!("route replace default via {} dev eth0", lease.router),
        ];
        for StaticRoute { to, length, via } in &lease.routes {
            lines.push(format!("route replace {to}/{length} via {via} dev eth0"));
        }
        ip_batch(self.device.namespace(), &lines)?;
        Ok(lease)
    }

    /// Sends a router advertisement with the network's prefix and these routes, which have high preference (RFC 4191).
    ///
    /// # Errors
    ///
    /// Fails if it cannot be sent.
    pub fn advertise(&self, routes: &[(Ipv6Addr, u8)]) -> Result<(), HarnessError> {
        self.router.enter(|| advert::send("br0", PREFIX, routes))?
    }
}

/// Prefix of the network (64 bits).
const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x50, 0, 0, 0, 0, 0);

fn wire(lab: &Lab, number: u16, [router, neighbour, device]: [&Host; 3]) -> Result<(), HarnessError> {
    let (access, link) = (topology::namespace(lab.id(), "access"), format!("dev{number}"));
    let public = topology::device_addresses(number);
    let gateway = topology::GATEWAY;
    let peer = |near: &str, far: &str, host: &Host| {
        format!("link add {near} type veth peer name {far} netns {}", host.namespace())
    };
    ip_batch(
        &access,
        &[
            format!("link del {link}"),
            peer(&link, "wan", router),
            format!("link set {link} up"),
            format!("addr add {gateway}/32 dev {link}"),
            format!("addr add fe80::1/64 dev {link} nodad"),
            format!("route add {}/32 dev {link}", public.v4),
            format!("route add {}/128 dev {link}", public.v6),
            format!("route add {PREFIX}/64 via fe80::2 dev {link}"),
        ],
    )?;
    ip_batch(
        router.namespace(),
        &[
            "link set lo up".to_owned(),
            "link set wan up".to_owned(),
            format!("addr add {}/32 dev wan", public.v4),
            format!("addr add {}/128 dev wan nodad", public.v6),
            "addr add fe80::2/64 dev wan nodad".to_owned(),
            format!("route add default via {gateway} dev wan onlink"),
            "route add default via fe80::1 dev wan".to_owned(),
            "link add br0 type bridge".to_owned(),
            peer("port1", "eth0", device),
            peer("port2", "eth0", neighbour),
            "link set port1 master br0".to_owned(),
            "link set port2 master br0".to_owned(),
            "link set port1 up".to_owned(),
            "link set port2 up".to_owned(),
            "link set br0 up".to_owned(),
            format!("addr add {ROUTER}/24 dev br0"),
            "addr add fe80::50/64 dev br0 nodad".to_owned(),
            format!("addr add {}/64 dev br0 nodad", Ipv6Addr::from(PREFIX.to_bits() | 1)),
        ],
    )?;
    ip_batch(
        neighbour.namespace(),
        &[
            "link set lo up".to_owned(),
            "link set eth0 up".to_owned(),
            format!("addr add {NEIGHBOUR}/24 dev eth0"),
            format!("route add default via {ROUTER}"),
        ],
    )?;
    ip_batch(device.namespace(), &["link set eth0 up".to_owned()])
}

/// Configures the kernel as on a device without a network manager.
fn learn_from_advertisements(interface: &str) -> Result<(), HarnessError> {
    for (key, value) in [("accept_ra", "2"), ("accept_ra_rt_info_max_plen", "128"), ("accept_ra_defrtr", "1")] {
        let path = Path::new("/proc/sys/net/ipv6/conf").join(interface).join(key);
        std::fs::write(&path, value).map_err(HarnessError::file("write", &path))?;
    }
    Ok(())
}
