//! An interface: a TUN device, a UDP socket, and WireGuard between them.

use crate::Offload;
use crate::device::table::{Output, Table};
use crate::device::tasks::{Shared, start};
use crate::device::{Own, Peer, Status};
use crate::tun::Tun;
use crate::udp::Socket;
use crate::worker::Worker;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use tokio::task::{JoinHandle, yield_now};
use tornado_shared::model::{PrivateKey, PublicKey, Transfer};
#[cfg(target_os = "linux")]
use tornado_tun_node::TunNode;

/// Number of peers that are set or listed before packets get a turn, about 0.1 ms.
const SLICE: usize = 128;

/// A part of the tunnel could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {what}: {source}")]
pub struct PacketIoError {
    /// The part.
    pub what: &'static str,
    /// The cause.
    pub source: io::Error,
}

/// WireGuard settings of an interface.
pub struct Settings {
    /// The private key.
    pub key: PrivateKey,
    /// UDP port; 0 for any port.
    pub port: u16,
    /// Mark of the outer packets (`SO_MARK`).
    pub mark: Option<u32>,
    /// Initial peers.
    pub peers: Vec<Peer>,
}

/// A TUN device without running WireGuard. It is down, and is removed on drop.
pub struct Link {
    worker: Worker,
    tun: Tun,
    offload: Offload,
}

impl Link {
    /// Uses an adapter, and creates the thread that processes its packets. `mtu` is that of inner packets, in bytes.
    ///
    /// # Errors
    /// If the thread cannot be started.
    #[cfg(windows)]
    pub fn open(name: &str, mtu: u16, adapter: tornado_windows::os::wintun::Adapter) -> Result<Self, PacketIoError> {
        let worker = Worker::start(name).map_err(|source| PacketIoError { what: "a thread", source })?;
        Ok(Self { tun: Tun::new(adapter, mtu), worker, offload: Offload::Off })
    }

    /// Locally unique ID of the interface (`NET_LUID`).
    #[cfg(windows)]
    #[must_use]
    pub fn luid(&self) -> u64 {
        self.tun.luid()
    }

    /// Creates the device, and the thread that processes its packets, in the caller's network namespace. `mtu` is that
    /// of the inner packets, in bytes.
    ///
    /// # Errors
    /// If the thread cannot be started, or the kernel rejects the device.
    #[cfg(target_os = "linux")]
    pub async fn open(name: &str, mtu: u16, offload: Offload, node: &TunNode) -> Result<Self, PacketIoError> {
        let open = |what| move |source| PacketIoError { what, source };
        let worker = Worker::start(name).map_err(open("a thread"))?;
        let made = worker.within(Tun::open(name, mtu, offload, node)).await;
        Ok(Self { tun: made.map_err(open("the TUN device"))?, worker, offload })
    }

    /// Starts WireGuard on the device.
    ///
    /// # Errors
    /// If the port is in use, or the mark is rejected.
    pub async fn start(self, settings: Settings) -> Result<Tunnel, PacketIoError> {
        let Self { worker, tun, offload } = self;
        let Settings { key, port, mark, peers } = settings;
        let open = |source| PacketIoError { what: "the UDP socket", source };
        let socket = worker.within(Socket::bind(port, mark, offload)).await.map_err(open)?;
        let own = Arc::new(Own::new(&key));
        let shared = Arc::new(Shared::new(Arc::clone(&own), Table::new(own, tun.mtu())));
        let tasks = worker.within(async { start(&shared, tun, socket.clone()) }).await;
        let tunnel = Tunnel { shared, running: Mutex::new(Some(Running { socket, tasks })), _worker: worker };
        tunnel.put(&peers).await;
        Ok(tunnel)
    }
}

/// Resources of a running tunnel.
struct Running {
    socket: Socket,
    tasks: Vec<JoinHandle<()>>,
}

/// A running WireGuard interface. It stops on drop; [`Self::stop`] also waits for it. Peers are changed in small steps
/// with packets processed in between. If two callers change the same peer concurrently, the result is a mixture.
pub struct Tunnel {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
    // The tasks end with it.
    _worker: Worker,
}

impl Tunnel {
    /// Adds or changes these peers; others stay. For an existing peer, only addresses and preshared key change; its
    /// endpoint and its sessions stay. An address that belonged to another peer is moved.
    pub async fn put(&self, peers: &[Peer]) {
        for slice in peers.chunks(SLICE) {
            {
                let mut table = self.shared.table();
                slice.iter().for_each(|peer| table.put(peer));
            }
            yield_now().await;
        }
    }

    /// Removes these peers. Returns their last counters in the same order, zero for unknown peers.
    pub async fn remove(&self, keys: &[PublicKey]) -> Vec<Transfer> {
        let mut last = Vec::with_capacity(keys.len());
        for slice in keys.chunks(SLICE) {
            for key in slice {
                let removed = self.shared.table().remove(key);
                last.push(removed.map(|removed| removed.transfer).unwrap_or_default());
            }
            yield_now().await;
        }
        last
    }

    /// Returns all peers.
    pub async fn peers(&self) -> Vec<Status> {
        let (mut found, mut next) = (Vec::new(), Some(0));
        while let Some(from) = next {
            let some = self.shared.table().statuses(from, SLICE);
            found.extend(some.0);
            next = some.1;
            yield_now().await;
        }
        found
    }

    /// Starts a handshake with each of these peers that has an endpoint and no fresh session. Best effort; does not
    /// wait for responses.
    pub async fn start_handshakes(&self, keys: &[PublicKey]) {
        let Some(socket) = self.socket() else { return };
        let mut output = Output::default();
        for key in keys {
            // Work that does not need the table is done without it, so that packets are processed in the meantime.
            let sleeper = self.shared.table().sleeper(key);
            let noise = sleeper.map(|sleeper| {
                let noise = sleeper.wake(&self.shared.own);
                (sleeper, noise)
            });
            self.shared.table().start_handshake(key, noise, &mut output);
            output.datagrams.drain(..).for_each(|datagram| socket.send_now(datagram));
            yield_now().await;
        }
    }

    /// True once the tunnel failed permanently, for example because its TUN device was removed, or was stopped.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let is_running = |running: &Running| !running.tasks.iter().any(JoinHandle::is_finished);
        self.shared.has_failed() || !self.running.lock().as_ref().is_some_and(is_running)
    }

    /// True after [`Self::stop`].
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.running.lock().is_none()
    }

    /// Stops the tunnel and removes the TUN device. The peers can still be listed.
    pub async fn stop(&self) {
        let Some(Running { socket, tasks }) = self.running.lock().take() else { return };
        drop(socket);
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            // An error means that the task was aborted, as intended.
            drop(task.await);
        }
    }

    fn socket(&self) -> Option<Socket> {
        self.running.lock().as_ref().map(|running| running.socket.clone())
    }
}
