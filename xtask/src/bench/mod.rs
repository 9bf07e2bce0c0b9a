//! `cargo xtask bench`: measurements. Ratios within one run are meaningful; absolute figures depend on the machine.

mod client;
mod console;
mod control;
mod dataplane;
mod fleet;
mod process;
mod program;
mod report;
mod rounds;
mod telemetry;
mod tor;
mod tor_load;
mod tor_world;

pub use process::{cpu_seconds, mebi, resident_bytes};
pub use report::{Goal, Report};
pub use rounds::{Rounds, Sample};

use crate::machine::programs::Need;
use crate::{machine, shell};
use anyhow::{Context as _, bail};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// A measurement. To add one, create a module in this directory and add it to [`ALL`].
struct Bench {
    /// Name on the command line and key in the JSON file.
    name: &'static str,
    /// One-line description.
    about: &'static str,
    /// Installs and builds what the bench needs, including release builds. Not measured.
    prepare: fn() -> anyhow::Result<()>,
    /// Takes the measurements. A contestant that fails is reported on standard error and missing from the report.
    run: fn(&Options) -> anyhow::Result<Report>,
}

const ALL: [Bench; 6] = [client::BENCH, console::BENCH, control::BENCH, dataplane::BENCH, telemetry::BENCH, tor::BENCH];

/// Options of every bench.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Number of measurements of each contestant. The order changes with each round.
    pub rounds: usize,
    /// Seconds per measurement.
    pub seconds: u32,
    /// Minutes under load, in the bench `console`.
    pub minutes: u32,
}

impl Options {
    /// These options with at most so many rounds and seconds.
    fn at_most(self, (rounds, seconds): (usize, u32)) -> Self {
        Self { rounds: self.rounds.min(rounds), seconds: self.seconds.min(seconds), ..self }
    }
}

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Words {
    /// Benches to run; default: all
    names: Vec<String>,
    /// Write the results to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Number of measurements of each contestant
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Seconds per measurement
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Minutes for which the bench `console` measures a page with 20,000 sessions
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=60))]
    minutes: u32,
}

impl Words {
    /// Runs the selected benches. A missed goal is reported but is not a failure; a bench that cannot run is.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let wanted = choose(&self.names)?;
        if !shell::is_root() {
            bail!("benches create network namespaces and install packages; run this as root");
        }
        let options = Options { rounds: self.rounds.into(), seconds: self.seconds, minutes: self.minutes };
        let mut benches = serde_json::Map::new();
        let mut all_ran = true;
        for bench in wanted {
            println!("\n{}: {}", bench.name, bench.about);
            match (bench.prepare)().and_then(|()| (bench.run)(&options)) {
                Ok(report) => {
                    report.print();
                    benches.insert(bench.name.to_owned(), serde_json::to_value(&report)?);
                }
                Err(error) => {
                    eprintln!("{}: {error:#}", bench.name);
                    all_ran = false;
                }
            }
        }
        if let Some(path) = &self.json {
            let text = serde_json::to_string_pretty(&json!({ "machine": machine(), "benches": benches }))?;
            std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(if all_ran { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Installs what labs need, and builds release programs of these packages.
fn prepare_lab(needs: &[Need], packages: &[&str]) -> anyhow::Result<()> {
    machine::provide(needs)?;
    machine::users()?;
    build_release(packages)
}

/// Builds release programs of these packages. With `TORNADO_BIN_DIR`, others are measured.
fn build_release(packages: &[&str]) -> anyhow::Result<()> {
    if std::env::var_os("TORNADO_BIN_DIR").is_some() {
        return Ok(());
    }
    // All packages in one build: another set of packages has another set of features and would rebuild half of the
    // dependencies.
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    shell::run(shell::cargo(&["build", "--quiet", "--release", "--bins"]).args(packages))
}

fn choose(names: &[String]) -> anyhow::Result<Vec<Bench>> {
    let known = ALL.map(|bench| bench.name);
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        bail!("unknown bench '{unknown}'; available: {}", known.join(", "));
    }
    Ok(ALL.into_iter().filter(|bench| names.is_empty() || names.iter().any(|name| name == bench.name)).collect())
}

/// Describes the machine, without which absolute figures are meaningless.
fn machine() -> serde_json::Value {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, name)| name.trim());
    json!({
        "at": SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "cpu": model,
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": read("/proc/loadavg").split_whitespace().next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_bench_is_refused_and_no_name_means_all() {
        assert!(choose(&["dataplan".into()]).is_err());
        assert_eq!(choose(&[]).unwrap().len(), ALL.len());
        assert_eq!(choose(&["dataplane".into()]).unwrap().len(), 1);
    }
}
