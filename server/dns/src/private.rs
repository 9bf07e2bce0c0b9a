//! Detects answers with addresses of private networks. Pure.

use hickory_resolver::proto::rr::rdata::svcb::SvcParamValue;
use hickory_resolver::proto::rr::{Name, RData, Record};
use std::net::{Ipv4Addr, Ipv6Addr};

/// DNS rebinding protection: refuses private addresses for public names.
#[derive(Debug, Clone)]
pub(crate) struct Rebinding {
    on: bool,
    exceptions: Vec<Name>,
}

impl Rebinding {
    /// If not `on`, nothing is refused. `exceptions` are domains whose names may have private addresses, fully
    /// qualified and in lower case.
    pub(crate) const fn new(on: bool, exceptions: Vec<Name>) -> Self {
        Self { on, exceptions }
    }

    /// True if the answer to `asked` must not be passed on.
    pub(crate) fn refuses(&self, asked: &Name, answers: &[Record]) -> bool {
        self.on
            && !self.exceptions.iter().any(|zone| zone.zone_of(asked))
            && answers.iter().any(|record| is_private_answer(&record.data))
    }
}

/// Checks address records and the address hints of service records (RFC 9460 §7.3).
fn is_private_answer(data: &RData) -> bool {
    if let RData::A(a) = data {
        return is_private4(a.0);
    }
    if let RData::AAAA(aaaa) = data {
        return is_private6(aaaa.0);
    }
    let service = if let RData::HTTPS(https) = data {
        &https.0
    } else if let RData::SVCB(service) = data {
        service
    } else {
        return false;
    };
    service.svc_params.iter().any(|(_, value)| {
        if let SvcParamValue::Ipv4Hint(hint) = value {
            return hint.0.iter().any(|a| is_private4(a.0));
        }
        if let SvcParamValue::Ipv6Hint(hint) = value {
            return hint.0.iter().any(|aaaa| is_private6(aaaa.0));
        }
        false
    })
}

/// True for addresses that are not global (RFC 6890).
const fn is_private4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || a == 0
        // Shared address space (RFC 6598).
        || (a == 100 && b & 0xc0 == 64)
        || (a == 198 && b & 0xfe == 18)
        // Multicast, reserved, broadcast.
        || a >= 224
}

fn is_private6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    inner4(segments).into_iter().flatten().any(is_private4)
        // Local-use NAT64 (RFC 8215); site-local (RFC 3879).
        || matches!(segments, [0x64, 0xff9b, 1, ..])
        || segments[0] & 0xffc0 == 0xfec0
        || address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.is_multicast()
}

/// IPv4 addresses embedded in an IPv6 address.
const fn inner4(segments: [u16; 8]) -> [Option<Ipv4Addr>; 3] {
    // ISATAP (RFC 5214), possible below any prefix, including those of the other transition mechanisms.
    let isatap = match segments {
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => Some(v4(high, low)),
        _ => None,
    };
    match segments {
        // Compatible and mapped (RFC 4291 §2.5.5), translated (RFC 2765, RFC 6052).
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => [Some(v4(high, low)), None, isatap],
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => [Some(v4(high, low)), None, isatap],
        // Teredo (RFC 4380 §4): the server, and the client's address with inverted bits.
        [0x2001, 0, high, low, _, _, client_high, client_low] => {
            [Some(v4(high, low)), Some(v4(!client_high, !client_low)), isatap]
        }
        _ => [None, None, isatap],
    }
}

const fn v4(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::rr::rdata::svcb::{IpHint, SvcParamKey};
    use hickory_resolver::proto::rr::rdata::{A, AAAA, HTTPS, SVCB};
    use std::net::IpAddr;

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
            "2002:a00:1::5efe:c000:201",
            "2001:0:a00:1:0:5efe:c000:201",
            "::7f00:1",
            "ff02::1",
            "240.0.0.1",
            "255.255.255.255",
            "fec0::1",
            "2002:a00:1::1",
            "2002:7f00:1:5::9",
            "64:ff9b:1::a00:1",
            "::ffff:0:10.0.0.1",
            // Teredo: the client 192.168.1.1, then the server 10.0.0.1.
            "2001:0:c000:201::3f57:fefe",
            "2001:0:a00:1::3fff:fdfe",
            "2001:db8::5efe:a00:1",
            "fe80::200:5efe:c000:201",
        ] {
            let answer = [record("other.example.", "192.0.2.1"), record("x.example.", private)];
            let hints = [hinted(private, true), hinted(private, false)];
            for answer in [&answer[..], &hints[..1], &hints[1..]] {
                assert!(on.refuses(&outside, answer), "{private}");
                assert!(!on.refuses(&inside, answer), "{private}");
                assert!(!off.refuses(&outside, answer), "{private}");
            }
        }
        for public in [
            "192.0.2.1",
            "100.128.0.1",
            "172.32.0.1",
            "2001:db8::1",
            "::ffff:192.0.2.1",
            "2002:c000:201::1",
            "64:ff9b::c000:201",
            "2001:0:c000:201::3fff:fdfe",
            "2001:db8::5efe:c000:201",
        ] {
            assert!(!on.refuses(&outside, &[record("x.example.", public)]), "{public}");
            assert!(!on.refuses(&outside, &[hinted(public, true), hinted(public, false)]), "{public}");
        }
    }

    /// An HTTPS or SVCB record with a hint of this address; for IPv4 after a public one.
    fn hinted(address: &str, https: bool) -> Record {
        let (key, value) = match address.parse().unwrap() {
            IpAddr::V4(v4) => {
                let hints = vec![A(Ipv4Addr::new(192, 0, 2, 1)), A(v4)];
                (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(hints)))
            }
            IpAddr::V6(v6) => (SvcParamKey::Ipv6Hint, SvcParamValue::Ipv6Hint(IpHint(vec![AAAA(v6)]))),
        };
        let service = SVCB::new(1, Name::root(), vec![(key, value)]);
        let data = if https { RData::HTTPS(HTTPS(service)) } else { RData::SVCB(service) };
        Record::from_rdata(Name::from_ascii("x.example.").unwrap(), 60, data)
    }
}
