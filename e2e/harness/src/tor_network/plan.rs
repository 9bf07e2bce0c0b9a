//! Relays, addresses and countries of a private Tor network, as data.
//!
//! Addresses are of the ranges kept for measurements (RFC 2544) and documentation (RFC 3849).

use crate::{Addresses, HarnessError, TorNetworkOptions};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Where every relay takes circuits.
pub(super) const OR_PORT: u16 = 9001;
/// Where an authority serves and votes.
pub(super) const DIR_PORT: u16 = 9030;
/// Where a bridge takes obfs4.
pub(super) const OBFS4_PORT: u16 = 9443;
/// The host of the onion service; only its own tor knows the way to its web server.
pub(super) const ONION: Addresses = addresses(1, 10);
/// The name server that the exits ask, a second address of `internet`.
pub(super) const NAME_SERVER: Addresses =
    Addresses { v4: Ipv4Addr::new(192, 0, 2, 53), v6: Ipv6Addr::new(0x2001, 0xdb8, 0x80, 0, 0, 0, 0, 0x53) };

/// Where the rules of a cut stand: before the main table's.
const CUT: u16 = 100;

/// Most relays of one kind: their names have one digit, their addresses a range of 20.
const KIND_MAX: u8 = 9;

/// What a relay is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayKind {
    /// Votes on the consensus; also carries circuits.
    Authority,
    /// Guard or middle.
    Relay,
    /// Lets circuits out to every address and port.
    Exit,
    /// In no directory: a way in for those who know its line, in the disguise obfs4.
    Bridge,
}

/// One relay of the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// Its nickname, by which it is also killed and paused: `a1` …, `r1` …, `e1` …, `b1` …
    pub name: String,
    /// What it is for.
    pub kind: RelayKind,
    /// Its addresses; an exit is seen by them in `internet`.
    pub addresses: Addresses,
    /// Country in [`TorNetwork::geoip_file`](crate::TorNetwork::geoip_file): two letters, small.
    pub country: String,
    /// SHA-1 of its identity key: 40 digits, capital.
    pub fingerprint: String,
    /// The identity it votes with, of an authority.
    pub vote_identity: Option<String>,
}

/// Every relay, without its keys. Authorities first: the others upload to them.
pub(super) fn relays(options: &TorNetworkOptions) -> Result<Vec<Relay>, HarnessError> {
    let exits = u8::try_from(options.exit_countries.len()).unwrap_or(u8::MAX);
    let one_to = |max: u8, count: u8| (1..=max).contains(&count);
    if !one_to(KIND_MAX, options.authorities)
        || !one_to(KIND_MAX, exits)
        || options.relays.max(options.bridges) > KIND_MAX
    {
        return Err(wrong("1 to 9 authorities and exits, at most 9 relays and bridges"));
    }
    // A circuit has three hops.
    if options.authorities + options.relays + exits < 3 {
        return Err(wrong("a circuit needs three relays"));
    }
    let is_country = |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase());
    if !options.exit_countries.iter().all(is_country) {
        return Err(wrong("a country is two small letters"));
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

/// GeoIP tables in Tor's format, both families: numbers as numbers, IPv6 as text.
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

/// What must still be waited before relays should start, seen from a wall clock. Consensuses are made at multiples of
/// 5 s, and the vote begins 4 s before. Started earlier than this, authorities agree on a network without relays,
/// and the next consensus comes 10 s later; started later, relays are unknown when the vote begins.
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
        let (own, namespace) = (addresses(subnet, 1), crate::topology::namespace(lab, host));
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

/// `ip -batch` lines for `access`, one list a family, after which no packet goes to or from the relays, and nobody is
/// told; with `delete` those that undo it.
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
