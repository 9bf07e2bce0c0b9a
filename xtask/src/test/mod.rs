//! `cargo xtask test`: checks and suites, with exact counts.

mod binary;
mod build;
mod choice;
mod debian;
mod guest;
mod lint;
mod run;
mod suite;
mod tally;
mod times;
mod watch;
mod wine;

use crate::machine::programs::Need;
use crate::{fuzz, machine, shell};
use anyhow::anyhow;
use binary::{Binary, Ran};
use choice::Choice;
pub use run::side_by_side;
use std::borrow::Cow;
use std::process::ExitCode;
use std::time::Duration;
use suite::Suite;
pub use tally::Tally;
use times::Stopwatch;
use tornado_e2e_harness::{Lab, Sweep};
pub use watch::watch;

/// The part that runs no tests.
const LINT: &str = "lint";

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Test {
    /// Suites: lint, unit, store, lanes, cluster, tor, faults, fuzz, console, packages, desktop, windows, kernel;
    /// default: all
    suites: Vec<String>,
    /// Skip and shorten nothing: all of `cluster`, a long fault campaign, coverage-guided fuzzing, cargo-deny
    #[arg(long)]
    all: bool,
    /// Seed that selects what `cluster` repeats; default: another one each time
    #[arg(long, env = "TORNADO_TEST_SEED")]
    seed: Option<u64>,
}

/// Parses a name on the command line; `None` is `lint`.
fn part(word: &str) -> anyhow::Result<Option<Suite>> {
    let suite = Suite::ALL.into_iter().find(|suite| suite.name() == word);
    if suite.is_some() || word == LINT {
        return Ok(suite);
    }
    let names = Suite::ALL.map(Suite::name).join(", ");
    anyhow::bail!("unknown suite '{word}'; available: {LINT}, {names}")
}

impl Test {
    /// Runs the selected parts. The last line of the output is the total.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut parts = self.suites.iter().map(|word| part(word)).collect::<anyhow::Result<Vec<_>>>()?;
        if parts.is_empty() {
            parts.push(None);
            parts.extend(Suite::ALL.map(Some));
        }
        let suites: Vec<Suite> = parts.iter().copied().flatten().collect();
        machine::toolchain()?;
        // Packages are downloaded while the compiler runs.
        let (built, prepared) = std::thread::scope(|scope| {
            let prepared = scope.spawn(|| prepare(&suites));
            // The suite `windows` has its own build.
            let built = suites.iter().any(|suite| *suite != Suite::Windows).then(build::build);
            (built, prepared.join().unwrap_or_else(|_| Err(anyhow!("the preparation panicked"))))
        });
        // Its libraries are installed now.
        let window = (prepared.is_ok() && suites.iter().any(|suite| has_window(*suite))).then(build::build_window);
        let mut report = Report::default();
        if parts.contains(&None) {
            report.part(LINT, || lint::run(built.as_ref(), self.all).into());
        }
        let choice = Choice::new(self.all, self.seed);
        for suite in suites {
            let binaries = match (&prepared, built.as_ref().map(|built| &built.binaries)) {
                (Err(error), _) => Err(anyhow!("cannot prepare the machine: {error:#}")),
                (Ok(()), Some(Ok(binaries))) => Ok(binaries.as_slice()),
                (Ok(()), Some(Err(error))) => Err(anyhow!("{error:#}")),
                (Ok(()), None) => Ok([].as_slice()),
            };
            report.part(suite.name(), || {
                let binaries = binaries.and_then(|binaries| with_window(suite, binaries, window.as_ref()));
                binaries.and_then(|binaries| self.suite(suite, &binaries, choice)).unwrap_or_else(|error| {
                    println!("  cannot run: {error:#}");
                    Tally::ONE_FAILED.into()
                })
            });
        }
        let total = report.print();
        Ok(if total.is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn suite(&self, suite: Suite, binaries: &[Binary], choice: Choice) -> anyhow::Result<Ran> {
        if suite.needs_root() {
            if !shell::is_root() {
                anyhow::bail!("the suite creates network namespaces; run this as root");
            }
            // Leftovers of an earlier run must not fail this one.
            Lab::sweep(Sweep::Abandoned)?;
        }
        if suite == Suite::Console {
            crate::web::build_for_tests()?;
        }
        if has_window(suite) {
            crate::web::build_window_for_tests()?;
        }
        if suite == Suite::Packages {
            if let Some(obstacle) = debian::obstacle() {
                println!("  SKIPPED: {obstacle}");
                return Ok(Tally::ONE_SKIPPED.into());
            }
            debian::build_packages()?;
        }
        if suite == Suite::Windows {
            return wine::run(binaries);
        }
        let mut ran = run::run(suite, binaries, choice);
        if suite.needs_root() {
            ran.tally.add(left_behind());
        }
        if self.all && suite == Suite::Fuzz {
            ran.tally.add(fuzz::suite());
        }
        Ok(ran)
    }
}

/// Whether a suite needs the program of the window and its files.
fn has_window(suite: Suite) -> bool {
    matches!(suite, Suite::Packages | Suite::Desktop)
}

/// The programs of a suite: for those with the window, its programs too, which must build without findings.
fn with_window<'a>(
    suite: Suite,
    binaries: &'a [Binary],
    window: Option<&build::Built>,
) -> anyhow::Result<Cow<'a, [Binary]>> {
    let Some(window) = window.filter(|_| has_window(suite)) else { return Ok(Cow::Borrowed(binaries)) };
    let own = window.binaries.as_ref().map_err(|error| anyhow!("{error:#}"))?;
    if !window.findings.is_empty() {
        let findings: Vec<&str> = window.findings.iter().map(String::as_str).collect();
        return Err(anyhow!("clippy: {} findings\n{}", findings.len(), findings.join("\n")));
    }
    Ok(Cow::Owned([binaries, own].concat()))
}

/// The needs of the suites.
const NEEDS: &[Need] = &[Need::Server, Need::Test, Need::Cluster];

/// Installs what the suites need on this machine.
fn prepare(suites: &[Suite]) -> anyhow::Result<()> {
    if !suites.is_empty() {
        machine::provide(NEEDS)?;
    }
    if suites.iter().any(|suite| has_window(*suite)) {
        machine::provide(&[Need::Desktop])?;
    }
    if suites.iter().any(|suite| suite.needs_root()) && shell::is_root() {
        machine::users()?;
    }
    if suites.contains(&Suite::Packages) {
        debian::prepare()?;
    }
    if suites.contains(&Suite::Windows) {
        wine::prepare()?;
    }
    if suites.contains(&Suite::Kernel) {
        guest::prepare()?;
    }
    Ok(())
}

/// `cargo xtask lint-tree`: the checks that need no build.
pub fn lint_tree() -> ExitCode {
    if lint::without_build().is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The summary at the end.
#[derive(Default)]
struct Report {
    total: Tally,
    lines: Vec<String>,
    warnings: Vec<String>,
    tests: Vec<(String, Duration)>,
}

impl Report {
    /// Runs a part and prints its counts and its duration, and whether other programs used the machine.
    fn part(&mut self, name: &str, run: impl FnOnce() -> Ran) {
        let stopwatch = Stopwatch::start();
        println!("\n{name} (load {:.1})", stopwatch.load());
        let ran = run();
        let cost = stopwatch.stop();
        let line = format!("{name}: {} {}", ran.tally, cost.seconds());
        println!("  {cost}\n{line}");
        if let Some(warning) = cost.warning() {
            println!("  {warning}");
            self.warnings.push(format!("{name}: {warning}"));
        }
        self.total.add(ran.tally);
        self.tests.extend(ran.tests);
        self.lines.push(line);
    }

    /// Prints the slowest tests, the counts and the total.
    fn print(self) -> Tally {
        if !self.tests.is_empty() {
            print!("\nslowest tests:\n{}", times::slowest(self.tests));
        }
        for text in [self.warnings, self.lines].iter().filter(|lines| !lines.is_empty()) {
            println!("\n{}", text.join("\n"));
        }
        println!("{}", self.total);
        self.total
    }
}

/// A lab that still exists after the tests is a fault of a test or of the lab.
fn left_behind() -> Tally {
    match Lab::sweep(Sweep::Abandoned) {
        Ok(left) if left.is_empty() => return Tally::default(),
        Ok(left) => println!("removed labs that were left behind: {}", left.join(", ")),
        Err(error) => println!("cannot remove labs that were left behind: {error}"),
    }
    Tally::ONE_FAILED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_that_does_not_exist_is_refused() {
        for suite in Suite::ALL {
            assert_eq!(part(suite.name()).unwrap(), Some(suite));
        }
        for word in ["units", "", "package"] {
            assert!(part(word).is_err(), "{word}");
        }
    }
}
