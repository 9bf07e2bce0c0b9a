//! What may leave this device, whatever its routes say.

use super::{LocalNetwork, NAME_PORTS, Outside, Routing, Transport};
use std::net::IpAddr;

/// Traffic that may leave. The tunnel's own interfaces and loopback always may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allow {
    /// Our own marked sockets, to one port of the server.
    Marked(Outside),
    /// Our own marked sockets, to this port of any host: how a server that has moved is found, by its name and by
    /// the key that it shows. Nothing but the question for the name and a TLS handshake is sent before the key is proved.
    Search(Transport, u16),
    /// Address configuration: DHCP (RFC 2131, RFC 8415), to the local network only.
    Configuration,
    /// Neighbour discovery, router solicitation and multicast membership (RFC 4861, RFC 3810, RFC 3376).
    Neighbours,
    /// A connected private network, with its broadcasts and multicasts.
    Local {
        /// Which.
        network: LocalNetwork,
        /// Whether names may be asked there.
        names: bool,
    },
}

/// The firewall of a device. Everything that is not listed is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// The tunnel's interfaces.
    pub links: [String; 2],
    /// What may leave besides.
    pub allow: Vec<Allow>,
    /// Addresses of the tunnel: what arrives for them on another interface is dropped, and ARP for them is not answered.
    pub inner: Vec<IpAddr>,
}

impl Routing {
    /// The firewall that belongs to this routing, on a machine with these local networks.
    #[must_use]
    pub fn firewall(&self, links: [String; 2], local: &[LocalNetwork]) -> Firewall {
        let marked = self.outside.iter().copied().map(Allow::Marked);
        let names = Transport::ALL.map(|transport| (transport, NAME_PORTS[0]));
        let api = self.outside.iter().filter(|o| o.transport == Transport::Tcp).map(|o| (o.transport, o.to.port()));
        let mut search: Vec<_> = names.into_iter().chain(api).map(|(t, port)| Allow::Search(t, port)).collect();
        search.dedup();
        let near = local.iter().map(|network| Allow::Local { network: network.clone(), names: !self.guard });
        let allow = marked.chain(search).chain([Allow::Configuration, Allow::Neighbours]).chain(near).collect();
        Firewall { links, allow, inner: self.inner.clone() }
    }
}
