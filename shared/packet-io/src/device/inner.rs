//! The fields of an inner packet's header that decide about its route.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Minimum header lengths, bytes (RFC 791 §3.1, RFC 8200 §3).
const V4: usize = 20;
const V6: usize = 40;

/// The length in the header, which excludes padding, and the source address. `None` if it is not an IP packet, or is
/// shorter than its header says.
pub(super) fn length_and_source(packet: &[u8]) -> Option<(usize, IpAddr)> {
    let (stated, shortest, source) = match packet.first()? >> 4 {
        4 => {
            let header = packet.first_chunk::<V4>()?;
            (usize::from(word(header, 2)?), V4, IpAddr::from(Ipv4Addr::from(*field(header, 12)?)))
        }
        6 => {
            let header = packet.first_chunk::<V6>()?;
            (usize::from(word(header, 4)?) + V6, V6, IpAddr::from(Ipv6Addr::from(*field::<16>(header, 8)?)))
        }
        _ => return None,
    };
    (shortest..=packet.len()).contains(&stated).then_some((stated, source))
}

/// The destination address.
pub(super) fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(Ipv4Addr::from(*field(packet, 16)?).into()),
        6 => Some(Ipv6Addr::from(*field::<16>(packet, 24)?).into()),
        _ => None,
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    field(bytes, at).map(|two| u16::from_be_bytes(*two))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v4(stated: u16, length: usize) -> Vec<u8> {
        let mut packet = vec![0; length];
        packet[0] = 0x45;
        packet[2..4].copy_from_slice(&stated.to_be_bytes());
        packet[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
        packet
    }

    #[test]
    fn padding_is_told_from_the_packet_and_a_packet_from_its_beginning() {
        assert_eq!(length_and_source(&v4(28, 32)), Some((28, [10, 0, 0, 1].into())));
        assert_eq!(length_and_source(&v4(32, 32)), Some((32, [10, 0, 0, 1].into())));
        assert_eq!(length_and_source(&v4(33, 32)), None, "a truncated packet");
        assert_eq!(length_and_source(&v4(19, 32)), None, "shorter than its header");
        assert_eq!(destination(&v4(28, 32)), Some([10, 0, 0, 2].into()));
        let mut six = vec![0; 48];
        (six[0], six[5], six[23], six[39]) = (0x60, 8, 1, 2);
        assert_eq!(length_and_source(&six), Some((48, "::1".parse().unwrap())));
        assert_eq!(destination(&six), Some("::2".parse().unwrap()));
        six[5] = 9;
        assert_eq!(length_and_source(&six), None);
        assert_eq!(length_and_source(&[]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_more_than_there_are(packet in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Some((length, _)) = length_and_source(&packet) {
                prop_assert!((20..=packet.len()).contains(&length));
                prop_assert!(destination(&packet).is_some());
            }
        }
    }
}
