//! Relays, addresses and countries of a private Tor network, as data.
//!
//! Addresses are reserved for benchmarks (RFC 2544) and documentation (RFC 3849).

use crate::{Addresses, HarnessError, TorNetworkOptions};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// OR port of every relay.
pub(super) const OR_PORT: u16 = 9001;
/// Directory port of an authority.
pub(super) const DIR_PORT: u16 = 9030;
/// obfs4 port of a bridge.
pub(super) const OBFS4_PORT: u16 = 9443;
/// Addresses of the host of the onion service. Only its own tor process has access to its web server.
pub(super) const ONION: Addresses = addresses(1, 10);
/// Addresses of the name server that the exits use, additional addresses of `internet`.
pub(super) const NAME_SERVER: Addresses =
    Addresses { v4: Ipv4Addr::new(192, 0, 2, 53), v6: Ipv6Addr::new(0x2001, 0xdb8, 0x80, 0, 0, 0, 0, 0x53) };

/// Priority of the rules of a cut, before the main table.
const CUT: u16 = 100;

/// Maximum number of relays of one kind: names have one digit, and each kind has a range of 20 addresses.
const KIND_MAX: u8 = 9;

/// The role of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayKind {
    /// Votes on the consensus, and also carries circuits.
    Authority,
    /// Guard or middle relay.
    Relay,
    /// Allows all addresses and ports as an exit.
    Exit,
    /// An obfs4 bridge that is not in any directory.
    Bridge,
}

/// A relay of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// Nickname, which also identifies it for kill and pause: `a1` …, `r1` …, `e1` …, `b1` …
    pub name: String,
    /// Its role.
    pub kind: RelayKind,
    /// Its addresses. `internet` sees an exit with these.
    pub addresses: Addresses,
    /// Country in [`TorNetwork::geoip_file`](crate::TorNetwork::geoip_file): two lower-case letters.
    pub country: String,
    /// SHA-1 of its identity key: 40 upper-case digits.
    pub fingerprint: String,
    /// Vote identity of an authority.
    pub vote_identity: Option<String>,
}

/// All relays, without their keys. Authorities come first, because the others upload to them.
pub(super) fn relays(options: &TorNetworkOptions) -> Result<Vec<Relay>, HarnessError> {
    let exits = u8::try_from(options.exit_countries.len()).unwrap_or(u8::MAX);
    let one_to = |max: u8, count: u8| (1..=max).contains(&count);
    if !one_to(KIND_MAX, options.authorities)
        || !one_to(KIND_MAX, exits)
        || options.relays.max(options.bridges) > KIND_MAX
    {
        return Err(wrong("it must have 1 to 9 authorities and exits, and at most 9 relays and bridges"));
    }
    // A circuit has three hops.
    if options.authorities + options.relays + exits < 3 {
        return Err(wrong("a circuit needs three relays"));
    }
    let is_country = |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase());
    if !options.exit_countries.iter().all(is_country) {
        return Err(wrong("a country must be two lower-case letters"));
    }
    let one = |kind, letter: char, number: u8, base: u8, country: &str| Relay {
        name: format!("{letter}{number}"),
        kind,
        addresses: addresses(0, base + number),
        country: country.to_owned(),
        fingerprint: String::new(),
        vote_identity: None,
    };
    let authorities = (1..=options.authorities).map(|n| one(RelayKind::Authority, 'a', n, 10, "se"));
    let relays = (1..=options.relays).map(|n| one(RelayKind::Relay, 'r', n, 30, "se"));
    let exits = (1..=exits).zip(&options.exit_countries).map(|(n, country)| one(RelayKind::Exit, 'e', n, 50, country));
    let bridges = (1..=options.bridges).map(|n| one(RelayKind::Bridge, 'b', n, 70, "se"));
    Ok(authorities.chain(relays).chain(exits).chain(bridges).collect())
}

/// GeoIP tables in Tor's format: IPv4 addresses as numbers, IPv6 addresses as text.
pub(super) fn geoip(relays: &[Relay]) -> (String, String) {
    let (mut v4, mut v6) = (String::new(), String::new());
    for relay in relays {
        let (four, six, country) = (u32::from(relay.addresses.v4), relay.addresses.v6, relay.country.to_uppercase());
        // Writing to a string cannot fail.
        let _ = writeln!(v4, "{four},{four},{country}");
        let _ = writeln!(v6, "{six},{six},{country}");
    }
    (v4, v6)
}

/// The remaining wait until relays should start, from the wall clock. Consensuses are computed at multiples of 5 s, and
/// the vote starts 4 s before. If relays start too early, authorities agree on a network without relays, and the next
/// consensus comes 10 s later. If they start too late, they are unknown when the vote starts.
pub(super) fn until_start(since_epoch: std::time::Duration) -> std::time::Duration {
    let (period, phase) = (5_000, 2_800);
    let now = since_epoch.as_millis() % period;
    let wait = (phase + period - now) % period;
    std::time::Duration::from_millis(u64::try_from(wait).unwrap_or_default())
}

/// `ip -batch` lines for `access`, `tornet`, `onion` and `internet`, in this order.
pub(super) fn wiring(lab: &str, relays: &[Relay]) -> [(&'static str, Vec<String>); 4] {
    let mut access = Vec::new();
    for (subnet, host) in [(0, "tornet"), (1, "onion")] {
        let (own, namespace) = (addresses(subnet, 1), crate::lab::topology::namespace(lab, host));
        access.push(format!("link add {host} type veth peer name eth0 netns {namespace}"));
        access.push(format!("link set {host} up"));
        access.push(format!("addr add {}/24 dev {host}", own.v4));
        access.push(format!("addr add {}/64 dev {host} nodad", own.v6));
    }
    let far = |subnet, own: Vec<Addresses>| {
        let gateway = addresses(subnet, 1);
        let mut lines = vec!["link set lo up".to_owned(), "link set eth0 up".to_owned()];
        for own in own {
            lines.push(format!("addr add {}/24 dev eth0", own.v4));
            lines.push(format!("addr add {}/64 dev eth0 nodad", own.v6));
        }
        lines.push(format!("route add default via {}", gateway.v4));
        lines.push(format!("route add default via {}", gateway.v6));
        lines
    };
    let internet = vec![
        format!("addr add {}/24 dev eth0", NAME_SERVER.v4),
        format!("addr add {}/64 dev eth0 nodad", NAME_SERVER.v6),
    ];
    [
        ("access", access),
        ("tornet", far(0, relays.iter().map(|relay| relay.addresses).collect())),
        ("onion", far(1, vec![ONION])),
        ("internet", internet),
    ]
}

/// `ip -batch` lines for `access`, one list per family, that silently drop all packets to and from the relays; with
/// `delete`, the lines that revert it.
pub(super) fn cutting(delete: bool) -> [(&'static str, Vec<String>); 2] {
    let (verb, own) = (if delete { "del" } else { "add" }, addresses(0, 0));
    let rules = |subnet: String| {
        ["from", "to"].map(|side| format!("rule {verb} pref {CUT} {side} {subnet} blackhole")).to_vec()
    };
    [("-4", rules(format!("{}/24", own.v4))), ("-6", rules(format!("{}/64", own.v6)))]
}

const fn addresses(subnet: u8, last: u8) -> Addresses {
    Addresses {
        v4: Ipv4Addr::new(198, 18, subnet, last),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 0x77, subnet as u16, 0, 0, 0, last as u16),
    }
}

fn wrong(detail: &str) -> HarnessError {
    HarnessError::answer("the size of the Tor network", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::time::Duration;

    #[test]
    fn no_two_relays_share_a_name_or_an_address() {
        let most = TorNetworkOptions {
            authorities: KIND_MAX,
            relays: KIND_MAX,
            exit_countries: vec!["de".to_owned(); usize::from(KIND_MAX)],
            bridges: KIND_MAX,
            ..TorNetworkOptions::default()
        };
        let relays = relays(&most).unwrap();
        assert_eq!(relays.len(), 36);
        assert_eq!(relays.iter().map(|r| &r.name).collect::<HashSet<_>>().len(), 36);
        assert_eq!(relays.iter().map(|r| r.addresses.v4).collect::<HashSet<_>>().len(), 36);
        assert_eq!(relays.iter().map(|r| r.addresses.v6).collect::<HashSet<_>>().len(), 36);
    }

    #[test]
    fn sizes_that_cannot_work_are_refused() {
        let of = |authorities, relays, exits: &[&str]| TorNetworkOptions {
            authorities,
            relays,
            exit_countries: exits.iter().map(|&country| country.to_owned()).collect(),
            ..TorNetworkOptions::default()
        };
        for options in [of(0, 3, &["de"]), of(1, 0, &["de"]), of(3, 3, &[]), of(10, 0, &["de"]), of(3, 0, &["DE"])] {
            assert!(relays(&options).is_err(), "{options:?}");
        }
        assert!(relays(&of(3, 0, &["de"])).is_ok());
    }

    #[test]
    fn every_exit_has_its_country() {
        let relays = relays(&TorNetworkOptions::default()).unwrap();
        let (v4, v6) = geoip(&relays);
        assert!(v4.contains("3323068467,3323068467,DE\n"), "{v4}");
        assert!(v6.contains("2001:db8:77::34,2001:db8:77::34,NL\n"), "{v6}");
    }

    #[test]
    fn relays_start_in_the_right_part_of_a_voting_period() {
        for (now, wait) in [(2_800, 0), (0, 2_800), (2_801, 4_999), (12_000, 800)] {
            assert_eq!(until_start(Duration::from_millis(now)), Duration::from_millis(wait), "{now}");
        }
    }
}
