//! Ends what connection tracking knows of addresses whose peer is gone, so that the next holder of an address
//! inherits nothing. Callers that come at the same time share one look at the table.

use super::conntrack::{Which, end};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex as Plain, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};

/// The kernel needs milliseconds unless there are very many; then a caller is not held longer, and the rest is ended in
/// the background.
const PATIENCE: Duration = Duration::from_secs(2);
/// After a failure, until the next try.
const PAUSE: Duration = Duration::from_secs(1);
/// From so many addresses on the whole table is looked at once, instead of twice for each.
const FEW: usize = 4;
/// Also while it holds no more than so many flows: a listing takes 4 ms, whatever the kernel picks of it.
const SMALL: usize = 10_000;

/// Ends flows, one batch of addresses after the other. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Flows(Arc<Inner>);

#[derive(Default)]
struct Inner {
    waiting: Plain<Vec<IpAddr>>,
    /// Addresses whose flows are not all ended, and how often each was asked for.
    resting: Plain<HashMap<IpAddr, usize>>,
    turn: Mutex<()>,
    rested: Notify,
}

impl Flows {
    /// From now on until [`Flows::end_of`] is done with them these addresses are for no peer.
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

    /// Waits until none of the addresses rests; false: longer than a caller is held.
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

    /// Ends all flows from or to addresses that were put to rest. Goes on in the background when it takes long; the
    /// addresses rest until it is done.
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
            tracing::info!("flows of peers that are gone are being ended in the background");
        }
    }

    /// False: flows remain, and the addresses wait again.
    async fn end_all(&self) -> bool {
        let _turn = self.0.turn.lock().await;
        // Empty when a caller before took ours along: then it is done.
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
            // Before the turn ends: a caller whose addresses were taken along finds them.
            self.waiting().extend(all);
        }
        is_done
    }

    /// Ends all flows of addresses for which `gone` is true, and returns when the last one has ended.
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

/// How many flows there are; none: the kernel does not say.
pub(crate) fn tracked() -> Option<usize> {
    number("nf_conntrack_count")
}

/// How many the kernel tracks at most; none: it does not say.
pub(crate) fn most_tracked() -> Option<usize> {
    number("nf_conntrack_max")
}

fn number(name: &str) -> Option<usize> {
    std::fs::read_to_string(format!("/proc/sys/net/netfilter/{name}")).ok()?.trim().parse().ok()
}

/// Ends them, and returns whether none is left. A failure of the kernel is tried again a few times: it may lack memory for
/// a moment.
async fn run(which: &Which) -> bool {
    for left in (0..5).rev() {
        match end(which).await {
            Ok(0) => return true,
            Ok(ended) => {
                tracing::debug!(ended, "flows of peers that are gone were ended");
                return true;
            }
            Err(error) if left == 0 => tracing::error!(%error, "flows of a peer that is gone could not be ended"),
            Err(error) => {
                tracing::warn!(%error, "flows of a peer that is gone could not be ended; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    false
}

#[cfg(test)]
#[path = "flows_tests.rs"]
mod tests;
