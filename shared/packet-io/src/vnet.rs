//! The header before each packet of a TUN device with offload: `struct virtio_net_hdr` of `linux/virtio_net.h`, in host
//! byte order.

/// Length of the header, bytes.
pub(crate) const LEN: usize = 10;

const NEEDS_CSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;
const GSO_ECN: u8 = 0x80;

/// Content of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One packet.
    Single,
    /// Several TCP segments under one header.
    Tcp { v6: bool },
    /// Several UDP datagrams under one header.
    Udp,
}

/// The parsed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The transport checksum must still be computed: over everything from `csum_start`, to be stored at `csum_offset`
    /// from there.
    pub(crate) needs_checksum: bool,
    pub(crate) header_len: u16,
    /// Payload bytes of each segment except the last.
    pub(crate) segment: u16,
    pub(crate) csum_start: u16,
    pub(crate) csum_offset: u16,
}

impl Header {
    /// The header of a single packet without offload.
    pub(crate) const SINGLE: Self =
        Self { kind: Kind::Single, needs_checksum: false, header_len: 0, segment: 0, csum_start: 0, csum_offset: 0 };

    /// Returns `None` for a type that was not enabled on the device.
    pub(crate) fn read(bytes: &[u8; LEN]) -> Option<Self> {
        let kind = match bytes[1] & !GSO_ECN {
            GSO_NONE => Kind::Single,
            GSO_TCPV4 => Kind::Tcp { v6: false },
            GSO_TCPV6 => Kind::Tcp { v6: true },
            GSO_UDP_L4 => Kind::Udp,
            _ => return None,
        };
        let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        Some(Self {
            kind,
            needs_checksum: bytes[0] & NEEDS_CSUM != 0,
            header_len: word(2),
            segment: word(4),
            csum_start: word(6),
            csum_offset: word(8),
        })
    }

    pub(crate) fn write(self) -> [u8; LEN] {
        let gso = match self.kind {
            Kind::Single => GSO_NONE,
            Kind::Tcp { v6: false } => GSO_TCPV4,
            Kind::Tcp { v6: true } => GSO_TCPV6,
            Kind::Udp => GSO_UDP_L4,
        };
        let mut bytes = [0; LEN];
        bytes[0] = if self.needs_checksum { NEEDS_CSUM } else { 0 };
        bytes[1] = gso;
        for (at, word) in [(2, self.header_len), (4, self.segment), (6, self.csum_start), (8, self.csum_offset)] {
            bytes[at..at + 2].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }
}
