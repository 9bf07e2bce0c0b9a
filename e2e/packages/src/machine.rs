//! A Debian machine in namespaces of this one, with systemd as its process 1.

use crate::{Files, Release};
use anyhow::{Context as _, bail, ensure};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tornado_e2e_harness::patient;

/// Time limit of a boot, which takes a second on an idle machine.
const BOOT: Duration = Duration::from_secs(30);
/// Time limit of a command on the machine, in seconds. An installation takes ten.
const COMMAND: &str = "240";
/// Time limit of a shutdown. The server's ordered stop has 50 s.
const SHUTDOWN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

/// The network of a machine.
#[derive(Debug, Clone)]
pub enum Network {
    /// Loopback only.
    Separate,
    /// A namespace, as listed by `ip netns`.
    Of(String),
}

/// A machine. Dropping it ends its processes and removes its files.
#[derive(Debug)]
pub struct Machine {
    directory: tempfile::TempDir,
    /// Name of its control group.
    name: String,
    network: Network,
    /// Keeps the mounts of `hold.sh`.
    holder: Child,
    running: Option<Running>,
}

/// A boot.
#[derive(Debug)]
struct Running {
    /// `unshare`, which waits for process 1.
    child: Child,
    /// Process 1 by its number on the host.
    init: u32,
}

impl Machine {
    /// Boots a new machine.
    ///
    /// # Errors
    ///
    /// Fails if the release has no root file system, or if the machine does not start.
    pub fn new(release: Release, network: Network) -> anyhow::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tornado-{}-{number}", std::process::id());
        let directory = tempfile::tempdir()?;
        let mut hold = Command::new("unshare");
        hold.args(["--mount", "sh", "-c", include_str!("hold.sh"), "sh"]).arg(directory.path()).arg(release.image()?);
        let mut holder = hold.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start unshare")?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().context("the holder has no output")?).read_line(&mut line)?;
        let mut machine = Self { directory, name, network, holder, running: None };
        ensure!(line == "up\n", "cannot mount a root file system of {}", release.name());
        std::fs::write(machine.path("etc/hostname"), format!("{}\n", release.name()))?;
        machine.boot()?;
        Ok(machine)
    }

    /// Boots the machine, and waits until systemd has started all units.
    ///
    /// # Errors
    ///
    /// Fails if a unit fails, or if it takes too long.
    pub fn boot(&mut self) -> anyhow::Result<()> {
        ensure!(self.running.is_none(), "the machine is running");
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id()));
        let mut unshare = vec!["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"];
        match &self.network {
            Network::Separate => unshare.push("--net"),
            Network::Of(name) => _ = command.arg(format!("--net=/run/netns/{name}")),
        }
        command.args(unshare).args(["sh", "-c", include_str!("group.sh"), "sh"]);
        command.arg(self.directory.path()).arg(&self.name).arg(include_str!("init.sh"));
        let mut child = command.stdin(Stdio::null()).spawn().context("cannot start nsenter")?;
        let began = Instant::now();
        let init = loop {
            // `nsenter` executes `unshare`, whose only child is process 1.
            let children = format!("/proc/{0}/task/{0}/children", child.id());
            let children = std::fs::read_to_string(children).unwrap_or_default();
            if let Some(init) = children.split_whitespace().next() {
                break init.parse().context("cannot parse a process id")?;
            }
            ensure!(child.try_wait()?.is_none(), "the machine did not start");
            ensure!(began.elapsed() < BOOT, "timed out waiting for process 1");
            std::thread::sleep(PAUSE);
        };
        self.running = Some(Running { child, init });
        // Before, commands would run in the files of the host.
        while std::fs::read_to_string(format!("/proc/{init}/comm"))? != "systemd\n" {
            ensure!(began.elapsed() < patient(BOOT), "timed out waiting for systemd");
            std::thread::sleep(PAUSE);
        }
        loop {
            // Fails until process 1 is systemd with its bus.
            let state = self.output(&["systemctl", "is-system-running"])?;
            let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
            match state.as_str() {
                "running" => return Ok(()),
                "degraded" => bail!("units failed: {}", self.run(&["systemctl", "--failed", "--no-legend"])?),
                _ => ensure!(began.elapsed() < patient(BOOT), "the machine does not complete its boot: '{state}'"),
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Reboots: processes, mounts and, with [`Network::Separate`], the network begin again; files stay.
    ///
    /// # Errors
    ///
    /// As for [`Self::boot`].
    pub fn reboot(&mut self) -> anyhow::Result<()> {
        self.run(&["systemctl", "--no-block", "reboot"])?;
        let mut running = self.running.take().context("the machine is not running")?;
        let began = Instant::now();
        while running.child.try_wait()?.is_none() {
            if began.elapsed() > patient(SHUTDOWN) {
                self.running = Some(running);
                bail!("the machine does not shut down");
            }
            std::thread::sleep(PAUSE);
        }
        self.remove_groups();
        self.boot()
    }

    /// A command on the machine.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", COMMAND, "nsenter"]);
        // Without a running machine, the command fails with a message of `nsenter`.
        command.arg(format!("--target={}", self.running.as_ref().map_or(0, |running| running.init)));
        command.args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--", "env", "--ignore-environment"]);
        command.args(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "TERM=dumb"]);
        command.arg("DEBIAN_FRONTEND=noninteractive").args(words).current_dir("/").stdin(Stdio::null());
        command
    }

    /// Runs a command and returns its result.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be started.
    pub fn output(&self, words: &[&str]) -> anyhow::Result<Output> {
        self.command(words).output().context("cannot start timeout")
    }

    /// Runs a command with an input. Returns its standard output.
    ///
    /// # Errors
    ///
    /// Fails if the command fails.
    pub fn run_with(&self, words: &[&str], input: &str) -> anyhow::Result<String> {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start timeout")?;
        child.stdin.take().context("the command has no input")?.write_all(input.as_bytes())?;
        succeeded(words, &child.wait_with_output()?)
    }

    /// Runs a command. Returns its standard output.
    ///
    /// # Errors
    ///
    /// Fails if the command fails.
    pub fn run(&self, words: &[&str]) -> anyhow::Result<String> {
        succeeded(words, &self.output(words)?)
    }

    /// Installs or upgrades packages with apt, which takes their dependencies from its cache. Returns its output.
    ///
    /// # Errors
    ///
    /// Fails if apt fails.
    pub fn install(&self, packages: &[PathBuf]) -> anyhow::Result<String> {
        let mut words = vec!["apt-get", "install", "--yes", "--no-install-recommends"];
        let mut names = Vec::new();
        for package in packages {
            let name = package.file_name().context("a package has no name")?.to_string_lossy();
            std::fs::copy(package, self.path("root").join(&*name))?;
            names.push(format!("/root/{name}"));
        }
        words.extend(names.iter().map(String::as_str));
        let done = self.run(&words);
        for name in &names {
            std::fs::remove_file(self.path(name.trim_start_matches('/')))?;
        }
        done
    }

    /// The exposure of a unit, as `systemd-analyze security` reports it.
    ///
    /// # Errors
    ///
    /// Fails if it is above the limit, in tenths.
    pub fn exposure(&self, unit: &str, limit: u8) -> anyhow::Result<String> {
        let said = self.run(&["systemd-analyze", "security", "--no-pager", &format!("--threshold={limit}"), unit])?;
        Ok(said.lines().last().unwrap_or_default().to_owned())
    }

    /// Path on the host of a file of this machine, given relative to its root. Absolute symbolic links in it refer to
    /// the host.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.held().join("root").join(relative)
    }

    /// All files of the machine.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be read.
    pub fn files(&self) -> anyhow::Result<Files> {
        Files::below(&self.path(""))
    }

    /// The directory of `hold.sh`, as the holder sees it.
    fn held(&self) -> PathBuf {
        let directory = self.directory.path();
        Path::new("/proc")
            .join(self.holder.id().to_string())
            .join("root")
            .join(directory.strip_prefix("/").unwrap_or(directory))
    }

    /// Removes the control groups of an earlier boot.
    fn remove_groups(&self) {
        remove_empty(&self.held().join("cgroup").join(&self.name));
    }
}

/// Removes directories without processes, the inner ones first. Others stay: a failure here is no failure of a test.
fn remove_empty(directory: &Path) {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_empty(&entry.path());
    }
    drop(std::fs::remove_dir(directory));
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // The kernel kills all processes of a control group at once.
            let all = self.held().join("cgroup").join(&self.name).join("cgroup.kill");
            drop(File::options().write(true).open(all).and_then(|mut file| file.write_all(b"1")));
            drop(running.child.kill());
            drop(running.child.wait());
        }
        // The kernel removes the last processes shortly after.
        for _ in 0..50 {
            self.remove_groups();
            if !self.held().join("cgroup").join(&self.name).exists() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

fn succeeded(words: &[&str], output: &Output) -> anyhow::Result<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    ensure!(
        output.status.success(),
        "'{}' failed with {}: {}\n{}",
        words.join(" "),
        output.status,
        text(&output.stderr),
        text(&output.stdout)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
