//! The status that callers see, combined from the tunnel's state and the login.

use super::lanes::LaneStates;
use crate::account::Account;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use tornado_helper_api::{Choice, Chosen, ControlPlane, Notice, Portal, Split, Status, TunnelState};
use tornado_kit::clock::unix_now;
use tornado_shared::api::{OwnUsage, QuotaView, TorView};
use tornado_shared::model::{Lane, LockdownPolicy, SessionId, UnixSeconds};
use tornado_tunnel::state::{Failure, Phase, View};

/// Code of the notice that this machine has no route to the server.
const NO_NETWORK: &str = "no_network";

/// Code of the notice that another program changed the tunnel.
const INTERFERENCE: &str = "interference";

/// Codes of the notices about the quota.
const QUOTA_NEARLY_USED: &str = "quota_nearly_used";
const QUOTA_USED_UP: &str = "quota_used_up";

/// Writes the status to a watch channel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Publisher {
    status: watch::Sender<Status>,
    lanes: Arc<Mutex<LaneStates>>,
    /// Description of the latest interference by another program that the status showed.
    disturbed: Arc<Mutex<Option<String>>>,
    /// Code of the latest notice about the quota, until the quota suffices again.
    quota: Arc<Mutex<Option<&'static str>>>,
    notices: Arc<Mutex<Notices>>,
}

/// Notices for the user. A failure hides the standing notice, which is shown again when the failure is over.
#[derive(Debug, Default)]
struct Notices {
    /// About something that does not work now.
    failure: Option<Notice>,
    /// About interference by another program, or about the quota.
    standing: Option<Notice>,
}

impl Notices {
    fn put(&mut self, code: &str, detail: String) {
        let notice = Notice { code: code.into(), detail, at: unix_now() };
        let is_standing = notice.code == INTERFERENCE || is_about_quota(&notice);
        *(if is_standing { &mut self.standing } else { &mut self.failure }) = Some(notice);
    }

    fn has_failure(&self, code: &str) -> bool {
        self.failure.as_ref().is_some_and(|notice| notice.code == code)
    }
}

impl Publisher {
    pub(crate) fn new() -> Self {
        let status = Status { version: env!("CARGO_PKG_VERSION").into(), ..Status::default() };
        Self { status: watch::Sender::new(status), ..Self::default() }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    pub(crate) fn now(&self) -> Status {
        self.status.borrow().clone()
    }

    pub(crate) fn account(&self, account: Option<&Account>) {
        self.change(|status| {
            status.profile = account.map(|a| a.profile.to_string());
            status.server = account.map(|a| a.server.clone());
            status.user = account.map(|a| a.username.clone());
            status.device = account.map(|a| a.device_name.clone());
            status.logged_in = account.is_some_and(|a| a.login.is_some());
        });
    }

    pub(crate) fn session(&self, session: Option<SessionId>) {
        self.change(|status| status.session = session);
    }

    /// Sets the lane states that the server reported.
    pub(crate) fn lanes(&self, lanes: LaneStates) {
        *self.lanes.lock() = lanes;
        self.change(|_| {});
    }

    /// Sets the Tor state that the server reported for this device.
    pub(crate) fn tor(&self, view: Option<TorView>) {
        self.change(|status| status.tor = view);
    }

    /// Sets the usage that the server reported. Withdraws the notice about the quota after a new month or a raised
    /// quota.
    pub(crate) fn usage(&self, usage: Option<OwnUsage>) {
        let suffices = usage.is_some_and(|usage| usage.quota.is_none_or(|quota| !quota.is_nearly_used()));
        if suffices {
            *self.quota.lock() = None;
        }
        self.update(|status, notices| {
            status.usage = usage;
            notices.standing.take_if(|notice| suffices && is_about_quota(notice));
        });
    }

    /// Adds a notice that the quota is used up or nearly used up. The server repeats it on each new event stream; the
    /// repetition does not replace a notice about something else.
    pub(crate) fn quota(&self, quota: QuotaView) {
        let code = if quota.left == 0 { QUOTA_USED_UP } else { QUOTA_NEARLY_USED };
        let days = quota.renews_at.saturating_sub(unix_now()).max(0) / 86_400 + 1;
        let detail = format!(
            "{} % of the monthly quota is used, {} bytes are left; the quota resets within {days} days",
            quota.percent(),
            quota.left
        );
        let is_new = self.quota.lock().replace(code) != Some(code);
        self.update(|status, notices| {
            if is_new || notices.standing.as_ref().is_none_or(is_about_quota) {
                notices.put(code, detail);
            }
            if let Some(usage) = &mut status.usage {
                usage.quota = Some(quota);
            }
        });
    }

    /// Records the event that caused the choice of the endpoint in use.
    pub(crate) fn chosen(&self, why: Choice) {
        let at = unix_now();
        self.change(|status| status.chosen = Some(Chosen { why, at }));
    }

    pub(crate) fn control(&self, control: ControlPlane) {
        self.change(|status| status.control = control);
    }

    pub(crate) fn split(&self, split: Split) {
        self.change(|status| status.split = split);
    }

    pub(crate) fn excluded(&self, excluded: bool) {
        self.change(|status| status.excluded = excluded);
    }

    pub(crate) fn portal(&self, portal: Option<Portal>) {
        self.change(|status| status.portal = portal);
    }

    pub(crate) fn lockdown(&self, policy: LockdownPolicy) {
        self.change(|status| status.lockdown_policy = policy);
    }

    pub(crate) fn notice(&self, code: &str, detail: impl std::fmt::Display) {
        self.update(|_, notices| notices.put(code, detail.to_string()));
    }

    /// Withdraws the notice about a failure, because the connection works.
    pub(crate) fn recovered(&self) {
        self.update(|_, notices| notices.failure = None);
    }

    /// Withdraws the notice about a failure if it has this code.
    pub(crate) fn withdraw(&self, code: &str) {
        self.update(|_, notices| {
            notices.failure.take_if(|notice| notice.code == code);
        });
    }

    /// Withdraws every notice.
    pub(crate) fn clear_notice(&self) {
        self.update(|_, notices| *notices = Notices::default());
    }

    /// Copies the state of the tunnel.
    pub(crate) fn tunnel(&self, view: &View) {
        let disturbed = {
            let mut shown = self.disturbed.lock();
            let new = view.disturbed.clone().filter(|what| shown.as_ref() != Some(what));
            shown.clone_from(&view.disturbed);
            new
        };
        self.update(|status, notices| {
            status.state = state(view.phase);
            status.reason = view.blocked.as_ref().map(ToString::to_string);
            status.lane = view.lane;
            status.target = view.target;
            status.endpoint = view.endpoint;
            status.addresses.clone_from(&view.addresses);
            status.names.clone_from(&view.names);
            status.lockdown = view.lockdown;
            status.restored = view.disturbances;
            // The wall clock may be set while the tunnel is up, so the start is recomputed from the tunnel's age.
            let since = view.since.map(|since| unix_now().saturating_sub_unsigned(since.elapsed().as_secs()));
            if was_restarted(view, status.since) {
                status.since = since;
            }
            status.handshake_seen = view.observed.handshake_age.is_some();
            status.handshake_stale = view.stale;
            status.latest_handshake_age = view.observed.handshake_age.map(|age| age.as_secs());
            status.transfer = view.observed.transfer;
            status.backend = view.backend;
            status.preshared = view.preshared;
            if let Some(what) = disturbed {
                notices.put(INTERFERENCE, what);
            }
            match (view.observed.no_network, notices.has_failure(NO_NETWORK)) {
                (true, false) => {
                    let detail = "this machine has no route to the server; the tunnel resumes when the network is back";
                    notices.put(NO_NETWORK, detail.into());
                }
                (false, true) => notices.failure = None,
                (true, true) | (false, false) => {}
            }
            if let Some(failure) = &view.failure
                && notices.failure.as_ref().is_none_or(|notice| notice.detail != failure.to_string())
            {
                let code = match failure {
                    Failure::NoHandshake(_) => "no_handshake",
                    Failure::Link(_) | Failure::Routing(_) => "tunnel",
                };
                notices.put(code, failure.to_string());
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        self.update(|status, _| change(status));
    }

    fn update(&self, update: impl FnOnce(&mut Status, &mut Notices)) {
        let lanes = *self.lanes.lock();
        self.status.send_if_modified(|status| {
            let before = status.clone();
            let mut notices = self.notices.lock();
            update(status, &mut notices);
            status.notice = notices.failure.as_ref().or(notices.standing.as_ref()).cloned();
            status.lane_state = lanes.current(status);
            if status.endpoint.is_none() {
                status.chosen = None;
            }
            // Reports that may be outdated are not shown.
            if status.lane != Some(Lane::Tor) || status.session.is_none() || status.control == ControlPlane::Unreachable
            {
                status.tor = None;
            }
            if status.session.is_none() || status.control == ControlPlane::Unreachable {
                status.usage = None;
            }
            *status != before
        });
    }
}

fn is_about_quota(notice: &Notice) -> bool {
    [QUOTA_NEARLY_USED, QUOTA_USED_UP].contains(&notice.code.as_str())
}

/// Returns true if the published start differs by more than two seconds from the tunnel's actual start.
fn was_restarted(view: &View, shown: Option<UnixSeconds>) -> bool {
    let age = |since: Instant| i64::try_from(since.elapsed().as_secs()).unwrap_or(i64::MAX);
    match (view.since, shown) {
        (Some(since), Some(shown)) => (unix_now() - age(since) - shown).abs() > 2,
        (None, _) | (_, None) => true,
    }
}

const fn state(phase: Phase) -> TunnelState {
    match phase {
        Phase::Disconnected => TunnelState::Disconnected,
        Phase::Connecting => TunnelState::Connecting,
        Phase::Connected => TunnelState::Connected,
        Phase::Switching => TunnelState::Switching,
        Phase::Disconnecting => TunnelState::Disconnecting,
        Phase::Blocked => TunnelState::Blocked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_shared::api::LaneBytes;
    use tornado_tunnel::plan;

    fn usage(quota: Option<QuotaView>) -> Option<OwnUsage> {
        let bytes = LaneBytes::default();
        Some(OwnUsage { sessions: 1, total: bytes, today: bytes, month: bytes, quota })
    }

    fn shown(publisher: &Publisher) -> Option<String> {
        publisher.now().notice.map(|notice| notice.code)
    }

    #[test]
    fn a_sufficient_quota_withdraws_its_notice() {
        let publisher = Publisher::new();
        let [enough, low, none] = [100, 900, 1000].map(|used| QuotaView::new(1000, used, 0));
        for suffices in [Some(enough), None] {
            publisher.quota(low);
            publisher.usage(None);
            publisher.usage(usage(Some(low)));
            assert_eq!(shown(&publisher).as_deref(), Some(QUOTA_NEARLY_USED), "unknown or little is left");
            publisher.quota(none);
            assert_eq!(shown(&publisher).as_deref(), Some(QUOTA_USED_UP));
            publisher.usage(usage(suffices));
            assert_eq!(shown(&publisher), None, "{suffices:?}");
        }
        publisher.notice("interference", "a rule was removed");
        publisher.usage(usage(None));
        assert_eq!(shown(&publisher).as_deref(), Some("interference"));
    }

    #[test]
    fn a_notice_returns_when_the_network_does() {
        let publisher = Publisher::new();
        let view = |no_network, disturbed: Option<&str>| View {
            disturbed: disturbed.map(str::to_owned),
            observed: plan::Observation { no_network, ..plan::Observation::default() },
            ..View::new(Phase::Connected)
        };
        let rules = Some("the routing rules");
        // While `ip rule flush` removes one rule after the other, the machine has no route for moments.
        publisher.tunnel(&view(false, rules));
        publisher.tunnel(&view(true, rules));
        assert_eq!(shown(&publisher).as_deref(), Some(NO_NETWORK));
        publisher.tunnel(&view(false, rules));
        assert_eq!(shown(&publisher).as_deref(), Some("interference"));

        publisher.tunnel(&view(true, rules));
        publisher.clear_notice();
        publisher.tunnel(&view(true, rules));
        publisher.tunnel(&view(false, rules));
        assert_eq!(shown(&publisher), None, "withdrawn while the network was gone");
    }

    #[test]
    fn a_recovered_connection_withdraws_only_notices_about_failures() {
        let publisher = Publisher::new();
        for (code, stays) in [("unreachable", false), (INTERFERENCE, true), (QUOTA_USED_UP, true)] {
            publisher.notice(code, "why");
            publisher.recovered();
            assert_eq!(shown(&publisher).as_deref(), stays.then_some(code));
        }
        publisher.notice(INTERFERENCE, "why");
        publisher.tunnel(&View {
            observed: plan::Observation { no_network: true, ..plan::Observation::default() },
            ..View::new(Phase::Connected)
        });
        assert_eq!(shown(&publisher).as_deref(), Some(NO_NETWORK));
        publisher.notice("unreachable", "why");
        publisher.recovered();
        assert_eq!(shown(&publisher).as_deref(), Some(INTERFERENCE), "hidden by those that are over");
    }

    #[test]
    fn a_repeated_quota_event_does_not_replace_another_notice() {
        let publisher = Publisher::new();
        let [low, none] = [900, 1000].map(|used| QuotaView::new(1000, used, 0));
        publisher.quota(low);
        publisher.notice("interference", "a rule was removed");
        publisher.quota(low);
        assert_eq!(shown(&publisher).as_deref(), Some("interference"));
        publisher.quota(none);
        assert_eq!(shown(&publisher).as_deref(), Some(QUOTA_USED_UP), "another state of the quota");
    }
}
