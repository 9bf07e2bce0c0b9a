//! The log archive: ingest, queries and size, against the same lines in plain SQLite with LIKE and against `grep`.

use super::{Bench, Goal, Options, Report, Rounds, Sample, build_release, tor_world};
use crate::shell;
use anyhow::{Context as _, ensure};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use nix::sys::statvfs::statvfs;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Numbers of lines at which queries are measured, and the lines of one measurement of the ingest.
const FEW: u64 = 1_000_000;
const MANY: u64 = 10_000_000;
/// Time limit for the growth from `FEW` to `MANY`.
const GROWTH: Duration = Duration::from_secs(420);
/// Free space that the files need, in bytes.
const SPACE: u64 = 9_000_000_000;
/// A query with LIKE takes seconds, so there are few rounds of queries.
const MOST: (usize, u32) = (2, 4);
/// The archive, and what it is compared with.
const OURS: &str = "tornado";
const LIKE: &str = "plain SQLite, LIKE";
const GREP: &str = "grep";

/// The bench `telemetry`, with files in the target directory.
pub const BENCH: Bench = Bench {
    name: "telemetry",
    about: "ingest, queries and size of the log archive, against plain SQLite with LIKE and against grep",
    prepare: || build_release(&["tornado-telemetry"]),
    run,
};

/// A directory with the files of all contestants. Removed on drop.
struct World(PathBuf);

impl Drop for World {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl World {
    fn new() -> anyhow::Result<Self> {
        let world = Self(shell::target_dir().join("bench-telemetry"));
        drop(std::fs::remove_dir_all(&world.0));
        std::fs::create_dir_all(&world.0).with_context(|| format!("cannot create {}", world.0.display()))?;
        let free = statvfs(&world.0)?;
        let free = free.blocks_available() * free.fragment_size();
        ensure!(free >= SPACE, "the bench needs {SPACE} bytes in {}; {free} are free", world.0.display());
        Ok(world)
    }

    fn dir(&self) -> String {
        self.0.display().to_string()
    }

    /// Stores the next lines of a contestant. `reached` has the numbers of lines that are stored.
    fn grow(&self, reached: &mut BTreeMap<&'static str, u64>, name: &str) -> anyhow::Result<Sample> {
        let lines = reached.get_mut(name).context("unknown contestant")?;
        let (dir, first, end) = (self.dir(), lines.to_string(), (*lines + FEW).to_string());
        let answer = if name == OURS {
            figures(&["write", &dir, &first, &end])?;
            figures(&["ingest", &dir])?
        } else {
            figures(&["load", &dir, &first, &end])?
        };
        *lines += FEW;
        let figure = |key: &str| Some((key.to_owned(), answer.get(key)?.as_f64()?));
        Ok(["lines_s", "lines_cpu_s", "highest_resident_mib", "bytes"].into_iter().filter_map(figure).collect())
    }

    /// Measures the queries of one contestant among `lines` lines. `turn` selects the needle of `grep`.
    fn query(&self, name: &str, lines: u64, turn: u64, seconds: u32) -> anyhow::Result<Sample> {
        let (dir, count, seconds) = (self.dir(), lines.to_string(), seconds.to_string());
        let answer = match name {
            OURS => figures(&["query", &dir, &count, &seconds])?,
            LIKE => figures(&["like", &dir, &count, &seconds])?,
            _ => return self.grep(lines, turn),
        };
        let mut sample = Sample::new();
        for (kind, times) in answer.as_object().context("no object")? {
            for (key, unit) in [("p50_ms", "p50, ms"), ("p99_ms", "p99, ms")] {
                let value = times[key].as_f64().with_context(|| format!("{kind} has no {key}"))?;
                sample.insert(figure(kind, lines, unit), value);
            }
        }
        Ok(sample)
    }

    fn grep(&self, lines: u64, turn: u64) -> anyhow::Result<Sample> {
        let logs = self.0.join("logs").display().to_string();
        let needle = figures(&["needle", &(turn * 7_919_317 % (lines - FEW / 10)).to_string()])?;
        let needle = needle.as_str().context("no needle")?;
        let began = Instant::now();
        let found = shell::read(shell::command("grep", &["-rhF", needle, &logs]))?;
        let took = began.elapsed().as_secs_f64() * 1e3;
        ensure!(found.lines().count() == 1, "grep found {} lines", found.lines().count());
        Ok(["p50, ms", "p99, ms"].map(|unit| (figure("needle", lines, unit), took)).into())
    }
}

/// The name of a figure of a query.
fn figure(kind: &str, lines: u64, unit: &str) -> String {
    format!("{kind} in {} million, {unit}", lines / 1_000_000)
}

/// Runs the program that measures.
fn figures(words: &[&str]) -> anyhow::Result<Value> {
    let output = shell::read(shell::command(tor_world::programs().join("archive_figures"), words))?;
    serde_json::from_str(&output).with_context(|| format!("cannot parse the result of {words:?}: {output}"))
}

fn run(options: &Options) -> anyhow::Result<Report> {
    let options = options.at_most(MOST);
    let world = World::new()?;
    let mut report = Report::default();
    if statfs(&world.0)?.filesystem_type() == TMPFS_MAGIC {
        report.warn("the files are in memory (tmpfs): nothing is written to a disk, so ingest appears too fast");
    }
    let mut reached = BTreeMap::from([(OURS, 0), (LIKE, 0)]);
    let first = Rounds::run(1, &[OURS, LIKE], |name| world.grow(&mut reached, name));
    report.put("first_million", first.figures())?;
    queries(&world, &options, FEW, &mut report)?;
    let started = Instant::now();
    let steps = usize::try_from((MANY - FEW) / FEW)?;
    let growth = Rounds::run(steps, &[OURS, LIKE], |name| {
        ensure!(started.elapsed() < GROWTH, "the time limit is reached");
        world.grow(&mut reached, name)
    });
    let figures = growth.figures();
    let median = |name: &str, key: &str| Some(figures.get(name)?.get(key)?.median);
    report.goal(Goal::at_least("ingest, lines per second of one core", 50_000.0, median(OURS, "lines_cpu_s")));
    report.put("ingest_to_plain_inserts", growth.ratio("lines_cpu_s", OURS, LIKE))?;
    report.add(&growth);
    report.put("lines", &reached)?;
    let per_line = |name: &str| Some(figures.get(name)?.get("bytes")?.max / *reached.get(name)? as f64);
    let text = bytes_below(&world.0.join("logs"))? as f64 / reached.get(OURS).copied().unwrap_or(1) as f64;
    report.put("bytes_per_line", json!({ OURS: per_line(OURS), LIKE: per_line(LIKE), "log files": text }))?;
    let is_complete = reached.values().all(|lines| *lines == MANY);
    let needle = if is_complete { queries(&world, &options, MANY, &mut report)? } else { None };
    report.goal(Goal::at_most("a needle among 10 million lines, p99, ms", 50.0, needle));
    Ok(report)
}

/// Measures the queries of all contestants. Returns the p99 of our needles in milliseconds.
fn queries(world: &World, options: &Options, lines: u64, report: &mut Report) -> anyhow::Result<Option<f64>> {
    let mut turn = 0;
    let rounds = Rounds::run(options.rounds, &[OURS, LIKE, GREP], |name| {
        turn += 1;
        world.query(name, lines, turn, options.seconds)
    });
    let name = figure("needle", lines, "p50, ms");
    for other in [LIKE, GREP] {
        let key = format!("needle in {} million: time of {other} / ours", lines / FEW);
        report.put(&key, rounds.ratio(&name, other, OURS))?;
    }
    report.add(&rounds);
    let needle = figure("needle", lines, "p99, ms");
    Ok(rounds.figures().get(OURS).and_then(|figures| figures.get(&needle)).map(|figure| figure.median))
}

/// Bytes of all files in the directories below `directory`.
fn bytes_below(directory: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for service in std::fs::read_dir(directory)? {
        for file in std::fs::read_dir(service?.path())? {
            bytes += file?.metadata()?.len();
        }
    }
    Ok(bytes)
}
