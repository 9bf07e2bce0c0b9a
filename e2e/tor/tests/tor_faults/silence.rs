//! A Tor that runs but does not respond.

use crate::deaths::another_tor;
use crate::support::{Bench, Fault, exists, put_program, put_tor_back, restart_tor, tors};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::Duration;
use tornado_contracts::tor::{LaneReason, LaneState};
use tornado_e2e_harness::wait_for;
use tornado_e2e_tor::load::Outcome;
use tornado_e2e_tor::world::TorWorld;

/// Tor is queried every second and has three seconds to respond.
const SHUT: Duration = Duration::from_secs(8);

/// Its control socket accepts connections and never responds.
pub fn a_tor_that_hangs_is_replaced(bench: &mut Bench) {
    let stopped = std::cell::Cell::new(0);
    let strike = |lab: &mut TorWorld| {
        let pid = lab.tor_pid().unwrap();
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGSTOP).unwrap();
        stopped.set(pid);
    };
    let heal = |lab: &mut TorWorld| {
        assert!(exists(stopped.get()));
        wait_for("the lane to be closed", SHUT, || {
            Ok(lab.tor().is_ok_and(|tor| tor.lane.reason == LaneReason::ControlDown).then_some(()))
        })
        .unwrap();
        another_tor(lab, stopped.get());
    };
    bench.survives_up(&Fault { name: "a Tor that hangs", strike: &strike, shut_within: Some(SHUT), heal: &heal });
    let heal = |lab: &mut TorWorld| another_tor(lab, stopped.get());
    bench.survives_down(&Fault { name: "a Tor that hangs", strike: &strike, shut_within: None, heal: &heal });
}

/// A program that never opens the control socket runs in Tor's place. Commands are executed during that time.
pub fn a_tor_without_a_control_socket_is_replaced(bench: &mut Bench) {
    let strike = |lab: &mut TorWorld| {
        put_program(lab, Some("#!/bin/sh\nexec sleep 1000\n"));
        let before = lab.kill_tor().unwrap();
        another_tor(lab, before);
        assert!(tors(lab).is_empty());
    };
    let heal = |lab: &mut TorWorld| {
        let first = lab.tor_pid().unwrap();
        let tor = lab.tor().unwrap();
        assert_eq!((tor.lane.state, tor.lane.reason), (LaneState::Maintenance, LaneReason::ControlDown));
        lab.order("down").unwrap();
        assert_eq!(lab.tor().unwrap().lane.reason, LaneReason::OperatorDown);
        lab.order("up").unwrap();
        assert_eq!(lab.tor().unwrap().lane.reason, LaneReason::ControlDown);
        another_tor(lab, first);
        put_tor_back(lab);
        restart_tor(lab);
    };
    let fault = Fault { name: "no control socket", strike: &strike, shut_within: Some(SHUT), heal: &heal };
    bench.survives_up(&fault);
    assert!(matches!(bench.asks(), Outcome::Page(_)));
}
