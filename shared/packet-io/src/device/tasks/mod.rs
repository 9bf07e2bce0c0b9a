//! What moves packets. All tasks of an interface run on its one thread and take turns: each ends its turn after a bound
//! of work, and none holds the table while it waits.

mod clock;
mod handshakes;
mod incoming;
mod outgoing;

use super::table::{Output, Table};
use super::{Guard, Own};
use crate::tun::Tun;
use crate::udp::{Narrow, Socket};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Initiations that wait for their turn at most, as in the kernel's WireGuard; more are lost and come again.
const INITIATIONS: usize = 4096;

/// What the tasks and those who configure share.
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

    /// The table, for a bound of work.
    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True once the TUN device or the socket is gone.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    fn fail(&self, error: &io::Error) {
        tracing::debug!(%error, "the interface is gone");
        self.has_failed.store(true, Ordering::Release);
    }
}

/// The ways in and out, as each task has them.
#[derive(Clone)]
struct Ways {
    shared: Arc<Shared>,
    tun: Tun,
    socket: Socket,
}

impl Ways {
    /// Writes and sends, and leaves the lists empty.
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

/// Starts all of them, inside the runtime that is to run them.
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

/// A task ends only when the interface has failed, which is then known.
fn watched(ways: &Ways, task: impl Future<Output = io::Result<()>> + Send + 'static) -> JoinHandle<()> {
    let shared = Arc::clone(&ways.shared);
    tokio::spawn(async move {
        if let Err(error) = task.await {
            shared.fail(&error);
        }
    })
}
