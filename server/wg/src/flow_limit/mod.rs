//! Watches the fill level of the kernel's connection-tracking table, so that no account starves the other accounts, the
//! device API or the host.
//!
//! The ruleset bounds each device (`firewall::policy::admission`), but many devices together can still fill a small
//! table. When the table is more than half full, flows are counted per account. When the lanes leave less than a
//! quarter free, the largest accounts lose the flows beyond their share, unanswered flows first. `status` and the log
//! name the devices that were refused or lost flows.

mod share;

use crate::firewall::Firewall;
use crate::netfilter::{FlowCounts, max_tracked, tracked};
use crate::pace;
use crate::peers::Registry;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::{OverFlowLimit, PeerSpec};
use tornado_runtime::clock::unix_now;
use tornado_shared::model::{PublicKey, UnixSeconds, UserId};

/// Interval between two checks.
const INTERVAL: Duration = Duration::from_secs(2);
/// Counting takes at most 1/20 of the time, because listing a full table is slow.
const SHARE: u32 = 20;
/// How long a device stays listed after its latest refusal.
const LISTED: Duration = Duration::from_secs(300);

/// Watches the table and lists the devices with more flows than their limit.
pub(crate) struct FlowLimit {
    registry: Arc<Registry>,
    firewall: Arc<Firewall>,
    over: Mutex<BTreeMap<PublicKey, Listed>>,
}

struct Listed {
    device: OverFlowLimit,
    last: Instant,
}

/// The unit by which flows are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Account(UserId),
    /// For a device for which `session` gave no account.
    Device(PublicKey),
}

impl FlowLimit {
    pub(crate) const fn new(registry: Arc<Registry>, firewall: Arc<Firewall>) -> Self {
        Self { registry, firewall, over: Mutex::new(BTreeMap::new()) }
    }

    /// Devices listed within the last [`LISTED`].
    pub(crate) fn list(&self) -> Vec<OverFlowLimit> {
        self.over.lock().values().map(|listed| listed.device).collect()
    }

    /// Records a device. Returns true if it was not listed before.
    fn note(&self, spec: &PeerSpec, at: UnixSeconds, ended: u64) -> bool {
        let (mut over, now) = (self.over.lock(), Instant::now());
        let PeerSpec { public_key, account, .. } = *spec;
        let is_new = !over.contains_key(&public_key);
        let first = OverFlowLimit { public_key, account, since: at, last: at, ended: 0 };
        let listed = over.entry(public_key).or_insert(Listed { device: first, last: now });
        listed.last = now;
        listed.device.last = at;
        listed.device.ended += ended;
        is_new
    }

    fn forget_old(&self) {
        self.over.lock().retain(|_, listed| listed.last.elapsed() < LISTED);
    }

    /// Checks at intervals until `shutdown`.
    pub(crate) async fn watch(&self, shutdown: &CancellationToken) {
        let (wake, mut pause) = (Notify::new(), INTERVAL);
        while pace::again(shutdown, &wake, pause).await {
            let started = Instant::now();
            self.list_refused().await;
            if let (Some(tracked), Some(max)) = (tracked(), max_tracked())
                && tracked > max / 2
                && let Err(error) = self.enforce_shares(max).await
            {
                tracing::warn!(%error, "could not count the flows of the lanes");
            }
            self.forget_old();
            pause = pace::pause(INTERVAL, started.elapsed(), SHARE);
        }
    }

    /// Lists the devices whose flows the ruleset refused.
    async fn list_refused(&self) {
        let refused = match self.firewall.refused().await {
            Ok(refused) if refused.is_empty() => return,
            Ok(refused) => refused,
            Err(error) => return tracing::debug!(%error, "could not read the refused devices"),
        };
        let desired = self.registry.lock().await;
        let found: Vec<_> = refused.iter().filter_map(|address| desired.peers.set().at(address)).collect();
        for spec in found {
            if self.note(spec, unix_now(), 0) {
                let (key, account) = (spec.public_key, spec.account);
                tracing::warn!(device = %key, account = ?account, "refused new flows of a device over its limit");
            }
        }
    }

    /// Counts the flows of each account and ends those beyond its share.
    async fn enforce_shares(&self, max: usize) -> std::io::Result<()> {
        let flows = FlowCounts::read(self.registry.in_pools()).await?;
        let mut held = BTreeMap::<Holder, usize>::new();
        let mut holders = HashMap::<IpAddr, Holder>::new();
        {
            let desired = self.registry.lock().await;
            for (address, count) in flows.counts() {
                let Some(spec) = desired.peers.set().at(&address) else { continue };
                let holder = spec.account.map_or(Holder::Device(spec.public_key), Holder::Account);
                *held.entry(holder).or_default() += count;
                holders.insert(address, holder);
            }
        }
        let of_lanes: usize = held.values().sum();
        let budget = share::budget(max, flows.total().saturating_sub(of_lanes));
        let Some(level) = share::level(&held, budget) else { return Ok(()) };
        // Each address keeps the same fraction of its flows: the share of its account.
        let keep = |address: &IpAddr, count: usize| {
            let all = *held.get(holders.get(address)?)?;
            (all > level).then(|| count.saturating_mul(level) / all.max(1))
        };
        let ended = flows.end_over(keep).await?;
        let desired = self.registry.lock().await;
        for (address, count) in ended {
            let Some(spec) = desired.peers.set().at(&address) else { continue };
            self.note(spec, unix_now(), count);
            let (key, account) = (spec.public_key, spec.account);
            tracing::warn!(device = %key, account = ?account, count, "flow table nearly full; ended flows of a device");
        }
        Ok(())
    }
}
