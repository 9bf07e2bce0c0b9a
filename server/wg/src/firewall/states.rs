//! The states of the tor lane as rules. Pure.
//!
//! Two chains make the state: where flows are sent (nat), and what may arrive (filter). A switch flushes and fills
//! both in one transaction. Nat is asked about the first packet of a flow only, so flows of the former state
//! are cut by the filter: it lets nothing pass but what the present state's nat has sent to the present ports.

use super::policy::Policy;
use super::render::{Rule, rule};
use std::fmt::Write as _;
use tornado_mesh::wg::TorLane;

/// Chain of the nat rules.
pub(super) const REDIRECT: &str = "tor_state_redirect";
/// Chain of the filter rules.
pub(super) const INPUT: &str = "tor_state_input";
/// A segment that opens a connection.
const SYN: &str = "tcp flags & (fin | syn | rst | ack) == syn";

/// Where the state sends new flows: to the lane's own address of the same family.
pub(super) fn redirect(policy: &Policy, lane: TorLane) -> Vec<Rule> {
    let gateway = policy.tor.gateway;
    let to = |port: u16| (format!("dnat ip to {}:{port}", gateway.v4), format!("dnat ip6 to [{}]:{port}", gateway.v6));
    match lane {
        TorLane::Closed => Vec::new(),
        TorLane::Maintenance { page_port } => {
            let (v4, v6) = to(page_port);
            vec![
                rule(format!("meta nfproto ipv4 tcp dport 80 {SYN} {v4}"), "HTTP to the page"),
                rule(format!("meta nfproto ipv6 tcp dport 80 {SYN} {v6}"), "HTTP to the page, IPv6"),
            ]
        }
        TorLane::Open { trans_port, dns_port, socks_port: _ } => {
            let (trans, dns) = (to(trans_port), to(dns_port));
            let (d, t) = (&policy.direct.pool, &policy.tor.pool);
            vec![
                rule(format!("meta nfproto ipv4 udp dport 53 {}", dns.0), "names to Tor"),
                rule(format!("meta nfproto ipv6 udp dport 53 {}", dns.1), "names to Tor, IPv6"),
                rule("tcp dport 53 return", "Tor answers names by UDP only"),
                // SOCKS on the lane's own address stays as it is; the filter decides.
                rule(format!("ip daddr {{ {}, {} }} return", d.v4, t.v4), "Tor hears of no inner address"),
                rule(format!("ip6 daddr {{ {}, {} }} return", d.v6, t.v6), "Tor hears of no inner address, IPv6"),
                rule(format!("meta nfproto ipv4 {SYN} {}", trans.0), "TCP to Tor"),
                rule(format!("meta nfproto ipv6 {SYN} {}", trans.1), "TCP to Tor, IPv6"),
            ]
        }
    }
}

/// What the state lets in.
pub(super) fn input(policy: &Policy, lane: TorLane) -> Vec<Rule> {
    let gateway = policy.tor.gateway;
    match lane {
        TorLane::Closed => vec![rule("goto refuse", "closed: nothing is for anybody")],
        TorLane::Maintenance { page_port } => {
            vec![rule(format!("ct status dnat tcp dport {page_port} accept"), "the page")]
        }
        TorLane::Open { trans_port, dns_port, socks_port } => vec![
            rule(format!("ct status dnat tcp dport {trans_port} accept"), "what was sent to TransPort"),
            // Shorter than a header (RFC 1035 §4.1.1): libevent 2.1, by which Tor reads names, would end the whole Tor.
            rule(format!("ct status dnat udp dport {dns_port} udp length >= 20 accept"), "what was sent to DNSPort"),
            rule(format!("ip daddr {} tcp dport {socks_port} accept", gateway.v4), "SOCKS"),
            rule(format!("ip6 daddr {} tcp dport {socks_port} accept", gateway.v6), "SOCKS, IPv6"),
        ],
    }
}

/// One transaction that replaces the state.
#[must_use]
pub(super) fn switch(policy: &Policy, lane: TorLane) -> String {
    let table = &policy.table;
    let mut out = String::new();
    for (chain, rules) in [(REDIRECT, redirect(policy, lane)), (INPUT, input(policy, lane))] {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "flush chain inet {table} {chain}");
        for Rule { text, comment } in rules {
            let _ = writeln!(out, "add rule inet {table} {chain} {text} comment \"{comment}\"");
        }
    }
    out
}

/// Why a state makes no sense, if it does not.
pub(crate) fn refuse(lane: TorLane) -> Option<&'static str> {
    match lane {
        TorLane::Closed => None,
        TorLane::Maintenance { page_port } => (page_port == 0).then_some("the page needs a port"),
        TorLane::Open { trans_port, dns_port, socks_port } => {
            if trans_port == 0 || dns_port == 0 || socks_port == 0 {
                return Some("each of Tor's listeners needs a port");
            }
            (trans_port == socks_port).then_some("TransPort and SOCKS need ports of their own")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use proptest::prelude::*;

    const OPEN: TorLane = TorLane::Open { trans_port: 9040, dns_port: 9053, socks_port: 9050 };
    const PAGE: TorLane = TorLane::Maintenance { page_port: 9041 };

    fn policy() -> Policy {
        Policy::of(&Config::default()).unwrap()
    }

    #[test]
    fn switches_of_the_defaults() {
        insta::assert_snapshot!([OPEN, PAGE, TorLane::Closed].map(|lane| switch(&policy(), lane)).join("\n"));
    }

    fn any_lane() -> impl Strategy<Value = TorLane> {
        prop_oneof![
            Just(TorLane::Closed),
            any::<u16>().prop_map(|page_port| TorLane::Maintenance { page_port }),
            any::<[u16; 3]>().prop_map(|[trans_port, dns_port, socks_port]| TorLane::Open {
                trans_port,
                dns_port,
                socks_port
            }),
        ]
    }

    proptest! {
        /// Whatever the ports: the filter accepts only what nat of this very state sends, or SOCKS at the lane's
        /// own address, and nat sends to the lane's own addresses only.
        #[test]
        fn only_what_the_state_sends_is_let_in(lane in any_lane()) {
            prop_assume!(refuse(lane).is_none());
            let policy = policy();
            let (redirect, input) = (redirect(&policy, lane), input(&policy, lane));
            let gateway = policy.tor.gateway;
            let targets = [format!(" {}:", gateway.v4), format!(" [{}]:", gateway.v6)];
            for rule in redirect.iter().filter(|r| r.text.contains("dnat")) {
                prop_assert!(targets.iter().any(|target| rule.text.contains(target.as_str())), "{}", rule.text);
            }
            for rule in input.iter().filter(|r| r.text.contains("accept")) {
                let port = rule.text.split("dport ").nth(1).unwrap().split(' ').next().unwrap();
                if rule.text.starts_with("ct status dnat") {
                    prop_assert!(redirect.iter().any(|r| r.text.ends_with(&format!(":{port}"))), "{}", rule.text);
                } else {
                    prop_assert!(rule.text.contains(&gateway.v4.to_string()) || rule.text.contains(&gateway.v6.to_string()));
                }
            }
            let accepts = input.iter().filter(|r| r.text.contains("accept")).count();
            prop_assert_eq!(accepts == 0, lane == TorLane::Closed);
        }
    }
}
