//! One thread that does nothing but move packets. On several, gotatun's tasks wake each other across cores and fight
//! for the locks of its queues; on one they take turns.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use tokio::runtime::{Builder, EnterGuard, Handle};
use tokio::sync::oneshot;

/// The thread. It ends, and with it every task on it, when this is dropped.
pub(crate) struct Worker {
    handle: Handle,
    _stop: oneshot::Sender<()>,
}

impl Worker {
    /// Starts it, in the network namespace of the calling thread.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        // Thread names have at most 15 bytes, as have those of interfaces.
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // An error says that the sender is gone, which is how it is told.
            drop(runtime.block_on(stopped));
        })?;
        Ok(Self { handle, _stop: stop })
    }

    /// While this lives, the calling thread spawns on the worker.
    fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }

    /// Polls `future` where the caller is; what it spawns and opens belongs to the worker.
    pub(crate) async fn within<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            let _entered = self.enter();
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
            let _entered = worker.enter();
            tokio::spawn(std::future::pending::<()>())
        };
        drop(worker);
        assert!(endless.await.unwrap_err().is_cancelled());
    }
}
