//! The TUN device: a Wintun adapter, whose packets are neither coalesced nor split.

use gotatun::packet::{Packet, PacketBufPool};
use std::io;
use std::sync::Arc;
use tornado_windows::os::wintun::Adapter;

/// Maximum length of a packet from the adapter: that of any IP packet.
const LONGEST: usize = 65_535;

/// The TUN device. Clones share it; it is removed with the last one.
#[derive(Clone)]
pub struct Tun {
    adapter: Arc<Adapter>,
    mtu: u16,
}

impl Tun {
    /// Uses an adapter. `mtu` in bytes.
    #[must_use]
    pub fn new(adapter: Adapter, mtu: u16) -> Self {
        Self { adapter: Arc::new(adapter), mtu }
    }

    /// Locally unique ID of the interface (`NET_LUID`).
    #[must_use]
    pub fn luid(&self) -> u64 {
        self.adapter.luid()
    }

    /// MTU of inner packets, bytes.
    #[must_use]
    pub const fn mtu(&self) -> u16 {
        self.mtu
    }

    /// Waits until Windows has a packet, or the adapter was removed.
    ///
    /// # Errors
    /// None; an error of the adapter is that of the next read.
    pub async fn readable(&self) -> io::Result<()> {
        self.adapter.readable().await;
        Ok(())
    }

    /// Reads one packet.
    ///
    /// # Errors
    /// `WouldBlock` if there is no packet; an error for which [`is_final`] is true if the adapter was removed.
    pub fn read<'a>(&self, taken: &'a mut Taken) -> io::Result<Pieces<'a>> {
        let length = self.adapter.read(&mut taken.bytes)?;
        Ok(Pieces { packet: taken.bytes.get(..length).unwrap_or_default(), pool: &taken.pool })
    }

    /// Writes packets. A packet for which the adapter has no room is lost, as on any link.
    ///
    /// # Errors
    /// If the adapter was removed.
    pub fn write(&self, packets: &[Packet]) -> io::Result<()> {
        for packet in packets {
            match self.adapter.write(packet) {
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => tracing::trace!(%error, "the adapter rejected a packet"),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

/// True for errors that mean the adapter was removed: `ERROR_HANDLE_EOF`, `ERROR_INVALID_DATA` (a corrupt ring).
pub(crate) fn is_final(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(38 | 13))
}

/// Buffer for a packet of the adapter, and buffers for its copies.
pub struct Taken {
    bytes: Vec<u8>,
    pool: PacketBufPool<LONGEST>,
}

impl Default for Taken {
    fn default() -> Self {
        Self { bytes: vec![0; LONGEST], pool: PacketBufPool::new(1) }
    }
}

/// The result of one read.
pub struct Pieces<'a> {
    packet: &'a [u8],
    pool: &'a PacketBufPool<LONGEST>,
}

impl Pieces<'_> {
    /// The packet.
    #[must_use]
    pub const fn head(&self) -> &[u8] {
        self.packet
    }

    /// The packet, in a buffer that is reused once the packet is dropped.
    pub fn packets(&self) -> impl Iterator<Item = Packet> {
        let mut packet = self.pool.get();
        packet.buf_mut().resize(self.packet.len(), 0);
        packet.copy_from_slice(self.packet);
        std::iter::once(packet)
    }
}
