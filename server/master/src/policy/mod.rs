//! Decides what happens to one service. Pure: time and randomness are arguments, and nothing here touches a process.

mod backoff;
pub mod table;

use backoff::{Failures, HEALTHY_AFTER, Verdict};
use std::time::Duration;
use tornado_contracts::master::{Action, Actual, Wanted};

/// Time between SIGTERM and SIGKILL.
pub const STOP_GRACE: Duration = Duration::from_secs(10);
/// Number of consecutive failed probes after which a ready service counts as degraded.
pub const MISSES: u32 = 5;

/// A process that did not respond for this long counts as hung and is restarted. High load does not reach this limit,
/// because any response resets the time.
pub const HUNG_AFTER: Duration = Duration::from_secs(60);
/// Minimum number of consecutive silent probes before a process counts as hung. The time alone proves nothing if the
/// machine slept between two probes.
pub const HUNG_PROBES: u32 = 10;

/// Result of a readiness probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// The service reported that it is ready.
    Ready,
    /// The service reported that it is not ready, with the reason.
    NotReady(String),
    /// The service did not respond, with the error.
    Silent(String),
}

/// What the supervisor must do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Start the process.
    Spawn,
    /// Send SIGTERM to the process.
    Terminate,
    /// Send SIGKILL to the process group.
    Kill,
}

/// State of the other services that a machine depends on.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Why the service cannot start: a service that it needs is not ready.
    pub missing: Option<String>,
    /// True if no dependent service is still stopping.
    pub may_stop: bool,
}

/// Desired state, actual state and recent failures of one service.
#[derive(Debug, Clone)]
pub struct Machine {
    wanted: Wanted,
    restart_pending: bool,
    state: State,
    failures: Failures,
    starts: u32,
    silence: Option<Silence>,
}

/// Consecutive probes without a response.
#[derive(Debug, Clone, Copy)]
struct Silence {
    since: Duration,
    probes: u32,
}

impl Silence {
    fn is_a_hang(self, now: Duration) -> bool {
        self.probes >= HUNG_PROBES && now.saturating_sub(self.since) >= HUNG_AFTER
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Down,
    Waiting { reason: String },
    BackingOff { until: Duration, reason: String },
    CrashLoop { reason: String },
    Up(Health),
    Stopping { kill_at: Duration, killed: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Health {
    Starting { reason: String },
    Ready { since: Duration, misses: u32 },
    Degraded { reason: String },
}

impl Machine {
    /// A service without a process.
    #[must_use]
    pub fn new(wanted: Wanted, starts: u32) -> Self {
        Self {
            wanted,
            restart_pending: false,
            state: State::Down,
            failures: Failures::default(),
            starts,
            silence: None,
        }
    }

    /// A service that an earlier `master` started and that is still running.
    #[must_use]
    pub fn adopted(wanted: Wanted, starts: u32) -> Self {
        let health = Health::Starting { reason: "taken over from an earlier master".into() };
        Self { state: State::Up(health), ..Self::new(wanted, starts) }
    }

    /// Applies an operator's request.
    pub fn order(&mut self, action: Action) {
        let runs = matches!(self.state, State::Up(_) | State::Stopping { .. });
        match action {
            Action::Stop => {
                self.wanted = Wanted::Stopped;
                self.restart_pending = false;
            }
            Action::Start => self.wanted = Wanted::Running,
            Action::Restart => {
                self.wanted = Wanted::Running;
                self.restart_pending = runs;
            }
        }
        if !runs {
            self.failures.clear();
            self.state = State::Down;
        }
    }

    /// Moves towards the desired state and returns the next command, if any.
    pub fn tick(&mut self, now: Duration, around: &Surroundings) -> Option<Command> {
        match &mut self.state {
            State::Down | State::Waiting { .. } => self.start_if_possible(around),
            State::BackingOff { until, .. } => {
                if self.wanted == Wanted::Running && now < *until {
                    return None;
                }
                self.start_if_possible(around)
            }
            State::CrashLoop { .. } => None,
            State::Up(_) => {
                if !self.is_leaving() || !around.may_stop {
                    return None;
                }
                self.state = State::Stopping { kill_at: now + STOP_GRACE, killed: false };
                Some(Command::Terminate)
            }
            State::Stopping { kill_at, killed } => {
                if *killed || now < *kill_at {
                    return None;
                }
                *killed = true;
                Some(Command::Kill)
            }
        }
    }

    /// Records that the process ended or could not be started. `jitter` is a random number in [0, 1].
    pub fn exited(&mut self, now: Duration, jitter: f64, reason: String) {
        let was_leaving = self.is_leaving();
        let stopping = matches!(self.state, State::Stopping { .. });
        if let State::Up(Health::Ready { since, .. }) = &self.state
            && now.saturating_sub(*since) >= HEALTHY_AFTER
        {
            self.failures.recovered();
        }
        if stopping || was_leaving {
            self.restart_pending = false;
            self.failures.clear();
            self.state = State::Down;
            return;
        }
        self.state = match self.failures.count(now, jitter) {
            Verdict::RetryIn(pause) => State::BackingOff { until: now + pause, reason },
            Verdict::GiveUp => State::CrashLoop { reason },
        };
    }

    /// Records the result of `GET /v1/ready`. A busy service is never terminated; a service that was silent for
    /// [`HUNG_AFTER`] is restarted.
    pub fn probed(&mut self, now: Duration, probe: Probe) {
        let State::Up(health) = &mut self.state else { return };
        self.silence = match probe {
            Probe::Ready | Probe::NotReady(_) => None,
            Probe::Silent(_) => {
                let Silence { since, probes } = self.silence.unwrap_or(Silence { since: now, probes: 0 });
                Some(Silence { since, probes: probes.saturating_add(1) })
            }
        };
        if self.silence.is_some_and(|silence| silence.is_a_hang(now)) {
            self.restart_pending = true;
        }
        let answer = match probe {
            Probe::Ready => Ok(()),
            Probe::NotReady(reason) | Probe::Silent(reason) => Err(reason),
        };
        match (answer, &mut *health) {
            (Ok(()), Health::Ready { misses, .. }) => *misses = 0,
            (Ok(()), Health::Starting { .. } | Health::Degraded { .. }) => {
                *health = Health::Ready { since: now, misses: 0 };
            }
            (Err(reason), Health::Ready { misses, .. }) => {
                *misses += 1;
                if *misses >= MISSES {
                    *health = Health::Degraded { reason };
                }
            }
            (Err(reason), Health::Starting { reason: old } | Health::Degraded { reason: old }) => *old = reason,
        }
    }

    fn start_if_possible(&mut self, around: &Surroundings) -> Option<Command> {
        if self.wanted == Wanted::Stopped {
            self.state = State::Down;
            return None;
        }
        if let Some(reason) = around.missing.clone() {
            self.state = State::Waiting { reason };
            return None;
        }
        self.starts = self.starts.saturating_add(1);
        self.silence = None;
        self.state = State::Up(Health::Starting { reason: "just started".into() });
        Some(Command::Spawn)
    }

    /// True if the service's socket must exist: the service should run and is not in a crash loop.
    #[must_use]
    pub fn wants_socket(&self) -> bool {
        self.wanted == Wanted::Running && !matches!(self.state, State::CrashLoop { .. })
    }

    /// True if the service is ready and will keep running.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Up(Health::Ready { .. })) && !self.is_leaving()
    }

    /// True if the process is running but must stop, now or after its dependents have stopped.
    #[must_use]
    pub fn is_going_down(&self) -> bool {
        match self.state {
            State::Up(_) => self.is_leaving(),
            State::Stopping { .. } => true,
            State::Down | State::Waiting { .. } | State::BackingOff { .. } | State::CrashLoop { .. } => false,
        }
    }

    /// True if no process is running and the desired state is stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.wanted == Wanted::Stopped && !matches!(self.state, State::Up(_) | State::Stopping { .. })
    }

    fn is_leaving(&self) -> bool {
        self.wanted == Wanted::Stopped || self.restart_pending
    }

    /// Next time at which [`Machine::tick`] has work to do, unless an event comes first.
    #[must_use]
    pub const fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::BackingOff { until, .. } => Some(until),
            State::Stopping { kill_at, killed: false } => Some(kill_at),
            State::Down
            | State::Waiting { .. }
            | State::CrashLoop { .. }
            | State::Up(_)
            | State::Stopping { killed: true, .. } => None,
        }
    }

    /// The state that an operator requested.
    #[must_use]
    pub const fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// Number of starts so far.
    #[must_use]
    pub const fn starts(&self) -> u32 {
        self.starts
    }

    /// The actual state in terms of the contract.
    #[must_use]
    pub fn actual(&self, now: Duration) -> Actual {
        match &self.state {
            State::Down => Actual::Stopped,
            State::Waiting { reason } => Actual::Waiting { reason: reason.clone() },
            State::BackingOff { until, reason } => Actual::BackingOff {
                reason: reason.clone(),
                retry_in_ms: u64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(u64::MAX),
            },
            State::CrashLoop { reason } => Actual::CrashLoop { reason: reason.clone() },
            State::Up(Health::Starting { reason }) => Actual::Starting { reason: reason.clone() },
            State::Up(Health::Ready { .. }) => Actual::Ready,
            State::Up(Health::Degraded { reason }) => Actual::Degraded { reason: reason.clone() },
            State::Stopping { .. } => Actual::Stopping,
        }
    }
}

#[cfg(test)]
mod tests;
