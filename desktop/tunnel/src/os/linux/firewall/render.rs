//! Renders the firewall as text for nft(8). Pure.
//!
//! The decision about a packet is made at `postrouting`, after rules of other programs may have changed its destination
//! or its mark. The same rules also run at `output` and `forward`, because only there can a packet be rejected with an
//! error.

use super::chain::{Chain, ip};
use super::excluded;
use crate::policy::{
    Allow, EXCLUDED_MARK, Exempt, Family, Firewall, LocalNetwork, MARK, NAME_PORTS, NEIGHBOUR_NAME_PORTS, Outside,
    Transport,
};
use std::net::IpAddr;

/// Our table in the families `inet` and `arp`. It contains only our chains.
pub(crate) const TABLE: &str = "tornado_device";

const CONFIGURATION: [&str; 2] = [
    "udp sport 68 udp dport 67 ip daddr { 10.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 255.255.255.255 } accept",
    "udp sport 546 udp dport 547 ip6 daddr { fe80::/10, ff02::1:2 } accept",
];
const NEIGHBOURS: [&str; 2] = [
    "icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-report, mld-listener-done, mld2-listener-report } accept",
    "meta l4proto igmp accept",
];

/// The table that only this process can change.
pub(super) const OWNED: &str = "tornado_owned";

/// The chains of the table in family `inet`.
pub(super) fn inet(firewall: &Firewall) -> Vec<Chain> {
    let links = links(firewall);
    let hook = |hook: &str, priority: &str, policy: &str| {
        format!("type filter hook {hook} priority {priority}; policy {policy};")
    };
    let mut arriving = vec![hook("prerouting", "raw", "accept"), format!("iifname {{ \"lo\", {links} }} accept")];
    arriving.extend(firewall.inner.iter().map(|address| format!("{} daddr {address} drop", ip(*address))));
    let early = |name: &str| vec![hook(name, "filter", "accept"), "jump allowed".into(), "jump refused".into()];
    let mut own = early("output");
    own.splice(1..1, firewall.excluded.iter().flat_map(excluded::refused));
    let mut chains = vec![
        ("arriving", arriving),
        ("own", own),
        ("passing", early("forward")),
        ("leaving", vec![hook("postrouting", "filter", "drop"), "jump allowed".into()]),
        ("allowed", allowed(firewall)),
        ("marked", marked(firewall)),
        ("refused", vec!["meta l4proto tcp reject with tcp reset".into(), "reject with icmpx admin-prohibited".into()]),
    ];
    if let Some(programs) = &firewall.excluded {
        chains.extend(excluded::chains(programs, &links, &firewall.inner));
    }
    chains
}

/// The chains of the table in family `arp`: inner addresses are neither accepted from nor announced to the local
/// network.
pub(super) fn arp(firewall: &Firewall) -> Vec<Chain> {
    let inner: Vec<IpAddr> = firewall.inner.iter().copied().filter(IpAddr::is_ipv4).collect();
    let chain = |hook: &str, of: &str| {
        let mut lines = vec![format!("type filter hook {hook} priority filter; policy accept;")];
        lines.extend(inner.iter().map(|address| format!("arp {of} ip {address} drop")));
        lines
    };
    vec![("arriving", chain("input", "daddr")), ("leaving", chain("output", "saddr"))]
}

/// One transaction that replaces the tables. Because it adds each table before it deletes it, the same text works
/// whether or not the table exists.
pub(super) fn transaction(tables: &[(&str, Vec<Chain>)]) -> String {
    let mut text = String::new();
    for (family, chains) in tables {
        text.push_str(&removal(family));
        text.push_str(&format!("table {family} {TABLE} {{\n"));
        // A chain must exist before another one jumps to it; nft resolves that within one table.
        for (name, lines) in chains {
            let lines: String = lines.iter().map(|line| format!("\t\t{line}\n")).collect();
            text.push_str(&format!("\tchain {name} {{\n{lines}\t}}\n"));
        }
        text.push_str("}\n");
    }
    text
}

/// The text that removes the table of a family.
pub(super) fn removal(family: &str) -> String {
    format!("add table {family} {TABLE}\ndelete table {family} {TABLE}\n")
}

/// The chains that decide, for the table that only this process can change.
pub(super) fn owner_chains(firewall: &Firewall) -> Vec<Chain> {
    let mut chains = inet(firewall);
    chains.retain(|(name, _)| ["leaving", "allowed", "marked"].contains(name));
    chains
}

/// One line of commands that replaces that table in one transaction.
pub(super) fn owner_transaction(chains: &[Chain]) -> String {
    let add = format!("add table inet {OWNED} {{ flags owner; }}");
    let mut commands = vec![add.clone(), format!("delete table inet {OWNED}"), add];
    let is_hook = |line: &&String| line.starts_with("type ");
    for (name, lines) in chains {
        let hook = lines.iter().find(is_hook).map(|hook| format!(" {{ {hook} }}")).unwrap_or_default();
        commands.push(format!("add chain inet {OWNED} {name}{hook}"));
    }
    for (name, lines) in chains {
        let rules = lines.iter().filter(|line| !is_hook(line));
        commands.extend(rules.map(|rule| format!("add rule inet {OWNED} {name} {rule}")));
    }
    commands.join("; ")
}

fn allowed(firewall: &Firewall) -> Vec<String> {
    let mut lines =
        vec![format!("meta mark {MARK:#x} goto marked"), format!("oifname {{ \"lo\", {} }} accept", links(firewall))];
    if firewall.excluded.is_some() {
        lines.push(format!("ct mark {EXCLUDED_MARK:#x} meta mark {EXCLUDED_MARK:#x} accept"));
    }
    let (mut near, mut exempted) = (Vec::new(), Vec::new());
    for allow in &firewall.allow {
        match allow {
            Allow::Marked(_) | Allow::Search(..) => {}
            Allow::Configuration => lines.extend(CONFIGURATION.map(str::to_owned)),
            Allow::Neighbours => lines.extend(NEIGHBOURS.map(str::to_owned)),
            Allow::Local { network, names } => near.extend(local(network, *names)),
            Allow::Exempt(network) => exempted.extend(exempt(network, &firewall.inner)),
        }
    }
    near.dedup();
    lines.extend(near);
    lines.extend(exempted);
    lines
}

fn local(network: &LocalNetwork, names: bool) -> Vec<String> {
    let on = format!("oifname \"{}\"", network.interface);
    let mut lines = Vec::new();
    if !names {
        let ports: Vec<String> = NAME_PORTS.iter().chain(&NEIGHBOUR_NAME_PORTS).map(u16::to_string).collect();
        lines.push(format!("{on} meta l4proto {{ tcp, udp }} th dport {{ {} }} return", ports.join(", ")));
    }
    let net = network.net;
    lines.push(format!("{on} {} daddr {net} accept", ip(net.addr())));
    lines.push(match Family::of(net.addr()) {
        Family::V4 => format!("{on} ip daddr {{ 224.0.0.0/24, 239.255.0.0/16, 255.255.255.255 }} accept"),
        Family::V6 => format!("{on} ip6 daddr ff02::/16 accept"),
    });
    lines
}

/// A connection that began inside the tunnel must not continue outside with its inner address.
fn exempt(network: &Exempt, inner: &[IpAddr]) -> Vec<String> {
    let (net, of) = (network.net, ip(network.net.addr()));
    let inner: Vec<String> = inner.iter().filter(|at| ip(**at) == of).map(IpAddr::to_string).collect();
    let own = if inner.is_empty() { String::new() } else { format!(" {of} saddr != {{ {} }}", inner.join(", ")) };
    if network.only_web {
        return vec![format!("{of} daddr {net}{own} tcp dport {{ 80, 443 }} accept")];
    }
    let ports = NAME_PORTS.map(|port| port.to_string()).join(", ");
    vec![
        format!("{of} daddr {net} meta l4proto {{ tcp, udp }} th dport {{ {ports} }} return"),
        format!("{of} daddr {net}{own} accept"),
    ]
}

/// Rules for marked packets, which never enter the tunnel that they carry.
fn marked(firewall: &Firewall) -> Vec<String> {
    let mut lines = vec![format!("oifname {{ {} }} return", links(firewall)), "oifname \"lo\" accept".to_owned()];
    lines.extend(firewall.allow.iter().filter_map(|allow| match allow {
        Allow::Marked(Outside { transport, to }) => {
            Some(format!("{} daddr {} {} dport {} accept", ip(to.ip()), to.ip(), name(*transport), to.port()))
        }
        Allow::Search(transport, port) => Some(format!("{} dport {port} accept", name(*transport))),
        Allow::Configuration | Allow::Neighbours | Allow::Local { .. } | Allow::Exempt(_) => None,
    }));
    lines
}

const fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

fn links(firewall: &Firewall) -> String {
    firewall.links.each_ref().map(|link| format!("\"{link}\"")).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Slot;
    use crate::policy::{Excluded, Group, Routing};

    fn links() -> [String; 2] {
        ["tornado0".into(), "tornado1".into()]
    }

    fn lan() -> Vec<LocalNetwork> {
        let on = |net: &str| LocalNetwork { interface: "eth0".into(), net: net.parse().unwrap() };
        vec![on("192.168.7.0/24"), on("fe80::/64")]
    }

    fn text(firewall: &Firewall) -> String {
        transaction(&[("inet", inet(firewall)), ("arp", arp(firewall))])
    }

    #[test]
    fn connected_with_a_resolver() {
        let inner = ["10.8.0.2".parse().unwrap(), "fd74::2".parse().unwrap()];
        let outside = vec![
            Outside::tcp("203.0.113.10:4605".parse().unwrap()),
            Outside::udp("[2001:db8:113::10]:51820".parse().unwrap()),
        ];
        let routing = Routing::new(Slot::A, &inner, outside).guarded(vec!["10.8.0.1".parse().unwrap()]);
        insta::assert_snapshot!(text(&routing.firewall(links(), &lan())));
    }

    #[test]
    fn exempt_networks_get_neither_dns_nor_inner_addresses() {
        let inner = ["10.8.0.2".parse().unwrap(), "10.9.0.2".parse().unwrap()];
        let mut routing = Routing::new(Slot::A, &inner, Vec::new());
        let exempt = |net: &str, only_web| Exempt { net: net.parse().unwrap(), only_web };
        routing.exempt =
            vec![exempt("203.0.113.0/24", false), exempt("2001:db8::/32", false), exempt("192.0.2.1/32", true)];
        let lines = allowed(&routing.firewall(links(), &[]));
        assert_eq!(
            lines.get(lines.len() - 5..).unwrap_or_default(),
            [
                "ip daddr 203.0.113.0/24 meta l4proto { tcp, udp } th dport { 53, 853 } return",
                "ip daddr 203.0.113.0/24 ip saddr != { 10.8.0.2, 10.9.0.2 } accept",
                "ip6 daddr 2001:db8::/32 meta l4proto { tcp, udp } th dport { 53, 853 } return",
                "ip6 daddr 2001:db8::/32 accept",
                "ip daddr 192.0.2.1/32 ip saddr != { 10.8.0.2, 10.9.0.2 } tcp dport { 80, 443 } accept",
            ]
        );
        // A network that covers the addresses of onion services is not exempt on the tor lane.
        routing.never_local = crate::policy::onion_ranges();
        routing.exempt = vec![exempt("10.0.0.0/8", false)];
        assert!(!allowed(&routing.firewall(links(), &[])).iter().any(|line| line.contains("10.0.0.0/8 accept")));
        assert!(routing.rules(&[], &[], &[]).iter().all(|rule| rule.to.is_none()));
    }

    #[test]
    fn excluded_programs() {
        let mut firewall =
            Routing::new(Slot::A, &["10.8.0.2".parse().unwrap(), "fd74::2".parse().unwrap()], Vec::new())
                .firewall(links(), &[]);
        firewall.excluded = Some(Excluded {
            group: Group { path: "tornado.exclude".into(), level: 1 },
            own_dns: Group { path: "tornado.exclude/own-dns".into(), level: 2 },
            resolvers: vec!["192.168.7.1".parse().unwrap()],
            families: vec![Family::V4],
        });
        insta::assert_snapshot!(text(&firewall));
    }

    #[test]
    fn lockdown_without_local_networks() {
        insta::assert_snapshot!(text(&Routing::lockdown(Vec::new()).firewall(links(), &[])));
    }

    #[test]
    fn local_dns_is_allowed_if_the_lane_has_no_resolver() {
        let routing = Routing::new(Slot::A, &["10.8.0.2".parse().unwrap()], Vec::new());
        let text = text(&routing.firewall(links(), &lan()));
        assert!(!text.contains(" return\n\t\toifname \"eth0\"") && text.contains("192.168.7.0/24 accept"), "{text}");
    }
}
