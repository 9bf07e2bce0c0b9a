//! gotatun on these transports.

use crate::Offload;
use crate::tun::{self, Injector, TunRx, TunTx};
use crate::udp::KeptSocket;
use crate::worker::Worker;
use gotatun::device::{DeviceBuilder, Peer};
use gotatun::x25519::StaticSecret;
use std::future::Future;
use std::io;

/// The device as gotatun knows it.
pub type Device = gotatun::device::Device<(KeptSocket, TunTx, TunRx)>;

/// Why there is no tunnel.
#[derive(Debug, thiserror::Error)]
pub enum PacketIoError {
    /// A part could not be opened.
    #[error("cannot open {what}: {source}")]
    Open {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// gotatun refused.
    #[error("WireGuard does not start: {0}")]
    Device(#[from] gotatun::device::Error),
}

/// What WireGuard is to be.
pub struct Settings {
    /// Its key.
    pub key: StaticSecret,
    /// UDP port; 0 for any.
    pub port: u16,
    /// Mark of the outer packets (`SO_MARK`).
    pub mark: Option<u32>,
    /// First peers.
    pub peers: Vec<Peer>,
}

/// A TUN device on which no WireGuard runs yet. It is down, and gone when dropped.
pub struct Link {
    worker: Worker,
    tx: TunTx,
    rx: TunRx,
    injector: Injector,
    offload: Offload,
}

impl Link {
    /// Makes the device and the thread that will move its packets, in the caller's network namespace. `mtu` in bytes,
    /// of the inner packets.
    ///
    /// # Errors
    /// When there is no thread to be had, or the kernel refuses the device.
    pub async fn open(name: &str, mtu: u16, offload: Offload) -> Result<Self, PacketIoError> {
        let open = |what| move |source| PacketIoError::Open { what, source };
        let worker = Worker::start(name).map_err(open("a thread"))?;
        let made = worker.within(async { tun::create(name, mtu, offload) }).await;
        let (tx, rx, injector) = made.map_err(open("the TUN device"))?;
        Ok(Self { worker, tx, rx, injector, offload })
    }

    /// Starts WireGuard on it.
    ///
    /// # Errors
    /// When the port is taken, or two peers have the same key.
    pub async fn start(self, settings: Settings) -> Result<Tunnel, PacketIoError> {
        let Self { worker, tx, rx, injector, offload } = self;
        let device = worker.within(build(tx, rx, offload, settings)).await?;
        Ok(Tunnel { device: Some(device), injector, worker })
    }
}

async fn build(tx: TunTx, rx: TunRx, offload: Offload, settings: Settings) -> Result<Device, PacketIoError> {
    let Settings { key, port, mark, peers } = settings;
    let open = |source| PacketIoError::Open { what: "the UDP socket", source };
    let socket = KeptSocket::bind(port, offload).await.map_err(open)?;
    let has_peers = !peers.is_empty();
    let builder = DeviceBuilder::new().with_udp(socket).with_ip_pair(tx, rx).with_private_key(key);
    let mut builder = builder.with_listen_port(port).with_peers(peers);
    if let Some(mark) = mark {
        builder = builder.with_fwmark(mark);
    }
    let device = builder.build().await?;
    if !has_peers {
        // A device built without peers opens its connection only when its socket changes: change it twice.
        device
            .write(async |d| {
                d.set_listen_port(if port == 0 { 1 } else { 0 });
                d.set_listen_port(port);
            })
            .await?;
    }
    Ok(device)
}

/// WireGuard that runs. Stops when dropped; [`Self::stop`] waits for it.
pub struct Tunnel {
    // Dropped before the worker: its end is a task there.
    device: Option<Device>,
    injector: Injector,
    worker: Worker,
}

impl Tunnel {
    /// Lets `work` do something with the device. What it starts runs on the worker. `None` once stopped.
    pub async fn with<'d, F: Future>(&'d self, work: impl FnOnce(&'d Device) -> F) -> Option<F::Output> {
        let device = self.device.as_ref()?;
        Some(self.worker.within(work(device)).await)
    }

    /// The device, to look whether it has failed.
    pub fn device_mut(&mut self) -> Option<&mut Device> {
        self.device.as_mut()
    }

    /// A way into the TUN device for packets of our own.
    #[must_use]
    pub const fn injector(&self) -> &Injector {
        &self.injector
    }

    /// Ends it. The TUN device goes when the last [`Injector`] does.
    pub async fn stop(mut self) {
        if let Some(device) = self.device.take() {
            self.worker
                .within(async {
                    device.suspend().await;
                    device.stop().await;
                })
                .await;
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if let Some(device) = self.device.take() {
            let _entered = self.worker.enter();
            drop(device);
        }
    }
}
