//! One build of everything, for tests and lints.
//!
//! `clippy-driver` is the compiler with additional lints. As the compiler of this workspace's crates it does in one
//! pass what `cargo clippy` and `cargo build` do in two, and dependencies are built without an additional check.

use super::binary::Binary;
use super::times::Stopwatch;
use crate::shell::{self, WINDOW};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// The result of the build.
pub struct Built {
    /// The test programs, or why the build failed.
    pub binaries: anyhow::Result<Vec<Binary>>,
    /// Findings of compiler and clippy, as they print them.
    pub findings: BTreeSet<String>,
}

/// Builds all programs and tests but the window once, with common features.
pub fn build() -> Built {
    built("build", &["--workspace", "--exclude", WINDOW])
}

/// Builds the window's program and its tests.
pub fn build_window() -> Built {
    built("build of the window", &["--package", WINDOW])
}

fn built(name: &str, packages: &[&str]) -> Built {
    built_with(name, &[packages, &["--all-targets"]].concat())
}

/// Builds what these arguments of cargo select.
pub fn built_with(name: &str, selection: &[&str]) -> Built {
    println!("\n{name}");
    let stopwatch = Stopwatch::start();
    let words = [&["build"], selection, &["--keep-going", "--message-format", "json"]].concat();
    let mut command = with_lints(shell::cargo(&words));
    command.stderr(Stdio::inherit());
    let (mut binaries, mut findings) = (Vec::new(), BTreeSet::new());
    let ended = command.output();
    for line in ended.iter().flat_map(|output| output.stdout.split(|byte| *byte == b'\n')) {
        let line = String::from_utf8_lossy(line);
        binaries.extend(Binary::of(&line));
        findings.extend(finding(&line));
    }
    binaries.sort_by_key(Binary::name);
    let binaries = match ended {
        Ok(output) if output.status.success() => Ok(binaries),
        Ok(output) => Err(anyhow::anyhow!("the build failed with {}", output.status)),
        Err(error) => Err(anyhow::anyhow!("cannot start cargo: {error}")),
    };
    if binaries.is_err() {
        findings.iter().for_each(|finding| println!("{finding}"));
    }
    println!("{name}: {}", stopwatch.stop());
    Built { binaries, findings }
}

/// Compiles the workspace's crates with `clippy-driver`. All calls of cargo that share their results must use it.
pub fn with_lints(mut cargo: Command) -> Command {
    cargo.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver").env_remove("CLIPPY_ARGS");
    cargo
}

/// A warning or an error in a line of cargo's `--message-format json`. Cargo repeats the messages of crates that are
/// already built.
fn finding(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        reason: String,
        message: Option<Message>,
    }
    #[derive(Deserialize)]
    struct Message {
        level: String,
        rendered: Option<String>,
        spans: Vec<serde::de::IgnoredAny>,
    }
    let line: Line = serde_json::from_str(line).ok()?;
    let message = line.message.filter(|_| line.reason == "compiler-message")?;
    // A message without a location is a summary: "2 warnings emitted".
    let is_finding = !message.spans.is_empty() || message.level == "error";
    message.rendered.filter(|_| is_finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_with_a_place_are_findings() {
        let line = |reason: &str, level: &str, spans: &str| {
            format!(r#"{{"reason":"{reason}","message":{{"level":"{level}","rendered":"text","spans":[{spans}]}}}}"#)
        };
        assert_eq!(finding(&line("compiler-message", "warning", "{}")).as_deref(), Some("text"));
        assert_eq!(finding(&line("compiler-message", "error", "")).as_deref(), Some("text"));
        assert_eq!(finding(&line("compiler-message", "warning", "")), None);
        assert_eq!(finding(r#"{"reason":"build-finished","success":true}"#), None);
    }
}
