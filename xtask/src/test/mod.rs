//! `cargo xtask test`: checks and suites, counted truthfully.

mod checks;
mod guest;
mod suite;
mod tally;
mod tree;

use crate::{fuzz, machine, shell};
use anyhow::anyhow;
use std::process::ExitCode;
pub use suite::watch;
use suite::{Binary, Suite};
pub use tally::Tally;
use tornado_e2e_harness::{Lab, Sweep};

/// Suites that will exist and do not yet: named so that asking for one is an error, not a green nothing.
const NOT_YET: &[&str] = &["console", "desktop", "packages"];

/// Words of `cargo xtask test`.
#[derive(clap::Args)]
pub struct Test {
    /// lint, fuzz, unit, store, lanes, cluster, tor, faults, kernel; all of them when none is named
    suites: Vec<String>,
}

/// One heading of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Lint,
    Fuzz,
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
        Self::Fuzz,
        Self::Run(Suite::Kernel),
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Lint => "lint",
            Self::Fuzz => "fuzz",
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
        machine::toolchain()?;
        let suites: Vec<Suite> = parts.iter().filter_map(|part| part.suite()).collect();
        let mut total = Tally::default();
        let mut lines = Vec::new();
        if parts.contains(&Part::Lint) {
            lines.push(close("lint", checks::run(), &mut total));
        }
        if parts.contains(&Part::Fuzz) {
            lines.push(close("fuzz", fuzz::suite(), &mut total));
        }
        if !suites.is_empty() {
            let built = suite::build();
            for suite in suites {
                let tally = run_suite(suite, &built).unwrap_or_else(|error| {
                    println!("{} cannot run: {error:#}", suite.name());
                    Tally::one_failed()
                });
                lines.push(close(suite.name(), tally, &mut total));
            }
        }
        println!("\n{}\n{total}", lines.join("\n"));
        Ok(if total.is_green() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Part {
    const fn suite(self) -> Option<Suite> {
        match self {
            Self::Lint | Self::Fuzz => None,
            Self::Run(suite) => Some(suite),
        }
    }
}

fn run_suite(suite: Suite, built: &anyhow::Result<Vec<Binary>>) -> anyhow::Result<Tally> {
    let binaries = built.as_ref().map_err(|error| anyhow!("the build failed: {error:#}"))?;
    prepare(suite)?;
    let mut tally = suite.run(binaries);
    if matches!(suite, Suite::Lanes | Suite::Cluster | Suite::Tor | Suite::Faults) {
        tally.add(left_behind());
    }
    Ok(tally)
}

/// What a suite needs of the machine.
fn prepare(suite: Suite) -> anyhow::Result<()> {
    match suite {
        Suite::Unit | Suite::Store | Suite::Kernel => machine::packages(),
        Suite::Lanes | Suite::Cluster | Suite::Tor | Suite::Faults if shell::is_root() => {
            machine::packages()?;
            machine::users()?;
            // What an earlier run left is not this run's fault.
            Lab::sweep(Sweep::Abandoned)?;
            Ok(())
        }
        Suite::Lanes | Suite::Cluster | Suite::Tor | Suite::Faults => {
            anyhow::bail!("it makes network namespaces, which needs root")
        }
    }
}

/// `cargo xtask lint-tree`.
pub fn lint_tree() -> anyhow::Result<ExitCode> {
    let findings = tree::look()?;
    findings.print();
    Ok(if findings.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn close(name: &str, tally: Tally, total: &mut Tally) -> String {
    total.add(tally);
    let line = format!("{name}: {tally}");
    println!("{line}");
    line
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
