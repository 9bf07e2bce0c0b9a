//! What takes more than a round of calls.

use super::fleet::{Act, Calls, peer};
use super::world::{Cost, World, wait_other};
use crate::bench::rounds::Figure;
use crate::bench::tor_world::programs;
use crate::bench::{Sample, resident_bytes};
use crate::shell;
use anyhow::ensure;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tornado_e2e_engines::Redis;

/// Devices that are connected when starts and reconciling are looked at.
pub const TALL: [usize; 3] = [1_000, 10_000, 25_000];
/// Devices that are made at once; the time is looked at in between.
const STEP: usize = 1_000;
/// Devices of an account.
pub const EACH: usize = 10;
/// So long nothing must come out of the tunnel before its end is believed; beyond the other, the bench fails.
const QUIET: Duration = Duration::from_millis(250);
const SILENT_WITHIN: Duration = Duration::from_secs(2);
/// Longest time for making more devices.
const GROWTH: Duration = Duration::from_secs(110);

/// Milliseconds from the call that suspends the account until the last packet of its device came out of the server.
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

/// Raw Argon2 at the server's cost.
pub fn raw_argon2(seconds: f64) -> anyhow::Result<Calls> {
    let Cost(memory, passes, lanes) = Cost::REAL;
    let numbers = [memory, passes, lanes].map(|number| number.to_string());
    let [memory, passes, lanes] = numbers.each_ref().map(String::as_str);
    let seconds = seconds.to_string();
    peer(&["argon2", "--memory-kib", memory, "--passes", passes, "--lanes", lanes, "--seconds", &seconds])
}

/// Transactions of a row, beside the server's own databases.
pub fn raw_sqlite(world: &World, seconds: f64) -> anyhow::Result<Sample> {
    #[derive(Deserialize)]
    struct Answer {
        durable: f64,
        not_durable: f64,
    }
    let file = world.server()?.state_dir().join("raw-writes.db");
    let mut command = shell::command(programs().join("raw_writes"), &[]);
    command.arg(file).arg(seconds.to_string());
    let answer: Answer = serde_json::from_str(&shell::read(command)?)?;
    Ok(Sample::from([("writes_s".to_owned(), answer.durable), ("writes_not_durable_s".to_owned(), answer.not_durable)]))
}

/// Hashes in a Redis that keeps nothing on disk, by as many callers as the server has.
pub fn raw_redis(redis: &Redis, callers: usize, seconds: f64) -> anyhow::Result<Calls> {
    let (socket, callers, seconds) = (redis.socket().display().to_string(), callers.to_string(), seconds.to_string());
    peer(&["redis", "--socket", &socket, "--callers", &callers, "--seconds", &seconds])
}

/// Logs in and connects new devices until so many are connected, or the time is over. How many are, and how fast it went.
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

/// What happens with so many devices connected.
#[derive(Debug, Clone, Serialize)]
pub struct Standing {
    /// How many.
    pub peers: usize,
    /// `session` was killed: seconds until the next one had read its sessions and compared the lanes.
    pub session_reconciled_s: f64,
    /// Meanwhile, on the live tunnel, milliseconds.
    pub session_silence_ms: f64,
    /// `wg` was killed: seconds until the next one had made the lanes anew with all peers.
    pub wg_reconciled_s: f64,
    /// Meanwhile: the lanes are gone for some time.
    pub wg_silence_ms: f64,
    /// The whole server was stopped: seconds from its start until it was ready, with all peers.
    pub start_to_ready_s: f64,
    /// Resident memory then, MiB.
    pub memory_mib: f64,
    /// That of `wg` and of `session`.
    pub wg_memory_mib: f64,
    /// As said.
    pub session_memory_mib: f64,
}

/// Measures it. One peer more is the device with the tunnel.
pub fn standing(world: &mut World, peers: usize) -> anyhow::Result<Standing> {
    let all = peers as u64 + 1;
    world.until("all peers are there", |world| Ok(world.peers() == Some(all)))?;
    settle(world)?;

    let killed = Instant::now();
    let before = world.server()?.kill_service("session")?;
    let mut log = world.server()?.log_from_now()?;
    world.until("session has compared the lanes", |_| Ok(log.more()?.contains("lanes synced")))?;
    let session_reconciled_s = killed.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_millis(500));
    let session_silence_ms = world.pulse.longest_ms();
    wait_other(world, "session", before)?;
    ensure!(world.peers() == Some(all), "peers were lost: {:?}", world.peers());

    settle(world)?;
    let killed = Instant::now();
    let before = world.server()?.kill_service("wg")?;
    // What answers until it is dead says nothing.
    wait_other(world, "wg", before)?;
    world.until("wg has all peers", |world| Ok(world.peers() == Some(all)))?;
    let wg_reconciled_s = killed.elapsed().as_secs_f64();
    world.pulse.wait(Duration::from_secs(60))?;
    let wg_silence_ms = world.pulse.longest_ms();

    let start_to_ready_s = world.restart(Cost::NOTHING)?;
    ensure!(world.peers() == Some(all), "ready without all peers: {:?}", world.peers());
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
        memory_mib: world.memory()?.0,
        wg_memory_mib: of("wg")?,
        session_memory_mib: of("session")?,
    })
}

/// The tunnel carries, and what was before is forgotten.
fn settle(world: &World) -> anyhow::Result<()> {
    world.pulse.wait(Duration::from_secs(60))?;
    std::thread::sleep(Duration::from_millis(500));
    world.pulse.longest_ms();
    Ok(())
}
