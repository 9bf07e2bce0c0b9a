//! Runs other programs.

use anyhow::{Context as _, bail};
use std::borrow::BorrowMut;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// The package of the window's program. It needs libraries of a desktop and many crates, so only the suites `desktop`
/// and `packages` build it.
pub const WINDOW: &str = "tornado-gui";

/// The root of the tree.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The directory that all builds share.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A command that runs in the root of the tree.
pub fn command(program: impl AsRef<OsStr>, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words).current_dir(root());
    command
}

/// A command for the cargo that runs this program.
pub fn cargo(words: &[&str]) -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), words);
    // Remove variables that the outer cargo set for this package. Build scripts that depend on them (ring's) would run
    // again, and rebuild half of the dependencies, after every build without xtask.
    let of_package = |name: &OsString| {
        name.to_str().is_some_and(|n| n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST_"))
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| of_package(name)) {
        cargo.env_remove(name);
    }
    cargo
}

/// Runs a command with inherited outputs. Fails if the command fails.
pub fn run(mut command: impl BorrowMut<Command>) -> anyhow::Result<()> {
    let command = command.borrow_mut();
    let line = line(command);
    let status = command.status().with_context(|| format!("cannot start '{line}'"))?;
    if !status.success() {
        bail!("'{line}' failed with {status}");
    }
    Ok(())
}

/// Runs a command and returns its standard output. If it fails, the error contains its standard error.
pub fn read(mut command: impl BorrowMut<Command>) -> anyhow::Result<String> {
    let command = command.borrow_mut();
    let line = line(command);
    let output = command.output().with_context(|| format!("cannot start '{line}'"))?;
    if !output.status.success() {
        bail!("'{line}' failed with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The path of a program with this name in the search path or a system directory.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(system).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// The library that gives a program another clock, libfaketime.
pub fn faketime() -> Option<PathBuf> {
    let directories = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let mut paths = directories.map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    paths.find(|path| path.is_file())
}

/// Returns true if a program with this name exists.
pub fn has(program: &str) -> bool {
    find(program).is_some()
}

/// The package `NAME_….deb` in a directory.
pub fn package_in(directory: &Path, name: &str) -> Option<PathBuf> {
    let paths = std::fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "deb"))
        .find(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&format!("{name}_"))))
}

/// Returns true if this process runs as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Runs this program as root with other arguments. Fails if that fails.
pub fn as_root(words: &[&str]) -> anyhow::Result<()> {
    let status = own_as_root(words)?;
    if !status.success() {
        bail!("'xtask {}' failed as root with {status}", words.join(" "));
    }
    Ok(())
}

/// Runs this program as root with other arguments. Returns the exit status.
pub fn own_as_root(words: &[impl AsRef<OsStr>]) -> anyhow::Result<ExitStatus> {
    let own = std::env::current_exe().context("cannot find the executable of this program")?;
    let mut command = if is_root() {
        command(own, &[])
    } else if has("sudo") {
        let mut sudo = command("sudo", &["--", "env"]);
        // sudo clears the environment, including the target directory.
        let mut built = OsString::from("CARGO_TARGET_DIR=");
        built.push(target_dir());
        sudo.arg(built).arg(own);
        sudo
    } else {
        bail!("this needs root, and sudo is not installed; run it as root");
    };
    command.args(words).status().context("cannot start this program as root")
}

fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|w| w.to_string_lossy()));
    words.join(" ")
}

/// Returns true if the machine was booted with systemd, sd_booted(3).
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}
