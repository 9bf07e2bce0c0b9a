//! A display without a screen: X server, window manager and session bus, each in its own process group.

use anyhow::{Context as _, bail};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// A process whose group ends with this value.
#[derive(Debug)]
pub struct Group(Child);

impl Group {
    /// Starts a command in its own process group.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.process_group(0).stdin(Stdio::null()).spawn();
        Ok(Self(child.with_context(|| format!("cannot start {}", command.get_program().display()))?))
    }

    /// The first line that it writes to its standard output.
    fn line(&mut self) -> anyhow::Result<String> {
        let output = self.0.stdout.take().context("the output is not a pipe")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.trim().is_empty() {
            bail!("the program ended without a line of output");
        }
        Ok(line.trim().to_owned())
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // An error means that the group has ended.
        drop(Command::new("kill").args(["-KILL", "--", &format!("-{}", self.0.id())]).status());
        drop(self.0.wait());
    }
}

/// The display.
#[derive(Debug)]
pub struct Display {
    name: String,
    bus: String,
    // In the order in which they end.
    _groups: [Group; 3],
}

impl Display {
    /// Starts the programs.
    ///
    /// # Errors
    ///
    /// One of them does not start.
    pub fn up() -> anyhow::Result<Self> {
        let mut server = Group::start(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp", "-noreset"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        )?;
        let name = format!(":{}", server.line().context("the X server has no display")?);
        let mut bus = Group::start(
            Command::new("dbus-daemon")
                .args(["--session", "--nofork", "--nopidfile", "--print-address"])
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        )?;
        let address = bus.line().context("the session bus has no address")?;
        let manager = Group::start(
            Command::new("openbox")
                .arg("--sm-disable")
                .env("DISPLAY", &name)
                .env("DBUS_SESSION_BUS_ADDRESS", &address)
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        Ok(Self { name, bus: address, _groups: [manager, bus, server] })
    }

    /// Sets the variables by which a program finds the display.
    pub fn dress<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("DISPLAY", &self.name).env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
    }
}
