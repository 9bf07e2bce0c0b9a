//! `cargo xtask fuzz`, and the suite `fuzz` with `--all`: coverage-guided fuzzing of the parsers.
//!
//! libFuzzer needs only the compiler's coverage instrumentation and no other unstable feature, so everything builds
//! with the usual toolchain. The instrumentation needs `RUSTFLAGS`, so this build has a separate directory.

mod run;

use crate::machine::programs::Need;
use crate::test::{Tally, side_by_side};
use crate::{machine, shell};
use anyhow::{Context as _, bail};
use run::{Plan, Report};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Seconds per target in the suite.
const SHORT: u64 = 8;
/// Adds a counter to each edge, and reports the operands of comparisons to the fuzzer.
const RUSTFLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Clink-dead-code";

/// Arguments of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub struct Fuzz {
    /// Targets to run; default: all
    target: Vec<String>,
    /// Seconds per target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Afterwards, add inputs that reach new code to `fuzz/corpus`
    #[arg(long)]
    keep: bool,
}

impl Fuzz {
    /// Runs the selected targets.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let all = targets()?;
        if let Some(unknown) = self.target.iter().find(|name| !all.contains(name)) {
            bail!("unknown target '{unknown}'; available: {}", all.join(", "));
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

/// Runs every target on its complete corpus and for a few seconds more.
pub fn suite() -> Tally {
    let attempt = || Ok::<_, anyhow::Error>(attack(&build()?, &targets()?, SHORT));
    attempt().unwrap_or_else(|error| {
        println!("  cannot run: {error:#}");
        Tally::ONE_FAILED
    })
}

/// The targets, which are the directories of the corpus. A test of the crate `fuzz` ensures that each target has one.
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

/// Builds the single program of all targets.
fn build() -> anyhow::Result<PathBuf> {
    if shell::has("apt-get") {
        machine::provide(&[Need::Fuzz])?;
    }
    let said = shell::read(shell::command("rustc", &["--version", "--verbose"]))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc did not report its host")?;
    let home = shell::target_dir().join("fuzz");
    println!("  building the targets (the first build takes minutes)");
    // With an explicit target, build scripts and macros are not instrumented.
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

/// Runs the targets, one per core at a time.
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
            Tally::ONE_PASSED
        }
        Ok(report) => {
            println!("  {target}: FAILED: {report}\n{}", report.failure.as_deref().unwrap_or_default());
            Tally::ONE_FAILED
        }
        Err(error) => {
            println!("  {target}: cannot run: {error:#}");
            Tally::ONE_FAILED
        }
    }
}
