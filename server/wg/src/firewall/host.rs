//! The part of the ruleset that follows the host's interfaces, which can change at any time.

use super::networks::Networks;
use super::policy::Policy;
use super::render::{Rule, rule};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

/// Chain of the uplinks.
pub(super) const UPLINKS: &str = "uplinks";

/// Chain of flows that do not belong to the lanes.
pub(super) const STRANGERS: &str = "strangers";

/// Interfaces of the host, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Host {
    /// Those with an IPv4 default route.
    pub(crate) uplinks4: BTreeSet<String>,
    /// Those with an IPv6 default route.
    pub(crate) uplinks6: BTreeSet<String>,
    /// Those that forward IPv4 only for the lanes.
    pub(crate) closed4: BTreeSet<String>,
    /// Interfaces whose incoming IPv6 packets the host may forward. `None`: the host forwards for all interfaces.
    pub(crate) open6: Option<BTreeSet<String>>,
    /// Bridges and their link-layer addresses.
    pub(crate) bridges: BTreeMap<String, Mac>,
}

/// An Ethernet address.
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

/// Drops packets that the host would not forward without the lanes.
///
/// With br_netfilter this chain also sees frames that a bridge passes between its ports: the bridge is both input and
/// output interface, and the destination is not the bridge's own link-layer address. Both are compared, because the host
/// also accepts frames addressed to the bridge's ports and routes them, to other interfaces too.
fn strangers(host: &Host) -> Vec<Rule> {
    let mut rules = Vec::new();
    let is_closed = !host.closed4.is_empty() || host.open6.is_some();
    if is_closed && !host.bridges.is_empty() {
        let same: Vec<_> = host.bridges.keys().map(|name| format!("\"{name}\" . \"{name}\"")).collect();
        let own: Vec<_> = host.bridges.iter().map(|(name, mac)| format!("\"{name}\" . {mac}")).collect();
        let (same, own) = (same.join(", "), own.join(", "));
        let text = format!("iifname . oifname {{ {same} }} iifname . ether daddr != {{ {own} }} return");
        rules.push(rule(text, "frames between bridge ports"));
    }
    if !host.closed4.is_empty() {
        let text = format!("meta nfproto ipv4 iifname {} drop", names(&host.closed4));
        rules.push(rule(text, "forwarding only for the lanes"));
    }
    if let Some(open) = &host.open6 {
        let from = if open.is_empty() { String::new() } else { format!("iifname != {} ", names(open)) };
        rules.push(rule(format!("meta nfproto ipv6 {from}drop"), "forwarding only for the lanes, IPv6"));
    }
    rules
}

/// Names of the chains that follow the host.
pub(super) fn written() -> BTreeSet<String> {
    [UPLINKS, STRANGERS].map(str::to_owned).into()
}

/// One transaction that rewrites these chains.
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

/// An nft set of interface names. The caller passes only names that are safe in a ruleset.
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
        assert!(strangers(&open).is_empty(), "nothing to drop");
        let rules = strangers(&Host { closed4: ["br0".to_owned()].into(), ..open });
        assert_eq!(
            rules[0].text,
            r#"iifname . oifname { "br0" . "br0" } iifname . ether daddr != { "br0" . 02:00:00:00:ab:01 } return"#
        );
        assert!(rules[1].text.ends_with("drop") && rules.len() == 2);
    }
}
