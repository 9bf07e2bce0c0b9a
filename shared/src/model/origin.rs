//! Networks of callers, as rate limits count them.

use std::net::IpAddr;

/// An IPv4 address, or the /64, /56 or /48 network of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// IPv4 addresses as mapped IPv6 addresses; the bits outside the network are zero.
    bits: u128,
    length: u8,
}

impl Origin {
    /// IPv6 prefix lengths, each with a factor for the limit of a /64. A provider assigns a /56 or a /48 to a customer
    /// (RFC 6177), who then has 256 or 65,536 networks of the first length.
    const V6_STEPS: [(u8, usize); 3] = [(64, 1), (56, 2), (48, 4)];

    /// The networks that count a caller, smallest first, each with the factor for its limit.
    pub fn steps(address: IpAddr) -> impl Iterator<Item = (Self, usize)> {
        let (bits, steps): (u128, &[(u8, usize)]) = match address.to_canonical() {
            IpAddr::V4(v4) => (u128::from(v4.to_ipv6_mapped()), &[(128, 1)]),
            IpAddr::V6(v6) => (u128::from(v6), &Self::V6_STEPS),
        };
        steps.iter().map(move |&(length, factor)| {
            let outside = 128 - u32::from(length);
            (Self { bits: bits >> outside << outside, length }, factor)
        })
    }
}

impl Origin {
    /// A single address of either family.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        let bits = match address.to_canonical() {
            IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
            IpAddr::V6(v6) => u128::from(v6),
        };
        Self { bits, length: 128 }
    }
}

impl From<IpAddr> for Origin {
    /// The smallest network of [`Self::steps`].
    fn from(address: IpAddr) -> Self {
        let unspecified = Self { bits: 0, length: 0 };
        Self::steps(address).next().map_or(unspecified, |(origin, _)| origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Vec<Origin> {
        Origin::steps(text.parse().unwrap()).map(|(origin, _)| origin).collect()
    }

    #[test]
    fn a_mapped_address_is_its_ipv4_address() {
        assert_eq!(from("::ffff:192.0.2.1"), from("192.0.2.1"));
        assert_ne!(from("192.0.2.1"), from("192.0.2.2"));
        assert_eq!(from("192.0.2.1").len(), 1);
    }

    #[test]
    fn ipv6_is_counted_by_three_networks() {
        let (one, other) = (from("2001:db8:1:1::1"), from("2001:db8:1:2::1"));
        assert_eq!((one.len(), from("2001:db8:1:1:ffff::"), one[0] == other[0]), (3, one.clone(), false));
        assert_eq!(one[1..], other[1..], "the same /56");
        let far = from("2001:db8:1:100::1");
        assert_eq!((one[1] == far[1], one[2] == far[2]), (false, true), "the same /48");
        assert_ne!(one[2], from("2001:db8:2:1::1")[2]);
        assert!(one[0] != one[1] && one[1] != one[2], "a network differs from the network that contains it");
    }
}
