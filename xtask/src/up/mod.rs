//! `cargo xtask up` and `down`: the server on this machine, installed as a package would install it.

mod files;
mod foreign;
mod forwarding;
mod paths;
mod reason;
mod service;

use crate::machine::programs::Need;
use crate::{machine, shell, web};
use anyhow::Context as _;
use nix::sys::stat::{Mode, umask};
use std::path::Path;

/// Arguments of `cargo xtask up`.
#[derive(clap::Args)]
pub struct Up {
    /// Create and print another invitation
    #[arg(long)]
    invite: bool,
    /// Install what is already built; used when `up` runs itself as root
    #[arg(long, hide = true)]
    no_build: bool,
    /// Install only the console's files for the browser; used when `up` runs itself as root
    #[arg(long, hide = true)]
    console_only: bool,
}

/// Arguments of `cargo xtask down`.
#[derive(clap::Args)]
pub struct Down {
    /// Also remove programs, configuration, keys and all accounts
    #[arg(long)]
    purge: bool,
}

impl Up {
    /// Builds, installs and starts the server, and prints the next steps. An up-to-date installation is not changed.
    pub fn run(self) -> anyhow::Result<()> {
        if shell::is_root() {
            // Services and users must be able to pass through the directories that are created here.
            umask(Mode::from_bits_truncate(0o022));
        }
        if self.console_only {
            return install_console();
        }
        foreign::refuse(Path::new("/"))?;
        machine::provide(&[Need::Server])?;
        if !self.no_build {
            println!("building (the first build takes minutes)");
            let mut build = vec!["build", "--release", "--quiet"];
            build.extend(files::PACKAGES.iter().flat_map(|package| ["--package", package]));
            shell::run(shell::cargo(&build))?;
        }
        if !shell::is_root() {
            let mut words = vec!["up", "--no-build"];
            words.extend(self.invite.then_some("--invite"));
            shell::as_root(&words)?;
            return complete_console();
        }
        machine::users()?;
        let changed = files::install()?;
        for path in &changed {
            println!("installed {path}");
        }
        let (is_ready, is_new) = (service::is_ready()?, changed.iter().any(|path| files::concerns_server(path)));
        match (is_ready, is_new) {
            (true, false) => println!("the server is already running"),
            (true, true) => println!("restarting the server"),
            (false, _) => println!("starting the server"),
        }
        if !is_ready || is_new {
            service::restart()?;
        }
        tell(self.invite || service::is_without_people()?)?;
        if self.no_build { Ok(()) } else { complete_console() }
    }
}

/// Builds and installs the console's files for the browser. This is last, because it takes minutes and the console can
/// be read without them; the server takes them when they exist.
fn complete_console() -> anyhow::Result<()> {
    println!("\ncompleting the console: pages can be read already; live values and dialogs follow in minutes");
    web::build().context("the server is ready, but the console's files for the browser are missing")?;
    if shell::is_root() { install_console() } else { shell::as_root(&["up", "--console-only"]) }
}

fn install_console() -> anyhow::Result<()> {
    let is_changed = files::install_console()?;
    println!("{}", if is_changed { "the console is complete" } else { "the console was already complete" });
    Ok(())
}

impl Down {
    /// Stops the server. With `--purge` it also removes the installation.
    pub fn run(self) -> anyhow::Result<()> {
        if !shell::is_root() {
            let mut words = vec!["down"];
            words.extend(self.purge.then_some("--purge"));
            return shell::as_root(&words);
        }
        println!("{}", if service::stop()? { "stopped the server" } else { "the server was not running" });
        if self.purge {
            for key in forwarding::give_back(Path::new(paths::STATE), Path::new("/proc/sys")) {
                println!("switched off {key}");
            }
            let (removed, others) = files::purge()?;
            for path in removed {
                println!("removed {path}");
            }
            for path in others {
                println!("kept {path}, which does not belong to this server");
            }
            machine::remove_users()?;
        }
        Ok(())
    }
}

/// Prints the next steps: the set-up link if there is no operator, and an invitation for the first device.
fn tell(invite: bool) -> anyhow::Result<()> {
    println!("\nthe server is ready; see `tornadod status`");
    match service::setup_link()? {
        Some(link) => println!("\ncreate the first operator with this one-time link:\n  {link}"),
        None => println!("\nthe console already has an operator"),
    }
    if invite {
        // This fails while the machine has no address; the server is ready nevertheless.
        match service::ask(&["invite", "create"]) {
            Ok(answer) => {
                let link = answer["link"].as_str().context("the response has no link")?;
                println!("\ninvite a device:\n  {link}");
                files::note_invitation()?;
                println!("on the device, run: tornado enroll 'LINK', then: tornado connect");
            }
            Err(error) => {
                println!("\ncannot create an invitation yet: {error:#}");
                println!("  set 'host' in [server] in {}, then run: cargo xtask up --invite", paths::CONFIG);
            }
        }
    } else {
        println!("to create another invitation: tornadod invite create");
    }
    Ok(())
}
