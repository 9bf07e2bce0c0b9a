use super::{Change, Machine, Signs, Timers};
use proptest::prelude::*;
use tornado_shared::model::{CloseReason, SessionState};

const TIMERS: Timers =
    Timers { connecting: 30, heartbeat_ttl: 90, handshake_ttl: 180, offline_grace: 600, hard_ttl: 10_000 };

fn online(now: i64) -> Machine {
    let (machine, change) = Machine::connect(now).programmed();
    assert_eq!(change, Some(Change::Created));
    machine
}

#[test]
fn silence_leads_offline_and_then_to_the_end() {
    let machine = online(1000);
    assert_eq!(machine.poll_timeout(&TIMERS), Some(1090));
    assert_eq!(machine.handle_timeout(1089, &TIMERS), (machine, None));
    let (machine, change) = machine.handle_timeout(1200, &TIMERS);
    assert_eq!(change, Some(Change::WentOffline));
    assert_eq!(machine.offline_since(), Some(1090), "not the time of detection");
    assert_eq!(machine.poll_timeout(&TIMERS), Some(1690));
    let (machine, change) = machine.handle_timeout(1690, &TIMERS);
    assert_eq!(change, Some(Change::Closed(CloseReason::Expired)));
    assert_eq!(machine.poll_timeout(&TIMERS), None);
}

#[test]
fn a_handshake_alone_keeps_a_plain_client_online() {
    let mut machine = online(1000);
    for minute in 1..100 {
        let now = 1000 + minute * 60;
        machine = machine.handshake(now - 20, now);
        assert_eq!(machine.handle_timeout(now, &TIMERS).1, None);
    }
    assert_eq!(machine.poll_timeout(&TIMERS), Some(1000 + 99 * 60 - 20 + 180));
    assert_eq!(machine.handshake(7003, 7000).signs().latest_handshake, Some(7000), "no handshake may be in the future");
    assert_eq!(machine.handshake(99_999, 7000), machine, "recorded before the clock was set back");
}

#[test]
fn recovered_is_an_event_and_heartbeats_bring_back() {
    let (machine, _) = online(1000).handle_timeout(1100, &TIMERS);
    assert_eq!(machine.handshake(1100, 1100), machine, "its peers are removed, so the report is late");
    let (machine, change) = machine.heartbeat(1300, &TIMERS);
    assert_eq!((machine.state(), change), (SessionState::Online, Some(Change::Recovered)));
    assert_eq!(machine.heartbeat(1310, &TIMERS).1, None);
}

#[test]
fn the_hard_limit_holds_whatever_comes() {
    let mut machine = online(1000);
    for now in (1040..11_000).step_by(40) {
        machine = machine.heartbeat(now, &TIMERS).0;
    }
    assert_eq!(machine.poll_timeout(&TIMERS), Some(11_000));
    assert_eq!(machine.heartbeat(11_000, &TIMERS).1, Some(Change::Closed(CloseReason::HardLimit)));
    assert_eq!(machine.handle_timeout(11_000, &TIMERS).1, Some(Change::Closed(CloseReason::HardLimit)));
}

#[test]
fn defect_067_the_first_reason_stays() {
    let (machine, change) = online(1000).close(CloseReason::Revoked);
    assert_eq!(change, Some(Change::Closed(CloseReason::Revoked)));
    assert_eq!(machine.close(CloseReason::Disconnect), (machine, None));
    assert_eq!(machine.heartbeat(1001, &TIMERS), (machine, None), "defect_014: a closed session stays closed");
    assert_eq!(machine.programmed(), (machine, None));
}

#[test]
fn a_connect_given_up_half_way_fails() {
    let machine = Machine::connect(1000);
    assert_eq!(machine.heartbeat(1001, &TIMERS), (machine, None));
    assert_eq!(machine.handle_timeout(1030, &TIMERS).1, Some(Change::Closed(CloseReason::Failed)));
}

#[test]
fn defect_064_deadlines_survive_a_restart_and_its_silence_is_forgiven() {
    let signs = Signs { started_at: 1000, last_heartbeat: 1045, latest_handshake: None, heard_from: 5000 };
    let machine = Machine::restore(SessionState::Online, signs, None);
    assert_eq!(machine.poll_timeout(&TIMERS), Some(5090));
    let machine = Machine::restore(SessionState::Offline, signs, Some(1135));
    assert_eq!(machine.poll_timeout(&TIMERS), Some(5090));
    let late = Signs { heard_from: 12_000, ..signs };
    let machine = Machine::restore(SessionState::Online, late, None);
    assert_eq!(machine.handle_timeout(12_000, &TIMERS).1, Some(Change::Closed(CloseReason::HardLimit)));
}

#[derive(Debug, Clone)]
enum Input {
    Wait(i64),
    Heartbeat,
    Handshake(i64),
    Timeout,
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        3 => (0..400i64).prop_map(Input::Wait),
        2 => Just(Input::Heartbeat),
        1 => (-300..300i64).prop_map(Input::Handshake),
        2 => Just(Input::Timeout),
    ]
}

proptest! {
    #[test]
    fn a_driven_machine_is_never_late_and_never_comes_back(inputs in proptest::collection::vec(input(), 1..80)) {
        let mut now = 1_000;
        let mut machine = online(now);
        for input in inputs {
            let was = machine.state();
            match input {
                Input::Wait(seconds) => now += seconds,
                Input::Heartbeat => machine = machine.heartbeat(now, &TIMERS).0,
                Input::Handshake(offset) => machine = machine.handshake(now + offset, now),
                Input::Timeout => {
                    for _ in 0..4 {
                        machine = machine.handle_timeout(now, &TIMERS).0;
                    }
                    prop_assert!(machine.poll_timeout(&TIMERS).is_none_or(|at| at > now));
                    if machine.state() == SessionState::Online {
                        let signs = machine.signs();
                        let heartbeat = now - signs.last_heartbeat < TIMERS.heartbeat_ttl;
                        let handshake = signs.latest_handshake.is_some_and(|at| now - at < TIMERS.handshake_ttl);
                        prop_assert!(heartbeat || handshake);
                    }
                }
            }
            if was == SessionState::Closed {
                prop_assert_eq!(machine.state(), SessionState::Closed);
            }
            prop_assert!(machine.signs().latest_handshake.is_none_or(|at| at <= now));
        }
    }
}

/// A million sessions for one hour. Half of them fall silent and must end; the others must not.
#[test]
fn a_million_sessions_live_and_end() {
    let mut ended = [0u32; 2];
    for number in 0..1_000_000i64 {
        let mut machine = online(number % 50);
        let silent = number % 2 == 0;
        let mut now = 50;
        while now <= 3_600 && machine.state() != SessionState::Closed {
            if !silent {
                machine = machine.heartbeat(now, &TIMERS).0;
            }
            machine = machine.handle_timeout(now, &TIMERS).0;
            now += 60;
        }
        ended[usize::from(silent)] += u32::from(machine.state() == SessionState::Closed);
    }
    assert_eq!(ended, [0, 500_000]);
}
