//! The TUN device as gotatun wants it. Kept apart so that a faster one can take its place.

use gotatun::packet::{Ip, Packet, PacketBufPool};
use gotatun::tun::{IpRecv, IpSend, MtuWatcher};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tun_rs::{AsyncDevice, DeviceBuilder};

/// One TUN device; clones share it.
#[derive(Clone)]
pub(super) struct Tun {
    device: Arc<AsyncDevice>,
    mtu: u16,
}

impl Tun {
    /// Makes a TUN device that is still down.
    pub(super) fn create(name: &str, mtu: u16) -> io::Result<Self> {
        let device = DeviceBuilder::new().name(name).mtu(mtu).enable(false).build_async()?;
        Ok(Self { device: Arc::new(device), mtu })
    }
}

impl IpSend for Tun {
    async fn send(&mut self, packet: Packet<Ip>) -> io::Result<()> {
        self.device.send(&packet.into_bytes()).await?;
        Ok(())
    }
}

impl IpRecv for Tun {
    async fn recv<'a>(
        &'a mut self,
        pool: &mut PacketBufPool,
    ) -> io::Result<impl Iterator<Item = Packet<Ip>> + Send + 'a> {
        loop {
            let mut packet = pool.get();
            let length = match self.device.recv(&mut packet).await {
                Ok(length) => length,
                Err(error) => {
                    // The caller asks again at once after most errors: this bounds the loop.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    return Err(error);
                }
            };
            packet.truncate(length);
            // What is not an IP packet is dropped here: an error would end the device.
            if let Ok(packet) = packet.try_into_ip() {
                return Ok(std::iter::once(packet));
            }
        }
    }

    fn mtu(&self) -> MtuWatcher {
        MtuWatcher::new(self.mtu)
    }
}
