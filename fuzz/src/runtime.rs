//! One thread with a reactor, for code that waits.

use std::cell::OnceCell;
use std::future::Future;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// Runs to the end, on this thread only: what a target covers must not depend on others.
pub fn wait<F: Future>(future: F) -> F::Output {
    RUNTIME.with(|cell| {
        let make = || match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => panic!("no runtime: {error}"),
        };
        cell.get_or_init(make).block_on(future)
    })
}
