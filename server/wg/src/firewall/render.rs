//! The policy's text for nft(8). Pure: the same policy gives the same bytes.

use super::groups::{self, Groups};
use super::host::{self, Host};
use super::networks::Networks;
use super::policy::Policy;
use super::states;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use tornado_contracts::wg::{Isolation, SetTorLane};
use tornado_shared::model::CountryCode;

/// What a device is on the tor lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    /// Under which number Tor sees it.
    pub(crate) isolation: Isolation,
    /// The country it chose to leave Tor in.
    pub(crate) exit: Option<CountryCode>,
}

/// The seats of devices on the tor lane, by each of their addresses.
pub(crate) type IsolationMap = BTreeMap<IpAddr, Seat>;

/// Where a base chain hangs in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hook {
    /// Chain type: `filter` or `nat`.
    pub(crate) kind: &'static str,
    /// Netfilter hook.
    pub(crate) hook: &'static str,
    /// Priority as a number: names differ between versions of nft.
    pub(crate) priority: i32,
}

/// One rule. Its comment is its name: by it the rule is found again when the kernel is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// nft syntax without the comment.
    pub(crate) text: String,
    /// What it is for; unique in its chain.
    pub(crate) comment: &'static str,
}

/// One chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Name within the table.
    pub(crate) name: Cow<'static, str>,
    /// Set for base chains. Their policy is accept: other interfaces are not our business.
    pub(crate) base: Option<Hook>,
    /// In order.
    pub(crate) rules: Vec<Rule>,
}

const RAW: i32 = -300;
const AFTER_DESTINATION_NAT: i32 = -90;
const BEFORE_FILTER: i32 = -10;
/// The lowest that the kernel takes for translation. Of several programs the first decides about a flow, so no other
/// program's translation, made before or after, reaches a flow of the lanes.
const FIRST_OF_NAT: i32 = -199;
const AFTER_NAT: i32 = 300;

/// The whole ruleset: replaces the table in one transaction, whether it was there or not.
#[must_use]
pub(crate) fn render(
    policy: &Policy,
    host: &Host,
    state: &SetTorLane,
    countries: &BTreeSet<CountryCode>,
    isolation: &IsolationMap,
    groups: &Groups,
) -> String {
    let table = &policy.table;
    let mut out = format!("table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n");
    for (name, kind) in MAPS {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\tmap {name} {{\n\t\ttype {kind} : {kind};\n\t}}");
    }
    for (name, kind) in states::EXIT_MAPS {
        let _ = writeln!(out, "\tmap {name} {{\n\t\ttype {kind} : verdict;\n\t}}");
    }
    groups.declare(&mut out);
    policy.admission.declare(&mut out);
    for chain in chains(policy, host, state, countries) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\tchain {} {{", chain.name);
        if let Some(Hook { kind, hook, priority }) = chain.base {
            let _ = writeln!(out, "\t\ttype {kind} hook {hook} priority {priority}; policy accept;");
        }
        for rule in &chain.rules {
            let _ = writeln!(out, "\t\t{} comment \"{}\"", rule.text, rule.comment);
        }
        out.push_str("\t}\n");
    }
    out.push_str("}\n");
    let known = isolation.iter().map(|(address, number)| (*address, *number));
    elements(&mut out, policy, "add", known.chain(canary(policy)));
    groups.fill(&mut out, table);
    out
}

/// The canary's own seats.
pub(super) fn canary(policy: &Policy) -> [(IpAddr, Seat); 2] {
    let seat = Seat { isolation: Isolation::CANARY, exit: None };
    [IpAddr::V4(policy.canary.v4), IpAddr::V6(policy.canary.v6)].map(|address| (address, seat))
}

/// Many elements a command: one command for each would be slow.
const ELEMENTS: usize = 1000;

fn elements(out: &mut String, policy: &Policy, verb: &str, all: impl Iterator<Item = (IpAddr, Seat)>) {
    let (v4, v6): (Vec<_>, Vec<_>) = all.partition(|(address, _)| address.is_ipv4());
    for (family, members) in [v4, v6].iter().enumerate() {
        for chunk in members.chunks(ELEMENTS) {
            let numbers = chunk.iter().map(|(address, seat)| (address, policy.seen_as(*address, seat.isolation)));
            element(out, policy, verb, MAPS[family].0, numbers);
            let chosen = || chunk.iter().filter_map(|(address, seat)| Some((address, seat.exit?)));
            let exits =
                chosen().map(|(address, country)| (address, format!("goto {}", states::exit_redirect(country))));
            element(out, policy, verb, states::EXIT_MAPS[family].0, exits);
            let entries = chosen().map(|(address, country)| (address, format!("goto {}", states::exit_input(country))));
            element(out, policy, verb, states::EXIT_MAPS[family + 2].0, entries);
        }
    }
}

fn element<T: std::fmt::Display>(
    out: &mut String,
    policy: &Policy,
    verb: &str,
    map: &str,
    members: impl Iterator<Item = (impl std::fmt::Display, T)>,
) {
    let members: Vec<String> = members.map(|(key, value)| format!("{key} : {value}")).collect();
    if !members.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{verb} element inet {} {map} {{ {} }}", policy.table, members.join(", "));
    }
}

/// Maps from a device's address to the one under which Tor sees it, and their type.
pub(super) const MAPS: [(&str, &str); 2] = [("isolation4", "ipv4_addr"), ("isolation6", "ipv6_addr")];

/// The chains in an order in which each is known before it is jumped to.
#[must_use]
pub(crate) fn chains(
    policy: &Policy,
    host: &Host,
    state: &SetTorLane,
    countries: &BTreeSet<CountryCode>,
) -> Vec<Chain> {
    let mut chains = vec![plain(super::MARK, Vec::new()), refuse(), policy.admission.chain()];
    let states = states::filled(policy, state, countries);
    chains.extend(states.into_iter().map(|(name, rules)| Chain { name, base: None, rules }));
    chains.extend(host::filled(policy, host).into_iter().map(|(name, rules)| plain(name, rules)));
    chains.extend(fixed(policy));
    chains
}

/// Those that no state changes.
fn fixed(policy: &Policy) -> Vec<Chain> {
    let [rate_up, meet, rate_down] = groups::chains(policy);
    vec![
        rate_up,
        meet,
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
        base(
            "input",
            "filter",
            "input",
            BEFORE_FILTER,
            vec![
                rule(
                    format!("iifname {} goto direct_input", quoted(&policy.direct.interface)),
                    "direct lane to the server",
                ),
                rule(format!("iifname {} goto tor_input", quoted(&policy.tor.interface)), "tor lane to the server"),
            ],
        ),
        isolation(policy),
        forward(policy),
        translate(policy),
        leak(policy),
    ]
}

/// Tells quickly that there is nothing to be had. TCP gets a reset: an ICMP error would leave it hanging.
fn refuse() -> Chain {
    plain(
        "refuse",
        vec![
            rule("meta l4proto tcp reject with tcp reset", "TCP is told at once"),
            rule("limit rate 50/second burst 100 packets reject with icmpx type admin-prohibited", "others are told"),
            rule("drop", "the rest is dropped"),
        ],
    )
}

/// A flow that begins is counted; all later packets of it pass by.
fn admit() -> Rule {
    // Every packet of a flow is "new" until the other side answers; only the first is not confirmed.
    let first = "ct state new ct status & confirmed == 0";
    rule(format!("{first} jump {}", super::admission::ADMIT), "a device's share of flows")
}

fn tor_input() -> Chain {
    let mut rules = vec![admit()];
    rules.extend(super::admission::Admission::names());
    rules.push(rule("jump tor_state_input", "what the state allows"));
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
        rules.push(rule(format!("ip daddr {} {names}", gateway.v4), "names"));
        rules.push(rule(format!("ip6 daddr {} {names}", gateway.v6), "names, IPv6"));
    }
    rules.extend([
        rule("ct state established ct direction reply accept", "answers to the server"),
        // Not about flows of the server itself, or of strangers with it.
        rule(format!("{related} ip saddr {} meta l4proto icmp accept", pool.v4), "errors about answers to devices"),
        rule(format!("{related} ip6 saddr {} icmpv6 type {{ 1, 2, 3, 4 }} accept", pool.v6), "the same, IPv6"),
        rule(format!("ip daddr {} icmp type echo-request {echo}", gateway.v4), "ping of the gateway"),
        rule(format!("ip6 daddr {} icmpv6 type echo-request {echo}", gateway.v6), "ping of the gateway, IPv6"),
        rule("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept", "neighbour discovery"),
        rule("goto refuse", "nothing else reaches the server"),
    ]);
    plain("direct_input", rules)
}

/// The one place where the lanes' destinations are translated. What is not sent to Tor is translated to itself, which
/// ends the search: another program's rule, such as a container's published port, is not asked about it.
fn redirect(policy: &Policy) -> Chain {
    let lanes = lanes(policy);
    base(
        "tor_redirect",
        "nat",
        "prerouting",
        FIRST_OF_NAT,
        vec![
            rule(format!("iifname {} jump {}", quoted(&policy.tor.interface), states::REDIRECT), "to Tor"),
            rule(format!("iifname {lanes} dnat ip to ip daddr"), "the rest as it is"),
            rule(format!("iifname {lanes} dnat ip6 to ip6 daddr"), "the rest as it is, IPv6"),
        ],
    )
}

fn direct_forward(policy: &Policy) -> Chain {
    let d = &policy.direct;
    let mut rules = vec![
        // Not tracked means not translated: it would leave with a lane's address.
        rule("ct state invalid,untracked drop", "what cannot be translated"),
        admit(),
    ];
    rules.extend(groups::exceptions(&quoted(&d.interface)));
    rules.extend([
        rule(format!("oifname {} goto refuse", lanes(policy)), "devices never reach each other"),
        // Also of flows that are known: one may have begun while there was no table.
        rule("jump destinations", "only the internet"),
        rule("ct state established accept", "flows that were let through"),
        rule("ct status dnat goto refuse", "what another program sent elsewhere"),
    ]);
    rules.extend(clamp(policy));
    rules.push(rule("accept", "to the internet"));
    plain("direct_forward", rules)
}

fn direct_return(policy: &Policy) -> Chain {
    let mut rules = Vec::from(clamp(policy));
    rules.push(rule("ct state established,related accept", "answers to devices"));
    rules.push(rule("drop", "nobody calls a device"));
    plain("direct_return", rules)
}

/// Keeps TCP within the lane's MTU where path MTU discovery fails. Never raises (the kernel sees to that).
fn clamp(policy: &Policy) -> [Rule; 2] {
    let (v4, v6) = policy.max_segments();
    let syn = "tcp flags & (syn | rst) == syn tcp option maxseg size set";
    [
        rule(format!("meta nfproto ipv4 {syn} {v4}"), "segments fit"),
        rule(format!("meta nfproto ipv6 {syn} {v6}"), "segments fit, IPv6"),
    ]
}

/// Before everything else: an address of a lane is only ever seen on that lane.
fn guard(policy: &Policy) -> Chain {
    let (d, t) = (&policy.direct, &policy.tor);
    let mut rules = Vec::new();
    let outside = format!("iifname != {}", lanes_and_loopback(policy));
    rules.push(rule(format!("{outside} ip daddr {{ {}, {} }} drop", d.pool.v4, t.pool.v4), "no way in from outside"));
    rules.push(rule(
        format!("{outside} ip6 daddr {{ {}, {} }} drop", d.pool.v6, t.pool.v6),
        "no way in from outside, IPv6",
    ));
    rules.push(rule(format!("{outside} ip saddr {{ {}, {} }} drop", d.pool.v4, t.pool.v4), "no posing as a device"));
    rules.push(rule(
        format!("{outside} ip6 saddr {{ {}, {} }} drop", d.pool.v6, t.pool.v6),
        "no posing as a device, IPv6",
    ));
    for (lane, v4, v6) in [(d, "direct sources", "direct sources, IPv6"), (t, "tor sources", "tor sources, IPv6")] {
        let from = format!("iifname {}", quoted(&lane.interface));
        rules.push(rule(format!("{from} ip saddr != {} drop", lane.pool.v4), v4));
        rules.push(rule(format!("{from} ip6 saddr != {} drop", lane.pool.v6), v6));
    }
    base("guard", "filter", "prerouting", RAW, rules)
}

/// Refuses before routing what the tor lane sends elsewhere than to the server. The routing rule of the second
/// layer would stop it too, but answers rarely, and a program would wait (reject here: Linux 5.9).
fn tor_early(policy: &Policy) -> Chain {
    let tor = quoted(&policy.tor.interface);
    let rules = vec![rule(format!("iifname {tor} fib daddr type != local goto refuse"), "the tor lane ends here")];
    base("tor_early", "filter", "prerouting", AFTER_DESTINATION_NAT, rules)
}

/// Tor's ports are for devices. Of the server's own users only a few reach them: any other would be a client without a
/// number. A chain of translation is asked about the first packet of a flow only, so all others cost nothing.
fn local(policy: &Policy) -> Chain {
    let users: Vec<_> = policy.local_users.iter().map(ToString::to_string).collect();
    let others = format!("meta skuid != {{ {} }} goto refuse", users.join(", "));
    let gateway = policy.tor.gateway;
    let rules = vec![
        rule(format!("ip daddr {} {others}", gateway.v4), "users of the server"),
        rule(format!("ip6 daddr {} {others}", gateway.v6), "users of the server, IPv6"),
    ];
    base("local", "nat", "output", FIRST_OF_NAT, rules)
}

/// Tor sees each device under an address of its own that no other session ever had, and keeps the circuits of
/// different addresses apart. A device without one does not reach Tor at all.
fn isolation(policy: &Policy) -> Chain {
    let tor = format!("iifname {}", quoted(&policy.tor.interface));
    base(
        "isolation",
        "nat",
        "input",
        FIRST_OF_NAT,
        vec![
            rule(format!("{tor} meta nfproto ipv4 snat ip to ip saddr map @isolation4"), "devices by number"),
            rule(format!("{tor} meta nfproto ipv6 snat ip6 to ip6 saddr map @isolation6"), "devices by number, IPv6"),
            rule(format!("{tor} drop"), "none without a number"),
        ],
    )
}

fn forward(policy: &Policy) -> Chain {
    let (direct, tor) = (quoted(&policy.direct.interface), quoted(&policy.tor.interface));
    base(
        "forward",
        "filter",
        "forward",
        BEFORE_FILTER,
        vec![
            rule(format!("iifname {tor} goto refuse"), "the tor lane is never forwarded"),
            rule(format!("oifname {tor} drop"), "and nothing is forwarded to it"),
            rule(format!("iifname {direct} goto direct_forward"), "from devices"),
            rule(format!("oifname {direct} goto direct_return"), "to devices"),
            rule(format!("ct state new,invalid,untracked jump {}", host::STRANGERS), "between other interfaces"),
        ],
    )
}

fn translate(policy: &Policy) -> Chain {
    let (pool, outside) = (&policy.direct.pool, format!("oifname != {}", lanes_and_loopback(policy)));
    base(
        "translate",
        "nat",
        "postrouting",
        FIRST_OF_NAT,
        vec![
            // Another program that masquerades on loopback, too, would make the canary blind.
            rule(
                format!("oifname \"lo\" ip saddr 127.0.0.1 udp dport {} snat ip to ip saddr", policy.tor_port),
                "the canary as it is",
            ),
            rule(format!("{outside} ip saddr {} masquerade", pool.v4), "devices appear as the server"),
            rule(format!("{outside} ip6 saddr {} masquerade", pool.v6), "devices appear as the server, IPv6"),
        ],
    )
}

/// After translation: whatever still has a lane's address stays here.
fn leak(policy: &Policy) -> Chain {
    let (d, t) = (&policy.direct, &policy.tor);
    let outside = format!("oifname != {}", lanes_and_loopback(policy));
    base(
        "leak",
        "filter",
        "postrouting",
        AFTER_NAT,
        vec![
            rule(format!("{outside} ip saddr {{ {}, {} }} drop", d.pool.v4, t.pool.v4), "nothing leaves untranslated"),
            rule(
                format!("{outside} ip6 saddr {{ {}, {} }} drop", d.pool.v6, t.pool.v6),
                "nothing leaves untranslated, IPv6",
            ),
            // While an interface is away its route is too: answers of Tor to devices would go the default way.
            rule(format!("{outside} ip daddr {{ {}, {} }} drop", d.pool.v4, t.pool.v4), "nothing for devices leaves"),
            rule(
                format!("{outside} ip6 daddr {{ {}, {} }} drop", d.pool.v6, t.pool.v6),
                "nothing for devices leaves, IPv6",
            ),
        ],
    )
}

pub(super) fn base(
    name: &'static str,
    kind: &'static str,
    hook: &'static str,
    priority: i32,
    rules: Vec<Rule>,
) -> Chain {
    Chain { name: Cow::Borrowed(name), base: Some(Hook { kind, hook, priority }), rules }
}

pub(super) const fn plain(name: &'static str, rules: Vec<Rule>) -> Chain {
    Chain { name: Cow::Borrowed(name), base: None, rules }
}

pub(super) fn rule(text: impl Into<String>, comment: &'static str) -> Rule {
    Rule { text: text.into(), comment }
}

pub(super) fn quoted(interface: &str) -> String {
    format!("\"{interface}\"")
}

pub(super) fn lanes(policy: &Policy) -> String {
    format!("{{ \"{}\", \"{}\" }}", policy.direct.interface, policy.tor.interface)
}

fn lanes_and_loopback(policy: &Policy) -> String {
    format!("{{ \"lo\", \"{}\", \"{}\" }}", policy.direct.interface, policy.tor.interface)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use std::collections::HashSet;
    use tornado_contracts::wg::{TorLane, TorPorts};

    #[test]
    fn ruleset_of_the_defaults() {
        insta::assert_snapshot!(render(
            &Policy::of(&Config::default()).unwrap(),
            &Host {
                uplinks4: ["eth0".to_owned()].into(),
                uplinks6: ["eth0".to_owned()].into(),
                closed4: ["eth0".to_owned()].into(),
                open6: Some(BTreeSet::new()),
                ..Host::default()
            },
            &TorLane::Closed.into(),
            &BTreeSet::new(),
            &IsolationMap::new(),
            &Groups::default()
        ));
    }

    fn device(number: u32, exit: Option<&str>) -> IsolationMap {
        let seat = Seat { isolation: number.try_into().unwrap(), exit: exit.map(|code| code.parse().unwrap()) };
        ["10.9.0.5", "fd74:6f72:6e61:9::5"].map(|address| (address.parse().unwrap(), seat)).into()
    }

    #[test]
    fn elements_of_devices() {
        let policy = Policy::of(&Config::default()).unwrap();
        let (mut text, mut plain) = (String::new(), String::new());
        elements(&mut text, &policy, "add", device(7, Some("de")).into_iter());
        insta::assert_snapshot!(text);
        elements(&mut plain, &policy, "add", device(9, None).into_iter());
        assert!(plain.lines().all(|line| line.contains("isolation")), "{plain}");
    }

    #[test]
    fn comments_name_rules() {
        let open = TorLane::Open { trans_port: 9040, dns_port: 9053, socks_port: 9050 };
        let exits = [("de".parse().unwrap(), TorPorts { trans_port: 1, dns_port: 2, socks_port: 3 })].into();
        let (state, countries) = (SetTorLane { lane: open, exits }, ["de".parse().unwrap()].into());
        for chain in chains(&Policy::of(&Config::default()).unwrap(), &Host::default(), &state, &countries) {
            let names: HashSet<_> = chain.rules.iter().map(|r| r.comment).collect();
            assert_eq!(names.len(), chain.rules.len(), "{}", chain.name);
        }
    }

    #[test]
    fn defect_038_the_tor_lane_is_never_forwarded() {
        let policy = Policy::of(&Config::default()).unwrap();
        let chains = chains(&policy, &Host::default(), &TorLane::Closed.into(), &BTreeSet::new());
        let forward = chains.iter().find(|c| c.name == "forward").unwrap();
        assert_eq!(forward.rules[0].text, "iifname \"wg1\" goto refuse");
        assert_eq!(forward.rules[1].text, "oifname \"wg1\" drop");
        let refuse = chains.iter().find(|c| c.name == "refuse").unwrap();
        assert!(refuse.rules.iter().all(|r| !r.text.contains("accept")));
        assert_eq!(refuse.rules.last().unwrap().text, "drop");
    }
}
