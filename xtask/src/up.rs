//! `cargo xtask up` and `down`: the server on this machine, as a package would install it.

mod files;
mod foreign;
mod forwarding;
mod reason;
mod service;

use crate::machine::programs::Need;
use crate::{machine, shell};
use anyhow::Context as _;
use std::path::Path;

/// Words of `cargo xtask up`.
#[derive(clap::Args)]
pub struct Up {
    /// Makes and prints another invitation
    #[arg(long)]
    invite: bool,
    /// Installs what is built already: how `up` calls itself as root
    #[arg(long, hide = true)]
    no_build: bool,
}

/// Words of `cargo xtask down`.
#[derive(clap::Args)]
pub struct Down {
    /// Also removes programs, configuration, keys and every account
    #[arg(long)]
    purge: bool,
}

impl Up {
    /// Builds, installs, starts, and says what to do next. What is there already is left alone.
    pub fn run(self) -> anyhow::Result<()> {
        foreign::refuse(Path::new("/"))?;
        machine::provide(&[Need::Server])?;
        if !self.no_build {
            println!("building (the first time takes minutes)");
            let mut build = vec!["build", "--release", "--quiet"];
            build.extend(files::PACKAGES.iter().flat_map(|package| ["--package", package]));
            shell::run(shell::cargo(&build))?;
        }
        if !shell::is_root() {
            let mut words = vec!["up", "--no-build"];
            words.extend(self.invite.then_some("--invite"));
            return shell::as_root(&words);
        }
        // Services and users pass through the directories that are made here.
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
        machine::users()?;
        let changed = files::install()?;
        for path in &changed {
            println!("installed {path}");
        }
        let (is_ready, is_new) = (service::is_ready()?, changed.iter().any(|path| files::concerns_server(path)));
        match (is_ready, is_new) {
            (true, false) => println!("the server runs already"),
            (true, true) => println!("restarting the server"),
            (false, _) => println!("starting the server"),
        }
        if !is_ready || is_new {
            service::restart()?;
        }
        tell(self.invite || service::is_without_people()?)
    }
}

impl Down {
    /// Stops the server; with `--purge` nothing of it stays.
    pub fn run(self) -> anyhow::Result<()> {
        if !shell::is_root() {
            let mut words = vec!["down"];
            words.extend(self.purge.then_some("--purge"));
            return shell::as_root(&words);
        }
        println!("{}", if service::stop()? { "the server is stopped" } else { "the server did not run" });
        if self.purge {
            for key in forwarding::give_back(Path::new(files::STATE), Path::new("/proc/sys")) {
                println!("switched off {key}");
            }
            let (removed, others) = files::purge()?;
            for path in removed {
                println!("removed {path}");
            }
            for path in others {
                println!("left {path}, which is not of this server");
            }
            machine::remove_users()?;
        }
        Ok(())
    }
}

/// The next steps: set-up link while there is no operator, an invitation for the first device.
fn tell(invite: bool) -> anyhow::Result<()> {
    println!("\nthe server is ready: tornadod status");
    match service::setup_link()? {
        Some(link) => println!("\nmake the first operator, once:\n  {link}"),
        None => println!("\nthe console has its operator"),
    }
    if invite {
        // Refused while this machine has no address; the server is ready all the same.
        match service::ask(&["invite", "create"]) {
            Ok(answer) => {
                let link = answer["link"].as_str().context("the server's answer holds no link")?;
                println!("\ninvite a device:\n  {link}");
                files::note_invitation()?;
                println!("on the device: tornado enroll 'LINK', then tornado connect");
            }
            Err(error) => {
                println!("\nthere is no invitation yet: {error:#}");
                println!("  Set 'host' under [server] in {}, then: cargo xtask up --invite", files::CONFIG);
            }
        }
    } else {
        println!("another invitation: tornadod invite create");
    }
    Ok(())
}
