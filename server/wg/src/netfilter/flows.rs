//! Ends the tracked flows of removed peers, so that the next holder of an address inherits none. Concurrent callers
//! share one listing of the table.

use super::conntrack::{Which, end};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex as Plain, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};

/// Longest time that a caller waits. The kernel needs milliseconds unless there are very many flows; the rest then ends
/// in the background.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);
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
    waiting: Plain<Vec<IpAddr>>,
    /// Addresses with flows that still have to end, each with its number of pending requests.
    resting: Plain<HashMap<IpAddr, usize>>,
    turn: Mutex<()>,
    rested: Notify,
}

impl Flows {
    /// Reserves addresses: no peer receives them until [`Flows::end_of`] has finished with them.
    pub(crate) fn rest(&self, addresses: &[IpAddr]) {
        let mut resting = self.resting();
        for address in addresses {
            *resting.entry(*address).or_default() += 1;
        }
    }

    /// True while flows of one of the addresses are being ended.
    pub(crate) fn is_resting(&self, addresses: &[IpAddr]) -> bool {
        let resting = self.resting();
        addresses.iter().any(|address| resting.contains_key(address))
    }

    /// Waits until none of the addresses is reserved. Returns false after [`PATIENCE`].
    pub(crate) async fn wait_for(&self, addresses: &[IpAddr]) -> bool {
        let rested = async {
            loop {
                let notified = self.0.rested.notified();
                tokio::pin!(notified);
                notified.as_mut().enable();
                if !self.is_resting(addresses) {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(PATIENCE, rested).await.is_ok()
    }

    /// Ends all flows from or to addresses reserved by [`Flows::rest`]. Returns after [`PATIENCE`] at the latest; the
    /// work then continues in the background, and the addresses stay reserved until it is done.
    pub(crate) async fn end_of(&self, addresses: Vec<IpAddr>) {
        self.waiting().extend(&addresses);
        let this = self.clone();
        let work = tokio::spawn(async move {
            while !this.end_all().await {
                tokio::time::sleep(PAUSE).await;
            }
            let mut resting = this.resting();
            for address in addresses {
                if let Some(times) = resting.get_mut(&address) {
                    *times -= 1;
                    if *times == 0 {
                        resting.remove(&address);
                    }
                }
            }
            drop(resting);
            this.0.rested.notify_waiters();
        });
        if tokio::time::timeout(PATIENCE, work).await.is_err() {
            tracing::info!("still ending flows of removed peers in the background");
        }
    }

    /// Returns false if flows remain; their addresses are queued again.
    async fn end_all(&self) -> bool {
        let _turn = self.0.turn.lock().await;
        // Empty if an earlier caller has ended the flows of these addresses in its batch.
        let mut all = std::mem::take(&mut *self.waiting());
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
        let which = if pick { Which::Of(all.clone()) } else { Which::Any(all.iter().copied().collect()) };
        let is_done = run(&which).await;
        if !is_done {
            // Before the lock is released, so that a caller whose addresses were in this batch finds them in the queue.
            self.waiting().extend(all);
        }
        is_done
    }

    /// Ends all flows of addresses for which `gone` is true. Returns when the last one has ended.
    pub(crate) async fn end_where(&self, gone: impl Fn(IpAddr) -> bool + Send + Sync + 'static) {
        let _turn = self.0.turn.lock().await;
        run(&Which::Where(Box::new(gone))).await;
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<IpAddr>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resting(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Number of tracked flows; `None` if the kernel does not report it.
pub(crate) fn tracked() -> Option<usize> {
    number("nf_conntrack_count")
}

/// Size of the kernel's table; `None` if the kernel does not report it.
pub(crate) fn most_tracked() -> Option<usize> {
    number("nf_conntrack_max")
}

fn number(name: &str) -> Option<usize> {
    std::fs::read_to_string(format!("/proc/sys/net/netfilter/{name}")).ok()?.trim().parse().ok()
}

/// Ends the flows and returns whether none is left. Retries a few times, because the kernel may be short of memory for
/// a moment.
async fn run(which: &Which) -> bool {
    for left in (0..5).rev() {
        match end(which).await {
            Ok(0) => return true,
            Ok(ended) => {
                tracing::debug!(ended, "ended the flows of removed peers");
                return true;
            }
            Err(error) if left == 0 => tracing::error!(%error, "could not end the flows of removed peers"),
            Err(error) => {
                tracing::warn!(%error, "could not end the flows of removed peers; retrying");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    false
}

#[cfg(test)]
#[path = "flows_tests.rs"]
mod tests;
