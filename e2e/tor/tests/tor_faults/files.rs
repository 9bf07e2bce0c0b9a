//! What Tor needs on the disk: its program, its torrc, and free space.

use crate::deaths::another_tor;
use crate::support::{AT_ONCE, Bench, Fault, put_program, put_tor_back, tors};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;
use tornado_contracts::tor::{LaneReason, TorProcess};
use tornado_e2e_harness::wait_for;
use tornado_e2e_tor::world::{PATIENCE, TorWorld};

pub fn no_program(bench: &mut Bench) {
    let strike = |lab: &mut TorWorld| {
        put_program(lab, None);
        lab.kill_tor().unwrap();
        let waits = |process: &TorProcess| matches!(process, TorProcess::Waiting { reason } if reason.contains("not installed"));
        wait_until(lab, "the missing Tor program to be reported", waits);
    };
    let heal = |lab: &mut TorWorld| put_tor_back(lab);
    bench.survives(&Fault { name: "no program", strike: &strike, shut_within: Some(AT_ONCE), heal: &heal });
}

/// A line that no Tor accepts, in the file with the operator's own lines.
pub fn a_torrc_that_tor_refuses(bench: &mut Bench) {
    let extra = bench.lab.network.client_torrc().to_owned();
    let good = std::fs::read_to_string(&extra).unwrap();
    let strike = |lab: &mut TorWorld| {
        std::fs::write(&extra, format!("{good}NoSuchOption 1\n")).unwrap();
        lab.kill_tor().unwrap();
        let fails = |process: &TorProcess| matches!(process, TorProcess::BackingOff { reason, .. } if reason.contains("NoSuchOption"));
        wait_until(lab, "Tor to reject its torrc", fails);
    };
    let heal = |_: &mut TorWorld| std::fs::write(&extra, &good).unwrap();
    bench.survives(&Fault { name: "a rejected torrc", strike: &strike, shut_within: Some(AT_ONCE), heal: &heal });
}

/// The disk is full: a running Tor keeps running, commands that close the lane are executed and stored, others are
/// rejected.
pub fn a_full_disk(bench: &mut Bench) {
    let strike = |lab: &mut TorWorld| {
        fill(lab);
        let refused = lab.world.server.cli(&["tor", "up"]).unwrap();
        assert!(!refused.ok(), "{refused:?}");
        lab.kill_tor().unwrap();
        let fails = |process: &TorProcess| matches!(process, TorProcess::BackingOff { .. });
        wait_until(lab, "Tor's start to fail on a full disk", fails);
        assert!(tors(lab).is_empty());
    };
    let heal = |lab: &mut TorWorld| std::fs::remove_file(ballast(lab)).unwrap();
    bench.survives(&Fault { name: "a full disk", strike: &strike, shut_within: Some(AT_ONCE), heal: &heal });

    // The command "down" is sent while the disk is full, and must survive the service that received it.
    fill(&bench.lab);
    bench.lab.order("down").unwrap();
    bench.lab.wait_maintenance().unwrap();
    let tor = bench.lab.tor_pid().unwrap();
    let before = bench.lab.world.server.kill_service("tor").unwrap();
    bench.lab.world.server.wait_restarted("tor", before, PATIENCE).unwrap();
    assert_eq!(bench.lab.tor().unwrap().lane.reason, LaneReason::OperatorDown);
    std::fs::remove_file(ballast(&bench.lab)).unwrap();
    another_tor(&bench.lab, tor);
    bench.stays_down("down on a full disk");
    bench.lab.order("up").unwrap();
    bench.lab.wait_open().unwrap();
}

fn ballast(lab: &TorWorld) -> PathBuf {
    lab.world.server.state_dir().join("tor/ballast")
}

fn fill(lab: &TorWorld) {
    let mut file = std::fs::File::create(ballast(lab)).unwrap();
    let block = [0; 4096];
    let error = (0..1 << 20).find_map(|_| file.write_all(&block).err()).unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}

fn wait_until(lab: &TorWorld, what: &str, is_so: impl Fn(&TorProcess) -> bool) {
    let seen = || lab.tor().is_ok_and(|tor| is_so(&tor.process));
    wait_for(what, Duration::from_secs(15), || Ok(seen().then_some(()))).unwrap();
}
