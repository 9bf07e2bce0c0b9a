//! Running other programs.

use anyhow::{Context as _, bail};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// The top of the tree.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The directory all builds share.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A command that runs at the top of the tree.
pub fn command(program: impl AsRef<OsStr>, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words).current_dir(root());
    command
}

/// The cargo that runs us.
pub fn cargo(words: &[&str]) -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), words);
    // What the cargo that runs us set for this package. Build scripts that look at it (ring's) would run again, and half of
    // the dependencies with them, after each build that was not made by us.
    let of_package = |name: &OsString| {
        name.to_str().is_some_and(|n| n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST_"))
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| of_package(name)) {
        cargo.env_remove(name);
    }
    cargo
}

/// Runs it; fails if it fails. Its outputs are ours.
pub fn run(mut command: Command) -> anyhow::Result<()> {
    let line = line(&command);
    let status = command.status().with_context(|| format!("cannot start '{line}'"))?;
    if !status.success() {
        bail!("'{line}' ended with {status}");
    }
    Ok(())
}

/// Runs it and returns its standard output; fails, with its standard error, if it fails.
pub fn read(mut command: Command) -> anyhow::Result<String> {
    let line = line(&command);
    let output = command.output().with_context(|| format!("cannot start '{line}'"))?;
    if !output.status.success() {
        bail!("'{line}' ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// True when a program of this name can be started.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|dir| dir.join(program).is_file())
}

/// True when we may do what only root may.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Runs ourselves again with other words, as root; fails if that fails.
pub fn as_root(words: &[&str]) -> anyhow::Result<()> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let status = own_as_root(&words)?;
    if !status.success() {
        bail!("'xtask {}' as root ended with {status}", words.join(" "));
    }
    Ok(())
}

/// Runs ourselves again with other words, as root.
pub fn own_as_root(words: &[String]) -> anyhow::Result<ExitStatus> {
    let own = std::env::current_exe().context("cannot find myself")?;
    let mut command = if is_root() {
        command(own, &[])
    } else if has("sudo") {
        let mut sudo = command("sudo", &["--", "env"]);
        // sudo clears the environment, and with it where we build.
        let mut built = OsString::from("CARGO_TARGET_DIR=");
        built.push(target_dir());
        sudo.arg(built).arg(own);
        sudo
    } else {
        bail!("this needs root, and there is no sudo here: run it as root");
    };
    command.args(words).status().context("cannot run as root")
}

fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|w| w.to_string_lossy()));
    words.join(" ")
}
