//! Watches rules and routes, and restores those that other programs change.

use super::alarm::Alarm;
use crate::firewall::Check;
use crate::netfilter::{Notice, Notices};
use crate::pace::{self, CheckTimer, DEBOUNCE, interval};
use crate::routing::Routing;
use crate::shared::Shared;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::AlarmCause;

/// Interval of the comparison of the maps' elements without a notification.
const ELEMENTS_INTERVAL: Duration = Duration::from_secs(30);
/// The comparison takes at most 1/50 of the time, because devices cannot connect during it.
const ELEMENTS_SHARE: u32 = 50;

pub(crate) struct RulesWatch {
    pub(crate) shared: Shared,
    pub(crate) routing: Arc<Routing>,
    pub(crate) alarm: Arc<Alarm>,
}

impl RulesWatch {
    /// Checks the rules after a notification and at intervals, until `shutdown`, and replaces changed ones.
    pub(crate) async fn watch(self, mut notices: Option<Notices>, shutdown: CancellationToken) {
        let wakes = &self.shared.wakes;
        let (mut compared, mut pause) = (Instant::now(), ELEMENTS_INTERVAL);
        let mut timer = CheckTimer::new(interval(notices.is_some()), DEBOUNCE);
        loop {
            let next = async {
                match notices.as_mut() {
                    Some(notices) => notices.next().await,
                    None => std::future::pending().await,
                }
            };
            let Some(notice) = timer.next(&shutdown, &wakes.firewall, next).await else { return };
            if notice.is_some() {
                wakes.note_changed_links();
            }
            if matches!(notice, Some(Notice::Host | Notice::Routing)) {
                wakes.host.notify_one();
            }
            // Notices about links must not delay the regular check, however many there are.
            if notice == Some(Notice::Host) {
                continue;
            }
            timer.begin();
            let started = Instant::now();
            let mut unchanged = self.check_rules().await;
            // The change may have affected only the elements of a map.
            if unchanged && (notice == Some(Notice::Tables) || compared.elapsed() > pause) {
                let begun = Instant::now();
                unchanged = self.check_elements().await;
                compared = Instant::now();
                pause = pace::pause(ELEMENTS_INTERVAL, begun.elapsed(), ELEMENTS_SHARE);
            }
            match notice {
                Some(Notice::Tables | Notice::Lost) => wakes.canary.notify_one(),
                Some(Notice::Routing | Notice::Host) | None => {}
            }
            if !unchanged {
                tracing::info!(took_ms = started.elapsed().as_millis(), "changed rules were restored");
            }
            timer.rest().await;
        }
    }

    /// Checks the rules and the second layer and restores what was changed. Returns true if nothing had to be restored.
    /// Raises the alarm for changes by other programs.
    async fn check_rules(&self) -> bool {
        let Shared { firewall, status, .. } = &self.shared;
        let check = firewall.check().await;
        let verified = matches!(check, Check::Unchanged);
        match check {
            Check::Unchanged => status.lock().await.firewall_verified = true,
            Check::Changed => self.alarm.raise(AlarmCause::Changed, "the policy's nftables table").await,
            Check::NotLoaded => {
                let applied = firewall.apply().await;
                if let Err(error) = &applied {
                    tracing::error!(%error, "could not apply the policy");
                }
                status.lock().await.firewall_verified = applied.is_ok();
            }
            Check::Unknown(error) => {
                tracing::error!(%error, "could not read the policy's nftables table");
                status.lock().await.firewall_verified = false;
            }
        }
        // After the table, because other programs that change interfaces can delay this step.
        let missing = self.routing.restore().await;
        if let Some(what) = missing.first() {
            self.alarm.raise(AlarmCause::Changed, what).await;
        }
        verified && missing.is_empty()
    }

    /// Compares every map and set of the table and restores changed elements, with an alarm. Returns true if nothing
    /// was changed.
    async fn check_elements(&self) -> bool {
        match self.shared.firewall.check_elements().await {
            Check::Unchanged => return true,
            Check::Changed => {
                self.alarm.raise(AlarmCause::Changed, "the elements of the policy's maps and sets").await;
            }
            // The next check of the rules loads the table.
            Check::NotLoaded => self.shared.wakes.firewall.notify_one(),
            Check::Unknown(error) => tracing::warn!(%error, "could not read the kernel's maps and sets"),
        }
        false
    }
}
