//! The states of the tor lane as rules. Pure.
//!
//! Two chains make up a state: where new flows are redirected (nat), and what may arrive (filter). A switch rewrites
//! both in one transaction. Netfilter consults nat only for the first packet of a flow, so the filter cuts flows of the
//! former state: it accepts only packets that the current state's nat redirected to the current ports.
//!
//! Each exit country has its own pair of chains. While the lane is open, maps `goto` these chains for devices that
//! chose a country, so the general rules never apply to them. While the country's Tor is not ready, its chains are
//! empty, and flows that are not redirected are refused.

use super::super::chain::{Rule, rewrite, rule};
use super::super::policy::Policy;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tornado_contracts::wg::{SetTorLane, TorLane, TorPorts};
use tornado_shared::model::CountryCode;

/// Chain of the nat rules.
pub(crate) const REDIRECT: &str = "tor_state_redirect";
/// Chain of the filter rules.
pub(crate) const INPUT: &str = "tor_state_input";
/// Matches a segment that opens a connection.
const SYN: &str = "tcp flags & (fin | syn | rst | ack) == syn";

/// Maps from a device's address to the chain of its country, two for nat and two for filter, and their key type.
pub(crate) const EXIT_MAPS: [(&str, &str); 4] =
    [("exit4", "ipv4_addr"), ("exit6", "ipv6_addr"), ("entry4", "ipv4_addr"), ("entry6", "ipv6_addr")];

/// Chain of a country's nat rules.
pub(crate) fn exit_redirect(country: CountryCode) -> String {
    format!("exit_{country}")
}

/// Chain of a country's filter rules.
pub(crate) fn exit_input(country: CountryCode) -> String {
    format!("entry_{country}")
}

/// Names of the countries' chains.
pub(crate) fn chains_of(countries: &BTreeSet<CountryCode>) -> BTreeSet<String> {
    countries.iter().flat_map(|country| [exit_redirect(*country), exit_input(*country)]).collect()
}

/// Names of all chains that a switch rewrites.
pub(crate) fn written(countries: &BTreeSet<CountryCode>) -> BTreeSet<String> {
    chains_of(countries).into_iter().chain([REDIRECT.to_owned(), INPUT.to_owned()]).collect()
}

/// The chains of a state with their rules, those of countries first.
pub(crate) fn filled(
    policy: &Policy,
    state: &SetTorLane,
    countries: &BTreeSet<CountryCode>,
) -> Vec<(Cow<'static, str>, Vec<Rule>)> {
    let mut chains = Vec::new();
    for country in countries {
        chains.push((exit_redirect(*country).into(), country_redirect(policy, state, *country)));
        chains.push((exit_input(*country).into(), country_input(state, *country)));
    }
    chains.push((REDIRECT.into(), redirect(policy, state.lane)));
    chains.push((INPUT.into(), input(policy, state.lane)));
    chains
}

/// The nat rules of a state. They redirect new flows to the lane's gateway address of the same family.
fn redirect(policy: &Policy, lane: TorLane) -> Vec<Rule> {
    match lane {
        TorLane::Closed => Vec::new(),
        TorLane::Maintenance { page_port } => {
            let (v4, v6) = dnat_to(policy, page_port);
            vec![
                rule(format!("meta nfproto ipv4 tcp dport 80 {SYN} {v4}"), "HTTP to the page"),
                rule(format!("meta nfproto ipv6 tcp dport 80 {SYN} {v6}"), "HTTP to the page, IPv6"),
            ]
        }
        TorLane::Open { trans_port, dns_port, socks_port: _ } => {
            let mut rules = vec![
                rule("ip saddr vmap @exit4", "devices that chose a country"),
                rule("ip6 saddr vmap @exit6", "devices that chose a country, IPv6"),
            ];
            rules.extend(dns(policy, dns_port));
            rules.extend(connections(policy, trans_port));
            rules
        }
    }
}

/// The nat rules of a country. Its devices use the SOCKS port of the general Tor; the rules redirect it.
fn country_redirect(policy: &Policy, state: &SetTorLane, country: CountryCode) -> Vec<Rule> {
    let (Some(general), Some(own)) = (state.open_ports(None), state.open_ports(Some(country))) else {
        return Vec::new();
    };
    let (called, TorPorts { trans_port, dns_port, socks_port }) = (general.socks_port, own);
    let (gateway, socks) = (policy.tor.gateway, dnat_to(policy, socks_port));
    let mut rules = Vec::from(dns(policy, dns_port));
    rules.push(rule(format!("ip daddr {} tcp dport {called} {SYN} {}", gateway.v4, socks.0), "SOCKS"));
    rules.push(rule(format!("ip6 daddr {} tcp dport {called} {SYN} {}", gateway.v6, socks.1), "SOCKS, IPv6"));
    rules.extend(connections(policy, trans_port));
    rules
}

fn dns(policy: &Policy, dns_port: u16) -> [Rule; 3] {
    let port = dnat_to(policy, dns_port);
    [
        rule(format!("meta nfproto ipv4 udp dport 53 {}", port.0), "DNS to Tor"),
        rule(format!("meta nfproto ipv6 udp dport 53 {}", port.1), "DNS to Tor, IPv6"),
        rule("tcp dport 53 return", "Tor answers DNS over UDP only"),
    ]
}

fn connections(policy: &Policy, trans_port: u16) -> [Rule; 4] {
    let (d, t) = (&policy.direct.pool, &policy.tor.pool);
    let trans = dnat_to(policy, trans_port);
    [
        // SOCKS to the gateway is not redirected; the filter decides.
        rule(format!("ip daddr {{ {}, {} }} return", d.v4, t.v4), "no inner addresses to Tor"),
        rule(format!("ip6 daddr {{ {}, {} }} return", d.v6, t.v6), "no inner addresses to Tor, IPv6"),
        rule(format!("meta nfproto ipv4 {SYN} {}", trans.0), "TCP to Tor"),
        rule(format!("meta nfproto ipv6 {SYN} {}", trans.1), "TCP to Tor, IPv6"),
    ]
}

fn dnat_to(policy: &Policy, port: u16) -> (String, String) {
    let gateway = policy.tor.gateway;
    (format!("dnat ip to {}:{port}", gateway.v4), format!("dnat ip6 to [{}]:{port}", gateway.v6))
}

/// The filter rules of a state.
fn input(policy: &Policy, lane: TorLane) -> Vec<Rule> {
    let gateway = policy.tor.gateway;
    match lane {
        TorLane::Closed => vec![rule("goto refuse", "the lane is closed")],
        TorLane::Maintenance { page_port } => {
            // The original port is checked as well, because the page may use a port that was Tor's before.
            vec![rule(format!("ct status dnat tcp dport {page_port} ct original proto-dst 80 accept"), "the page")]
        }
        TorLane::Open { trans_port, dns_port, socks_port } => {
            let mut rules = vec![
                rule("ip saddr vmap @entry4", "devices that chose a country"),
                rule("ip6 saddr vmap @entry6", "devices that chose a country, IPv6"),
            ];
            rules.extend(redirected(trans_port, dns_port));
            rules.push(rule(format!("ip daddr {} tcp dport {socks_port} accept", gateway.v4), "SOCKS"));
            rules.push(rule(format!("ip6 daddr {} tcp dport {socks_port} accept", gateway.v6), "SOCKS, IPv6"));
            rules
        }
    }
}

/// The filter rules of a country.
fn country_input(state: &SetTorLane, country: CountryCode) -> Vec<Rule> {
    let Some(TorPorts { trans_port, dns_port, socks_port }) = state.open_ports(Some(country)) else {
        return Vec::new();
    };
    let mut rules = Vec::from(redirected(trans_port, dns_port));
    rules.push(rule(format!("ct status dnat tcp dport {socks_port} accept"), "redirected to SOCKS"));
    rules
}

fn redirected(trans_port: u16, dns_port: u16) -> [Rule; 2] {
    [
        rule(format!("ct status dnat tcp dport {trans_port} accept"), "redirected to TransPort"),
        // Shorter than a DNS header (RFC 1035 §4.1.1): libevent 2.1, Tor's DNS parser, would terminate Tor.
        rule(format!("ct status dnat udp dport {dns_port} udp length >= 20 accept"), "redirected to DNSPort"),
    ]
}

/// One transaction that switches the state. `countries` are all countries that have chains or will have them.
#[must_use]
pub(crate) fn switch(policy: &Policy, state: &SetTorLane, countries: &BTreeSet<CountryCode>) -> String {
    let mut out = String::new();
    add_chains(&mut out, policy, countries);
    for (chain, rules) in filled(policy, state, countries) {
        rewrite(&mut out, &policy.table, &chain, &rules);
    }
    out
}

/// Creates missing chains of countries. Without rules they refuse everything.
pub(crate) fn add_chains(out: &mut String, policy: &Policy, countries: &BTreeSet<CountryCode>) {
    for country in countries {
        for chain in [exit_redirect(*country), exit_input(*country)] {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "add chain inet {} {chain}", policy.table);
        }
    }
}

/// The reason why a state is invalid; `None` if it is valid.
pub(crate) fn invalid_reason(state: &SetTorLane) -> Option<&'static str> {
    match state.lane {
        TorLane::Closed => None,
        TorLane::Maintenance { page_port } => (page_port == 0).then_some("the page has no port"),
        TorLane::Open { trans_port, dns_port, socks_port } => {
            let own = TorPorts { trans_port, dns_port, socks_port };
            let (mut tcp, mut udp) = (BTreeSet::new(), BTreeSet::new());
            for TorPorts { trans_port, dns_port, socks_port } in state.exits.values().copied().chain([own]) {
                if trans_port == 0 || dns_port == 0 || socks_port == 0 {
                    return Some("a listener of Tor has no port");
                }
                if !(tcp.insert(trans_port) && tcp.insert(socks_port) && udp.insert(dns_port)) {
                    return Some("two of Tor's listeners share a port");
                }
            }
            None
        }
    }
}

#[cfg(test)]
#[path = "tor_states_tests.rs"]
mod tests;
