//! The leak canary: proves again and again, on the running server, that nothing leaves by the tor lane.
//!
//! Each round sends crafted packets into the lane as if a device had sent them, and looks whether one of them
//! was about to leave. Then, or when its own table was changed, the lane is closed, the policy loaded anew, and
//! the lane follows what was asked again after the rules were verified and a round was clean.

mod packets;
mod table;

pub(crate) use table::CanaryTable;

use crate::service::Service;
use crate::sysctl;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio_util::sync::CancellationToken;
use tornado_mesh::wg::{TorLane, TorLaneReason};
use tornado_shared::model::{Lane, UnixSeconds};

/// Packets are through the host long before.
const PASSAGE: Duration = Duration::from_millis(150);
/// Longest pause between rounds while the lane is held closed.
const HELD_PAUSE: Duration = Duration::from_secs(2);

/// How a round ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Round {
    /// Every packet was seen to enter, none to leave.
    Clean,
    /// So many were about to leave.
    Leak(u64),
    /// The canary's own table is gone or was changed.
    Tampered(String),
    /// Nothing can be said.
    Blind(String),
}

impl Service {
    /// Runs rounds until `shutdown`, then takes the canary's table away.
    pub(crate) async fn watch_canary(&self, mut table: CanaryTable, shutdown: &CancellationToken) {
        let pause = Duration::from_secs(self.factory.config().canary_interval.into());
        let mut complaint = None;
        loop {
            let round = self.round(&mut table).await;
            let held = self.judge(&mut table, round, &mut complaint).await;
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(if held { pause.min(HELD_PAUSE) } else { pause }) => {}
            }
        }
        if let Err(error) = table.remove().await {
            tracing::warn!(%error, "the canary's nftables table stays");
        }
    }

    async fn round(&self, table: &mut CanaryTable) -> Round {
        if !table.is_loaded()
            && let Err(error) = table.load().await
        {
            return Round::Blind(error.to_string());
        }
        // Packets counted between rounds are leaks too, so nothing is read before.
        let canary = match self.factory.config().canary() {
            Ok(canary) => canary,
            Err(error) => return Round::Blind(error.to_string()),
        };
        let packets = packets::crafted(canary, uuid::Uuid::new_v4().as_u128(), sysctl::has_ipv6());
        let interface = self.state.lock().await.lanes.of(Lane::Tor).clone();
        let injected = interface.inject(&packets).await;
        tokio::time::sleep(PASSAGE).await;
        let counts = match table.counts().await {
            Ok(counts) => counts,
            Err(error) => return Round::Tampered(error.to_string()),
        };
        if counts.leaks > 0 {
            return Round::Leak(counts.leaks);
        }
        if let Err(error) = injected {
            return Round::Blind(error.to_string());
        }
        let sent = u64::try_from(packets.len()).unwrap_or(u64::MAX);
        if counts.seen < sent {
            return Round::Blind(format!("{} of {sent} packets were seen to enter the lane", counts.seen));
        }
        Round::Clean
    }

    /// Acts on a round. True while the lane is held closed.
    async fn judge(&self, table: &mut CanaryTable, round: Round, complaint: &mut Option<String>) -> bool {
        match round {
            Round::Clean => {
                *complaint = None;
                self.all_clear().await
            }
            Round::Leak(packets) => {
                tracing::error!(packets, "LEAK: packets of the canary were about to leave by the tor lane; closing it");
                self.alarm().await;
                true
            }
            Round::Tampered(why) => {
                tracing::error!(%why, "the leak canary's table was taken away or changed; closing the tor lane");
                if let Err(error) = table.load().await {
                    tracing::error!(%error, "the leak canary's table could not be loaded");
                }
                self.alarm().await;
                true
            }
            Round::Blind(why) => {
                if complaint.as_ref() != Some(&why) {
                    tracing::warn!(%why, "the leak canary cannot watch the tor lane now");
                    *complaint = Some(why);
                }
                let mut state = self.state.lock().await;
                state.canary.healthy = false;
                state.control.reason == TorLaneReason::LeakAlarm
            }
        }
    }

    async fn alarm(&self) {
        let mut state = self.state.lock().await;
        state.canary.alarms += 1;
        state.canary.healthy = false;
        state.canary.last_run = Some(now());
        state.canary.last_leak = Some(now());
        // Before anything that can fail: from here on nobody opens the lane but `all_clear`.
        state.control.reason = TorLaneReason::LeakAlarm;
        // Failures are told by `switch`; the whole table is loaded next in any case.
        drop(self.switch(&mut state, TorLane::Closed, TorLaneReason::LeakAlarm).await);
        state.firewall_verified = match self.firewall.apply().await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the policy could not be put back");
                self.wake_firewall.notify_one();
                false
            }
        };
        if let Err(error) = self.shut_tor_routing().await {
            tracing::error!(%error, "the routing rule of the tor lane could not be put back");
        }
    }

    async fn all_clear(&self) -> bool {
        let mut state = self.state.lock().await;
        state.canary.healthy = true;
        state.canary.last_run = Some(now());
        if state.control.reason != TorLaneReason::LeakAlarm {
            return false;
        }
        if !self.firewall.verify().await {
            self.wake_firewall.notify_one();
            return true;
        }
        let asked = state.control.asked;
        tracing::warn!(?asked, "the leak alarm is over: rules verified, a round of the canary was clean");
        // When it fails the lane is closed with another reason, and whoever asked asks again.
        drop(self.switch(&mut state, asked, TorLaneReason::Asked).await);
        false
    }
}

fn now() -> UnixSeconds {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds::try_from(elapsed.as_secs()).unwrap_or(UnixSeconds::MAX)
}
