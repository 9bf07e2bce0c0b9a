//! The states of the tor lane as rules. Pure.
//!
//! Two chains make up a state: where new flows are redirected (nat), and what may arrive (filter). A switch rewrites
//! both in one transaction. Netfilter consults nat only for the first packet of a flow, so the filter cuts flows of the
//! former state: it accepts only packets that the current state's nat redirected to the current ports.
//!
//! Each exit country has its own pair of chains. While the lane is open, maps `goto` these chains for devices that
//! chose a country, so the general rules never apply to them. While the country's Tor is not ready, its chains are
//! empty, and flows that are not redirected are refused.

use super::super::chain::{Family, Rule, both, rewrite, rule};
use super::super::policy::Policy;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
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
            let http = |f: Family| format!("meta nfproto {} tcp dport 80 {SYN}", f.nfproto());
            to_gateway(policy, page_port, "HTTP to the page", http).into()
        }
        TorLane::Open { trans_port, dns_port, socks_port: _ } => {
            let mut rules = Vec::from(chosen_countries("exit"));
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
    let socks = |f: Family| format!("{f} daddr {} tcp dport {called} {SYN}", f.address(policy.tor.gateway));
    let mut rules = Vec::from(dns(policy, dns_port));
    rules.extend(to_gateway(policy, socks_port, "SOCKS", socks));
    rules.extend(connections(policy, trans_port));
    rules
}

fn dns(policy: &Policy, dns_port: u16) -> [Rule; 3] {
    let queries = |f: Family| format!("meta nfproto {} udp dport 53", f.nfproto());
    let [v4, v6] = to_gateway(policy, dns_port, "DNS to Tor", queries);
    [v4, v6, rule("tcp dport 53 return", "Tor answers DNS over UDP only")]
}

fn connections(policy: &Policy, trans_port: u16) -> Vec<Rule> {
    // SOCKS to the gateway is not redirected; the filter decides.
    let inner = both("no inner addresses to Tor", |f| format!("{f} daddr {} return", policy.pools(f)));
    let tcp = |f: Family| format!("meta nfproto {} {SYN}", f.nfproto());
    inner.into_iter().chain(to_gateway(policy, trans_port, "TCP to Tor", tcp)).collect()
}

/// Redirects what matches to a port of the lane's gateway.
fn to_gateway(policy: &Policy, port: u16, purpose: &'static str, matching: impl Fn(Family) -> String) -> [Rule; 2] {
    let to = |f: Family| SocketAddr::new(f.address(policy.tor.gateway), port);
    both(purpose, |f| format!("{} dnat {f} to {}", matching(f), to(f)))
}

/// `map`: without the family's digit.
fn chosen_countries(map: &str) -> [Rule; 2] {
    both("devices that chose a country", |f| format!("{f} saddr vmap @{map}{}", f.of(4, 6)))
}

/// The filter rules of a state.
fn input(policy: &Policy, lane: TorLane) -> Vec<Rule> {
    match lane {
        TorLane::Closed => vec![rule("goto refuse", "the lane is closed")],
        TorLane::Maintenance { page_port } => {
            // The original port is checked as well, because the page may use a port that was Tor's before.
            vec![rule(format!("ct status dnat tcp dport {page_port} ct original proto-dst 80 accept"), "the page")]
        }
        TorLane::Open { trans_port, dns_port, socks_port } => {
            let mut rules = Vec::from(chosen_countries("entry"));
            rules.extend(redirected(trans_port, dns_port));
            rules.extend(both("SOCKS", |f| {
                format!("{f} daddr {} tcp dport {socks_port} accept", f.address(policy.tor.gateway))
            }));
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
