//! Which answers reach into private networks. Pure.

use hickory_resolver::proto::rr::{Name, RData, Record};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a public name must not point at.
#[derive(Debug, Clone)]
pub(crate) struct Rebinding {
    on: bool,
    exceptions: Vec<Name>,
}

impl Rebinding {
    /// Off lets all pass; below an exception all pass too. Exceptions are fully qualified and in lower case.
    pub(crate) const fn new(on: bool, exceptions: Vec<Name>) -> Self {
        Self { on, exceptions }
    }

    /// True when an answer to `asked` must not be passed on.
    pub(crate) fn refuses(&self, asked: &Name, answers: &[Record]) -> bool {
        self.on
            && !self.exceptions.iter().any(|zone| zone.zone_of(asked))
            && answers.iter().any(|record| address(&record.data).is_some_and(is_private))
    }
}

fn address(data: &RData) -> Option<IpAddr> {
    if let RData::A(a) = data {
        return Some(IpAddr::V4(a.0));
    }
    if let RData::AAAA(aaaa) = data {
        return Some(IpAddr::V6(aaaa.0));
    }
    None
}

/// Addresses that mean something else in each network (RFC 6890).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private4(v4),
        IpAddr::V6(v6) => is_private6(v6),
    }
}

const fn is_private4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 0
        // Shared between networks (RFC 6598).
        || (a == 100 && b & 0xc0 == 64)
        || (a == 198 && b & 0xfe == 18)
        || address.is_multicast()
        || address.is_broadcast()
}

fn is_private6(address: Ipv6Addr) -> bool {
    // Mapped (RFC 4291 §2.5.5.2), or translated by the well-known prefix (RFC 6052).
    let segments = address.segments();
    let inner = match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    };
    inner.is_some_and(is_private4)
        || address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::rr::rdata::{A, AAAA};

    fn record(name: &str, address: &str) -> Record {
        let data = match address.parse().unwrap() {
            IpAddr::V4(v4) => RData::A(A(v4)),
            IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
        };
        Record::from_rdata(Name::from_ascii(name).unwrap(), 60, data)
    }

    #[test]
    fn private_answers_are_for_the_exceptions_only() {
        let corp = Name::from_ascii("corp.example.").unwrap();
        let (on, off) = (Rebinding::new(true, vec![corp]), Rebinding::new(false, Vec::new()));
        let inside = Name::from_ascii("host.corp.example.").unwrap();
        let outside = Name::from_ascii("notcorp.example.").unwrap();
        for private in [
            "10.1.2.3",
            "127.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "::",
            "fd74:6f72:6e61:8::1",
            "fe80::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "::7f00:1",
            "ff02::1",
        ] {
            let answer = [record("other.example.", "192.0.2.1"), record("x.example.", private)];
            assert!(on.refuses(&outside, &answer), "{private}");
            assert!(!on.refuses(&inside, &answer), "{private}");
            assert!(!off.refuses(&outside, &answer), "{private}");
        }
        for public in ["192.0.2.1", "100.128.0.1", "172.32.0.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            assert!(!on.refuses(&outside, &[record("x.example.", public)]), "{public}");
        }
    }
}
