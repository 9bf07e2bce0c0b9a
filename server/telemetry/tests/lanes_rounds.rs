//! Thirty rounds of faults against a process of `telemetry`: it is killed while log files are written, rotated and
//! truncated, its disk is full, its day file is damaged. After each round, each line is stored once, or is part of a
//! gap with its size. Needs root.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]
#![expect(clippy::disallowed_methods, reason = "polls another process")]

mod support;

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{line, on_small_disk};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::telemetry::logs::{LogQuery, LogStatus, Logs as _, LogsClient, Order, Selection};
use tornado_log::output::{FileLimits, LogFile, Sink as _};
use tornado_rpc::{Channel, NoInput};
use tornado_runtime::clock::wall_clock;
use tornado_runtime::metrics::Metrics;
use tornado_runtime::{Context, Roles, socket_path};
use tornado_telemetry::{Config, Wiring, run};

/// Directory of the process under test; only set for that process.
const UNDER_TEST: &str = "TELEMETRY_UNDER_TEST";
/// Six files have about 1,100 lines.
const LIMITS: FileLimits = FileLimits { size: 40_000, kept: 5 };
/// Longest wait for a state.
const WITHIN: Duration = Duration::from_secs(60);

/// The process under test.
fn serve(dir: &Path) {
    let context = Context {
        service: ServiceName::Telemetry,
        run_dir: dir.join("run"),
        state_dir: dir.join("state"),
        roles: Roles::default(),
        metrics: Metrics::default(),
        shutdown: CancellationToken::new(),
    };
    let wiring = Wiring { log_dir: dir.join("log") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(context, Config::default(), wiring)).unwrap();
}

struct World {
    dir: PathBuf,
    runtime: Runtime,
    logs: LogsClient,
    child: Option<Child>,
    writer: LogFile,
    /// Process that writes, and its latest line.
    written: (u64, u64),
    /// Lines of all processes.
    total: u64,
    random: u64,
}

impl World {
    fn new(dir: &Path) -> Self {
        let writer = LogFile::new(&dir.join("log/wg"), "wg", LIMITS);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let logs = LogsClient::new(Channel::new(socket_path(&dir.join("run"), ServiceName::Telemetry.as_str())));
        let mut world =
            Self { dir: dir.to_owned(), runtime, logs, child: None, writer, written: (1, 0), total: 0, random: 42 };
        world.start();
        world
    }

    /// A number below `end`.
    fn random(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) % end
    }

    fn start(&mut self) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "each_line_is_stored_once_or_part_of_a_gap"]).env(UNDER_TEST, &self.dir);
        self.child = Some(command.stdout(Stdio::null()).spawn().unwrap());
    }

    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn write(&mut self, lines: u64) {
        for _ in 0..lines {
            self.written.1 += 1;
            let line = line(wall_clock().into(), self.written.0, self.written.1);
            self.writer.write_line(&line.to_json()).unwrap();
        }
        self.total += lines;
    }

    /// Writes and gives the process time to be in the middle of something.
    fn write_and_wait(&mut self) {
        let lines = 20 + self.random(100);
        self.write(lines);
        let pause = self.random(700);
        std::thread::sleep(Duration::from_millis(pause));
    }

    fn status(&self) -> Option<LogStatus> {
        self.runtime.block_on(self.logs.status(NoInput {})).ok()
    }

    /// Stored lines; `None` while the archive cannot be read.
    fn count(&self) -> Option<u64> {
        let all = Acting::root(Selection::default());
        self.runtime.block_on(self.logs.count(all)).ok().map(|count| count.lines)
    }

    fn newest(&self) -> Option<(String, u64)> {
        let page = self.runtime.block_on(self.logs.query(Acting::root(page(None, 1))));
        page.ok()?.lines.pop().map(|line| (line.process, line.seq))
    }

    fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            let state = || format!("{} written, {:?} stored: {:#?}", self.total, self.count(), self.status());
            assert!(began.elapsed() < WITHIN, "not within {WITHIN:?}: {what}; {}", state());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the newest line is stored and nothing is missing that no gap states.
    fn settle(&self) {
        let newest = (format!("{:016x}", self.written.0), self.written.1);
        self.wait("the newest line is stored", |world| world.newest() == Some(newest.clone()));
        self.wait("lines and gaps are all lines", |world| {
            let gaps = world.status().map(|status| status.gaps.iter().filter_map(|gap| gap.lines).sum::<u64>());
            world.count().zip(gaps).is_some_and(|(lines, gaps)| lines + gaps == world.total)
        });
    }

    fn log(&self) -> PathBuf {
        self.dir.join("log/wg/wg.log")
    }

    /// Killed while lines arrive; others arrive while it is down.
    fn killed(&mut self) {
        self.write_and_wait();
        self.kill();
        self.write_and_wait();
        self.start();
    }

    /// The files are rotated several times while it is down.
    fn rotated(&mut self) {
        self.kill();
        self.write(600);
        self.start();
        self.write_and_wait();
    }

    /// Writes lines until one cannot be stored: the files of the archive may have some space left.
    fn write_until_full(&mut self) {
        let failures = |world: &Self| world.status().map(|status| status.failed_writes);
        let before = failures(self).unwrap_or_default();
        for _ in 0..100 {
            self.write(200);
            std::thread::sleep(Duration::from_millis(200));
            if failures(self).is_some_and(|now| now > before) {
                return;
            }
        }
        panic!("the disk does not become full: {:#?}", self.status());
    }

    /// The disk of the archive is full, also over a restart.
    fn filled(&mut self) {
        let path = self.dir.join("state/ballast");
        let mut ballast = std::fs::File::create(&path).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
        self.write_until_full();
        self.kill();
        self.start();
        self.wait("the service responds", |world| world.status().is_some());
        self.write_until_full();
        drop(ballast);
        std::fs::remove_file(path).unwrap();
    }

    /// Part of each day file is overwritten.
    fn damaged(&mut self, variant: u64) {
        self.write_and_wait();
        self.kill();
        for path in std::fs::read_dir(self.dir.join("state/logs")).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|extension| extension != "db") {
                continue;
            }
            let length = std::fs::metadata(&path).unwrap().len();
            let mut file = OpenOptions::new().write(true).open(&path).unwrap();
            match variant % 3 {
                0 => file.write_all(&[7; 8192]).unwrap(),
                1 => file.set_len(length / 2).unwrap(),
                _ => {
                    file.seek(SeekFrom::Start(length / 8192 * 4096)).unwrap();
                    file.write_all(&vec![7; usize::try_from(length / 2).unwrap()]).unwrap();
                }
            }
        }
        self.write(30);
        self.start();
        self.write_and_wait();
    }

    /// So many lines that the files of the first ones are deleted before they are read.
    fn overrun(&mut self) {
        self.kill();
        self.write(2_500);
        self.start();
    }

    /// A line is torn, the file is truncated, and another process of the service continues.
    fn truncated(&mut self) {
        self.kill();
        self.write(30);
        OpenOptions::new().append(true).open(self.log()).unwrap().write_all(b"{\"torn\n").unwrap();
        self.write(30);
        std::fs::File::create(self.log()).unwrap();
        self.write(30);
        self.written = (self.written.0 + 1, 0);
        self.write(30);
        self.start();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

fn page(after: Option<String>, limit: u32) -> LogQuery {
    LogQuery { after, limit, order: Order::Newest, ..LogQuery::default() }
}

#[test]
fn each_line_is_stored_once_or_part_of_a_gap() {
    if let Some(dir) = std::env::var_os(UNDER_TEST) {
        return serve(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    for name in ["run", "log", "log/wg"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    on_small_disk("32m", |disk| {
        std::os::unix::fs::symlink(disk, dir.path().join("state")).unwrap();
        let mut world = World::new(dir.path());
        let began = Instant::now();
        for round in 0..30 {
            match round % 6 {
                0 => world.killed(),
                1 => world.rotated(),
                2 => world.filled(),
                3 => world.damaged(round / 6),
                4 => world.overrun(),
                _ => world.truncated(),
            }
            world.settle();
            println!("round {round}: {} lines, {:?}", world.total, began.elapsed());
        }
        let (mut stored, mut lines, mut after) = (BTreeSet::new(), 0, None);
        loop {
            let found = world.runtime.block_on(world.logs.query(Acting::root(page(after, 1_000)))).unwrap();
            lines += found.lines.len();
            stored.extend(found.lines.into_iter().map(|line| (line.process, line.seq)));
            after = found.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(stored.len(), lines, "a line is stored twice");
        let gaps = world.status().unwrap().gaps;
        let known = ["a log file was truncated", "a log file was removed before it was read completely"];
        assert!(gaps.iter().all(|gap| gap.lines.is_some() || known.contains(&gap.reason.as_str())), "{gaps:#?}");
        assert!(gaps.iter().any(|gap| gap.source.starts_with("logs-")), "no damage was found: {gaps:#?}");
        assert!(gaps.iter().filter(|gap| gap.lines > Some(0)).count() >= 10, "{gaps:#?}");
    });
}
