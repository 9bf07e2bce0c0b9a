//! Splits a piece from the kernel into the packets that it represents, as a network card with segmentation offload
//! does.

use crate::checksum::{add, sum};
use crate::header::{CWR, FIN, PSH, TCP, UDP, be16, be32, pseudo, put};
use crate::vnet::{Header, Kind};
use std::ops::Range;

/// How one piece is split.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cuts {
    header: Header,
    v6: bool,
    protocol: u8,
    /// Offsets of the transport header and of the payload.
    transport: usize,
    payload: usize,
    length: usize,
    count: usize,
}

impl Cuts {
    /// Returns `None` for a piece that contradicts its header. Such a piece is dropped.
    pub(crate) fn of(header: Header, piece: &[u8]) -> Option<Self> {
        let v6 = match piece.first()? >> 4 {
            4 if piece.len() >= 20 => false,
            6 if piece.len() >= 40 => true,
            _ => return None,
        };
        let (transport, length) = (usize::from(header.csum_start), piece.len());
        let protocol = match header.kind {
            Kind::Single => {
                let end = transport + usize::from(header.csum_offset) + 2;
                let fits = !header.needs_checksum || end <= length;
                return fits.then_some(Self { header, v6, protocol: 0, transport, payload: 0, length, count: 1 });
            }
            Kind::Tcp { v6: tcp6 } if tcp6 == v6 => TCP,
            Kind::Udp => UDP,
            Kind::Tcp { .. } => return None,
        };
        if header.segment == 0 || transport < if v6 { 40 } else { 20 } {
            return None;
        }
        // The length in the vnet header is not reliable: for forwarded packets it may be that of the first segment.
        let transport_len = match protocol {
            TCP => usize::from(piece.get(transport + 12)? >> 4) * 4,
            _ => 8,
        };
        let payload = transport + transport_len;
        if (protocol == TCP && transport_len < 20) || payload >= length || length > usize::from(u16::MAX) + 40 {
            return None;
        }
        let count = (length - payload).div_ceil(usize::from(header.segment));
        Some(Self { header, v6, protocol, transport, payload, length, count })
    }

    /// Number of packets.
    pub(crate) const fn count(self) -> usize {
        self.count
    }

    /// Length of packet `index`.
    pub(crate) fn len_of(self, index: usize) -> usize {
        match self.header.kind {
            Kind::Single => self.length,
            Kind::Tcp { .. } | Kind::Udp => self.payload + self.range(index).len(),
        }
    }

    fn range(self, index: usize) -> Range<usize> {
        let segment = usize::from(self.header.segment);
        let start = (self.payload + index * segment).min(self.length);
        start..(start + segment).min(self.length)
    }

    /// Writes packet `index` with its checksums to the beginning of `out`, whose length is [`Self::len_of`].
    pub(crate) fn write(self, index: usize, piece: &[u8], out: &mut [u8]) {
        if self.header.kind == Kind::Single {
            put(out, 0, piece);
            if self.header.needs_checksum {
                // The checksum field contains the sum of the pseudo-header and is included in the sum.
                let whole = sum(out.get(self.transport..).unwrap_or_default());
                let at = self.transport + usize::from(self.header.csum_offset);
                // As UDP requires: zero would mean no checksum. TCP allows both representations of zero.
                let value = if whole == 0xffff { 0xffff } else { !whole };
                put(out, at, &value.to_be_bytes());
            }
            return;
        }
        let (range, is_last) = (self.range(index), index + 1 == self.count);
        let (length, transport_len) = (self.payload + range.len(), self.payload - self.transport + range.len());
        let number = u16::try_from(index).unwrap_or(u16::MAX);
        put(out, 0, piece.get(..self.payload).unwrap_or_default());
        put(out, self.payload, piece.get(range).unwrap_or_default());
        let size = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes();
        if self.v6 {
            put(out, 4, &size(length - 40));
        } else {
            put(out, 2, &size(length));
            put(out, 4, &be16(piece, 4).wrapping_add(number).to_be_bytes());
            put(out, 10, &[0, 0]);
            let ip = !sum(out.get(..self.transport).unwrap_or_default());
            put(out, 10, &ip.to_be_bytes());
        }
        let checksum_at = if self.protocol == TCP {
            let sequence = be32(piece, self.transport + 4)
                .wrapping_add(u32::from(self.header.segment).wrapping_mul(u32::from(number)));
            put(out, self.transport + 4, &sequence.to_be_bytes());
            if let Some(flags) = out.get_mut(self.transport + 13) {
                // CWR belongs to the first segment (RFC 3168 §6.1.2), FIN and PSH to the last.
                let off = if index == 0 { 0 } else { CWR } | if is_last { 0 } else { FIN | PSH };
                *flags &= !off;
            }
            self.transport + 16
        } else {
            put(out, self.transport + 4, &size(transport_len));
            self.transport + 6
        };
        put(out, checksum_at, &[0, 0]);
        let whole = add(
            pseudo(piece, self.v6, self.protocol, transport_len),
            sum(out.get(self.transport..length).unwrap_or_default()),
        );
        let value = if self.protocol == UDP && whole == 0xffff { 0xffff } else { !whole };
        put(out, checksum_at, &value.to_be_bytes());
    }
}
