//! Rates and peer groups of accounts as nftables elements. Pure.
//!
//! A rate is one limit (nft(8), "limit") for all devices of an account on both lanes. A map leads from a device's
//! address to the limit; packets over the limit are dropped, which TCP treats as congestion. A peer group is a set of
//! address pairs.

use super::super::chain::{Chain, Family, Rule, base, both, quoted};
use super::super::policy::{LaneRules, Policy};
use crate::model::PEER_GROUP_MARK;
use crate::netfilter::{ElementValue, Key};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use tornado_contracts::MAX_RATE;
use tornado_contracts::wg::{Group, SetGroups};
use tornado_shared::model::LaneAddresses;

/// Maps from a device's address to its account's limit, and their key type.
const LIMITED: [(&str, &str); 4] =
    [("up4", "ipv4_addr"), ("up6", "ipv6_addr"), ("down4", "ipv4_addr"), ("down6", "ipv6_addr")];
/// Sets of address pairs that may reach each other, and the type of one address.
const PEER_GROUPS: [(&str, &str); 2] = [("together4", "ipv4_addr"), ("together6", "ipv6_addr")];

/// Directly after the guard and before all other processing.
const UP: i32 = -299;
/// After the rates and before the routing decision.
const PEER_GROUP: i32 = -298;
/// After all other processing.
const DOWN: i32 = 301;

/// Elements per command; one command per element would be slow.
const ELEMENTS: usize = 1000;

/// Bounds of the burst in bytes. The burst is a quarter of a second's traffic, but has room for some of the largest
/// packets that offload produces.
const MIN_BURST: u64 = 256 * 1024;
const MAX_BURST: u64 = 1 << 30;

/// Bytes per second and burst in bytes, by the limit's name; `None` for a kind of limit that we do not create.
pub(crate) type Limits = BTreeMap<String, Option<(u64, u64)>>;

/// Map or set, and the key of an element.
type Place = (&'static str, Key);

/// Limits and elements as they are in the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    /// Bytes per second, by the limit's name.
    limits: BTreeMap<String, u64>,
    /// The name of the limit, by map and key; `None` for elements of a set.
    elements: BTreeMap<Place, Option<String>>,
}

impl Groups {
    /// Computes limits and elements from a request. `Err` gives the reason why the request is invalid.
    pub(crate) fn of(request: &SetGroups, policy: &Policy) -> Result<Self, &'static str> {
        let (mut groups, mut seen) = (Self::default(), BTreeSet::new());
        for group in &request.groups {
            if !seen.insert(group.user_id.to_string()) {
                return Err("duplicate account");
            }
            for (direct, tor) in &group.devices {
                let inside = |lane: &LaneRules, own: &LaneAddresses| {
                    lane.pool.v4.contains(&own.v4) && lane.pool.v6.contains(&own.v6)
                };
                if !inside(&policy.direct, direct) || !inside(&policy.tor, tor) {
                    return Err("an address is outside its lane's pool");
                }
            }
            groups.add(group);
        }
        Ok(groups)
    }

    fn add(&mut self, group: &Group) {
        let policy = group.traffic_policy;
        let account = group.user_id.to_string().replace('-', "");
        let all = || group.devices.iter().flat_map(|(direct, tor)| [addresses(direct), addresses(tor)]).flatten();
        for (first, word, rate) in [(0, "up", policy.upload_rate), (2, "down", policy.download_rate)] {
            let Some(rate) = rate else { continue };
            let name = format!("{word}_{account}");
            for address in all() {
                let (map, _) = LIMITED[first + usize::from(address.is_ipv6())];
                self.elements.insert((map, Key::One(address)), Some(name.clone()));
            }
            self.limits.insert(name, rate.clamp(1, MAX_RATE));
        }
        if policy.peer_group {
            let direct: Vec<_> = group.devices.iter().map(|(direct, _)| addresses(direct)).collect();
            for one in &direct {
                for other in direct.iter().filter(|other| *other != one) {
                    for (family, (set, _)) in PEER_GROUPS.iter().enumerate() {
                        self.elements.insert((set, Key::Pair(one[family], other[family])), None);
                    }
                }
            }
        }
    }

    /// True if the limits of a listing are these.
    pub(crate) fn has_limits(&self, found: &Limits) -> bool {
        let as_wanted = |(name, rate): (&String, &u64)| found.get(name) == Some(&Some((*rate, burst(*rate))));
        found.len() == self.limits.len() && self.limits.iter().all(as_wanted)
    }

    /// Names of all maps and sets.
    pub(crate) fn places() -> impl Iterator<Item = &'static str> {
        LIMITED.iter().chain(&PEER_GROUPS).map(|(name, _)| *name)
    }

    /// All elements.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, Key, ElementValue)> {
        self.elements.iter().map(|((place, key), limit)| {
            (*place, *key, limit.clone().map_or(ElementValue::Member, ElementValue::Limit))
        })
    }

    /// Declares the limits, maps and sets inside a table definition.
    pub(crate) fn declare(&self, out: &mut String) {
        for (name, rate) in &self.limits {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "\tlimit {name} {{\n\t\trate {}\n\t}}", rate_and_burst(*rate));
        }
        for (map, kind) in LIMITED {
            let _ = writeln!(out, "\tmap {map} {{\n\t\ttype {kind} : limit;\n\t}}");
        }
        for (set, kind) in PEER_GROUPS {
            let _ = writeln!(out, "\tset {set} {{\n\t\ttype {kind} . {kind};\n\t}}");
        }
    }

    /// Adds all elements to the maps and sets.
    pub(crate) fn fill(&self, out: &mut String, table: &str) {
        elements(out, table, "add", self.elements.iter());
    }

    /// The transaction that turns `old` into `self`; empty if they are equal. A limit whose rate changes is replaced
    /// and starts with a full bucket.
    pub(crate) fn change_from(&self, old: &Self, table: &str) -> String {
        let mut out = String::new();
        let same = |name: &String| old.limits.get(name) == self.limits.get(name);
        let stays = |key: &Place, limit: &Option<String>| {
            self.elements.get(key) == Some(limit) && limit.as_ref().is_none_or(same)
        };
        elements(&mut out, table, "delete", old.elements.iter().filter(|(key, limit)| !stays(key, limit)));
        for name in old.limits.keys().filter(|name| !same(name)) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "delete limit inet {table} {name}");
        }
        for (name, rate) in self.limits.iter().filter(|(name, _)| !same(name)) {
            let _ = writeln!(out, "add limit inet {table} {name} {{ rate {}; }}", rate_and_burst(*rate));
        }
        let known = |key: &Place, limit: &Option<String>| {
            old.elements.get(key) == Some(limit) && limit.as_ref().is_none_or(same)
        };
        elements(&mut out, table, "add", self.elements.iter().filter(|(key, limit)| !known(key, limit)));
        out
    }
}

fn addresses(own: &LaneAddresses) -> [IpAddr; 2] {
    [own.v4.into(), own.v6.into()]
}

/// Size of the bucket in bytes.
fn burst(rate: u64) -> u64 {
    (rate / 4).clamp(MIN_BURST, MAX_BURST)
}

fn rate_and_burst(rate: u64) -> String {
    format!("over {rate} bytes/second burst {} bytes", burst(rate))
}

type Element<'a> = (&'a Place, &'a Option<String>);

fn elements<'a>(out: &mut String, table: &str, verb: &str, all: impl Iterator<Item = Element<'a>>) {
    let mut by_place: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((place, key), limit) in all {
        let member = match limit {
            Some(limit) if verb == "add" => format!("{key} : \"{limit}\""),
            Some(_) | None => key.to_string(),
        };
        by_place.entry(place).or_default().push(member);
    }
    for (place, members) in by_place {
        for chunk in members.chunks(ELEMENTS) {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{verb} element inet {table} {place} {{ {} }}", chunk.join(", "));
        }
    }
}

/// Chains that limit the traffic from and to devices on both lanes, and the chain that sets the mark by which the
/// second layer recognises packets within a peer group. The mark is set before the routing decision.
pub(crate) fn chains(policy: &Policy) -> [Chain; 3] {
    let (lanes, direct) = (policy.lanes(), quoted(&policy.direct.interface));
    let peer_groups = both("devices of one account", |f| {
        let set = f.of("together4", "together6");
        format!("iifname {direct} {f} saddr . {f} daddr @{set} meta mark set {PEER_GROUP_MARK:#010x}")
    });
    let limit = |f: Family, end, map| format!("limit name {f} {end} map @{map}{} drop", f.of(4, 6));
    let up = both("over the rate limit", |f| format!("iifname {lanes} {}", limit(f, "saddr", "up")));
    let down = both("over the rate limit", |f| format!("oifname {lanes} {}", limit(f, "daddr", "down")));
    [
        base("rate_up", "filter", "prerouting", UP, up.into()),
        base("meet", "filter", "prerouting", PEER_GROUP, peer_groups.into()),
        base("rate_down", "filter", "postrouting", DOWN, down.into()),
    ]
}

/// Rules that accept packets between devices of a peer group, among those forwarded from the direct lane.
pub(crate) fn exceptions(direct: &str) -> [Rule; 2] {
    both("devices of one account", |f| format!("oifname {direct} {f} saddr . {f} daddr @together{} accept", f.of(4, 6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Groups {
        /// A rate that the kernel rejects as too large.
        pub(crate) fn rejected_by_the_kernel() -> Self {
            Self { limits: [("down_1".to_owned(), 20_000_000_000)].into(), ..Self::default() }
        }
    }

    use crate::config::Settings;
    use tornado_contracts::TrafficPolicy;
    use tornado_shared::model::{LanePools, Slot, UserId};

    fn group(user: u128, policy: TrafficPolicy, slots: &[u32]) -> Group {
        let pools = LanePools::default();
        let of = |slot: &u32| (pools.direct.addresses(Slot(*slot)).unwrap(), pools.tor.addresses(Slot(*slot)).unwrap());
        Group {
            user_id: UserId(uuid::Uuid::from_u128(user)),
            traffic_policy: policy,
            devices: slots.iter().map(of).collect(),
        }
    }

    fn groups(all: Vec<Group>) -> Groups {
        Groups::of(&SetGroups { groups: all }, &Policy::of(&Settings::default()).unwrap()).unwrap()
    }

    fn limited(rate: u64) -> TrafficPolicy {
        TrafficPolicy { download_rate: Some(rate), ..TrafficPolicy::default() }
    }

    #[test]
    fn an_account_has_one_limit_and_pairs_on_the_direct_lane() {
        let policy = TrafficPolicy { upload_rate: Some(8_000), download_rate: Some(1_250_000), peer_group: true };
        let groups = groups(vec![group(1, policy, &[5, 6])]);
        let (mut table, mut elements) = (String::new(), String::new());
        groups.declare(&mut table);
        groups.fill(&mut elements, "tornado");
        insta::assert_snapshot!(format!("{table}{elements}"));
    }

    #[test]
    fn a_change_touches_only_what_changes() {
        let before = groups(vec![group(1, limited(9_000), &[5]), group(2, limited(9_000), &[7])]);
        assert_eq!(before.change_from(&before, "t"), "");
        let after = groups(vec![group(1, limited(10_000), &[5]), group(2, limited(9_000), &[7, 8])]);
        insta::assert_snapshot!(after.change_from(&before, "t"));
        assert!(!Groups::default().change_from(&after, "t").contains("add "));
    }

    #[test]
    fn no_rate_exceeds_the_limit_of_the_kernel() {
        let most = groups(vec![group(1, limited(MAX_RATE), &[5])]);
        assert_eq!(groups(vec![group(1, limited(u64::MAX), &[5])]), most);
        // The kernel multiplies the sum of rate and burst by 10⁹ (nft_limit_init) in 64 bits.
        for rate in most.limits.values() {
            assert!((rate + burst(*rate)).checked_mul(1_000_000_000).is_some());
        }
    }

    #[test]
    fn invalid_groups_are_rejected() {
        let policy = Policy::of(&Settings::default()).unwrap();
        let twice = SetGroups { groups: vec![group(1, limited(1), &[5]), group(1, limited(1), &[6])] };
        assert!(Groups::of(&twice, &policy).is_err());
        let mut outside = group(1, limited(1), &[5]);
        outside.devices[0].0.v4 = "192.0.2.1".parse().unwrap();
        assert!(Groups::of(&SetGroups { groups: vec![outside] }, &policy).is_err());
    }
}
