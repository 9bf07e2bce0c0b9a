//! `tornadod doctor`: problems of this machine and how to fix them.
//!
//! [`observe`] reads the machine and decides nothing. [`judge`] decides from what was read and reads nothing.

mod facts;
mod finding;
mod judge;
mod judge_foreign;
mod judge_logs;
mod judge_state;
#[cfg(test)]
mod judge_tests;
mod observe;
mod parse;

use super::args::Format;
use super::say_json;
use crate::failure::Failure;
use crate::output::say;
use finding::{Finding, Severity};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Report<'a> {
    healthy: bool,
    findings: &'a [Finding],
}

/// Examines the machine. Exit code 0: no findings or notes, 1: warnings, 2: errors.
pub fn run(config_path: &Path, args: &Format) -> Result<(), Failure> {
    let facts = observe::observe(config_path)?;
    let findings = judge::judge(&facts);
    let worst = findings.iter().map(|finding| finding.severity).max();
    if args.json {
        say_json(&Report { healthy: worst.is_none_or(|worst| worst < Severity::Warning), findings: &findings })?;
    } else {
        findings.iter().for_each(print);
    }
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let summary = format!("{} errors, {} warnings", count(Severity::Error), count(Severity::Warning));
    match worst {
        None => {
            if !args.json {
                say("No problems found.");
            }
            Ok(())
        }
        Some(Severity::Note) => Ok(()),
        Some(Severity::Warning) => Err(Failure::failed(summary)),
        // Errors have the exit code of an invalid configuration, which is one of them.
        Some(Severity::Error) => Err(Failure::usage(summary)),
    }
}

fn print(finding: &Finding) {
    let word = match finding.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "ERROR",
    };
    say(&format!("{word} [{}] {}", finding.code, finding.what));
    say(&format!("    why:  {}", finding.why));
    say(&format!("    remedy: {}", finding.cure));
}
