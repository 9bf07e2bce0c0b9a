//! The internet checksum, RFC 1071: ones' complement sums of 16-bit words, as numbers in network byte order.

/// Adds two sums.
pub(crate) const fn add(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum + carry as u16
}

/// The sum of `data`. An odd last byte counts as the high half of a word. Sums of parts that begin at even offsets may
/// be [`add`]ed.
pub(crate) fn sum(data: &[u8]) -> u16 {
    // The sum does not depend on the byte order (RFC 1071 §2 B). Eight lanes of 32-bit words cannot overflow, and
    // compilers turn them into vector instructions.
    let mut lanes = [0_u64; 8];
    let mut blocks = data.chunks_exact(32);
    for block in &mut blocks {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(4)) {
            *lane += u64::from(u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        }
    }
    let mut total: u64 = lanes.iter().map(|lane| (lane & 0xffff_ffff) + (lane >> 32)).sum();
    let mut words = blocks.remainder().chunks_exact(2);
    for word in &mut words {
        total += u64::from(u16::from_ne_bytes([word[0], word[1]]));
    }
    if let [last] = words.remainder() {
        total += u64::from(u16::from_ne_bytes([*last, 0]));
    }
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    u16::from_be(u16::try_from(total).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slow(data: &[u8]) -> u16 {
        data.chunks(2).fold(0, |acc, word| add(acc, u16::from_be_bytes([word[0], *word.get(1).unwrap_or(&0)])))
    }

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0xddf2);
    }

    proptest! {
        #[test]
        fn the_fast_one_is_the_slow_one(data in prop::collection::vec(any::<u8>(), 0..200)) {
            // Zero has two representations, 0 and 0xffff.
            let (fast, slow) = (sum(&data), slow(&data));
            prop_assert!(fast == slow || (fast % 0xffff == 0 && slow % 0xffff == 0));
        }

        #[test]
        fn pieces_add_up(data in prop::collection::vec(any::<u8>(), 0..100), at in 0_usize..50) {
            let at = (at * 2).min(data.len() & !1);
            let (a, b) = data.split_at(at);
            prop_assert_eq!(add(sum(a), sum(b)) % 0xffff, sum(&data) % 0xffff);
        }
    }
}
