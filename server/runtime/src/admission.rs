//! Admission of connections to a TCP listener, with bounded memory.
//!
//! Unknown addresses share all connections except a reserve. Known addresses are those that the service vouches for,
//! and those from which a caller authenticated earlier, so a flood from unknown addresses does not lock out the
//! others.

use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use tornado_shared::model::Origin;

/// Maximum number of known addresses; the one that authenticated longest ago is evicted first.
const MOST_KNOWN: usize = 65_536;
/// Fraction of all connections that unknown addresses cannot use (1/4).
const RESERVE: usize = 4;
/// Fraction of the reserve that one origin can use (1/16).
const SHARES: usize = 16;

/// How the connections of an address are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// For the networks around the address. It is known after [`Admission::note`].
    ByNetwork,
    /// For the address alone, which is always known: a host of a network that the server itself manages.
    ByHost,
    /// In total only, and always known: a reverse proxy, which has many clients.
    InTotal,
}

/// Decides how an address is counted.
type Rule = dyn Fn(IpAddr) -> Counted + Send + Sync;

/// Counts concurrent connections: in total, of unknown addresses, and per network.
pub struct Admission {
    most: usize,
    per_origin: usize,
    rule: Box<Rule>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    all: usize,
    unknown: usize,
    origins: HashMap<Origin, usize>,
    known: HashMap<Origin, u64>,
    by_age: BTreeSet<(u64, Origin)>,
    proofs: u64,
}

/// The slot of a connection; released on drop.
pub struct Place {
    admission: Arc<Admission>,
    origins: Vec<Origin>,
    is_unknown: bool,
}

impl Admission {
    /// At most `most` connections, and `per_origin` of one IPv4 address or IPv6 /64 (twice as many of a /56, four times
    /// of a /48).
    #[must_use]
    pub fn new(most: usize, per_origin: usize, rule: impl Fn(IpAddr) -> Counted + Send + Sync + 'static) -> Self {
        Self { most, per_origin, rule: Box::new(rule), state: Mutex::default() }
    }

    /// Takes a slot for a connection, if one is free. An unknown address counts for every network around it. A known
    /// address counts only for its smallest network, so its neighbours cannot use up its slots.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let counted = (self.rule)(address);
        let steps: Vec<_> = match counted {
            Counted::ByNetwork => Origin::steps(address).collect(),
            Counted::ByHost => vec![(Origin::host(address), 1)],
            Counted::InTotal => Vec::new(),
        };
        let mut state = self.state.lock();
        let is_known = counted != Counted::ByNetwork || state.known.contains_key(&Origin::from(address));
        let unknown_limit = self.most - self.most / RESERVE;
        if state.all >= self.most || (!is_known && state.unknown >= unknown_limit) {
            return None;
        }
        let limited = if is_known { 1 } else { usize::MAX };
        // Many callers share the reserve, so a hostile one gets only a small part of it.
        let in_reserve = state.all >= unknown_limit;
        let per_origin = if in_reserve { self.per_origin.min(self.reserve_share()) } else { self.per_origin };
        let is_full = |(origin, factor): &(Origin, usize)| {
            state.origins.get(origin).is_some_and(|count| *count >= per_origin.saturating_mul(*factor))
        };
        if steps.iter().take(limited).any(is_full) {
            return None;
        }
        let origins: Vec<_> = steps.into_iter().map(|(origin, _)| origin).collect();
        for origin in &origins {
            *state.origins.entry(*origin).or_default() += 1;
        }
        state.all += 1;
        state.unknown += usize::from(!is_known);
        drop(state);
        Some(Place { admission: self.clone(), origins, is_unknown: !is_known })
    }

    /// Records that a caller authenticated from this address.
    pub fn note(&self, address: IpAddr) {
        let origin = Origin::from(address);
        let mut state = self.state.lock();
        state.proofs += 1;
        let proof = state.proofs;
        if let Some(before) = state.known.insert(origin, proof) {
            state.by_age.remove(&(before, origin));
        } else if state.known.len() > MOST_KNOWN
            && let Some((_, oldest)) = state.by_age.pop_first()
        {
            state.known.remove(&oldest);
        }
        state.by_age.insert((proof, origin));
    }

    /// Connections per origin while the reserve is in use.
    fn reserve_share(&self) -> usize {
        (self.most / RESERVE / SHARES).max(4)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.admission.state.lock();
        state.all = state.all.saturating_sub(1);
        state.unknown = state.unknown.saturating_sub(usize::from(self.is_unknown));
        for origin in &self.origins {
            if let Some(count) = state.origins.get_mut(origin) {
                *count -= 1;
                if *count == 0 {
                    state.origins.remove(origin);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(most: usize, per_origin: usize) -> Arc<Admission> {
        let rule = |address: IpAddr| match address {
            IpAddr::V4(v4) if v4.octets()[0] == 10 => Counted::ByHost,
            IpAddr::V4(v4) if v4.is_loopback() => Counted::InTotal,
            IpAddr::V4(_) | IpAddr::V6(_) => Counted::ByNetwork,
        };
        Arc::new(Admission::new(most, per_origin, rule))
    }

    fn from(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn closed_connections_free_their_slots() {
        let all = admission(100, 2);
        let places = [all.enter(from("192.0.2.1")).unwrap(), all.enter(from("192.0.2.1")).unwrap()];
        assert!(all.enter(from("192.0.2.1")).is_none());
        assert!(all.enter(from("192.0.2.2")).is_some());
        drop(places);
        assert!(all.enter(from("192.0.2.1")).is_some());
        let state = all.state.lock();
        assert_eq!((state.all, state.unknown, state.origins.len()), (0, 0, 0));
    }

    #[test]
    fn many_networks_of_one_site_share_its_limit() {
        let all = admission(1000, 10);
        let site = |n: usize| from(&format!("2001:db8:1:{n:x}::1"));
        let held: Vec<_> = (0..256).filter_map(|n| all.enter(site(n * 256))).collect();
        assert_eq!(held.len(), 40, "four times the limit of one /64");
        assert_eq!((0..256).filter_map(|n| all.enter(site(n))).count(), 0);
        assert!(all.enter(from("2001:db8:2::1")).is_some());
        drop(held);
        let held: Vec<_> = (0..256).filter_map(|n| all.enter(site(n))).collect();
        assert_eq!(held.len(), 20, "twice for a /56");
    }

    #[test]
    fn unknown_addresses_leave_a_reserve_to_known_ones() {
        let all = admission(100, 100);
        all.note(from("198.51.100.7"));
        let unknown: Vec<_> = (0..200).filter_map(|n| all.enter(from(&format!("192.0.2.{n}")))).collect();
        assert_eq!(unknown.len(), 75);
        assert!(all.enter(from("203.0.113.1")).is_none(), "another unknown address");
        for known in ["198.51.100.7", "::ffff:198.51.100.7", "10.8.0.9", "10.9.3.4"] {
            assert!(all.enter(from(known)).is_some(), "{known}");
        }
        let one: Vec<_> = (0..50).filter_map(|_| all.enter(from("10.8.0.9"))).collect();
        assert_eq!(one.len(), 4, "one host gets a small part of the reserve");
        let others: Vec<_> = (0..50).filter_map(|n| all.enter(from(&format!("10.8.1.{n}")))).collect();
        assert_eq!(others.len(), 21, "the total limit applies to every address");
    }

    #[test]
    fn the_clients_of_a_proxy_do_not_share_the_limit_of_one_address() {
        let all = admission(100, 2);
        let proxied: Vec<_> = (0..200).filter_map(|_| all.enter(from("127.0.0.1"))).collect();
        assert_eq!(proxied.len(), 100, "in total");
        assert!(all.enter(from("192.0.2.1")).is_none());
        drop(proxied);
        assert_eq!(all.state.lock().all, 0);
    }

    #[test]
    fn neighbours_do_not_lock_out_a_known_address() {
        let all = admission(1000, 10);
        all.note(from("2001:db8:1:5::1"));
        let held: Vec<_> = (0..400).filter_map(|n| all.enter(from(&format!("2001:db8:1:{:x}::1", n * 16)))).collect();
        assert_eq!(held.len(), 40);
        assert!(all.enter(from("2001:db8:1:5::2")).is_some());
    }

    #[test]
    fn the_memory_of_known_addresses_is_bounded() {
        let all = admission(10, 10);
        let address = |n: usize| IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
        for n in 0..=MOST_KNOWN {
            all.note(address(n));
            all.note(address(1));
        }
        let state = all.state.lock();
        assert_eq!((state.known.len(), state.by_age.len()), (MOST_KNOWN, MOST_KNOWN));
        assert!(state.known.contains_key(&Origin::from(address(1))), "it authenticated last");
        assert!(!state.known.contains_key(&Origin::from(address(0))));
    }
}
