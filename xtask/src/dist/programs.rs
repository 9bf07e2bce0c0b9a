//! Builds the programs that are packaged.

use super::contents::Programs;
use crate::{machine, shell, web};
use std::ffi::OsStr;
use std::path::PathBuf;

/// Crates whose programs are packaged.
const CRATES: &[&str] = &["tornadod", "tornado-helper", "tornado-cli", shell::WINDOW];
/// Cargo's profile of published programs.
const PROFILE: &str = "dist";

/// The debug build.
pub fn debug() -> anyhow::Result<Programs> {
    let mut words = vec!["build", "--quiet"];
    words.extend(CRATES.iter().flat_map(|package| ["--package", package]));
    shell::run(shell::cargo(&words))?;
    web::build_window()?;
    Ok(Programs::of(&shell::target_dir(), "debug"))
}

/// Builds programs and the files for browser and window, for publication. Paths of this machine do not get into the
/// programs, so that two builds in different directories are equal. With cargo-auditable, each program contains the
/// list of its crates.
pub fn dist() -> anyhow::Result<Programs> {
    let mut words = Vec::new();
    if shell::has("cargo-auditable") {
        words.push("auditable");
    } else {
        println!("the programs do not contain the list of their crates: cargo-auditable is not installed");
    }
    words.extend(["build", "--locked", "--profile", PROFILE]);
    words.extend(CRATES.iter().flat_map(|package| ["--package", package]));
    // The separator of the variable, so that paths may contain spaces.
    shell::run(shell::cargo(&words).env("CARGO_ENCODED_RUSTFLAGS", remapped().join("\u{1f}")))?;
    web::build()?;
    web::build_window()?;
    Ok(Programs::of(&shell::target_dir(), PROFILE))
}

/// Builds the programs for Windows, in the profile of the others.
pub fn windows(is_debug: bool) -> anyhow::Result<()> {
    machine::target(machine::WINDOWS)?;
    let profile = if is_debug { "dev" } else { PROFILE };
    let mut words = vec!["build", "--locked", "--profile", profile, "--target", machine::WINDOWS];
    words.extend(["--package", "tornado-helper", "--package", "tornado-cli"]);
    let mut cargo = shell::cargo(&words);
    if !is_debug {
        // Without the time of the link, which is part of a program for Windows otherwise.
        let flags = [remapped(), vec!["-Clink-arg=-Wl,--no-insert-timestamp".to_owned()]].concat();
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    }
    shell::run(cargo)
}

/// Options of the compiler that replace paths of this machine.
fn remapped() -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    // Of several prefixes that fit, the compiler takes the last: a directory of builds is usually in the tree.
    let mut flags = vec![remap(shell::root().as_os_str(), "/usr/src/tornado")];
    flags.extend(home.map(|home| remap(home.as_os_str(), "/usr/src/cargo")));
    flags.push(remap(shell::target_dir().as_os_str(), "/usr/src/target"));
    flags
}

fn remap(from: &OsStr, to: &str) -> String {
    format!("--remap-path-prefix={}={to}", from.to_string_lossy())
}
