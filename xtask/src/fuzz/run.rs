//! Runs a target under libFuzzer.

use crate::test::watch;
use anyhow::{Context as _, bail};
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Maximum size of an input in bytes.
const LONGEST: &str = "-max_len=4096";
/// Limits of a single run. Input from others must be cheap to process, so exceeding a limit is a failure.
const BOUNDS: [&str; 2] = ["-timeout=10", "-rss_limit_mb=1024"];
/// Maximum number of bytes of a crash input that are printed.
const SHOWN: usize = 1024;
/// Maximum number of lines of the output that are printed.
const TAIL: usize = 40;

/// A planned run.
pub struct Plan {
    /// The program of all targets.
    pub program: PathBuf,
    /// The target.
    pub target: String,
    /// Seconds of fuzzing after the corpus.
    pub seconds: u64,
    /// The corpus of the tree; read only.
    pub kept: PathBuf,
    /// Inputs that earlier runs on this machine found; extended by this run.
    pub found: PathBuf,
    /// Directory for inputs that fail.
    pub artifacts: PathBuf,
}

/// The result of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Number of executions.
    pub runs: u64,
    /// Edges that the corpus reached, and edges at the end.
    pub edges: (u64, u64),
    /// Description of the failure, if any.
    pub failure: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.edges;
        write!(f, "{} executions, {after} edges ({} new)", self.runs, after.saturating_sub(before))
    }
}

impl Plan {
    fn command(&self) -> anyhow::Result<Command> {
        for directory in [&self.found, &self.artifacts] {
            std::fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        }
        let mut command = Command::new(&self.program);
        command.env("TORNADO_FUZZ_TARGET", &self.target).args(BOUNDS).arg(LONGEST);
        command.arg(format!("-artifact_prefix={}/", self.artifacts.display()));
        Ok(command)
    }
}

/// Replays both corpora and continues from there.
pub fn attack(plan: &Plan, within: Duration) -> anyhow::Result<Report> {
    let began = SystemTime::now();
    let mut command = plan.command()?;
    command.arg(format!("-max_total_time={}", plan.seconds)).arg("-print_final_stats=1");
    command.arg(&plan.found).arg(&plan.kept);
    let end = watch(command, within)?;
    let mut report = read(&end.output);
    let ended_well = end.status.is_some_and(|status| status.success());
    if !ended_well || report.runs == 0 {
        let how = end.status.map_or("the target hung".into(), |status| status.to_string());
        let lines: Vec<&str> = end.output.lines().collect();
        let said = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n");
        report.failure = Some(format!("{said}\n{how}\n{}", crashes(plan, began)));
    }
    Ok(report)
}

/// Adds inputs to the tree's corpus that reach code which that corpus does not reach.
pub fn keep(plan: &Plan) -> anyhow::Result<()> {
    let mut command = plan.command()?;
    command.arg("-merge=1").arg(&plan.kept).arg(&plan.found);
    let end = watch(command, Duration::from_secs(600))?;
    if !end.status.is_some_and(|status| status.success()) {
        bail!("cannot merge the corpora of {}:\n{}", plan.target, end.output);
    }
    Ok(())
}

/// Parses libFuzzer's output: lines `#N … cov: N …`, and the statistics at the end.
fn read(output: &str) -> Report {
    let number = |text: &str, before: &str| -> Option<u64> {
        text.split_once(before)?.1.split_whitespace().next()?.parse().ok()
    };
    let mut report = Report::default();
    for line in output.lines() {
        if let Some(edges) = number(line, " cov: ").filter(|_| line.starts_with('#')) {
            if line.contains("INITED") {
                report.edges.0 = edges;
            }
            report.edges.1 = edges;
        }
        if let Some(runs) = number(line, "stat::number_of_executed_units:") {
            report.runs = runs;
        }
    }
    report
}

/// The inputs that failed in this run, with their paths and as hex.
fn crashes(plan: &Plan, began: SystemTime) -> String {
    let entries = std::fs::read_dir(&plan.artifacts).into_iter().flatten().flatten();
    let fresh = entries.filter(|entry| {
        let changed = entry.metadata().and_then(|about| about.modified());
        changed.is_ok_and(|at| at >= began)
    });
    let mut text = String::new();
    for entry in fresh {
        let path = entry.path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        let hex: String = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
        let more = if bytes.len() > SHOWN { " …" } else { "" };
        text.push_str(&format!("{} ({} bytes):\n{hex}{more}\n", path.display(), bytes.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read() {
        let output = "INFO: seed corpus: files: 5\n#6\tINITED cov: 213 ft: 301 corp: 4/1b exec/s: 0 rss: 40Mb\n\
                      #77\tNEW    cov: 250 ft: 340 corp: 5/9b lim: 4 exec/s: 0 rss: 41Mb L: 3/4 MS: 1 CMP-\n\
                      #900\tDONE   cov: 251 ft: 340 corp: 5/9b lim: 4 exec/s: 0 rss: 41Mb\n\
                      stat::number_of_executed_units: 900\nstat::average_exec_per_sec:     0\n";
        assert_eq!(read(output), Report { runs: 900, edges: (213, 251), failure: None });
        assert_eq!(read("error: no such program"), Report::default());
    }

    #[test]
    fn a_program_that_runs_nothing_has_failed() {
        let directory = std::env::temp_dir().join(format!("tornado-fuzz-{}", std::process::id()));
        let plan = Plan {
            program: "true".into(),
            target: "x".into(),
            seconds: 1,
            kept: directory.join("kept"),
            found: directory.join("found"),
            artifacts: directory.join("artifacts"),
        };
        let report = attack(&plan, Duration::from_secs(20)).unwrap();
        std::fs::remove_dir_all(directory).unwrap();
        assert!(report.failure.is_some(), "a run without executions is a failure");
    }
}
