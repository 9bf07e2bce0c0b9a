//! Records which circuit carried a device's latest connection, by isolation number. Kept in memory only, bounded, and
//! dropped with the number. Destinations are never recorded. Pure: time is an argument.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use tornado_contracts::tor::{Circuit, Hop};
use tornado_contracts::wg::Isolation;
use tornado_shared::model::UnixSeconds;

/// Maximum number of devices.
const DEVICES: usize = 65_536;
/// Maximum number of circuits.
const CIRCUITS: usize = 20_000;

#[derive(Debug, Default)]
pub(crate) struct Paths {
    latest: HashMap<Isolation, Latest>,
    /// Relays of the existing circuits, by circuit id.
    circuits: HashMap<String, Vec<Hop>>,
}

/// A device's latest connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Latest {
    /// Tor's id of the circuit.
    pub(crate) circuit: String,
    /// Its relays; empty if unknown.
    pub(crate) hops: Vec<Hop>,
    /// When the connection started.
    pub(crate) since: UnixSeconds,
    /// `false`: a DNS query, which uses a separate circuit.
    is_connection: bool,
}

impl Paths {
    /// Records a circuit as Tor reports it.
    pub(crate) fn record_circuit(&mut self, line: &Circuit) {
        match line.status.as_str() {
            "CLOSED" | "FAILED" => drop(self.circuits.remove(&line.id)),
            _ if line.path.is_empty() => {}
            _ if self.circuits.len() >= CIRCUITS && !self.circuits.contains_key(&line.id) => {}
            _ => drop(self.circuits.insert(line.id.clone(), line.path.clone())),
        }
    }

    /// Records that a circuit carries a connection or DNS query of a device.
    pub(crate) fn record_connection(
        &mut self,
        number: Isolation,
        circuit: &str,
        is_connection: bool,
        now: UnixSeconds,
    ) {
        let former = self.latest.get(&number);
        if !is_connection && former.is_some_and(|latest| latest.is_connection) {
            return;
        }
        if former.is_none() && self.latest.len() >= DEVICES {
            self.drop_oldest();
        }
        let hops = self.circuits.get(circuit).cloned().unwrap_or_default();
        self.latest.insert(number, Latest { circuit: circuit.to_owned(), hops, since: now, is_connection });
    }

    /// Returns the latest connection of a device.
    pub(crate) fn latest(&self, number: Isolation) -> Option<Latest> {
        let mut latest = self.latest.get(&number)?.clone();
        if latest.hops.is_empty() {
            latest.hops = self.circuits.get(&latest.circuit).cloned().unwrap_or_default();
        }
        Some(latest)
    }

    /// Drops all devices except `live`.
    pub(crate) fn retain(&mut self, live: &HashSet<Isolation>) {
        self.latest.retain(|number, _| live.contains(number));
    }

    fn drop_oldest(&mut self) {
        let mut ages: Vec<_> = self.latest.values().map(|latest| latest.since).collect();
        let middle = ages.len() / 8;
        let (_, limit, _) = ages.select_nth_unstable(middle);
        let limit = *limit;
        self.latest.retain(|_, latest| latest.since > limit);
    }
}

/// The isolation number of a source address; `None` if the address is not in the pool.
pub(crate) fn number(source: SocketAddr) -> Option<Isolation> {
    let pool = Isolation::POOL;
    let number = match source.ip() {
        IpAddr::V4(v4) if pool.v4.contains(&v4) => u32::from(v4) ^ u32::from(pool.v4.network()),
        IpAddr::V6(v6) if pool.v6.contains(&v6) => {
            u32::try_from(u128::from(v6) ^ u128::from(pool.v6.network())).ok()?
        }
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    };
    Isolation::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_contracts::tor::HopRole;

    fn n(number: u32) -> Isolation {
        number.try_into().unwrap()
    }

    fn line(id: &str, status: &str, relays: &[&str]) -> Circuit {
        let hop = |name: &&str| Hop {
            role: HopRole::Middle,
            fingerprint: "0".repeat(40),
            nickname: (*name).to_owned(),
            address: None,
            country: None,
            flags: Vec::new(),
        };
        Circuit {
            id: id.into(),
            status: status.into(),
            purpose: "GENERAL".into(),
            conflux_id: None,
            path: relays.iter().map(hop).collect(),
        }
    }

    fn exit(paths: &Paths, number: u32) -> Option<String> {
        paths.latest(n(number))?.hops.last().map(|hop| hop.nickname.clone())
    }

    #[test]
    fn the_latest_connection_counts_and_outlives_its_circuit() {
        let mut paths = Paths::default();
        paths.record_circuit(&line("1", "BUILT", &["g", "m", "e1"]));
        paths.record_circuit(&line("2", "BUILT", &["g", "m", "e2"]));
        assert_eq!(paths.latest(n(5)), None);
        paths.record_connection(n(5), "2", false, 10);
        assert_eq!(exit(&paths, 5).as_deref(), Some("e2"), "a DNS query counts while there is no connection");
        paths.record_connection(n(5), "1", true, 11);
        paths.record_connection(n(5), "2", false, 12);
        assert_eq!(exit(&paths, 5).as_deref(), Some("e1"), "a connection takes precedence over a DNS query");
        paths.record_circuit(&line("1", "CLOSED", &[]));
        assert_eq!((exit(&paths, 5).as_deref(), paths.latest(n(5)).unwrap().since), (Some("e1"), 11));
        paths.retain(&HashSet::from([n(6)]));
        assert_eq!(paths.latest(n(5)), None, "a device is dropped with its number");
    }

    #[test]
    fn relays_that_are_reported_late_are_found() {
        let mut paths = Paths::default();
        paths.record_connection(n(5), "9", true, 1);
        assert_eq!(exit(&paths, 5), None);
        paths.record_circuit(&line("9", "BUILT", &["g", "e"]));
        assert_eq!(exit(&paths, 5).as_deref(), Some("e"));
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let mut paths = Paths::default();
        for number in 1..200_000 {
            paths.record_connection(n(number), "1", true, i64::from(number));
            paths.record_circuit(&line(&number.to_string(), "BUILT", &["e"]));
        }
        assert!(paths.latest.len() <= DEVICES && paths.circuits.len() <= CIRCUITS);
        assert!(paths.latest(n(199_999)).is_some() && paths.latest(n(1)).is_none());
    }

    #[test]
    fn numbers_come_from_isolation_addresses_only() {
        let of = |text: &str| number(text.parse().unwrap()).map(Isolation::number);
        assert_eq!(of("100.64.0.7:80"), Some(7));
        assert_eq!(of("100.65.0.0:80"), Some(65_536));
        assert_eq!(of("[fd74:6f72:6e61:64::9]:80"), Some(9));
        for other in ["127.0.0.1:80", "100.64.0.0:1", "10.9.0.2:1", "[::1]:80", "[fd74:6f72:6e61:64:1::9]:80"] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(of("100.127.255.255:80"), None, "the canary's number");
    }
}
