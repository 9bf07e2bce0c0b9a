//! Ends what connection tracking knows of addresses whose peer is gone, so that the next holder of an address
//! inherits nothing. Callers that come at the same time share one look at the table.

use super::conntrack::{Which, end};
use std::net::IpAddr;
use std::sync::{Arc, Mutex as Plain, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;

/// The kernel needs milliseconds; a caller is not held longer.
const DEADLINE: Duration = Duration::from_secs(2);
/// From so many addresses on the whole table is looked at once, instead of twice for each.
const FEW: usize = 4;
/// Also while it holds no more than so many flows: a listing takes 4 ms, whatever the kernel picks of it.
const SMALL: usize = 10_000;

/// Who ends flows.
#[derive(Clone, Default)]
pub(crate) struct Flows {
    waiting: Arc<Plain<Vec<IpAddr>>>,
    turn: Arc<Mutex<()>>,
}

impl Flows {
    /// Ends all flows from or to these addresses. Done when it returns, or it was told to the log why not.
    pub(crate) async fn end_of(&self, addresses: impl IntoIterator<Item = IpAddr>) {
        self.waiting().extend(addresses);
        let _turn = self.turn.lock().await;
        // Empty when somebody before took ours along: then it is done.
        let mut all = std::mem::take(&mut *self.waiting());
        if all.is_empty() {
            return;
        }
        all.sort_unstable();
        all.dedup();
        let tracked = tracked();
        if tracked == Some(0) {
            return;
        }
        let pick = all.len() <= FEW && tracked.is_none_or(|flows| flows > SMALL);
        run(if pick { Which::Of(all) } else { Which::Any(all.into_iter().collect()) }).await;
    }

    /// Ends all flows of addresses for which `gone` is true.
    pub(crate) async fn end_where(&self, gone: impl Fn(IpAddr) -> bool + Send + Sync + 'static) {
        let _turn = self.turn.lock().await;
        run(Which::Where(Box::new(gone))).await;
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<IpAddr>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many flows there are; none: the kernel does not say.
fn tracked() -> Option<usize> {
    std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count").ok()?.trim().parse().ok()
}

async fn run(which: Which) {
    match tokio::time::timeout(DEADLINE, end(&which)).await {
        Ok(Ok(0)) => {}
        Ok(Ok(ended)) => tracing::debug!(ended, "flows of peers that are gone were ended"),
        Ok(Err(error)) => tracing::warn!(%error, "flows of a peer that is gone could not be ended"),
        Err(_) => tracing::warn!("flows of a peer that is gone could not be ended in time"),
    }
}
