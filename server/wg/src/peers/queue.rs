//! Changes that wait for the next batch.

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tornado_contracts::wg::WgError;
use tornado_rpc::Fault;

/// A change and the channel of its caller.
pub(super) struct Waiting<T, R> {
    pub(super) item: T,
    caller: oneshot::Sender<Result<R, WgError>>,
}

impl<T, R> Waiting<T, R> {
    /// Returns the result to the caller. The caller may be gone; then the result is not needed.
    pub(super) fn finish(self, result: Result<R, WgError>) {
        drop(self.caller.send(result));
    }
}

/// Changes that have not started.
pub(super) struct Queue<T, R>(Mutex<Vec<Waiting<T, R>>>);

impl<T, R> Queue<T, R> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Adds an item. The future is its result.
    pub(super) fn push(&self, item: T) -> impl Future<Output = Result<R, WgError>> + use<T, R> {
        let (caller, result) = oneshot::channel();
        self.0.lock().push(Waiting { item, caller });
        let dropped = |_| Err(Fault::Internal("the batch of peers was dropped before it finished".into()).into());
        async move { result.await.unwrap_or_else(dropped) }
    }

    /// Takes all changes. Empty if an earlier caller has already taken them into its batch.
    pub(super) fn take(&self) -> Vec<Waiting<T, R>> {
        std::mem::take(&mut *self.0.lock())
    }
}
