//! Routing as data: what must hold in the kernel while a tunnel is up.
//!
//! The full-tunnel scheme of `wg-quick(8)`: a table of its own whose default route is the tunnel, consulted
//! for everything without the tunnel's mark, after the main table without its default routes. Two things differ.
//! The server's own ports go by the main table by rule, so that replies pass a strict reverse-path
//! filter (RFC 3704) without marking packets; and the table ends in an unreachable route, so that a link
//! that disappears stops traffic instead of releasing it.
//!
//! Names are a path of their own: a resolver in the local network is reached by the main table, outside the tunnel.
//! Where that must not be ([`Routing::guard`]) the resolvers' ports are led into the tunnel before the local networks
//! are looked at, and a firewall refuses what a program sends past the routes by binding to an interface.

use crate::plan::Slot;
use std::net::{IpAddr, SocketAddr};

/// Mark of the tunnel's own packets: "to".
pub const MARK: u32 = 0x746f;
/// Number of our routing table: "to".
pub const TABLE: u32 = 0x746f;
/// Number of the main table (`rtnetlink(7)`).
pub const MAIN: u32 = 254;
/// The rules' tag, so that ours are told from others'; unassigned in `/etc/iproute2/rt_protos`.
pub const PROTOCOL: u8 = 0x74;
/// Preferences of our rules, in this order, before the main table's 32766.
pub const PREFERENCES: std::ops::RangeInclusive<u32> = 29_800..=29_803;
/// Ports at which names are asked: DNS (RFC 1035) and DNS over TLS or QUIC (RFC 7858, RFC 9250).
pub const NAME_PORTS: [u16; 2] = [53, 853];

const OUTSIDE: u32 = *PREFERENCES.start();
const NAMES: u32 = OUTSIDE + 1;
const LOCAL_NETWORKS: u32 = OUTSIDE + 2;
const EVERYTHING: u32 = OUTSIDE + 3;

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

/// Traffic that must not go through the tunnel: to one port of the server.
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

/// The traffic to which a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Only {
    /// By which protocol.
    pub transport: Transport,
    /// To this host; to any when absent.
    pub host: Option<IpAddr>,
    /// To this port.
    pub port: u16,
}

impl From<Outside> for Only {
    fn from(outside: Outside) -> Self {
        Self { transport: outside.transport, host: Some(outside.to.ip()), port: outside.to.port() }
    }
}

/// One routing rule (`ip-rule(8)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rule {
    /// Family.
    pub family: Family,
    /// Preference; lower is consulted first.
    pub preference: u32,
    /// Only this traffic.
    pub only: Option<Only>,
    /// Only packets with this mark.
    pub mark: Option<u32>,
    /// Only packets without this mark.
    pub not_mark: Option<u32>,
    /// Routes of this prefix length or shorter do not count.
    pub suppress_prefix_length: Option<u32>,
    /// The table to look in.
    pub table: u32,
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
    /// Rules, sorted.
    pub rules: Vec<Rule>,
    /// Default routes of our table.
    pub defaults: [(Family, Default); 2],
    /// The only resolvers that this machine asks; empty: its own settings stand.
    pub names: Vec<IpAddr>,
    /// True: no name is asked outside the tunnel.
    pub guard: bool,
}

impl Routing {
    /// Leads all traffic into `slot`, but for `outside`. The device's own resolvers stay, and are asked as ever.
    #[must_use]
    pub fn new(slot: Slot, addresses: &[IpAddr], outside: Vec<Outside>) -> Self {
        let has = |family| addresses.iter().any(|address| Family::of(*address) == family);
        let leads = |family| if has(family) { Default::Tunnel(slot) } else { Default::Unreachable };
        Self {
            slot: Some(slot),
            rules: rules(outside),
            defaults: Family::ALL.map(|family| (family, leads(family))),
            names: Vec::new(),
            guard: false,
        }
    }

    /// Lets nothing pass but `outside` and the local networks, and no names anywhere.
    #[must_use]
    pub fn held(outside: Vec<Outside>) -> Self {
        let defaults = Family::ALL.map(|family| (family, Default::Unreachable));
        Self { slot: None, rules: rules(outside), defaults, names: Vec::new(), guard: false }.guarded(Vec::new())
    }

    /// The same, with `names` as the only resolvers and none asked outside the tunnel.
    #[must_use]
    pub fn guarded(mut self, names: Vec<IpAddr>) -> Self {
        (self.names, self.guard) = (names, true);
        for family in Family::ALL {
            for transport in Transport::ALL {
                for port in NAME_PORTS {
                    let only = Some(Only { transport, host: None, port });
                    self.rules.push(Rule { only, ..rule(family, NAMES, TABLE) });
                }
            }
        }
        self.rules.sort_unstable();
        self.rules.dedup();
        self
    }
}

const fn rule(family: Family, preference: u32, table: u32) -> Rule {
    Rule { family, preference, only: None, mark: None, not_mark: None, suppress_prefix_length: None, table }
}

fn rules(outside: Vec<Outside>) -> Vec<Rule> {
    let past = |only: Outside| Rule { only: Some(only.into()), ..rule(Family::of(only.to.ip()), OUTSIDE, MAIN) };
    let mut rules: Vec<Rule> = outside.into_iter().map(past).collect();
    for family in Family::ALL {
        rules.push(Rule { mark: Some(MARK), ..rule(family, OUTSIDE, MAIN) });
        rules.push(Rule { suppress_prefix_length: Some(0), ..rule(family, LOCAL_NETWORKS, MAIN) });
        rules.push(Rule { not_mark: Some(MARK), ..rule(family, EVERYTHING, TABLE) });
    }
    rules.sort_unstable();
    rules.dedup();
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_are_always_led_somewhere() {
        let v4 = ["10.8.0.2".parse().unwrap()];
        let outside = vec![Outside::udp("192.0.2.1:51820".parse().unwrap()); 2];
        let routing = Routing::new(Slot::B, &v4, outside);
        assert_eq!(routing.defaults, [(Family::V4, Default::Tunnel(Slot::B)), (Family::V6, Default::Unreachable)]);
        for family in Family::ALL {
            let of_family: Vec<_> = routing.rules.iter().filter(|r| r.family == family).collect();
            let last = of_family.last().unwrap();
            assert_eq!((last.not_mark, last.table, last.only), (Some(MARK), TABLE, None));
            assert!(of_family.iter().all(|r| PREFERENCES.contains(&r.preference)));
        }
        assert_eq!(routing.rules.iter().filter(|r| r.only.is_some()).count(), 1);
    }
    #[test]
    fn names_go_into_the_tunnel_before_the_local_networks_are_looked_at() {
        let routing = Routing::new(Slot::A, &["10.9.0.2".parse().unwrap()], Vec::new());
        assert!(!routing.guard && routing.rules.len() == 6);
        let names: Vec<IpAddr> = vec!["10.9.0.1".parse().unwrap()];
        let guarded = routing.guarded(names.clone());
        assert_eq!((guarded.names, guarded.rules.len()), (names, 14));
        let of_names: Vec<_> = guarded.rules.iter().filter(|r| r.preference == NAMES).collect();
        assert!(of_names.iter().all(|r| r.table == TABLE && r.not_mark.is_none()));
        let held = Routing::held(vec![Outside::tcp("192.0.2.1:4605".parse().unwrap())]);
        assert!(held.guard && held.slot.is_none() && held.rules.len() == 15);
        assert_eq!(held.defaults.map(|(_, leads)| leads), [Default::Unreachable; 2]);
    }
}
