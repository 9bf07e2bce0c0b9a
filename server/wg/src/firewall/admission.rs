//! How many flows a device may begin and hold. Pure.
//!
//! The kernel tracks a bounded number of flows for the whole host. Each address of a device has a rate of new flows and
//! a number of flows that exist at the same time; the device is refused what is over them, and nothing else is. The rate
//! stands first: it bounds how often the kernel has to count.

use super::render::{Chain, Rule, plain, rule};
use std::fmt::Write as _;

/// Chain that every flow of the lanes passes once.
pub(super) const ADMIT: &str = "admit";
/// Sets of addresses that were refused lately, by which the offender is named.
pub(super) const OVER: [&str; 2] = ["over4", "over6"];
/// The lanes have no more devices.
const SIZE: u32 = 131_072;
/// For each family: its keyword, type, and the sets of rates and of flows.
const FAMILIES: [(&str, &str, &str, &str); 2] =
    [("ip", "ipv4_addr", "new4", "held4"), ("ip6", "ipv6_addr", "new6", "held6")];

/// DNS queries per second, and in a burst, that an address on the tor lane may send. Tor keeps an address for every name
/// under `.onion` in a query (tor(1), `AutomapHostsOnResolve`), whether it exists or not, and one table for all
/// devices. A web page needs some dozens of names.
const NAMES: (u32, u32) = (20, 300);
/// For each family: its keyword, and the set of rates.
const ASKERS: [(&str, &str, &str); 2] = [("ip", "ipv4_addr", "names4"), ("ip6", "ipv6_addr", "names6")];

/// What a device may have, per address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Admission {
    /// Flows at the same time.
    pub(crate) flows: u32,
    /// True where the kernel can give single flows other timeouts than the host's.
    pub(crate) with_timeouts: bool,
}

impl Admission {
    /// New flows a second.
    const fn rate(self) -> u32 {
        if self.flows < 20 { 1 } else { self.flows / 20 }
    }

    /// New flows at once.
    const fn burst(self) -> u32 {
        if self.flows < 4 { 1 } else { self.flows / 4 }
    }

    /// A table that a kernel takes which can shorten timeouts.
    pub(crate) fn probe(self, table: &str) -> String {
        let mut text = format!("table inet {table}_probe {{\n");
        self.declare(&mut text);
        text + "}\n"
    }

    /// Declares sets and timeouts.
    pub(super) fn declare(self, out: &mut String) {
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
        for (_, kind, set) in ASKERS {
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

    /// Seconds: RFC 5382 wants two hours and four minutes of a connection, RFC 4787 two minutes of a UDP flow that is
    /// answered. What was never answered, and what has ended, goes soon.
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

    /// Refuses queries of names beyond the rate of an address. All UDP that a device on the tor lane may send to the
    /// server is for a DNSPort.
    pub(super) fn names() -> [Rule; 2] {
        let ((rate, burst), comments) = (NAMES, ["queries of names", "queries of names, IPv6"]);
        std::array::from_fn(|number| {
            let (family, _, set) = ASKERS[number];
            let over = format!("{family} saddr limit rate over {rate}/second burst {burst} packets");
            rule(format!("meta l4proto udp update @{set} {{ {over} }} goto refuse"), comments[number])
        })
    }

    /// Returns for a flow that may begin.
    pub(super) fn chain(self) -> Chain {
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
        let comments = ["TCP ends soon", "TCP ends soon, IPv6", "UDP ends soon", "UDP ends soon, IPv6"];
        for ((name, protocol, family, _), comment) in self.timeouts().zip(comments) {
            let family = if family == "ip" { "ipv4" } else { "ipv6" };
            let which = format!("meta nfproto {family} meta l4proto {protocol}");
            rules.push(rule(format!("{which} ct timeout set \"{name}\""), comment));
        }
        plain(ADMIT, rules)
    }
}
