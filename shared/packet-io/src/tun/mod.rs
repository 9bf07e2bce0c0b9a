//! The TUN device, with segmentation offload.

mod device;

use crate::Offload;
use crate::coalesce::{Piece, join};
use crate::split::Cuts;
use crate::vnet::{self, Header};
use device::Device;
use gotatun::packet::{Packet, PacketBufPool};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tornado_tun_node::TunNode;

/// Maximum length of a packet, or of a piece of several.
const LONGEST: usize = 65_536;
/// Maximum length of the packets that a piece is split into; single packets may be longer.
const PACKET: usize = 4096;

/// The TUN device. Clones share it; it is removed with the last one.
#[derive(Clone)]
pub struct Tun {
    inner: Arc<Inner>,
}

struct Inner {
    device: Device,
    mtu: u16,
    /// Packets are coalesced. Permanently disabled once the kernel rejects them.
    joins: AtomicBool,
}

impl Tun {
    /// Creates a device that is still down. `mtu` in bytes. Call it inside the runtime that processes the packets.
    ///
    /// # Errors
    /// Those of opening `/dev/net/tun`, with file, user and remedy; those of `TUNSETIFF`.
    pub async fn open(name: &str, mtu: u16, offload: Offload, node: &TunNode) -> io::Result<Self> {
        let device = Device::attach(node.open().await?, name, mtu, offload == Offload::Auto)?;
        let joins = AtomicBool::new(device.has_header);
        Ok(Self { inner: Arc::new(Inner { device, mtu, joins }) })
    }

    /// MTU of inner packets, bytes.
    #[must_use]
    pub fn mtu(&self) -> u16 {
        self.inner.mtu
    }

    /// Waits until the kernel has a packet, or the device was removed.
    ///
    /// # Errors
    /// If the runtime ends.
    pub async fn readable(&self) -> io::Result<()> {
        self.inner.device.readable().await
    }

    /// Reads one packet, or one piece of several. Data that is not an IP packet yields no packets.
    ///
    /// # Errors
    /// `WouldBlock` if there is no packet; an error for which [`is_final`] is true if the device was removed.
    pub fn read<'a>(&self, taken: &'a mut Taken) -> io::Result<Pieces<'a>> {
        let length = self.inner.device.read(&mut taken.bytes)?;
        let read = taken.bytes.get(..length).unwrap_or_default();
        let cut = if self.inner.device.has_header {
            let split = read.split_first_chunk::<{ vnet::LEN }>();
            split.and_then(|(head, packet)| Some((Cuts::of(Header::read(head)?, packet)?, packet)))
        } else {
            Cuts::of(Header::SINGLE, read).map(|cuts| (cuts, read))
        };
        if cut.is_none() {
            tracing::debug!(length, "the kernel passed data that is not a packet");
        }
        Ok(Pieces { cut, pool: &taken.pool })
    }

    /// Writes packets; those of one flow are coalesced. A packet that the kernel rejects is lost, as on any link,
    /// without affecting the others.
    ///
    /// # Errors
    /// If the device was removed.
    pub fn write(&self, packets: &[Packet]) -> io::Result<()> {
        let bytes = |number: usize| packets.get(number).map(|packet| &packet[..]).unwrap_or_default();
        let (inner, numbers) = (&*self.inner, 0..packets.len());
        if !inner.device.has_header {
            return all(numbers.map(|number| inner.device.write(&[IoSlice::new(bytes(number))])));
        }
        if !inner.joins.load(Ordering::Relaxed) {
            return all(numbers.map(|number| inner.write_single(bytes(number))));
        }
        all(join(packets.len(), bytes, inner.device.joins_udp).iter().map(|piece| inner.write_piece(piece, &bytes)))
    }
}

impl Inner {
    fn write_piece<'p>(&self, piece: &Piece, bytes: &impl Fn(usize) -> &'p [u8]) -> io::Result<()> {
        let mut slices = Vec::with_capacity(piece.members().len() + 1);
        slices.push(IoSlice::new(piece.head()));
        let tail = |number: &usize| IoSlice::new(bytes(*number).get(piece.skip()..).unwrap_or_default());
        slices.extend(piece.members().iter().map(tail));
        match self.device.write(&slices) {
            Err(error) if piece.members().len() > 1 && is_refusal(&error) => {
                let mut is_taken = false;
                for number in piece.members() {
                    match self.write_single(bytes(*number)) {
                        Err(error) if is_final(&error) => return Err(error),
                        single => is_taken |= single.is_ok(),
                    }
                }
                // A device that is down rejects everything, which says nothing about coalesced packets.
                if is_taken && self.joins.swap(false, Ordering::Relaxed) {
                    tracing::warn!(%error, "the kernel rejected coalesced packets; writing them one by one now");
                }
                Ok(())
            }
            result => result,
        }
    }

    fn write_single(&self, packet: &[u8]) -> io::Result<()> {
        let header = Header::SINGLE.write();
        self.device.write(&[IoSlice::new(&header), IoSlice::new(packet)])
    }
}

/// Consumes all results. Returns an error only if the device was removed: any other error concerns a single packet.
fn all(results: impl Iterator<Item = io::Result<()>>) -> io::Result<()> {
    let mut end = Ok(());
    for result in results {
        if let Err(error) = result {
            if is_final(&error) {
                end = Err(error);
            } else {
                tracing::trace!(%error, "the TUN device rejected a packet");
            }
        }
    }
    end
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EIO | libc::EOPNOTSUPP))
}

/// True for errors that mean the device was removed.
pub(crate) fn is_final(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::EBADFD | libc::ENODEV))
}

/// Buffer for the kernel's packets, and buffers for the packets that they are split into.
pub struct Taken {
    bytes: Vec<u8>,
    pool: PacketBufPool<PACKET>,
}

impl Default for Taken {
    fn default() -> Self {
        Self { bytes: vec![0; vnet::LEN + LONGEST], pool: PacketBufPool::new(1) }
    }
}

/// The result of one read.
pub struct Pieces<'a> {
    cut: Option<(Cuts, &'a [u8])>,
    pool: &'a PacketBufPool<PACKET>,
}

impl Pieces<'_> {
    /// The headers that all packets begin with.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        self.cut.map(|(_, bytes)| bytes).unwrap_or_default()
    }

    /// The packets. Each is built on demand, in a buffer that is reused once the packet is dropped.
    pub fn packets(&self) -> impl Iterator<Item = Packet> {
        let count = self.cut.map_or(0, |(cuts, _)| cuts.count());
        (0..count).filter_map(|index| {
            let (cuts, bytes) = self.cut?;
            let mut packet = self.pool.get();
            packet.buf_mut().resize(cuts.len_of(index), 0);
            cuts.write(index, bytes, &mut packet);
            Some(packet)
        })
    }
}
