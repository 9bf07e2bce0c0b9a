//! Watches the fill level of the kernel's connection-tracking table, so that no account starves the other accounts, the
//! device API or the host.
//!
//! The ruleset bounds each device (`firewall::admission`), but many devices together can still fill a small table. When
//! the table is more than half full, flows are counted per account. When the lanes leave less than a quarter free, the
//! largest accounts lose the flows beyond their share, unanswered flows first. `status` and the log name the devices
//! that were refused or lost flows.

mod share;

use crate::netfilter::{Holdings, most_tracked, tracked};
use crate::pace;
use crate::service::Service;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::Crowding;
use tornado_shared::model::{PublicKey, UserId};

/// Interval between two checks.
const LOOK: Duration = Duration::from_secs(2);
/// Counting takes at most 1/20 of the time, because listing a full table is slow.
const SHARE: u32 = 20;
/// How long a device stays listed after its latest refusal.
const NAMED: Duration = Duration::from_secs(300);

/// Devices with more flows than the limit.
#[derive(Default)]
pub(crate) struct Crowd(Mutex<BTreeMap<PublicKey, Seen>>);

struct Seen {
    crowding: Crowding,
    last: Instant,
}

/// The unit by which flows are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Account(UserId),
    /// For a device for which `session` gave no account.
    Device(PublicKey),
}

impl Crowd {
    /// Devices listed within the last [`NAMED`].
    pub(crate) fn list(&self) -> Vec<Crowding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().map(|seen| seen.crowding).collect()
    }

    /// Records a device. Returns true if it was not listed before.
    fn note(&self, public_key: PublicKey, account: Option<UserId>, ended: u64) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_new = !all.contains_key(&public_key);
        let at = crate::guard::now();
        let first = Crowding { public_key, account, since: at, last: at, ended: 0 };
        let seen = all.entry(public_key).or_insert(Seen { crowding: first, last: now });
        seen.last = now;
        seen.crowding.last = at;
        seen.crowding.ended += ended;
        is_new
    }

    fn forget(&self) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, seen| seen.last.elapsed() < NAMED);
    }
}

impl Service {
    /// Checks at intervals until `shutdown`.
    pub(crate) async fn watch_crowd(&self, shutdown: &CancellationToken) {
        let (wake, mut pause) = (Notify::new(), LOOK);
        while pace::again(shutdown, &wake, pause).await {
            let started = Instant::now();
            self.look_at_refusals().await;
            if let (Some(tracked), Some(most)) = (tracked(), most_tracked())
                && tracked > most / 2
                && let Err(error) = self.look_at_table(most).await
            {
                tracing::warn!(%error, "could not count the flows of the lanes");
            }
            self.crowd.forget();
            pause = pace::pause(LOOK, started.elapsed(), SHARE);
        }
    }

    /// Lists the devices whose flows the ruleset refused.
    async fn look_at_refusals(&self) {
        let refused = match self.firewall.refused().await {
            Ok(refused) if refused.is_empty() => return,
            Ok(refused) => refused,
            Err(error) => return tracing::debug!(%error, "could not read the refused devices"),
        };
        let peers = self.peers.lock().await;
        let found: Vec<_> = refused.iter().filter_map(|address| peers.peers.at(address)).collect();
        for spec in found {
            if self.crowd.note(spec.public_key, spec.account, 0) {
                let (key, account) = (spec.public_key, spec.account);
                tracing::warn!(device = %key, account = ?account, "refused new flows of a device over its limit");
            }
        }
    }

    /// Counts the flows of each account and ends those beyond its share.
    async fn look_at_table(&self, most: usize) -> std::io::Result<()> {
        let holdings = Holdings::read(self.in_pools()).await?;
        let mut held = BTreeMap::<Holder, usize>::new();
        let mut holders = HashMap::<IpAddr, Holder>::new();
        {
            let peers = self.peers.lock().await;
            for (address, count) in holdings.counts() {
                let Some(spec) = peers.peers.at(&address) else { continue };
                let holder = spec.account.map_or(Holder::Device(spec.public_key), Holder::Account);
                *held.entry(holder).or_default() += count;
                holders.insert(address, holder);
            }
        }
        let of_lanes: usize = held.values().sum();
        let budget = share::budget(most, holdings.total().saturating_sub(of_lanes));
        let Some(level) = share::level(&held, budget) else { return Ok(()) };
        // Each address keeps the same fraction of its flows: the share of its account.
        let keep = |address: &IpAddr, count: usize| {
            let all = *held.get(holders.get(address)?)?;
            (all > level).then(|| count.saturating_mul(level) / all.max(1))
        };
        let ended = holdings.end_over(keep).await?;
        let peers = self.peers.lock().await;
        for (address, count) in ended {
            let Some(spec) = peers.peers.at(&address) else { continue };
            self.crowd.note(spec.public_key, spec.account, count);
            let (key, account) = (spec.public_key, spec.account);
            tracing::warn!(device = %key, account = ?account, count, "flow table nearly full; ended flows of a device");
        }
        Ok(())
    }
}
