//! Limits the flows that a device may start and hold. Pure.
//!
//! The kernel tracks a limited number of flows for the whole host. Each address of a device has a rate of new flows and
//! a number of concurrent flows; only flows over these limits are refused. The rate is checked first, because it limits
//! how often the kernel has to count.

use super::super::chain::{Chain, Rule, plain, rule};
use std::fmt::Write as _;

/// Chain that each flow of the lanes passes once.
pub(crate) const ADMIT: &str = "admit";
/// Sets of recently refused addresses, from which `flow_limit` finds the device.
pub(crate) const OVER: [&str; 2] = ["over4", "over6"];
/// Size of the sets: the lanes have no more addresses than this per family.
const SIZE: u32 = 131_072;
/// For each family: its keyword, its address type, the set of rates and the set of flows.
const FAMILIES: [(&str, &str, &str, &str); 2] =
    [("ip", "ipv4_addr", "new4", "held4"), ("ip6", "ipv6_addr", "new6", "held6")];

/// DNS queries per second, and in a burst, that an address on the tor lane may send. Tor maps every name under `.onion`
/// in a query to an address (tor(1), `AutomapHostsOnResolve`), whether the name exists or not, and has one table for
/// all devices. A web page needs some dozens of names.
const QUERIES: (u32, u32) = (20, 300);
/// For each family: its keyword, and the set of rates.
const QUERY_RATES: [(&str, &str, &str); 2] = [("ip", "ipv4_addr", "names4"), ("ip6", "ipv6_addr", "names6")];

/// Limits for each address of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Number of concurrent flows.
    pub(crate) flows: u32,
    /// True if the kernel supports timeouts per flow.
    pub(crate) with_timeouts: bool,
}

impl Admission {
    /// New flows per second.
    const fn rate(self) -> u32 {
        if self.flows < 20 { 1 } else { self.flows / 20 }
    }

    /// New flows in a burst.
    const fn burst(self) -> u32 {
        if self.flows < 4 { 1 } else { self.flows / 4 }
    }

    /// A table that only a kernel with timeouts per flow accepts.
    pub(crate) fn probe(self, table: &str) -> String {
        let mut text = format!("table inet {table}_probe {{\n");
        self.declare(&mut text);
        text + "}\n"
    }

    /// Declares the sets and timeouts.
    pub(crate) fn declare(self, out: &mut String) {
        for (number, (_, kind, rate, held)) in FAMILIES.into_iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "\tset {rate} {{\n\t\ttype {kind}\n\t\tsize {SIZE}\n\t\tflags dynamic,timeout\n\t\ttimeout 1m\n\t}}\n\
                 \tset {held} {{\n\t\ttype {kind}\n\t\tsize {SIZE}\n\t\tflags dynamic\n\t}}\n\
                 \tset {} {{\n\t\ttype {kind}\n\t\tsize {SIZE}\n\t\tflags dynamic,timeout\n\t\ttimeout 10s\n\t}}",
                OVER[number]
            );
        }
        for (_, kind, set) in QUERY_RATES {
            let _ = writeln!(
                out,
                "\tset {set} {{\n\t\ttype {kind}\n\t\tsize {SIZE}\n\t\tflags dynamic,timeout\n\t\ttimeout 1m\n\t}}"
            );
        }
        for (name, protocol, family, policy) in self.timeouts() {
            let _ = writeln!(
                out,
                "\tct timeout {name} {{\n\t\tprotocol {protocol}\n\t\tl3proto {family}\n\t\tpolicy = {{ {policy} }}\n\t}}"
            );
        }
    }

    /// Timeout policies, in seconds. RFC 5382 requires two hours and four minutes for an established connection, RFC
    /// 4787 two minutes for an answered UDP flow. Unanswered and closed flows expire early.
    fn timeouts(self) -> impl Iterator<Item = (&'static str, &'static str, &'static str, &'static str)> {
        const TCP: &str = "syn_sent : 20, syn_recv : 20, established : 7440, fin_wait : 30, \
                           close_wait : 30, last_ack : 10, time_wait : 5, close : 5";
        const UDP: &str = "unreplied : 15, replied : 120";
        let all = [
            ("lane_tcp4", "tcp", "ip", TCP),
            ("lane_tcp6", "tcp", "ip6", TCP),
            ("lane_udp4", "udp", "ip", UDP),
            ("lane_udp6", "udp", "ip6", UDP),
        ];
        all.into_iter().filter(move |_| self.with_timeouts)
    }

    /// Refuses DNS queries beyond the rate of an address. All UDP that a device on the tor lane may send to the server
    /// is for a DNSPort.
    pub(crate) fn dns_queries() -> [Rule; 2] {
        let ((rate, burst), comments) = (QUERIES, ["DNS queries", "DNS queries, IPv6"]);
        std::array::from_fn(|number| {
            let (family, _, set) = QUERY_RATES[number];
            let over = format!("{family} saddr limit rate over {rate}/second burst {burst} packets");
            rule(format!("meta l4proto udp update @{set} {{ {over} }} goto refuse"), comments[number])
        })
    }

    /// The chain returns for a flow that may start.
    pub(crate) fn chain(self) -> Chain {
        let comments = [
            ["new flows of a device", "flows of a device"],
            ["new flows of a device, IPv6", "flows of a device, IPv6"],
        ];
        let mut rules: Vec<Rule> = Vec::new();
        for (number, (family, _, rate, held)) in FAMILIES.into_iter().enumerate() {
            let refuse = format!("update @{} {{ {family} saddr }} goto refuse", OVER[number]);
            let limit = format!("limit rate over {}/second burst {} packets", self.rate(), self.burst());
            let [new, all] = comments[number];
            rules.push(rule(format!("update @{rate} {{ {family} saddr {limit} }} {refuse}"), new));
            let count = format!("ct count over {}", self.flows);
            rules.push(rule(format!("add @{held} {{ {family} saddr {count} }} {refuse}"), all));
        }
        let comments = ["TCP timeouts", "TCP timeouts, IPv6", "UDP timeouts", "UDP timeouts, IPv6"];
        for ((name, protocol, family, _), comment) in self.timeouts().zip(comments) {
            let family = if family == "ip" { "ipv4" } else { "ipv6" };
            let which = format!("meta nfproto {family} meta l4proto {protocol}");
            rules.push(rule(format!("{which} ct timeout set \"{name}\""), comment));
        }
        plain(ADMIT, rules)
    }
}
