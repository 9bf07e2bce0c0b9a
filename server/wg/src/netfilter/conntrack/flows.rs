//! Ends the tracked flows of removed peers, so that the next holder of an address inherits none. Concurrent callers
//! share one listing of the table.

use super::wire::{FlowFilter, end};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Longest time that a caller waits. The kernel needs milliseconds unless there are very many flows; the rest then ends
/// in the background.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// Pause after a failure.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Up to this many addresses are filtered by the kernel, with two listings each; more are matched in one listing of the
/// whole table.
const FEW: usize = 4;
/// Up to this many flows the whole table is listed as well: a listing takes 4 ms whether or not the kernel filters.
const SMALL: usize = 10_000;

/// Ends flows, one batch of addresses at a time. Clones share the state.
#[derive(Clone, Default)]
pub(crate) struct Flows(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Addresses whose flows the next batch ends.
    queue: Mutex<Vec<IpAddr>>,
    /// Addresses with flows that still have to end, each with its number of pending requests.
    reserved: Mutex<HashMap<IpAddr, usize>>,
    /// Held while a batch is being ended.
    batch: tokio::sync::Mutex<()>,
    released: Notify,
}

impl Flows {
    /// Reserves addresses: no peer receives them until [`Flows::end_all`] has finished with them.
    pub(crate) fn reserve(&self, addresses: &[IpAddr]) {
        let mut reserved = self.0.reserved.lock();
        for address in addresses {
            *reserved.entry(*address).or_default() += 1;
        }
    }

    /// True while flows of one of the addresses are being ended.
    pub(crate) fn is_reserved(&self, addresses: &[IpAddr]) -> bool {
        let reserved = self.0.reserved.lock();
        addresses.iter().any(|address| reserved.contains_key(address))
    }

    /// Waits until none of the addresses is reserved. Returns false after [`MAX_WAIT`].
    pub(crate) async fn wait_for(&self, addresses: &[IpAddr]) -> bool {
        let released = async {
            loop {
                let notified = self.0.released.notified();
                tokio::pin!(notified);
                notified.as_mut().enable();
                if !self.is_reserved(addresses) {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(MAX_WAIT, released).await.is_ok()
    }

    /// Ends all flows from or to addresses reserved by [`Flows::reserve`]. Returns after [`MAX_WAIT`] at the latest;
    /// the work then continues in the background, and the addresses stay reserved until it is done.
    pub(crate) async fn end_all(&self, addresses: Vec<IpAddr>) {
        self.0.queue.lock().extend(&addresses);
        let this = self.clone();
        let work = tokio::spawn(async move {
            while !this.end_batch().await {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            let mut reserved = this.0.reserved.lock();
            for address in addresses {
                if let Some(times) = reserved.get_mut(&address) {
                    *times -= 1;
                    if *times == 0 {
                        reserved.remove(&address);
                    }
                }
            }
            drop(reserved);
            this.0.released.notify_waiters();
        });
        if tokio::time::timeout(MAX_WAIT, work).await.is_err() {
            tracing::info!("still ending flows of removed peers in the background");
        }
    }

    /// Returns false if flows remain; their addresses are queued again.
    async fn end_batch(&self) -> bool {
        let _batch = self.0.batch.lock().await;
        // Empty if an earlier caller has ended the flows of these addresses in its batch.
        let mut all = std::mem::take(&mut *self.0.queue.lock());
        if all.is_empty() {
            return true;
        }
        all.sort_unstable();
        all.dedup();
        let tracked = tracked();
        if tracked == Some(0) {
            return true;
        }
        let pick = all.len() <= FEW && tracked.is_none_or(|flows| flows > SMALL);
        let filter = if pick { FlowFilter::Few(all.clone()) } else { FlowFilter::Many(all.iter().copied().collect()) };
        let is_done = run(&filter).await;
        if !is_done {
            // Before the lock is released, so that a caller whose addresses were in this batch finds them in the queue.
            self.0.queue.lock().extend(all);
        }
        is_done
    }

    /// Ends all flows of addresses for which `is_ended` is true. Returns when the last one has ended.
    pub(crate) async fn end_where(&self, is_ended: impl Fn(IpAddr) -> bool + Send + Sync + 'static) {
        let _batch = self.0.batch.lock().await;
        run(&FlowFilter::Where(Box::new(is_ended))).await;
    }
}

/// Number of tracked flows; `None` if the kernel does not report it.
pub(crate) fn tracked() -> Option<usize> {
    number("nf_conntrack_count")
}

/// Size of the kernel's table; `None` if the kernel does not report it.
pub(crate) fn max_tracked() -> Option<usize> {
    number("nf_conntrack_max")
}

fn number(name: &str) -> Option<usize> {
    std::fs::read_to_string(format!("/proc/sys/net/netfilter/{name}")).ok()?.trim().parse().ok()
}

/// Ends the flows and returns whether none is left. Retries a few times, because the kernel may be short of memory for
/// a moment.
async fn run(filter: &FlowFilter) -> bool {
    for left in (0..5).rev() {
        match end(filter).await {
            Ok(0) => return true,
            Ok(ended) => {
                tracing::debug!(ended, "ended the flows of removed peers");
                return true;
            }
            Err(error) if left == 0 => tracing::error!(%error, "could not end the flows of removed peers"),
            Err(error) => {
                tracing::warn!(%error, "could not end the flows of removed peers; retrying");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }
    false
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
