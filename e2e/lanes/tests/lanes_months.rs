//! Three months in a minute: server and device run under libfaketime, whose clocks jump by twelve hours again and
//! again, through key rotation, token expiry, certificate renewal, login key change, the quota's months, the end of
//! history and the hard TTL. Nothing may grow, and no process may spin at the end.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics when its setup fails")]
#![expect(clippy::print_stdout, reason = "the runner shows measurements")]

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tornado_e2e_harness::{DeviceProc, Programs, ServerOptions, Spent, patient, wait_for};
use tornado_e2e_lanes::original::OriginalClient;
use tornado_e2e_lanes::world::{PASSWORD, World};

/// Maximum delay of a heartbeat.
const LEAP: u64 = 12 * 3600;
/// 92 days: the certificate is valid for 90 of them. Its age is that of its file, whose time libfaketime does not
/// change, so a later successor would be replaced at every check.
const LEAPS: u64 = 2 * 92;
const DAY: u64 = 86_400;
/// Real time for the work of one jump, after the device can reach the server again: a jump in the middle of it would
/// exceed the deadlines in progress.
const PACE: Duration = Duration::from_millis(100);
/// Real time limit for the device to reach the server again. Not every jump requires it: a session may just have ended.
const AGAIN: Duration = Duration::from_secs(2);
/// Real time over which the processor time of idle processes is measured.
const IDLE: Duration = Duration::from_secs(20);
/// Minimum processor time of a spinning process, in percent of one core. It is not the limit for idle processes, which
/// `lanes_idle` checks: here they run under a library that reads a file at every clock read.
const SPINNING: f64 = 10.0;

/// Day files of the log archive that may exist: the default retention, today, and a day that the next check deletes.
const KEPT_DAYS: usize = 32;
/// Maximum size of logs and metrics after three months of an idle server, bytes.
const ARCHIVE: u64 = 8 * 1024 * 1024;
/// Twice the 1000 pages of 4 KiB at which SQLite writes its log back into the database.
const WAL: u64 = 8 * 1024 * 1024;

/// Sessions live longer than a jump; upkeep and keys use the defaults.
const CONFIG: &str = "[session]\nheartbeat_ttl = 86400\noffline_grace = 86400\nhistory_days = 30\n\n\
     [auth]\nargon2 = { memory_kib = 64, passes = 1, lanes = 1 }\n\n[client_api]\nanonymous_per_minute = 1000000\n";

/// The clock of every process in the lab.
struct Clock {
    dir: tempfile::TempDir,
    leaps: u64,
}

impl Clock {
    fn new() -> Self {
        let clock = Self { dir: tempfile::tempdir().unwrap(), leaps: 0 };
        std::fs::set_permissions(clock.dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        clock.write();
        clock
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("offset")
    }

    /// Written in one step: a process that reads a partial number would jump back.
    fn write(&self) {
        let new = self.dir.path().join("new");
        std::fs::write(&new, format!("+{}\n", self.leaps * LEAP)).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    fn environment(&self) -> Vec<(String, String)> {
        let file = self.file().display().to_string();
        let trial = self.dir.path().join("trial").display().to_string();
        let variables = [
            ("TORNADO_TRIAL", trial.as_str()),
            ("LD_PRELOAD", &library()),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            ("FAKETIME_NO_CACHE", "1"),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }
}

/// Returns the path of Debian's libfaketime, in the variant for multithreaded programs.
fn library() -> String {
    let dirs = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let mut found = dirs.map(|dir| dir.path().join("faketime/libfaketimeMT.so.1")).filter(|path| path.is_file());
    found.next().expect("libfaketime is not installed").display().to_string()
}

impl Drop for Clock {
    /// The library leaves a semaphore and a shared memory page of each killed process.
    fn drop(&mut self) {
        for entry in std::fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let pid = name.rsplit('_').next().and_then(|pid| pid.parse::<u32>().ok());
            let is_left = pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
            if name.contains("faketime_") && is_left {
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }
}

/// Resources that a process holds.
#[derive(Debug, Clone, Copy)]
struct Holding {
    rss_kib: u64,
    descriptors: usize,
    threads: usize,
}

impl Holding {
    fn of(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let number = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        let threads = usize::try_from(number("Threads:")).unwrap();
        Self { rss_kib: number("VmRSS:"), descriptors, threads }
    }

    /// True if it holds more than after the first phase, beyond what allocators keep.
    fn has_grown_since(self, before: Self) -> bool {
        self.rss_kib > before.rss_kib + before.rss_kib / 2 + 8 * 1024
            || self.descriptors > before.descriptors + 16
            || self.threads > before.threads + 8
    }
}

/// Total size of all files below, in bytes. SQLite's log beside a database is limited by [`WAL`].
fn size(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size(&entry.path()),
            Ok(found) if entry.path().extension().is_some_and(|end| end == "db-wal") => {
                assert!(found.len() < WAL, "{} has {} bytes", entry.path().display(), found.len());
                0
            }
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Size of the server's state without logs and metrics, which are kept for a time.
fn state(world: &World) -> u64 {
    let whole = world.server.state_dir();
    size(&whole) - size(&whole.join("telemetry"))
}

fn processes(world: &World, device: &DeviceProc) -> BTreeMap<String, u32> {
    let mut all = world.processes().unwrap();
    all.insert("helper".into(), device.helper().unwrap().pid());
    all
}

/// The day on which a log line was written, counted from 1970 (days_from_civil of Howard Hinnant's date algorithms).
fn day(line: &str) -> i64 {
    let from = line.find("20").expect("the log line has no date");
    let part = |range: std::ops::Range<usize>| line[from..][range].parse::<i64>().unwrap();
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// Returns the current day of each process: the server's processes log a line with it at SIGHUP, the helper logged one
/// at the last jump.
fn days(world: &World, device: &DeviceProc, processes: &BTreeMap<String, u32>) -> BTreeMap<String, i64> {
    let mut days = BTreeMap::from([("helper".to_owned(), day(device.log().unwrap().lines().last().unwrap()))]);
    for (name, pid) in processes.iter().filter(|(name, _)| *name != "helper") {
        let mut lines = world.server.log_from_now().unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.cast_signed()), nix::sys::signal::Signal::SIGHUP)
            .unwrap();
        let line = wait_for(&format!("a log line with the day of {name}"), Duration::from_secs(10), || {
            Ok(lines.more()?.lines().find(|line| line.contains("SIGHUP")).map(str::to_owned))
        });
        days.insert(name.clone(), day(&line.unwrap()));
    }
    days
}

fn bytes(usage: &Value) -> u64 {
    let lanes = ["direct", "tor"].map(|lane| &usage[lane]);
    lanes.iter().flat_map(|lane| ["rx_bytes", "tx_bytes"].map(|way| lane[way].as_u64().unwrap())).sum()
}

/// Wakes every process, so that none sleeps through a jump: a process waiting for a timer does not notice the clock
/// change.
fn wake(world: &World, device: &DeviceProc) {
    let sockets = std::fs::read_dir(world.server.run_dir()).unwrap().flatten().map(|entry| entry.path());
    let sockets = sockets.filter(|path| path.extension().is_some_and(|end| end == "sock"));
    // That one is for `wg` only and logs it.
    let sockets = sockets.filter(|path| !path.ends_with("tun.sock"));
    for socket in sockets.chain([device.socket()]) {
        drop(UnixStream::connect(socket));
    }
}

fn visits(world: &World, device: &DeviceProc) {
    wait_for("a page through the tunnel", Duration::from_secs(30), || {
        let reply = device.host().http_get_within(world.internet.http_v4(), "/", Duration::from_secs(3));
        Ok(reply.is_ok().then_some(()))
    })
    .inspect_err(|_| println!("{}", device.log().unwrap_or_default()))
    .unwrap();
}

fn keys(world: &World) -> Value {
    world.server.json(&["keys", "status"]).unwrap()
}

fn file_time(path: &Path) -> std::time::SystemTime {
    std::fs::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn three_months_cost_no_connection_and_let_nothing_grow() {
    let mut clock = Clock::new();
    let options = ServerOptions { config: CONFIG.into(), environment: clock.environment(), ..ServerOptions::default() };
    let world = World::up_with(1, options).unwrap();
    let host = world.device_host(1).unwrap();
    let mut device = DeviceProc::attach(host, Programs::beside());
    device.preload(
        Path::new(&library()),
        &[("FAKETIME_TIMESTAMP_FILE", &clock.file()), ("FAKETIME_NO_CACHE", Path::new("1"))],
    );
    device.start_helper().unwrap();
    let device = world.enroll(1, device).unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    world.server.cli(&["user", "set", "user1", "--quota", "200gb"]).unwrap().success().unwrap();
    visits(&world, &device);
    let processes = processes(&world, &device);
    assert!(processes.len() >= 8, "{processes:?}");
    let first_second = world.server.json(&["status"]).unwrap()["started_at"].as_i64().unwrap();
    let first_day = day(&world.server.log().unwrap());
    let certificate = world.server.state_dir().join("client-api/tls.crt");
    let (first_keys, first_certificate) = (keys(&world), file_time(&certificate));
    let login_keys = |keys: &Value| -> Vec<Value> {
        let all = keys["keys"].as_array().unwrap().iter();
        all.filter(|key| key["usage"] == "login_v2").map(|key| key["id"].clone()).collect()
    };

    let mut lines = device.log_from_now().unwrap();
    // A first week, in which caches fill and keys get their first successors.
    let mut pass = |clock: &mut Clock, leaps: u64| {
        for _ in 0..leaps {
            clock.leaps += 1;
            clock.write();
            wake(&world, &device);
            let began = Instant::now();
            while !lines.more().unwrap().contains("path to the server was restored") && began.elapsed() < patient(AGAIN)
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            std::thread::sleep(patient(PACE));
            if (clock.leaps * LEAP).is_multiple_of(10 * DAY) {
                visits(&world, &device);
            }
        }
    };
    pass(&mut clock, 7 * DAY / LEAP);
    let hold = || -> BTreeMap<&str, Holding> {
        processes.iter().map(|(name, pid)| (name.as_str(), Holding::of(*pid))).collect()
    };
    let (held, files) = (hold(), state(&world) + size(&device.state_dir()));
    pass(&mut clock, LEAPS - 7 * DAY / LEAP);

    // Each process did experience the whole time.
    for (name, day) in days(&world, &device, &processes) {
        assert!((92..94).contains(&(day - first_day)), "{name} began on day {first_day} and is at {day}");
    }
    let last_keys = keys(&world);
    assert_ne!(first_keys["keys"], last_keys["keys"], "signing keys were not rotated");
    assert_ne!(login_keys(&first_keys), login_keys(&last_keys), "the login key was not changed: {last_keys}");
    wait_for("the certificate's successor", Duration::from_secs(10), || {
        Ok((file_time(&certificate) != first_certificate).then_some(()))
    })
    .unwrap();
    let history = world.history().unwrap();
    assert!(
        history.iter().any(|row| row["reason"] == json!("hard_limit")),
        "no session reached the hard TTL: {history:?}"
    );

    // Entries older than `history_days` are gone, and the quota is in a later month than the first.
    let usage = device.json(&["status"]).unwrap()["usage"].clone();
    let today = i64::try_from(clock.leaps * LEAP).unwrap() + first_second;
    let ended: Vec<i64> = history.iter().filter_map(|row| row["ended_at"].as_i64()).collect();
    assert!(ended.iter().all(|at| *at > today - 31 * DAY as i64), "{today}: {history:?}");
    assert!(usage["sessions"].as_u64() > Some(ended.len() as u64 + 1), "{usage}");
    assert!(usage["quota"]["renews_at"].as_i64() > Some(today), "{today}: {usage}");
    assert!(usage["quota"]["used"].as_u64() < Some(bytes(&usage["total"])), "{usage}");

    // The device is still connected, and a new login works with the current keys.
    visits(&world, &device);
    world.wait_sessions(1, Duration::from_secs(30)).unwrap();
    world.account("late", 1).unwrap();
    let api = world.api();
    let login =
        host.block_on(|| async move { OriginalClient::new(api).unwrap().login("late", PASSWORD).await }).unwrap();
    login.unwrap().ok().unwrap();

    // No process ended, and none holds more than after the first week.
    let now = hold();
    for (name, before) in &held {
        println!("{name}: {before:?}, then {:?}", now[name]);
        assert!(!now[name].has_grown_since(*before), "{name} grew from {before:?} to {:?}", now[name]);
    }
    let grown = state(&world) + size(&device.state_dir());
    println!("files: {files} bytes, then {grown}");
    assert!(grown < files * 2 + 512 * 1024, "files grew from {files} to {grown} bytes");
    let archive = world.server.state_dir().join("telemetry");
    let days = std::fs::read_dir(archive.join("logs")).unwrap().flatten();
    let days = days.filter(|day| day.path().extension().is_some_and(|end| end == "db")).count();
    println!("logs and metrics: {} bytes, {days} days", size(&archive));
    assert!(days <= KEPT_DAYS && size(&archive) < ARCHIVE, "{days} days, {} bytes", size(&archive));
    let lines = [world.server.log().unwrap(), device.log().unwrap()].map(|log| log.lines().count());
    println!("logs of server and device: {lines:?} lines");
    assert!(lines[0] < 1_500 && lines[1] < 3_000, "{lines:?} lines in three months");

    // No process spins.
    let spent = || -> BTreeMap<&String, Spent> {
        processes.iter().map(|(name, pid)| (name, Spent::of(*pid).unwrap())).collect()
    };
    let before = spent();
    std::thread::sleep(IDLE);
    let busy: BTreeMap<&String, f64> =
        spent().into_iter().map(|(name, now)| (name, now.since(&before[name]).percent)).collect();
    println!("percent of a core while idle: {busy:.2?}");
    assert!(busy.values().all(|share| *share < SPINNING), "percent of a core: {busy:.2?}");
}
