//! The tasks that move packets. All tasks of an interface run on one thread and take turns: each yields after a limited
//! amount of work, and none holds the table while it waits.

mod clock;
mod handshakes;
mod incoming;
mod outgoing;

use super::table::{Output, Table};
use super::{Guard, Own};
use crate::tun::Tun;
use crate::udp::{Narrow, Socket};
use parking_lot::{Mutex, MutexGuard};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Maximum number of queued initiations, as in WireGuard in the kernel. Further ones are dropped, and their senders
/// retry.
const INITIATIONS: usize = 4096;

/// State shared by the tasks and the configuring callers.
pub(crate) struct Shared {
    pub(crate) own: Arc<Own>,
    guard: Guard,
    table: Mutex<Table>,
    has_failed: AtomicBool,
}

impl Shared {
    pub(crate) fn new(own: Arc<Own>, table: Table) -> Self {
        let guard = Guard::new(&own);
        Self { own, guard, table: Mutex::new(table), has_failed: AtomicBool::new(false) }
    }

    /// The table; hold it only for a limited amount of work.
    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock()
    }

    /// True once the TUN device or the socket no longer exists.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    fn fail(&self, error: &io::Error) {
        tracing::debug!(%error, "the TUN device or the socket failed; the interface stopped");
        self.has_failed.store(true, Ordering::Release);
    }
}

/// The shared state, the TUN device and the socket, as each task has them.
#[derive(Clone)]
struct Ways {
    shared: Arc<Shared>,
    tun: Tun,
    socket: Socket,
}

impl Ways {
    /// Writes packets and sends datagrams, and leaves the lists empty.
    async fn carry_out(&self, output: &mut Output, narrow: &mut Narrow) -> io::Result<()> {
        if !output.packets.is_empty() {
            let written = self.tun.write(&output.packets);
            output.packets.clear();
            written?;
        }
        if !output.datagrams.is_empty() {
            self.socket.send(narrow, &mut output.datagrams).await?;
        }
        Ok(())
    }
}

/// Starts all tasks. Call it inside the runtime that runs them.
pub(crate) fn start(shared: &Arc<Shared>, tun: Tun, socket: Socket) -> Vec<JoinHandle<()>> {
    let ways = Ways { shared: Arc::clone(shared), tun, socket };
    let (initiations, queue) = mpsc::channel(INITIATIONS);
    vec![
        watched(&ways, outgoing::run(ways.clone())),
        watched(&ways, incoming::run(ways.clone(), initiations)),
        watched(&ways, handshakes::run(ways.clone(), queue)),
        watched(&ways, clock::run(ways.clone())),
    ]
}

/// Runs a task. It ends only if the interface failed, which is then recorded.
fn watched(ways: &Ways, task: impl Future<Output = io::Result<()>> + Send + 'static) -> JoinHandle<()> {
    let shared = Arc::clone(&ways.shared);
    tokio::spawn(async move {
        if let Err(error) = task.await {
            shared.fail(&error);
        }
    })
}
