//! Switches the tor lane and ends the connections of its former state.

use super::control::is_former;
use crate::firewall;
use crate::shared::Shared;
use crate::status::State;
use std::net::IpAddr;
use tornado_contracts::wg::{SetTorLane, TorLaneReason, WgError};
use tornado_rpc::Fault;
use tornado_shared::model::LaneAddresses;

pub(crate) struct TorLaneSwitch {
    shared: Shared,
    /// The server's addresses on the lane.
    gateway: [IpAddr; 2],
}

impl TorLaneSwitch {
    pub(crate) fn new(shared: Shared, gateway: LaneAddresses) -> Self {
        Self { shared, gateway: [gateway.v4.into(), gateway.v6.into()] }
    }

    /// Applies a request at once. During a leak alarm the request is only stored, and the canary's all-clear applies
    /// it; the call then fails with `LaneHeld` unless it requests `Closed`.
    pub(crate) async fn set_tor_lane(&self, desired: SetTorLane) -> Result<(), WgError> {
        if let Some(why) = firewall::invalid_reason(&desired) {
            return Err(Fault::Malformed(why.into()).into());
        }
        let mut state = self.shared.status.lock().await;
        match state.tor_lane.request(desired)? {
            Some(next) => self.switch(&mut state, next, TorLaneReason::Requested).await,
            None => Ok(()),
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
        next: SetTorLane,
        reason: TorLaneReason,
    ) -> Result<(), WgError> {
        let (lane, exits) = (next.lane, next.exits.len());
        match self.shared.firewall.switch(next.clone()).await {
            Ok(took) => {
                self.end_former_connections(state.tor_lane.actual(), &next);
                let took_us = took.as_micros();
                tracing::info!(bounded = true, ?lane, exits, ?reason, took_us, "switched the tor lane");
                state.tor_lane.switched(next, reason);
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, ?lane, "could not switch the tor lane; closing it");
                state.tor_lane.switch_failed(reason);
                state.firewall_verified = false;
                self.shared.wakes.firewall.notify_one();
                Err(WgError::SwitchFailed(error.to_string()))
            }
        }
    }

    fn end_former_connections(&self, former: &SetTorLane, new: &SetTorLane) {
        let is_own = |address: &IpAddr| self.gateway.contains(address);
        match tornado_sockets::end_tcp(|local| is_own(&local.ip()) && is_former(former, new, local.port())) {
            Ok(ended) => tracing::debug!(ended, "reset connections of the former state"),
            // The new rules block them in any case.
            Err(error) => tracing::warn!(%error, "could not reset connections of the former state"),
        }
    }
}
