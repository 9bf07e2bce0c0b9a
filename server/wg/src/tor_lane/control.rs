//! Decides whether and how the tor lane is switched. Pure.

use tornado_contracts::wg::{SetTorLane, TorLane, TorLaneReason, TorPorts, WgError};

/// The desired and the actual state of the tor lane, and the reason for the actual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneControl {
    /// The latest request; `Closed` at the start.
    desired: SetTorLane,
    /// The state in the kernel.
    actual: SetTorLane,
    reason: TorLaneReason,
}

impl Default for LaneControl {
    fn default() -> Self {
        Self { desired: TorLane::Closed.into(), actual: TorLane::Closed.into(), reason: TorLaneReason::Start }
    }
}

impl LaneControl {
    pub(crate) const fn desired(&self) -> &SetTorLane {
        &self.desired
    }

    pub(crate) const fn actual(&self) -> &SetTorLane {
        &self.actual
    }

    pub(crate) const fn reason(&self) -> TorLaneReason {
        self.reason
    }

    /// True while a leak alarm keeps the lane closed.
    pub(crate) fn is_held(&self) -> bool {
        self.reason == TorLaneReason::LeakAlarm
    }

    /// Stores a request. Returns the state to switch to; `None` if nothing has to change.
    ///
    /// # Errors
    ///
    /// Fails with `LaneHeld` during a leak alarm unless the request is `Closed`.
    pub(super) fn request(&mut self, desired: SetTorLane) -> Result<Option<SetTorLane>, WgError> {
        self.desired = desired.clone();
        match self.reason {
            TorLaneReason::LeakAlarm if desired.lane == TorLane::Closed => Ok(None),
            TorLaneReason::LeakAlarm => Err(WgError::LaneHeld),
            TorLaneReason::Requested if self.actual == desired => Ok(None),
            TorLaneReason::Start | TorLaneReason::Requested | TorLaneReason::SwitchFailed => Ok(Some(desired)),
        }
    }

    /// A leak alarm began. Only [`LaneControl::switched`] with another reason ends it.
    pub(crate) const fn hold(&mut self) {
        self.reason = TorLaneReason::LeakAlarm;
    }

    /// The kernel has applied `actual`.
    pub(super) fn switched(&mut self, actual: SetTorLane, reason: TorLaneReason) {
        self.actual = actual;
        self.reason = reason;
    }

    /// A switch for `reason` failed, and the lane is being closed.
    pub(super) fn switch_failed(&mut self, reason: TorLaneReason) {
        self.actual = TorLane::Closed.into();
        // The reason stays an alarm: only a clean round of the canary ends it.
        if reason != TorLaneReason::LeakAlarm {
            self.reason = TorLaneReason::SwitchFailed;
        }
    }
}

/// True if a connection to this port of the lane's gateway address belongs only to the former state. Connections that
/// already belong to the new state stay.
pub(super) fn is_former(former: &SetTorLane, new: &SetTorLane, port: u16) -> bool {
    match (former.lane, new.lane) {
        (_, TorLane::Closed) => true,
        (_, TorLane::Maintenance { page_port }) => port != page_port,
        (TorLane::Maintenance { page_port }, TorLane::Open { .. }) => port == page_port,
        (TorLane::Closed, TorLane::Open { .. }) => false,
        (TorLane::Open { .. }, TorLane::Open { .. }) => is_of_country(former, port) && !is_of_country(new, port),
    }
}

/// True if the port belongs to the Tor process of an exit country.
fn is_of_country(state: &SetTorLane, port: u16) -> bool {
    let has = |ports: &TorPorts| port == ports.trans_port || port == ports.socks_port;
    state.exits.values().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: TorLane = TorLane::Open { trans_port: 9040, dns_port: 9053, socks_port: 9050 };

    #[test]
    fn an_alarm_holds_every_request_but_closed() {
        let mut control = LaneControl::default();
        assert_eq!(control.request(OPEN.into()), Ok(Some(OPEN.into())));
        control.switched(OPEN.into(), TorLaneReason::Requested);
        assert_eq!(control.request(OPEN.into()), Ok(None));
        control.hold();
        control.switched(TorLane::Closed.into(), TorLaneReason::LeakAlarm);
        assert_eq!(control.request(OPEN.into()), Err(WgError::LaneHeld));
        assert!(control.is_held() && *control.desired() == OPEN.into());
        control.switch_failed(TorLaneReason::LeakAlarm);
        assert!(control.is_held(), "a failed switch does not end the alarm");
        assert_eq!(control.request(TorLane::Closed.into()), Ok(None));
    }

    #[test]
    fn a_failed_switch_is_repeated_on_request() {
        let mut control = LaneControl::default();
        control.switched(OPEN.into(), TorLaneReason::Requested);
        control.switch_failed(TorLaneReason::Requested);
        assert_eq!((control.actual().lane, control.reason()), (TorLane::Closed, TorLaneReason::SwitchFailed));
        assert_eq!(control.request(OPEN.into()), Ok(Some(OPEN.into())));
    }
}
