//! Watches the rules and routes that keep the lanes closed, reacts to changes by other programs and raises the alarm.

use crate::firewall::Check;
use crate::netfilter::{Notice, Notices};
use crate::pace::{self, Looks};
use crate::service::Service;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::{AlarmCause, TorLane, TorLaneReason};
use tornado_shared::model::UnixSeconds;

/// Interval of the checks of rules and routes if the kernel's notifications are not available.
const VERIFY: Duration = Duration::from_secs(10);
/// Interval of the checks if they are available.
const SELDOM: Duration = Duration::from_secs(30);
/// Shortest time between two checks, so that a program that changes rules in a loop does not block other work.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// Interval of the comparison of the devices in the maps without a notification.
const SWEEP: Duration = Duration::from_secs(30);
/// The comparison takes at most 1/50 of the time, because devices cannot connect during it.
const SWEEP_SHARE: u32 = 50;

impl Service {
    /// Checks the rules after a notification and at intervals, until `shutdown`, and replaces changed ones.
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
            // Notices about links must not delay the regular check, however many there are.
            if notice == Some(Notice::Host) {
                continue;
            }
            looks.begin();
            let started = Instant::now();
            let mut whole = self.look_at_rules().await;
            // The change may have affected only the elements of a map.
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
                tracing::info!(took_ms = started.elapsed().as_millis(), "changed rules were restored");
            }
            looks.rest().await;
        }
    }

    /// Adapts to changes of the host after a notification and at intervals, until `shutdown`. Separate from the watch
    /// of the rules, because this work can take long while other programs change interfaces.
    pub(crate) async fn watch_host(&self, notifies: bool, shutdown: &CancellationToken) {
        let pause = if notifies { SELDOM } else { VERIFY };
        while pace::again(shutdown, &self.wake_host, pause).await {
            self.follow_host().await;
            tokio::time::sleep(DEBOUNCE).await;
        }
    }

    /// Allows forwarding only through the host's current uplinks and keeps forwarding enabled.
    async fn follow_host(&self) {
        let followed = async {
            let host = self.host().await?;
            self.forwarding.prepare(&host)?;
            let host = self.forwarding.strangers(host);
            let changed = self.firewall.set_host(host.clone()).await?;
            for key in self.forwarding.hold(&host, self.factory.lanes())? {
                tracing::warn!(key, "another program disabled forwarding; enabled it again");
            }
            Ok::<_, crate::Error>(changed.then_some(host))
        };
        match followed.await {
            Ok(None) => {}
            Ok(Some(host)) => {
                tracing::info!(ipv4 = ?host.uplinks4, ipv6 = ?host.uplinks6, "the uplinks changed");
            }
            Err(error) => {
                tracing::error!(%error, "could not adapt to the host's uplinks");
                // A failed change leaves the table unknown, so the whole table is loaded.
                self.wake_firewall.notify_one();
            }
        }
    }

    /// The state of the host that the ruleset depends on.
    pub(crate) async fn host(&self) -> Result<crate::firewall::Host, crate::Error> {
        Ok(self.factory.netlink().uplinks(self.factory.lanes()).await?)
    }

    /// Checks the rules and the second layer and restores what was changed. Returns true if nothing had to be restored.
    /// Raises the alarm for changes by other programs.
    pub(crate) async fn look_at_rules(&self) -> bool {
        let check = self.firewall.check().await;
        let verified = matches!(check, Check::Whole);
        match check {
            Check::Whole => self.state.lock().await.firewall_verified = true,
            Check::Changed => self.alarm(AlarmCause::Changed, "the policy's nftables table").await,
            Check::NotLoaded => {
                let mended = self.firewall.apply().await;
                if let Err(error) = &mended {
                    tracing::error!(%error, "could not apply the policy");
                }
                self.state.lock().await.firewall_verified = mended.is_ok();
            }
            Check::Unknown(error) => {
                tracing::error!(%error, "could not read the policy's nftables table");
                self.state.lock().await.firewall_verified = false;
            }
        }
        // After the table, because other programs that change interfaces can delay this step.
        let missing = self.hold_routing().await;
        if let Some(what) = missing.first() {
            self.alarm(AlarmCause::Changed, what).await;
        }
        verified && missing.is_empty()
    }

    /// Compares every map and set of the table and restores changed elements, with an alarm. Returns true if nothing
    /// was changed.
    async fn look_at_seats(&self) -> bool {
        match self.firewall.sweep().await {
            Check::Whole => return true,
            Check::Changed => self.alarm(AlarmCause::Changed, "the elements of the policy's maps and sets").await,
            // The next check of the rules loads the table.
            Check::NotLoaded => self.wake_firewall.notify_one(),
            Check::Unknown(error) => tracing::warn!(%error, "could not read the kernel's maps and sets"),
        }
        false
    }

    /// Restores the second layer. Returns descriptions of what was missing.
    async fn hold_routing(&self) -> Vec<&'static str> {
        let missing = self.factory.netlink().hold(&self.fallback).await.unwrap_or_else(|error| {
            tracing::error!(%error, "could not restore rules and routes of the lanes");
            Vec::new()
        });
        if let Err(error) = self.route_isolation().await {
            tracing::error!(%error, "could not restore the return path to isolation addresses");
        }
        missing
    }

    /// Closes the tor lane, restores all rules, writes a log message and an audit record. The lane returns to its
    /// desired state after the rules were verified and a round of the canary was clean.
    pub(crate) async fn alarm(&self, cause: AlarmCause, what: &str) {
        let at = now();
        tracing::error!(?cause, what, "ALARM: closing the tor lane");
        let mut state = self.state.lock().await;
        state.canary.alarms += 1;
        state.canary.healthy = false;
        state.canary.last_leak = Some(at);
        state.canary.cause = Some(cause);
        // Before anything that can fail: from now on only the canary's all-clear can open the lane.
        state.control.reason = TorLaneReason::LeakAlarm;
        // `switch` logs its own failures; the check below then loads the whole table.
        drop(self.switch(&mut state, TorLane::Closed.into(), TorLaneReason::LeakAlarm).await);
        state.firewall_verified = self.firewall.verify().await;
        if !state.firewall_verified {
            match self.firewall.apply().await {
                Ok(()) => state.firewall_verified = true,
                Err(error) => {
                    tracing::error!(%error, "could not restore the policy");
                    self.wake_firewall.notify_one();
                }
            }
        }
        drop(state);
        self.alarms.raise(at, cause, what);
        self.wake_canary.notify_one();
    }
}

pub(crate) fn now() -> UnixSeconds {
    tornado_runtime::clock::unix_now()
}
