//! A single-threaded runtime for asynchronous code.

use std::cell::OnceCell;
use std::future::Future;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// Runs a future to completion on this thread only: the coverage of a target must not depend on other threads.
pub fn wait<F: Future>(future: F) -> F::Output {
    RUNTIME.with(|cell| {
        let make = || match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => panic!("cannot create the runtime: {error}"),
        };
        cell.get_or_init(make).block_on(future)
    })
}
