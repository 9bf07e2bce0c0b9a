//! Tasks of a service. Each task has a name. A task that ends early shuts the service down, so that the supervisor
//! restarts it.

use futures::future::BoxFuture;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Why a service ended without a shutdown request.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A task ended before shutdown.
    #[error("task '{0}' ended unexpectedly")]
    Early(&'static str),
    /// A task panicked.
    #[error("a task panicked: {0}")]
    Panic(#[source] JoinError),
}

/// A running service. Boxed, so that the service is compiled in its own crate: an `async fn` is compiled, with all
/// tasks that it spawns, in the crate that awaits it, which is the program.
pub type Running<E> = BoxFuture<'static, Result<(), E>>;

/// The tasks of one service with the token that stops them together.
pub struct Tasks {
    set: JoinSet<&'static str>,
    stop: CancellationToken,
}

impl Tasks {
    /// Creates an empty set. Cancelling `shutdown` stops all tasks; a task that ends early does not cancel `shutdown`.
    #[must_use]
    pub fn new(shutdown: &CancellationToken) -> Self {
        Self { set: JoinSet::new(), stop: shutdown.child_token() }
    }

    /// Cancelled when the tasks must stop.
    #[must_use]
    pub const fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Starts a task that must end when [`stop`](Self::stop) is cancelled.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_boxed(name, Box::pin(task));
    }

    /// tokio compiles its code for tasks once for this type, and not for each task.
    fn spawn_boxed(&mut self, name: &'static str, task: BoxFuture<'static, ()>) {
        self.set.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits for the first task to end, then stops the others and waits for them.
    ///
    /// # Errors
    /// When a task panicked first, or ended before shutdown.
    pub async fn run(mut self) -> Result<(), TaskError> {
        let first = self.set.join_next().await;
        let early = !self.stop.is_cancelled();
        self.stop.cancel();
        while self.set.join_next().await.is_some() {}
        match first {
            Some(Ok(name)) if early => Err(TaskError::Early(name)),
            Some(Err(error)) => Err(TaskError::Panic(error)),
            Some(Ok(_)) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_early_ends_the_service() {
        let shutdown = CancellationToken::new();
        let mut tasks = Tasks::new(&shutdown);
        let stop = tasks.stop().clone();
        tasks.spawn("steady", async move { stop.cancelled().await });
        tasks.spawn("short", std::future::ready(()));
        assert_eq!(tasks.run().await.unwrap_err().to_string(), "task 'short' ended unexpectedly");
        assert!(!shutdown.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_to_end_ends_without_an_error() {
        let shutdown = CancellationToken::new();
        let mut tasks = Tasks::new(&shutdown);
        let stop = tasks.stop().clone();
        tasks.spawn("steady", async move { stop.cancelled().await });
        shutdown.cancel();
        assert!(tasks.run().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_ends_the_service() {
        let mut tasks = Tasks::new(&CancellationToken::new());
        tasks.spawn("broken", async { panic!("a test") });
        assert!(matches!(tasks.run().await, Err(TaskError::Panic(_))));
    }
}
