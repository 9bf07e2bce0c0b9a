//! Routing and firewall as data: what must hold in the kernel while a tunnel is up or traffic is held back.
//!
//! The firewall decides, routes guide. The routes of a network are under the control of that network's owner (DHCP option
//! 121, router advertisements, a false prefix), so a route never makes a packet leave: [`Firewall`] lists what may.
//!
//! Routes follow `wg-quick(8)` without its inverted rule: a separate table whose default route is the tunnel, consulted
//! for everything but the tunnel's own packets, which carry [`MARK`]. Three things differ. Packets from an address that
//! this machine has outside the tunnel are looked up in the main table: reverse-path filters (RFC 3704) ignore marks, and
//! judge replies and ARP requests by such a look-up. A marked packet without a route is refused instead of entering the
//! tunnel that it carries. The table ends in an unreachable route, so that a link that disappears stops traffic instead of
//! releasing it. The main table is never asked after ours, whatever interface a socket is bound to.
//!
//! Names are a path of their own: a resolver in the local network is reached by the main table, outside the tunnel.
//! With [`Routing::guard`] the resolvers' ports lead into the tunnel before local networks are considered.

mod firewall;
mod local;

use crate::plan::Slot;
pub use firewall::{Allow, Firewall};
use ipnet::IpNet;
pub use local::{LocalNetwork, local_networks, onion_ranges, overlap, own_addresses};
use std::net::{IpAddr, SocketAddr};

/// Mark of the tunnel's and the helper's own packets: "to".
pub const MARK: u32 = 0x746f;
/// Number of our routing table: "to".
pub const TABLE: u32 = 0x746f;
/// Number of the main table (`rtnetlink(7)`).
pub const MAIN: u32 = 254;
/// Tag of our rules and routes; unassigned in `/etc/iproute2/rt_protos`.
pub const PROTOCOL: u8 = 0x74;
/// Preferences of our rules, in this order, before the main table's 32766.
pub const PREFERENCES: std::ops::RangeInclusive<u32> = 29_800..=29_806;
/// Ports of resolvers: DNS (RFC 1035) and DNS over TLS or QUIC (RFC 7858, RFC 9250).
pub const NAME_PORTS: [u16; 2] = [53, 853];
/// Ports at which neighbours are asked for names: mDNS (RFC 6762) and LLMNR (RFC 4795).
pub const NEIGHBOUR_NAME_PORTS: [u16; 2] = [5353, 5355];

const OWN: u32 = *PREFERENCES.start();
const MARKED: u32 = OWN + 1;
const MARKED_REFUSED: u32 = OWN + 2;
const NAMES: u32 = OWN + 3;
const LOCAL_NETWORKS: u32 = OWN + 4;
const EVERYTHING: u32 = OWN + 5;
/// A socket that is bound to another interface finds nothing in our table; the main table is not for it.
const NOTHING_ELSE: u32 = OWN + 6;

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];
}

/// Traffic of our own marked sockets that must not go through the tunnel: to one port of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Outside {
    /// By which protocol.
    pub transport: Transport,
    /// To where.
    pub to: SocketAddr,
}

impl Outside {
    /// A TCP port.
    #[must_use]
    pub const fn tcp(to: SocketAddr) -> Self {
        Self { transport: Transport::Tcp, to }
    }

    /// A UDP port.
    #[must_use]
    pub const fn udp(to: SocketAddr) -> Self {
        Self { transport: Transport::Udp, to }
    }
}

/// What a rule does with the packets to which it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Look in this table.
    Table(u32),
    /// Refuse as unreachable.
    Refuse,
}

/// One routing rule (`ip-rule(8)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule {
    /// Family.
    pub family: Family,
    /// Preference; lower is consulted first.
    pub preference: u32,
    /// Only from this address.
    pub from: Option<IpAddr>,
    /// Only to this network.
    pub to: Option<IpNet>,
    /// Only to this port, by this protocol.
    pub port: Option<(Transport, u16)>,
    /// Only packets with this mark.
    pub mark: Option<u32>,
    /// Routes of this prefix length or shorter do not count.
    pub suppress_prefix_length: Option<u32>,
    /// What it does.
    pub action: Action,
}

/// Where a family's default route in our table leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Default {
    /// Into the tunnel.
    Tunnel(Slot),
    /// Nowhere: the lane has no address of this family, and letting it pass would be a leak.
    Unreachable,
}

/// Everything that must hold on this machine, and nothing else of ours may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// The link that carries the traffic; none: all traffic is held back.
    pub slot: Option<Slot>,
    /// The way to the server, for our own marked sockets.
    pub outside: Vec<Outside>,
    /// This device's addresses inside the tunnel. What arrives for them on another interface is dropped.
    pub inner: Vec<IpAddr>,
    /// Default routes of our table.
    pub defaults: [(Family, Default); 2],
    /// The only resolvers that this machine asks; empty: its own settings stand.
    pub names: Vec<IpAddr>,
    /// True: no name is asked outside the tunnel.
    pub guard: bool,
    /// Ranges that are never local, whatever this machine is connected to.
    pub never_local: Vec<IpNet>,
}

impl Routing {
    /// Leads all traffic into `slot`, but for `outside`. The device's own resolvers stay, and are asked as ever.
    #[must_use]
    pub fn new(slot: Slot, addresses: &[IpAddr], outside: Vec<Outside>) -> Self {
        let has = |family| addresses.iter().any(|address| Family::of(*address) == family);
        let leads = |family| if has(family) { Default::Tunnel(slot) } else { Default::Unreachable };
        Self {
            slot: Some(slot),
            outside,
            inner: addresses.to_vec(),
            defaults: Family::ALL.map(|family| (family, leads(family))),
            names: Vec::new(),
            guard: false,
            never_local: Vec::new(),
        }
    }

    /// Lets nothing pass but `outside` and the local networks, and no names anywhere.
    #[must_use]
    pub const fn held(outside: Vec<Outside>) -> Self {
        let defaults = [(Family::V4, Default::Unreachable), (Family::V6, Default::Unreachable)];
        Self {
            slot: None,
            outside,
            inner: Vec::new(),
            defaults,
            names: Vec::new(),
            guard: true,
            never_local: Vec::new(),
        }
    }

    /// The same, with `names` as the only resolvers and none asked outside the tunnel.
    #[must_use]
    pub fn guarded(mut self, names: Vec<IpAddr>) -> Self {
        (self.names, self.guard) = (names, true);
        self
    }

    /// The same with more of `outside`.
    #[must_use]
    pub fn and_outside(mut self, more: impl IntoIterator<Item = Outside>) -> Self {
        self.outside.extend(more);
        self.outside.sort_unstable();
        self.outside.dedup();
        self
    }

    /// The rules, sorted, on a machine with these addresses outside the tunnel and these local networks.
    #[must_use]
    pub fn rules(&self, own: &[IpAddr], local: &[LocalNetwork]) -> Vec<Rule> {
        let main = Action::Table(MAIN);
        let from = |address: &IpAddr| Rule { from: Some(*address), ..rule(Family::of(*address), OWN, main) };
        let near = |network: &LocalNetwork| Rule {
            to: Some(network.net),
            suppress_prefix_length: Some(0),
            ..rule(Family::of(network.net.addr()), LOCAL_NETWORKS, main)
        };
        let mut rules: Vec<Rule> = own.iter().map(from).chain(local.iter().map(near)).collect();
        for family in Family::ALL {
            rules.push(Rule { mark: Some(MARK), ..rule(family, MARKED, main) });
            rules.push(Rule { mark: Some(MARK), ..rule(family, MARKED_REFUSED, Action::Refuse) });
            for (transport, port) in Transport::ALL.into_iter().flat_map(|t| NAME_PORTS.map(|port| (t, port))) {
                if self.guard {
                    rules.push(Rule { port: Some((transport, port)), ..rule(family, NAMES, Action::Table(TABLE)) });
                }
            }
            rules.push(rule(family, EVERYTHING, Action::Table(TABLE)));
            rules.push(rule(family, NOTHING_ELSE, Action::Refuse));
        }
        rules.sort_unstable();
        rules.dedup();
        rules
    }
}

const fn rule(family: Family, preference: u32, action: Action) -> Rule {
    Rule { family, preference, from: None, to: None, port: None, mark: None, suppress_prefix_length: None, action }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lan() -> Vec<LocalNetwork> {
        vec![LocalNetwork { interface: "eth0".into(), net: "192.168.7.0/24".parse().unwrap() }]
    }

    #[test]
    fn both_families_are_always_led_somewhere() {
        let v4 = ["10.8.0.2".parse().unwrap()];
        let outside = vec![Outside::udp("192.0.2.1:51820".parse().unwrap()); 2];
        let routing = Routing::new(Slot::B, &v4, outside);
        assert_eq!(routing.defaults, [(Family::V4, Default::Tunnel(Slot::B)), (Family::V6, Default::Unreachable)]);
        let own: [IpAddr; 2] = ["192.0.2.2".parse().unwrap(), "2001:db8::2".parse().unwrap()];
        let rules = routing.rules(&own, &[]);
        for family in Family::ALL {
            let of_family: Vec<_> = rules.iter().filter(|r| r.family == family).collect();
            let last = [rule(family, EVERYTHING, Action::Table(TABLE)), rule(family, NOTHING_ELSE, Action::Refuse)];
            assert!(of_family.iter().rev().take(2).rev().copied().eq(&last));
            assert!(of_family.iter().all(|r| PREFERENCES.contains(&r.preference)));
        }
        assert_eq!(rules.iter().filter(|r| r.from.is_some()).count(), 2);
    }

    #[test]
    fn only_connected_private_networks_are_looked_up_before_the_tunnel() {
        let rules = Routing::new(Slot::A, &[], Vec::new()).rules(&[], &lan());
        let local: Vec<_> = rules.iter().filter(|r| r.suppress_prefix_length.is_some()).collect();
        assert_eq!(local.len(), 1);
        assert_eq!((local[0].to, local[0].family), (Some(lan()[0].net), Family::V4));
    }

    #[test]
    fn a_marked_packet_without_a_route_is_refused() {
        let rules = Routing::held(Vec::new()).rules(&[], &[]);
        for family in Family::ALL {
            let marked: Vec<_> =
                rules.iter().filter(|r| r.family == family && r.mark == Some(MARK)).map(|r| r.action).collect();
            assert_eq!(marked, [Action::Table(MAIN), Action::Refuse]);
        }
    }

    #[test]
    fn names_go_into_the_tunnel_before_the_local_networks_are_looked_at() {
        let routing = Routing::new(Slot::A, &["10.9.0.2".parse().unwrap()], Vec::new());
        assert!(!routing.guard && routing.rules(&[], &lan()).len() == 9);
        let names: Vec<IpAddr> = vec!["10.9.0.1".parse().unwrap()];
        let guarded = routing.guarded(names.clone());
        assert_eq!((&guarded.names, guarded.rules(&[], &lan()).len()), (&names, 17));
        let of_names: Vec<_> = guarded.rules(&[], &lan()).into_iter().filter(|r| r.preference == NAMES).collect();
        assert!(of_names.iter().all(|r| r.action == Action::Table(TABLE) && r.to.is_none()));
        let held = Routing::held(vec![Outside::tcp("192.0.2.1:4605".parse().unwrap())]);
        assert!(held.guard && held.slot.is_none());
        assert_eq!(held.defaults.map(|(_, leads)| leads), [Default::Unreachable; 2]);
    }
}
