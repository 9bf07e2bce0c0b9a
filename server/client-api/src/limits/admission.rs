//! Admission of connections, with bounded memory.
//!
//! Unknown addresses share all connections except a reserve. Known addresses are those of the lanes and those from
//! which a device authenticated earlier, so a flood from unknown addresses does not lock out existing devices.

use crate::Config;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use tornado_shared::model::{LanePools, Origin};

/// Maximum number of known addresses; the one that authenticated longest ago is evicted first.
const MOST_KNOWN: usize = 65_536;
/// Fraction of all connections that unknown addresses cannot use (1/4).
const RESERVE: usize = 4;
/// Fraction of the reserve that one origin can use (1/16).
const SHARES: usize = 16;

/// Counts concurrent connections: in total, of unknown addresses, and per network.
pub struct Admission {
    most: usize,
    per_origin: usize,
    pools: LanePools,
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
    /// Limits from the configuration.
    #[must_use]
    pub fn new(config: &Config, pools: LanePools) -> Self {
        Self { most: config.connections, per_origin: config.connections_per_address, pools, state: Mutex::default() }
    }

    /// Takes a slot for a connection, if one is free. An unknown address counts for every network around it. A known
    /// address counts only for its smallest network, so its neighbours cannot use up its slots. An address of a lane
    /// counts for itself only.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let is_lane = self.pools.contains(address);
        let steps: Vec<_> = if is_lane { vec![(Origin::host(address), 1)] } else { Origin::steps(address).collect() };
        let mut state = self.state.lock();
        let is_known = is_lane || state.known.contains_key(&Origin::from(address));
        let unknown_limit = self.most - self.most / RESERVE;
        if state.all >= self.most || (!is_known && state.unknown >= unknown_limit) {
            return None;
        }
        let counted = if is_known { 1 } else { usize::MAX };
        // Many devices share the reserve, so a hostile device gets only a small part of it.
        let in_reserve = state.all >= unknown_limit;
        let per_origin = if in_reserve { self.per_origin.min(self.reserve_share()) } else { self.per_origin };
        let is_full = |(origin, factor): &(Origin, usize)| {
            state.origins.get(origin).is_some_and(|count| *count >= per_origin.saturating_mul(*factor))
        };
        if steps.iter().take(counted).any(is_full) {
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

    /// Records that a device authenticated from this address.
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

    fn admission(connections: usize, connections_per_address: usize) -> Arc<Admission> {
        let config = Config { connections, connections_per_address, ..Config::default() };
        Arc::new(Admission::new(&config, LanePools::default()))
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
        assert_eq!(one.len(), 4, "one device gets a small part of the reserve");
        let others: Vec<_> = (0..50).filter_map(|n| all.enter(from(&format!("10.8.1.{n}")))).collect();
        assert_eq!(others.len(), 21, "the total limit applies to every address");
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
