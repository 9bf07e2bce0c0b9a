//! Watches what keeps the lanes shut, hears of changes at once, and raises the alarm.

use crate::firewall::Check;
use crate::netfilter::{Notice, Notices};
use crate::pace::{self, Looks};
use crate::service::Service;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::{AlarmCause, TorLane, TorLaneReason};
use tornado_shared::model::UnixSeconds;

/// How often rules and routes are looked at where the kernel's notifications cannot be had.
const VERIFY: Duration = Duration::from_secs(10);
/// How often they are looked at though nothing was notified.
const SELDOM: Duration = Duration::from_secs(30);
/// Least time from one look to the next: somebody who changes rules without end does not keep us from anything else.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// How often the devices in the maps are compared though nothing was heard.
const SWEEP: Duration = Duration::from_secs(30);
/// Comparing them takes at most this part of the time, in which nobody connects.
const SWEEP_SHARE: u32 = 50;

impl Service {
    /// Looks at the rules when somebody changed them, and at intervals, until `shutdown`; changed ones are replaced.
    pub(crate) async fn watch_firewall(&self, mut notices: Option<Notices>, shutdown: &CancellationToken) {
        let (mut swept, mut sweep) = (Instant::now(), SWEEP);
        let mut looks = Looks::new(if notices.is_some() { SELDOM } else { VERIFY }, DEBOUNCE);
        loop {
            let heard = async {
                match notices.as_mut() {
                    Some(notices) => notices.next().await,
                    None => std::future::pending().await,
                }
            };
            let Some(notice) = looks.next(shutdown, &self.wake_firewall, heard).await else { return };
            if notice.is_some() {
                self.has_changed_links.store(true, Ordering::SeqCst);
            }
            if matches!(notice, Some(Notice::Host | Notice::Routing)) {
                self.wake_host.notify_one();
            }
            // Notices about links, however many, do not put the regular check off.
            if notice == Some(Notice::Host) {
                continue;
            }
            looks.begin();
            let started = Instant::now();
            let mut whole = self.look_at_rules().await;
            // Somebody may have changed nothing but a device's number.
            if whole && (notice == Some(Notice::Tables) || swept.elapsed() > sweep) {
                let begun = Instant::now();
                whole = self.look_at_seats().await;
                swept = Instant::now();
                sweep = pace::pause(SWEEP, begun.elapsed(), SWEEP_SHARE);
            }
            match notice {
                Some(Notice::Tables | Notice::Lost) => self.wake_canary.notify_one(),
                Some(Notice::Routing | Notice::Host) | None => {}
            }
            if !whole {
                tracing::info!(took_ms = started.elapsed().as_millis(), "rules that were changed are back");
            }
            looks.rest().await;
        }
    }

    /// Follows the host when it changed, and at intervals, until `shutdown`. Apart from the watch of the rules, which
    /// waits for nothing that takes long while other programs change interfaces.
    pub(crate) async fn watch_host(&self, notifies: bool, shutdown: &CancellationToken) {
        let pause = if notifies { SELDOM } else { VERIFY };
        while pace::again(shutdown, &self.wake_host, pause).await {
            self.follow_host().await;
            tokio::time::sleep(DEBOUNCE).await;
        }
    }

    /// Lets devices out by the interfaces that lead to the internet now, and by no other, and keeps forwarding on.
    async fn follow_host(&self) {
        let followed = async {
            let host = self.host().await?;
            self.forwarding.prepare(&host)?;
            let host = self.forwarding.strangers(host);
            let changed = self.firewall.set_host(host.clone()).await?;
            for key in self.forwarding.hold(&host, self.factory.lanes())? {
                tracing::warn!(key, "another program switched forwarding off; it is on again");
            }
            Ok::<_, crate::Error>(changed.then_some(host))
        };
        match followed.await {
            Ok(None) => {}
            Ok(Some(host)) => {
                tracing::info!(ipv4 = ?host.uplinks4, ipv6 = ?host.uplinks6, "the ways to the internet changed");
            }
            Err(error) => {
                tracing::error!(%error, "the ways to the internet could not be followed");
                // The whole table is loaded when a change of it failed.
                self.wake_firewall.notify_one();
            }
        }
    }

    /// What the ruleset needs to know of the host.
    pub(crate) async fn host(&self) -> Result<crate::firewall::Host, crate::Error> {
        Ok(self.factory.netlink().uplinks(self.factory.lanes()).await?)
    }

    /// True when all was as it should be; else it was put back, and the alarm raised where it was not our own doing.
    pub(crate) async fn look_at_rules(&self) -> bool {
        let check = self.firewall.check().await;
        let verified = matches!(check, Check::Whole);
        match check {
            Check::Whole => self.state.lock().await.firewall_verified = true,
            Check::Changed => self.alarm(AlarmCause::Changed, "the policy's nftables table").await,
            Check::NotLoaded => {
                let mended = self.firewall.apply().await;
                if let Err(error) = &mended {
                    tracing::error!(%error, "the policy could not be put in place");
                }
                self.state.lock().await.firewall_verified = mended.is_ok();
            }
            Check::Unknown(error) => {
                tracing::error!(%error, "the policy's nftables table could not be read");
                self.state.lock().await.firewall_verified = false;
            }
        }
        // After the table: other programs that change interfaces can hold this up.
        let missing = self.hold_routing().await;
        if let Some(what) = missing.first() {
            self.alarm(AlarmCause::Changed, what).await;
        }
        verified && missing.is_empty()
    }

    /// True when every map and set of the table holds what it should; else they were put back, with the alarm.
    async fn look_at_seats(&self) -> bool {
        match self.firewall.sweep().await {
            Check::Whole => return true,
            Check::Changed => self.alarm(AlarmCause::Changed, "what the policy says of devices").await,
            // Seen to at the next look.
            Check::NotLoaded => self.wake_firewall.notify_one(),
            Check::Unknown(error) => tracing::warn!(%error, "what the kernel's maps and sets hold could not be read"),
        }
        false
    }

    /// Puts the second layer back. Returns what was missing of it.
    async fn hold_routing(&self) -> Vec<&'static str> {
        let missing = self.factory.netlink().hold(&self.fallback).await.unwrap_or_else(|error| {
            tracing::error!(%error, "rules and routes of the lanes could not be put back");
            Vec::new()
        });
        if let Err(error) = self.route_isolation().await {
            tracing::error!(%error, "the way back to isolation addresses could not be put back");
        }
        missing
    }

    /// Closes the tor lane, puts every rule back, tells log and audit trail. The lane follows what was asked again
    /// after the rules were verified and a round of the canary was clean.
    pub(crate) async fn alarm(&self, cause: AlarmCause, what: &str) {
        let at = now();
        tracing::error!(?cause, what, "ALARM: closing the tor lane");
        let mut state = self.state.lock().await;
        state.canary.alarms += 1;
        state.canary.healthy = false;
        state.canary.last_leak = Some(at);
        state.canary.cause = Some(cause);
        // Before anything that can fail: from here on nobody opens the lane but the canary's all-clear.
        state.control.reason = TorLaneReason::LeakAlarm;
        // Failures are told by `switch`; the whole table is loaded next if it did not do.
        drop(self.switch(&mut state, TorLane::Closed.into(), TorLaneReason::LeakAlarm).await);
        state.firewall_verified = self.firewall.verify().await;
        if !state.firewall_verified {
            match self.firewall.apply().await {
                Ok(()) => state.firewall_verified = true,
                Err(error) => {
                    tracing::error!(%error, "the policy could not be put back");
                    self.wake_firewall.notify_one();
                }
            }
        }
        drop(state);
        self.alarms.raise(at, cause, what);
        self.wake_canary.notify_one();
    }
}

/// The wall clock.
pub(crate) fn now() -> UnixSeconds {
    tornado_runtime::clock::unix_now()
}
