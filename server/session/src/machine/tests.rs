use super::{Activity, Change, Machine, Timers};
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
fn handshakes_alone_keep_a_session_online() {
    let mut machine = online(1000);
    for minute in 1..100 {
        let now = 1000 + minute * 60;
        machine = machine.handshake(now - 20, now);
        assert_eq!(machine.handle_timeout(now, &TIMERS).1, None);
    }
    assert_eq!(machine.poll_timeout(&TIMERS), Some(1000 + 99 * 60 - 20 + 180));
    assert_eq!(
        machine.handshake(7003, 7000).activity().latest_handshake,
        Some(7000),
        "no handshake may be in the future"
    );
    assert_eq!(machine.handshake(99_999, 7000), machine, "recorded before the clock was set back");
}

#[test]
fn a_heartbeat_recovers_an_offline_session_with_an_event() {
    let (machine, _) = online(1000).handle_timeout(1100, &TIMERS);
    assert_eq!(machine.handshake(1100, 1100), machine, "its peers are removed, so the report is late");
    let (machine, change) = machine.heartbeat(1300, &TIMERS);
    assert_eq!((machine.state(), change), (SessionState::Online, Some(Change::Recovered)));
    assert_eq!(machine.heartbeat(1310, &TIMERS).1, None);
}

#[test]
fn heartbeats_do_not_extend_the_hard_limit() {
    let mut machine = online(1000);
    for now in (1040..11_000).step_by(40) {
        machine = machine.heartbeat(now, &TIMERS).0;
    }
    assert_eq!(machine.poll_timeout(&TIMERS), Some(11_000));
    assert_eq!(machine.heartbeat(11_000, &TIMERS).1, Some(Change::Closed(CloseReason::HardLimit)));
    assert_eq!(machine.handle_timeout(11_000, &TIMERS).1, Some(Change::Closed(CloseReason::HardLimit)));
}

#[test]
fn the_first_close_reason_stays() {
    let (machine, change) = online(1000).close(CloseReason::Revoked);
    assert_eq!(change, Some(Change::Closed(CloseReason::Revoked)));
    assert_eq!(machine.close(CloseReason::Disconnect), (machine, None));
    assert_eq!(machine.heartbeat(1001, &TIMERS), (machine, None), "a closed session stays closed");
    assert_eq!(machine.programmed(), (machine, None));
}

#[test]
fn an_abandoned_connect_fails() {
    let machine = Machine::connect(1000);
    assert_eq!(machine.heartbeat(1001, &TIMERS), (machine, None));
    assert_eq!(machine.handle_timeout(1030, &TIMERS).1, Some(Change::Closed(CloseReason::Failed)));
}

#[test]
fn deadlines_survive_a_restart_and_its_silence_does_not_count() {
    let activity = Activity { started_at: 1000, last_heartbeat: 1045, latest_handshake: None, silence_from: 5000 };
    let machine = Machine::restore(SessionState::Online, activity, None);
    assert_eq!(machine.poll_timeout(&TIMERS), Some(5090));
    let machine = Machine::restore(SessionState::Offline, activity, Some(1135));
    assert_eq!(machine.poll_timeout(&TIMERS), Some(5090));
    let late = Activity { silence_from: 12_000, ..activity };
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
    fn transitions_are_never_late_and_closed_is_final(inputs in proptest::collection::vec(input(), 1..80)) {
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
                        let activity = machine.activity();
                        let heartbeat = now - activity.last_heartbeat < TIMERS.heartbeat_ttl;
                        let handshake = activity.latest_handshake.is_some_and(|at| now - at < TIMERS.handshake_ttl);
                        prop_assert!(heartbeat || handshake);
                    }
                }
            }
            if was == SessionState::Closed {
                prop_assert_eq!(machine.state(), SessionState::Closed);
            }
            prop_assert!(machine.activity().latest_handshake.is_none_or(|at| at <= now));
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
