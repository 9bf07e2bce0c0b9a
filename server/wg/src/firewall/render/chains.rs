//! The chains of the table, except those of single features. Pure.

use super::super::chain::{Chain, Family, MARK, Rule, base, both, plain, quoted, rule};
use super::super::policy::Policy;
use super::super::policy::admission::{ADMIT, Admission};
use super::super::policy::networks::Networks;
use super::{groups, host, tor_states};
use crate::host::HostInterfaces;
use std::collections::BTreeSet;
use tornado_contracts::wg::SetTorLane;
use tornado_shared::model::CountryCode;

const RAW: i32 = -300;
const AFTER_DESTINATION_NAT: i32 = -90;
const BEFORE_FILTER: i32 = -10;
/// The lowest priority that the kernel accepts for nat. The first program that translates a flow wins, so no other
/// program's translation affects a flow of the lanes, whether it was added earlier or later.
const FIRST_OF_NAT: i32 = -199;
const AFTER_NAT: i32 = 300;

/// All chains, in an order in which each is defined before it is referenced.
#[must_use]
pub(crate) fn chains(
    policy: &Policy,
    host: &HostInterfaces,
    state: &SetTorLane,
    countries: &BTreeSet<CountryCode>,
) -> Vec<Chain> {
    let mut chains = vec![plain(MARK, Vec::new()), refuse(), policy.admission.chain()];
    let states = tor_states::filled(policy, state, countries);
    chains.extend(states.into_iter().map(|(name, rules)| Chain { name, base: None, rules }));
    chains.extend(host::filled(policy, host).into_iter().map(|(name, rules)| plain(name, rules)));
    chains.extend(fixed(policy));
    chains
}

/// The chains that do not depend on the state.
fn fixed(policy: &Policy) -> Vec<Chain> {
    let [rate_up, peer_groups, rate_down] = groups::chains(policy);
    let (direct, tor) = (quoted(&policy.direct.interface), quoted(&policy.tor.interface));
    let input = vec![
        rule(format!("iifname {direct} goto direct_input"), "direct lane to the server"),
        rule(format!("iifname {tor} goto tor_input"), "tor lane to the server"),
    ];
    vec![
        rate_up,
        peer_groups,
        rate_down,
        tor_input(),
        direct_input(policy),
        Networks::of(policy).destinations(),
        direct_forward(policy),
        direct_return(policy),
        guard(policy),
        redirect(policy),
        tor_early(policy),
        local(policy),
        base("input", "filter", "input", BEFORE_FILTER, input),
        isolation(policy),
        forward(policy),
        translate(policy),
        leak(policy),
    ]
}

/// Rejects a packet, so that the sender does not wait. TCP gets a reset, because some programs keep waiting after an
/// ICMP error.
fn refuse() -> Chain {
    plain(
        "refuse",
        vec![
            rule("meta l4proto tcp reject with tcp reset", "TCP gets a reset"),
            rule(
                "limit rate 50/second burst 100 packets reject with icmpx type admin-prohibited",
                "others get an ICMP error",
            ),
            rule("drop", "the rest is dropped"),
        ],
    )
}

/// Sends the first packet of a flow to the admission chain; later packets skip it.
fn admit() -> Rule {
    // All packets of a flow are "new" until the other side answers, but only the first one is unconfirmed.
    let first = "ct state new ct status & confirmed == 0";
    rule(format!("{first} jump {}", ADMIT), "flow limits of a device")
}

fn tor_input() -> Chain {
    let mut rules = vec![admit()];
    rules.extend(Admission::dns_queries());
    rules.push(rule("jump tor_state_input", "rules of the state"));
    rules.push(rule("goto refuse", "nothing else reaches the server"));
    plain("tor_input", rules)
}

fn direct_input(policy: &Policy) -> Chain {
    let (gateway, pool) = (policy.direct.gateway, policy.direct.pool);
    let related = "ct state related ct direction original ct original";
    let echo = "limit rate 100/second burst 200 packets accept";
    let mut rules = vec![admit(), rule(format!("tcp dport {} accept", policy.api_port), "the device API")];
    if policy.dns {
        let names = "meta l4proto { tcp, udp } th dport 53 accept";
        rules.extend(both("DNS", |f| format!("{f} daddr {} {names}", f.address(gateway))));
    }
    rules.extend([
        rule("ct state established ct direction reply accept", "answers to the server"),
        // Only about flows of devices, not about flows between the server and others.
        rule(format!("{related} ip saddr {} meta l4proto icmp accept", pool.v4), "errors about answers to devices"),
        rule(
            format!("{related} ip6 saddr {} icmpv6 type {{ 1, 2, 3, 4 }} accept", pool.v6),
            "errors about answers to devices, IPv6",
        ),
        rule(format!("ip daddr {} icmp type echo-request {echo}", gateway.v4), "ping of the gateway"),
        rule(format!("ip6 daddr {} icmpv6 type echo-request {echo}", gateway.v6), "ping of the gateway, IPv6"),
        rule("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept", "neighbour discovery"),
        rule("goto refuse", "nothing else reaches the server"),
    ]);
    plain("direct_input", rules)
}

/// The only place where the destinations of the lanes' flows are translated. Flows that do not go to Tor are translated
/// to their own destination. This ends nat processing, so a rule of another program, such as a container's published
/// port, does not apply.
fn redirect(policy: &Policy) -> Chain {
    let (lanes, tor) = (policy.lanes(), quoted(&policy.tor.interface));
    let mut rules = vec![rule(format!("iifname {tor} jump {}", tor_states::REDIRECT), "to Tor")];
    rules.extend(both("other flows unchanged", |f| format!("iifname {lanes} dnat {f} to {f} daddr")));
    base("tor_redirect", "nat", "prerouting", FIRST_OF_NAT, rules)
}

fn direct_forward(policy: &Policy) -> Chain {
    let d = &policy.direct;
    let mut rules = vec![
        // An untracked packet would leave without translation, with a device's address.
        rule("ct state invalid,untracked drop", "packets that cannot be translated"),
        admit(),
    ];
    rules.extend(groups::exceptions(&quoted(&d.interface)));
    rules.extend([
        rule(format!("oifname {} goto refuse", policy.lanes()), "devices cannot reach each other"),
        // Applies to known flows as well, because one may have started while the table was missing.
        rule("jump destinations", "only the internet"),
        rule("ct state established accept", "accepted flows"),
        rule("ct status dnat goto refuse", "flows redirected by another program"),
    ]);
    rules.extend(clamp(policy));
    rules.push(rule("accept", "to the internet"));
    plain("direct_forward", rules)
}

fn direct_return(policy: &Policy) -> Chain {
    let mut rules = Vec::from(clamp(policy));
    rules.push(rule("ct state established,related accept", "answers to devices"));
    rules.push(rule("drop", "no new flows to devices"));
    plain("direct_return", rules)
}

/// Limits TCP segments to the lane's MTU where path MTU discovery fails. The kernel never raises the size.
fn clamp(policy: &Policy) -> [Rule; 2] {
    let (v4, v6) = policy.max_segments();
    let syn = "tcp flags & (syn | rst) == syn tcp option maxseg size set";
    both("segments fit the MTU", |f| format!("meta nfproto {} {syn} {}", f.nfproto(), f.of(v4, v6)))
}

/// Runs before all other chains: packets with an address of a lane are accepted only on that lane.
fn guard(policy: &Policy) -> Chain {
    let outside = format!("iifname != {}", policy.lanes_and_loopback());
    let to = |f| format!("{outside} {f} daddr {} drop", policy.pools(f));
    let from = |f| format!("{outside} {f} saddr {} drop", policy.pools(f));
    let mut rules = Vec::from(both("no packets to devices from outside", to));
    rules.extend(both("no device addresses from outside", from));
    for (lane, purpose) in [(&policy.direct, "direct sources"), (&policy.tor, "tor sources")] {
        let from = format!("iifname {}", quoted(&lane.interface));
        rules.extend(both(purpose, |f| format!("{from} {f} saddr != {} drop", f.net(&lane.pool))));
    }
    base("guard", "filter", "prerouting", RAW, rules)
}

/// Rejects packets of the tor lane to other destinations than the server, before routing. The routing rule of the
/// second layer would stop them, too, but rarely sends an error, so programs would wait. Reject at prerouting requires
/// Linux 5.9.
fn tor_early(policy: &Policy) -> Chain {
    let tor = quoted(&policy.tor.interface);
    let rules = vec![rule(
        format!("iifname {tor} fib daddr type != local goto refuse"),
        "the tor lane reaches only the server",
    )];
    base("tor_early", "filter", "prerouting", AFTER_DESTINATION_NAT, rules)
}

/// Restricts access to Tor's ports to devices and a few users of the server. Any other local user would be a client
/// without an isolation number. A nat chain sees only the first packet of a flow, so it costs the rest nothing.
fn local(policy: &Policy) -> Chain {
    let users: Vec<_> = policy.local_users.iter().map(ToString::to_string).collect();
    let others = format!("meta skuid != {{ {} }} goto refuse", users.join(", "));
    let gateway = policy.tor.gateway;
    let rules = both("other local users", |f| format!("{f} daddr {} {others}", f.address(gateway)));
    base("local", "nat", "output", FIRST_OF_NAT, rules.into())
}

/// Translates the source of each device to its isolation address, which no other session has had; Tor separates the
/// circuits of different addresses. A device without an isolation number cannot reach Tor.
fn isolation(policy: &Policy) -> Chain {
    let tor = format!("iifname {}", quoted(&policy.tor.interface));
    let to =
        |f: Family| format!("{tor} meta nfproto {} snat {f} to {f} saddr map @isolation{}", f.nfproto(), f.of(4, 6));
    let mut rules = Vec::from(both("isolation address of a device", to));
    rules.push(rule(format!("{tor} drop"), "no device without an isolation address"));
    base("isolation", "nat", "input", FIRST_OF_NAT, rules)
}

fn forward(policy: &Policy) -> Chain {
    let (direct, tor) = (quoted(&policy.direct.interface), quoted(&policy.tor.interface));
    let rules = vec![
        rule(format!("iifname {tor} goto refuse"), "the tor lane is never forwarded"),
        rule(format!("oifname {tor} drop"), "no forwarding to the tor lane"),
        rule(format!("iifname {direct} goto direct_forward"), "from devices"),
        rule(format!("oifname {direct} goto direct_return"), "to devices"),
        rule(format!("ct state new,invalid,untracked jump {}", host::OTHER_FLOWS), "between other interfaces"),
    ];
    base("forward", "filter", "forward", BEFORE_FILTER, rules)
}

fn translate(policy: &Policy) -> Chain {
    let (pool, outside) = (&policy.direct.pool, format!("oifname != {}", policy.lanes_and_loopback()));
    // Masquerading on loopback by another program would blind the canary.
    let canary = format!("oifname \"lo\" ip saddr 127.0.0.1 udp dport {} snat ip to ip saddr", policy.tor_port);
    let mut rules = vec![rule(canary, "the canary unchanged")];
    rules.extend(both("devices appear as the server", |f| format!("{outside} {f} saddr {} masquerade", f.net(pool))));
    base("translate", "nat", "postrouting", FIRST_OF_NAT, rules)
}

/// After translation: a packet that still has an address of a lane must not leave the host.
fn leak(policy: &Policy) -> Chain {
    let outside = format!("oifname != {}", policy.lanes_and_loopback());
    let from = |f| format!("{outside} {f} saddr {} drop", policy.pools(f));
    let to = |f| format!("{outside} {f} daddr {} drop", policy.pools(f));
    let mut rules = Vec::from(both("no untranslated packets leave", from));
    // While an interface is missing, its route is missing, too, and Tor's answers to devices would take the default
    // route.
    rules.extend(both("no packets to devices leave", to));
    base("leak", "filter", "postrouting", AFTER_NAT, rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use std::collections::HashSet;
    use tornado_contracts::wg::{TorLane, TorPorts};

    #[test]
    fn comments_name_rules() {
        let open = TorLane::Open { trans_port: 9040, dns_port: 9053, socks_port: 9050 };
        let exits = [("de".parse().unwrap(), TorPorts { trans_port: 1, dns_port: 2, socks_port: 3 })].into();
        let (state, countries) = (SetTorLane { lane: open, exits }, ["de".parse().unwrap()].into());
        for chain in chains(&Policy::of(&Settings::default()).unwrap(), &HostInterfaces::default(), &state, &countries)
        {
            let names: HashSet<_> = chain.rules.iter().map(|r| &r.comment).collect();
            assert_eq!(names.len(), chain.rules.len(), "{}", chain.name);
        }
    }

    #[test]
    fn the_tor_lane_is_never_forwarded() {
        let policy = Policy::of(&Settings::default()).unwrap();
        let chains = chains(&policy, &HostInterfaces::default(), &TorLane::Closed.into(), &BTreeSet::new());
        let forward = chains.iter().find(|c| c.name == "forward").unwrap();
        assert_eq!(forward.rules[0].text, "iifname \"wg1\" goto refuse");
        assert_eq!(forward.rules[1].text, "oifname \"wg1\" drop");
        let refuse = chains.iter().find(|c| c.name == "refuse").unwrap();
        assert!(refuse.rules.iter().all(|r| !r.text.contains("accept")));
        assert_eq!(refuse.rules.last().unwrap().text, "drop");
    }
}
