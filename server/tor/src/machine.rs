//! Decides the lane's state from the operator's desired state and Tor's health. Pure: time is an argument.
//!
//! Invariants: the lane is open only while the operator wants it, Tor runs and responds, its bootstrap is at 100 %, it
//! reports a circuit, and a recent probe has succeeded. No event about Tor's health changes the desired state, and no
//! desired state overrides health (defect_053, defect_057).

use std::time::{Duration, Instant};
use tornado_contracts::tor::{LaneReason, LaneState, TorWanted};

/// An event that may change the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// The operator's desired state; `None` if it cannot be read.
    Wanted(Option<TorWanted>),
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
    wanted: Option<TorWanted>,
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
    pub(crate) fn new(wanted: Option<TorWanted>, proves: Duration) -> Self {
        Self { wanted, health: Health::default(), was_ready: false, proves }
    }

    /// Applies an event that happened at `now`.
    pub(crate) fn handle(&mut self, input: Input, now: Instant) {
        let health = &mut self.health;
        match input {
            Input::Wanted(wanted) => {
                // A probe from before a pause is not valid after it.
                if wanted.is_some_and(|w| w.lane) && !self.wanted.is_some_and(|w| w.lane) {
                    health.doubt(now);
                }
                self.wanted = wanted;
            }
            Input::Process(runs) => {
                if runs != health.process {
                    *health = Health { process: runs, probes_from: Some(now), ..Health::default() };
                }
            }
            Input::Controlled(answers) => {
                if !answers {
                    *health = Health { process: health.process, probes_from: Some(now), ..Health::default() };
                }
                health.controlled = answers;
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
                let is_news = health.probes_from.is_none_or(|from| started >= from)
                    && health.probe.is_none_or(|former| started >= former.started);
                if is_news {
                    health.probe = Some(Probe { ok, started });
                }
            }
        }
        self.was_ready |= self.unhealthy(now).is_none();
    }

    /// The lane's state at `now`. The passing of time alone never opens a lane.
    pub(crate) fn verdict(&self, now: Instant) -> Verdict {
        let maintenance = |reason| Verdict { state: LaneState::Maintenance, reason };
        let Some(wanted) = self.wanted else {
            return Verdict { state: LaneState::Closed, reason: LaneReason::WishUnreadable };
        };
        if !wanted.process {
            return maintenance(LaneReason::OperatorStopped);
        }
        if !wanted.lane {
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
        let is_wanted = self.wanted.is_some_and(|w| w.process && w.lane);
        is_wanted && h.process && h.controlled && h.percent == 100 && h.established
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

impl Health {
    /// Invalidates the latest probe.
    fn doubt(&mut self, now: Instant) {
        self.probe = None;
        self.probes_from = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UP: TorWanted = TorWanted { process: true, lane: true };
    const PROVES: Duration = Duration::from_secs(30);

    fn at(ms: u64) -> Instant {
        static ZERO: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *ZERO.get_or_init(Instant::now) + Duration::from_millis(ms)
    }

    fn healthy(until: u64) -> Machine {
        let mut machine = Machine::new(Some(UP), PROVES);
        let inputs = [
            Input::Process(true),
            Input::Controlled(true),
            Input::Bootstrap(100),
            Input::Established(true),
            Input::Probe { ok: true, started: at(until) },
        ];
        for input in inputs {
            machine.handle(input, at(until));
        }
        machine
    }

    #[test]
    fn defect_057_open_needs_all_of_it() {
        let mut machine = Machine::new(Some(UP), PROVES);
        let steps = [
            (Input::Process(true), LaneReason::ControlDown),
            (Input::Controlled(true), LaneReason::Bootstrapping),
            (Input::Bootstrap(25), LaneReason::Bootstrapping),
            (Input::Bootstrap(99), LaneReason::Bootstrapping),
            (Input::Bootstrap(100), LaneReason::NoCircuit),
            (Input::Established(true), LaneReason::Unproved),
        ];
        assert_eq!(machine.verdict(at(0)).reason, LaneReason::ProcessDown);
        for (input, reason) in steps {
            machine.handle(input, at(1));
            assert_eq!(machine.verdict(at(1)), Verdict { state: LaneState::Closed, reason });
        }
        machine.handle(Input::Probe { ok: true, started: at(2) }, at(3));
        assert_eq!(machine.verdict(at(3)).state, LaneState::Open);
    }

    #[test]
    fn defect_053_health_never_overrules_the_operator() {
        let mut machine = healthy(0);
        machine.handle(Input::Wanted(Some(TorWanted { process: true, lane: false })), at(1));
        for input in [Input::Liveness(false), Input::Liveness(true), Input::Process(false), Input::Process(true)] {
            machine.handle(input, at(2));
            let verdict = machine.verdict(at(2));
            assert_eq!((verdict.state, verdict.reason), (LaneState::Maintenance, LaneReason::OperatorDown));
        }
    }

    #[test]
    fn what_was_proved_ends_with_what_it_proved() {
        for input in [Input::Liveness(false), Input::Established(false), Input::Bootstrap(80), Input::Controlled(false)]
        {
            let mut machine = healthy(0);
            machine.handle(input, at(10));
            assert_eq!(machine.verdict(at(10)).state, LaneState::Maintenance, "{input:?}");
            // A late result of an earlier probe does not count.
            machine.handle(Input::Probe { ok: true, started: at(9) }, at(11));
            assert_eq!(machine.verdict(at(11)).state, LaneState::Maintenance, "{input:?}");
        }
        let mut machine = healthy(0);
        machine.handle(Input::Liveness(false), at(10));
        assert!(machine.is_unproved(at(10)));
        machine.handle(Input::Probe { ok: true, started: at(11) }, at(12));
        assert_eq!(machine.verdict(at(12)).state, LaneState::Open);
    }

    #[test]
    fn an_old_probe_and_an_unreadable_wish_open_nothing() {
        let mut machine = healthy(0);
        assert_eq!(machine.verdict(at(30_000)).state, LaneState::Open);
        let stale = Verdict { state: LaneState::Maintenance, reason: LaneReason::Unproved };
        assert_eq!(machine.verdict(at(30_001)), stale);
        machine.handle(Input::Wanted(None), at(5));
        assert_eq!(machine.verdict(at(5)), Verdict { state: LaneState::Closed, reason: LaneReason::WishUnreadable });
    }

    fn input() -> impl Strategy<Value = Input> {
        let wanted = proptest::option::of((any::<bool>(), any::<bool>()));
        prop_oneof![
            wanted.prop_map(|w| Input::Wanted(w.map(|(process, lane)| TorWanted { process, lane }))),
            any::<bool>().prop_map(Input::Process),
            any::<bool>().prop_map(Input::Controlled),
            prop_oneof![Just(100u8), 0u8..=100].prop_map(Input::Bootstrap),
            any::<bool>().prop_map(Input::Established),
            any::<bool>().prop_map(Input::Liveness),
            (any::<bool>(), 0u64..60_000).prop_map(|(ok, ms)| Input::Probe { ok, started: at(ms) }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        /// An independent model of the latest inputs must agree that an open lane may be open.
        #[test]
        fn open_means_wanted_and_healthy(inputs in proptest::collection::vec((input(), 0u64..3_000), 1..60)) {
            let mut machine = Machine::new(Some(UP), PROVES);
            let (mut wanted, mut now) = (Some(UP), 0);
            let (mut process, mut controlled, mut percent, mut established) = (false, false, 0, false);
            for (input, pause) in inputs {
                now += pause;
                machine.handle(input, at(now));
                match input {
                    Input::Wanted(w) => wanted = w,
                    Input::Process(p) => {
                        if p != process {
                            (controlled, percent, established) = (false, 0, false);
                        }
                        process = p;
                    }
                    Input::Controlled(c) => {
                        if !c {
                            (percent, established) = (0, false);
                        }
                        controlled = c;
                    }
                    Input::Bootstrap(p) => percent = p,
                    Input::Established(e) => established = e,
                    Input::Liveness(_) | Input::Probe { .. } => {}
                }
                let verdict = machine.verdict(at(now));
                if verdict.state == LaneState::Open {
                    prop_assert_eq!(wanted, Some(UP));
                    prop_assert!(process && controlled && established && percent == 100);
                }
                if wanted.is_some_and(|w| !w.lane || !w.process) {
                    prop_assert_eq!(verdict.state, LaneState::Maintenance);
                }
                // Without new events, a probe expires: the lane is not open later.
                let later = machine.verdict(at(now) + PROVES + Duration::from_millis(60_001));
                prop_assert_ne!(later.state, LaneState::Open);
            }
        }
    }
}
