//! `kill -9` of every process that takes part in the lane.

use crate::support::{AT_ONCE, Bench, Fault, exists, running, tors};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashSet;
use std::time::Duration;
use tornado_e2e_harness::wait_for;
use tornado_e2e_tor::world::{PATIENCE, TorWorld};

/// Time limit for the kernel to end a child together with its parent.
const END: Duration = Duration::from_secs(3);

pub fn of_tor(bench: &mut Bench) {
    let strike = |lab: &mut TorWorld| {
        let before = lab.kill_tor().unwrap();
        another_tor(lab, before);
    };
    bench.survives(&Fault { name: "kill -9 of Tor", strike: &strike, shut_within: None, heal: &|_| () });
    // Again, without waiting for a new Tor: a device is rejected immediately.
    let strike = |lab: &mut TorWorld| {
        lab.kill_tor().unwrap();
    };
    let fault = Fault { name: "kill -9 of Tor, at once", strike: &strike, shut_within: Some(AT_ONCE), heal: &|_| () };
    bench.survives_up(&fault);
}

pub fn of_service_tor(bench: &mut Bench) {
    let strike = |lab: &mut TorWorld| {
        let tor = lab.tor_pid().unwrap();
        let before = lab.world.server.kill_service("tor").unwrap();
        ends(tor);
        lab.world.server.wait_restarted("tor", before, PATIENCE).unwrap();
        another_tor(lab, tor);
        assert_eq!(tors(lab).len(), 1, "{:?}", running(lab));
    };
    bench.survives(&Fault { name: "kill -9 of service tor", strike: &strike, shut_within: None, heal: &|_| () });
}

pub fn of_wg(bench: &mut Bench) {
    let strike = |lab: &mut TorWorld| {
        let tor = lab.tor_pid().unwrap();
        let before = lab.world.server.kill_service("wg").unwrap();
        lab.world.server.wait_restarted("wg", before, PATIENCE).unwrap();
        assert_eq!((lab.tor_pid().unwrap(), exists(tor)), (tor, true), "the restart of wg must not affect Tor");
    };
    bench.survives(&Fault { name: "kill -9 of wg", strike: &strike, shut_within: None, heal: &|_| () });
}

pub fn of_master(bench: &mut Bench) {
    // Its services keep running and are adopted.
    let strike = |lab: &mut TorWorld| {
        let services = services(lab);
        let tor = lab.tor_pid().unwrap();
        restart_master(lab, |_| ());
        assert_eq!(self::services(lab), services, "no service may be started again");
        assert_eq!(tors(lab), [tor]);
    };
    bench.survives_up(&Fault { name: "kill -9 of master", strike: &strike, shut_within: None, heal: &|_| () });
    // Service tor dies too, while no supervisor can restart it.
    let strike = |lab: &mut TorWorld| {
        let service = lab.world.server.pid_of("tor").unwrap();
        let tor = lab.tor_pid().unwrap();
        restart_master(lab, |lab| {
            kill(Pid::from_raw(service.cast_signed()), Signal::SIGKILL).unwrap();
            ends(service);
            ends(tor);
            assert!(tors(lab).is_empty(), "{:?}", running(lab));
        });
        another_tor(lab, tor);
        let services = services(lab);
        let names: HashSet<_> = services.iter().map(|(_, name)| name).collect();
        assert_eq!(names.len(), services.len(), "{services:?}");
        assert_eq!(tors(lab).len(), 1, "{:?}", running(lab));
    };
    bench.survives(&Fault { name: "kill -9 of master, then tor", strike: &strike, shut_within: None, heal: &|_| () });
}

/// Kills master with `kill -9` and starts it like the system's supervisor does.
fn restart_master(lab: &mut TorWorld, meanwhile: impl FnOnce(&TorWorld)) {
    let pid = lab.world.server.master().unwrap().pid();
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    meanwhile(lab);
    lab.world.server.start_master().unwrap();
    lab.world.server.wait_ready(PATIENCE).unwrap();
}

/// Returns the services with their process IDs, sorted.
fn services(lab: &TorWorld) -> Vec<(u32, String)> {
    let name =
        |line: &str| line.strip_prefix("tornadod service ").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    let mut services: Vec<_> = running(lab).iter().filter_map(|(pid, line)| Some((*pid, name(line)?))).collect();
    services.sort_unstable();
    services
}

fn ends(pid: u32) {
    wait_for(&format!("process {pid} to end"), END, || Ok((!exists(pid)).then_some(()))).unwrap();
}

/// Waits for a Tor other than `before`, which must have ended.
pub fn another_tor(lab: &TorWorld, before: u32) {
    wait_for("a new Tor", PATIENCE, || Ok(lab.tor_pid().is_ok_and(|pid| pid != before).then_some(()))).unwrap();
    // A child whose parent was killed stays a zombie until init reaps it.
    ends(before);
}
