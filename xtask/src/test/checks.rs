//! The part `lint`: formatting, lints, the shared model on wasm32, licences, who imports whom, the tree.

use super::build::Built;
use super::tally::Tally;
use super::{dependencies, imports, tree};
use crate::{machine, shell};
use std::process::Command;

/// Runs all checks, even if one fails. Compiler lints come from the build, if there was one. `all` also checks
/// advisories, which needs the network.
pub fn run(built: Option<&Built>, all: bool) -> Tally {
    let mut tally = Tally::default();
    tally.add(step("format", shell::cargo(&["fmt", "--all", "--check"])));
    tally.add(tree_check());
    tally.add(match imports::check() {
        Ok(imports) => passed(&format!("{imports} imports between crates")),
        Err(error) => failed("imports between crates", &error),
    });
    tally.add(match built {
        Some(built) => found_in(built),
        None => step("clippy", shell::cargo(CLIPPY)),
    });
    let wasm = ["check", "--quiet", "--package", "tornado-shared", "--target", machine::WASM];
    tally.add(step("shared on wasm32", shell::cargo(&wasm)));
    tally.add(match dependencies::check() {
        Ok(packages) => passed(&format!("licences and sources of {packages} packages")),
        Err(error) => failed("licences and sources", &error),
    });
    if all {
        tally.add(cargo_deny());
    }
    tally
}

/// Used if there was no build.
const CLIPPY: &[&str] = &["clippy", "--quiet", "--keep-going", "--workspace", "--all-targets", "--", "-D", "warnings"];

fn found_in(built: &Built) -> Tally {
    if built.findings.is_empty() && built.binaries.is_ok() {
        return passed("clippy");
    }
    built.findings.iter().for_each(|finding| println!("{finding}"));
    failed("clippy", &anyhow::anyhow!("{} findings; see above", built.findings.len()))
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

/// Advisories need a database from the network. The other checks are those of `dependencies`.
fn cargo_deny() -> Tally {
    let tools = shell::target_dir().join("tools");
    if shell::read(shell::cargo(&["deny", "--version"])).is_err() && !tools.join("bin/cargo-deny").is_file() {
        println!("  installing cargo-deny to {} (only once, takes minutes)", tools.display());
        let mut install = shell::cargo(&["install", "--quiet", "--locked", "--debug", "cargo-deny", "--root"]);
        install.arg(&tools).env("CARGO_PROFILE_DEV_DEBUG", "0");
        if let Err(error) = shell::run(install) {
            return failed("cargo-deny", &error.context("cannot install it"));
        }
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::env::split_paths(&path).chain([tools.join("bin")])).unwrap_or(path);
    let deny = |checks: &[&str]| {
        let mut cargo = shell::cargo(&[&["deny", "--log-level", "error", "check"], checks].concat());
        cargo.env("PATH", &path);
        cargo
    };
    let mut tally = step("cargo-deny", deny(&["--hide-inclusion-graph", "licenses", "sources", "bans"]));
    match shell::read(deny(&["advisories"])) {
        Ok(_) => tally.add(passed("advisories")),
        Err(error) if is_unreachable(&format!("{error:#}")) => {
            println!("  advisories: SKIPPED: cannot fetch the advisory database");
            tally.add(Tally::one_skipped());
        }
        Err(error) => tally.add(failed("advisories", &error)),
    }
    tally
}

/// cargo-deny's message if it has no database; any other failure is a finding.
fn is_unreachable(error: &str) -> bool {
    error.contains("failed to fetch advisory database") || error.contains("failed to load advisory database")
}
