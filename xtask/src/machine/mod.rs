//! What this machine must have: Debian packages, toolchain parts, the services' users.

pub mod programs;
mod users;

use crate::shell;
use anyhow::{Context as _, bail};
use programs::Need;
use std::path::Path;
pub use users::{remove_users, users};

/// What a package would start by itself, and shall not: our services start programs of their own, and nothing on the
/// machine speaks to the public Tor network because a test was installed.
const UNITS: &[(&str, &[&str])] = &[
    ("tor", &["tor.service", "tor@default.service"]),
    ("postgresql", &["postgresql.service"]),
    ("redis-server", &["redis-server.service"]),
];

/// Where init scripts ask whether they may start something (invoke-rc.d(8)), on a machine without systemd.
const START_POLICY: &str = "/usr/sbin/policy-rc.d";

/// Toolchain parts that the checks need.
const COMPONENTS: &[&str] = &["rustfmt", "clippy"];

/// The shared model must build for the console and the desktop app.
pub const WASM: &str = "wasm32-unknown-unknown";

/// Words of `cargo xtask install`.
#[derive(clap::Args)]
pub struct Install {
    /// These packages and the users, not the toolchain: how we call ourselves as root, who has no toolchain
    #[arg(long, hide = true, value_name = "PACKAGE", num_args = 0..)]
    system_only: Option<Vec<String>>,
}

impl Install {
    /// Installs all of it that is missing.
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

/// Installs the missing Debian packages of these needs; without root asks sudo for exactly that.
pub fn provide(needs: &[Need]) -> anyhow::Result<()> {
    install(&programs::packages(needs))?;
    let absent = programs::absent(needs);
    if !absent.is_empty() {
        bail!("not on this machine after the installation: {}", absent.join(", "));
    }
    Ok(())
}

/// Adds missing parts of the toolchain. Needs no root.
pub fn toolchain() -> anyhow::Result<()> {
    if !shell::has("rustup") {
        println!("no rustup here: rustfmt, clippy and the target {WASM} must come with the toolchain");
        return Ok(());
    }
    let installed = shell::read(shell::command("rustup", &["component", "list", "--installed"]))?;
    for part in COMPONENTS.iter().filter(|part| !installed.lines().any(|l| l.starts_with(**part))) {
        shell::run(shell::command("rustup", &["component", "add", part]))?;
    }
    let targets = shell::read(shell::command("rustup", &["target", "list", "--installed"]))?;
    if !targets.lines().any(|line| line == WASM) {
        shell::run(shell::command("rustup", &["target", "add", WASM]))?;
    }
    Ok(())
}

/// Installs those of these packages that are missing.
fn install(packages: &[&str]) -> anyhow::Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    if !shell::has("apt-get") {
        bail!("not a Debian: install the equivalents of {}", missing.join(", "));
    }
    println!("installing {}", missing.join(", "));
    if !shell::is_root() {
        return shell::as_root(&[&["install", "--system-only"], missing.as_slice()].concat());
    }
    let apt = |words: &[&str]| {
        let mut command = shell::command("apt-get", words);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        shell::run(command)
    };
    apt(&["update", "--quiet"])?;
    let mut words = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    words.extend(&missing);
    let kept_down = UNITS.iter().filter(|(package, _)| missing.contains(package)).flat_map(|(_, units)| *units);
    let kept_down: Vec<&str> = kept_down.copied().collect();
    without_starting(&kept_down, || apt(&words))
}

/// Installs something whose units stay down, now and at the next boot. Units of a package that is there already are
/// its owner's business.
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
    // The mask goes in any case; what was enabled under it would start at the next boot.
    let unmasked = systemctl(&["unmask", "--quiet", "--runtime"]);
    installed?;
    unmasked?;
    systemctl(&["disable", "--quiet", "--now"])
}

fn without_init_scripts(install: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    // One that is there is its owner's business.
    if Path::new(START_POLICY).exists() {
        return install();
    }
    std::fs::write(START_POLICY, "#!/bin/sh\nexit 101\n").context("cannot forbid init scripts to start anything")?;
    std::fs::set_permissions(START_POLICY, std::fs::Permissions::from_mode(0o755))?;
    let installed = install();
    std::fs::remove_file(START_POLICY)?;
    installed
}

fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let installed = |package: &str| {
        let asked = shell::command("dpkg-query", &["--show", "--showformat=${db:Status-Status}", package]);
        shell::read(asked).is_ok_and(|status| status == "installed")
    };
    packages.iter().copied().filter(|package| !installed(package)).collect()
}
