//! What a person at a device waits for, and what the helper costs while nothing happens.

mod world;

use super::{Bench, Goal, Options, Report, Rounds, Sample, cpu_seconds, mebi, prepare_lab, resident_bytes};
use crate::machine::programs::Need;
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use world::World;

/// Connects of each lane in a round.
const CLICKS: usize = 10;
/// Lane switches in a round, there and back.
const SWITCHES: usize = 5;
/// How long one of the steps may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Seconds after a connect until the helper counts as idle.
const SETTLED: Duration = Duration::from_secs(3);

/// The bench `client`.
pub const BENCH: Bench = Bench {
    name: "client",
    about: "a device's helper: click to first byte, lane switch, roaming, sleep, idle cost",
    prepare,
    run,
};

fn prepare() -> anyhow::Result<()> {
    prepare_lab(&[Need::Server, Need::Test], &["tornadod", "tornado-helper", "tornado-cli"])
}

fn run(options: &Options) -> anyhow::Result<Report> {
    let world = RefCell::new(World::up()?);
    eprintln!("lab {}", world.borrow().lab());
    // All single times in milliseconds, for percentiles over all rounds.
    let times: RefCell<BTreeMap<String, Vec<f64>>> = RefCell::default();
    let note = |name: &str, seconds: f64| times.borrow_mut().entry(name.to_owned()).or_default().push(seconds * 1e3);
    let rounds = Rounds::run(options.rounds, &["direct", "tor", "movements", "idle"], |name| match name {
        "idle" => idle(&world.borrow(), options.seconds),
        "movements" => movements(&mut world.borrow_mut(), &note),
        lane => clicks(&world.borrow(), lane, &note),
    });
    let times = times.into_inner();
    let mut report = Report::of(&rounds);
    let percentile = |name: &str, share: f64| times.get(name).and_then(|all| of_share(all, share));
    let table: BTreeMap<&String, _> = times
        .iter()
        .map(|(name, all)| (name, json!({ "p50": of_share(all, 0.5), "p95": of_share(all, 0.95), "count": all.len() })))
        .collect();
    report.put("milliseconds", table)?;
    report.goal(Goal::at_most("click to first byte, direct, p95, ms", 1000.0, percentile("click direct", 0.95)));
    report.goal(Goal::at_most("roam to traffic, p95, ms", 1000.0, percentile("roam", 0.95)));
    report.goal(Goal::at_most("lane switch, p95, ms", 300.0, percentile("switch", 0.95)));
    let figures = rounds.figures();
    let idle = |name: &str| figures.get("idle").and_then(|all| all.get(name)).map(|figure| figure.median);
    report.goal(Goal::at_most("helper resident, idle, MiB", 25.0, idle("resident, MiB")));
    report.goal(Goal::at_most("helper CPU, idle, % of a core", 0.5, idle("CPU, % of a core")));
    Ok(report)
}

/// From the command until the first byte of a page has arrived, from the state without a tunnel.
fn clicks(world: &World, lane: &str, note: &impl Fn(&str, f64)) -> anyhow::Result<Sample> {
    let mut all = Vec::new();
    for _ in 0..CLICKS {
        world.tornado(&["disconnect"])?;
        let begun = Instant::now();
        world.tornado(&["connect", "--lane", lane])?;
        world.page(PATIENCE)?;
        let took = begun.elapsed().as_secs_f64();
        note(&format!("click {lane}"), took);
        all.push(took * 1e3);
    }
    Ok(sample("click to first byte, ms", &all))
}

/// Lane switches, another network, and sleep, with the tunnel up.
fn movements(world: &mut World, note: &impl Fn(&str, f64)) -> anyhow::Result<Sample> {
    world.tornado(&["connect", "--lane", "direct"])?;
    let mut switches = Vec::new();
    for lane in ["tor", "direct"].into_iter().cycle().take(SWITCHES * 2) {
        let begun = Instant::now();
        world.tornado(&["lane", lane])?;
        let took = begun.elapsed().as_secs_f64();
        note("switch", took);
        switches.push(took * 1e3);
    }
    let mut figures = sample("lane switch, ms", &switches);
    for (name, took) in [("roam", world.roam()?), ("sleep", world.sleep()?)] {
        note(name, took);
        figures.insert(format!("{name} to traffic, ms"), took * 1e3);
    }
    Ok(figures)
}

/// CPU time and memory of the helper while a tunnel is up and nothing is sent.
fn idle(world: &World, seconds: u32) -> anyhow::Result<Sample> {
    world.tornado(&["connect", "--lane", "direct"])?;
    std::thread::sleep(SETTLED);
    let pid = world.helper()?;
    let (begun, before) = (Instant::now(), cpu_seconds(pid)?);
    std::thread::sleep(Duration::from_secs(seconds.into()));
    let share = (cpu_seconds(pid)? - before) / begun.elapsed().as_secs_f64();
    Ok(Sample::from([
        ("CPU, % of a core".to_owned(), share * 100.0),
        ("resident, MiB".to_owned(), mebi(resident_bytes(pid)?)),
    ]))
}

fn sample(name: &str, milliseconds: &[f64]) -> Sample {
    let median = of_share(milliseconds, 0.5).unwrap_or(f64::NAN);
    let worst = milliseconds.iter().copied().fold(f64::NAN, f64::max);
    Sample::from([(name.to_owned(), median), (format!("{name}, maximum"), worst)])
}

/// The smallest value that is not exceeded by this share of all values (nearest rank).
fn of_share(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_measured_values() {
        let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert_eq!((of_share(&values, 0.5), of_share(&values, 0.95)), (Some(10.0), Some(19.0)));
        assert_eq!((of_share(&[7.0], 0.95), of_share(&[], 0.5)), (Some(7.0), None));
    }
}
