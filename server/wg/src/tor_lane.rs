//! Switching the tor lane: its desired state, its actual state and the reason for it.

use crate::firewall;
use crate::service::{Service, State};
use std::net::IpAddr;
use tornado_contracts::wg::{SetTorLane, TorExits, TorLane, TorLaneReason, TorPorts, WgError};
use tornado_rpc::Fault;
use tornado_shared::model::Lane;

/// The desired state of the tor lane, and the reason for its actual state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneControl {
    /// The latest request; `Closed` at the start.
    pub(crate) asked: SetTorLane,
    pub(crate) reason: TorLaneReason,
}

impl Default for LaneControl {
    fn default() -> Self {
        Self { asked: TorLane::Closed.into(), reason: TorLaneReason::Start }
    }
}

impl Service {
    /// Applies a request at once. During a leak alarm the request is only stored, and the canary's all-clear applies
    /// it; the call then fails with `LaneHeld` unless it requests `Closed`.
    pub(crate) async fn set_tor_lane(&self, wish: SetTorLane) -> Result<(), WgError> {
        if let Some(why) = firewall::refuse_state(&wish) {
            return Err(Fault::Malformed(why.into()).into());
        }
        let mut state = self.state.lock().await;
        state.control.asked = wish.clone();
        match state.control.reason {
            TorLaneReason::LeakAlarm if wish.lane == TorLane::Closed => Ok(()),
            TorLaneReason::LeakAlarm => Err(WgError::LaneHeld),
            TorLaneReason::Asked if self.firewall.state() == wish => Ok(()),
            TorLaneReason::Start | TorLaneReason::Asked | TorLaneReason::SwitchFailed => {
                self.switch(&mut state, wish, TorLaneReason::Asked).await
            }
        }
    }

    /// Switches the lane in one transaction, then resets the connections of the former state: the filter answers only a
    /// device that still sends, not one that waits for data.
    ///
    /// If the transaction fails, the desired state of the firewall becomes `Closed`, and the firewall's watch is woken
    /// to apply it.
    pub(crate) async fn switch(
        &self,
        state: &mut State,
        wish: SetTorLane,
        reason: TorLaneReason,
    ) -> Result<(), WgError> {
        let former = self.firewall.state();
        let SetTorLane { lane, exits } = wish.clone();
        let switched = self.firewall.switch(wish.clone()).await;
        state.tor_lane = self.firewall.state();
        match switched {
            Ok(took) => {
                self.end_former(&former, &wish);
                let exits = exits.len();
                tracing::info!(
                    bounded = true,
                    ?lane,
                    exits,
                    ?reason,
                    took_us = took.as_micros(),
                    "switched the tor lane"
                );
                state.control.reason = reason;
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, ?lane, "could not switch the tor lane; closing it");
                // The reason stays an alarm: only a clean round of the canary ends it.
                if reason != TorLaneReason::LeakAlarm {
                    state.control.reason = TorLaneReason::SwitchFailed;
                }
                state.firewall_verified = false;
                self.wake_firewall.notify_one();
                Err(WgError::SwitchFailed(error.to_string()))
            }
        }
    }

    fn end_former(&self, former: &SetTorLane, wish: &SetTorLane) {
        let Ok(gateway) = self.factory.config().gateway(Lane::Tor) else { return };
        let own = [IpAddr::V4(gateway.v4), IpAddr::V6(gateway.v6)];
        match tornado_sockets::end_tcp(|local| own.contains(&local.ip()) && is_former(former, wish, local.port())) {
            Ok(ended) => tracing::debug!(ended, "reset connections of the former state"),
            // The new rules block them in any case.
            Err(error) => tracing::warn!(%error, "could not reset connections of the former state"),
        }
    }
}

/// True if a connection to this port of the lane's gateway address belongs only to the former state. Connections that
/// already belong to the new state stay.
fn is_former(former: &SetTorLane, wish: &SetTorLane, port: u16) -> bool {
    match (former.lane, wish.lane) {
        (_, TorLane::Closed) => true,
        (_, TorLane::Maintenance { page_port }) => port != page_port,
        (TorLane::Maintenance { page_port }, TorLane::Open { .. }) => port == page_port,
        (TorLane::Closed, TorLane::Open { .. }) => false,
        (TorLane::Open { .. }, TorLane::Open { .. }) => has(&former.exits, port) && !has(&wish.exits, port),
    }
}

fn has(exits: &TorExits, port: u16) -> bool {
    exits.values().any(|TorPorts { trans_port, socks_port, .. }| port == *trans_port || port == *socks_port)
}
