//! Parses output of the kernel and of programs. Pure.

use super::facts::{Drops, Route};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Deserialize;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The first `a.b` or `a.b.c` in a version output.
pub(super) fn version(words: &str) -> Option<(u32, u32, u32)> {
    let word = |word: &str| {
        let mut numbers =
            word.trim_start_matches('v').split('.').map(|n| n.trim_end_matches(|c: char| !c.is_ascii_digit()));
        let (a, b) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        Some((a, b, numbers.next().and_then(|c| c.parse().ok()).unwrap_or_default()))
    };
    words.split_whitespace().find_map(word)
}

/// Parses `/proc/net/route`, which has numbers in the byte order of the machine (proc(5)).
pub(super) fn routes_v4(text: &str) -> Vec<Route> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |index: usize| u32::from_str_radix(words.get(index)?, 16).ok();
        let address = |number: u32| Ipv4Addr::from(number.to_ne_bytes());
        // RTF_UP is set and RTF_REJECT is not.
        if number(3)? & 0x201 != 1 {
            return None;
        }
        let net = Ipv4Net::with_netmask(address(number(1)?), address(number(7)?)).ok()?;
        Some(Route { net: IpNet::V4(net), interface: (*words.first()?).to_owned() })
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// Parses `/proc/net/ipv6_route`.
pub(super) fn routes_v6(text: &str) -> Vec<Route> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let address = u128::from_str_radix(words.first()?, 16).ok()?;
        let length = u8::from_str_radix(words.get(1)?, 16).ok()?;
        let flags = u32::from_str_radix(words.get(8)?, 16).ok()?;
        let interface = (*words.get(9)?).to_owned();
        let net = Ipv6Net::new(Ipv6Addr::from(address), length).ok()?;
        // RTF_UP is set and RTF_REJECT is not. Every interface has link-local and multicast routes, which cause no
        // conflict.
        let is_common = interface == "lo" || net.addr().is_unicast_link_local() || net.addr().is_multicast();
        (flags & 0x201 == 1 && !is_common).then_some(Route { net: IpNet::V6(net), interface })
    };
    text.lines().filter_map(line).collect()
}

#[derive(Deserialize)]
struct Listing {
    nftables: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    chain: Option<Chain>,
}

#[derive(Deserialize)]
struct Chain {
    family: String,
    table: String,
    name: String,
    hook: Option<String>,
    policy: Option<String>,
}

/// Base chains in the output of `nft --json list` that drop packets by default, except those in `own_tables`.
pub(super) fn drops(json: &str, own_tables: &[&str]) -> Vec<Drops> {
    let Ok(listing) = serde_json::from_str::<Listing>(json) else { return Vec::new() };
    let chain = |item: Item| {
        let chain = item.chain?;
        let hook = chain.hook.filter(|hook| hook == "forward" || hook == "input")?;
        let is_other = !own_tables.contains(&chain.table.as_str());
        (is_other && chain.policy.as_deref() == Some("drop")).then_some(Drops {
            family: chain.family,
            table: chain.table,
            chain: chain.name,
            hook,
        })
    };
    listing.nftables.into_iter().filter_map(chain).collect()
}

/// Inodes of sockets in `/proc/net/{tcp,udp}[6]` on a local port; TCP only while they listen (state 0A).
pub(super) fn holders(text: &str, port: u16, is_tcp: bool) -> Vec<u64> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let local = words.get(1)?.rsplit_once(':')?.1;
        let is_here = u16::from_str_radix(local, 16).ok()? == port;
        let listens = !is_tcp || *words.get(3)? == "0A";
        (is_here && listens).then(|| words.get(9)?.parse().ok()).flatten()
    };
    text.lines().skip(1).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(version("nftables v1.0.6 (Lester Gooch #5)"), Some((1, 0, 6)));
        assert_eq!(version("Tor version 0.4.9.11."), Some((0, 4, 9)));
        assert_eq!(version("nothing here"), None);
    }

    #[test]
    fn routes() {
        let v4 = "Iface\tDestination\tGateway\n\
                  eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                  tun5\t0000080A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
                  *\t0000080A\t00000000\t0200\t0\t0\t0\t0000FFFF\t0\t0\t0\nrubbish";
        let found: Vec<String> = routes_v4(v4).iter().map(|r| format!("{} {}", r.net, r.interface)).collect();
        assert_eq!(found, ["0.0.0.0/0 eth0", "10.8.0.0/16 tun5"]);
        let v6 = "fd000000000000000000000000000000 40 00 00 00000100 00000002 00000000 00000001     eth0\n";
        assert_eq!(routes_v6(v6).len(), 0, "the line lacks a column");
        let zero = "0".repeat(32);
        let v6 = format!(
            "fd00{} 40 {zero} 00 {zero} 00000100 00000002 00000000 00000001 eth0\n\
             fe80{} 40 {zero} 00 {zero} 00000100 00000001 00000000 00000001 eth0\n\
             {zero} 00 {zero} 00 {zero} 00000400 00000003 00000000 00000003 eth0\n\
             {zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200 lo\n",
            "0".repeat(28),
            "0".repeat(28)
        );
        let found: Vec<String> = routes_v6(&v6).iter().map(|r| r.net.to_string()).collect();
        assert_eq!(found, ["fd00::/64", "::/0"]);
    }

    #[test]
    fn chains() {
        let json = r#"{"nftables": [{"metainfo": {}}, {"chain": {"family": "ip", "table": "filter", "name": "FORWARD",
            "handle": 1, "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}},
            {"chain": {"family": "inet", "table": "tornado", "name": "forward", "hook": "forward", "policy": "drop"}},
            {"chain": {"family": "inet", "table": "x", "name": "input", "hook": "input", "policy": "accept"}},
            {"chain": {"family": "inet", "table": "x", "name": "plain"}}]}"#;
        let found = drops(json, &["tornado"]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].table.as_str(), found[0].chain.as_str()), ("filter", "FORWARD"));
        assert!(drops("not json", &[]).is_empty());
    }

    #[test]
    fn sockets() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 00000000:11FD 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1\n\
            1: 0100007F:11FD 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 888 1\n";
        assert_eq!(holders(text, 4605, true), [777]);
        assert_eq!(holders(text, 4605, false), [777, 888]);
        assert!(holders(text, 4606, true).is_empty());
    }
}
