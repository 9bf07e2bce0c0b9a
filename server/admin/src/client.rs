//! The address of the client behind reverse proxies.

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::str::FromStr;

/// A network of reverse proxies: an address, or `ADDRESS/LENGTH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    length: u8,
}

/// The text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a network is an address or ADDRESS/LENGTH, for example 192.0.2.7 or 2001:db8::/64")]
pub struct NotNetwork;

impl FromStr for Network {
    type Err = NotNetwork;
    fn from_str(text: &str) -> Result<Self, NotNetwork> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| NotNetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(most), str::parse).map_err(|_| NotNetwork)?;
        if length > most { Err(NotNetwork) } else { Ok(Self { address, length }) }
    }
}

impl TryFrom<String> for Network {
    type Error = NotNetwork;
    fn try_from(text: String) -> Result<Self, NotNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.address, network.length)
    }
}

impl Network {
    /// True for an address of this network.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        let shared = match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => (ours.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(ours), IpAddr::V6(other)) => (ours.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        shared >= u32::from(self.length)
    }
}

/// The client's address: the peer's, unless the peer is one of `proxies`. Then it is the last address in
/// `X-Forwarded-For` that is not one of them. Earlier entries come from the client and prove nothing.
pub fn address(peer: IpAddr, headers: &HeaderMap, proxies: &[Network]) -> IpAddr {
    let is_proxy = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    if !is_proxy(peer) {
        return peer.to_canonical();
    }
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    let mut client = peer;
    for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Ok(address) = entry.trim().parse::<IpAddr>() else { break };
        client = address;
        if !is_proxy(address) {
            break;
        }
    }
    client.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, forwarded: &[&str], proxies: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let proxies: Vec<Network> = proxies.iter().map(|network| network.parse().unwrap()).collect();
        address(peer.parse().unwrap(), &headers, &proxies).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_names_the_client() {
        assert_eq!(of("192.0.2.1", &["198.51.100.9"], &[]), "192.0.2.1");
        assert_eq!(of("127.0.0.1", &["198.51.100.9"], &["127.0.0.1"]), "198.51.100.9");
        assert_eq!(of("127.0.0.1", &[], &["127.0.0.1"]), "127.0.0.1");
        assert_eq!(of("::ffff:192.0.2.1", &["198.51.100.9"], &["192.0.2.0/24"]), "198.51.100.9");
    }

    #[test]
    fn entries_that_the_client_sent_are_ignored() {
        let proxies = ["127.0.0.1", "10.0.0.0/8"];
        assert_eq!(of("127.0.0.1", &["203.0.113.5, 198.51.100.9, 10.1.2.3"], &proxies), "198.51.100.9");
        assert_eq!(of("127.0.0.1", &["203.0.113.5", "198.51.100.9"], &proxies), "198.51.100.9");
        assert_eq!(of("127.0.0.1", &["nonsense, 10.1.2.3"], &proxies), "10.1.2.3");
    }

    #[test]
    fn networks_are_addresses_with_a_length() {
        for bad in ["", "x", "192.0.2.0/33", "::/129", "192.0.2.0/-1", "192.0.2.0/"] {
            assert_eq!(bad.parse::<Network>(), Err(NotNetwork), "{bad}");
        }
        assert_eq!(String::from("192.0.2.7".parse::<Network>().unwrap()), "192.0.2.7/32");
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("203.0.113.1".parse().unwrap()));
    }
}
