//! Work on both lanes at the same time: an interface inside this process takes a processor for itself.

use super::Interfaces;
use crate::backend::{BackendError, Interface};
use std::future::Future;
use std::sync::Arc;
use tornado_shared::model::Lane;

/// Does `work` on each lane in a task of its own and waits for both. Results are in the order of [`Lane::ALL`].
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
            Err(BackendError::Refused { interface, detail: format!("the change ended early: {error}") })
        };
        done.push((lane, task.await.unwrap_or_else(ended)));
    }
    done
}
