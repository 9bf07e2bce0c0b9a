//! A thread that only processes packets. On several threads, gotatun's tasks would wake each other across cores and
//! contend for the locks of its queues; on one they take turns.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread. It ends, with all its tasks, when this value is dropped.
pub(crate) struct Worker {
    handle: Handle,
    _stop: oneshot::Sender<()>,
}

impl Worker {
    /// Starts the thread, in the network namespace of the calling thread.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        // Thread names have at most 15 bytes, like interface names.
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // An error means that the sender was dropped, which is the signal to stop.
            drop(runtime.block_on(stopped));
        })?;
        Ok(Self { handle, _stop: stop })
    }

    /// Polls `future` on the caller's thread. Tasks and sockets that it creates belong to the worker.
    pub(crate) async fn within<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let _entered = self.handle.enter();
            future.as_mut().poll(context)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_spawned_within_runs_on_the_worker_and_ends_with_it() {
        let worker = Worker::start("packets").unwrap();
        let name = || std::thread::current().name().map(str::to_owned);
        let spawned = worker.within(async { tokio::spawn(async move { name() }).await.unwrap() }).await;
        assert_eq!(spawned.as_deref(), Some("packets"));
        let endless = {
            let _entered = worker.handle.enter();
            tokio::spawn(std::future::pending::<()>())
        };
        drop(worker);
        assert!(endless.await.unwrap_err().is_cancelled());
    }
}
