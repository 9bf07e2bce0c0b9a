//! The part `lint`: formatting, compiler lints, the shared model on wasm32, licences, imports between crates, cycles
//! between modules, unsafe code, links in the documentation, the tree, texts.

mod calls;
mod clocks;
mod cycles;
mod dependencies;
mod imports;
mod links;
mod references;
mod safety;
mod texts;
mod tree;

use super::build::Built;
use super::tally::Tally;
use crate::machine;
use crate::shell::{self, WINDOW};
use anyhow::{Context as _, bail};
use std::process::Command;

/// Runs all checks, even if one fails. Compiler lints come from the build, if there was one. `all` also checks
/// advisories, which needs the network.
pub fn run(built: Option<&Built>, all: bool) -> Tally {
    let mut tally = Tally::default();
    tally.add(step("format", shell::cargo(&["fmt", "--all", "--check"])));
    tally.add(without_build());
    tally.add(counted("imports between crates", imports::check()));
    tally.add(match built {
        Some(built) => found_in(built),
        None => step("clippy", shell::cargo(CLIPPY)),
    });
    tally.add(match links::check() {
        Ok(()) => passed("links in the documentation"),
        Err(error) => failed("links in the documentation", &error),
    });
    let wasm = [
        "check",
        "--quiet",
        "--package",
        "tornado-shared",
        "--package",
        "tornado-admin-api",
        "--target",
        machine::WASM,
    ];
    tally.add(step("shared on wasm32", shell::cargo(&wasm)));
    tally.add(counted("packages with licences and sources", dependencies::check()));
    if all {
        tally.add(cargo_deny());
    }
    tally
}

/// Used if there was no build.
const CLIPPY: &[&str] =
    &["clippy", "--quiet", "--keep-going", "--workspace", "--exclude", WINDOW, "--all-targets", "--", "-D", "warnings"];

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
    Tally::ONE_PASSED
}

fn failed(name: &str, error: &anyhow::Error) -> Tally {
    println!("  {name}: FAILED: {error:#}");
    Tally::ONE_FAILED
}

fn counted(name: &str, count: anyhow::Result<usize>) -> Tally {
    match count {
        Ok(count) => passed(&format!("{count} {name}")),
        Err(error) => failed(name, &error),
    }
}

/// Names of the files that git tracks, or that are new, as `pattern` selects them.
fn files(pattern: &str) -> anyhow::Result<Vec<String>> {
    let list = shell::command("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard", pattern]);
    let names = shell::read(list).context("cannot list the files that git tracks")?;
    // A file may be deleted but still be tracked.
    let exists = |name: &&str| shell::root().join(name).is_file();
    Ok(names.split_terminator('\0').filter(exists).map(str::to_owned).collect())
}

/// Fails with all findings.
fn none(findings: &[String]) -> anyhow::Result<()> {
    if !findings.is_empty() {
        bail!("{} findings:\n    {}", findings.len(), findings.join("\n    "));
    }
    Ok(())
}

fn cycles_check() -> anyhow::Result<usize> {
    let files = files("*.rs")?;
    let (modules, cycles) = cycles::check(&files.iter().map(String::as_str).collect::<Vec<_>>())?;
    none(&cycles)?;
    Ok(modules)
}

fn documents_check() -> anyhow::Result<usize> {
    let (documents, manifests) = (files("*.md")?, files("*Cargo.toml")?);
    let mut findings = Vec::new();
    for path in &documents {
        let text = std::fs::read_to_string(shell::root().join(path))?;
        findings.extend(texts::words(path, &text));
        findings.extend(texts::wide(path, &text));
        findings.extend(texts::names(&shell::root(), path, &text));
        if path == "docs/project_structure.md" {
            findings.extend(texts::drawing(&text, &manifests.iter().map(String::as_str).collect::<Vec<_>>()));
        }
    }
    for path in files("*.toml")? {
        findings.extend(texts::wide(&path, &std::fs::read_to_string(shell::root().join(&path))?));
    }
    none(&findings)?;
    Ok(documents.len())
}

fn safety_check() -> anyhow::Result<usize> {
    let files = files("*.rs")?;
    none(&safety::check(&shell::root(), &files)?)?;
    Ok(files.len())
}

/// `cargo xtask lint-tree`: without a build.
pub fn without_build() -> Tally {
    let mut tally = tree_check();
    tally.add(counted("modules without cycles", cycles_check()));
    tally.add(counted("files without unnecessary unsafe code", safety_check()));
    tally.add(counted("documents", documents_check()));
    tally.add(counted("links between documents", references::check(&shell::root())));
    tally
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
            tally.add(Tally::ONE_SKIPPED);
        }
        Err(error) => tally.add(failed("advisories", &error)),
    }
    tally
}

/// cargo-deny's message if it has no database; any other failure is a finding.
fn is_unreachable(error: &str) -> bool {
    error.contains("failed to fetch advisory database") || error.contains("failed to load advisory database")
}
