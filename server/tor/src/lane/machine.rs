//! Decides the lane's state from the operator's desired state and Tor's health. Pure: time is an argument.
//!
//! Invariants: the lane is open only while the operator wants it, Tor runs and responds, its bootstrap is at 100 %, it
//! reports a circuit, and a recent probe has succeeded. No event about Tor's health changes the desired state, and no
//! desired state overrides health.

use std::time::{Duration, Instant};
use tornado_contracts::tor::{LaneReason, LaneState, TorDesired};
use tornado_contracts::wg::{TorLane, TorPorts};

/// An event that may change the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// The operator's desired state; `None` if it cannot be read.
    Desired(Option<TorDesired>),
    /// Whether the Tor process runs.
    Process(bool),
    /// Whether its control port responds.
    Controlled(bool),
    /// Bootstrap progress in percent.
    Bootstrap(u8),
    /// Whether Tor has a working circuit.
    Established(bool),
    /// Whether Tor considers the network reachable.
    Liveness(bool),
    /// The outcome of a probe.
    Probe {
        /// Whether it succeeded.
        ok: bool,
        /// When it was started.
        started: Instant,
    },
}

/// The inputs so far.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    desired: Option<TorDesired>,
    health: Health,
    /// Tor was healthy at least once since the service started.
    was_ready: bool,
    /// How long a successful probe is valid.
    proves: Duration,
}

#[derive(Debug, Clone, Copy, Default)]
struct Health {
    process: bool,
    controlled: bool,
    percent: u8,
    established: bool,
    probe: Option<Probe>,
    /// Probes that were started earlier do not count: Tor or the network failed since then.
    probes_from: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Probe {
    ok: bool,
    started: Instant,
}

/// The lane's state and the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) state: LaneState,
    pub(crate) reason: LaneReason,
}

impl Machine {
    pub(crate) fn new(desired: Option<TorDesired>, proves: Duration) -> Self {
        Self { desired, health: Health::default(), was_ready: false, proves }
    }

    /// Applies an event that happened at `now`.
    pub(crate) fn handle(&mut self, input: Input, now: Instant) {
        let health = &mut self.health;
        match input {
            Input::Desired(desired) => {
                // A probe from before a pause is not valid after it.
                if desired.is_some_and(|w| w.lane) && !self.desired.is_some_and(|w| w.lane) {
                    health.doubt(now);
                }
                self.desired = desired;
            }
            Input::Process(runs) => {
                if runs != health.process {
                    *health = Health { process: runs, probes_from: Some(now), ..Health::default() };
                }
            }
            Input::Controlled(responds) => {
                if !responds {
                    *health = Health { process: health.process, probes_from: Some(now), ..Health::default() };
                }
                health.controlled = responds;
            }
            Input::Bootstrap(percent) => {
                if percent < 100 {
                    health.doubt(now);
                }
                health.percent = percent;
            }
            Input::Established(established) => {
                if !established {
                    health.doubt(now);
                }
                health.established = established;
            }
            // Tor infers this from traffic, and silence is normal on an idle lane: a reason to probe, not evidence.
            Input::Liveness(true) => {}
            Input::Liveness(false) => health.doubt(now),
            Input::Probe { ok, started } => {
                let is_newer = health.probes_from.is_none_or(|from| started >= from)
                    && health.probe.is_none_or(|former| started >= former.started);
                if is_newer {
                    health.probe = Some(Probe { ok, started });
                }
            }
        }
        self.was_ready |= self.unhealthy(now).is_none();
    }

    /// The lane's state at `now`. The passing of time alone never opens a lane.
    pub(crate) fn verdict(&self, now: Instant) -> Verdict {
        let maintenance = |reason| Verdict { state: LaneState::Maintenance, reason };
        let Some(desired) = self.desired else {
            return Verdict { state: LaneState::Closed, reason: LaneReason::DesiredUnreadable };
        };
        if !desired.process {
            return maintenance(LaneReason::OperatorStopped);
        }
        if !desired.lane {
            return maintenance(LaneReason::OperatorDown);
        }
        match self.unhealthy(now) {
            None => Verdict { state: LaneState::Open, reason: LaneReason::Healthy },
            Some(reason) if self.was_ready => maintenance(reason),
            Some(reason) => Verdict { state: LaneState::Closed, reason },
        }
    }

    /// Returns true if the lane depends on the outcome of probes: everything else allows it to be open.
    pub(crate) fn wants_probe(&self) -> bool {
        let h = &self.health;
        let is_desired = self.desired.is_some_and(|w| w.process && w.lane);
        is_desired && h.process && h.controlled && h.percent == 100 && h.established
    }

    /// Returns true if only a valid probe is missing at `now`, so that a probe should start at once.
    pub(crate) fn is_unproved(&self, now: Instant) -> bool {
        self.wants_probe() && self.unhealthy(now) == Some(LaneReason::Unproved)
    }

    fn unhealthy(&self, now: Instant) -> Option<LaneReason> {
        let h = &self.health;
        if !h.process {
            return Some(LaneReason::ProcessDown);
        }
        if !h.controlled {
            return Some(LaneReason::ControlDown);
        }
        if h.percent < 100 {
            return Some(LaneReason::Bootstrapping);
        }
        if !h.established {
            return Some(LaneReason::NoCircuit);
        }
        match h.probe {
            Some(probe) if !probe.ok => Some(LaneReason::ProbeFailed),
            Some(probe) if now.saturating_duration_since(probe.started) <= self.proves => None,
            Some(_) | None => Some(LaneReason::Unproved),
        }
    }
}

/// The state of the lane in `wg`. `page_port` is the port of the maintenance page if it is in service.
pub(crate) fn tor_lane(state: LaneState, ports: TorPorts, page_port: Option<u16>) -> TorLane {
    match (state, page_port) {
        (LaneState::Open, _) => {
            let TorPorts { trans_port, dns_port, socks_port } = ports;
            TorLane::Open { trans_port, dns_port, socks_port }
        }
        (LaneState::Maintenance, Some(page_port)) => TorLane::Maintenance { page_port },
        (LaneState::Maintenance, None) | (LaneState::Closed, _) => TorLane::Closed,
    }
}

impl Health {
    /// Invalidates the latest probe.
    fn doubt(&mut self, now: Instant) {
        self.probe = None;
        self.probes_from = Some(now);
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
