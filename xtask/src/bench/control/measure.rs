//! Measurements that need more than one round of calls.

use super::world::{Cost, World, wait_other};
use crate::bench::fleet::{Act, Calls, peer};
use crate::bench::rounds::Figure;
use crate::bench::tor_world::programs;
use crate::bench::{Sample, resident_bytes};
use crate::shell;
use anyhow::ensure;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tornado_e2e_engines::Redis;

/// Numbers of connected devices at which starts and reconciliation are measured.
pub const TALL: [usize; 3] = [1_000, 10_000, 25_000];
/// Devices that are created in one step; the time limit is checked between steps.
const STEP: usize = 1_000;
/// Devices per account.
pub const EACH: usize = 10;
/// The tunnel counts as silent after this interval without a packet. `SILENT_WITHIN` is the limit for that.
const QUIET: Duration = Duration::from_millis(250);
const SILENT_WITHIN: Duration = Duration::from_secs(2);
/// Time limit for the creation of further devices.
const GROWTH: Duration = Duration::from_secs(110);

/// Measures the milliseconds from the call that suspends the account until the last packet of its device leaves the
/// server.
pub fn revocations(world: &World, times: usize) -> anyhow::Result<Value> {
    let (mut all, clear) = (Vec::new(), world.pulse.clear());
    for turn in 0..times {
        if turn > 0 {
            world.back()?;
        }
        let called = Instant::now();
        world.suspend()?;
        all.push(world.pulse.silent_after_ms(called, QUIET, SILENT_WITHIN)?);
    }
    world.back()?;
    all.sort_by(f64::total_cmp);
    let at = |percent: usize| all.get((all.len() * percent).div_ceil(100).max(1) - 1).copied();
    Ok(
        json!({ "times": all.len(), "p50": at(50), "p99": at(99), "most": all.last(), "sent_in_the_clear": world.pulse.clear() - clear }),
    )
}

/// Measures Argon2 alone at the server's cost.
pub fn raw_argon2(seconds: f64) -> anyhow::Result<Calls> {
    let Cost(memory, passes, lanes) = Cost::REAL;
    let numbers = [memory, passes, lanes].map(|number| number.to_string());
    let [memory, passes, lanes] = numbers.each_ref().map(String::as_str);
    let seconds = seconds.to_string();
    peer(&["argon2", "--memory-kib", memory, "--passes", passes, "--lanes", lanes, "--seconds", &seconds])
}

/// Measures single-row transactions on the file system of the server's databases.
pub fn raw_sqlite(world: &World, seconds: f64) -> anyhow::Result<Sample> {
    #[derive(Deserialize)]
    struct Answer {
        durable: f64,
        not_durable: f64,
    }
    let file = world.server()?.state_dir().join("raw-writes.db");
    let mut command = shell::command(programs().join("raw_writes"), &[]);
    let answer: Answer = serde_json::from_str(&shell::read(command.arg(file).arg(seconds.to_string()))?)?;
    Ok(Sample::from([("writes_s".to_owned(), answer.durable), ("writes_not_durable_s".to_owned(), answer.not_durable)]))
}

/// Measures hash writes to a Redis without persistence, with `callers` connections.
pub fn raw_redis(redis: &Redis, callers: usize, seconds: f64) -> anyhow::Result<Calls> {
    let (socket, callers, seconds) = (redis.socket().display().to_string(), callers.to_string(), seconds.to_string());
    peer(&["redis", "--socket", &socket, "--callers", &callers, "--seconds", &seconds])
}

/// Logs in and connects new devices until `to` are connected or the time limit is reached. Returns the number and the
/// rates.
pub fn grow(world: &mut World, from: usize, to: usize, callers: usize) -> anyhow::Result<(usize, Value)> {
    let (started, mut now) = (Instant::now(), from);
    let (mut logins, mut connects) = (Vec::new(), Vec::new());
    while now < to && started.elapsed() < GROWTH {
        let step = STEP.min(to - now);
        let new = world.fleet.accounts(step.div_ceil(EACH), EACH)?;
        logins.push(world.fleet.act(Act::Login, &new, callers, None)?.rate);
        connects.push(world.fleet.act(Act::Connect, &new, callers, None)?.rate);
        now += new.len();
    }
    let notes =
        json!({ "devices": now, "logins_without_argon2_s": Figure::of(logins), "connects_s": Figure::of(connects) });
    Ok((now, notes))
}

/// Measurements with a number of connected devices.
#[derive(Debug, Clone, Serialize)]
pub struct Standing {
    /// Number of devices.
    pub peers: usize,
    /// Seconds from the kill of `session` until the next process has read its sessions and compared the lanes.
    pub session_reconciled_s: f64,
    /// Longest silence of a live tunnel during that, in milliseconds.
    pub session_silence_ms: f64,
    /// Seconds from the kill of `wg` until the next process has recreated the lanes with all peers.
    pub wg_reconciled_s: f64,
    /// Longest silence during that, in milliseconds. The lanes do not exist for some time.
    pub wg_silence_ms: f64,
    /// Seconds from the start of a stopped server until it is ready with all peers.
    pub start_to_ready_s: f64,
    /// Resident memory of all processes after that, in MiB.
    pub memory_mib: f64,
    /// Resident memory of `wg`, in MiB.
    pub wg_memory_mib: f64,
    /// Resident memory of `session`, in MiB.
    pub session_memory_mib: f64,
}

/// Takes the measurements. There is one peer more, for the device with the tunnel.
pub fn standing(world: &mut World, peers: usize) -> anyhow::Result<Standing> {
    let all = peers as u64 + 1;
    world.until("wg has all peers", |world| Ok(world.peers() == Some(all)))?;
    settle(world)?;

    let killed = Instant::now();
    let before = world.server()?.kill_service("session")?;
    let mut log = world.server()?.log_from_now()?;
    world.until("session has compared the lanes", |_| Ok(log.more()?.contains("lanes synced")))?;
    let session_reconciled_s = killed.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_millis(500));
    let session_silence_ms = world.pulse.longest_ms();
    wait_other(world, "session", before)?;
    ensure!(world.peers() == Some(all), "peers are missing: {:?}", world.peers());

    settle(world)?;
    let killed = Instant::now();
    let before = world.server()?.kill_service("wg")?;
    // The killed process may still respond for a moment.
    wait_other(world, "wg", before)?;
    world.until("wg has all peers", |world| Ok(world.peers() == Some(all)))?;
    let wg_reconciled_s = killed.elapsed().as_secs_f64();
    world.pulse.wait(Duration::from_secs(60))?;
    let wg_silence_ms = world.pulse.longest_ms();

    let start_to_ready_s = world.restart(Cost::NOTHING)?;
    ensure!(world.peers() == Some(all), "the server is ready, but peers are missing: {:?}", world.peers());
    world.pulse.wait(Duration::from_secs(60))?;
    std::thread::sleep(Duration::from_secs(2));
    let of = |service: &str| -> anyhow::Result<f64> {
        Ok(resident_bytes(world.server()?.pid_of(service)?)? as f64 / f64::from(1 << 20))
    };
    Ok(Standing {
        peers,
        session_reconciled_s,
        session_silence_ms,
        wg_reconciled_s,
        wg_silence_ms,
        start_to_ready_s,
        memory_mib: world.memory()?.0.resident,
        wg_memory_mib: of("wg")?,
        session_memory_mib: of("session")?,
    })
}

/// Waits until the tunnel carries packets, and resets the longest silence.
fn settle(world: &World) -> anyhow::Result<()> {
    world.pulse.wait(Duration::from_secs(60))?;
    std::thread::sleep(Duration::from_millis(500));
    world.pulse.longest_ms();
    Ok(())
}
