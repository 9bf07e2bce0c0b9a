//! The part `lint`: formatting, lints, the shared model on wasm32, licences, the tree.

use super::tally::Tally;
use super::tree;
use crate::{machine, shell};
use std::process::Command;

/// Runs every check, also after one failed.
pub fn run() -> Tally {
    println!("\nlint");
    let mut tally = Tally::default();
    tally.add(step("format", shell::cargo(&["fmt", "--all", "--check"])));
    tally.add(tree_check());
    tally.add(step(
        "clippy",
        shell::cargo(&["clippy", "--quiet", "--keep-going", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    ));
    let wasm = ["check", "--quiet", "--package", "tornado-shared", "--target", machine::WASM];
    tally.add(step("shared on wasm32", shell::cargo(&wasm)));
    tally.add(dependencies());
    tally
}

fn step(name: &str, command: Command) -> Tally {
    match shell::run(command) {
        Ok(()) => passed(name),
        Err(error) => failed(name, &error),
    }
}

fn passed(name: &str) -> Tally {
    println!("  {name}: ok");
    Tally::one_passed()
}

fn failed(name: &str, error: &anyhow::Error) -> Tally {
    println!("  {name}: FAILED: {error:#}");
    Tally::one_failed()
}

fn tree_check() -> Tally {
    match tree::look() {
        Ok(findings) => {
            findings.print();
            if findings.is_clean() { passed("tree") } else { failed("tree", &anyhow::anyhow!("see above")) }
        }
        Err(error) => failed("tree", &error),
    }
}

/// Licences, sources and duplicates need the lock file only; advisories need a database from the network.
fn dependencies() -> Tally {
    if shell::read(shell::cargo(&["deny", "--version"])).is_err() {
        println!("  installing cargo-deny: takes minutes, once");
        if let Err(error) = shell::run(shell::cargo(&["install", "--quiet", "--locked", "cargo-deny"])) {
            return failed("dependencies", &error.context("cargo-deny cannot be installed"));
        }
    }
    let deny = |checks: &[&str]| {
        let mut words = vec!["deny", "--log-level", "error", "check"];
        words.extend(checks);
        shell::cargo(&words)
    };
    let mut tally = step("licences, sources, bans", deny(&["--hide-inclusion-graph", "licenses", "sources", "bans"]));
    match shell::read(deny(&["advisories"])) {
        Ok(_) => tally.add(passed("advisories")),
        Err(error) if is_unreachable(&format!("{error:#}")) => {
            println!("  advisories: SKIPPED: the advisory database cannot be fetched from here");
            tally.add(Tally::one_skipped());
        }
        Err(error) => tally.add(failed("advisories", &error)),
    }
    tally
}

/// cargo-deny's words when it has no database; any other failure is a finding.
fn is_unreachable(error: &str) -> bool {
    error.contains("failed to fetch advisory database") || error.contains("failed to load advisory database")
}
