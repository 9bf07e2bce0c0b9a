//! A missing network, from the beginning and for a long time.

use crate::support::{Bench, Fault, carries, cut, mend, restart_tor};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tornado_contracts::tor::{LaneReason, LaneState};
use tornado_contracts::wg::TorLane;
use tornado_e2e_tor::load::Outcome;
use tornado_e2e_tor::world::TorWorld;

/// How long Tor is without a network: longer than its time limit for progress.
const CUT: Duration = Duration::from_secs(30);
/// A working lane is without a network for two lives of Tor.
const LONG_CUT: Duration = Duration::from_secs(50);
/// Time limit for the lane to recover after the network is back.
const BACK: Duration = Duration::from_secs(30);
/// A cut is detected by probes.
const FOUND: Duration = Duration::from_secs(15);

pub fn a_tor_without_a_network_never_opens_the_lane(bench: &mut Bench) {
    let lab = &bench.lab;
    let server = lab.world.lab.host("server").unwrap();
    let egress = server.capture("eth0", "(ip or ip6) and (net 198.18.0.0/15 or net 192.0.2.0/24)").unwrap();
    let began = Instant::now();
    let (mut asked, mut reasons) = (0, BTreeSet::new());
    while began.elapsed() < CUT {
        let (wg, tor) = (lab.wg().unwrap(), lab.tor().unwrap());
        assert_eq!(wg.tor_lane, TorLane::Closed, "{tor:#?}");
        assert_ne!(tor.lane.state, LaneState::Open);
        reasons.insert(format!("{:?}", tor.lane.reason));
        assert_eq!(bench.asks(), Outcome::Cut);
        asked += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    let restarts = lab.tor().unwrap().restarts;
    println!(
        "without a network: closed for {CUT:?}, {asked} requests rejected, {restarts} restarts, reasons {reasons:?}"
    );
    assert!(reasons.contains(&format!("{:?}", LaneReason::Bootstrapping)), "{reasons:?}");
    assert!(restarts > 0, "a Tor without progress must be restarted");
    assert_eq!(egress.stop().unwrap().lines(), Vec::<String>::new());

    // A command is executed and stored during the fault.
    lab.order("down").unwrap();
    lab.wait_maintenance().unwrap();
    mend(lab);
    let mended = Instant::now();
    bench.stays_down("after the network is back");
    println!("Tor is healthy {:?} after the network was back", mended.elapsed());
    assert!(mended.elapsed() < BACK);
    lab.order("up").unwrap();
    lab.wait_open().unwrap();
    carries(lab, bench.host());
}

/// Tor keeps its guards over the restarts.
pub fn a_long_cut_needs_no_help(bench: &mut Bench) {
    // Tor writes its state when it ends, and otherwise rarely.
    restart_tor(&bench.lab);
    let before = guards(&bench.lab);
    assert!(!before.is_empty());
    bench.lab.wait_open().unwrap();
    let mended = std::cell::Cell::new(None);
    let heal = |lab: &mut TorWorld| {
        std::thread::sleep(LONG_CUT);
        let tor = lab.tor().unwrap();
        assert_ne!(tor.lane.state, LaneState::Open, "{tor:?}");
        mend(lab);
        mended.set(Some(Instant::now()));
    };
    bench.survives_up(&Fault {
        name: "a long cut",
        strike: &|lab: &mut TorWorld| cut(lab),
        shut_within: Some(FOUND),
        heal: &heal,
    });
    let took = mended.get().unwrap().elapsed();
    assert!(took < BACK, "{took:?}");
    let after = guards(&bench.lab);
    assert!(before.is_subset(&after), "guards were dropped: {before:?}, now {after:?}");
}

/// Returns the guards that Tor stored: fingerprint, and the date when each was chosen, which Tor randomises.
fn guards(lab: &TorWorld) -> BTreeSet<String> {
    let state = std::fs::read_to_string(lab.world.server.state_dir().join("tor/data/state")).unwrap_or_default();
    let kept = |word: &&str| word.starts_with("rsa_id=") || word.starts_with("sampled_on=");
    let guards = state.lines().filter(|line| line.starts_with("Guard "));
    guards.map(|line| line.split(' ').filter(kept).collect::<Vec<_>>().join(" ")).collect()
}
