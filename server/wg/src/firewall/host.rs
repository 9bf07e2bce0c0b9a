//! What the ruleset depends on besides the policy: the interfaces of the host, which change at any time.

use super::networks::Networks;
use super::policy::Policy;
use super::render::{Rule, rule};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

/// Chain that knows the ways to the internet.
pub(super) const UPLINKS: &str = "uplinks";

/// Chain of flows that have nothing to do with the lanes.
pub(super) const STRANGERS: &str = "strangers";

/// Interfaces of the host by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Host {
    /// Those with a default route of IPv4.
    pub(crate) uplinks4: BTreeSet<String>,
    /// The same of IPv6.
    pub(crate) uplinks6: BTreeSet<String>,
    /// Those that forward IPv4 for the lanes and for nothing else.
    pub(crate) closed4: BTreeSet<String>,
    /// IPv6 is forwarded for the lanes, and for what comes in by these interfaces. None: for all.
    pub(crate) open6: Option<BTreeSet<String>>,
    /// Bridges, with their link-layer addresses.
    pub(crate) bridges: BTreeMap<String, Mac>,
}

/// A link-layer address of Ethernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mac(pub(crate) [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The chains that follow the host, with their rules.
pub(super) fn filled(policy: &Policy, host: &Host) -> [(&'static str, Vec<Rule>); 2] {
    [(UPLINKS, Networks::of(policy).uplinks(host)), (STRANGERS, strangers(host))]
}

/// Refuses what the host would not forward without the lanes.
///
/// With br_netfilter the chain also sees frames that a bridge passes on: they come in and go out by the bridge, and are
/// addressed to another link-layer address than the bridge's own. Both are compared, because the host also takes frames
/// addressed to the bridge's ports and routes them, to other interfaces too.
fn strangers(host: &Host) -> Vec<Rule> {
    let mut rules = Vec::new();
    let is_closed = !host.closed4.is_empty() || host.open6.is_some();
    if is_closed && !host.bridges.is_empty() {
        let same: Vec<_> = host.bridges.keys().map(|name| format!("\"{name}\" . \"{name}\"")).collect();
        let own: Vec<_> = host.bridges.iter().map(|(name, mac)| format!("\"{name}\" . {mac}")).collect();
        let (same, own) = (same.join(", "), own.join(", "));
        let text = format!("iifname . oifname {{ {same} }} iifname . ether daddr != {{ {own} }} return");
        rules.push(rule(text, "frames that a bridge passes on"));
    }
    if !host.closed4.is_empty() {
        let text = format!("meta nfproto ipv4 iifname {} drop", names(&host.closed4));
        rules.push(rule(text, "forwarding is on for the lanes only"));
    }
    if let Some(open) = &host.open6 {
        let from = if open.is_empty() { String::new() } else { format!("iifname != {} ", names(open)) };
        rules.push(rule(format!("meta nfproto ipv6 {from}drop"), "forwarding is on for the lanes only, IPv6"));
    }
    rules
}

/// The names of those chains.
pub(super) fn written() -> BTreeSet<String> {
    [UPLINKS, STRANGERS].map(str::to_owned).into()
}

/// One transaction that writes them.
pub(super) fn change(policy: &Policy, host: &Host) -> String {
    let table = &policy.table;
    let mut out = String::new();
    for (chain, rules) in filled(policy, host) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "flush chain inet {table} {chain}");
        for Rule { text, comment } in rules {
            let _ = writeln!(out, "add rule inet {table} {chain} {text} comment \"{comment}\"");
        }
    }
    out
}

/// Names as a set. Those that would mean something else in a ruleset never get here.
pub(super) fn names(names: &BTreeSet<String>) -> String {
    let names: Vec<_> = names.iter().map(|name| super::render::quoted(name)).collect();
    format!("{{ {} }}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_between_ports_of_a_bridge_are_not_forwarded_by_the_host() {
        let bridges = [("br0".to_owned(), Mac([2, 0, 0, 0, 0xab, 1]))].into();
        let open = Host { bridges, ..Host::default() };
        assert!(strangers(&open).is_empty(), "nothing is refused");
        let rules = strangers(&Host { closed4: ["br0".to_owned()].into(), ..open });
        assert_eq!(
            rules[0].text,
            r#"iifname . oifname { "br0" . "br0" } iifname . ether daddr != { "br0" . 02:00:00:00:ab:01 } return"#
        );
        assert!(rules[1].text.ends_with("drop") && rules.len() == 2);
    }
}
