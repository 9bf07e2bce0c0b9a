//! An interface: a TUN device, a socket, and WireGuard between them.

use crate::Offload;
use crate::device::table::{Output, Table};
use crate::device::tasks::{Shared, start};
use crate::device::{Own, Peer, Status};
use crate::tun::Tun;
use crate::udp::Socket;
use crate::worker::Worker;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::{JoinHandle, yield_now};
use tornado_shared::model::{PrivateKey, PublicKey, Transfer};
use tornado_tun_node::TunNode;

/// Peers that are put or listed while packets wait: some 0.1 ms.
const SLICE: usize = 128;

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
}

/// What WireGuard is to be.
pub struct Settings {
    /// Its key.
    pub key: PrivateKey,
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
    tun: Tun,
    offload: Offload,
}

impl Link {
    /// Makes the device and the thread that will move its packets, in the caller's network namespace. `mtu` in bytes,
    /// of the inner packets.
    ///
    /// # Errors
    /// When there is no thread to be had, or the kernel refuses the device.
    pub async fn open(name: &str, mtu: u16, offload: Offload, node: &TunNode) -> Result<Self, PacketIoError> {
        let open = |what| move |source| PacketIoError::Open { what, source };
        let worker = Worker::start(name).map_err(open("a thread"))?;
        let made = worker.within(Tun::open(name, mtu, offload, node)).await;
        Ok(Self { tun: made.map_err(open("the TUN device"))?, worker, offload })
    }

    /// Starts WireGuard on it.
    ///
    /// # Errors
    /// When the port is taken, or the mark refused.
    pub async fn start(self, settings: Settings) -> Result<Tunnel, PacketIoError> {
        let Self { worker, tun, offload } = self;
        let Settings { key, port, mark, peers } = settings;
        let open = |source| PacketIoError::Open { what: "the UDP socket", source };
        let socket = worker.within(Socket::bind(port, mark, offload)).await.map_err(open)?;
        let own = Arc::new(Own::new(&key));
        let shared = Arc::new(Shared::new(Arc::clone(&own), Table::new(own, tun.mtu())));
        let tasks = worker.within(async { start(&shared, tun, socket.clone()) }).await;
        let tunnel = Tunnel { shared, running: Mutex::new(Some(Running { socket, tasks })), _worker: worker };
        tunnel.put(&peers).await;
        Ok(tunnel)
    }
}

/// What is there until the end.
struct Running {
    socket: Socket,
    tasks: Vec<JoinHandle<()>>,
}

/// WireGuard that runs. Stops when dropped; [`Self::stop`] waits for it. Peers are changed in small steps between which
/// packets pass, so that two who change the same peer at the same time get some of each.
pub struct Tunnel {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
    // With it go the tasks.
    _worker: Worker,
}

impl Tunnel {
    /// Makes these peers so, others stay. Of a peer that is there only addresses and preshared key change: its endpoint
    /// and sessions stay. An address that was another peer's is so no more.
    pub async fn put(&self, peers: &[Peer]) {
        for slice in peers.chunks(SLICE) {
            {
                let mut table = self.shared.table();
                slice.iter().for_each(|peer| table.put(peer));
            }
            yield_now().await;
        }
    }

    /// Takes these peers away. Their last counters in the same order, zero for unknown ones.
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

    /// Every peer.
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

    /// Starts a handshake with each of these peers that has no fresh session and an endpoint. Best effort; does not wait
    /// for answers.
    pub async fn kick(&self, keys: &[PublicKey]) {
        let Some(socket) = self.socket() else { return };
        let mut output = Output::default();
        for key in keys {
            // The work that needs no table is done without it: packets pass meanwhile.
            let sleeper = self.shared.table().sleeper(key);
            let noise = sleeper.map(|sleeper| {
                let noise = sleeper.wake(&self.shared.own);
                (sleeper, noise)
            });
            self.shared.table().kick(key, noise, &mut output);
            output.datagrams.drain(..).for_each(|datagram| socket.send_now(datagram));
            yield_now().await;
        }
    }

    /// True once it has failed for good, as it does when its TUN device is taken away, or was stopped.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        let is_running = |running: &Running| !running.tasks.iter().any(JoinHandle::is_finished);
        self.shared.has_failed() || !self.running().as_ref().is_some_and(is_running)
    }

    /// True after [`Self::stop`].
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.running().is_none()
    }

    /// Ends it, and with it the TUN device. Peers can still be asked for.
    pub async fn stop(&self) {
        let Some(Running { socket, tasks }) = self.running().take() else { return };
        drop(socket);
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            // An error says that it was ended, as it was to be.
            drop(task.await);
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn socket(&self) -> Option<Socket> {
        self.running().as_ref().map(|running| running.socket.clone())
    }
}
