//! `cargo xtask fuzz`, and the suite `fuzz` with `--all`: the parsers under coverage-guided attack.
//!
//! libFuzzer needs the compiler's coverage marks and nothing else that is unstable, so all of it builds with the usual
//! toolchain. The marks need flags of their own: this is the one build with `RUSTFLAGS`, in a directory of its own.

mod run;

use crate::machine::programs::Need;
use crate::test::{Tally, side_by_side};
use crate::{machine, shell};
use anyhow::{Context as _, bail};
use run::{Plan, Report};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Seconds for each target in the suite.
const SHORT: u64 = 8;
/// Marks each edge with a counter, and tells the fuzzer what was compared with what.
const RUSTFLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Clink-dead-code";

/// Words of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub struct Fuzz {
    /// Which parser; all when none is named
    target: Vec<String>,
    /// Seconds for each
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Afterwards, what reached code that the corpus does not reach is kept in `fuzz/corpus`
    #[arg(long)]
    keep: bool,
}

impl Fuzz {
    /// Attacks.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let all = targets()?;
        if let Some(unknown) = self.target.iter().find(|name| !all.contains(name)) {
            bail!("no target is called '{unknown}'; there are {}", all.join(", "));
        }
        let chosen = if self.target.is_empty() { all } else { self.target };
        let program = build()?;
        let tally = attack(&program, &chosen, self.seconds);
        if self.keep {
            for target in &chosen {
                run::keep(&plan(&program, target, self.seconds))?;
            }
        }
        println!("fuzz: {tally}");
        Ok(if tally.is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// In the suite: the whole corpus, then a few seconds more, for every target.
pub fn suite() -> Tally {
    let attempt = || Ok::<_, anyhow::Error>(attack(&build()?, &targets()?, SHORT));
    attempt().unwrap_or_else(|error| {
        println!("  it cannot run: {error:#}");
        Tally::one_failed()
    })
}

/// A target has a corpus; a test of the crate sees to it that none is forgotten.
fn targets() -> anyhow::Result<Vec<String>> {
    let corpus = corpus();
    let entries = std::fs::read_dir(&corpus).with_context(|| format!("cannot read {}", corpus.display()))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn corpus() -> PathBuf {
    shell::root().join("fuzz/corpus")
}

/// Builds the one program of all targets.
fn build() -> anyhow::Result<PathBuf> {
    if shell::has("apt-get") {
        machine::provide(&[Need::Fuzz])?;
    }
    let said = shell::read(shell::command("rustc", &["--version", "--verbose"]))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc does not say its host")?;
    let home = shell::target_dir().join("fuzz");
    println!("  building the targets; the first time takes minutes");
    // With a target named, build scripts and macros stay without marks.
    let words =
        ["build", "--quiet", "--package", "tornado-fuzz", "--bin", "fuzz", "--profile", "fuzz", "--target", host];
    let mut cargo = shell::cargo(&words);
    cargo.arg("--target-dir").arg(&home).env("RUSTFLAGS", RUSTFLAGS).env_remove("CARGO_ENCODED_RUSTFLAGS");
    shell::run(cargo)?;
    Ok(home.join(host).join("fuzz/fuzz"))
}

fn plan(program: &Path, target: &str, seconds: u64) -> Plan {
    let home = shell::target_dir().join("fuzz");
    Plan {
        program: program.to_owned(),
        target: target.to_owned(),
        seconds,
        kept: corpus().join(target),
        found: home.join("corpus").join(target),
        artifacts: home.join("artifacts").join(target),
    }
}

/// Every target, as many at once as there are cores.
fn attack(program: &Path, targets: &[String], seconds: u64) -> Tally {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let results = side_by_side(cores, targets, |target| {
        let report = run::attack(&plan(program, target, seconds), Duration::from_secs(2 * seconds + 60));
        (tell(target, &report), report.map_or(0, |report| report.runs))
    });
    let mut tally = Tally::default();
    results.iter().for_each(|(one, _)| tally.add(*one));
    println!("  {} executions", results.iter().map(|(_, runs)| runs).sum::<u64>());
    tally
}

fn tell(target: &str, report: &anyhow::Result<Report>) -> Tally {
    match report {
        Ok(report) if report.failure.is_none() => {
            println!("  {target}: {report}");
            Tally::one_passed()
        }
        Ok(report) => {
            println!("  {target}: FAILED: {report}\n{}", report.failure.as_deref().unwrap_or_default());
            Tally::one_failed()
        }
        Err(error) => {
            println!("  {target}: cannot be run: {error:#}");
            Tally::one_failed()
        }
    }
}
