//! Devices as elements of the table's maps: each device's isolation address and exit country. Pure.

use super::super::policy::Policy;
use super::tor_states::{self, EXIT_MAPS};
use crate::model::TorAssignment;
use crate::netfilter::{Element, ElementValue};
use std::fmt::Write as _;
use std::net::IpAddr;
use tornado_contracts::wg::Isolation;

/// Maps from a device's address to its isolation address, and their type.
pub(crate) const ISOLATION_MAPS: [(&str, &str); 2] = [("isolation4", "ipv4_addr"), ("isolation6", "ipv6_addr")];

/// The canary's assignments.
pub(crate) fn canary(policy: &Policy) -> [(IpAddr, TorAssignment); 2] {
    let assignment = TorAssignment { isolation: Isolation::CANARY, exit: None };
    [IpAddr::V4(policy.canary.v4), IpAddr::V6(policy.canary.v6)].map(|address| (address, assignment))
}

/// Elements per command; one command per element would be slow.
const ELEMENTS: usize = 1000;

/// Adds the elements of devices to the maps.
pub(super) fn add_elements(out: &mut String, policy: &Policy, all: impl Iterator<Item = (IpAddr, TorAssignment)>) {
    let (v4, v6): (Vec<_>, Vec<_>) = all.partition(|(address, _)| address.is_ipv4());
    for (family, devices) in [v4, v6].iter().enumerate() {
        for chunk in devices.chunks(ELEMENTS) {
            let all: Vec<Element> = chunk.iter().flat_map(|(key, own)| elements_of(policy, *key, *own)).collect();
            for (map, _) in [ISOLATION_MAPS[family], EXIT_MAPS[family], EXIT_MAPS[family + 2]] {
                let members: Vec<String> = all.iter().filter(|element| element.map == map).map(text).collect();
                if !members.is_empty() {
                    // Writing to a string cannot fail.
                    let _ = writeln!(out, "add element inet {} {map} {{ {} }}", policy.table, members.join(", "));
                }
            }
        }
    }
}

fn text(Element { key, value, .. }: &Element) -> String {
    match value {
        ElementValue::Address(address) => format!("{key} : {address}"),
        ElementValue::Goto(chain) => format!("{key} : goto {chain}"),
        // Not in these maps.
        ElementValue::Limit(_) | ElementValue::Member | ElementValue::Other => key.to_string(),
    }
}

/// The elements of an address.
pub(crate) fn elements_of(
    policy: &Policy,
    key: IpAddr,
    assignment: TorAssignment,
) -> impl Iterator<Item = Element> + use<> {
    let family = usize::from(key.is_ipv6());
    let number = Element {
        map: ISOLATION_MAPS[family].0,
        key,
        value: ElementValue::Address(policy.isolation_address(key, assignment.isolation)),
    };
    let exits = assignment.exit.map(|country| {
        let to = |map: usize, chain| Element { map: EXIT_MAPS[map].0, key, value: ElementValue::Goto(chain) };
        [to(family, tor_states::exit_redirect(country)), to(family + 2, tor_states::exit_input(country))]
    });
    std::iter::once(number).chain(exits.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::model::AssignmentMap;

    fn device(number: u32, exit: Option<&str>) -> AssignmentMap {
        let assignment =
            TorAssignment { isolation: number.try_into().unwrap(), exit: exit.map(|code| code.parse().unwrap()) };
        ["10.9.0.5", "fd74:6f72:6e61:9::5"].map(|address| (address.parse().unwrap(), assignment)).into()
    }

    #[test]
    fn elements_of_devices() {
        let policy = Policy::of(&Settings::default()).unwrap();
        let (mut text, mut plain) = (String::new(), String::new());
        add_elements(&mut text, &policy, device(7, Some("de")).into_iter());
        insta::assert_snapshot!(text);
        add_elements(&mut plain, &policy, device(9, None).into_iter());
        assert!(plain.lines().all(|line| line.contains("isolation")), "{plain}");
    }
}
