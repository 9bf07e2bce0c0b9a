//! Requirements of this machine: Debian packages, toolchain components, the services' users.

pub mod programs;
mod users;

use crate::shell;
use anyhow::{Context as _, bail};
use programs::Need;
use std::collections::BTreeSet;
use std::path::Path;
pub use users::{remove_users, users};

/// Units that a package would start, and that must stay stopped: our services start their own processes, and no program
/// may contact the public Tor network because a test was installed.
const UNITS: &[(&str, &[&str])] = &[
    ("tor", &["tor.service", "tor@default.service"]),
    ("postgresql", &["postgresql.service"]),
    ("redis-server", &["redis-server.service"]),
    ("nginx-light", &["nginx.service"]),
    ("caddy", &["caddy.service"]),
    ("prometheus", &["prometheus.service", "prometheus-node-exporter.service"]),
];

/// The policy file that init scripts consult before they start a service, on a machine without systemd
/// (invoke-rc.d(8)).
const START_POLICY: &str = "/usr/sbin/policy-rc.d";

/// Toolchain components that the checks need.
const COMPONENTS: &[&str] = &["rustfmt", "clippy"];

/// Target of the shared model, which must build for the console and the desktop app.
pub const WASM: &str = "wasm32-unknown-unknown";

/// Target of the client for Windows.
pub const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// Arguments of `cargo xtask install`.
#[derive(clap::Args)]
pub struct Install {
    /// Only these packages and the users, without the toolchain; used when this program runs itself as root
    #[arg(long, hide = true, value_name = "PACKAGE", num_args = 0..)]
    system_only: Option<Vec<String>>,
}

impl Install {
    /// Installs everything that is missing.
    pub fn run(self) -> anyhow::Result<()> {
        match self.system_only {
            Some(packages) => install(&packages.iter().map(String::as_str).collect::<Vec<_>>())?,
            None => {
                toolchain()?;
                provide(&[Need::Server, Need::Test, Need::Cluster])?;
            }
        }
        users()
    }
}

/// Installs missing Debian packages of these needs. Without root it runs exactly that with sudo.
pub fn provide(needs: &[Need]) -> anyhow::Result<()> {
    install(&programs::packages(needs))?;
    let absent = programs::absent(needs);
    if !absent.is_empty() {
        bail!("still missing after the installation: {}", absent.join(", "));
    }
    Ok(())
}

/// Adds missing toolchain components. Does not need root.
pub fn toolchain() -> anyhow::Result<()> {
    if !shell::has("rustup") {
        println!("rustup is not installed: rustfmt, clippy and the target {WASM} must be part of the toolchain");
        return Ok(());
    }
    let installed = shell::read(shell::command("rustup", &["component", "list", "--installed"]))?;
    for part in COMPONENTS.iter().filter(|part| !installed.lines().any(|l| l.starts_with(**part))) {
        shell::run(shell::command("rustup", &["component", "add", part]))?;
    }
    web_target()
}

/// Adds the standard library for the browser, if rustup manages the toolchain. Without rustup, `xtask/web` reports
/// whether it is missing.
pub fn web_target() -> anyhow::Result<()> {
    target(WASM)
}

/// Adds the standard library for a target, if rustup manages the toolchain.
pub fn target(target: &str) -> anyhow::Result<()> {
    if !shell::has("rustup") {
        return Ok(());
    }
    let targets = shell::read(shell::command("rustup", &["target", "list", "--installed"]))?;
    if !targets.lines().any(|line| line == target) {
        shell::run(shell::command("rustup", &["target", "add", target]))?;
    }
    Ok(())
}

/// Installs the missing ones of these packages.
fn install(packages: &[&str]) -> anyhow::Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    if !shell::has("apt-get") {
        bail!("this is not Debian; install the equivalents of {}", missing.join(", "));
    }
    println!("installing {}", missing.join(", "));
    if !shell::is_root() {
        return shell::as_root(&[&["install", "--system-only"], missing.as_slice()].concat());
    }
    let apt = |words: &[&str]| shell::run(shell::command("apt-get", words).env("DEBIAN_FRONTEND", "noninteractive"));
    apt(&["update", "--quiet"])?;
    let mut words = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    words.extend(&missing);
    let kept_down = UNITS.iter().filter(|(package, _)| missing.contains(package)).flat_map(|(_, units)| *units);
    let kept_down: Vec<&str> = kept_down.copied().collect();
    without_starting(&kept_down, || apt(&words))
}

/// Runs an installation whose units stay stopped, now and after a reboot. Units of a package that was already installed
/// are left alone.
fn without_starting(units: &[&str], install: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    if units.is_empty() {
        return install();
    }
    if !Path::new("/run/systemd/system").is_dir() {
        return without_init_scripts(install);
    }
    let systemctl = |words: &[&str]| shell::run(shell::command("systemctl", &[words, units].concat()));
    systemctl(&["mask", "--quiet", "--runtime"])?;
    let installed = install();
    // The mask is removed in any case. Units that were enabled while masked would start at the next boot, so they are
    // disabled.
    let unmasked = systemctl(&["unmask", "--quiet", "--runtime"]);
    installed?;
    unmasked?;
    systemctl(&["disable", "--quiet", "--now"])
}

fn without_init_scripts(install: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    // An existing policy is not ours and stays.
    if Path::new(START_POLICY).exists() {
        return install();
    }
    std::fs::write(START_POLICY, "#!/bin/sh\nexit 101\n")
        .context("cannot write the policy that prevents init scripts from starting services")?;
    std::fs::set_permissions(START_POLICY, std::fs::Permissions::from_mode(0o755))?;
    let installed = install();
    std::fs::remove_file(START_POLICY)?;
    installed
}

/// The packages that are not installed. A package that an installed one provides and replaces is not missing: the
/// `nodejs` of its makers has `npm` in it, and conflicts with Debian's.
fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    const FORMAT: &str = "--showformat=${db:Status-Status}\t${Package}\t${Provides}\n";
    let listed = shell::read(shell::command("dpkg-query", &["--show", FORMAT])).unwrap_or_default();
    let installed = installed(&listed);
    packages.iter().copied().filter(|package| !installed.contains(package)).collect()
}

/// Names of installed packages, and those that they provide, from lines of status, name and provided names.
fn installed(listed: &str) -> BTreeSet<&str> {
    let lines = listed.lines().filter_map(|line| line.strip_prefix("installed\t"));
    // A provided name may have a version: `npm (= 9.2.0)`.
    let names = lines.flat_map(|line| line.split(['\t', ',']));
    names.filter_map(|name| name.split_whitespace().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provided_package_is_installed() {
        let listed = "installed\ttor\t\nconfig-files\tnginx\thttpd\ninstalled\tnodejs\tnodejs-dev, npm (= 9.2.0)\n";
        assert_eq!(installed(listed).into_iter().collect::<Vec<_>>(), ["nodejs", "nodejs-dev", "npm", "tor"]);
    }
}
