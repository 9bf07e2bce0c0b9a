//! Decides when a Tor that runs, answers and gets nowhere is started anew. Pure: time is an argument.
//!
//! Tor's own pauses between attempts grow while the network is away, and connections that were begun then hang
//! on; measured, a minute and more pass after the network is back. A fresh start has no such past, and costs
//! nobody anything: while Tor ails the lane is shut. Guards are kept (prop271): they are in Tor's state file.

use crate::machine::Input;
use std::time::{Duration, Instant};

/// How long a Tor may get nowhere. A fresh one with a network has a circuit in a few seconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// The same where the way in is a bridge: some transports need half a minute to their first byte.
const PATIENCE_OF_BRIDGES: Duration = Duration::from_secs(45);
/// From here on Tor has reached a relay (bootstrap phase `conn_done`), so there is a network.
const REACHED: u8 = 10;
/// With a network but no success more starts would only burden the relays: the pauses double up to this.
const LONGEST: Duration = Duration::from_secs(600);

/// How a probe ended, as far as Tor's way to the relays goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// An exit said something, be it that the target does not exist.
    Exit,
    /// Nobody did.
    Nobody,
}

/// What is known of the progress of the running Tor.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    patience: Duration,
    runs: bool,
    percent: u8,
    established: bool,
    unanswered: bool,
    /// Since when it ails without any progress.
    since: Option<Instant>,
    /// It came as far as to a relay.
    reached: bool,
    /// Starts in a row that reached a relay and came to nothing.
    vain: u32,
}

impl Progress {
    pub(crate) fn new(has_bridges: bool) -> Self {
        Self {
            patience: if has_bridges { PATIENCE_OF_BRIDGES } else { PATIENCE },
            runs: false,
            percent: 0,
            established: false,
            unanswered: false,
            since: None,
            reached: false,
            vain: 0,
        }
    }

    /// Takes in what happened at `now`.
    pub(crate) fn handle(&mut self, input: Input, now: Instant) {
        let mut progress = false;
        match input {
            Input::Process(runs) => {
                if runs != self.runs {
                    *self = Self { runs, vain: self.vain, ..Self::new(self.patience > PATIENCE) };
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
            // It has just heard from a relay.
            Input::Liveness(true) => progress = true,
            Input::Probe { ok: true, .. } => self.vain = 0,
            // Nobody probes a lane that is down; what a probe said before says nothing when it is up again.
            Input::Wanted(_) => self.unanswered = false,
            Input::Probe { ok: false, .. } | Input::Liveness(false) | Input::Controlled(_) => {}
        }
        self.judge(progress, now);
    }

    /// Takes in how a probe ended at `now`.
    pub(crate) fn probed(&mut self, answer: Answer, now: Instant) {
        self.unanswered = answer == Answer::Nobody;
        self.judge(!self.unanswered, now);
    }

    /// True when the running Tor should be replaced.
    pub(crate) fn is_stuck(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.saturating_duration_since(since) >= self.allowed())
    }

    /// It is replaced.
    pub(crate) fn renewed(&mut self) {
        self.since = None;
        if self.reached {
            self.vain = self.vain.saturating_add(1);
        }
    }

    fn allowed(&self) -> Duration {
        if !self.reached {
            return self.patience;
        }
        (self.patience * (1 << self.vain.min(8))).min(LONGEST)
    }

    fn judge(&mut self, progress: bool, now: Instant) {
        let ails = self.runs && (self.percent < 100 || !self.established || self.unanswered);
        if !ails {
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
    fn without_a_network_it_is_tried_anew_at_the_same_pace_for_ever() {
        let mut progress = Progress::new(false);
        for start in (0..100).map(|round| round * 21) {
            progress.handle(Input::Process(true), at(start));
            progress.handle(Input::Bootstrap(5), at(start + 1));
            // Said again and again; no progress.
            progress.handle(Input::Bootstrap(5), at(start + 15));
            assert!(!progress.is_stuck(at(start + 20)));
            assert!(progress.is_stuck(at(start + 21)));
            progress.renewed();
            assert!(!progress.is_stuck(at(start + 21)));
            progress.handle(Input::Process(false), at(start + 21));
        }
    }

    #[test]
    fn a_slow_start_is_left_alone() {
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
            progress.renewed();
            progress.handle(Input::Process(false), at(now + pause));
            now += pause;
        }
        assert_eq!(pauses, [20, 40, 80, 160, 320, 600, 600]);
        progress.handle(Input::Process(true), at(now));
        progress.handle(Input::Probe { ok: true, started: at(now) }, at(now));
        progress.handle(Input::Bootstrap(14), at(now));
        assert!(progress.is_stuck(at(now + 20)), "a success makes up for all that was in vain");
    }

    #[test]
    fn an_answer_of_an_exit_keeps_it_and_silence_does_not() {
        let mut progress = ready(0);
        assert!(!progress.is_stuck(at(10_000)), "nobody asked it for anything");
        progress.probed(Answer::Nobody, at(100));
        progress.probed(Answer::Nobody, at(110));
        assert!(!progress.is_stuck(at(119)) && progress.is_stuck(at(120)));
        // The target does not exist: that is no reason to start Tor anew.
        progress.probed(Answer::Exit, at(121));
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
        /// Whatever happened before: a Tor that does not run, or one that is well, is left alone.
        #[test]
        fn only_a_running_and_ailing_tor_is_stuck(
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
                    4 => progress.probed(if yes { Answer::Exit } else { Answer::Nobody }, at(now)),
                    _ => progress.renewed(),
                }
            }
            let mut well = progress.clone();
            progress.handle(Input::Process(false), at(now));
            prop_assert!(!progress.is_stuck(at(now + 100_000)));
            well.handle(Input::Bootstrap(100), at(now));
            well.handle(Input::Established(true), at(now));
            well.probed(Answer::Exit, at(now));
            prop_assert!(!well.is_stuck(at(now + 100_000)));
        }
    }
}
