//! The part of the ruleset that follows the host's interfaces, which can change at any time.

use super::super::chain::{Rule, interface_set, rewrite, rule};
use super::super::policy::Policy;
use super::super::policy::networks::{Networks, UPLINKS};
use crate::host::HostInterfaces;
use std::collections::BTreeSet;

/// Chain of flows that do not belong to the lanes.
pub(super) const OTHER_FLOWS: &str = "strangers";

/// The chains that follow the host, with their rules.
pub(super) fn filled(policy: &Policy, host: &HostInterfaces) -> [(&'static str, Vec<Rule>); 2] {
    [(UPLINKS, Networks::of(policy).uplinks(host)), (OTHER_FLOWS, other_flows(host))]
}

/// Drops packets that the host would not forward without the lanes.
///
/// With br_netfilter this chain also sees frames that a bridge passes between its ports: the bridge is both input and
/// output interface, and the destination is not the bridge's own link-layer address. Both are compared, because the
/// host also accepts frames addressed to the bridge's ports and routes them, to other interfaces too.
fn other_flows(host: &HostInterfaces) -> Vec<Rule> {
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
        let text = format!("meta nfproto ipv4 iifname {} drop", interface_set(&host.closed4));
        rules.push(rule(text, "forwarding only for the lanes"));
    }
    if let Some(open) = &host.open6 {
        let from = if open.is_empty() { String::new() } else { format!("iifname != {} ", interface_set(open)) };
        rules.push(rule(format!("meta nfproto ipv6 {from}drop"), "forwarding only for the lanes, IPv6"));
    }
    rules
}

/// Names of the chains that follow the host.
pub(crate) fn written() -> BTreeSet<String> {
    [UPLINKS, OTHER_FLOWS].map(str::to_owned).into()
}

/// One transaction that rewrites these chains.
pub(crate) fn change(policy: &Policy, host: &HostInterfaces) -> String {
    let mut out = String::new();
    for (chain, rules) in filled(policy, host) {
        rewrite(&mut out, &policy.table, chain, &rules);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Mac;

    #[test]
    fn frames_between_bridge_ports_are_not_forwarded_by_the_host() {
        let bridges = [("br0".to_owned(), Mac([2, 0, 0, 0, 0xab, 1]))].into();
        let open = HostInterfaces { bridges, ..HostInterfaces::default() };
        assert!(other_flows(&open).is_empty(), "nothing to drop");
        let rules = other_flows(&HostInterfaces { closed4: ["br0".to_owned()].into(), ..open });
        assert_eq!(
            rules[0].text,
            r#"iifname . oifname { "br0" . "br0" } iifname . ether daddr != { "br0" . 02:00:00:00:ab:01 } return"#
        );
        assert!(rules[1].text.ends_with("drop") && rules.len() == 2);
    }
}
