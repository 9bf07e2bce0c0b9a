//! Limits the flows that a device may start and hold. Pure.
//!
//! The kernel tracks a limited number of flows for the whole host. Each address of a device has a rate of new flows and
//! a number of concurrent flows; only flows over these limits are refused. The rate is checked first, because it limits
//! how often the kernel has to count.

use super::super::chain::{Chain, Family, Rule, both, plain, rule};
use std::fmt::Write as _;

/// Chain that each flow of the lanes passes once.
pub(crate) const ADMIT: &str = "admit";
/// Sets of recently refused addresses, from which `flow_limit` finds the device.
pub(crate) const OVER: [&str; 2] = ["over4", "over6"];
/// Size of the sets: the lanes have no more addresses than this per family.
const SIZE: u32 = 131_072;
/// DNS queries per second, and in a burst, that an address on the tor lane may send. Tor maps every name under `.onion`
/// in a query to an address (tor(1), `AutomapHostsOnResolve`), whether the name exists or not, and has one table for
/// all devices. A web page needs some dozens of names.
const QUERIES: (u32, u32) = (20, 300);
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
        for f in Family::ALL {
            declare_set(out, f, "new", "dynamic,timeout\n\t\ttimeout 1m");
            declare_set(out, f, "held", "dynamic");
            declare_set(out, f, "over", "dynamic,timeout\n\t\ttimeout 10s");
        }
        for f in Family::ALL {
            declare_set(out, f, "names", "dynamic,timeout\n\t\ttimeout 1m");
        }
        for (protocol, policy) in self.timeouts() {
            for f in Family::ALL {
                let name = format!("lane_{protocol}{}", f.of(4, 6));
                // Writing to a string cannot fail.
                let _ = writeln!(
                    out,
                    "\tct timeout {name} {{\n\t\tprotocol {protocol}\n\t\tl3proto {f}\n\t\tpolicy = {{ {policy} }}\n\t}}"
                );
            }
        }
    }

    /// Timeout policies, in seconds. RFC 5382 requires two hours and four minutes for an established connection, RFC
    /// 4787 two minutes for an answered UDP flow. Unanswered and closed flows expire early.
    fn timeouts(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        const TCP: &str = "syn_sent : 20, syn_recv : 20, established : 7440, fin_wait : 30, \
                           close_wait : 30, last_ack : 10, time_wait : 5, close : 5";
        const UDP: &str = "unreplied : 15, replied : 120";
        [("tcp", TCP), ("udp", UDP)].into_iter().filter(move |_| self.with_timeouts)
    }

    /// Refuses DNS queries beyond the rate of an address. All UDP that a device on the tor lane may send to the server
    /// is for a DNSPort.
    pub(crate) fn dns_queries() -> [Rule; 2] {
        let (rate, burst) = QUERIES;
        both("DNS queries", |f| {
            let over = format!("{f} saddr limit rate over {rate}/second burst {burst} packets");
            format!("meta l4proto udp update @names{} {{ {over} }} goto refuse", f.of(4, 6))
        })
    }

    /// The chain returns for a flow that may start.
    pub(crate) fn chain(self) -> Chain {
        let mut rules = Vec::new();
        for f in Family::ALL {
            let n = f.of(4, 6);
            let refuse = format!("update @over{n} {{ {f} saddr }} goto refuse");
            let limit = format!("limit rate over {}/second burst {} packets", self.rate(), self.burst());
            let new = format!("update @new{n} {{ {f} saddr {limit} }} {refuse}");
            rules.push(rule(new, f.comment("new flows of a device")));
            let all = format!("add @held{n} {{ {f} saddr ct count over {} }} {refuse}", self.flows);
            rules.push(rule(all, f.comment("flows of a device")));
        }
        for ((protocol, _), purpose) in self.timeouts().zip(["TCP timeouts", "UDP timeouts"]) {
            rules.extend(both(purpose, |f| {
                let which = format!("meta nfproto {} meta l4proto {protocol}", f.nfproto());
                format!("{which} ct timeout set \"lane_{protocol}{}\"", f.of(4, 6))
            }));
        }
        plain(ADMIT, rules)
    }
}

/// Declares the set of a family's addresses. `name`: without the family's digit.
fn declare_set(out: &mut String, f: Family, name: &str, flags: &str) {
    let (digit, kind) = (f.of(4, 6), f.nfproto());
    let _ = writeln!(out, "\tset {name}{digit} {{\n\t\ttype {kind}_addr\n\t\tsize {SIZE}\n\t\tflags {flags}\n\t}}");
}
