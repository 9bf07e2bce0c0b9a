//! The alarm: closes the tor lane and restores the rules.

use super::audit_queue::AuditQueue;
use crate::shared::Shared;
use crate::tor_lane::TorLaneSwitch;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tornado_contracts::auth::audit::AuditClient;
use tornado_contracts::wg::{AlarmCause, TorLane, TorLaneReason};
use tornado_runtime::clock::unix_now;

pub(crate) struct Alarm {
    shared: Shared,
    tor_lane: Arc<TorLaneSwitch>,
    audit: AuditQueue,
}

impl Alarm {
    /// Loads the alarms that an earlier process did not deliver from `state_dir`.
    pub(crate) fn load(shared: Shared, tor_lane: Arc<TorLaneSwitch>, state_dir: &Path) -> Self {
        Self { shared, tor_lane, audit: AuditQueue::load(state_dir) }
    }

    /// Closes the tor lane, restores all rules, writes a log message and an audit record. The lane returns to its
    /// desired state after the rules were verified and a round of the canary was clean.
    pub(crate) async fn raise(&self, cause: AlarmCause, what: &str) {
        let (at, Shared { firewall, status, wakes }) = (unix_now(), &self.shared);
        tracing::error!(?cause, what, "ALARM: closing the tor lane");
        let mut state = status.lock().await;
        state.canary.alarms += 1;
        state.canary.healthy = false;
        state.canary.last_leak = Some(at);
        state.canary.cause = Some(cause);
        // Before anything that can fail: from now on only the canary's all-clear can open the lane.
        state.tor_lane.hold();
        // `switch` logs its own failures; the check below then loads the whole table.
        drop(self.tor_lane.switch(&mut state, TorLane::Closed.into(), TorLaneReason::LeakAlarm).await);
        state.firewall_verified = firewall.verify().await;
        if !state.firewall_verified {
            match firewall.apply().await {
                Ok(()) => state.firewall_verified = true,
                Err(error) => {
                    tracing::error!(%error, "could not restore the policy");
                    wakes.firewall.notify_one();
                }
            }
        }
        drop(state);
        self.audit.push(at, cause, what);
        wakes.canary.notify_one();
    }

    /// Delivers alarms to the audit trail until `shutdown`.
    pub(crate) async fn deliver_to_audit(&self, auth: AuditClient, shutdown: &CancellationToken) {
        self.audit.deliver_all(auth, shutdown).await;
    }
}
