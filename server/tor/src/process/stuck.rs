//! Decides when a Tor process that runs and responds but makes no progress is restarted. Pure: time is an argument.
//!
//! Tor's own retry pauses grow while the network is away, and connections from that time hang. Measurements show a
//! minute or more until it recovers after the network is back. A new process starts without that backlog, and a restart
//! disturbs no traffic, because the lane is closed while Tor is unhealthy. Guards are kept, as they are in Tor's state
//! file (prop271).

use crate::lane::Input;
use std::time::{Duration, Instant};
use tornado_runtime::backoff::Backoff;

/// How long Tor may make no progress. With a network, a new process has a circuit within a few seconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same with bridges: some transports need half a minute until their first byte.
const PATIENCE_WITH_BRIDGES: Duration = Duration::from_secs(45);
/// From this percentage on Tor has reached a relay (bootstrap phase `conn_done`), so the network works.
const REACHED: u8 = 10;
/// If the network works, restarts without success only burden the relays: the patience doubles up to this.
const LONGEST: Duration = Duration::from_secs(600);

/// The outcome of a probe, as far as it concerns Tor's path to the relays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Response {
    /// An exit responded, even if only to say that the target does not exist.
    Exit,
    /// No exit responded.
    Missing,
}

/// The progress of the running Tor process.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    patience: Duration,
    runs: bool,
    percent: u8,
    established: bool,
    unresponsive: bool,
    /// When it became unhealthy or last made progress; `None` if it is healthy.
    since: Option<Instant>,
    /// It reached a relay.
    reached: bool,
    /// Consecutive starts that reached a relay without success.
    failures: u32,
}

impl Progress {
    pub(crate) fn new(has_bridges: bool) -> Self {
        Self {
            patience: if has_bridges { PATIENCE_WITH_BRIDGES } else { PATIENCE },
            runs: false,
            percent: 0,
            established: false,
            unresponsive: false,
            since: None,
            reached: false,
            failures: 0,
        }
    }

    /// Applies an event that happened at `now`.
    pub(crate) fn handle(&mut self, input: Input, now: Instant) {
        let mut progress = false;
        match input {
            Input::Process(runs) => {
                if runs != self.runs {
                    *self = Self { runs, failures: self.failures, ..Self::new(self.patience > PATIENCE) };
                }
            }
            Input::Bootstrap(percent) => {
                progress = percent > self.percent;
                self.percent = percent;
                self.reached |= percent >= REACHED;
            }
            Input::Established(established) => {
                progress = established && !self.established;
                self.established = established;
            }
            // Tor has just received data from a relay.
            Input::Liveness(true) => progress = true,
            Input::Probe { ok: true, .. } => self.failures = 0,
            // A lane that is down is not probed, so an earlier result does not apply when it is up again.
            Input::Desired(_) => self.unresponsive = false,
            Input::Probe { ok: false, .. } | Input::Liveness(false) | Input::Controlled(_) => {}
        }
        self.judge(progress, now);
    }

    /// Applies the outcome of a probe that ended at `now`.
    pub(crate) fn probed(&mut self, response: Response, now: Instant) {
        self.unresponsive = response == Response::Missing;
        self.judge(!self.unresponsive, now);
    }

    /// Returns true if the running process should be replaced at `now`.
    pub(crate) fn is_stuck(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.saturating_duration_since(since) >= self.allowed())
    }

    /// Records that the process is replaced.
    pub(crate) fn replaced(&mut self) {
        self.since = None;
        if self.reached {
            self.failures = self.failures.saturating_add(1);
        }
    }

    fn allowed(&self) -> Duration {
        let failures = if self.reached { self.failures } else { 0 };
        Backoff::new(self.patience, LONGEST).pause(failures, 0.0)
    }

    fn judge(&mut self, progress: bool, now: Instant) {
        let is_unhealthy = self.runs && (self.percent < 100 || !self.established || self.unresponsive);
        if !is_unhealthy {
            self.since = None;
        } else if progress || self.since.is_none() {
            self.since = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Instant {
        static ZERO: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *ZERO.get_or_init(Instant::now) + Duration::from_secs(seconds)
    }

    fn started(now: u64) -> Progress {
        let mut progress = Progress::new(false);
        progress.handle(Input::Process(true), at(now));
        progress
    }

    fn ready(now: u64) -> Progress {
        let mut progress = started(now);
        progress.handle(Input::Bootstrap(100), at(now));
        progress.handle(Input::Established(true), at(now));
        progress
    }

    #[test]
    fn without_a_network_tor_is_replaced_at_a_steady_pace() {
        let mut progress = Progress::new(false);
        for start in (0..100).map(|round| round * 21) {
            progress.handle(Input::Process(true), at(start));
            progress.handle(Input::Bootstrap(5), at(start + 1));
            // Repeated reports of the same percentage are not progress.
            progress.handle(Input::Bootstrap(5), at(start + 15));
            assert!(!progress.is_stuck(at(start + 20)));
            assert!(progress.is_stuck(at(start + 21)));
            progress.replaced();
            assert!(!progress.is_stuck(at(start + 21)));
            progress.handle(Input::Process(false), at(start + 21));
        }
    }

    #[test]
    fn a_slow_start_is_not_stuck() {
        let mut progress = started(0);
        for step in 0..50u8 {
            let now = u64::from(step) * 19;
            progress.handle(Input::Bootstrap(2 * step + 1), at(now));
            assert!(!progress.is_stuck(at(now + 19)));
        }
    }

    #[test]
    fn with_a_network_but_no_success_the_pauses_grow() {
        let mut progress = Progress::new(false);
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..7 {
            progress.handle(Input::Process(true), at(now));
            progress.handle(Input::Bootstrap(14), at(now));
            let pause = (0..).find(|pause| progress.is_stuck(at(now + pause))).unwrap();
            pauses.push(pause);
            progress.replaced();
            progress.handle(Input::Process(false), at(now + pause));
            now += pause;
        }
        assert_eq!(pauses, [20, 40, 80, 160, 320, 600, 600]);
        progress.handle(Input::Process(true), at(now));
        progress.handle(Input::Probe { ok: true, started: at(now) }, at(now));
        progress.handle(Input::Bootstrap(14), at(now));
        assert!(progress.is_stuck(at(now + 20)), "a success resets the patience");
    }

    #[test]
    fn a_response_from_an_exit_prevents_a_replacement() {
        let mut progress = ready(0);
        assert!(!progress.is_stuck(at(10_000)), "an idle Tor is not stuck");
        progress.probed(Response::Missing, at(100));
        progress.probed(Response::Missing, at(110));
        assert!(!progress.is_stuck(at(119)) && progress.is_stuck(at(120)));
        // A target that does not exist is not a reason to restart Tor.
        progress.probed(Response::Exit, at(121));
        assert!(!progress.is_stuck(at(10_000)));
        progress.handle(Input::Established(false), at(200));
        progress.handle(Input::Liveness(true), at(215));
        assert!(!progress.is_stuck(at(234)) && progress.is_stuck(at(235)));
    }

    #[test]
    fn a_bridge_gets_more_time() {
        let mut progress = Progress::new(true);
        for start in [0, 100] {
            progress.handle(Input::Process(true), at(start));
            assert!(!progress.is_stuck(at(start + 44)) && progress.is_stuck(at(start + 45)));
            progress.handle(Input::Process(false), at(start + 50));
        }
    }

    proptest! {
        /// After any events: a Tor process that does not run, or is healthy, is not stuck.
        #[test]
        fn only_a_running_and_unhealthy_tor_is_stuck(
            steps in proptest::collection::vec((0u8..6, any::<bool>(), 0u8..=100, 0u64..100), 0..40),
        ) {
            let mut progress = Progress::new(false);
            let mut now = 0;
            for (kind, yes, percent, pause) in steps {
                now += pause;
                match kind {
                    0 => progress.handle(Input::Process(yes), at(now)),
                    1 => progress.handle(Input::Bootstrap(percent), at(now)),
                    2 => progress.handle(Input::Established(yes), at(now)),
                    3 => progress.handle(Input::Liveness(yes), at(now)),
                    4 => progress.probed(if yes { Response::Exit } else { Response::Missing }, at(now)),
                    _ => progress.replaced(),
                }
            }
            let mut well = progress.clone();
            progress.handle(Input::Process(false), at(now));
            prop_assert!(!progress.is_stuck(at(now + 100_000)));
            well.handle(Input::Bootstrap(100), at(now));
            well.handle(Input::Established(true), at(now));
            well.probed(Response::Exit, at(now));
            prop_assert!(!well.is_stuck(at(now + 100_000)));
        }
    }
}
