//! Rules and routes of a tunnel or of lockdown.

use super::local::{LocalNetwork, overlap};
use super::model::{Exempt, Family, LinkName, MAIN, MARK, NAME_PORTS, Outside, PREFERENCES, TABLE, Transport};
use crate::slot::Slot;
use ipnet::IpNet;
use std::net::IpAddr;

const OWN: u32 = *PREFERENCES.start();
const MARKED: u32 = OWN + 1;
const MARKED_REFUSED: u32 = OWN + 2;
const NAMES: u32 = OWN + 3;
const LOCAL_NETWORKS: u32 = OWN + 4;
const EVERYTHING: u32 = OWN + 5;
/// Routes of this prefix length or shorter do not make a gateway reachable.
const TOO_WIDE: u32 = 7;
/// A socket bound to another interface finds no route in our table. It must not continue with the main table.
const NOTHING_ELSE: u32 = OWN + 6;

/// What a rule does with a matching packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Look up the route in this table.
    Table(u32),
    /// Reject the packet as unreachable.
    Refuse,
}

/// One routing rule (`ip-rule(8)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule {
    /// Address family.
    pub family: Family,
    /// Preference; lower values are evaluated first.
    pub preference: u32,
    /// Match only this source address.
    pub from: Option<IpAddr>,
    /// Match only destinations in this network.
    pub to: Option<IpNet>,
    /// Match only this destination port of this protocol.
    pub port: Option<(Transport, u16)>,
    /// Match only packets with this mark.
    pub mark: Option<u32>,
    /// Match only lookups on this interface.
    pub link: Option<LinkName>,
    /// Ignore routes whose prefix length is this or shorter.
    pub suppress_prefix_length: Option<u32>,
    /// Action for matching packets.
    pub action: Action,
}

/// Target of a family's default route in our table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Default {
    /// The tunnel.
    Tunnel(Slot),
    /// Unreachable: the lane has no address of this family, and traffic outside the tunnel would be a leak.
    Unreachable,
}

/// The complete required state of routing on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routing {
    /// The link that carries the traffic; `None` blocks all traffic.
    pub slot: Option<Slot>,
    /// Traffic to the server from the helper's marked sockets, outside the tunnel.
    pub outside: Vec<Outside>,
    /// This device's addresses inside the tunnel. Packets to them are dropped on other interfaces.
    pub inner: Vec<IpAddr>,
    /// Default routes of our table.
    pub defaults: [(Family, Default); 2],
    /// The only resolvers that this machine queries. If empty, its own settings apply.
    pub names: Vec<IpAddr>,
    /// If true, no DNS query leaves outside the tunnel.
    pub guard: bool,
    /// Ranges that are never treated as local, even if this machine is connected to them.
    pub never_local: Vec<IpNet>,
    /// Whether connected private networks may be reached outside the tunnel.
    pub lan: bool,
    /// Whether networks of containers and virtual machines on this machine may be reached even if `lan` is false.
    pub bridges: bool,
    /// Networks that are reached outside the tunnel, except those that overlap with
    /// [`never_local`](Self::never_local).
    pub exempt: Vec<Exempt>,
    /// Additional TCP ports at which the helper's marked sockets may look for a server.
    pub api_ports: Vec<u16>,
}

impl Routing {
    /// Sends all traffic into `slot`, except `outside`. The device's own resolvers stay in use.
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
            lan: true,
            bridges: false,
            exempt: Vec::new(),
            api_ports: Vec::new(),
        }
    }

    /// Blocks everything except `outside` and the local networks; blocks DNS everywhere.
    #[must_use]
    pub const fn lockdown(outside: Vec<Outside>) -> Self {
        let defaults = [(Family::V4, Default::Unreachable), (Family::V6, Default::Unreachable)];
        Self {
            slot: None,
            outside,
            inner: Vec::new(),
            defaults,
            names: Vec::new(),
            guard: true,
            never_local: Vec::new(),
            lan: true,
            bridges: false,
            exempt: Vec::new(),
            api_ports: Vec::new(),
        }
    }

    /// The same routing with `names` as the only resolvers. No DNS query leaves outside the tunnel.
    #[must_use]
    pub fn guarded(mut self, names: Vec<IpAddr>) -> Self {
        (self.names, self.guard) = (names, true);
        self
    }

    /// The same routing with additional traffic outside the tunnel.
    #[must_use]
    pub fn and_outside(mut self, more: impl IntoIterator<Item = Outside>) -> Self {
        self.outside.extend(more);
        self.outside.sort_unstable();
        self.outside.dedup();
        self
    }

    pub(crate) fn exempt(&self) -> impl Iterator<Item = Exempt> + '_ {
        let is_free = |exempt: &&Exempt| !self.never_local.iter().any(|range| overlap(range, &exempt.net));
        self.exempt.iter().filter(is_free).copied()
    }

    /// The rules, sorted, for a machine with the addresses `own` outside the tunnel, the networks `local` and the
    /// interfaces `links`.
    #[must_use]
    pub fn rules(&self, own: &[IpAddr], local: &[LocalNetwork], links: &[LinkName]) -> Vec<Rule> {
        let main = Action::Table(MAIN);
        let from = |address: &IpAddr| Rule { from: Some(*address), ..rule(Family::of(*address), OWN, main) };
        let near = |network: &LocalNetwork| Rule {
            to: Some(network.net),
            suppress_prefix_length: Some(0),
            ..rule(Family::of(network.net.addr()), LOCAL_NETWORKS, main)
        };
        // IPv6 looks a gateway up in the table of the new route first (`ip6_route_check_nh` in the kernel).
        let gateways = |link: &LinkName| Rule {
            link: Some(*link),
            suppress_prefix_length: Some(TOO_WIDE),
            ..rule(Family::V4, LOCAL_NETWORKS, main)
        };
        let outside =
            |exempt: Exempt| Rule { to: Some(exempt.net), ..rule(Family::of(exempt.net.addr()), LOCAL_NETWORKS, main) };
        let near = local.iter().map(near).chain(links.iter().map(gateways)).chain(self.exempt().map(outside));
        let mut rules: Vec<Rule> = own.iter().map(from).chain(near).collect();
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
    Rule {
        family,
        preference,
        from: None,
        to: None,
        port: None,
        mark: None,
        link: None,
        suppress_prefix_length: None,
        action,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lan() -> Vec<LocalNetwork> {
        vec![LocalNetwork { interface: "eth0".into(), net: "192.168.7.0/24".parse().unwrap() }]
    }

    #[test]
    fn both_families_always_have_a_default_route() {
        let v4 = ["10.8.0.2".parse().unwrap()];
        let outside = vec![Outside::udp("192.0.2.1:51820".parse().unwrap()); 2];
        let routing = Routing::new(Slot::B, &v4, outside);
        assert_eq!(routing.defaults, [(Family::V4, Default::Tunnel(Slot::B)), (Family::V6, Default::Unreachable)]);
        let own: [IpAddr; 2] = ["192.0.2.2".parse().unwrap(), "2001:db8::2".parse().unwrap()];
        let rules = routing.rules(&own, &[], &[]);
        for family in Family::ALL {
            let of_family: Vec<_> = rules.iter().filter(|r| r.family == family).collect();
            let last = [rule(family, EVERYTHING, Action::Table(TABLE)), rule(family, NOTHING_ELSE, Action::Refuse)];
            assert!(of_family.iter().rev().take(2).rev().copied().eq(&last));
            assert!(of_family.iter().all(|r| PREFERENCES.contains(&r.preference)));
        }
        assert_eq!(rules.iter().filter(|r| r.from.is_some()).count(), 2);
    }

    #[test]
    fn only_connected_private_networks_precede_the_tunnel() {
        let rules = Routing::new(Slot::A, &[], Vec::new()).rules(&[], &lan(), &[LinkName::new("eth0").unwrap()]);
        let local: Vec<_> = rules.iter().filter(|r| r.suppress_prefix_length.is_some()).collect();
        assert_eq!(local.len(), 2);
        assert_eq!((local[0].to, local[0].link), (None, LinkName::new("eth0")), "of any length but the widest");
        assert_eq!((local[1].to, local[1].family), (Some(lan()[0].net), Family::V4));
    }

    #[test]
    fn a_marked_packet_without_a_route_is_rejected() {
        let rules = Routing::lockdown(Vec::new()).rules(&[], &[], &[]);
        for family in Family::ALL {
            let marked: Vec<_> =
                rules.iter().filter(|r| r.family == family && r.mark == Some(MARK)).map(|r| r.action).collect();
            assert_eq!(marked, [Action::Table(MAIN), Action::Refuse]);
        }
    }

    #[test]
    fn dns_rules_precede_those_of_local_networks() {
        let routing = Routing::new(Slot::A, &["10.9.0.2".parse().unwrap()], Vec::new());
        assert!(!routing.guard && routing.rules(&[], &lan(), &[]).len() == 9);
        let names: Vec<IpAddr> = vec!["10.9.0.1".parse().unwrap()];
        let guarded = routing.guarded(names.clone());
        assert_eq!((&guarded.names, guarded.rules(&[], &lan(), &[]).len()), (&names, 17));
        let of_names: Vec<_> = guarded.rules(&[], &lan(), &[]).into_iter().filter(|r| r.preference == NAMES).collect();
        assert!(of_names.iter().all(|r| r.action == Action::Table(TABLE) && r.to.is_none()));
        let held = Routing::lockdown(vec![Outside::tcp("192.0.2.1:4605".parse().unwrap())]);
        assert!(held.guard && held.slot.is_none());
        assert_eq!(held.defaults.map(|(_, leads)| leads), [Default::Unreachable; 2]);
    }
}
