//! The control plane: throughput and latency of the server, and its start and reconciliation with many peers. Devices,
//! load generator and server share the cores of the machine.

mod measure;
mod pulse;
mod world;

use super::fleet::Act;
use super::rounds::Figure;
use super::{Bench, Goal, Options, Report, Rounds, prepare_lab};
use crate::machine::programs::Need;
use anyhow::Context as _;
use measure::{EACH, Standing, TALL};
use serde_json::json;
use std::time::Duration;
use tornado_e2e_engines::{Redis, RedisOptions};
use world::{Cost, World};

/// Accounts that log in at the real cost of Argon2, and the number of callers.
const LOGINS: (usize, usize) = (32, 8);
/// Concurrent callers in a storm.
const CALLERS: usize = 64;
/// Devices in the first measurement.
const FEW: usize = TALL[0];
/// Number of timed starts and of suspensions.
const STARTS: usize = 3;
const REVOCATIONS: usize = 30;
/// Interval over which idle processes are measured.
const REST: Duration = Duration::from_secs(60);
/// Limits that keep the bench within the six minutes that `docs/performance.md` states.
const MOST: (usize, u32) = (3, 4);

/// The bench `control`, in a lab.
pub const BENCH: Bench = Bench {
    name: "control",
    about: "logins, connects and heartbeats per second, memory, start and reconciliation with up to 25,000 peers",
    prepare,
    run,
};

fn prepare() -> anyhow::Result<()> {
    let packages = ["tornadod", "tornado-helper", "tornado-cli", "tornado-e2e-control", "tornado-store"];
    prepare_lab(&[Need::Server, Need::Test, Need::Cluster], &packages)
}

fn run(options: &Options) -> anyhow::Result<Report> {
    let options = options.at_most(MOST);
    let (mut world, first_start) = World::up()?;
    let mut report = Report::default();
    report.put("first_start_to_ready_s", first_start)?;
    if world.is_in_memory()? {
        report.warn("the server's state is in memory (tmpfs): nothing is written to a disk, so connects, starts and SQLite appear too fast");
    }
    idle(&mut world, &mut report)?;
    logins(&mut world, &options, &mut report)?;
    eprintln!("revocations");
    world.enroll()?;
    world.connect()?;
    let silence = measure::revocations(&world, REVOCATIONS)?;
    report.goal(Goal::at_most("suspend to silence, most, ms", 1000.0, silence["most"].as_f64()));
    report.put("suspend_to_silence_ms", silence)?;
    world.restart(Cost::NOTHING)?;
    let few = storms(&mut world, &options, &mut report)?;
    heights(&mut world, few, &mut report)?;
    Ok(report)
}

/// Measures starts, and memory and CPU time of an idle server.
fn idle(world: &mut World, report: &mut Report) -> anyhow::Result<()> {
    eprintln!("starts");
    let starts: Vec<f64> = (0..STARTS).map(|_| world.restart(Cost::REAL)).collect::<anyhow::Result<_>>()?;
    let start = Figure::of(starts);
    report.goal(Goal::at_most("start to ready, s", 2.0, start.map(|figure| figure.median)));
    report.put("start_to_ready_s", start)?;
    std::thread::sleep(Duration::from_secs(5));
    let (memory, table) = world.memory()?;
    report.goal(Goal::at_most("all processes, idle, MiB resident (RSS)", 170.0, Some(memory.resident)));
    report.goal(Goal::at_most("all processes, idle, MiB proportional (PSS)", 70.0, Some(memory.proportional)));
    let of_telemetry = table["telemetry"]["resident"].as_f64();
    report.goal(Goal::at_most("telemetry, idle, MiB resident (RSS)", 20.0, of_telemetry));
    report.put("memory_idle_mib", table)?;
    let table = world.rest(REST)?;
    let percent = |cost: &serde_json::Value| cost["percent"].as_f64();
    let others = table.iter().filter(|(name, _)| *name != "telemetry").filter_map(|(_, cost)| percent(cost));
    let most = others.reduce(f64::max);
    report.goal(Goal::at_most("processor of any process but telemetry, idle, percent of a core", 0.3, most));
    let of_telemetry = table.get("telemetry").and_then(percent);
    report.goal(Goal::at_most("processor of telemetry, idle, percent of a core", 1.0, of_telemetry));
    report.put("processor_idle", table)
}

/// Measures logins at the real cost, and compares them with Argon2 alone.
fn logins(world: &mut World, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let (accounts, callers) = LOGINS;
    let devices = world.fleet.accounts(accounts, 1)?;
    let seconds = f64::from(options.seconds);
    let rounds = Rounds::run(options.rounds, &["tornado", "raw Argon2"], |name| {
        let calls = match name {
            "tornado" => world.fleet.act(Act::Login, &devices, callers, Some(seconds))?,
            _ => measure::raw_argon2(seconds)?,
        };
        Ok(calls.sample("logins"))
    });
    let ratio = rounds.ratio("logins_s", "tornado", "raw Argon2");
    report.goal(Goal::at_least("logins / raw Argon2's", 0.9, ratio.map(|figure| figure.median)));
    report.put("logins_to_raw_argon2", ratio)?;
    report.add(&rounds);
    Ok(())
}

/// Measures connects and heartbeats until a thousand devices are connected. Each device connects for the first time;
/// connects that replace a former session are measured separately.
fn storms(world: &mut World, options: &Options, report: &mut Report) -> anyhow::Result<usize> {
    let first = world.fleet.accounts(FEW / 10 / EACH, EACH)?;
    world.fleet.act(Act::Login, &first, CALLERS, None)?;
    let alone = world.fleet.act(Act::Connect, &first, 1, None)?;
    report.put("connect_alone_ms", json!({ "p50": alone.p50_ms, "p99": alone.p99_ms, "times": alone.count }))?;
    let (mut fresh, mut logins) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let some = world.fleet.accounts((FEW - first.len()) / options.rounds / EACH, EACH)?;
        logins.push(world.fleet.act(Act::Login, &some, CALLERS, None)?.rate);
        fresh.push(some);
    }
    report.put("logins_without_argon2_s", Figure::of(logins))?;
    let all = first.start..fresh.last().map_or(first.end, |last| last.end);
    let redis = Redis::start(&RedisOptions::default())?;
    let seconds = f64::from(options.seconds);
    let rounds = Rounds::run(options.rounds, &["tornado", "raw SQLite", "raw Redis"], |name| match name {
        "tornado" => {
            let some = fresh.pop().context("no devices are left for this round")?;
            let mut sample = world.fleet.act(Act::Connect, &some, CALLERS, None)?.sample("connects");
            sample.extend(world.fleet.act(Act::Heartbeat, &some, CALLERS, Some(seconds))?.sample("heartbeats"));
            Ok(sample)
        }
        "raw SQLite" => measure::raw_sqlite(world, seconds / 2.0),
        _ => Ok(measure::raw_redis(&redis, CALLERS, seconds / 2.0)?.sample("writes")),
    });
    let again = world.fleet.act(Act::Connect, &first, CALLERS, Some(seconds))?;
    report.put(
        "connects_with_another_key",
        json!({ "a_second": again.rate, "p50_ms": again.p50_ms, "p99_ms": again.p99_ms }),
    )?;
    let figures = rounds.figures();
    let median = |figure: &str| Some(figures.get("tornado")?.get(figure)?.median);
    report.goal(Goal::at_least("connects a second", 500.0, median("connects_s")));
    report.goal(Goal::at_least("heartbeats a second", 5_000.0, median("heartbeats_s")));
    for (key, figure, base) in [
        ("connects_to_raw_sqlite_writes", "connects_s", "raw SQLite"),
        ("heartbeats_to_raw_redis_writes", "heartbeats_s", "raw Redis"),
    ] {
        report.put(key, rounds.ratio_of((figure, "tornado"), ("writes_s", base)))?;
    }
    report.add(&rounds);
    Ok(all.len())
}

/// Measures starts and reconciliation with increasing numbers of devices.
fn heights(world: &mut World, few: usize, report: &mut Report) -> anyhow::Result<()> {
    let mut standings: Vec<Standing> = Vec::new();
    let mut devices = few;
    for wanted in TALL {
        eprintln!("{wanted} peers");
        let (reached, notes) = measure::grow(world, devices, wanted, CALLERS)?;
        if reached > devices {
            report.put(&format!("grown_to_{wanted}"), notes)?;
        }
        devices = reached;
        standings.push(measure::standing(world, devices)?);
        if devices < wanted {
            eprintln!("reached the time limit at {devices} of {wanted} devices");
            break;
        }
    }
    let tallest = TALL.last().copied();
    let last = standings.last().filter(|last| Some(last.peers) == tallest);
    let name = |what: &str| format!("{} peers, {what}", tallest.unwrap_or_default());
    report.goal(Goal::at_most(&name("reconciled after session's end, s"), 5.0, last.map(|s| s.session_reconciled_s)));
    report.goal(Goal::at_most(&name("silence meanwhile, ms"), 150.0, last.map(|s| s.session_silence_ms)));
    report.goal(Goal::at_most(&name("reconciled after wg's end, s"), 5.0, last.map(|s| s.wg_reconciled_s)));
    report.put("standing", &standings)
}
