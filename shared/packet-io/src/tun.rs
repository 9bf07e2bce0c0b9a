//! The TUN device as gotatun wants it, with segmentation offload.

use crate::Offload;
use crate::coalesce::{Piece, join};
use crate::split::Cuts;
use crate::vnet::{self, Header};
use gotatun::packet::{Ip, Packet, PacketBufPool};
use gotatun::tun::{IpRecv, IpSend, MtuWatcher};
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tun_rs::{AsyncDevice, DeviceBuilder};

/// Packets that are joined at most at once; more are written as they come.
const BATCH: usize = 256;
/// Rest after an error of the device: the caller asks again at once.
const PAUSE: Duration = Duration::from_millis(100);

/// The device, and how it is spoken to.
struct Tun {
    device: AsyncDevice,
    /// Every packet has a vnet header.
    has_header: bool,
    /// The kernel takes joined UDP packets.
    joins_udp: bool,
    /// Packets are joined. Goes off for good when the kernel refuses.
    joins: AtomicBool,
}

/// Makes a TUN device that is still down. Inside the runtime that will move the packets.
///
/// # Errors
/// Those of `/dev/net/tun`.
pub fn open_tun(name: &str, mtu: u16, offload: Offload) -> io::Result<(TunTx, TunRx)> {
    let build = |offload| DeviceBuilder::new().name(name).mtu(mtu).enable(false).offload(offload).build_async();
    let device = match offload {
        Offload::Auto => build(true).or_else(|error| {
            tracing::debug!(%error, "the TUN device knows no offload");
            build(false)
        })?,
        Offload::Off => build(false)?,
    };
    let has_header = device.tcp_gso();
    let tun = Arc::new(Tun { has_header, joins_udp: device.udp_gso(), joins: AtomicBool::new(has_header), device });
    let queue = Arc::new(Queue::default());
    tokio::spawn(flush(Arc::clone(&tun), Arc::clone(&queue)));
    let rx = TunRx { tun: Arc::clone(&tun), piece: vec![0; vnet::LEN + 65_536], mtu };
    Ok((TunTx { tun, queue }, rx))
}

impl Tun {
    fn write(&self, packets: &[Packet]) -> io::Result<()> {
        let bytes = |number: usize| packets.get(number).map(|packet| &packet[..]).unwrap_or_default();
        if !self.has_header {
            return all((0..packets.len()).map(|number| self.device.try_send(bytes(number)).map(drop)));
        }
        if !self.joins.load(Ordering::Relaxed) {
            return all((0..packets.len()).map(|number| self.write_single(bytes(number))));
        }
        all(join(packets.len(), bytes, self.joins_udp).iter().map(|piece| self.write_piece(piece, &bytes)))
    }

    fn write_piece<'p>(&self, piece: &Piece, bytes: &impl Fn(usize) -> &'p [u8]) -> io::Result<()> {
        let mut slices = Vec::with_capacity(piece.members().len() + 1);
        slices.push(IoSlice::new(piece.head()));
        let tail = |number: &usize| IoSlice::new(bytes(*number).get(piece.skip()..).unwrap_or_default());
        slices.extend(piece.members().iter().map(tail));
        match self.device.try_send_vectored(&slices) {
            Err(error) if piece.members().len() > 1 && is_refusal(&error) => {
                if self.joins.swap(false, Ordering::Relaxed) {
                    tracing::warn!(%error, "the kernel refuses joined packets; they are written one by one now");
                }
                all(piece.members().iter().map(|number| self.write_single(bytes(*number))))
            }
            result => result.map(drop),
        }
    }

    fn write_single(&self, packet: &[u8]) -> io::Result<()> {
        let header = Header::SINGLE.write();
        self.device.try_send_vectored(&[IoSlice::new(&header), IoSlice::new(packet)]).map(drop)
    }
}

/// Does all of it and returns the last error: one packet that is not taken does not keep the others.
fn all(results: impl Iterator<Item = io::Result<()>>) -> io::Result<()> {
    let mut end = Ok(());
    for result in results {
        end = result.and(end);
    }
    end
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EIO | libc::EOPNOTSUPP))
}

fn is_final(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EBADF | libc::EBADFD | libc::ENODEV))
}

/// Packets on their way to the kernel. gotatun hands them over one by one; joined they are when its tasks rest.
#[derive(Default)]
struct Queue {
    packets: Mutex<Vec<Packet>>,
    filled: Notify,
    is_closed: AtomicBool,
}

impl Queue {
    /// Adds one; returns how many wait.
    fn push(&self, packet: Packet) -> usize {
        let mut packets = self.packets.lock().unwrap_or_else(PoisonError::into_inner);
        packets.push(packet);
        packets.len()
    }

    fn take(&self, spare: &mut Vec<Packet>) {
        std::mem::swap(&mut *self.packets.lock().unwrap_or_else(PoisonError::into_inner), spare);
    }
}

/// Writes what waits whenever something does, until the sender is gone.
async fn flush(tun: Arc<Tun>, queue: Arc<Queue>) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        queue.filled.notified().await;
        queue.take(&mut batch);
        if let Err(error) = tun.write(&batch) {
            tracing::debug!(%error, "the TUN device did not take a packet");
        }
        batch.clear();
        if queue.is_closed.load(Ordering::Acquire) {
            return;
        }
    }
}

/// The way to the kernel.
pub struct TunTx {
    tun: Arc<Tun>,
    queue: Arc<Queue>,
}

impl IpSend for TunTx {
    async fn send(&mut self, packet: Packet<Ip>) -> io::Result<()> {
        match self.queue.push(packet.into_bytes()) {
            1 => self.queue.filled.notify_one(),
            waiting if waiting >= BATCH => {
                let mut batch = Vec::with_capacity(BATCH);
                self.queue.take(&mut batch);
                // A packet that is not taken is lost, as on any link; only a device that is gone is an error.
                return self.tun.write(&batch).or_else(|error| if is_final(&error) { Err(error) } else { Ok(()) });
            }
            _ => {}
        }
        Ok(())
    }
}

impl Drop for TunTx {
    fn drop(&mut self) {
        self.queue.is_closed.store(true, Ordering::Release);
        self.queue.filled.notify_one();
    }
}

/// The way from the kernel.
pub struct TunRx {
    tun: Arc<Tun>,
    piece: Vec<u8>,
    mtu: u16,
}

impl IpRecv for TunRx {
    async fn recv<'a>(
        &'a mut self,
        pool: &mut PacketBufPool,
    ) -> io::Result<impl Iterator<Item = Packet<Ip>> + Send + 'a> {
        loop {
            let length = match self.tun.device.recv(&mut self.piece).await {
                Ok(length) => length,
                Err(error) => {
                    tokio::time::sleep(PAUSE).await;
                    return Err(error);
                }
            };
            let Some(cuts) = self.cuts(length) else {
                tracing::debug!(length, "the kernel handed over what is no packet");
                continue;
            };
            let start = if self.tun.has_header { vnet::LEN } else { 0 };
            let piece = self.piece.get(start..length).unwrap_or_default();
            let pool = pool.clone();
            // What is not an IP packet is dropped here: an error would end the device.
            return Ok((0..cuts.count()).filter_map(move |index| {
                let mut packet = pool.get();
                packet.buf_mut().resize(cuts.len_of(index), 0);
                cuts.write(index, piece, &mut packet);
                packet.try_into_ip().ok()
            }));
        }
    }

    fn mtu(&self) -> MtuWatcher {
        MtuWatcher::new(self.mtu)
    }
}

impl TunRx {
    fn cuts(&self, length: usize) -> Option<Cuts> {
        let read = self.piece.get(..length)?;
        if !self.tun.has_header {
            return Cuts::of(Header::SINGLE, read);
        }
        let (head, packet) = read.split_first_chunk::<{ vnet::LEN }>()?;
        Cuts::of(Header::read(head)?, packet)
    }
}
