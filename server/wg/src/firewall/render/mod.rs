//! Renders the policy as text for nft(8). Pure: equal policies give equal bytes.

mod chains;
pub(super) mod elements;
pub(super) mod groups;
pub(super) mod host;
pub(super) mod tor_states;

pub(crate) use chains::chains;
pub(super) use groups::Groups;

use super::chain::Hook;
use super::policy::Policy;
use crate::host::HostInterfaces;
use crate::model::AssignmentMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tornado_contracts::wg::SetTorLane;
use tornado_shared::model::CountryCode;

/// Renders the whole ruleset. It replaces the table in one transaction, or creates it.
#[must_use]
pub(super) fn render(
    policy: &Policy,
    host: &HostInterfaces,
    state: &SetTorLane,
    countries: &BTreeSet<CountryCode>,
    assignments: &AssignmentMap,
    groups: &Groups,
) -> String {
    let table = &policy.table;
    let mut out = format!("table inet {table}\ndelete table inet {table}\ntable inet {table} {{\n");
    for (name, kind) in elements::ISOLATION_MAPS {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\tmap {name} {{\n\t\ttype {kind} : {kind};\n\t}}");
    }
    for (name, kind) in tor_states::EXIT_MAPS {
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
    let of_devices = assignments.iter().map(|(address, assignment)| (*address, *assignment));
    elements::add_elements(&mut out, policy, of_devices.chain(elements::canary(policy)));
    groups.fill(&mut out, table);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use tornado_contracts::wg::TorLane;

    #[test]
    fn ruleset_of_the_defaults() {
        insta::assert_snapshot!(render(
            &Policy::of(&Settings::default()).unwrap(),
            &HostInterfaces {
                uplinks4: ["eth0".to_owned()].into(),
                uplinks6: ["eth0".to_owned()].into(),
                closed4: ["eth0".to_owned()].into(),
                open6: Some(BTreeSet::new()),
                ..HostInterfaces::default()
            },
            &TorLane::Closed.into(),
            &BTreeSet::new(),
            &AssignmentMap::new(),
            &Groups::default()
        ));
    }
}
