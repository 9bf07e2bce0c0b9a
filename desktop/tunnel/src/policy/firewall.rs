//! Traffic that may leave this device, independent of its routes.

use super::local::LocalNetwork;
use super::model::{Exempt, NAME_PORTS, Outside, Transport};
use super::programs::Excluded;
use super::routing::Routing;
use std::net::IpAddr;

/// One kind of traffic that may leave. Traffic of the tunnel's interfaces and of loopback always may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// Packets of the helper's marked sockets, to one port of the server.
    Marked(Outside),
    /// Packets of the helper's marked sockets, to this port of any host. They find a server that moved, by its name and
    /// its key. Before the key is verified, only a DNS query and a TLS handshake are sent.
    Search(Transport, u16),
    /// Address configuration by DHCP (RFC 2131, RFC 8415), to the local network only.
    Configuration,
    /// Neighbour discovery, router solicitation and multicast membership (RFC 4861, RFC 3810, RFC 3376).
    Neighbours,
    /// A directly connected private network, with its broadcast and multicast traffic.
    Local {
        /// The network.
        network: LocalNetwork,
        /// Whether DNS queries may be sent there.
        names: bool,
    },
    /// A network that the user chose. Packets with an address inside the tunnel as source are not sent there.
    Exempt(Exempt),
}

/// The firewall of a device. Traffic that is not listed is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// Names of the tunnel's interfaces.
    pub links: [String; 2],
    /// Other traffic that may leave.
    pub allow: Vec<Allow>,
    /// Addresses inside the tunnel. Packets to them are dropped on other interfaces, and ARP requests for them are not
    /// answered.
    pub inner: Vec<IpAddr>,
    /// Programs whose traffic may leave outside the tunnel.
    pub excluded: Option<Excluded>,
}

impl Routing {
    /// The firewall for this routing, on a machine with these local networks, without excluded programs.
    #[must_use]
    pub fn firewall(&self, links: [String; 2], local: &[LocalNetwork]) -> Firewall {
        let marked = self.outside.iter().copied().map(Allow::Marked);
        let names = Transport::ALL.map(|transport| (transport, NAME_PORTS[0]));
        let api = self.outside.iter().filter(|o| o.transport == Transport::Tcp).map(|o| (o.transport, o.to.port()));
        let more = self.api_ports.iter().map(|port| (Transport::Tcp, *port));
        let mut ports: Vec<(Transport, u16)> = Vec::new();
        for port in names.into_iter().chain(api).chain(more) {
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        let search = ports.into_iter().map(|(transport, port)| Allow::Search(transport, port));
        let near = local.iter().map(|network| Allow::Local { network: network.clone(), names: !self.guard });
        let allow = marked
            .chain(search)
            .chain([Allow::Configuration, Allow::Neighbours])
            .chain(near)
            .chain(self.exempt().map(Allow::Exempt))
            .collect();
        Firewall { links, allow, inner: self.inner.clone(), excluded: None }
    }
}
