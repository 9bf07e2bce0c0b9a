//! Runs work on both lanes at the same time, because each userspace interface can use a processor of its own.

use super::Interfaces;
use crate::backend::{BackendError, Interface};
use std::future::Future;
use std::sync::Arc;
use tornado_shared::model::Lane;

/// Runs `work` for each lane in its own task and waits for both. Returns the results in the order of [`Lane::ALL`].
pub(super) async fn on_both<T, F>(
    lanes: &Interfaces,
    work: impl Fn(Lane, Arc<dyn Interface>) -> F,
) -> Vec<(Lane, Result<T, BackendError>)>
where
    T: Send + 'static,
    F: Future<Output = Result<T, BackendError>> + Send + 'static,
{
    let running = Lane::ALL.map(|lane| (lane, tokio::spawn(work(lane, lanes.of(lane).clone()))));
    let mut done = Vec::new();
    for (lane, task) in running {
        let ended = |error: tokio::task::JoinError| {
            let interface = format!("the {lane} lane");
            Err(BackendError::Refused { interface, detail: format!("a task failed: {error}") })
        };
        done.push((lane, task.await.unwrap_or_else(ended)));
    }
    done
}
