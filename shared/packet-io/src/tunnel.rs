//! gotatun on these transports.

use crate::Offload;
use crate::tun::{TunRx, TunTx, open_tun};
use crate::udp::KeptSocket;
use crate::worker::Worker;
use gotatun::device::{DeviceBuilder, Peer};
use gotatun::x25519::StaticSecret;
use std::future::Future as _;
use std::io;
use std::pin::pin;
use std::task::{Context, Waker};

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
        let made = worker.within(async { open_tun(name, mtu, offload) }).await;
        let (tx, rx) = made.map_err(open("the TUN device"))?;
        Ok(Self { worker, tx, rx, offload })
    }

    /// Starts WireGuard on it.
    ///
    /// # Errors
    /// When the port is taken, or two peers have the same key.
    pub async fn start(self, settings: Settings) -> Result<Tunnel, PacketIoError> {
        let Self { worker, tx, rx, offload } = self;
        let device = worker.within(build(tx, rx, offload, settings)).await?;
        Ok(Tunnel { device, worker })
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
    // Dropped before the worker, on which its tasks are.
    device: Device,
    worker: Worker,
}

impl Tunnel {
    /// The device. Key and port are not to be changed through it: what that starts would run where the caller is.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// True once the device has failed for good, as it does when its TUN device is taken away.
    pub fn has_failed(&mut self) -> bool {
        let mut wait = pin!(self.device.wait());
        wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Ends it, and with it the TUN device.
    pub async fn stop(self) {
        let Self { device, worker } = self;
        let end = async {
            device.suspend().await;
            device.stop().await;
        };
        worker.within(end).await;
    }
}
