use super::*;
use proptest::prelude::*;

const FREE: Surroundings = Surroundings { missing: None, may_stop: true };

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn ready() -> Machine {
    let mut machine = Machine::new(Wanted::Running, 0);
    assert_eq!(machine.tick(at(0), &FREE), Some(Command::Spawn));
    machine.probed(at(1), Probe::Ready);
    assert!(machine.is_ready());
    machine
}

#[test]
fn a_service_waits_for_its_dependencies() {
    let mut machine = Machine::new(Wanted::Running, 0);
    let missing = Surroundings { missing: Some("auth is not ready".into()), may_stop: true };
    assert_eq!(machine.tick(at(0), &missing), None);
    assert_eq!(machine.actual(at(0)), Actual::Waiting { reason: "auth is not ready".into() });
    assert_eq!(machine.tick(at(1), &FREE), Some(Command::Spawn));
}

#[test]
fn a_busy_service_is_never_killed() {
    let mut machine = ready();
    for n in 1..=100u64 {
        machine.probed(at(n * 1000), Probe::NotReady("busy".into()));
        assert_eq!(machine.tick(at(n * 1000), &FREE), None);
        let degraded = matches!(machine.actual(at(0)), Actual::Degraded { .. });
        assert_eq!(degraded, n >= u64::from(MISSES));
    }
    machine.probed(at(200_000), Probe::Ready);
    assert_eq!(machine.actual(at(0)), Actual::Ready);
}

#[test]
fn a_service_that_hangs_is_started_again_and_one_that_answers_now_and_then_is_not() {
    let silent = || Probe::Silent("no answer".into());
    let mut machine = ready();
    for second in 1..=200u64 {
        machine.probed(at(second * 1000), if second % 50 == 0 { Probe::NotReady("busy".into()) } else { silent() });
        assert_eq!(machine.tick(at(second * 1000), &FREE), None);
    }
    machine.probed(at(200_000), Probe::Ready);
    for second in 201..=260u64 {
        machine.probed(at(second * 1000), silent());
        assert_eq!(machine.tick(at(second * 1000), &FREE), None, "{second}");
    }
    machine.probed(at(261_000), silent());
    assert_eq!(machine.tick(at(261_000), &FREE), Some(Command::Terminate));
    assert_eq!(machine.tick(at(272_000), &FREE), Some(Command::Kill));
    machine.exited(at(272_001), 0.0, "killed".into());
    assert_eq!(machine.tick(at(272_001), &FREE), Some(Command::Spawn));
}

#[test]
fn a_machine_that_slept_between_silent_probes_ends_no_service() {
    let mut machine = ready();
    for hour in 1..u64::from(HUNG_PROBES) {
        machine.probed(at(hour * 3_600_000), Probe::Silent("no answer".into()));
        assert_eq!(machine.tick(at(hour * 3_600_000), &FREE), None, "{hour}");
    }
    machine.probed(at(u64::from(HUNG_PROBES) * 3_600_000), Probe::Silent("no answer".into()));
    assert_eq!(machine.tick(at(u64::from(HUNG_PROBES) * 3_600_000), &FREE), Some(Command::Terminate));
}

#[test]
fn a_stop_cancels_a_delayed_restart() {
    let mut machine = ready();
    machine.exited(at(10), 0.0, "killed".into());
    machine.tick(at(10), &FREE);
    machine.exited(at(11), 0.0, "killed".into());
    assert!(matches!(machine.actual(at(11)), Actual::BackingOff { .. }));
    machine.order(Action::Stop);
    for ms in [12, 1_000, 1_000_000] {
        assert_eq!(machine.tick(at(ms), &FREE), None);
        assert_eq!(machine.actual(at(ms)), Actual::Stopped);
    }
    assert!(!machine.wants_socket());
}

#[test]
fn the_first_restart_is_immediate() {
    let mut machine = ready();
    machine.exited(at(10), 0.9, "killed by SIGKILL".into());
    assert_eq!(machine.tick(at(10), &FREE), Some(Command::Spawn));
    assert_eq!(machine.starts(), 2);
}

#[test]
fn a_stop_sends_sigterm_then_sigkill() {
    let mut machine = ready();
    machine.order(Action::Stop);
    let busy = Surroundings { missing: None, may_stop: false };
    assert_eq!(machine.tick(at(5), &busy), None, "a dependent service is still running");
    assert_eq!(machine.tick(at(10), &FREE), Some(Command::Terminate));
    assert_eq!(machine.tick(at(9_000), &FREE), None);
    assert_eq!(machine.tick(at(10_010), &FREE), Some(Command::Kill));
    assert_eq!(machine.tick(at(10_020), &FREE), None);
    machine.exited(at(10_030), 0.0, "killed".into());
    assert!(machine.is_stopped());
}

#[test]
fn a_restart_ends_the_process_and_starts_another() {
    let mut machine = ready();
    machine.order(Action::Restart);
    assert!(!machine.is_ready(), "dependent services must wait for the new process");
    assert_eq!(machine.tick(at(10), &FREE), Some(Command::Terminate));
    machine.exited(at(11), 0.0, "ended".into());
    assert_eq!(machine.tick(at(11), &FREE), Some(Command::Spawn));
    assert_eq!(machine.tick(at(12), &FREE), None);
}

#[test]
fn a_crash_loop_ends_only_by_an_operator() {
    let mut machine = Machine::new(Wanted::Running, 0);
    let mut now = 0;
    while !matches!(machine.actual(at(now)), Actual::CrashLoop { .. }) {
        if machine.tick(at(now), &FREE) == Some(Command::Spawn) {
            machine.exited(at(now), 0.5, "exit code 1".into());
        }
        now += 10;
        assert!(now < 60_000, "no crash loop was detected");
    }
    assert!(!machine.wants_socket(), "callers must fail fast");
    assert_eq!(machine.tick(at(10_000_000), &FREE), None);
    machine.order(Action::Start);
    assert_eq!(machine.tick(at(10_000_001), &FREE), Some(Command::Spawn));
}

proptest! {
    /// For any sequence of events: never two processes, no signal without a process, and a stop always succeeds.
    #[test]
    fn never_two_processes_and_stop_wins(steps in proptest::collection::vec((0u8..8, 0u64..15_000), 0..200)) {
        let mut machine = Machine::new(Wanted::Running, 0);
        let mut world = World::default();
        let mut now = 0;
        let held = Surroundings { missing: Some("x".into()), may_stop: false };
        for (kind, wait) in steps {
            now += wait;
            match kind {
                0 => machine.order(Action::Start),
                1 => machine.order(Action::Stop),
                2 => machine.order(Action::Restart),
                3 => world.end(&mut machine, now),
                4 => machine.probed(at(now), Probe::Ready),
                5 => machine.probed(at(now), Probe::NotReady("busy".into())),
                6 => world.obey(machine.tick(at(now), &held)),
                _ => world.obey(machine.tick(at(now), &FREE)),
            }
        }
        machine.order(Action::Stop);
        for _ in 0..4 {
            now += 10_000;
            world.obey(machine.tick(at(now), &FREE));
            if world.signalled {
                world.end(&mut machine, now);
            }
        }
        prop_assert!(machine.is_stopped() && !world.runs);
    }
}

#[derive(Default)]
struct World {
    runs: bool,
    signalled: bool,
}

impl World {
    fn obey(&mut self, command: Option<Command>) {
        match command {
            Some(Command::Spawn) => {
                assert!(!self.runs, "a second process was started");
                *self = Self { runs: true, signalled: false };
            }
            Some(Command::Terminate | Command::Kill) => {
                assert!(self.runs, "a signal without a process");
                self.signalled = true;
            }
            None => {}
        }
    }

    fn end(&mut self, machine: &mut Machine, now: u64) {
        if self.runs {
            *self = Self::default();
            machine.exited(at(now), 0.3, "ended".into());
        }
    }
}
