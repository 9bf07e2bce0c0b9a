//! Classifies datagrams by their header.

use gotatun::packet::{WgCookieReply, WgData, WgHandshakeInit, WgHandshakeResp};

/// Kinds of messages that are treated differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Initiation, response or cookie reply.
    Handshake,
    /// Encrypted packets.
    Data,
}

impl Kind {
    /// Classifies a datagram by its first four bytes, of which three are zero (WireGuard §5.4), and its length. `None`
    /// for anything else, which is dropped at no cost.
    pub(crate) fn of(datagram: &[u8]) -> Option<Self> {
        match (u32::from_le_bytes(*datagram.first_chunk()?), datagram.len()) {
            (1, WgHandshakeInit::LEN) | (2, WgHandshakeResp::LEN) | (3, WgCookieReply::LEN) => Some(Self::Handshake),
            (4, WgData::OVERHEAD..) => Some(Self::Data),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_and_length_fit() {
        let of = |kind: u32, length: usize| {
            let mut datagram = vec![0xff; length];
            datagram[..4].copy_from_slice(&kind.to_le_bytes());
            Kind::of(&datagram)
        };
        for (kind, length) in [(1, 148), (2, 92), (3, 64)] {
            assert_eq!(of(kind, length), Some(Kind::Handshake));
            assert_eq!(of(kind, length + 1), None);
            assert_eq!(of(kind | 0x100, length), None, "a reserved byte");
        }
        assert_eq!((of(4, 32), of(4, 1452), of(4, 31)), (Some(Kind::Data), Some(Kind::Data), None));
        assert_eq!((of(0, 148), of(5, 148), of(0x0100_0004, 148), Kind::of(&[4, 0, 0])), (None, None, None, None));
    }
}
