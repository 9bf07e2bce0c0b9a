//! How much of the console a network can use at the same time.

use crate::client::Network;
use std::net::IpAddr;
use std::sync::Arc;
use tornado_runtime::{Admission, Counted, Place};

/// Connections, in total and of one IPv4 address or IPv6 /64. A quarter of the total is reserved for known addresses.
const CONNECTIONS: (usize, usize) = (2048, 256);
/// Requests over HTTP/2, of which one connection carries many.
const REQUESTS: (usize, usize) = (4096, 512);
/// Request bodies that are being received, each of at most 64 KiB.
const BODIES: (usize, usize) = (512, 64);

/// The places of one listener. An address is known after a sign-in or an API token was used there.
pub struct Admissions {
    connections: Arc<Admission>,
    requests: Arc<Admission>,
    bodies: Arc<Admission>,
}

impl Admissions {
    /// All places are free. Connections and requests of reverse proxies, and of loopback, where they usually are, are
    /// limited in total only.
    pub fn new(proxies: &[Network]) -> Self {
        let shared = |(most, of_one): (usize, usize)| {
            let proxies = proxies.to_vec();
            Arc::new(Admission::new(most, of_one, move |address| {
                let address = address.to_canonical();
                let is_shared = address.is_loopback() || proxies.iter().any(|network| network.contains(address));
                if is_shared { Counted::InTotal } else { Counted::ByNetwork }
            }))
        };
        let (most, of_one) = BODIES;
        Self {
            connections: shared(CONNECTIONS),
            requests: shared(REQUESTS),
            bodies: Arc::new(Admission::new(most, of_one, |_| Counted::ByNetwork)),
        }
    }

    /// Takes a place for a connection of this peer, if one is free.
    pub fn connection(&self, peer: IpAddr) -> Option<Place> {
        self.connections.enter(peer)
    }

    /// Takes a place for a request over HTTP/2 of this peer, if one is free.
    pub fn request(&self, peer: IpAddr) -> Option<Place> {
        self.requests.enter(peer)
    }

    /// Takes a place for the body of a request, if one is free. Unlike the others, it counts for the client's own
    /// address, also behind a proxy.
    pub fn body(&self, client: IpAddr) -> Option<Place> {
        self.bodies.enter(client)
    }

    /// Records that a sign-in or an API token was used at this address.
    pub fn note(&self, client: IpAddr) {
        for admission in [&self.connections, &self.requests, &self.bodies] {
            admission.note(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_gets_a_part_of_the_console_and_a_proxy_all_of_it() {
        let places = Admissions::new(&["192.0.2.7".parse().unwrap()]);
        let all = |address: &str| (0..3000).map_while(|_| places.connection(from(address))).collect::<Vec<_>>();
        assert_eq!(all("198.51.100.1").len(), CONNECTIONS.1);
        assert_eq!(all("2001:db8::1").len(), CONNECTIONS.1);
        for proxy in ["127.0.0.1", "::1", "192.0.2.7", "::ffff:192.0.2.7"] {
            assert_eq!(all(proxy).len(), CONNECTIONS.0, "{proxy}");
        }
        let bodies: Vec<_> = (0..3000).map_while(|_| places.body(from("127.0.0.1"))).collect();
        assert_eq!(bodies.len(), BODIES.1, "a body counts for its client");
        assert!(places.body(from("198.51.100.1")).is_some());
    }

    #[test]
    fn operators_get_in_beside_a_flood() {
        let places = Admissions::new(&[]);
        places.note(from("198.51.100.1"));
        let flood: Vec<_> = (0..20_000_u32)
            .filter_map(|n| places.connection(IpAddr::from((0x0a00_0000 + n * 256).to_be_bytes())))
            .collect();
        assert_eq!(flood.len(), CONNECTIONS.0 - CONNECTIONS.0 / 4);
        assert!(places.connection(from("198.51.100.1")).is_some());
        assert!(places.connection(from("198.51.100.2")).is_none());
    }
}
