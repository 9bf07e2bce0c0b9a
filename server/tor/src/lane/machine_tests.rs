use super::*;
use proptest::prelude::*;

const UP: TorDesired = TorDesired { process: true, lane: true };
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
fn the_lane_opens_only_when_every_condition_holds() {
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
fn health_never_overrides_the_operator() {
    let mut machine = healthy(0);
    machine.handle(Input::Desired(Some(TorDesired { process: true, lane: false })), at(1));
    for input in [Input::Liveness(false), Input::Liveness(true), Input::Process(false), Input::Process(true)] {
        machine.handle(input, at(2));
        let verdict = machine.verdict(at(2));
        assert_eq!((verdict.state, verdict.reason), (LaneState::Maintenance, LaneReason::OperatorDown));
    }
}

#[test]
fn a_failure_invalidates_the_latest_probe() {
    for input in [Input::Liveness(false), Input::Established(false), Input::Bootstrap(80), Input::Controlled(false)] {
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
fn an_expired_probe_or_an_unreadable_state_opens_nothing() {
    let mut machine = healthy(0);
    assert_eq!(machine.verdict(at(30_000)).state, LaneState::Open);
    let stale = Verdict { state: LaneState::Maintenance, reason: LaneReason::Unproved };
    assert_eq!(machine.verdict(at(30_001)), stale);
    machine.handle(Input::Desired(None), at(5));
    assert_eq!(machine.verdict(at(5)), Verdict { state: LaneState::Closed, reason: LaneReason::DesiredUnreadable });
}

fn input() -> impl Strategy<Value = Input> {
    let desired = proptest::option::of((any::<bool>(), any::<bool>()));
    prop_oneof![
        desired.prop_map(|w| Input::Desired(w.map(|(process, lane)| TorDesired { process, lane }))),
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
    fn an_open_lane_is_desired_and_healthy(inputs in proptest::collection::vec((input(), 0u64..3_000), 1..60)) {
        let mut machine = Machine::new(Some(UP), PROVES);
        let (mut desired, mut now) = (Some(UP), 0);
        let (mut process, mut controlled, mut percent, mut established) = (false, false, 0, false);
        for (input, pause) in inputs {
            now += pause;
            machine.handle(input, at(now));
            match input {
                Input::Desired(w) => desired = w,
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
                prop_assert_eq!(desired, Some(UP));
                prop_assert!(process && controlled && established && percent == 100);
            }
            if desired.is_some_and(|w| !w.lane || !w.process) {
                prop_assert_eq!(verdict.state, LaneState::Maintenance);
            }
            // Without new events, a probe expires: the lane is not open later.
            let later = machine.verdict(at(now) + PROVES + Duration::from_millis(60_001));
            prop_assert_ne!(later.state, LaneState::Open);
        }
    }
}
