//! `cargo xtask test`: checks and suites, counted truthfully.

mod binary;
mod build;
mod calls;
mod checks;
mod choice;
mod clocks;
mod dependencies;
mod guest;
mod imports;
mod suite;
mod tally;
mod times;
mod tree;
mod watch;

use crate::machine::programs::Need;
use crate::{fuzz, machine, shell};
use anyhow::anyhow;
use binary::{Binary, Ran};
use choice::Choice;
use std::process::ExitCode;
use std::time::Duration;
use suite::Suite;
pub use suite::side_by_side;
pub use tally::Tally;
use times::Stopwatch;
use tornado_e2e_harness::{Lab, Sweep};
pub use watch::watch;

/// Suites that will exist and do not yet: named so that asking for one is an error, not a green nothing.
const NOT_YET: &[&str] = &["console", "desktop", "packages"];

/// Words of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Test {
    /// lint, unit, store, lanes, cluster, tor, faults, fuzz, kernel; all of them when none is named
    suites: Vec<String>,
    /// Nothing is left out or shortened: all of `cluster`, a long fault campaign, coverage-guided fuzzing, cargo-deny
    #[arg(long)]
    all: bool,
    /// Picks what `cluster` repeats; another one each time unless given
    #[arg(long, env = "TORNADO_TEST_SEED")]
    seed: Option<u64>,
}

/// One heading of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Lint,
    Run(Suite),
}

impl Part {
    const ALL: [Self; 9] = [
        Self::Lint,
        Self::Run(Suite::Unit),
        Self::Run(Suite::Store),
        Self::Run(Suite::Lanes),
        Self::Run(Suite::Cluster),
        Self::Run(Suite::Tor),
        Self::Run(Suite::Faults),
        Self::Run(Suite::Fuzz),
        Self::Run(Suite::Kernel),
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Run(suite) => suite.name(),
        }
    }

    fn parse(word: &str) -> anyhow::Result<Self> {
        if let Some(part) = Self::ALL.into_iter().find(|part| part.name() == word) {
            return Ok(part);
        }
        let names = Self::ALL.map(Self::name).join(", ");
        if NOT_YET.contains(&word) {
            anyhow::bail!("the suite '{word}' is planned and not there yet; there are {names}");
        }
        anyhow::bail!("no suite is called '{word}'; there are {names}")
    }
}

impl Test {
    /// Runs what is wanted; the last line sums up.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let mut parts = self.suites.iter().map(|word| Part::parse(word)).collect::<anyhow::Result<Vec<_>>>()?;
        if parts.is_empty() {
            parts.extend(Part::ALL);
        }
        let suites: Vec<Suite> = parts.iter().filter_map(|part| part.suite()).collect();
        machine::toolchain()?;
        // Packages are fetched while the compiler works.
        let (built, prepared) = std::thread::scope(|scope| {
            let prepared = scope.spawn(|| prepare(&suites));
            let built = (!suites.is_empty()).then(build::build);
            (built, prepared.join().unwrap_or_else(|_| Err(anyhow!("it panicked"))))
        });
        let mut report = Report::default();
        if parts.contains(&Part::Lint) {
            report.part("lint", || Ran { tally: checks::run(built.as_ref(), self.all), tests: Vec::new() });
        }
        let choice = Choice::new(self.all, self.seed);
        for suite in suites {
            let binaries = match (&prepared, built.as_ref().map(|built| &built.binaries)) {
                (Err(error), _) => Err(anyhow!("the machine could not be prepared: {error:#}")),
                (Ok(()), Some(Ok(binaries))) => Ok(binaries),
                (Ok(()), Some(Err(error))) => Err(anyhow!("{error:#}")),
                (Ok(()), None) => Err(anyhow!("nothing was built")),
            };
            report.part(suite.name(), || {
                binaries.and_then(|binaries| self.suite(suite, binaries, choice)).unwrap_or_else(|error| {
                    println!("  it cannot run: {error:#}");
                    Ran { tally: Tally::one_failed(), tests: Vec::new() }
                })
            });
        }
        let total = report.print();
        Ok(if total.is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn suite(&self, suite: Suite, binaries: &[Binary], choice: Choice) -> anyhow::Result<Ran> {
        if suite.needs_root() {
            if !shell::is_root() {
                anyhow::bail!("it makes network namespaces, which needs root");
            }
            // What an earlier run left is not this run's fault.
            Lab::sweep(Sweep::Abandoned)?;
        }
        let mut ran = suite.run(binaries, choice);
        if suite.needs_root() {
            ran.tally.add(left_behind());
        }
        if self.all && suite == Suite::Fuzz {
            ran.tally.add(fuzz::suite());
        }
        Ok(ran)
    }
}

impl Part {
    const fn suite(self) -> Option<Suite> {
        match self {
            Self::Lint => None,
            Self::Run(suite) => Some(suite),
        }
    }
}

/// What the suites call.
const NEEDS: &[Need] = &[Need::Server, Need::Test, Need::Cluster];

/// What the suites need of the machine.
fn prepare(suites: &[Suite]) -> anyhow::Result<()> {
    if !suites.is_empty() {
        machine::provide(NEEDS)?;
    }
    if suites.iter().any(|suite| suite.needs_root()) && shell::is_root() {
        machine::users()?;
    }
    if suites.contains(&Suite::Kernel) {
        guest::prepare()?;
    }
    Ok(())
}

/// `cargo xtask lint-tree`.
pub fn lint_tree() -> anyhow::Result<ExitCode> {
    let findings = tree::look()?;
    findings.print();
    Ok(if findings.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is printed at the end.
#[derive(Default)]
struct Report {
    total: Tally,
    lines: Vec<String>,
    warnings: Vec<String>,
    tests: Vec<(String, Duration)>,
}

impl Report {
    /// Runs a part and prints its count and its time, and whether something else had the machine.
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

    /// The slowest tests, then the counts, then their sum.
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

/// A lab that is still there after the tests is a fault of a test or of the lab.
fn left_behind() -> Tally {
    match Lab::sweep(Sweep::Abandoned) {
        Ok(left) if left.is_empty() => return Tally::default(),
        Ok(left) => println!("labs were left behind, and are swept now: {}", left.join(", ")),
        Err(error) => println!("labs were left behind and could not be swept: {error}"),
    }
    Tally::one_failed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_that_does_not_exist_is_refused() {
        assert!(Part::parse("unit").is_ok());
        for word in ["units", "", "console"] {
            assert!(Part::parse(word).is_err(), "{word}");
        }
    }
}
