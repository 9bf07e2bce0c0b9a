//! The firewall of a device as filters of the Windows Filtering Platform. Pure: it compiles on every operating system.
//!
//! All filters are in one sublayer. There, the matching filter with the highest weight decides, so the permits come
//! before the block of everything. Filters of another program cannot permit what this sublayer blocks.
//!
//! Connections are judged when they begin, outgoing ones at the layers `Connect`, incoming ones and the first packet of
//! other protocols at `Accept`, and again after each change of the filters. Replies belong to their connection.

use crate::policy::{
    Allow, Exempt, Family, Firewall, LocalNetwork, NAME_PORTS, NEIGHBOUR_NAME_PORTS, Outside, Transport,
};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// A layer: a direction and an address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Outgoing connections (`FWPM_LAYER_ALE_AUTH_CONNECT`).
    Connect(Family),
    /// Incoming connections (`FWPM_LAYER_ALE_AUTH_RECV_ACCEPT`).
    Accept(Family),
}

impl Layer {
    const ALL: [Self; 4] =
        [Self::Connect(Family::V4), Self::Connect(Family::V6), Self::Accept(Family::V4), Self::Accept(Family::V6)];

    const fn family(self) -> Family {
        match self {
            Self::Connect(family) | Self::Accept(family) => family,
        }
    }
}

/// What happens to a matching connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may begin.
    Permit,
    /// It fails.
    Block,
}

/// How long a filter exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is removed, or the filtering engine stops with the machine. It survives the helper.
    Session,
    /// Until it is removed. It is active as soon as the filtering engine runs.
    Persistent,
    /// Until it is removed. It is active from the start of the network until the filtering engine runs.
    Boot,
}

/// A condition. Those of one kind are alternatives, those of different kinds must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Both ends are on this machine.
    Loopback,
    /// The local interface, by the name that users see.
    Interface(String),
    /// The helper's own program.
    OwnProgram,
    /// Transport protocol.
    Protocol(Protocol),
    /// Local address.
    Local(IpAddr),
    /// Remote network.
    Remote(IpNet),
    /// Local port.
    LocalPort(u16),
    /// Remote port.
    RemotePort(u16),
    /// Type of an ICMP message.
    IcmpType(u8),
}

/// Protocols that filters distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP for IPv6 (RFC 4443).
    Icmpv6,
}

impl From<Transport> for Protocol {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Self::Tcp,
            Transport::Udp => Self::Udp,
        }
    }
}

/// One filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Where it decides.
    pub layer: Layer,
    /// Precedence, 0 to 15; the highest decides.
    pub weight: u8,
    /// What it decides.
    pub verdict: Verdict,
    /// How long it exists.
    pub lifetime: Lifetime,
    /// What it matches; everything if empty.
    pub conditions: Vec<Condition>,
    /// Its purpose, for `netsh wfp show filters`.
    pub name: &'static str,
}

/// Weights, the decisive ones first.
const INSIDE: u8 = 15;
const INNER: u8 = 14;
const OWN: u8 = 13;
const CONFIGURATION: u8 = 12;
const NAMES: u8 = 11;
const NEAR: u8 = 10;
const REST: u8 = 0;

/// Networks from which DHCP assigns addresses, and its destinations (RFC 2131, RFC 8415).
const DHCP_V4: [&str; 5] = ["10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "255.255.255.255/32"];
const DHCP_V6: [&str; 2] = ["fe80::/10", "ff02::1:2/128"];
/// Multicast and broadcast of a local network.
const GROUPS_V4: [&str; 3] = ["224.0.0.0/24", "239.255.0.0/16", "255.255.255.255/32"];
const GROUPS_V6: [&str; 1] = ["ff02::/16"];
/// Messages of neighbour discovery and multicast membership that this machine sends and receives (RFC 4861, RFC 3810).
const SENT: [u8; 6] = [131, 132, 133, 135, 136, 143];
const RECEIVED: [u8; 4] = [130, 134, 135, 136];

/// The filters for a firewall.
#[must_use]
pub fn filters(firewall: &Firewall) -> Vec<Filter> {
    let mut filters = Vec::new();
    for layer in Layer::ALL {
        let mut list = List { layer, filters: Vec::new() };
        list.permit(INSIDE, "loopback", vec![Condition::Loopback]);
        for link in &firewall.links {
            list.permit(INSIDE, "inside the tunnel", vec![Condition::Interface(link.clone())]);
        }
        for address in firewall.inner.iter().filter(|address| Family::of(**address) == layer.family()) {
            list.block(INNER, "an inner address outside the tunnel", vec![Condition::Local(*address)]);
        }
        for allow in &firewall.allow {
            list.allow(allow);
        }
        list.filters.extend([Lifetime::Session, Lifetime::Persistent, Lifetime::Boot].map(|lifetime| Filter {
            layer,
            weight: REST,
            verdict: Verdict::Block,
            lifetime,
            conditions: Vec::new(),
            name: "everything else",
        }));
        filters.append(&mut list.filters);
    }
    filters
}

/// The filters of one layer.
struct List {
    layer: Layer,
    filters: Vec<Filter>,
}

impl List {
    fn permit(&mut self, weight: u8, name: &'static str, conditions: Vec<Condition>) {
        self.add(weight, Verdict::Permit, name, conditions);
    }

    fn block(&mut self, weight: u8, name: &'static str, conditions: Vec<Condition>) {
        self.add(weight, Verdict::Block, name, conditions);
    }

    fn add(&mut self, weight: u8, verdict: Verdict, name: &'static str, conditions: Vec<Condition>) {
        let filter = Filter { layer: self.layer, weight, verdict, lifetime: Lifetime::Session, conditions, name };
        if !self.filters.contains(&filter) {
            self.filters.push(filter);
        }
    }

    fn is_of(&self, address: IpAddr) -> bool {
        Family::of(address) == self.layer.family()
    }

    fn allow(&mut self, allow: &Allow) {
        let is_outgoing = matches!(self.layer, Layer::Connect(_));
        match allow {
            Allow::Marked(Outside { transport, to }) if is_outgoing && self.is_of(to.ip()) => {
                let conditions = vec![
                    Condition::OwnProgram,
                    Condition::Protocol((*transport).into()),
                    Condition::Remote(to.ip().into()),
                    Condition::RemotePort(to.port()),
                ];
                self.permit(OWN, "the helper to its server", conditions);
            }
            Allow::Search(transport, port) if is_outgoing => {
                let conditions =
                    vec![Condition::OwnProgram, Condition::Protocol((*transport).into()), Condition::RemotePort(*port)];
                self.permit(OWN, "the helper finds its server", conditions);
            }
            // Both are connections that this machine begins.
            Allow::Marked(_) | Allow::Search(..) => {}
            Allow::Configuration => self.configuration(),
            Allow::Neighbours => self.neighbours(),
            Allow::Local { network, names } => self.local(network, *names),
            Allow::Exempt(network) => {
                if is_outgoing && self.is_of(network.net.addr()) {
                    self.exempt(network);
                }
            }
        }
    }

    fn configuration(&mut self) {
        let (local, remote, networks) = match self.layer.family() {
            Family::V4 => (68, 67, DHCP_V4.as_slice()),
            Family::V6 => (546, 547, DHCP_V6.as_slice()),
        };
        let mut conditions =
            vec![Condition::Protocol(Protocol::Udp), Condition::LocalPort(local), Condition::RemotePort(remote)];
        conditions.extend(remotes(networks));
        self.permit(CONFIGURATION, "DHCP", conditions);
    }

    fn neighbours(&mut self) {
        let types = match self.layer {
            Layer::Connect(Family::V6) => SENT.as_slice(),
            Layer::Accept(Family::V6) => RECEIVED.as_slice(),
            // ARP is below this platform.
            Layer::Connect(Family::V4) | Layer::Accept(Family::V4) => return,
        };
        let mut conditions = vec![Condition::Protocol(Protocol::Icmpv6)];
        conditions.extend(types.iter().map(|kind| Condition::IcmpType(*kind)));
        self.permit(CONFIGURATION, "neighbour discovery", conditions);
    }

    fn local(&mut self, network: &LocalNetwork, names: bool) {
        if !self.is_of(network.net.addr()) {
            return;
        }
        let interface = || Condition::Interface(network.interface.clone());
        if !names {
            let mut conditions =
                vec![interface(), Condition::Protocol(Protocol::Tcp), Condition::Protocol(Protocol::Udp)];
            let ports = NAME_PORTS.iter().chain(&NEIGHBOUR_NAME_PORTS);
            conditions.extend(ports.map(|port| Condition::RemotePort(*port)));
            self.block(NAMES, "DNS to the local network", conditions);
        }
        let groups = match self.layer.family() {
            Family::V4 => GROUPS_V4.as_slice(),
            Family::V6 => GROUPS_V6.as_slice(),
        };
        let mut conditions = vec![interface(), Condition::Remote(network.net)];
        conditions.extend(remotes(groups));
        self.permit(NEAR, "the local network", conditions);
    }

    fn exempt(&mut self, network: &Exempt) {
        let mut conditions = vec![Condition::Remote(network.net)];
        if network.only_web {
            conditions.push(Condition::Protocol(Protocol::Tcp));
            conditions.extend([80, 443].map(Condition::RemotePort));
            self.permit(NEAR, "the page of a captive portal", conditions);
            return;
        }
        let mut names = conditions.clone();
        names.extend([Protocol::Tcp, Protocol::Udp].map(Condition::Protocol));
        names.extend(NAME_PORTS.map(Condition::RemotePort));
        self.block(NAMES, "DNS to a network outside the tunnel", names);
        self.permit(NEAR, "a network outside the tunnel", conditions);
    }
}

/// Conditions on constants, which are valid networks.
fn remotes<'a>(networks: &'a [&'a str]) -> impl Iterator<Item = Condition> + 'a {
    networks.iter().filter_map(|network| network.parse().ok()).map(Condition::Remote)
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:>2} {:?}", self.layer, self.weight, self.verdict)?;
        if self.lifetime != Lifetime::Session {
            write!(f, " {:?}", self.lifetime)?;
        }
        write!(f, " \"{}\"", self.name)?;
        self.conditions.iter().try_for_each(|condition| match condition {
            Condition::Loopback => f.write_str(" loopback"),
            Condition::Interface(name) => write!(f, " interface={name}"),
            Condition::OwnProgram => f.write_str(" own-program"),
            Condition::Protocol(protocol) => write!(f, " {protocol:?}"),
            Condition::Local(address) => write!(f, " local={address}"),
            Condition::Remote(network) => write!(f, " remote={network}"),
            Condition::LocalPort(port) => write!(f, " local-port={port}"),
            Condition::RemotePort(port) => write!(f, " port={port}"),
            Condition::IcmpType(kind) => write!(f, " icmp-type={kind}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Slot;
    use crate::policy::Routing;

    fn links() -> [String; 2] {
        ["tornado0".into(), "tornado1".into()]
    }

    fn text(firewall: &Firewall) -> String {
        filters(firewall).iter().map(|filter| format!("{filter}\n")).collect()
    }

    #[test]
    fn connected_with_a_resolver() {
        let on = |net: &str| LocalNetwork { interface: "Ethernet".into(), net: net.parse().unwrap() };
        let inner = ["10.8.0.2".parse().unwrap(), "fd74::2".parse().unwrap()];
        let outside = vec![
            Outside::tcp("203.0.113.10:4605".parse().unwrap()),
            Outside::udp("[2001:db8:113::10]:51820".parse().unwrap()),
        ];
        let routing = Routing::new(Slot::A, &inner, outside).guarded(vec!["10.8.0.1".parse().unwrap()]);
        let local = [on("192.168.7.0/24"), on("fe80::/64")];
        insta::assert_snapshot!(text(&routing.firewall(links(), &local)));
    }

    #[test]
    fn lockdown_without_local_networks() {
        insta::assert_snapshot!(text(&Routing::lockdown(Vec::new()).firewall(links(), &[])));
    }

    #[test]
    fn everything_is_blocked_last_at_every_layer_and_at_boot() {
        let all = filters(&Routing::lockdown(Vec::new()).firewall(links(), &[]));
        for layer in Layer::ALL {
            for lifetime in [Lifetime::Session, Lifetime::Persistent, Lifetime::Boot] {
                let rest = all.iter().filter(|f| f.layer == layer && f.conditions.is_empty() && f.lifetime == lifetime);
                assert_eq!(
                    rest.map(|filter| (filter.weight, filter.verdict)).collect::<Vec<_>>(),
                    [(REST, Verdict::Block)]
                );
            }
        }
        assert!(all.iter().all(|filter| filter.conditions.is_empty() == (filter.weight == REST)));
        // What outlives the helper only blocks.
        assert!(all.iter().all(|filter| filter.lifetime == Lifetime::Session || filter.verdict == Verdict::Block));
    }

    #[test]
    fn exempt_networks_get_neither_dns_nor_inner_addresses() {
        let mut routing = Routing::new(Slot::A, &["10.8.0.2".parse().unwrap()], Vec::new());
        let exempt = |net: &str, only_web| Exempt { net: net.parse().unwrap(), only_web };
        routing.exempt = vec![exempt("203.0.113.0/24", false), exempt("192.0.2.1/32", true)];
        let text = text(&routing.firewall(links(), &[]));
        let of = |word: &str| text.lines().filter(|line| line.contains(word)).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            of("remote=203.0.113.0/24"),
            [
                "Connect(V4) 11 Block \"DNS to a network outside the tunnel\" remote=203.0.113.0/24 Tcp Udp port=53 \
                 port=853",
                "Connect(V4) 10 Permit \"a network outside the tunnel\" remote=203.0.113.0/24",
            ]
        );
        assert_eq!(
            of("remote=192.0.2.1/32"),
            ["Connect(V4) 10 Permit \"the page of a captive portal\" remote=192.0.2.1/32 Tcp port=80 port=443"]
        );
        assert_eq!(of("local=10.8.0.2").len(), 2, "outgoing and incoming, before the permits");
    }

    #[test]
    fn only_the_helper_speaks_to_the_server() {
        let outside = vec![Outside::udp("203.0.113.10:51820".parse().unwrap())];
        let all = filters(&Routing::lockdown(outside).firewall(links(), &[]));
        let own: Vec<_> = all.iter().filter(|filter| filter.weight == OWN).collect();
        assert!(!own.is_empty() && own.iter().all(|filter| filter.conditions.contains(&Condition::OwnProgram)));
        assert!(own.iter().all(|filter| matches!(filter.layer, Layer::Connect(_))));
    }
}
