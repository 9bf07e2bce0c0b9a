//! Chains for programs outside the tunnel. Pure.
//!
//! `excluded` recognises a program by its control group, which is possible only at `output`, and marks packet and
//! connection. `returning` marks the replies, so that a reverse-path filter with `src_valid_mark` accepts them.
//! `translated` replaces the source address, and `untranslated` drops a packet that still has an inner one: a flow that
//! began inside the tunnel.

use super::chain::{Chain, ip};
use crate::policy::{EXCLUDED_MARK, Excluded, Family, Group, NAME_PORTS, NEIGHBOUR_NAME_PORTS};
use std::net::IpAddr;

fn of(group: &Group) -> String {
    format!("socket cgroupv2 level {} \"{}\"", group.level, group.path)
}

/// DNS queries, except those of programs that may send their own.
fn queries() -> String {
    let ports: Vec<String> = NAME_PORTS.iter().chain(&NEIGHBOUR_NAME_PORTS).map(u16::to_string).collect();
    format!("meta l4proto {{ tcp, udp }} th dport {{ {} }}", ports.join(", "))
}

const fn protocol(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    }
}

/// The chains that mark and translate traffic of excluded programs. `links` are the quoted names of the tunnel's
/// interfaces.
pub(super) fn chains(programs: &Excluded, links: &str, inner: &[IpAddr]) -> Vec<Chain> {
    let hook =
        |kind: &str, hook: &str, priority: &str| format!("type {kind} hook {hook} priority {priority}; policy accept;");
    let mark = EXCLUDED_MARK;
    let marking = |family: &Family, group: &Group| {
        format!("meta nfproto {} {} ct mark set {mark:#x} meta mark set {mark:#x}", protocol(*family), of(group))
    };
    let mut excluded = vec![
        hook("route", "output", "mangle"),
        "oifname \"lo\" return".to_owned(),
        // Packets that the kernel sends for a connection, for example of a socket that was closed, have no group.
        format!("ct mark {mark:#x} meta mark set {mark:#x} return"),
    ];
    excluded.extend(programs.families.iter().map(|family| marking(family, &programs.own_dns)));
    excluded.push(format!("{} return", queries()));
    excluded.extend(programs.families.iter().map(|family| marking(family, &programs.group)));
    let to = |family: Family| programs.resolvers.iter().find(|at| Family::of(**at) == family);
    // nft before 1.0.8 has no name for this priority of this hook.
    let mut redirected = vec![hook("nat", "output", "-100")];
    redirected.extend(Family::ALL.into_iter().filter_map(to).map(|resolver| {
        let (family, word) = (protocol(Family::of(*resolver)), ip(*resolver));
        let group = of(&programs.own_dns);
        format!("oifname != \"lo\" meta nfproto {family} {group} meta l4proto {{ tcp, udp }} th dport 53 dnat {word} to {resolver}")
    }));
    let mut untranslated = vec![hook("filter", "postrouting", "srcnat + 10")];
    untranslated.extend(inner.iter().map(|address| {
        format!("meta mark {mark:#x} oifname != {{ \"lo\", {links} }} {} saddr {address} drop", ip(*address))
    }));
    vec![
        ("excluded", excluded),
        ("redirected", redirected),
        (
            "returning",
            vec![hook("filter", "prerouting", "mangle"), format!("ct mark {mark:#x} meta mark set {mark:#x}")],
        ),
        (
            "translated",
            vec![
                hook("nat", "postrouting", "srcnat"),
                format!("ct mark {mark:#x} oifname != {{ \"lo\", {links} }} masquerade"),
            ],
        ),
        ("untranslated", untranslated),
    ]
}

/// Rules for the chain `own`: they reject traffic of an excluded program in a family without a route outside the
/// tunnel.
pub(super) fn refused(programs: &Excluded) -> Vec<String> {
    let without = Family::ALL.into_iter().filter(|family| !programs.families.contains(family));
    let group = of(&programs.group);
    let lines = without.map(|family| {
        let ports: Vec<String> = NAME_PORTS.iter().chain(&NEIGHBOUR_NAME_PORTS).map(u16::to_string).collect();
        let ports = ports.join(", ");
        format!("meta nfproto {} oifname != \"lo\" {group} meta l4proto {{ tcp, udp }} th dport != {{ {ports} }} goto refused", protocol(family))
    });
    lines.collect()
}
